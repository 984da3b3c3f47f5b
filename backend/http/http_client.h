/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_HTTP_CLIENT_H
#define BACKEND_HTTP_CLIENT_H
#include "backend/http/http.h"
/* Requests to one engine over connections that somebody else opens (a forward through the login node, or
 * loopback). Idle connections are kept and used again, at most 16, for 30 s or until the far end closes. A
 * request whose kept connection turns out to be dead before any byte of the answer came is sent once more
 * on a fresh one. No time limits: who asks has them, and cancels. Loop
 * thread only; no callback is called inside the call that caused it, save by http_client_destroy(). Every
 * function may be called inside a callback. */

struct http_client;
struct http_request; /* valid until its `end` is called or http_request_cancel() */

/* Opens a connection for the client: must call http_client_opened() later, exactly once for each ticket, with
 * a connected stream socket (TCP, Unix or a socketpair) that the client then owns, or a negative errno and a
 * sentence. */
struct http_dialer {
    void (*open)(void *arg, struct http_client *c, void *ticket);
    void *arg;
};
void http_client_opened(struct http_client *c, void *ticket, int fd, const char *err);

struct http_client *http_client_create(uv_loop_t *loop, const struct http_dialer *d);

/* Requests in flight end with -ECANCELED before it returns, and none may be sent from there; tickets not yet
 * answered must not be answered after it (the owner of the dialer cancels its dials first). NULL is
 * allowed. */
void http_client_destroy(struct http_client *c);

struct http_handler {
    /* All on the loop thread; each may be NULL, save end. */

    /* Once; 1xx are dropped, but 101, see upgraded. h is borrowed until end. */
    void (*head)(void *arg, const struct http_head *h);

    void (*body)(void *arg, const char *data, size_t len); /* decoded; borrowed for the call */

    /* All that was there to be read was given to `body`, and the answer goes on: what was gathered of it is due. */
    void (*told)(void *arg);

    /* Of a request that http_client_begin() began: less than 64 KiB wait to be sent. First when its beginning went out,
     * then where http_request_write() said stop. */
    void (*drained)(void *arg);

    /* Exactly once and last, unless cancelled. rc 0: the answer is complete. -ECONNREFUSED etc.: no
     * connection was had (the dialer's errno). -ECONNRESET: lost; got_byte tells whether any byte of an
     * answer had come. -EPROTO: not HTTP; err says what. */
    void (*end)(void *arg, int rc, bool got_byte, const char *err);

    /* A 101 came, and from here on the connection is no HTTP: the descriptor is the caller's, non-blocking, and
     * so are the bytes that came behind the head. All is borrowed for the call, which stands for `end`. NULL: a
     * 101 is an error. */
    void (*upgraded)(void *arg, const struct http_head *h, int fd, const char *rest, size_t len);
};

/* head  complete request head, ending in the empty line, with Content-Length where there is a body; copied
 * body  borrowed until http_request_sent() or the request ends: one of a hundred megabytes is not copied; may be NULL
 * h     borrowed until end: mostly a static table */
struct http_request *http_client_send(struct http_client *c, const char *head, size_t head_len,
                                      const void *body, size_t body_len, const struct http_handler *h,
                                      void *arg);

/* Likewise, but the body is only begun, and the rest is written as it comes. head says how long it will be, or that it
 * is chunked, which is the caller's to do. It goes on a connection of its own, since it could not be sent twice. */
struct http_request *http_client_begin(struct http_client *c, const char *head, size_t head_len,
                                       const void *body, size_t body_len, const struct http_handler *h,
                                       void *arg);

/* A piece more; copied where it cannot be sent at once. False: more than 256 KiB wait, stop until `drained`. To an
 * engine that takes no more, what is written goes nowhere: its answer, or its end, is still to come. */
bool http_request_write(struct http_request *r, const void *data, size_t len);
void http_request_whole(struct http_request *r); /* that was all of it */

/* Nothing of the head and the body is needed any more. */
bool http_request_sent(const struct http_request *r);

/* Backpressure: no `body` until resumed; `end` may come all the same where nothing else is due before it. May
 * be called at any time between head and end. */
void http_request_pause(struct http_request *r);
void http_request_resume(struct http_request *r);

/* No callback after this; the connection is closed, which is what ends a generation. */
void http_request_cancel(struct http_request *r);

#endif
