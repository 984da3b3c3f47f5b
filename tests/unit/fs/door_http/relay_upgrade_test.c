/* SPDX-License-Identifier: MIT */
/* WebSockets and other changes of protocol, as the client and the engine see them. */
#include "gateway_fixture.h"

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}"
#define AGREED                                                                                               \
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "                                   \
    "websocket\r\nSec-WebSocket-Accept: k\r\n\r\n"

static struct model *parrot(void)
{
    return rig.house->models[0];
}

static void wake(void)
{
    model_wake(parrot());
    UNTIL(model_state(parrot()) == MODEL_READY);
}

static void knock(struct peer *c, const char *fields)
{
    char *text =
        xasprintf("GET /parrot/ws?x=1 HTTP/1.1\r\nHost: localhost\r\nSec-WebSocket-Key: y\r\n%s\r\n", fields);

    say(c, text);
    free(text);
}

#define WEBSOCKET "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"

/* Both ends of one that both have agreed to, with nothing said yet. */
static struct peer *agree(struct peer *c)
{
    knock(c, WEBSOCKET);
    UNTIL(question());
    struct peer *engine = question();
    answer(engine, AGREED);
    engine->is_engine = false; /* what it hears is bytes from here on */
    UNTIL(has(c, "\r\n\r\n"));
    buf_reset(&c->in);
    buf_reset(&engine->in);
    return engine;
}

static void bytes_go_both_ways(void **state)
{
    struct peer *c = client(), *other = client();

    (void)state;
    wake();
    knock(c, WEBSOCKET);
    UNTIL(question());
    struct peer *engine = question();
    assert_true(has(engine, "GET /ws?x=1 HTTP/1.1\r\n") && has(engine, "Connection: Upgrade\r\n"));
    assert_true(has(engine, "Upgrade: websocket\r\n") && has(engine, "Sec-WebSocket-Key: y\r\n"));
    say(c, "early"); /* before the 101: it is for the engine too */
    answer(engine, AGREED "hello");
    engine->is_engine = false;
    UNTIL(has(c, "\r\n\r\nhello"));
    assert_true(has(c, "HTTP/1.1 101 ") && has(c, "Upgrade: websocket\r\n") &&
                has(c, "Connection: Upgrade\r\n"));
    assert_true(has(c, "Sec-WebSocket-Accept: k\r\n") && has(c, "X-Slullama-Job: fake.1\r\n"));
    UNTIL(has(engine, "early"));
    say(engine, "GET / HTTP/1.1\r\n\r\n");
    UNTIL(has(c, "helloGET / HTTP/1.1\r\n\r\n"));
    say(c, "\r\n\r\n");
    UNTIL(has(engine, "early\r\n\r\n"));

    assert_int_equal(active(), 1); /* it keeps the model awake, but its only slot is free */
    ask(other, QUESTION);
    UNTIL(question());
    answer(question(), ANSWER);
    UNTIL(has(other, "{\"a\":1}"));
    UNTIL(active() == 1);
    drop_peer(engine);
    UNTIL(c->eof && active() == 0);
}

static void a_client_that_says_no_more_still_listens(void **state)
{
    struct peer *c = client(), *engine;

    (void)state;
    wake();
    engine = agree(c);
    say(c, "bye");
    shutdown(c->fd, SHUT_WR);
    UNTIL(engine->eof && has(engine, "bye"));
    say(engine, "so long");
    UNTIL(has(c, "so long"));
    assert_int_equal(active(), 1);
    drop_peer(engine);
    UNTIL(c->eof && active() == 0);
}

static void a_client_that_leaves_takes_it_along(void **state)
{
    struct peer *c = client(), *engine;

    (void)state;
    wake();
    engine = agree(c);
    drop_peer(c);
    UNTIL(engine->eof && active() == 0);
}

static void a_refusal_is_an_answer_like_others(void **state)
{
    struct peer *c = client();

    (void)state;
    wake();
    knock(c, WEBSOCKET);
    UNTIL(question());
    answer(question(), "HTTP/1.1 426 Upgrade Required\r\nUpgrade: other\r\nContent-Length: 2\r\n\r\nno");
    UNTIL(has(c, "\r\n\r\nno"));
    assert_true(has(c, "HTTP/1.1 426 ") && has(c, "Connection: keep-alive\r\n"));
    UNTIL(active() == 0);
    buf_reset(&c->in);
    get(c, "/health");
    UNTIL(has(c, "\"status\":\"ok\""));
}

