/* SPDX-License-Identifier: MIT */
/* The server's side of one connection. States: a request is being read; or one is being answered, while what
 * the client sends beyond it stays in a stash, read up to a limit, so that its leaving is seen; or the last
 * answer was given, and what the client still sends is thrown away until it closes (closing at once would
 * make the kernel send a reset, which can overtake the answer). HTTP is RFC 9112. */
#include "fs/door_http/connection.h"
#include "backend/base/alloc.h"
#include "backend/base/timer.h"
#include "fs/door_http/access.h"
#include "fs/door_http/peer.h"
#include "fs/door_http/routes.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define READ_SIZE    65536 /* bytes: one buffer for all connections, since what was read is used at once */
#define STASH_MAX    65536 /* bytes of pipelined requests that are read ahead */
#define WRITE_HIGH   (256 * 1024)     /* bytes waiting for the client: who answers stops */
#define WRITE_LOW    (64 * 1024)      /* and goes on */
#define HEAD_MS      30000            /* a head that takes longer than this is not sent by a program */
#define BODY_MS      60000            /* no byte of a body for as long */
#define IDLE_MS      (10 * 60 * 1000) /* between requests; also for the last bytes of an answer to be taken */
#define LINGER_MS    2000             /* after the last answer, for a client that goes on talking */
#define GONE_LOOK_MS 50 /* FIN may arrive a moment before the kernel lets go of the client's socket */
#define GONE_NEXT_MS 1000

struct connection {
    struct list link;
    uv_stream_t *stream;
    struct house *house;
    struct http_reader *reader;
    struct timer *timer; /* what is waited for: see the times above; while answering: looks for the client */
    struct buf body, stash;
    struct request request;
    const struct answerer *answerer;
    void *arg;
    bool answering;   /* from the last byte of a request to connection_done() */
    bool refused;     /* the request was refused before it was whole */
    bool half_closed; /* the client sends no more */
    bool stuffed;     /* the stash is full: we do not read */
    bool wants_drain;
    bool keep;    /* the client would */
    bool closing; /* the last answer was given */
    bool closed;
};

static void serve_stash(struct connection *c);
static void alloc_cb(uv_handle_t *h, size_t suggested, uv_buf_t *out);
static void read_cb(uv_stream_t *s, ssize_t n, const uv_buf_t *b);

/* ---- Closing */

/* The memory goes from the loop, never under a callback of the reader or a function of ours. */
static void stream_closed_cb(uv_handle_t *h)
{
    struct connection *c = h->data;

    http_reader_destroy(c->reader);
    buf_free(&c->body);
    buf_free(&c->stash);
    free(c);
    free(h);
}

void connection_close(struct connection *c)
{
    if (c->closed)
        return;
    c->closed = true;
    timer_destroy(c->timer);
    c->timer = NULL;
    list_remove(&c->link);
    mailbox_forget(c->house->mail, c);
    uv_close((uv_handle_t *)c->stream, stream_closed_cb);
    if (c->answering && c->answerer && c->answerer->gone)
        c->answerer->gone(c->arg);
    c->answerer = NULL;
}

void connection_close_all(struct list *connections)
{
    list_for_each(c, connections, struct connection, link) connection_close(c);
}

/* All is written. */
static void linger(struct connection *c)
{
    uv_os_fd_t fd;

    if (c->half_closed || uv_fileno((uv_handle_t *)c->stream, &fd) < 0 || shutdown(fd, SHUT_WR) < 0)
        connection_close(c);
    else
        timer_start_ms(c->timer, LINGER_MS);
}

/* ---- Writing */

struct writing {
    uv_write_t req;
    char data[];
};

static void write_cb(uv_write_t *req, int status)
{
    struct connection *c = req->handle->data;

    free(container_of(req, struct writing, req));
    if (c->closed)
        return;
    if (status < 0) {
        connection_close(c);
        return;
    }
    size_t waiting = uv_stream_get_write_queue_size(c->stream);
    if (c->closing && waiting == 0) {
        linger(c);
    } else if (c->closing) {
        timer_start_ms(c->timer, IDLE_MS);
    } else if (c->wants_drain && waiting < WRITE_LOW) {
        c->wants_drain = false;
        if (c->answerer && c->answerer->drained)
            c->answerer->drained(c->arg);
    }
}

