/* SPDX-License-Identifier: MIT */
/* One connection: how requests come and how clients leave. */
#include "gateway_fixture.h"

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}"
#define EVENTS "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct peer *c = client();

    (void)state;
    get(c, "/health");
    ask(c, QUESTION);
    get(c, "/v1/models");
    shutdown(c->fd, SHUT_WR);
    UNTIL(question());
    assert_true(has(c, "\"status\":\"ok\""));
    assert_false(has(c, "\"object\":\"list\""));
    answer(question(), ANSWER);
    UNTIL(c->eof);
    const char *one = strstr(c->in.data, "\"status\""), *two = strstr(c->in.data, "{\"a\":1}");
    assert_non_null(one);
    assert_non_null(two);
    assert_true(one < two && strstr(two, "\"object\":\"list\""));
}

static void a_client_that_leaves_frees_its_place(void **state)
{
    struct peer *c = client();

    (void)state;
    rig.healthy = false;
    ask(c, QUESTION);
    UNTIL(waiting() == 1);
    drop_peer(c);
    UNTIL(waiting() == 0);
    rig.healthy = true;
    UNTIL(model_state(rig.house->models[0]) == MODEL_READY); /* the wake goes on */

    c = client();
    ask(c, QUESTION);
    UNTIL(question());
    drop_peer(c);
    UNTIL(question()->eof); /* the engine hears of it: that ends its generation */
    assert_int_equal(active(), 0);
    drop_peer(question());

    c = client();
    ask(c, STREAM_QUESTION);
    UNTIL(question());
    say(question(), EVENTS "8\r\ndata: 1\n\r\n");
    UNTIL(has(c, "data: 1\n"));
    drop_peer(c);
    UNTIL(question()->eof);
    assert_int_equal(active(), 0);
}

static void a_client_whose_stash_is_full_is_seen_to_leave(void **state)
{
    struct peer *c = client();

    (void)state;
    rig.healthy = false;
    ask(c, QUESTION);
    for (int i = 0; i < 3000; i++)
        get(c, "/health/of/a/long/name/to/fill/the/stash/with");
    UNTIL(waiting() == 1);
    for (int i = 0; i < 20; i++)
        turn();
    drop_peer(c);
    UNTIL(waiting() == 0);
}

static void half_a_close_is_no_leaving(void **state)
{
    struct peer *c = client();
    uint64_t later;

    (void)state;
    rig.healthy = false;
    ask(c, QUESTION);
    shutdown(c->fd, SHUT_WR);
    UNTIL(waiting() == 1);
    for (later = mono_ms() + 1300; mono_ms() < later;)
        turn();
    assert_int_equal(waiting(), 1);
    rig.healthy = true;
    UNTIL(question());
    answer(question(), ANSWER);
    UNTIL(c->eof);
    assert_true(has(c, "{\"a\":1}"));
    assert_true(has(c, "Connection: close\r\n"));

    rig.healthy = false;
    c = client();
    ask(c, QUESTION);
    shutdown(c->fd, SHUT_WR);
    UNTIL(question());
    drop_peer(c);
    UNTIL(question()->eof);
}

static void a_slow_client_stops_the_engine(void **state)
{
    static char piece[65536];
    const size_t total = 64 * 1024 * 1024;
    struct peer *c = client();
    size_t sent = 0, stuck = 0;

    (void)state;
    memset(piece, 'x', sizeof piece);
    ask(c, QUESTION);
    UNTIL(question());
    struct peer *engine = question();
    c->deaf = true;
    say(engine, "HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n");
    while (sent < total) {
        size_t want = total - sent < sizeof piece ? total - sent : sizeof piece;
        ssize_t n = send(engine->fd, piece, want, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        stuck = n > 0 ? 0 : stuck + 1;
        if (stuck > 200 && c->deaf) {
            assert_true(sent < 32 * 1024 * 1024); /* sockets' buffers for the most part */
            c->deaf = false;
        }
        turn();
    }
    assert_false(c->deaf);
    UNTIL(c->in.len > total);
    UNTIL(active() == 0);
}

static void bad_requests_are_refused(void **state)
{
    static const struct {
        const char *request, *status;
    } rows[] = {
        { "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: "
          "chunked\r\n\r\n0\r\n\r\n",
          "400" },
        { "GET / HTTP/1.1\r\n\r\n", "400" },
        { "GET /health HTTP/1.1\r\nHost: evil.example.org\r\n\r\n", "403" },
        { "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.org\r\nContent-Length: "
          "2\r\n\r\n{}",
          "403" },
        { "GET /parrot/../health HTTP/1.1\r\nHost: localhost\r\n\r\n", "400" },
        { "GET /parrot/.%2E HTTP/1.1\r\nHost: localhost\r\n\r\n", "400" },
        { "GET /a%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", "400" },
        { "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n", "413" },
        { "EHLO x\r\n\r\n", "400" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct peer *c = client();
        say(c, rows[i].request);
        UNTIL(c->eof);
        if (strncmp(buf_str(&c->in) + 9, rows[i].status, 3) != 0 || !has(c, "Connection: close\r\n"))
            fail_msg("row %zu: %s", i, buf_str(&c->in));
        drop_peer(c);
    }
    assert_null(model_job(rig.house->models[0]));
}

static int begin_small(void **state)
{
    (void)state;
    begin_with("max_body = 1000", "");
    return 0;
}

#define WITH(test, setup) cmocka_unit_test_setup_teardown(test, setup, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(pipelined_requests_are_answered_in_order, begin),
        WITH(a_client_that_leaves_frees_its_place, begin),
        WITH(a_client_whose_stash_is_full_is_seen_to_leave, begin),
        WITH(half_a_close_is_no_leaving, begin),
        WITH(a_slow_client_stops_the_engine, begin),
        WITH(bad_requests_are_refused, begin_small),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
