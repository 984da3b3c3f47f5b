/* SPDX-License-Identifier: MIT */
/* Who may ask and how much: the token, the keys, their limits. */
#include "gateway_fixture.h"
#include "fs/door_http/key_file.h"
#include "fs/door_http/usage.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#define ANSWER                                                                                               \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 51\r\n\r\n"                        \
    "{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}"

/* In place of the C library's: the clock of the day is what somebody may set. */
static time_t set_forward; /* seconds */

int clock_gettime(clockid_t id, struct timespec *ts)
{
    int rc = (int)syscall(SYS_clock_gettime, id, ts);

    if (rc == 0 && id == CLOCK_REALTIME)
        ts->tv_sec += set_forward;
    return rc;
}

static struct key ann = { .id = "0000000a", .name = "ann", .email = "" };

static void write_key(const char *secret)
{
    struct key_list keys = { &ann, 1 };
    char *path = key_file_path(rig.house->cfg);
    struct err e;

    secret_hash(secret, ann.hash);
    if (key_file_write(path, &keys, &e) < 0)
        fail_msg("%s", e.text);
    free(path);
}

static void ask_as(struct peer *c, const char *secret)
{
    char *text = xasprintf("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                           "%s\r\nContent-Length: %zu\r\n\r\n%s",
                           secret, strlen(QUESTION), QUESTION);

    say(c, text);
    free(text);
}

/* The status of GET /v1/models with this key, which changes nothing. */
static int look_as(const char *secret)
{
    struct peer *c = client();
    char *text = xasprintf("GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nx-api-key: "
                           "%s\r\n\r\n",
                           secret);
    say(c, text);
    free(text);
    UNTIL(c->eof);
    int status = atoi(c->in.data + 9);
    drop_peer(c);
    return status;
}

static void answered(struct peer *c, const char *secret)
{
    ask_as(c, secret);
    UNTIL(question());
    answer(question(), ANSWER);
    UNTIL(has(c, "completion_tokens"));
    buf_reset(&c->in);
}

static void refused(struct peer *c, const char *secret, const char *status, const char *text)
{
    ask_as(c, secret);
    UNTIL(has(c, "\"code\":"));
    if (strncmp(c->in.data + 9, status, 3) != 0 || !has(c, text))
        fail_msg("%s", c->in.data);
    buf_reset(&c->in);
}

static void the_token_and_a_key_get_in(void **state)
{
    struct peer *c = client();

    (void)state;
    write_key("sk-ann");
    assert_int_equal(look_as("geheim"), 200);
    assert_int_equal(look_as("geheim2"), 401);
    assert_int_equal(look_as("gehei"), 401);
    assert_int_equal(look_as(""), 401);
    UNTIL(look_as("sk-ann") == 200); /* the file is looked at once a second */
    get(c, "/v1/models");
    UNTIL(c->eof);
    assert_true(has(c, "HTTP/1.1 401 ") && has(c, "WWW-Authenticate: Bearer"));
    write_key("sk-new");
    UNTIL(look_as("sk-ann") == 401);
    assert_int_equal(look_as("sk-new"), 200);
    assert_string_equal(rig.house->token, "geheim");
}

static void a_file_that_is_damaged_or_open_lets_no_key_in(void **state)
{
    char *path = key_file_path(rig.house->cfg);

    (void)state;
    write_key("sk-ann");
    UNTIL(look_as("sk-ann") == 200);
    assert_int_equal(chmod(path, 0644), 0);
    UNTIL(look_as("sk-ann") == 401);
    assert_int_equal(chmod(path, 0600), 0);
    UNTIL(look_as("sk-ann") == 200);
    assert_int_equal(truncate(path, 20), 0);
    UNTIL(look_as("sk-ann") == 401);
    assert_int_equal(look_as("geheim"), 200);
    free(path);
}