bool connection_write(struct connection *c, const void *data, size_t len)
{
    uv_buf_t b = uv_buf_init((char *)data, (unsigned)len);

    if (c->closed || len == 0)
        return true;
    if (uv_stream_get_write_queue_size(c->stream) == 0) {
        int n = uv_try_write(c->stream, &b, 1);
        if (n > 0) {
            data = (const char *)data + n;
            len -= (size_t)n;
        }
    }
    if (len > 0) {
        struct writing *w = xcalloc(1, sizeof *w + len);
        memcpy(w->data, data, len);
        b = uv_buf_init(w->data, (unsigned)len);
        if (uv_write(&w->req, c->stream, &b, 1, write_cb) < 0)
            free(w); /* broken: the read side tells */
    }
    if (uv_stream_get_write_queue_size(c->stream) <= WRITE_HIGH)
        return true;
    c->wants_drain = true;
    return false;
}

/* ---- Answering */

void connection_answerer(struct connection *c, const struct answerer *a, void *arg)
{
    c->answerer = a;
    c->arg = arg;
}

void connection_take_body(struct connection *c, struct buf *out)
{
    *out = c->body;
    c->body = (struct buf){ 0 };
    c->request.body = "";
    c->request.body_len = 0;
}

const struct request *connection_request(const struct connection *c)
{
    return &c->request;
}

/* A client that closed its writing side has asked all that it will: what it sent before still counts. */
bool connection_may_keep(const struct connection *c)
{
    return c->keep && (!c->half_closed || c->stash.len > 0) && !c->house->stopping;
}

static void next_request_cb(void *arg, int what)
{
    (void)what;
    serve_stash(arg);
}

void connection_done(struct connection *c, bool keep)
{
    if (c->closed)
        return;
    keep = keep && connection_may_keep(c);
    c->answering = false;
    c->answerer = NULL;
    c->wants_drain = false;
    buf_free(&c->body);
    http_reader_forget(c->reader);
    c->request = (struct request){ .conn = c, .house = c->house };
    timer_start_ms(c->timer, IDLE_MS);
    if (c->stuffed) {
        c->stuffed = false;
        uv_read_start(c->stream, alloc_cb, read_cb);
    }
    if (keep) {
        mailbox_post(c->house->mail, next_request_cb, c, 0);
        return;
    }
    c->closing = true;
    buf_free(&c->stash);
    if (uv_stream_get_write_queue_size(c->stream) == 0)
        linger(c);
}

/* ---- Reading */

/* An error of the request itself: nothing that follows it on this connection can be trusted. */
static void refuse(struct connection *c, int status, const char *text)
{
    c->answering = true;
    c->refused = true;
    c->keep = false;
    connection_error(c, status, text);
}

/* Is the segment, up to the next slash, "." or "..", in whatever spelling? */
static bool is_dots(const char *s, size_t len)
{
    size_t dots = 0;

    while (len > 0) {
        size_t n = s[0] == '.' ? 1 : len >= 3 && strncasecmp(s, "%2e", 3) == 0 ? 3 : 0;
        if (n == 0 || ++dots > 2)
            return false;
        s += n;
        len -= n;
    }
    return dots > 0;
}

/* The path of the target. An absolute form loses its authority; dots, NULs and controls that the engine might
 * read otherwise than we are refused. NULL: it is no plain path. */
static const char *checked_path(const char *target)
{
    if (strncasecmp(target, "http://", 7) == 0) {
        target = strchr(target + 7, '/');
        if (!target)
            return "/";
    }
    if (target[0] != '/' || strcasestr(target, "%00"))
        return NULL;
    for (const unsigned char *p = (const unsigned char *)target; *p; p++)
        if (*p <= ' ' || *p >= 0x7f || *p == '\\' || *p == '#')
            return NULL;
    const char *end = target + strcspn(target, "?");
    for (const char *p = target; p < end;) {
        size_t n = strcspn(++p, "/?");
        if (is_dots(p, n))
            return NULL;
        p += n;
    }
    return target;
}

