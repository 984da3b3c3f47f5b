/* SPDX-License-Identifier: MIT */
/* A relay whose engine agreed to another protocol, a WebSocket mostly: bytes both ways from there on. Each side is
 * read only as fast as the other one takes it, the model counts as busy, and silence for as long as an idle model
 * stays awake ends it. A client that says no more may still listen; an engine that says no more ends it, behind
 * what it said. */
#include "fs/door_http/relay_inside.h"

#include <errno.h>
#include <string.h>

void relay_pipe_close(struct relay *r)
{
    byte_pipe_destroy(r->pipe);
    r->pipe = NULL;
}

/* It has ended as such connections do. */
static void end_pipe(struct relay *r)
{
    relay_pipe_close(r);
    relay_end_answer(r, true, false);
    exchange_done(&r->x);
    exchange_unref(&r->x);
}

/* What waits for the client is enough for now. */
static void pass_on(struct relay *r, const char *data, size_t len)
{
    if (connection_write(r->conn, data, len))
        return;
    r->paused = true;
    byte_pipe_pause(r->pipe, true);
}

/* ---- From the engine */

static void engine_says(void *arg, const char *data, size_t len)
{
    struct relay *r = arg;

    if (len == 0) {
        end_pipe(r);
        return;
    }
    relay_stir(r);
    pass_on(r, data, len);
}

static void engine_takes_more(void *arg)
{
    struct relay *r = arg;

    connection_take_more(r->conn);
}

static const struct byte_pipe_events events = { .data = engine_says, .drained = engine_takes_more };

/* ---- From the client */

bool relay_client_says(void *arg, const char *data, size_t len)
{
    struct relay *r = arg;

    relay_stir(r);
    if (len > 0)
        return byte_pipe_write(r->pipe, data, len);
    byte_pipe_end(r->pipe);
    return true;
}

/* ---- The change */

static void silent_cb(void *arg)
{
    end_pipe(arg);
}

void relay_upgraded(void *arg, const struct http_head *h, int fd, const char *rest, size_t len)
{
    struct relay *r = arg;
    struct buf out = { 0 };

    r->request = NULL;
    r->pipe = byte_pipe_create(r->house->loop, fd, &events, r);
    if (!r->pipe) {
        exchange_failed(&r->x, -errno, "the connection to the engine cannot be watched: %s", strerror(errno));
        return;
    }
    relay_hold_stop(r);
    buf_free(&r->body);
    r->begun = true;
    r->framing = RELAY_CLOSE;
    exchange_piped(&r->x);
    timer_destroy(r->limit);
    r->limit = timer_create_on(r->house->loop, silent_cb, r);
    r->patience_ms = (uint64_t)model_config(r->model)->job.idle_timeout_s * 1000;
    relay_stir(r);
    relay_upgrade_head(&out, h, r->job_name);
    buf_add(&out, rest, len);
    pass_on(r, out.data, out.len);
    buf_free(&out);
    connection_upgrade(r->conn);
}