static void limits_are_kept(void **state)
{
    struct peer *c = client(), *d = client();

    (void)state;
    ann.limits = (struct key_limits){ .concurrent = 1 };
    write_key("sk-ann");
    UNTIL(look_as("sk-ann") == 200);
    ask_as(c, "sk-ann");
    UNTIL(question());
    refused(d, "sk-ann", "429", "limit of 1 requests at the same time");
    answer(question(), ANSWER);
    UNTIL(has(c, "completion_tokens"));
    buf_reset(&c->in);
    answered(d, "sk-ann");

    ann.limits = (struct key_limits){ .requests_per_minute = 3 }; /* two were answered */
    write_key("sk-b");
    UNTIL(look_as("sk-b") == 200);
    answered(c, "sk-b");
    refused(c, "sk-b", "429", "Retry-After: ");
    answered(d, "geheim");

    ann.limits = (struct key_limits){ .tokens_per_minute = 22 }; /* three took 21 */
    write_key("sk-c");
    UNTIL(look_as("sk-c") == 200);
    answered(c, "sk-c");
    refused(c, "sk-c", "429", "tokens a minute");

    ann.limits = (struct key_limits){ .tokens_per_day = 28 };
    write_key("sk-d");
    UNTIL(look_as("sk-d") == 200);
    refused(c, "sk-d", "429", "limit of 28 tokens a day");

    ann.limits = (struct key_limits){ .requests_per_day = 4 };
    write_key("sk-e");
    UNTIL(look_as("sk-e") == 200);
    refused(c, "sk-e", "429", "requests a day");
    ann.limits = (struct key_limits){ 0 };
}

static void a_client_that_leaves_frees_its_place(void **state)
{
    struct peer *c = client();

    (void)state;
    ann.limits = (struct key_limits){ .concurrent = 1 };
    write_key("sk-ann");
    UNTIL(look_as("sk-ann") == 200);
    ask_as(c, "sk-ann");
    UNTIL(question());
    drop_peer(c);
    UNTIL(active() == 0);
    drop_peer(question());
    c = client();
    answered(c, "sk-ann");
    ann.limits = (struct key_limits){ 0 };
}

static void models_and_expiry_are_kept(void **state)
{
    char *models[] = { "elsewhere", NULL };
    struct peer *c = client();

    (void)state;
    ann.models = (struct strings){ models, 1 };
    write_key("sk-ann");
    UNTIL(look_as("sk-ann") == 200);
    refused(c, "sk-ann", "403", "may not use the model");
    say(c, "GET /parrot/props HTTP/1.1\r\nHost: localhost\r\nx-api-key: sk-ann\r\n\r\n");
    UNTIL(has(c, "\"code\":"));
    assert_false(has(c, "HTTP/1.1 200") || has(c, "X-Slullama-State"));
    buf_reset(&c->in);
    say(c, "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nx-api-key: sk-ann\r\n\r\n");
    UNTIL(has(c, "}\n"));
    assert_false(has(c, "parrot"));
    assert_null(model_job(rig.house->models[0]));
    ann.models = (struct strings){ 0 };
    ann.expires = wall_now().tv_sec - 1;
    write_key("sk-b");
    UNTIL(look_as("sk-ann") == 401);
    assert_int_equal(look_as("sk-b"), 401);
    ann.expires = 0;
}

static void a_clock_that_jumps_moves_days_and_expiry_alone(void **state)
{
    const time_t day = 24 * 3600;
    struct peer *c = client();

    (void)state;
    ann.limits = (struct key_limits){ .requests_per_minute = 2 };
    write_key("sk-minute");
    UNTIL(look_as("sk-minute") == 200);
    answered(c, "sk-minute");
    ask_as(c, "sk-minute"); /* under way while the clock is set */
    UNTIL(question());
    set_forward = 400 * day;
    answer(question(), ANSWER);
    UNTIL(has(c, "completion_tokens"));
    buf_reset(&c->in);
    refused(c, "sk-minute", "429", "2 requests a minute");
    set_forward = -400 * day;
    refused(c, "sk-minute", "429", "2 requests a minute");

    set_forward = 0;
    ann.limits = (struct key_limits){ .requests_per_day = 2 };
    ann.expires = wall_now().tv_sec + 2 * day;
    write_key("sk-day");
    UNTIL(look_as("sk-day") == 200);
    refused(c, "sk-day", "429", "2 requests a day");
    set_forward = day;
    answered(c, "sk-day");
    set_forward = -day;
    answered(c, "sk-day");
    set_forward = 0;
    refused(c, "sk-day", "429", "2 requests a day");
    set_forward = 3 * day;
    assert_int_equal(look_as("sk-day"), 401);
    set_forward = 0;
    assert_int_equal(look_as("sk-day"), 200);
    ann.expires = 0;
    ann.limits = (struct key_limits){ 0 };
}

