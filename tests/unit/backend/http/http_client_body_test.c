/* SPDX-License-Identifier: MIT */
/* Long bodies both ways: as fast as the slower side, and within bounds. */
#include "tests/unit/backend/http/http_client_fixture.h"

/* Write size bytes of body at the far end, as far as they go. Returns how many went. */
static size_t far_fill(unsigned i, size_t size)
{
    static char data[65536];
    size_t sum = 0;
    ssize_t n = 0;

    memset(data, 'x', sizeof data);
    while (sum < size && (n = write(w.far[i], data, size - sum < sizeof data ? size - sum : sizeof data)) > 0)
        sum += (size_t)n;
    return sum;
}

static void backpressure(void **state)
{
    struct asked a = { 0 };
    size_t size = 5 << 20, put = 0;

    (void)state;
    ask(&a, "GET", NULL);
    spin();
    a.act = PAUSE_IN_BODY;
    far_say(0, "HTTP/1.1 200 OK\r\nContent-Length: 5242880\r\n\r\n");
    for (int i = 0; i < 5; i++) {
        put += far_fill(0, size - put);
        spin();
    }
    size_t seen = a.body.len;
    assert_true(seen > 0 &&
                seen <= 65536); /* one read's worth, though the far end wrote until it was stopped */
    assert_true(put < size);
    while (!a.ended) {
        put += far_fill(0, size - put);
        http_request_resume(a.r);
        spin();
        if (a.ended)
            break;
        assert_true(a.body.len - seen <= 65536);
        seen = a.body.len;
    }
    assert_int_equal(a.body.len, size);
    done(&a);
    ask(&a, "GET", NULL); /* paused from the head on */
    spin();
    a.act = PAUSE_IN_HEAD;
    far_say(0, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
    far_say(0, "cde");
    assert_true(a.bodies == 0 && !a.ended);
    http_request_resume(a.r);
    spin();
    assert_true(a.ended && !strcmp(a.body.data, "abcde"));
    done(&a);
}

static void large_request(void **state)
{
    struct asked a = { 0 };
    size_t size = 5 << 20, got = 0;
    char *body = xcalloc(1, size + 1);
    struct buf all = { 0 };

    (void)state;
    memset(body, 'y', size);
    ask(&a, "POST", body);
    spin();
    for (int i = 0; i < 1000 && got < size; i++) {
        far_read(0, &all);
        got = all.len;
        spin();
    }
    assert_int_equal(all.len, size + strlen("POST /x HTTP/1.1\r\nContent-Length: 5242880\r\n\r\n"));
    far_say(0, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_true(a.ended && a.rc == 0);
    done(&a);
    /* An engine that refuses before it has read all: its answer counts, its connection is not used again. */
    ask(&a, "POST", body);
    spin();
    far_say(0, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
    assert_true(a.ended && a.rc == 0 && far_sees_end(0));
    assert_string_equal(a.log.data, "413 ");
    done(&a);
    free(body);
    buf_free(&all);
}

static int n_drained;

static void drained_cb(void *arg)
{
    (void)arg;
    n_drained++;
}

static const struct http_handler writer = {
    .head = head_cb, .body = body_cb, .drained = drained_cb, .end = end_cb
};

static void begin_body(struct asked *a, const char *beginning)
{
    static const char head[] = "POST / HTTP/1.1\r\nContent-Length: 5242880\r\n\r\n";

    n_drained = 0;
    a->r = http_client_begin(w.c, head, sizeof head - 1, beginning, strlen(beginning), &writer, a);
    spin();
}

static void body_in_pieces(void **state)
{
    struct asked a = { 0 };
    size_t size = 5 << 20, put = 3, got = 0;
    char *piece = xcalloc(1, 100000);
    struct buf all = { 0 };

    (void)state;
    warm_up(); /* leaves a connection, which is not taken */
    unsigned n = w.n_dials;
    begin_body(&a, "abc");
    assert_int_equal(w.n_dials, n + 1);
    assert_int_equal(n_drained, 1);
    for (unsigned i = 0; i < 100000; i++)
        piece[i] = (char)(i % 251);
    while (http_request_write(a.r, piece, 100000)) /* nobody reads: that has an end */
        assert_true((put += 100000) < 2 << 20);
    put += 100000;
    spin();
    assert_int_equal(n_drained, 1);
    while (put < size) {
        got += far_read(n, &all);
        spin();
        if (n_drained < 2)
            continue;
        n_drained = 1;
        for (bool more = true; more && put < size;) {
            size_t len = size - put < 100000 ? size - put : 100000;
            put += len;
            more = http_request_write(a.r, piece, len);
        }
    }
    http_request_whole(a.r);
    for (int i = 0; i < 200; i++) {
        got += far_read(n, &all);
        spin();
    }
    const char *body = strstr(all.data, "\r\n\r\n") + 4;
    assert_int_equal(got, size + (size_t)(body - all.data));
    assert_memory_equal(body, "abc", 3);
    for (size_t i = 0; i < size - 3; i++)
        if ((unsigned char)body[3 + i] != i % 100000 % 251)
            fail_msg("byte %zu of the body", i);
    far_say(n, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_true(a.ended && a.rc == 0);
    done(&a);
    buf_free(&all);
    ask(&a, "GET", NULL); /* the connection is kept as any */
    spin();
    assert_int_equal(w.n_dials, n + 1);
    http_request_cancel(a.r);
    done(&a);
    free(piece);
}

static void body_that_stays_open(void **state)
{
    struct asked a = { 0 };

    (void)state;
    begin_body(&a, "abc"); /* answered before it was whole: the connection is of no more use */
    far_say(0, "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n");
    assert_true(a.ended && a.rc == 0 && !strcmp(a.log.data, "413 "));
    assert_true(far_sees_end(0));
    done(&a);
    begin_body(&a, "abc");
    far_close(1);
    assert_true(a.ended && a.rc == -ECONNRESET && !a.got_byte);
    assert_int_equal(w.n_dials, 2);
    done(&a);
    w.refuse = -ECONNREFUSED;
    begin_body(&a, "abc");
    assert_true(a.ended && a.rc == -ECONNREFUSED && n_drained == 0);
    done(&a);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CASE("a paused request stops the engine within bounds", backpressure),
        CASE("a request of 5 MiB is sent as the engine reads it", large_request),
        CASE("a body may be written in pieces, as fast as the engine reads them", body_in_pieces),
        CASE("one that is answered, or lost, before it is whole is not sent again", body_that_stays_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
