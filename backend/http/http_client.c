/* SPDX-License-Identifier: MIT */
/* Requests to one engine: which connection each gets, when it is sent again, and how it ends. Called by the
 * engine's dialect and by the gateway; http_conn.c moves the bytes.
 *
 * Callbacks are called from the loop alone: what a call finds out at once (no connection was had) goes through
 * the mailbox. */
#include "backend/http/http_conn.h"
#include "backend/base/alloc.h"
#include "backend/base/mailbox.h"
#include "backend/base/timer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Idle connections that are kept: 16, or as many as were in use at once lately, since a steady load would else open one
 * for most of its requests. Not more: some engines have a thread for each. */
#define IDLE_MAX 16
#define IDLE_MS  30000 /* engines close theirs after 5 s (uvicorn) to 75 s */
#define FRESH_MS 1000  /* of one that was used so lately the loop has looked since */

enum event { EV_DIAL, EV_RESUME, EV_FAILED };

/* ---- The client. */

void http_client_hold(struct http_client *c)
{
    c->holds++;
}

void http_client_release(struct http_client *c)
{
    if (--c->holds || !c->destroyed)
        return;
    free(c->space);
    free(c);
}

static void expiry_cb(void *arg)
{
    struct http_client *c = arg;
    uint64_t now = mono_ms();
    uint64_t oldest = now;

    list_for_each(conn, &c->idle, struct http_conn, link)
    {
        if (conn->idle_since + IDLE_MS <= now) {
            http_conn_close(conn);
        } else if (conn->idle_since < oldest) {
            oldest = conn->idle_since;
        }
    }
    c->most_requests = c->n_requests;
    if (c->n_idle)
        timer_start_ms(c->expiry, oldest + IDLE_MS - now);
}

struct http_client *http_client_create(uv_loop_t *loop, const struct http_dialer *d)
{
    struct http_client *c = NEW(struct http_client);

    c->loop = loop;
    c->dialer = *d;
    c->mail = mailbox_create(loop);
    c->expiry = timer_create_on(loop, expiry_cb, c);
    c->space = xcalloc(1, HTTP_SPACE);
    list_init(&c->requests);
    list_init(&c->dials);
    list_init(&c->idle);
    return c;
}

void http_client_destroy(struct http_client *c)
{
    if (!c || c->destroyed)
        return;
    http_client_hold(c);
    c->destroyed = true;
    for (struct http_request *r; (r = list_first(&c->requests, struct http_request, link));) {
        if (r->conn)
            http_conn_close(r->conn);
        http_request_end(r, -ECANCELED, "cancelled");
    }
    list_for_each(conn, &c->idle, struct http_conn, link)
    {
        http_conn_close(conn);
    }
    list_for_each(d, &c->dials, struct http_dial, link)
    {
        list_remove(&d->link);
        free(d);
    }
    mailbox_destroy(c->mail);
    timer_destroy(c->expiry);
    http_client_release(c);
}

void http_client_recycle(struct http_conn *conn)
{
    struct http_client *c = conn->client;

    conn->reused = true;
    conn->idle_since = mono_ms();
    list_prepend(&c->idle, &conn->link);
    if (++c->n_idle > (c->most_requests > IDLE_MAX ? c->most_requests : IDLE_MAX))
        http_conn_close(container_of(c->idle.prev, struct http_conn, link));
    if (!timer_active(c->expiry))
        timer_start_ms(c->expiry, IDLE_MS);
}

static struct http_conn *take_idle(struct http_client *c)
{
    uint64_t now = mono_ms();

    for (struct http_conn *conn; (conn = list_first(&c->idle, struct http_conn, link));) {
        if (now - conn->idle_since < FRESH_MS || http_conn_is_quiet(conn)) {
            list_remove(&conn->link);
            c->n_idle--;
            return conn;
        }
        http_conn_close(conn);
    }
    return NULL;
}

/* ---- How a request ends. */

static void free_request(struct http_request *r)
{
    mailbox_forget(r->client->mail, r);
    list_remove(&r->link);
    r->client->n_requests--;
    if (r->dial)
        r->dial->request = NULL;
    buf_free(&r->wire);
    buf_free(&r->more);
    free(r->err);
    free(r);
}

void http_request_end(struct http_request *r, int rc, const char *err)
{
    const struct http_handler *h = r->h;
    void *arg = r->arg;
    bool got_byte = r->got_byte;
    char *text = xstrdup(err); /* it may be r's own */

    free_request(r);
    h->end(arg, rc, got_byte, text);
    free(text);
}

void http_request_upgraded(struct http_request *r, const struct http_head *h, int fd, const char *rest,
                           size_t len)
{
    const struct http_handler *handler = r->h;
    void *arg = r->arg;

    free_request(r);
    handler->upgraded(arg, h, fd, rest, len);
}

