/* SPDX-License-Identifier: MIT */
/* One client of the parrot: reads requests one after another, writes what the server or an answer gives it.
 *
 * While an answer is on its way the connection is still read, because that is how a client that leaves is
 * noticed; what a client sends ahead is kept up to 64 KiB, beyond it only the hang-up is watched. */
#include "backend/parrot/server.h"
#include "backend/base/alloc.h"
#include "backend/base/timer.h"
#include "backend/parrot/tokens.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM  65536 /* bytes that an answer renders ahead of what was sent */
#define TURNS 4     /* times ROOM in one turn of the loop, so that 64 streams get on together */
#define AHEAD 65536 /* bytes that a client may send ahead */

/* How long a refused client may go on sending before it is cut off, unread answer and all. */
#define LINGER_MS 2000

enum after { AFTER_NEXT, AFTER_CLOSE, AFTER_DIE };

struct parrot_connection {
    struct list link; /* in server->connections */
    struct parrot_server *server;
    uv_poll_t poll;
    int events;
    int fd;
    struct http_reader *reader;
    struct buf in;   /* read, but not yet looked at */
    struct buf body; /* of the request that is being read */
    struct buf out;
    size_t sent; /* bytes of out */
    struct parrot_answer *answer;
    struct timer *timer; /* the next token, or the end of lingering; made by the first need */
    enum after after;    /* what happens when out is sent */
    int refused;         /* a status: the rest of the request is not wanted */
    bool whole;          /* a whole request was read */
    bool busy;           /* a request is being answered: no other is looked at */
    bool hungry;         /* the answer has more to send */
    bool mute;           /* nothing will be answered, until the client leaves */
    bool lingering;      /* everything was said, waits for the client to close */
    bool head_only;      /* the request is a HEAD */
    bool keep_alive;
    bool closed;
};

static void poll_cb(uv_poll_t *h, int status, int events);
static void go_on(struct parrot_connection *c);

static void watch(struct parrot_connection *c)
{
    int events = c->in.len < AHEAD ? UV_READABLE : UV_DISCONNECT;

    if (c->closed)
        return;
    if (c->sent < c->out.len || c->hungry)
        events |= UV_WRITABLE;
    if (events == c->events)
        return;
    c->events = events;
    uv_poll_start(&c->poll, events, poll_cb);
}

/* ---- Reading requests. */

