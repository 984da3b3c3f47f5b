/* SPDX-License-Identifier: MIT */
/* Requests whose API the engine does not speak, as its clients and its engine see them. */
#include "gateway_fixture.h"

#define EVENTS "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
#define CHAT   "{\"model\":\"p\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define STREAM                                                                                               \
    "{\"model\":\"p\",\"max_tokens\":9,\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}" \
    "]}"

static void post(struct peer *p, const char *path, const char *fields, const char *body)
{
    char *text = xasprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n%s\r\n%s", path,
                           strlen(body), fields, body);

    say(p, text);
    free(text);
}

/* One event of the engine, as a chunk. */
static void event(struct peer *engine, const char *json)
{
    char *text = xasprintf("%zx\r\ndata: %s\n\n\r\n", strlen(json) + 8, json);

    say(engine, text);
    free(text);
}

#define ROLE                                                                                                 \
    "{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}" \
    "]}"
#define TEXT "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"The\"},\"finish_reason\":null}]}"
#define STOP "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}"

static void the_engine_gets_what_it_knows(void **state)
{
    struct peer *c = client();

    (void)state;
    post(c, "/api/chat", "Content-Type: text/plain\r\nAccept-Encoding: gzip\r\nX-Mine: yes\r\n", CHAT);
    UNTIL(question());
    assert_true(has(question(), "POST /v1/chat/completions HTTP/1.1\r\n"));
    assert_true(has(question(), "Content-Type: application/json\r\n"));
    assert_true(has(question(), "X-Mine: yes\r\n"));
    assert_false(has(question(), "text/plain"));
    assert_false(has(question(), "Accept-Encoding"));
    assert_true(has(question(), "\"stream\":true"));
    assert_true(shows_secret(&question()->in));
}

static void the_client_gets_what_it_knows(void **state)
{
    struct peer *c = client();

    (void)state;
    post(c, "/api/chat", "", CHAT);
    UNTIL(question());
    struct peer *engine = question();
    say(engine, EVENTS);
    event(engine, ROLE);
    for (int i = 0; i < 20; i++)
        turn();
    assert_int_equal(c->in.len, 0); /* nothing was said yet */
    event(engine, TEXT);
    UNTIL(has(c, "\"content\":\"The\""));
    assert_true(has(c, "Content-Type: application/x-ndjson\r\n"));
    assert_true(has(c, "X-Slullama-Job: fake.1\r\n"));
    assert_false(has(c, "event-stream"));
    event(engine, STOP);
    answer(engine, "0\r\n\r\n");
    UNTIL(has(c, "\r\n0\r\n\r\n"));
    assert_true(has(c, "\"done_reason\":\"stop\""));
    UNTIL(active() == 0);
    buf_reset(&c->in);
    get(c, "/health"); /* the connection goes on */
    UNTIL(has(c, "\"status\":\"ok\""));
}

static void an_engine_lost_before_it_said_something_is_no_loss(void **state)
{
    struct peer *c = client();

    (void)state;
    post(c, "/v1/messages", "anthropic-version: 2023-06-01\r\n", STREAM);
    UNTIL(question());
    assert_false(has(question(), "anthropic"));
    say(question(), EVENTS);
    event(question(), ROLE);
    drop_peer(question());
    UNTIL(question()); /* it is asked again */
    say(question(), EVENTS);
    event(question(), TEXT);
    UNTIL(has(c, "\"text\":\"The\""));
    drop_peer(question());
    UNTIL(c->eof);
    assert_true(has(c, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\""));
}

static void what_is_no_answer_is_an_error(void **state)
{
    struct peer *c = client();

    (void)state;
    post(c, "/v1/messages", "", STREAM);
    UNTIL(question());
    say(question(), EVENTS);
    event(question(), "what?");
    UNTIL(has(c, "\"message\":\"the engine sent what is no part of an answer: what?\""));
    assert_false(has(c, "200 OK"));
    UNTIL(active() == 0);
}

static void the_shape_of_an_error_is_the_clients(void **state)
{
    struct peer *c = client();

    (void)state;
    post(c, "/v1/messages", "", STREAM);
    UNTIL(question());
    answer(question(), "HTTP/1.1 429 No\r\nContent-Length: 32\r\n\r\n{\"error\":{\"message\":\"too warm\"}}");
    UNTIL(has(c, "HTTP/1.1 429 "));
    UNTIL(has(c, "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"the engine "
                 "answered 429: too warm\"}}"));
    assert_true(has(c, "Retry-After: "));
    UNTIL(active() == 0);
}