static int head_cb(void *arg, const struct http_head *h)
{
    struct connection *c = arg;
    struct err e = { 0 };

    c->request = (struct request){ .conn = c, .house = c->house, .head = h };
    c->keep = h->keep_alive;
    timer_start_ms(c->timer, BODY_MS);
    int rc = access_check(c->house->cfg, h, &e);
    if (rc < 0)
        refuse(c, err_http_status(rc), e.text);
    else if (!(c->request.path = checked_path(h->target)))
        refuse(c, 400, "the request target is no plain path");
    else if (h->content_length > c->house->cfg->max_body)
        refuse(c, 413, "the request body is larger than max_body in [gateway]");
    else if (h->expect_continue && h->has_body && h->minor >= 1)
        connection_write(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    return c->refused;
}

static int body_cb(void *arg, const char *data, size_t len)
{
    struct connection *c = arg;

    if (c->refused)
        return 1;
    if (c->body.len + len > (uint64_t)c->house->cfg->max_body) {
        refuse(c, 413, "the request body is larger than max_body in [gateway]");
        return 1;
    }
    buf_add(&c->body, data, len);
    return 0;
}

static int complete_cb(void *arg)
{
    struct connection *c = arg;

    if (c->refused)
        return 1;
    c->answering = true;
    c->request.body = buf_str(&c->body);
    c->request.body_len = c->body.len;
    timer_stop(c->timer);
    return 1; /* what follows stays in the stash until this one is answered */
}

static void serve_stash(struct connection *c)
{
    const char *why = NULL;

    while (c->stash.len > 0 && !c->answering && !c->closing && !c->closed) {
        if (!http_reader_in_message(c->reader))
            timer_start_ms(c->timer, HEAD_MS);
        ssize_t n = http_reader_feed(c->reader, c->stash.data, c->stash.len, &why);
        if (c->refused || c->closed)
            return;
        if (n < 0) {
            c->request = (struct request){ .conn = c, .house = c->house };
            refuse(c, 400, why);
            return;
        }
        buf_consume(&c->stash, (size_t)n);
        if (!c->answering && http_reader_in_message(c->reader) && c->request.head)
            timer_start_ms(c->timer, BODY_MS);
        if (c->answering) {
            route_request(&c->request);
            return;
        }
    }
    if (c->closed)
        return;
    if (c->stash.len == 0)
        buf_free(&c->stash);
    if (c->half_closed && !c->answering && !c->closing)
        connection_close(c); /* it stopped in the middle of a request, or between two */
}

/* Is the client still there that has closed its writing side, or whom we do not read from? The kernel knows
 * whether a process holds its socket. */
static bool client_is_gone(struct connection *c)
{
    uv_os_fd_t fd;
    uid_t uid;
    struct pollfd p = { .events = POLLOUT };

    if (uv_fileno((uv_handle_t *)c->stream, &fd) < 0)
        return true;
    p.fd = fd;
    if (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)))
        return true;
    return c->stream->type == UV_TCP && peer_uid(fd, &uid) == -ENOTCONN;
}

static void timer_cb(void *arg)
{
    struct connection *c = arg;

    if (!c->answering || client_is_gone(c))
        connection_close(c);
    else
        timer_start_ms(c->timer, GONE_NEXT_MS);
}

static void ended(struct connection *c)
{
    uv_read_stop(c->stream);
    c->half_closed = true;
    if (c->answering)
        timer_start_ms(c->timer, GONE_LOOK_MS);
    else if (c->closing ? uv_stream_get_write_queue_size(c->stream) == 0 : c->stash.len == 0)
        connection_close(c);
}

static void alloc_cb(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
    static char shared[READ_SIZE];

    (void)h, (void)suggested;
    *out = uv_buf_init(shared, sizeof shared);
}

static void read_cb(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct connection *c = s->data;

    if (c->closed || n == 0)
        return;
    if (n == UV_EOF) {
        ended(c);
    } else if (n < 0) {
        connection_close(c);
    } else if (!c->closing) {
        buf_add(&c->stash, b->base, (size_t)n);
        if (!c->answering) {
            serve_stash(c);
        } else if (c->stash.len >= STASH_MAX) {
            c->stuffed = true;
            uv_read_stop(s);
            timer_start_ms(c->timer, GONE_NEXT_MS);
        }
    }
}

static const struct http_reader_callbacks callbacks = { .head = head_cb,
                                                        .body = body_cb,
                                                        .complete = complete_cb };

static struct connection *adopt(uv_stream_t *stream, struct house *h, struct list *connections)
{
    struct connection *c = NEW(struct connection);

    c->stream = stream;
    c->house = h;
    c->reader = http_reader_create(false, &callbacks, c);
    c->request = (struct request){ .conn = c, .house = h };
    c->timer = timer_create_on(h->loop, timer_cb, c);
    timer_start_ms(c->timer, HEAD_MS);
    stream->data = c;
    list_append(connections, &c->link);
    return c;
}

void connection_start(uv_stream_t *stream, struct house *h, struct list *connections)
{
    struct connection *c = adopt(stream, h, connections);

    if (uv_read_start(stream, alloc_cb, read_cb) < 0)
        connection_close(c);
}

void connection_refuse(uv_stream_t *stream, struct house *h, struct list *connections, int status,
                       const char *text)
{
    struct connection *c = adopt(stream, h, connections);

    refuse(c, status, text);
    if (!c->closed && uv_read_start(stream, alloc_cb, read_cb) < 0)
        connection_close(c);
}
