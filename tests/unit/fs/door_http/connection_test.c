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

/* Behind a proxy or a network both look alike: something is said to find out who still listens. */
static void who_says_no_more_is_asked_whether_it_listens(void **state)
{
    struct peer *c = client(), *old = client();

    (void)state;
    rig.healthy = false;
    ask(c, QUESTION);
    say(old, "POST /v1/completions HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}");
    UNTIL(waiting() == 2);
    shutdown(c->fd, SHUT_WR);
    shutdown(old->fd, SHUT_WR);
    UNTIL(has(c, "HTTP/1.1 100 Continue\r\n\r\n"));
    drop_peer(old);
    UNTIL(waiting() == 1);
    rig.healthy = true;
    UNTIL(question());
    answer(question(), ANSWER);
    UNTIL(c->eof);
    assert_true(has(c, "\r\n\r\nHTTP/1.1 200 OK\r\n") && has(c, "{\"a\":1}"));
    assert_null(strstr(strstr(c->in.data, " 100 ") + 1, " 100 "));
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
        { "GET //health HTTP/1.1\r\nHost: localhost\r\n\r\n", "400" },
        { "GET /parrot//v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n", "400" },
        { "GET /parrot/%2e%2e%2fhealth HTTP/1.1\r\nHost: localhost\r\n\r\n", "400" },
        { "GET /parrot/%ff HTTP/1.1\r\nHost: localhost\r\n\r\n", "400" },
        { "GET /parrot/\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", "400" },
        { "GET /parrot/%0a HTTP/1.1\r\nHost: localhost\r\n\r\n", "400" },
        { "GET /parrot/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", "400" },
        { "GET ftp://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "400" },
        { "GET http://evil.example.org/health HTTP/1.1\r\nHost: localhost\r\n\r\n", "403" },
        { "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", "400" },
        { "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", "400" },
        { "TRACE /parrot/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "501" },
        { "CONNECT /parrot/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "501" },
        { "GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n", "400" },
        { "GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\001b\r\n\r\n", "400" },
        { "GET /health HTTP/1.1\nHost: localhost\n\n", "400" },
        { "GET /health HTTP/1.1\r\nHost : localhost\r\n\r\n", "400" },
        { "GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", "400" },
        { "GET /health HTTP/2.0\r\nHost: localhost\r\n\r\n", "400" },
        { "GET /health\r\n\r\n", "400" },
        { "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400" },
        { "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: +1\r\n\r\na", "400" },
        { "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1, 1\r\n\r\na", "400" },
        { "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0x1\r\n\r\na", "400" },
        { "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "400" },
        { "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "400" },
        { "POST / HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400" },
        { "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400" },
        { "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", "400" },
        { "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", "400" },
        { "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
          "400" },
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

static void a_head_has_its_limits(void **state)
{
    struct buf many = { 0 }, large = { 0 };
    struct peer *c = client(), *d = client();

    (void)state;
    buf_adds(&many, "GET /health HTTP/1.1\r\nHost: localhost\r\n");
    for (int i = 0; i < 100; i++)
        buf_adds(&many, "X: 1\r\n");
    buf_adds(&many, "\r\n");
    buf_adds(&large, "GET /health HTTP/1.1\r\nHost: localhost\r\nX: ");
    while (large.len < 65536)
        buf_adds(&large, "xxxxxxxx");
    say(c, many.data);
    say(d, large.data);
    UNTIL(c->eof && d->eof);
    assert_true(has(c, "HTTP/1.1 400 ") && has(d, "HTTP/1.1 400 "));
    buf_free(&many);
    buf_free(&large);
}

/* Behind a request that is refused nothing of its connection is believed: no second answer comes. */
static void nothing_is_smuggled(void **state)
{
    static const char *const rows[] = {
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 44\r\nTransfer-Encoding: "
        "chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
        "x\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: evil.example.org\r\nContent-Length: 5\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct peer *c = client();
        char *text = xasprintf("%sGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", rows[i]);
        say(c, text);
        free(text);
        UNTIL(c->eof);
        assert_null(strstr(c->in.data + 1, "HTTP/1.1 "));
        assert_null(strstr(c->in.data, "\"status\""));
        drop_peer(c);
    }
}

/* Trailers are read, dropped and believed in nothing; the connection goes on behind them. */
static void trailers_are_no_fields(void **state)
{
    struct peer *c = client();

    (void)state;
    say(c,
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTrailer: "
        "X-T\r\n\r\n"
        "3\r\n{ }\r\n0\r\nX-T: 1\r\nContent-Length: 50\r\nHost: evil.example.org\r\n\r\n"
        "HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n");
    UNTIL(question());
    assert_true(has(question(), "Content-Length: 3\r\n\r\n{ }"));
    assert_false(has(question(), "X-T") || has(question(), "evil"));
    answer(question(), ANSWER);
    UNTIL(has(c, "\"object\":\"list\""));
    assert_true(has(c, "{\"a\":1}HTTP/1.1 200 OK\r\n")); /* the HEAD's, */
    assert_true(has(c, "\r\n\r\nHTTP/1.1 200 OK\r\n"));  /* which has no body */
}

/* What is refused by its head is not asked for. */
static void what_is_expected_in_vain_is_not_sent(void **state)
{
    static const struct {
        const char *head, *status;
    } rows[] = {
        { "Host: localhost\r\nContent-Length: 1001\r\n", "413" },
        { "Host: evil.example.org\r\nContent-Length: 10\r\n", "403" },
        { "Host: localhost\r\nContent-Length: 10\r\nTransfer-Encoding: chunked\r\n", "400" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct peer *c = client();
        char *text =
            xasprintf("POST /v1/completions HTTP/1.1\r\nExpect: 100-continue\r\n%s\r\n", rows[i].head);
        say(c, text);
        free(text);
        UNTIL(c->eof);
        if (strncmp(buf_str(&c->in) + 9, rows[i].status, 3) != 0 || has(c, " 100 "))
            fail_msg("row %zu: %s", i, buf_str(&c->in));
        drop_peer(c);
    }
}

static void an_absolute_target_is_served(void **state)
{
    struct peer *c = client();

    (void)state;
    say(c, "GET http://localhost:1/health?a HTTP/1.1\r\nHost: elsewhere.example.org\r\n\r\n");
    UNTIL(has(c, "\"status\":\"ok\""));
}

static void a_request_id_is_kept_or_made(void **state)
{
    struct peer *c = client(), *d = client();

    (void)state;
    say(c, "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: mine-1\r\n\r\n");
    say(d, "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a b\r\n\r\n");
    UNTIL(has(c, "}\n") && has(d, "}\n"));
    assert_true(has(c, "X-Request-Id: mine-1\r\n"));
    assert_true(has(d, "X-Request-Id: "));
    assert_false(has(d, "a b"));
    drop_peer(c);
    c = client();
    say(c, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: two\r\nx-api-key: hush\r\n"
           "Cookie: hush\r\nAuthorization: Basic hush\r\nContent-Length: 11\r\n\r\n{\"stop\":[]}");
    UNTIL(question());
    assert_true(has(question(), "X-Request-Id: two\r\n"));
    assert_false(has(question(), "hush"));
    answer(question(), "HTTP/1.1 200 OK\r\nX-Request-Id: its\r\nAccess-Control-Allow-Origin: *\r\n"
                       "Content-Length: 2\r\n\r\n{}");
    UNTIL(has(c, "\r\n\r\n{}"));
    assert_true(has(c, "X-Request-Id: two\r\n"));
    assert_false(has(c, "its"));
    assert_false(has(c, "Access-Control"));
}

/* The beginning of a body that has to be whole first, longer than what any question may keep. */
static void send_long_beginning(struct peer *p)
{
    char piece[65536];

    memset(piece, ' ', sizeof piece);
    say(p, "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n{");
    for (size_t sent = 0; sent <= 1 << 20;) {
        ssize_t n = send(p->fd, piece, sizeof piece, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        turn();
    }
}

/* HEAD_MS is 30 s, BODY_MS 60 s; what comes byte by byte has no more, or half a minute for a MiB. An idle connection is left
 * alone for longer. */
static void what_does_not_come_in_time_is_answered(void **state)
{
    static const char post[] =
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{";
    struct peer *head = client(), *body = client(), *drop = client(), *idle = client(), *longer = client();
    uint64_t until = mono_ms() + 180000, next = 0;

    (void)state;
    say(head, "GET /health HTTP/1.1\r\nHost: local");
    say(body, post);
    say(drop, post);
    get(idle, "/health");
    send_long_beginning(longer);
    while (!(head->eof && body->eof && drop->eof && longer->eof) && mono_ms() < until) {
        if (mono_ms() >= next) {
            send(drop->fd, " ", 1, MSG_NOSIGNAL);
            send(longer->fd, " ", 1, MSG_NOSIGNAL);
            next = mono_ms() + 1000;
        }
        turn();
    }
    assert_true(has(head, "HTTP/1.1 408 ") && has(head, "the head of the request did not come in time"));
    assert_true(has(body, "HTTP/1.1 408 ") && has(body, "the request body did not come in time"));
    assert_true(has(drop, "HTTP/1.1 408 ") && has(drop, "the request body comes too slowly"));
    assert_true(has(longer, "HTTP/1.1 408 ") && has(longer, "the request body comes too slowly"));
    assert_false(idle->eof);
    get(idle, "/v1/models");
    UNTIL(has(idle, "\"object\":\"list\""));
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
        WITH(who_says_no_more_is_asked_whether_it_listens, begin),
        WITH(a_slow_client_stops_the_engine, begin),
        WITH(bad_requests_are_refused, begin_small),
        WITH(a_head_has_its_limits, begin),
        WITH(what_does_not_come_in_time_is_answered, begin),
        WITH(nothing_is_smuggled, begin),
        WITH(trailers_are_no_fields, begin),
        WITH(what_is_expected_in_vain_is_not_sent, begin_small),
        WITH(an_absolute_target_is_served, begin),
        WITH(a_request_id_is_kept_or_made, begin),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
