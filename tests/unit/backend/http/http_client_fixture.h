/* SPDX-License-Identifier: MIT */
#ifndef TESTS_HTTP_CLIENT_FIXTURE_H
#define TESTS_HTTP_CLIENT_FIXTURE_H
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

static inline void spin(void)
{
    for (int i = 0; i < 12; i++)
        uv_run(&w.loop, UV_RUN_NOWAIT);
}

static inline void open_cb(void *arg, struct http_client *c, void *ticket)
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

static inline int begin(void **state)
{
    struct http_dialer d = { .open = open_cb };

    (void)state;
    memset(&w, 0, sizeof w);
    uv_loop_init(&w.loop);
    w.c = http_client_create(&w.loop, &d);
    return 0;
}

static inline int finish(void **state)
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

static inline void head_cb(void *arg, const struct http_head *h)
{
    struct asked *a = arg;

    buf_addf(&a->log, "%d ", h->status);
    if (a->act == CANCEL_IN_HEAD)
        http_request_cancel(a->r);
    if (a->act == PAUSE_IN_HEAD)
        http_request_pause(a->r);
}

static inline void body_cb(void *arg, const char *data, size_t len)
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

static inline void end_cb(void *arg, int rc, bool got_byte, const char *err)
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

static const struct http_handler handler = { .head = head_cb, .body = body_cb, .end = end_cb };

static inline void ask_with(struct asked *a, const char *method, const char *body,
                            const struct http_handler *h)
{
    struct buf head = { 0 };

    http_write_request(&head, method, "/x");
    if (body)
        buf_addf(&head, "Content-Length: %zu\r\n", strlen(body));
    http_write_end(&head);
    a->r = http_client_send(w.c, head.data, head.len, body, body ? strlen(body) : 0, h, a);
    buf_free(&head);
}

static inline void ask(struct asked *a, const char *method, const char *body)
{
    ask_with(a, method, body, &handler);
}

static inline void done(struct asked *a)
{
    buf_free(&a->log);
    buf_free(&a->body);
    *a = (struct asked){ 0 };
}

/* ---- The engine. */

static inline size_t far_read(unsigned i, struct buf *out)
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

static inline void far_say(unsigned i, const char *text)
{
    assert_int_equal(write(w.far[i], text, strlen(text)), strlen(text));
    spin();
}

static inline void far_close(unsigned i)
{
    far_read(i, NULL); /* closing with bytes unread is a reset, which may overtake what was said */
    close(w.far[i]);
    w.far[i] = -1;
    spin();
}

static inline bool far_sees_end(unsigned i)
{
    char ch;

    far_read(i, NULL);
    ssize_t n = read(w.far[i], &ch, 1);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

/* Make connection 0 an idle one. */
static inline void warm_up(void)
{
    struct asked a = { 0 };

    ask(&a, "GET", NULL);
    spin();
    far_read(0, NULL);
    far_say(0, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_true(a.ended);
    done(&a);
}

#define CASE(sentence, f)                                                                                    \
    {                                                                                                        \
        sentence, f, begin, finish, NULL                                                                     \
    }

#endif
