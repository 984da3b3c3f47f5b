/* SPDX-License-Identifier: MIT */
/* Engines that answer otherwise than one would like, and what their clients get. */
#include "gateway_fixture.h"

#define ANSWER  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}"
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

enum {
    KEPT = 1,   /* the client's connection serves another request */
    CLOSES = 2, /* the engine closes behind what it said */
};

static const struct {
    const char *said;
    int flags;
    const char *has, *ends; /* of what the client gets; ends: its last bytes */
    const char *lacks;      /* in any case; NULL = nothing; no hexadecimal number, which X-Request-Id is */
} rows[] = {
    /* informational answers */
    { "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" ANSWER, KEPT,
      "HTTP/1.1 200 OK\r\n", "\r\n\r\n{\"a\":1}", "Early" },
    /* answers without a body */
    { "HTTP/1.1 204 No Content\r\n\r\n", KEPT, "HTTP/1.1 204 ", "\r\n\r\n", "Content-Length" },
    { "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", KEPT, "HTTP/1.1 204 ", "\r\n\r\n", "chunked" },
    { "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 7\r\n\r\n", KEPT, "ETag: \"x\"\r\n",
      "\r\n\r\n", "chunked" },
    { "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", KEPT, "Content-Length: 0\r\n", "\r\n\r\n", NULL },
    /* lengths that are wrong */
    { "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", CLOSES, "Content-Length: 100\r\n", "\r\n\r\nabc",
      NULL },
    { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nodd", KEPT,
      "Content-Length: 2\r\n", "\r\n\r\nhi", "odd" },
    { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi", 0, "HTTP/1.1 502 ", "}", NULL },
    { "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nhi", 0, "HTTP/1.1 502 ", "}", NULL },
    { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0,
      "HTTP/1.1 502 ", "}", NULL },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 0, "HTTP/1.1 502 ", "}", NULL },
    /* chunks */
    { CHUNKED "3;x=y\r\nabc\r\n0\r\nX-Trailer: t\r\n\r\n", KEPT, "Transfer-Encoding: chunked\r\n",
      "\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "railer" },
    { CHUNKED "5\r\nhel", CLOSES, "HTTP/1.1 200 ", "\r\nhel\r\n", NULL },
    { CHUNKED "3\r\nabc\r\nzz\r\n", 0, "HTTP/1.1 200 ", "3\r\nabc\r\n", NULL },
    { CHUNKED "zz\r\n", 0, "HTTP/1.1 502 ", "}", NULL },
    { CHUNKED "3\r\nabcx\r\n0\r\n\r\n", 0, "HTTP/1.1 200 ", "3\r\nabc\r\n", "abcx" },
    /* heads that are none */
    { "HTTP/1.1 099 Small\r\n\r\n", 0, "HTTP/1.1 502 ", "}", NULL },
    { "HTTP/1.1 600 Large\r\n\r\n", 0, "HTTP/1.1 502 ", "}", NULL },
    { "HTTP/1.1 2x0 OK\r\n\r\n", 0, "HTTP/1.1 502 ", "}", NULL },
    { "HTTP/2 200 OK\r\n\r\n", 0, "HTTP/1.1 502 ", "}", NULL },
    { "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", 0, "HTTP/1.1 502 ", "}", NULL },
    { "HTTP/1.1 200 OK\nContent-Length: 0\n\n", 0, "HTTP/1.1 502 ", "}", NULL },
    { "\x16\x03\x01\x02\r\n\r\n", 0, "HTTP/1.1 502 ", "}", NULL },
    /* what a client must not be told */
    { "HTTP/1.1 200 OK\r\nX-Slullama-State: asleep\r\nX-Slullama-Job: its\r\nKeep-Alive: "
      "5\r\nContent-Length: 2\r\n\r\nhi",
      KEPT, "X-Slullama-State: ready\r\n", "\r\n\r\nhi", "its" },
    /* the end of the connection ends the answer */
    { "HTTP/1.0 200 OK\r\n\r\nold", CLOSES | KEPT, "Transfer-Encoding: chunked\r\n",
      "\r\n3\r\nold\r\n0\r\n\r\n", NULL },
};

static bool ends_with(const struct peer *p, const char *text)
{
    size_t n = strlen(text);

    return p->in.len >= n && memcmp(p->in.data + p->in.len - n, text, n) == 0;
}

static void expect_row(size_t i, struct peer *c)
{
    if (!has(c, rows[i].has) || !ends_with(c, rows[i].ends) || (rows[i].lacks && has(c, rows[i].lacks)))
        fail_msg("row %zu: %s", i, buf_str(&c->in));
}

static void an_odd_answer_is_mended_or_seen_to_be_broken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct peer *c = client();
        ask(c, QUESTION);
        UNTIL(question());
        struct peer *engine = question();
        answer(engine, rows[i].said);
        if (rows[i].flags & CLOSES)
            drop_peer(engine);
        UNTIL(c->eof || (has(c, "\r\n\r\n") && ends_with(c, rows[i].ends)));
        UNTIL(active() == 0);
        expect_row(i, c);
        if (rows[i].flags & KEPT) {
            buf_reset(&c->in);
            ask(c, QUESTION);
            UNTIL(question()); /* on a connection that nothing is left on */
            answer(question(), ANSWER);
            UNTIL(has(c, "{\"a\":1}"));
        }
        drop_peer(c);
    }
}

static void answers_that_never_begin_are_ended(void **state)
{
    struct peer *c = client(), *large = client();

    (void)state;
    ask(c, QUESTION);
    UNTIL(question());
    for (int i = 0; i < 40; i++)
        say(question(), "HTTP/1.1 103 Early Hints\r\n\r\n");
    UNTIL(has(c, "HTTP/1.1 502 "));
    UNTIL(active() == 0);
    drop_peer(question());

    ask(large, QUESTION);
    UNTIL(question());
    say(question(), "HTTP/1.1 200 OK\r\nX: ");
    for (int i = 0; i < 70; i++) {
        char piece[1025];
        memset(piece, 'x', 1024);
        piece[1024] = '\0';
        say(question(), piece);
    }
    UNTIL(has(large, "HTTP/1.1 502 "));
    UNTIL(active() == 0);
}

static void an_engine_that_falls_silent_is_left(void **state)
{
    struct peer *c = client(), *s = client();

    (void)state;
    ask(c, QUESTION);
    UNTIL(question());
    UNTIL(has(c, "HTTP/1.1 504 "));
    assert_true(has(c, "stall_timeout"));
    UNTIL(question()->eof);
    drop_peer(question());

    ask(s, STREAM_QUESTION);
    UNTIL(question());
    say(question(), "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: "
                    "chunked\r\n\r\n9\r\ndata: 1\n\n\r\n");
    UNTIL(s->eof);
    assert_true(has(s, "data: 1\n\n") && has(s, "event: error\ndata: {\"error\":{\"message\":"));
    UNTIL(active() == 0);
}

static int begin_impatient(void **state)
{
    (void)state;
    begin_with("", "stall_timeout = \"1s\"");
    return 0;
}

#define WITH(test, setup) cmocka_unit_test_setup_teardown(test, setup, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(an_odd_answer_is_mended_or_seen_to_be_broken, begin),
        WITH(answers_that_never_begin_are_ended, begin),
        WITH(an_engine_that_falls_silent_is_left, begin_impatient),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
