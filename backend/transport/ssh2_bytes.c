/* SPDX-License-Identifier: MIT */
/* What comes from a descriptor goes to the far side and the other way round, each through a buffer of one chunk, so that a side
 * that does not take holds up the other and nothing else. */
#include "backend/transport/ssh2_channel.h"
#include "backend/transport/transport_private.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <unistd.h>

static void end_input(struct channel *c)
{
    close_fd(&c->in);
    c->in_ready = false;
}

static bool take_input(struct channel *c)
{
    ssize_t n;

    if (c->in < 0 || c->up.len > 0 || (!c->in_ready && !c->gone))
        return false;
    c->in_ready = false;
    n = read(c->in, buf_reserve(&c->up, SSH2_CHUNK), SSH2_CHUNK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n > 0)
        c->up.len += (size_t)n;
    else
        end_input(c);
    return true;
}

/* Up: to the far side. What it does not want is no error. */
bool ssh2_send_input(struct ssh2_thread *t, struct channel *c)
{
    bool moved = take_input(c);

    while (c->up.len > 0 && t->out.len < SSH2_OUT_LIMIT) {
        ssize_t n = libssh2_channel_write(c->channel, c->up.data, c->up.len);
        if (n == LIBSSH2_ERROR_EAGAIN || n == 0) {
            if (c->gone) { /* it does not take more, and nobody waits for what it says */
                buf_reset(&c->up);
                end_input(c);
            }
            break;
        }
        moved = true;
        if (n > 0) {
            buf_consume(&c->up, (size_t)n);
        } else {
            buf_reset(&c->up);
            end_input(c);
        }
    }
    if (c->in < 0 && c->up.len == 0 && !c->said_eof) {
        libssh2_channel_send_eof(c->channel);
        c->said_eof = moved = true;
    }
    return moved;
}

/* The buffer to the descriptor. Where nobody reads, it goes nowhere. */
static bool pass_on(struct channel *c, int which)
{
    struct buf *b = &c->down[which];
    int *fd = &c->out[which];

    if (b->len == 0)
        return false;
    ssize_t n = *fd < 0 ? (ssize_t)b->len : write(*fd, b->data, b->len);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n < 0) {
        close_fd(fd);
        c->gone |= which == 0;
        n = (ssize_t)b->len;
    }
    buf_consume(b, (size_t)n);
    return true;
}

/* Down: from the far side. */
bool ssh2_receive(struct channel *c, int which)
{
    bool moved = pass_on(c, which);
    struct buf *b = &c->down[which];

    if (b->len > 0)
        return moved;
    ssize_t n = libssh2_channel_read_ex(c->channel, which ? SSH_EXTENDED_DATA_STDERR : 0,
                                        buf_reserve(b, SSH2_CHUNK), SSH2_CHUNK);
    if (n <= 0)
        return moved;
    b->len += (size_t)n;
    pass_on(c, which);
    return true;
}

/* ---- Descriptors. */

static size_t add(struct ssh2_thread *t, size_t n, int *at, int fd, int events)
{
    *at = -1;
    if (fd < 0)
        return n;
    if (n >= t->polled_size) {
        t->polled_size = t->polled_size * 2 + 64;
        t->polled = xrealloc(t->polled, t->polled_size * sizeof *t->polled);
    }
    *at = (int)n;
    t->polled[n] = (struct pollfd){ .fd = fd, .events = (short)events };
    return n + 1;
}

size_t ssh2_channels_poll(struct ssh2_thread *t, size_t n)
{
    if (!t->polled) {
        t->polled_size = 64;
        t->polled = xcalloc(t->polled_size, sizeof *t->polled);
    }
    list_for_each(c, &t->channels, struct channel, link)
    {
        bool open = c->phase == OPEN;
        n = add(t, n, &c->polled[0], open && c->up.len == 0 ? c->in : -1, POLLIN);
        n = add(t, n, &c->polled[1], open ? c->out[0] : -1, c->down[0].len ? POLLOUT : 0);
        n = add(t, n, &c->polled[2], open ? c->out[1] : -1, c->down[1].len ? POLLOUT : 0);
    }
    return n;
}

/* Nobody reads any more: output is dropped from now on. */
static void see_gone(struct ssh2_thread *t, struct channel *c, int which)
{
    int at = c->polled[1 + which];

    if (at < 0 || !(t->polled[at].revents & (POLLHUP | POLLERR)))
        return;
    close_fd(&c->out[which]);
    buf_reset(&c->down[which]);
    c->gone |= which == 0;
}

void ssh2_channels_polled(struct ssh2_thread *t)
{
    list_for_each(c, &t->channels, struct channel, link)
    {
        if (c->phase != OPEN)
            continue;
        c->in_ready |= c->polled[0] >= 0 && t->polled[c->polled[0]].revents != 0;
        see_gone(t, c, 0);
        see_gone(t, c, 1);
    }
}
