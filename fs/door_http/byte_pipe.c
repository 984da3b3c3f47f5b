/* SPDX-License-Identifier: MIT */
/* One socket and what waits to be written to it. A far end that reads no more is not told of here: its own end
 * comes to be read, and until then what is written goes nowhere. Used by relay_upgrade.c. */
#include "fs/door_http/byte_pipe.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define HIGH      (256 * 1024) /* bytes, as on the side of the client */
#define LOW       (64 * 1024)
#define READ_SIZE 65536

struct byte_pipe {
    uv_poll_t poll;
    int fd;
    int events; /* what poll waits for */
    const struct byte_pipe_events *told;
    void *arg;
    struct buf out;
    bool paused, ended; /* ended: nothing more can be read */
    bool ending;        /* nothing more will be written */
    bool deaf;          /* the far end takes no more */
    bool wants_drain, closed;
};

static void poll_cb(uv_poll_t *h, int status, int events);

static void watch(struct byte_pipe *p)
{
    int events = (p->paused || p->ended ? 0 : UV_READABLE) | (p->out.len > 0 ? UV_WRITABLE : 0);

    if (p->closed || events == p->events)
        return;
    p->events = events;
    if (events)
        uv_poll_start(&p->poll, events, poll_cb);
    else
        uv_poll_stop(&p->poll);
}

/* ---- Writing */

static void push(struct byte_pipe *p)
{
    ssize_t n = 1;

    while (p->out.len > 0 && n > 0 && !p->deaf) {
        n = send(p->fd, p->out.data, p->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0)
            buf_consume(&p->out, (size_t)n);
        else if (n < 0 && errno == EINTR)
            n = 1;
        else if (n < 0 && errno != EAGAIN)
            p->deaf = true;
    }
    if (p->deaf || (p->out.len == 0 && p->out.cap > LOW))
        buf_free(&p->out);
    if (p->out.len == 0 && p->ending)
        shutdown(p->fd, SHUT_WR);
}

bool byte_pipe_write(struct byte_pipe *p, const char *data, size_t len)
{
    if (p->ending)
        return true;
    buf_add(&p->out, data, len);
    push(p);
    watch(p);
    p->wants_drain |= p->out.len > HIGH;
    return p->out.len <= HIGH;
}

void byte_pipe_end(struct byte_pipe *p)
{
    p->ending = true;
    push(p);
    watch(p);
}

/* ---- Reading */

void byte_pipe_pause(struct byte_pipe *p, bool paused)
{
    p->paused = paused;
    watch(p);
}

static void pull(struct byte_pipe *p)
{
    static char shared[READ_SIZE]; /* what was read is used at once */
    ssize_t n = recv(p->fd, shared, sizeof shared, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    p->ended = n <= 0;
    p->told->data(p->arg, shared, n > 0 ? (size_t)n : 0);
}

static void poll_cb(uv_poll_t *h, int status, int events)
{
    struct byte_pipe *p = h->data;

    if (status < 0) /* libuv has stopped it; reading tells what is wrong */
        p->events = 0;
    if (events & UV_WRITABLE)
        push(p);
    if (p->wants_drain && p->out.len < LOW) {
        p->wants_drain = false;
        p->told->drained(p->arg);
    }
    if (!p->closed && !p->paused && !p->ended && (status < 0 || (events & UV_READABLE)))
        pull(p);
    watch(p);
}

/* ---- Life */

static void closed_cb(uv_handle_t *h)
{
    struct byte_pipe *p = h->data;

    buf_free(&p->out);
    free(p);
}

struct byte_pipe *byte_pipe_create(uv_loop_t *loop, int fd, const struct byte_pipe_events *events, void *arg)
{
    struct byte_pipe *p = NEW(struct byte_pipe);
    int rc = uv_poll_init(loop, &p->poll, fd);

    if (rc < 0) {
        free(p);
        close(fd);
        errno = -rc;
        return NULL;
    }
    p->poll.data = p;
    p->fd = fd;
    p->told = events;
    p->arg = arg;
    watch(p);
    return p;
}

void byte_pipe_destroy(struct byte_pipe *p)
{
    if (!p || p->closed)
        return;
    p->closed = true;
    uv_close((uv_handle_t *)&p->poll, closed_cb);
    close(p->fd);
}
