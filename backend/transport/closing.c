/* SPDX-License-Identifier: MIT */
/* See closing.h. Of a socket pair whose other end was closed, poll(2) says POLLHUP; where it was only shut
 * down for writing, it says POLLRDHUP alone. libuv reports both as UV_DISCONNECT, so we ask again. */
#include "backend/transport/closing.h"
#include "backend/base/alloc.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct closing {
    uv_poll_t poll;
    int fd;
    void (*cb)(void *arg);
    void *arg;
};

static void closed_cb(uv_handle_t *h)
{
    free(h->data);
}

void closing_destroy(struct closing *c)
{
    if (!c)
        return;
    uv_close((uv_handle_t *)&c->poll, closed_cb);
    shutdown(c->fd, SHUT_RDWR); /* of the program's copies too; what was written before can still be read */
    close(c->fd);
}

static void poll_cb(uv_poll_t *h, int status, int events)
{
    struct closing *c = h->data;
    struct pollfd now = { .fd = c->fd };

    (void)events;
    uv_poll_stop(&c->poll);
    poll(&now, 1, 0);
    /* After a half-close nothing more is watched, because that stays true and would wake the loop for ever:
     * the stream then ends by the far side's answer, or when something is written to who left. */
    if (status < 0 || (now.revents & (POLLHUP | POLLERR)))
        c->cb(c->arg);
}

struct closing *closing_create(uv_loop_t *loop, int fd, void (*cb)(void *arg), void *arg)
{
    struct closing *c = NEW(struct closing);
    int mode = fcntl(fd, F_GETFL);

    c->fd = fd;
    c->cb = cb;
    c->arg = arg;
    uv_poll_init(loop, &c->poll, fd); /* makes it non-blocking */
    fcntl(fd, F_SETFL, mode);
    c->poll.data = c;
    uv_poll_start(&c->poll, UV_DISCONNECT, poll_cb);
    return c;
}