/* Ten seconds: comments for those whose streams are events, silence for lines. */
static void only_events_have_comments(void **state)
{
    struct peer *events = client(), *lines = client();

    (void)state;
    rig.healthy = false;
    post(lines, "/api/chat", "",
         "{\"model\":\"p\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
    post(events, "/v1/messages", "", STREAM);
    UNTIL(has(events, ": waiting\n\n"));
    assert_int_equal(lines->in.len, 0);
    drop_peer(lines);
    UNTIL(waiting() == 1);
    rig.healthy = true;
    UNTIL(question());
    answer(question(), "HTTP/1.1 500 No\r\nContent-Length: 32\r\n\r\n{\"error\":{\"message\":\"too warm\"}}");
    UNTIL(events->eof);
    assert_true(has(events,
                    "event: error\ndata: "
                    "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"the engine answered "
                    "500: too warm\"}}\n\n"));
    UNTIL(active() == 0);
}

static void a_slow_client_stops_the_engine(void **state)
{
    struct peer *c = client();
    char *text = malloc(60001), *json;
    ssize_t n = 0;

    (void)state;
    memset(text, 'x', 60000);
    text[60000] = '\0';
    json = xasprintf("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"},\"finish_reason\":null}]}",
                     text);
    free(text);
    text = xasprintf("%zx\r\ndata: %s\n\n\r\n", strlen(json) + 8, json);
    c->deaf = true;
    post(c, "/api/chat", "", CHAT);
    UNTIL(question());
    struct peer *engine = question();
    say(engine, EVENTS);
    size_t sent = 0, len = strlen(text), at = 0;
    for (int idle = 0; idle < 500 && sent < 64u << 20;) { /* until nobody takes it any more */
        n = send(engine->fd, text + at, len - at, MSG_NOSIGNAL);
        if (n > 0) {
            sent += (size_t)n;
            at = (at + (size_t)n) % len;
        }
        idle = n > 0 ? 0 : idle + 1;
        turn();
    }
    assert_true(sent < 64u << 20);
    c->deaf = false;
    UNTIL(send(engine->fd, text + at, len - at, MSG_NOSIGNAL) > 0); /* it goes on */
    drop_peer(c);
    UNTIL(active() == 0);
    free(text);
    free(json);
}

static void a_pull_wakes_and_tells(void **state)
{
    struct peer *c = client(), *gone = client(), *load = client();

    (void)state;
    rig.healthy = false;
    post(c, "/api/pull", "", "{\"model\":\"p\"}");
    post(gone, "/api/pull", "", "{\"name\":\"parrot\"}");
    post(load, "/p/api/generate", "", "{}");
    UNTIL(has(c, "{\"status\":\"starting"));
    assert_true(has(c, "Content-Type: application/x-ndjson\r\n"));
    assert_int_equal(load->in.len, 0);
    UNTIL(has(gone, "starting"));
    drop_peer(gone);
    rig.healthy = true;
    UNTIL(has(c, "{\"status\":\"success\"}\n"));
    UNTIL(has(c, "\r\n0\r\n\r\n"));
    UNTIL(has(load, "\"done_reason\":\"load\""));
    assert_null(question()); /* the engine was asked nothing */
}

static int begin_impatient(void **state)
{
    (void)state;
    begin_with("wake_timeout = \"1s\"", "");
    return 0;
}

static void a_pull_ends_at_wake_timeout(void **state)
{
    struct peer *c = client(), *whole = client();

    (void)state;
    rig.healthy = false;
    post(c, "/api/pull", "", "{\"model\":\"p\"}");
    post(whole, "/api/pull", "", "{\"model\":\"p\",\"stream\":false}");
    UNTIL(has(c, "{\"error\":\"model \\\"parrot\\\" was not ready within wake_timeout"));
    UNTIL(has(c, "\r\n0\r\n\r\n"));
    UNTIL(has(whole, "HTTP/1.1 503 "));
}

#define WITH(test, setup) cmocka_unit_test_setup_teardown(test, setup, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(the_engine_gets_what_it_knows, begin),
        WITH(the_client_gets_what_it_knows, begin),
        WITH(an_engine_lost_before_it_said_something_is_no_loss, begin),
        WITH(what_is_no_answer_is_an_error, begin),
        WITH(the_shape_of_an_error_is_the_clients, begin),
        WITH(only_events_have_comments, begin),
        WITH(a_slow_client_stops_the_engine, begin),
        WITH(a_pull_wakes_and_tells, begin),
        WITH(a_pull_ends_at_wake_timeout, begin_impatient),
    };

    signal(SIGPIPE, SIG_IGN); /* as the program does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