static int head_cb(void *arg, const struct http_head *head)
{
    struct parrot_connection *c = arg;

    c->head_only = !strcmp(head->method, "HEAD");
    c->keep_alive = head->keep_alive;
    if (head->content_length > (int64_t)PARROT_BODY_MAX)
        c->refused = 413;
    else if (head->expect_continue && head->has_body && head->minor == 1)
        buf_adds(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
    return c->refused;
}

static int body_cb(void *arg, const char *data, size_t len)
{
    struct parrot_connection *c = arg;

    if (c->body.len + len > PARROT_BODY_MAX)
        c->refused = 413;
    else
        buf_add(&c->body, data, len);
    return c->refused;
}

static int complete_cb(void *arg)
{
    struct parrot_connection *c = arg;

    c->whole = true;
    return 1;
}

static const struct http_reader_callbacks callbacks = { head_cb, body_cb, complete_cb };

static void refuse(struct parrot_connection *c, int status, const char *why)
{
    c->keep_alive = false;
    c->refused = status;
    parrot_respond_error(c, status, NULL, why);
}

/* Read one request, or a part of it, from data. Returns the bytes eaten. */
static size_t feed(struct parrot_connection *c, const char *data, size_t len)
{
    const char *why = "";
    ssize_t n = http_reader_feed(c->reader, data, len, &why);

    if (n < 0) {
        c->head_only = false;
        refuse(c, 400, why);
        return len;
    }
    if (c->refused) {
        refuse(c, c->refused, "the body is larger than 256 MiB");
        return len;
    }
    if (c->whole) {
        c->whole = false;
        c->busy = true;
        parrot_server_handle(c->server, c, http_reader_head(c->reader), &c->body);
        buf_free(&c->body);
    }
    return (size_t)n;
}

/* Look at what came ahead, as long as no request is being answered. */
static void feed_kept(struct parrot_connection *c)
{
    struct buf in = c->in;
    size_t at = 0;

    c->in = (struct buf){ 0 };
    while (at < in.len && !c->busy && !c->closed)
        at += feed(c, in.data + at, in.len - at);
    if (at < in.len && !c->closed)
        buf_add(&c->in, in.data + at, in.len - at);
    buf_free(&in);
}

static void readable(struct parrot_connection *c)
{
    ssize_t n = recv(c->fd, c->server->space, PARROT_SPACE, 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) { /* the client left; what it asked for ends here */
        parrot_connection_close(c);
        return;
    }
    if (c->lingering || c->refused)
        return;
    size_t at = 0;
    while (!c->in.len && at < (size_t)n && !c->busy && !c->closed)
        at += feed(c, c->server->space + at, (size_t)n - at);
    if (at < (size_t)n && !c->closed)
        buf_add(&c->in, c->server->space + at, (size_t)n - at);
}

/* ---- Writing. */

static void timer_cb(void *arg)
{
    struct parrot_connection *c = arg;

    if (c->lingering)
        parrot_connection_close(c);
    else
        go_on(c);
}

static void start_timer(struct parrot_connection *c, uint64_t ms)
{
    if (!c->timer)
        c->timer = timer_create_on(c->server->loop, timer_cb, c);
    timer_start_ms(c->timer, ms);
}

/* Everything is sent: what comes next. */
static void sent_all(struct parrot_connection *c)
{
    c->sent = 0;
    if (c->answer) {
        buf_reset(&c->out);
        return;
    }
    buf_free(&c->out);
    if (!c->busy || c->mute)
        return;
    if (c->after == AFTER_DIE)
        parrot_server_die();
    if (c->after == AFTER_CLOSE && c->refused) {
        /* Closing now, with bytes unread, would reset the connection and could take the answer with it. */
        shutdown(c->fd, SHUT_WR);
        c->lingering = true;
        start_timer(c, LINGER_MS);
    } else if (c->after == AFTER_CLOSE) {
        parrot_connection_close(c);
    } else {
        c->busy = false;
        http_reader_forget(c->reader); /* an idle connection costs its struct alone */
    }
}

static void flush(struct parrot_connection *c)
{
    while (!c->closed && c->sent < c->out.len) {
        ssize_t n = send(c->fd, c->out.data + c->sent, c->out.len - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            parrot_connection_close(c);
        else
            c->sent += (size_t)n;
    }
    if (!c->closed)
        sent_all(c);
}

static void answer_over(struct parrot_connection *c, enum parrot_step step)
{
    bool last = parrot_server_answered(c->server);

    c->after = step == STEP_DIE || last ? AFTER_DIE : step == STEP_CLOSE ? AFTER_CLOSE : AFTER_NEXT;
    parrot_answer_destroy(c->answer);
    c->answer = NULL;
}

/* Let the answer go on as far as the client reads and its time has come. */
static void pump(struct parrot_connection *c)
{
    uint64_t wait_ms = 0;

    for (int turn = 0; !c->closed && c->answer && c->out.len == 0 && !timer_active(c->timer); turn++) {
        c->hungry = turn == TURNS;
        if (c->hungry)
            return;
        enum parrot_step step = parrot_answer_fill(c->answer, &c->out, ROOM, &wait_ms);
        if (step == STEP_WAIT)
            start_timer(c, wait_ms);
        else if (step != STEP_MORE && step != STEP_HANG)
            answer_over(c, step);
        flush(c);
        if (step == STEP_HANG)
            return;
    }
}

/* Do whatever can be done now; called after each event. */
static void go_on(struct parrot_connection *c)
{
    flush(c);
    pump(c);
    while (!c->closed && !c->busy && c->in.len) {
        feed_kept(c); /* eats at least a byte, up to and with one request */
        flush(c);
        pump(c);
    }
    watch(c);
}

static void poll_cb(uv_poll_t *h, int status, int events)
{
    struct parrot_connection *c = h->data;

    if (status < 0 || ((events & UV_DISCONNECT) && !(events & UV_READABLE))) {
        parrot_connection_close(c);
        return;
    }
    if (events & UV_READABLE)
        readable(c);
    if (!c->closed)
        go_on(c);
}

/* ---- Answers. */

void parrot_respond_json(struct parrot_connection *c, int status, const char *fields, const char *json)
{
    char length[24];

    http_write_response(&c->out, status);
    http_write_field(&c->out, "Content-Type", "application/json");
    snprintf(length, sizeof length, "%zu", strlen(json));
    http_write_field(&c->out, "Content-Length", length);
    if (fields)
        buf_adds(&c->out, fields);
    if (!c->keep_alive)
        http_write_field(&c->out, "Connection", "close");
    http_write_end(&c->out);
    if (!c->head_only)
        buf_adds(&c->out, json);
    c->after = c->keep_alive ? AFTER_NEXT : AFTER_CLOSE;
    c->busy = true;
}

void parrot_respond_error(struct parrot_connection *c, int status, const char *fields, const char *message)
{
    const char *type = status == 401   ? "authentication_error"
                       : status == 404 ? "not_found_error"
                       : status == 429 ? "rate_limit_error"
                       : status == 503 ? "unavailable_error"
                       : status >= 500 ? "server_error"
                                       : "invalid_request_error";
    struct buf json = { 0 };

    buf_adds(&json, "{\"error\":{\"message\":\"");
    parrot_json_add(&json, message, strlen(message));
    buf_addf(&json, "\",\"type\":\"%s\",\"code\":%d}}", type, status);
    parrot_respond_json(c, status, fields, json.data);
    buf_free(&json);
}

void parrot_respond_answer(struct parrot_connection *c, struct parrot_answer *a)
{
    c->answer = a;
    c->after = AFTER_NEXT;
}

void parrot_respond_garbage(struct parrot_connection *c)
{
    static const char garbage[] = "\x7f\x45LF\x02\x01\x01 this is no HTTP\r\n\x00\xff\xfe\r\n\r\n";

    buf_add(&c->out, garbage, sizeof garbage - 1);
    c->after = AFTER_CLOSE;
}

void parrot_respond_never(struct parrot_connection *c)
{
    c->mute = true;
}

/* ---- Life. */

void parrot_connection_create(struct parrot_server *s, int fd)
{
    struct parrot_connection *c = NEW(struct parrot_connection);
    int one = 1;

    if (uv_poll_init(s->loop, &c->poll, fd) < 0) {
        close(fd);
        free(c);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->server = s;
    c->fd = fd;
    c->reader = http_reader_create(false, &callbacks, c);
    c->poll.data = c;
    list_append(&s->connections, &c->link);
    watch(c);
}

static void closed_cb(uv_handle_t *h)
{
    struct parrot_connection *c = h->data;

    http_reader_destroy(c->reader);
    buf_free(&c->in);
    buf_free(&c->body);
    buf_free(&c->out);
    free(c);
}

void parrot_connection_close(struct parrot_connection *c)
{
    if (c->closed)
        return;
    c->closed = true;
    list_remove(&c->link);
    parrot_answer_destroy(c->answer);
    c->answer = NULL;
    timer_destroy(c->timer);
    c->timer = NULL;
    uv_close((uv_handle_t *)&c->poll, closed_cb);
    close(c->fd);
    parrot_server_connection_gone(c->server);
}

void parrot_connections_close(struct parrot_server *s)
{
    list_for_each(c, &s->connections, struct parrot_connection, link)
    {
        parrot_connection_close(c);
    }
}