static void event_cb(void *arg, int what);

void http_request_lost(struct http_request *r, bool was_reused, const char *err)
{
    /* The far end may have closed a kept connection while the request was under way to it. It then was not
     * looked at, and nobody has to know. On a fresh connection the same sight means an engine that died of
     * the request. */
    if (!was_reused || r->got_byte || r->retried) {
        http_request_end(r, -ECONNRESET, err);
        return;
    }
    r->retried = true;
    r->sent = 0;
    mailbox_post(r->client->mail, event_cb, r, EV_DIAL);
}

static void event_cb(void *arg, int what)
{
    struct http_request *r = arg;
    struct http_client *c = r->client;

    switch ((enum event)what) {
    case EV_DIAL:
        r->dial = NEW(struct http_dial);
        r->dial->request = r;
        list_append(&c->dials, &r->dial->link);
        c->dialer.open(c->dialer.arg, c, r->dial);
        break;
    case EV_RESUME:
        if (r->conn && !r->paused)
            http_conn_resume(r->conn);
        break;
    case EV_FAILED:
        http_request_end(r, r->rc, r->err);
        break;
    }
}

void http_client_opened(struct http_client *c, void *ticket, int fd, const char *err)
{
    struct http_dial *d = ticket;
    struct http_request *r = d->request;
    struct http_conn *conn = fd >= 0 ? http_conn_create(c, fd) : NULL;
    int rc = fd >= 0 ? -errno : fd;

    list_remove(&d->link);
    free(d);
    if (r)
        r->dial = NULL;
    if (conn && r) {
        http_conn_attach(conn, r);
    } else if (conn) { /* its request was cancelled; another will want it */
        http_conn_watch(conn);
        http_client_recycle(conn);
    } else if (r) {
        r->rc = rc;
        r->err = xstrdup(fd >= 0 || !err ? strerror(-rc) : err);
        mailbox_post(c->mail, event_cb, r, EV_FAILED);
    }
}

/* ---- Requests. */

static struct http_request *add_request(struct http_client *c, const char *head, size_t head_len,
                                        const void *body, size_t body_len, const struct http_handler *h,
                                        void *arg)
{
    struct http_request *r = NEW(struct http_request);

    r->client = c;
    r->h = h;
    r->arg = arg;
    r->head_request = head_len > 5 && !memcmp(head, "HEAD ", 5);
    buf_add(&r->wire, head, head_len);
    r->body = body;
    r->body_len = body ? body_len : 0;
    list_append(&c->requests, &r->link);
    if (++c->n_requests > c->most_requests)
        c->most_requests = c->n_requests;
    return r;
}

struct http_request *http_client_send(struct http_client *c, const char *head, size_t head_len,
                                      const void *body, size_t body_len, const struct http_handler *h,
                                      void *arg)
{
    struct http_request *r = add_request(c, head, head_len, body, body_len, h, arg);
    struct http_conn *conn = take_idle(c);

    if (conn)
        http_conn_attach(conn, r);
    else
        mailbox_post(c->mail, event_cb, r, EV_DIAL);
    return r;
}

struct http_request *http_client_begin(struct http_client *c, const char *head, size_t head_len,
                                       const void *body, size_t body_len, const struct http_handler *h,
                                       void *arg)
{
    struct http_request *r = add_request(c, head, head_len, body, body_len, h, arg);

    r->open = r->wants_drain = true;
    mailbox_post(c->mail, event_cb, r, EV_DIAL);
    return r;
}

bool http_request_write(struct http_request *r, const void *data, size_t len)
{
    const char *p = data;
    size_t n = r->conn && http_request_waiting(r) == 0 ? http_conn_write(r->conn, p, len) : 0;

    if (r->more_sent > HTTP_WRITE_HIGH) {
        buf_consume(&r->more, r->more_sent);
        r->more_sent = 0;
    }
    if (n < len && !(r->conn && r->conn->write_dead))
        buf_add(&r->more, p + n, len - n);
    r->wants_drain |= http_request_waiting(r) > HTTP_WRITE_HIGH;
    if (r->conn)
        http_conn_watch(r->conn);
    return !r->wants_drain;
}

void http_request_whole(struct http_request *r)
{
    r->open = false;
}

bool http_request_sent(const struct http_request *r)
{
    return r->got_byte && http_request_all_sent(r);
}

void http_request_pause(struct http_request *r)
{
    r->paused = true;
    if (r->conn)
        http_conn_watch(r->conn);
}

void http_request_resume(struct http_request *r)
{
    if (!r->paused)
        return;
    r->paused = false;
    mailbox_post(r->client->mail, event_cb, r, EV_RESUME);
}

void http_request_cancel(struct http_request *r)
{
    if (r->conn)
        http_conn_close(r->conn);
    free_request(r);
}
