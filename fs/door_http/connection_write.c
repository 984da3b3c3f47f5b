/* SPDX-License-Identifier: MIT */
/* What goes to the client: the bytes of answers with backpressure, sealed where there is TLS, and the fields that
 * each answer gets, whoever wrote its head. */
#include "fs/door_http/connection_inside.h"
#include "backend/base/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define HEAD_ADDED 160 /* bytes that record_head() mostly writes */

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
        connection_linger(c);
    } else if (c->closing) {
        timer_start_ms(c->timer, IDLE_MS);
    } else if (c->wants_drain && waiting < WRITE_LOW) {
        c->wants_drain = false;
        if (c->answerer && c->answerer->drained)
            c->answerer->drained(c->arg);
    }
}

static void send_bytes(struct connection *c, const char *data, size_t len)
{
    uv_os_fd_t fd;

    /* send(2) is the shorter way through the kernel than the write(2) of uv_try_write(). */
    if (uv_stream_get_write_queue_size(c->stream) == 0 && uv_fileno((uv_handle_t *)c->stream, &fd) == 0) {
        ssize_t n = send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    if (len > 0) {
        struct writing *w = xcalloc(1, sizeof *w + len);
        memcpy(w->data, data, len);
        uv_buf_t b = uv_buf_init(w->data, (unsigned)len);
        if (uv_write(&w->req, c->stream, &b, 1, write_cb) < 0)
            free(w); /* broken: the read side tells */
    }
}

void connection_put_sealed(struct connection *c, const struct buf *sealed)
{
    if (!c->closed && sealed->len > 0)
        send_bytes(c, sealed->data, sealed->len);
}

void connection_put(struct connection *c, const void *data, size_t len)
{
    struct buf sealed = { 0 };

    if (c->closed || len == 0)
        return;
    if (!c->tls) {
        send_bytes(c, data, len);
        return;
    }
    tls_write(c->tls, data, len, &sealed); /* before the handshake ended nothing can be said */
    connection_put_sealed(c, &sealed);
    buf_free(&sealed);
}

/* The first bytes of an answer are its status line and more of its head: our fields go between. */
static void put_head(struct connection *c, const char *data, size_t len)
{
    const char *end = memmem(data, len, "\r\n", 2);
    struct buf out = { 0 };
    size_t line = end ? (size_t)(end - data) + 2 : len;

    buf_reserve(&out, len + HEAD_ADDED);
    buf_add(&out, data, line);
    if (end)
        record_head(c, &out);
    buf_add(&out, data + line, len - line);
    connection_put(c, out.data, out.len);
    buf_free(&out);
}

bool connection_write(struct connection *c, const void *data, size_t len)
{
    if (c->closed || len == 0)
        return true;
    bool first = c->record && !c->record->first_ms;
    record_answer(c, data, len);
    if (first && c->coming)
        c->keep = false; /* that is what it says */
    if (first)
        put_head(c, data, len);
    else
        connection_put(c, data, len);
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
    return c->keep && !c->coming && (!c->half_closed || c->stash.len > 0) && !c->house->stopping;
}

void connection_done(struct connection *c, bool keep)
{
    if (c->closed)
        return;
    keep = keep && connection_may_keep(c);
    record_end(c);
    c->answering = false;
    c->answerer = NULL;
    c->retry_after_s = 0;
    c->wants_drain = false;
    body_forget(c);
    connection_body_sent(c);
    http_reader_forget(c->reader);
    c->request = (struct request){ .conn = c, .house = c->house };
    timer_start_ms(c->timer, IDLE_MS);
    c->upgraded = false;
    c->looks = 0;
    connection_take_more(c);
    if (keep) {
        connection_next(c);
        return;
    }
    c->closing = true;
    buf_free(&c->stash);
    if (c->tls) {
        struct buf sealed = { 0 };
        tls_shutdown(c->tls, &sealed);
        connection_put_sealed(c, &sealed);
        buf_free(&sealed);
    }
    if (uv_stream_get_write_queue_size(c->stream) == 0)
        connection_linger(c);
}
