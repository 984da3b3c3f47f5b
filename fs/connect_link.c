/* SPDX-License-Identifier: MIT */
/* Two descriptors and what waits to be written to each. A side is read while the other one has room; the end of what the
 * client sends is passed on, the end of what the server sends ends the link when it is written. */
#include "fs/connect_link.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/base/timer.h"
#include "backend/http/http.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLOOD     ((size_t)256 << 10) /* bytes that may wait on a side before the other one is not read */
#define DIAL_MS   60000               /* a login with a second factor may be needed first */
#define LINGER_MS 5000                /* for a client that was refused to read why */
#define RETRY     "5"                 /* seconds */

struct link;

struct side {
    struct link *link;
    uv_poll_t poll;
    int fd;    /* -1 = not there yet */
    bool eof;  /* nothing more comes from it */
    bool shut; /* and nothing more goes to it */
    struct buf out;
};

struct link {
    struct list link;
    struct connect_links *links;
    struct side client, server;
    struct dial *dial;
    struct http_reader *reader; /* NULL: bytes pass as they are */
    struct timer *linger;
    bool refused, chunked, upgrade, raw, closed;
    unsigned handles; /* still open */
};

static void watch(struct side *s);

/* ---- The end */

static void closed_cb(uv_handle_t *h)
{
    struct side *s = h->data;

    if (--s->link->handles == 0)
        free(s->link);
}

static void close_side(struct side *s)
{
    buf_free(&s->out);
    if (s->fd < 0)
        return;
    uv_close((uv_handle_t *)&s->poll, closed_cb);
    close(s->fd);
    s->fd = -1;
}

/* The memory goes with the last handle, after every callback of this turn. */
static void close_link(struct link *k)
{
    if (k->closed)
        return;
    k->closed = true;
    list_remove(&k->link);
    dial_cancel(k->dial);
    timer_destroy(k->linger);
    http_reader_destroy(k->reader);
    close_side(&k->server);
    close_side(&k->client);
}

void connect_link_close_all(struct connect_links *l)
{
    list_for_each(k, &l->all, struct link, link) close_link(k);
}

static void linger_cb(void *arg)
{
    close_link(arg);
}

/* ---- Refusing */

static void refuse(struct link *k, int status, const char *text)
{
    json_t *j = json_pack("{s:s}", "error", text);
    char *body = j ? json_dumps(j, 0) : NULL, length[32];
    struct buf *out = &k->client.out;

    k->refused = true;
    buf_free(out);
    http_write_response(out, status);
    http_write_field(out, "Content-Type", "application/json; charset=utf-8");
    snprintf(length, sizeof length, "%zu", body ? strlen(body) : 0);
    http_write_field(out, "Content-Length", length);
    if (status == 503)
        http_write_field(out, "Retry-After", RETRY);
    http_write_field(out, "Connection", "close");
    http_write_end(out);
    buf_adds(out, body ? body : "");
    timer_start_ms(k->linger, LINGER_MS);
    watch(&k->client);
    free(body);
    json_decref(j);
}

/* ---- Requests that get the token */

static int head_cb(void *arg, const struct http_head *h)
{
    struct link *k = arg;
    struct buf *out = &k->server.out, value = { 0 };

    http_write_request(out, h->method, h->target);
    for (size_t i = 0; i < h->n_fields; i++)
        if (strcasecmp(h->fields[i].name, "Authorization") != 0)
            http_write_field(out, h->fields[i].name, h->fields[i].value);
    buf_addf(&value, "Bearer %s", k->links->token);
    http_write_field(out, "Authorization", buf_str(&value));
    http_write_end(out);
    buf_free(&value);
    k->chunked = h->chunked;
    k->upgrade = h->upgrade;
    return 0;
}

static int body_cb(void *arg, const char *data, size_t len)
{
    struct link *k = arg;

    if (k->chunked)
        http_write_chunk(&k->server.out, data, len);
    else
        buf_add(&k->server.out, data, len);
    return 0;
}

/* What follows a request for another protocol is none of ours to read. */
static int complete_cb(void *arg)
{
    struct link *k = arg;

    if (k->chunked)
        http_write_last_chunk(&k->server.out);
    k->raw = k->upgrade;
    return k->raw;
}

static void take_requests(struct link *k, const char *data, size_t len)
{
    const char *why = NULL;
    ssize_t n = http_reader_feed(k->reader, data, len, &why);

    if (n < 0) {
        refuse(k, 400, why ? why : "this is no HTTP request");
    } else if (k->raw) {
        http_reader_destroy(k->reader);
        k->reader = NULL;
        buf_add(&k->server.out, data + n, len - (size_t)n);
    }
}