static void what_is_not_passed_on_is_an_ordinary_request(void **state)
{
    static const char *const rows[] = {
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
        "Upgrade: websocket\r\n",
        "Connection: Upgrade\r\n",
    };

    (void)state;
    wake();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct peer *c = client();
        knock(c, rows[i]);
        UNTIL(question());
        assert_false(has(question(), "pgrade"));
        assert_false(has(question(), "HTTP2"));
        answer(question(), AGREED); /* nobody asked for it */
        UNTIL(has(c, "HTTP/1.1 502 "));
        drop_peer(c);
    }
}

static void the_only_model_needs_no_name(void **state)
{
    struct peer *c = client();

    (void)state;
    wake();
    say(c, "GET /v1/realtime HTTP/1.1\r\nHost: localhost\r\n" WEBSOCKET "\r\n");
    UNTIL(question());
    assert_true(has(question(), "GET /v1/realtime HTTP/1.1\r\n") &&
                has(question(), "Upgrade: websocket\r\n"));
    answer(question(), AGREED);
    UNTIL(has(c, "HTTP/1.1 101 "));
}

static void a_model_that_sleeps_is_not_woken(void **state)
{
    struct peer *c = client();

    (void)state;
    knock(c, WEBSOCKET);
    UNTIL(has(c, "HTTP/1.1 503 "));
    assert_int_equal(model_state(parrot()), MODEL_ASLEEP);
}

/* One side gives more than the other takes: what waits between them is bounded. */
static void flood(struct peer *from, struct peer *to)
{
    static char piece[65536];
    const size_t total = 48 * 1024 * 1024;
    size_t sent = 0, stuck = 0;

    memset(piece, 'x', sizeof piece);
    to->deaf = true;
    while (sent < total) {
        size_t want = total - sent < sizeof piece ? total - sent : sizeof piece;
        ssize_t n = send(from->fd, piece, want, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        stuck = n > 0 ? 0 : stuck + 1;
        if (stuck > 200 && to->deaf) {
            assert_true(sent < 32 * 1024 * 1024); /* sockets' buffers for the most part */
            to->deaf = false;
        }
        turn();
    }
    assert_false(to->deaf);
    UNTIL(to->in.len == total);
    buf_free(&to->in);
}

static void each_side_is_read_as_the_other_one_takes_it(void **state)
{
    struct peer *c = client(), *engine;

    (void)state;
    wake();
    engine = agree(c);
    flood(c, engine);
    flood(engine, c);
    drop_peer(engine);
    UNTIL(c->eof && active() == 0);
}

static void silence_ends_it_and_the_model_sleeps(void **state)
{
    struct peer *c = client(), *engine;

    (void)state;
    wake();
    engine = agree(c);
    UNTIL(c->eof);
    UNTIL(engine->eof);
    UNTIL(model_state(parrot()) == MODEL_ASLEEP);
}

static void one_whose_model_is_stopped_ends(void **state)
{
    struct peer *c = client(), *engine;

    (void)state;
    wake();
    engine = agree(c);
    model_stop(parrot(), "enough");
    UNTIL(c->eof && engine->eof && active() == 0);
}

static int begin_one_slot(void **state)
{
    (void)state;
    begin_with("", "slots = 1");
    return 0;
}

static int begin_sleepy(void **state)
{
    (void)state;
    begin_with("", "idle_timeout = \"1s\"");
    return 0;
}

#define WITH(test, setup) cmocka_unit_test_setup_teardown(test, setup, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(bytes_go_both_ways, begin_one_slot),
        WITH(a_client_that_says_no_more_still_listens, begin),
        WITH(a_client_that_leaves_takes_it_along, begin),
        WITH(a_refusal_is_an_answer_like_others, begin),
        WITH(what_is_not_passed_on_is_an_ordinary_request, begin),
        WITH(the_only_model_needs_no_name, begin),
        WITH(a_model_that_sleeps_is_not_woken, begin),
        WITH(each_side_is_read_as_the_other_one_takes_it, begin),
        WITH(silence_ends_it_and_the_model_sleeps, begin_sleepy),
        WITH(one_whose_model_is_stopped_ends, begin),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
