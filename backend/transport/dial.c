/* SPDX-License-Identifier: MIT */
/* Streams being opened: they wait for the link, then for the kind, and end with a descriptor or an error at
 * the latest by their deadline. What is open belongs to the caller, not
 * to this file. */
#include "backend/transport/tunnel.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#define AGAIN_MS 500 /* between two tries to get a session where none is free */

static void release(struct dial *d)
{
    timer_destroy(d->timer);
    timer_destroy(d->again);
    free(d->line);
    free(d->host);
    free(d->job);
    free(d);
}

static void let_go(struct dial *d)
{
    if (d->phase == STARTED) {
        tunnel_let_go(d);
        d->t->ops->dial_stop(d);
    }
    close_fd(&d->errors);
    list_remove(&d->link);
}

static void deliver(struct dial *d)
{
    list_remove(&d->link);
    d->cb(d->arg, d->fd, d->why.text);
    release(d);
}

static void deliver_cb(void *arg, int what)
{
    (void)what;
    deliver(arg);
}

static void end(struct dial *d, int fd, const char *text)
{
    err_set(&d->why, fd, "%s", text ? text : ""); /* first: the text may be of what is let go */
    let_go(d);
    timer_stop(d->timer);
    timer_destroy(d->again);
    d->again = NULL;
    d->phase = ENDED;
    d->fd = fd;
    list_append(&d->t->dials_ended, &d->link);
    mailbox_post(d->t->mail, deliver_cb, d, 0);
}

void dial_opened(struct dial *d, int fd)
{
    end(d, fd, "");
}

void dial_done(struct dial *d, int fd)
{
    d->refused.text[0] = '\0'; /* a session was had: what comes now has another reason */
    if (!tunnel_opened(d, fd))
        end(d, fd, "");
}

static void again_cb(void *arg)
{
    struct dial *d = arg;

    if (d->tunnel)
        tunnel_again(d);
    else
        d->t->ops->dial_start(d);
}

/* All sessions are used up: one may come free before the deadline, which then says why. */
static void wait_for_session(struct dial *d, const char *text)
{
    err_set(&d->refused, 0, "%s", text);
    if (d->tunnel)
        tunnel_clear(d);
    d->t->ops->dial_stop(d);
    if (!d->again)
        d->again = timer_create_on(d->t->loop, again_cb, d);
    timer_start_ms(d->again, AGAIN_MS);
}

void dial_failed(struct dial *d, int rc, const char *text)
{
    struct err e;

    err_set(&e, rc, "%s", text ? text : "");
    if (rc == -EUSERS && d->t->state == TRANSPORT_UP)
        wait_for_session(d, e.text);
    else if (rc == -ETIMEDOUT && d->refused.text[0])
        end(d, -EHOSTUNREACH, d->refused.text);
    else if (!tunnel_failed(d, &rc, &e))
        end(d, rc, e.text);
}

int dial_take_errors(struct dial *d)
{
    int fd = d->errors >= 0 ? d->errors : open("/dev/null", O_WRONLY | O_CLOEXEC);

    d->errors = -1;
    return fd;
}

void dial_cancel(struct dial *d)
{
    if (!d)
        return;
    mailbox_forget(d->t->mail, d);
    let_go(d);
    if (d->phase == ENDED)
        close_fd(&d->fd);
    release(d);
}

void dial_end_all(struct transport *t, bool waiting_too, int rc, const char *text)
{
    list_for_each(d, &t->dials_open, struct dial, link) end(d, rc, text);
    if (waiting_too)
        list_for_each(d, &t->dials_waiting, struct dial, link) end(d, rc, text);
}

void dial_deliver_all(struct transport *t)
{
    struct dial *d;

    while ((d = list_first(&t->dials_ended, struct dial, link))) {
        mailbox_forget(t->mail, d);
        deliver(d);
    }
}

static void late_cb(void *arg)
{
    struct dial *d = arg;
    struct err e;

    if (d->phase == WAITING && d->t->state == TRANSPORT_AUTH) {
        timer_start_ms(d->timer, d->timeout_ms); /* a question has a limit of its own */
    } else if (d->phase == STARTED) {
        err_set(&e, 0, "%s did not open within %g s", d->host ? d->host : "a program's channel",
                (double)d->timeout_ms / 1000);
        dial_failed(d, -ETIMEDOUT, e.text);
    } else if (d->t->reason.text[0]) {
        dial_failed(d, d->t->rc ? d->t->rc : -EHOSTUNREACH, d->t->reason.text);
    } else {
        err_set(&e, 0, "%s: no connection within %g s", d->t->cluster->host, (double)d->timeout_ms / 1000);
        dial_failed(d, -EHOSTUNREACH, e.text);
    }
}

static void start(struct dial *d)
{
    list_remove(&d->link);
    list_append(&d->t->dials_open, &d->link);
    d->phase = STARTED;
    if (d->host && d->t->ops->has_tunnels)
        tunnel_start(d);
    else
        d->t->ops->dial_start(d);
}

void dial_start_waiting(struct transport *t)
{
    list_for_each(d, &t->dials_waiting, struct dial, link) start(d);
}

void dial_wait_anew(struct transport *t)
{
    list_for_each(d, &t->dials_waiting, struct dial, link) timer_start_ms(d->timer, d->timeout_ms);
}

static struct dial *create(struct transport *t, uint64_t timeout_ms, dial_f cb, void *arg)
{
    struct dial *d = NEW(struct dial);

    d->t = t;
    d->fd = d->errors = -1;
    d->timeout_ms = timeout_ms;
    d->cb = cb;
    d->arg = arg;
    d->timer = timer_create_on(t->loop, late_cb, d);
    timer_start_ms(d->timer, timeout_ms);
    list_append(&t->dials_waiting, &d->link);
    return d;
}

static struct dial *begin(struct dial *d)
{
    if (d->t->state == TRANSPORT_UP)
        start(d);
    else
        d->t->ops->connect(d->t);
    return d;
}

struct dial *transport_dial_job(struct transport *t, const char *host, int port, const char *job,
                                uint64_t timeout_ms, dial_f cb, void *arg)
{
    if (t->dying)
        return NULL;
    struct dial *d = create(t, timeout_ms, cb, arg);

    d->host = xstrdup(host);
    d->port = port;
    d->job = xstrdup(job);
    return begin(d);
}

struct dial *transport_dial(struct transport *t, const char *host, int port, uint64_t timeout_ms, dial_f cb,
                            void *arg)
{
    return transport_dial_job(t, host, port, NULL, timeout_ms, cb, arg);
}

struct dial *transport_pipe(struct transport *t, const char *line, uint64_t timeout_ms, dial_f cb, void *arg)
{
    if (t->dying)
        return NULL;
    struct dial *d = create(t, timeout_ms, cb, arg);

    d->line = xstrdup(line);
    return begin(d);
}
