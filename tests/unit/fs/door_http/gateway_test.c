/* SPDX-License-Identifier: MIT */
/* The routes that are answered from what is known, and what the gateway lacks or refuses. */
#include "gateway_fixture.h"

#include <sys/resource.h>
#include <sys/un.h>

static void routes_of_our_own_are_answered(void **state)
{
    static const struct {
        const char *method, *path, *body, *status, *text;
    } rows[] = {
        { "GET", "/v1/models", "", "200", "\"id\":\"parrot\"" },
        { "GET", "/v1/models/Org/Parrot", "", "200", "\"id\":\"Org/Parrot\"" },
        { "GET", "/v1/models/parot", "", "404", "did you mean \\\"parrot\\\"?" },
        { "GET", "/p/v1/models", "", "200", "\"id\":\"parrot\"" },
        { "HEAD", "/health", "", "200", "Content-Length: " },
        { "GET", "/metrics", "", "200", "slullamafs_model_state{model=\"parrot\",state=\"asleep\"} 1\n" },
        { "POST", "/health", "", "405", "Allow: GET, HEAD\r\n" },
        { "DELETE", "/v1/models/parrot", "", "405", "Allow: GET, HEAD\r\n" },
        { "POST", "/v1/chat/completions", "hello", "400", "not a JSON object" },
        { "POST", "/parrot/v1/chat/completions", "hello", "400", "not a JSON object" },
        { "POST", "/nobody/v1/chat/completions", "hello", "404", "no model" },
        { "POST", "/v1/chat/completions", "{\"model\":\"a\",\"model\":\"b\"}", "400", "twice" },
        { "POST", "/v1/chat/completions", "{\"model\":\"parot\"}", "404", "did you mean \\\"parrot\\\"?" },
        { "GET", "/jobs/fake.9/health", "", "404", "no job" },
        { "GET", "/", "", "200", "slullamafs is running" },
        { "GET", "/ui/nothing", "", "404", "no such route" },
        { "GET", "/ui/models/parrot/wake", "", "405", "Allow: POST\r\n" },
        { "POST", "/ui/models/parrot/pin", "soon", "400", "soon" },
        { "GET", "/api/ps", "", "200", "{\"models\":[]}" },
        { "POST", "/v1/tokenize", "x", "503", "asleep" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct peer *c = client();
        char *text = xasprintf("%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: "
                               "%zu\r\n\r\n%s",
                               rows[i].method, rows[i].path, strlen(rows[i].body), rows[i].body);
        say(c, text);
        free(text);
        UNTIL(c->eof);
        if (strncmp(buf_str(&c->in) + 9, rows[i].status, 3) != 0 || !has(c, rows[i].text))
            fail_msg("row %zu: %s", i, buf_str(&c->in));
        drop_peer(c);
    }
    assert_null(model_job(rig.house->models[0]));
}

static void a_full_queue_is_429(void **state)
{
    struct peer *c = client(), *d = client();

    (void)state;
    rig.healthy = false;
    ask(c, QUESTION);
    UNTIL(waiting() == 1);
    ask(d, QUESTION);
    UNTIL(has(d, "\"code\":429"));
    assert_true(has(d, "Retry-After: "));
    model_stop(rig.house->models[0], "stopped by a test");
    UNTIL(has(c, "HTTP/1.1 503 "));
    UNTIL(has(c, "stopped by a test"));
}

static void a_house_that_ends_takes_no_questions(void **state)
{
    struct peer *c = client();

    (void)state;
    rig.house->stopping = true;
    ask(c, QUESTION);
    UNTIL(c->eof);
    assert_true(has(c, "HTTP/1.1 503 "));
}

/* A client that is accepted without a descriptor to spare would else wait in the kernel's queue, or be accepted
 * again and again. */
static void the_lack_of_descriptors_is_answered(void **state)
{
    struct rlimit old, few;
    int fds[2000], n = 0, turns = 0;
    struct peer *c = client();

    (void)state;
    turn();
    getrlimit(RLIMIT_NOFILE, &old);
    few = (struct rlimit){ .rlim_cur = 256, .rlim_max = old.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    struct peer *d = client(), *f = client();
    while (n < 2000 && (fds[n] = dup(0)) >= 0)
        n++;
    UNTIL(d->eof && f->eof);
    assert_true(has(d, "HTTP/1.1 503 ") && has(d, "too many connections") && has(d, "Retry-After: "));
    assert_true(has(f, "HTTP/1.1 503 "));
    const char *body = strstr(d->in.data, "\r\n\r\n"), *length = strstr(d->in.data, "Content-Length: ");
    assert_int_equal(strlen(body + 4), atoi(length + 16));
    for (uint64_t end = mono_ms() + 600; mono_ms() < end; turns++)
        turn();
    assert_true(turns < 600); /* the tick of the rig makes some 300 */
    while (n > 0)
        close(fds[--n]);
    drop_peer(d);
    d = client();
    get(d, "/health");
    UNTIL(has(d, "\"status\":\"ok\""));
    get(c, "/health");
    UNTIL(has(c, "\"status\":\"ok\""));
    setrlimit(RLIMIT_NOFILE, &old);
}

static void a_model_may_have_a_port_of_its_own(void **state)
{
    char path[128];
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    snprintf(path, sizeof path, "/tmp/slullamafs-own-%d.sock", (int)getpid());
    strcpy(a.sun_path, path);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    struct peer *c = add_peer(fd, false);
    get(c, "/v1/models");
    UNTIL(has(c, "\"id\":\"parrot\""));
    buf_reset(&c->in);
    ask(c, "{\"model\":\"whatever\",\"messages\":[]}");
    UNTIL(question());
    assert_true(has(question(), "POST /v1/chat/completions HTTP/1.1\r\n"));
    answer(question(), "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}");
    UNTIL(has(c, "{\"a\":1}"));
    gateway_stop(rig.gateway);
    assert_int_equal(access(path, F_OK), -1);
}

static int begin_own(void **state)
{
    char line[160];

    (void)state;
    snprintf(line, sizeof line, "listen = \"unix:/tmp/slullamafs-own-%d.sock\"", (int)getpid());
    begin_with("", line);
    return 0;
}

static int begin_short(void **state)
{
    (void)state;
    begin_with("", "max_queue = 1");
    return 0;
}

#define WITH(test, setup) cmocka_unit_test_setup_teardown(test, setup, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(routes_of_our_own_are_answered, begin),
        WITH(a_full_queue_is_429, begin_short),
        WITH(a_house_that_ends_takes_no_questions, begin),
        WITH(a_model_may_have_a_port_of_its_own, begin_own),
        WITH(the_lack_of_descriptors_is_answered, begin),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
