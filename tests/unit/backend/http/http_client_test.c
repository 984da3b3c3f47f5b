/* SPDX-License-Identifier: MIT */
/* Requests, connections and what becomes of both; bodies of requests and long answers: http_client_body_test.c. */
#include "tests/unit/backend/http/http_client_fixture.h"

static void plain(void **state)
{
    struct asked a = { 0 };
    struct buf got = { 0 };

    (void)state;
    ask(&a, "POST", "hello");
    assert_int_equal(w.n_dials, 0); /* nothing is called inside the call */
    spin();
    far_read(0, &got);
    assert_string_equal(got.data, "POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello");
    far_say(0,
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    assert_string_equal(a.log.data, "200 ");
    assert_string_equal(a.body.data, "abc");
    assert_false(a.ended);
    far_say(0, "0\r\n\r\n");
    assert_true(a.ended);
    assert_int_equal(a.rc, 0);
    done(&a);
    buf_free(&got);
}

static void reuse(void **state)
{
    struct asked a = { 0 };

    (void)state;
    for (int i = 0; i < 5; i++) {
        ask(&a, i == 2 ? "HEAD" : "GET", NULL);
        spin();
        assert_true(far_read(0, NULL) > 0);
        far_say(0,
                i == 2 ? "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n" : "HTTP/1.1 204 No Content\r\n\r\n");
        assert_true(a.ended && a.rc == 0);
        done(&a);
    }
    assert_int_equal(w.n_dials, 1);
    /* Not kept: what the far end says it will close, a body up to end-of-file, bytes behind the answer. */
    ask(&a, "GET", NULL);
    spin();
    far_say(0, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
    assert_true(a.ended && a.rc == 0 && far_sees_end(0));
    done(&a);
    ask(&a, "GET", NULL);
    spin();
    far_say(1, "HTTP/1.1 200 OK\r\n\r\nto the end");
    assert_false(a.ended);
    far_close(1);
    assert_true(a.ended && a.rc == 0);
    assert_string_equal(a.body.data, "to the end");
    done(&a);
    ask(&a, "GET", NULL);
    spin();
    far_say(2, "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
    assert_true(a.ended && a.rc == 0 && far_sees_end(2));
    done(&a);
}

static void pool(void **state)
{
    struct asked a[20] = { 0 };
    unsigned open = 0;

    (void)state;
    for (int i = 0; i < 20; i++)
        ask(&a[i], "GET", NULL);
    spin();
    assert_int_equal(w.n_dials, 20);
    for (unsigned i = 0; i < 20; i++)
        far_say(i, "HTTP/1.1 204 No Content\r\n\r\n");
    for (unsigned i = 0; i < 20; i++) {
        assert_true(a[i].ended);
        open += !far_sees_end(i);
    }
    assert_int_equal(open, 20);
    /* An idle connection that the far end closes, or on which it talks, leaves the pool. */
    far_close(19);
    far_say(18, "HTTP/1.1 408 Request Timeout\r\n\r\n");
    assert_true(far_sees_end(18));
    done(&a[0]);
    ask(&a[0], "GET", NULL);
    spin();
    assert_int_equal(w.n_dials, 20);
    assert_true(far_read(17, NULL) > 0);
    far_say(17, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_int_equal(a[0].rc, 0);
    for (int i = 0; i < 20; i++)
        done(&a[i]);
}

static void dead_kept_connection(void **state)
{
    struct asked a = { 0 };
    struct buf got = { 0 };

    (void)state;
    warm_up();
    close(w.far[0]); /* before the loop could see it */
    w.far[0] = -1;
    ask(&a, "POST", "again");
    spin();
    assert_int_equal(w.n_dials, 2);
    far_read(1, &got);
    assert_string_equal(got.data, "POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nagain");
    far_say(1, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_true(a.ended && a.rc == 0);
    done(&a);
    /* It is seen to be closed only after the request was written to it. */
    ask(&a, "POST", "again");
    spin();
    assert_int_equal(w.n_dials, 2);
    far_close(1);
    assert_int_equal(w.n_dials, 3);
    assert_false(a.ended);
    far_close(2); /* a fresh connection: the engine died of it, and once is enough */
    assert_true(a.ended && a.rc == -ECONNRESET && !a.got_byte);
    assert_int_equal(w.n_dials, 3);
    done(&a);
    buf_free(&got);
}

static void begun_answer_is_not_retried(void **state)
{
    struct asked a = { 0 };

    (void)state;
    warm_up();
    ask(&a, "POST", "x");
    spin();
    far_say(0, "H");
    far_close(0);
    assert_true(a.ended && a.rc == -ECONNRESET && a.got_byte);
    assert_int_equal(w.n_dials, 1);
    done(&a);
}

static void refused(void **state)
{
    struct asked a = { 0 };

    (void)state;
    w.refuse = -ECONNREFUSED;
    ask(&a, "GET", NULL);
    spin();
    assert_true(a.ended && a.rc == -ECONNREFUSED && !a.got_byte);
    assert_string_equal(a.log.data, "nobody listens there");
    done(&a);
}

static void dying(void **state)
{
    static const char *const said[] = {
        "",
        "HTTP/1.1 2",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    };

    (void)state;
    for (unsigned i = 0; i < sizeof said / sizeof *said; i++) {
        struct asked a = { 0 };
        ask(&a, "GET", NULL);
        spin();
        far_say(i, said[i]);
        assert_false(a.ended);
        far_close(i);
        assert_true(a.ended && a.rc == -ECONNRESET);
        assert_int_equal(a.got_byte, said[i][0] != '\0');
        done(&a);
    }
}

static void not_http(void **state)
{
    struct asked a = { 0 };
    char line[8001];

    (void)state;
    ask(&a, "GET", NULL);
    spin();
    far_say(0, "SSH-2.0-OpenSSH_9.2\r\n\r\n");
    assert_true(a.ended && a.rc == -EPROTO && far_sees_end(0));
    done(&a);
    ask(&a, "GET", NULL); /* a head without end */
    spin();
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    far_say(1, "HTTP/1.1 200 OK\r\nX: ");
    for (int i = 0; i < 9 && !a.ended; i++)
        far_say(1, line);
    assert_true(a.ended && a.rc == -EPROTO);
    done(&a);
    ask(&a, "GET", NULL); /* 1xx without end */
    spin();
    for (int i = 0; i < 40 && !a.ended; i++)
        far_say(2, "HTTP/1.1 102 Processing\r\n\r\n");
    assert_true(a.ended && a.rc == -EPROTO);
    done(&a);
}

static void cancelling(void **state)
{
    struct asked a = { 0 };

    (void)state;
    ask(&a, "GET", NULL); /* before anything happened */
    http_request_cancel(a.r);
    spin();
    assert_int_equal(w.n_dials, 0);
    w.hold = true; /* while the dial is out: its connection goes to the pool */
    ask(&a, "GET", NULL);
    spin();
    http_request_cancel(a.r);
    w.hold = false;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    fcntl(pair[1], F_SETFL, O_NONBLOCK);
    w.far[w.n_dials++] = pair[1];
    http_client_opened(w.c, w.ticket, pair[0], NULL);
    spin();
    ask(&a, "GET", NULL); /* sent on that connection */
    spin();
    assert_true(w.n_dials == 1 && far_read(0, NULL) > 0);
    http_request_cancel(a.r);
    spin();
    assert_true(far_sees_end(0));
    ask(&a, "GET", NULL);
    spin();
    a.act = CANCEL_IN_HEAD;
    far_say(1, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
    assert_true(far_sees_end(1) && a.bodies == 0);
    ask(&a, "GET", NULL);
    spin();
    a.act = CANCEL_IN_BODY;
    far_say(2, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab");
    assert_true(far_sees_end(2) && a.bodies == 1);
    ask(&a, "GET", NULL); /* while its failure is in the mailbox */
    w.refuse = -ECONNREFUSED;
    uv_run(&w.loop, UV_RUN_NOWAIT);
    if (!a.ended) {
        http_request_cancel(a.r);
        spin();
        assert_false(a.ended);
    }
    done(&a);
}

static void destroying(void **state)
{
    struct asked a = { 0 }, b = { 0 };

    (void)state;
    ask(&a, "GET", NULL);
    ask(&b, "GET", NULL);
    spin();
    a.act = DESTROY_IN_BODY;
    far_say(0, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
    assert_true(a.ended && a.rc == -ECANCELED);
    assert_true(b.ended && b.rc == -ECANCELED && !b.got_byte);
    done(&a);
    done(&b);
}

/* ---- What came at once is told of at once. */

static void told_cb(void *arg)
{
    buf_adds(&((struct asked *)arg)->body, "|");
}

static void told(void **state)
{
    static const struct http_handler gatherer = {
        .head = head_cb, .body = body_cb, .told = told_cb, .end = end_cb
    };
    struct asked a = { 0 };

    (void)state;
    ask_with(&a, "GET", NULL, &gatherer);
    spin();
    far_say(0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n");
    far_say(0, "1\r\nc\r\n");
    assert_string_equal(a.body.data, "ab|c|");
    far_say(0, "1\r\nd\r\n0\r\n\r\n"); /* `end` tells */
    assert_true(a.ended && a.rc == 0);
    assert_string_equal(a.body.data, "ab|c|d");
    done(&a);
}

/* ---- A connection that changes its protocol. */

static int given = -1; /* the descriptor of a changed connection */

static void upgraded_cb(void *arg, const struct http_head *h, int fd, const char *rest, size_t len)
{
    struct asked *a = arg;

    assert_int_equal(h->status, 101);
    assert_string_equal(http_field_get(h, "Upgrade"), "x");
    buf_add(&a->body, rest, len);
    given = fd;
    if (a->act == DESTROY_IN_BODY) {
        http_client_destroy(w.c);
        w.c = NULL;
    }
}

static const struct http_handler changer = {
    .head = head_cb, .body = body_cb, .end = end_cb, .upgraded = upgraded_cb
};

static void upgraded(void **state)
{
    struct asked a = { 0 };

    (void)state;
    ask(&a, "GET", NULL);
    spin();
    far_say(0, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nraw");
    assert_true(a.ended && a.rc == -EPROTO && far_sees_end(0));
    assert_non_null(strstr(a.log.data, "101"));
    done(&a);
}

static void changed(void **state)
{
    static const int acts[] = { ACT_NOTHING, DESTROY_IN_BODY };
    struct buf seen = { 0 };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct asked a = { .act = acts[i] };
        ask_with(&a, "GET", NULL, &changer);
        spin();
        far_read(i, NULL);
        far_say(i, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n");
        assert_int_equal(given, -1);
        far_say(i, "Upgrade: x\r\nConnection: Upgrade\r\n\r\nraw");
        assert_true(given >= 0 && !a.ended);
        assert_string_equal(a.body.data, "raw");
        assert_int_equal(write(given, "hello", 5), 5); /* it is open, and nobody else reads it */
        assert_int_equal(far_read(i, &seen), 5);
        far_say(i, "more");
        assert_int_equal(read(given, seen.data, 5), 4);
        close(given);
        given = -1;
        done(&a);
    }
    buf_free(&seen);
}

static void not_changed(void **state)
{
    struct asked a = { 0 };

    (void)state;
    ask_with(&a, "GET", NULL, &changer);
    spin();
    far_say(0, "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno");
    assert_true(a.ended && a.rc == 0 && given < 0);
    assert_string_equal(a.log.data, "426 ");
    assert_string_equal(a.body.data, "no");
    done(&a);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CASE("a request is sent and its answer comes in pieces", plain),
        CASE("a kept connection serves the next request", reuse),
        CASE("as many idle connections are kept as were in use at once, and only quiet ones", pool),
        CASE("a request on a dead kept connection is sent once more", dead_kept_connection),
        CASE("a request whose answer had begun is not sent again", begun_answer_is_not_retried),
        CASE("a refused dial ends the request with the dialer's words", refused),
        CASE("an engine that dies is noticed in each phase", dying),
        CASE("an answer that is not HTTP, or never ends its head, is an error", not_http),
        CASE("a request can be cancelled in each phase and closes its connection", cancelling),
        CASE("destroying the client inside a callback ends all requests", destroying),
        CASE("what was read at once is told of at once", told),
        CASE("a 101 that nobody asked for is an error", upgraded),
        CASE("a 101 that was asked for gives the connection away", changed),
        CASE("one who asked for it takes any other answer", not_changed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