static void usage_is_counted_and_kept(void **state)
{
    struct peer *c = client();
    char *path = xasprintf("%s/usage.json", rig.house->state_dir);
    json_t *days;

    (void)state;
    write_key("sk-ann");
    UNTIL(look_as("sk-ann") == 200);
    answered(c, "sk-ann");
    struct buf text = { 0 };
    rig.house->door_figures(rig.house->door_figures_arg, &text);
    assert_non_null(strstr(text.data, "requests_total{model=\"parrot\",key=\"ann\",code=\"200\"} 1\n"));
    assert_non_null(strstr(text.data, "tokens_total{model=\"parrot\",key=\"ann\",kind=\"completion\"} 4\n"));
    assert_non_null(strstr(text.data, "first_byte_seconds_count{model=\"parrot\"} 1\n"));
    buf_free(&text);
    gateway_destroy(rig.gateway);
    rig.gateway = NULL;
    assert_int_equal(usage_read(path, &days, NULL), 0);
    assert_int_equal(json_object_size(days), 1);
    const json_t *row = json_object_get(json_object_iter_value(json_object_iter(days)), "0000000a");
    assert_int_equal(json_integer_value(json_object_get(row, "requests")), 1);
    assert_int_equal(json_integer_value(json_object_get(row, "prompt_tokens")), 3);
    assert_int_equal(json_integer_value(json_object_get(row, "completion_tokens")), 4);
    json_decref(days);

    struct usage *u = usage_create(&rig.loop, path);
    assert_int_equal(usage_today(u, "0000000a").requests, 1);
    usage_destroy(u);
    assert_int_equal(truncate(path, 10), 0);
    u = usage_create(&rig.loop, path);
    assert_int_equal(usage_today(u, "0000000a").requests, 0);
    usage_destroy(u);
    char *aside = xasprintf("%s.damaged", path);
    assert_int_equal(access(aside, F_OK), 0);
    free(aside);
    free(path);
}

static void a_preflight_needs_no_token(void **state)
{
    struct peer *c = client(), *d = client();

    (void)state;
    say(c, "OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nOrigin: https://chat.example.org\r\n"
           "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n\r\n");
    UNTIL(has(c, "\r\n\r\n"));
    assert_true(has(c, "HTTP/1.1 200 ") &&
                has(c, "Access-Control-Allow-Origin: https://chat.example.org\r\n"));
    assert_true(has(c, "Access-Control-Allow-Headers: authorization\r\n"));
    say(d, "OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example.org\r\n"
           "Access-Control-Request-Method: POST\r\n\r\n");
    UNTIL(d->eof);
    assert_true(has(d, "HTTP/1.1 403 "));
    assert_false(has(d, "Access-Control"));
    buf_reset(&c->in);
    say(c, "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nOrigin: https://chat.example.org\r\n\r\n");
    UNTIL(c->eof);
    assert_true(has(c, "HTTP/1.1 401 ") &&
                has(c, "Access-Control-Allow-Origin: https://chat.example.org\r\n"));
}

static void holders_of_keys_take_turns(void **state)
{
    struct peer *much[3], *one = client();

    (void)state;
    ann.limits = (struct key_limits){ 0 };
    write_key("sk-ann");
    UNTIL(look_as("sk-ann") == 200);
    for (int i = 0; i < 3; i++) {
        ask_as(much[i] = client(), "sk-ann");
        UNTIL(question() && waiting() == i);
    }
    ask_as(one, "geheim");
    UNTIL(waiting() == 3);
    struct peer *order[] = { much[0], much[1], one, much[2] };
    for (int i = 0; i < 4; i++) {
        UNTIL(question());
        answer(question(), ANSWER);
        UNTIL(has(order[i], "completion_tokens"));
    }
}

static int begin_slow(void **state)
{
    (void)state;
    begin_with("access = \"token\"\ntoken = \"geheim\"", "slots = 1");
    return 0;
}

static int begin_token(void **state)
{
    (void)state;
    begin_with("access = \"token\"\ntoken = \"geheim\"\ncors_origins = [\"https://chat.example.org\"]", "");
    return 0;
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, begin_token, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(holders_of_keys_take_turns, begin_slow, finish),
        WITH(the_token_and_a_key_get_in),
        WITH(a_file_that_is_damaged_or_open_lets_no_key_in),
        WITH(limits_are_kept),
        WITH(a_client_that_leaves_frees_its_place),
        WITH(models_and_expiry_are_kept),
        WITH(a_clock_that_jumps_moves_days_and_expiry_alone),
        WITH(usage_is_counted_and_kept),
        WITH(a_preflight_needs_no_token),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