/* ---- Bytes */

/* False: the link is no more. */
static bool flush(struct side *s)
{
    struct side *from = s == &s->link->client ? &s->link->server : &s->link->client;

    while (s->out.len > 0 && s->fd >= 0) {
        ssize_t n = send(s->fd, s->out.data, s->out.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return true;
        if (n < 0) {
            close_link(s->link);
            return false;
        }
        buf_consume(&s->out, (size_t)n);
    }
    bool over = from->eof || (s->link->refused && s == &s->link->client);
    if (s->out.len == 0 && s->fd >= 0 && over && !s->shut) {
        s->shut = true;
        shutdown(s->fd, SHUT_WR);
    }
    bool answered = s == &s->link->client && s->out.len == 0 && (from->eof || (s->link->refused && s->eof));
    if (answered) {
        close_link(s->link);
        return false;
    }
    return true;
}

/* False: the link is no more. */
static bool take(struct side *s)
{
    struct link *k = s->link;
    struct side *to = s == &k->client ? &k->server : &k->client;
    char bytes[65536];

    while (!s->eof && to->out.len < FLOOD) {
        ssize_t n = recv(s->fd, bytes, sizeof bytes, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        s->eof = n <= 0;
        if (n < 0) {
            close_link(k);
            return false;
        }
        if (k->refused)
            continue; /* unread it would make the kernel send a reset, which overtakes the answer */
        if (s == &k->client && k->reader)
            take_requests(k, bytes, n > 0 ? (size_t)n : 0);
        else
            buf_add(&to->out, bytes, (size_t)n);
    }
    return true;
}

static void poll_cb(uv_poll_t *p, int status, int events)
{
    struct side *s = p->data;
    struct link *k = s->link;

    if (status < 0) {
        close_link(k);
        return;
    }
    if ((events & UV_READABLE) && !take(s))
        return;
    if (!flush(&k->server) || !flush(&k->client))
        return;
    watch(&k->server);
    watch(&k->client);
}

static void watch(struct side *s)
{
    const struct side *to = s == &s->link->client ? &s->link->server : &s->link->client;
    int events = 0;

    if (s->fd < 0 || s->link->closed)
        return;
    if (!s->eof && to->out.len < FLOOD)
        events |= UV_READABLE;
    if (s->out.len > 0)
        events |= UV_WRITABLE;
    if (events)
        uv_poll_start(&s->poll, events, poll_cb);
    else
        uv_poll_stop(&s->poll);
}

static bool open_side(struct link *k, struct side *s, int fd)
{
    s->link = k;
    s->poll.data = s;
    if (uv_poll_init(k->links->loop, &s->poll, fd) < 0) {
        close(fd);
        return false;
    }
    s->fd = fd;
    k->handles++;
    return true;
}

/* ---- The beginning */

static void dialled_cb(void *arg, int fd, const char *err)
{
    struct link *k = arg;
    struct buf text = { 0 };

    k->dial = NULL;
    k->links->dialled(k->links->arg, fd < 0 ? fd : 0, err);
    if (fd >= 0 && open_side(k, &k->server, fd)) {
        if (flush(&k->server)) {
            watch(&k->server);
            watch(&k->client);
        }
        return;
    }
    buf_addf(&text, "backend unavailable: %s", fd < 0 ? err : "no descriptor is left");
    refuse(k, 503, buf_str(&text));
    buf_free(&text);
}

static struct link *create(struct connect_links *l, int fd)
{
    struct link *k = NEW(struct link);

    k->links = l;
    k->client.fd = k->server.fd = -1;
    k->server.link = k;
    if (!open_side(k, &k->client, fd)) {
        free(k);
        return NULL;
    }
    k->linger = timer_create_on(l->loop, linger_cb, k);
    list_append(&l->all, &k->link);
    return k;
}

void connect_link_start(struct connect_links *l, int fd)
{
    static const struct http_reader_callbacks callbacks = { .head = head_cb,
                                                            .body = body_cb,
                                                            .complete = complete_cb };
    struct link *k = create(l, fd);

    if (!k)
        return;
    if (l->token)
        k->reader = http_reader_create(false, &callbacks, k);
    k->dial = transport_dial(l->transport, "127.0.0.1", l->port, DIAL_MS, dialled_cb, k);
    watch(&k->client);
}

void connect_link_refuse(struct connect_links *l, int fd, int status, const char *text)
{
    struct link *k = create(l, fd);

    if (k)
        refuse(k, status, text);
}
