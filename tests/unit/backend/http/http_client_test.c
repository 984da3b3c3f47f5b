/* SPDX-License-Identifier: MIT */
/* The client against an engine that the test plays itself: a dial is a socketpair, and the test holds its
 * other end. All ends are in one process, so that a few turns of the loop without waiting are enough for
 * anything to happen. */
#include "backend/http/http_client.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define DIALS 64

static struct {
    uv_loop_t loop;
    struct http_client *c;
    int far[DIALS]; /* the engine's ends, by the order of the dials; -1 closed */
    unsigned n_dials;
    int refuse; /* errno for the next dials, or 0 */
    bool hold;  /* keep the ticket for later */
    void *ticket;
} w;

/* One request and what it was told. */
struct asked {
    struct http_request *r;
    struct buf log, body;
    unsigned bodies;
    bool ended, got_byte;
    int rc;
    int act; /* what to do in a callback, see enum */
};
enum { ACT_NOTHING, CANCEL_IN_HEAD, CANCEL_IN_BODY, PAUSE_IN_BODY, DESTROY_IN_BODY, PAUSE_IN_HEAD };

static void spin(void)
{
    for (int i = 0; i < 12; i++)
        uv_run(&w.loop, UV_RUN_NOWAIT);
}

static void open_cb(void *arg, struct http_client *c, void *ticket)
{
    int pair[2];

    (void)arg;
    if (w.hold) {
        w.ticket = ticket;
        return;
    }
    if (w.refuse) {
        http_client_opened(c, ticket, w.refuse, "nobody listens there");
        return;
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    fcntl(pair[1], F_SETFL, O_NONBLOCK);
    assert_true(w.n_dials < DIALS);
    w.far[w.n_dials++] = pair[1];
    http_client_opened(c, ticket, pair[0], NULL);
}

static int begin(void **state)
{
    struct http_dialer d = { .open = open_cb };

    (void)state;
    memset(&w, 0, sizeof w);
    uv_loop_init(&w.loop);
    w.c = http_client_create(&w.loop, &d);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    http_client_destroy(w.c);
    for (unsigned i = 0; i < w.n_dials; i++) {
        if (w.far[i] >= 0)
            close(w.far[i]);
    }
    uv_run(&w.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w.loop), 0);
    return 0;
}

/* ---- The handler. */

static void head_cb(void *arg, const struct http_head *h)
{
    struct asked *a = arg;

    buf_addf(&a->log, "%d ", h->status);
    if (a->act == CANCEL_IN_HEAD)
        http_request_cancel(a->r);
    if (a->act == PAUSE_IN_HEAD)
        http_request_pause(a->r);
}

static void body_cb(void *arg, const char *data, size_t len)
{
    struct asked *a = arg;

    buf_add(&a->body, data, len);
    a->bodies++;
    if (a->act == CANCEL_IN_BODY)
        http_request_cancel(a->r);
    if (a->act == PAUSE_IN_BODY)
        http_request_pause(a->r);
    if (a->act == DESTROY_IN_BODY) {
        http_client_destroy(w.c);
        w.c = NULL;
    }
}

static void end_cb(void *arg, int rc, bool got_byte, const char *err)
{
    struct asked *a = arg;

    assert_false(a->ended);
    assert_non_null(err);
    a->ended = true;
    a->rc = rc;
    a->got_byte = got_byte;
    if (rc)
        buf_adds(&a->log, err);
}

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

static const struct http_handler handler = { .head = head_cb, .body = body_cb, .end = end_cb };
static const struct http_handler changer = {
    .head = head_cb, .body = body_cb, .end = end_cb, .upgraded = upgraded_cb
};

static void ask_with(struct asked *a, const char *method, const char *body, const struct http_handler *h)
{
    struct buf head = { 0 };

    http_write_request(&head, method, "/x");
    if (body)
        buf_addf(&head, "Content-Length: %zu\r\n", strlen(body));
    http_write_end(&head);
    a->r = http_client_send(w.c, head.data, head.len, body, body ? strlen(body) : 0, h, a);
    buf_free(&head);
}

static void ask(struct asked *a, const char *method, const char *body)
{
    ask_with(a, method, body, &handler);
}

static void done(struct asked *a)
{
    buf_free(&a->log);
    buf_free(&a->body);
    *a = (struct asked){ 0 };
}

/* ---- The engine. */

static size_t far_read(unsigned i, struct buf *out)
{
    char data[65536];
    ssize_t n;
    size_t sum = 0;

    while ((n = read(w.far[i], data, sizeof data)) > 0) {
        if (out)
            buf_add(out, data, (size_t)n);
        sum += (size_t)n;
    }
    return sum;
}

static void far_say(unsigned i, const char *text)
{
    assert_int_equal(write(w.far[i], text, strlen(text)), strlen(text));
    spin();
}

static void far_close(unsigned i)
{
    far_read(i, NULL); /* closing with bytes unread is a reset, which may overtake what was said */
    close(w.far[i]);
    w.far[i] = -1;
    spin();
}

static bool far_sees_end(unsigned i)
{
    char ch;

    far_read(i, NULL);
    ssize_t n = read(w.far[i], &ch, 1);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

/* ---- Tests. */

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

/* Make connection 0 an idle one. */
static void warm_up(void)
{
    struct asked a = { 0 };

    ask(&a, "GET", NULL);
    spin();
    far_read(0, NULL);
    far_say(0, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_true(a.ended);
    done(&a);
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
#define CASE(sentence, f)                                                                                    \
    {                                                                                                        \
        sentence, f, begin, finish, NULL                                                                     \
    }
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
        CASE("a paused request stops the engine within bounds", backpressure),
        CASE("a request of 5 MiB is sent as the engine reads it", large_request),
        CASE("a body may be written in pieces, as fast as the engine reads them", body_in_pieces),
        CASE("one that is answered, or lost, before it is whole is not sent again", body_that_stays_open),
        CASE("a 101 that nobody asked for is an error", upgraded),
        CASE("a 101 that was asked for gives the connection away", changed),
        CASE("one who asked for it takes any other answer", not_changed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
