/* SPDX-License-Identifier: MIT */
/* The transport to this machine: commands are process groups of /bin/sh, streams are TCP connections. It is
 * always up. */
#include "backend/transport/closing.h"
#include "backend/transport/proc.h"
#include "backend/transport/transport_private.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct local {
    struct transport base;
    struct list programs; /* of transport_pipe(): struct program */
};

static int create(struct transport **out, const struct transport_params *p, struct err *e)
{
    struct local *l = NEW(struct local);

    (void)e;
    transport_init(&l->base, &local_ops, p);
    l->base.state = TRANSPORT_UP;
    list_init(&l->programs);
    *out = &l->base;
    return 0;
}

/* Never called: it is up from the start. */
static void connect_nothing(struct transport *t)
{
    (void)t;
}

static int spawn_shell(struct proc **out, uv_loop_t *loop, const char *line, const int fds[3], proc_exit_f cb,
                       void *arg, struct err *e)
{
    const char *argv[] = { "/bin/sh", "-c", line, NULL };

    return proc_spawn(out, loop, argv, NULL, fds, cb, arg, e);
}

/* ---- Commands. c->kind is the struct proc. */

static void command_exit_cb(void *arg, int status, int signal)
{
    command_exited(arg, signal ? 128 + signal : status);
}

static int command_start(struct command *c, const int fds[3], struct err *e)
{
    struct proc *p = NULL;
    int rc = spawn_shell(&p, c->t->loop, c->line, fds, command_exit_cb, c, e);

    for (int i = 0; i < 3; i++)
        close(fds[i]);
    c->kind = p;
    return rc < 0 ? -EIO : 0;
}

static void command_stop(struct command *c)
{
    proc_forget(c->kind);
    c->kind = NULL;
}

/* ---- Programs that stay. One end of a socket pair is the program's input and output, the other the
 * caller's. A copy of the program's end stays here to see that the caller closed his; it goes when the
 * program has ended, for the caller to see that. */

struct program {
    struct list link;
    struct proc *proc;
    struct closing *closing;
};

static void program_end(struct program *g)
{
    list_remove(&g->link);
    closing_destroy(g->closing);
    proc_forget(g->proc);
    free(g);
}

static void program_exit_cb(void *arg, int status, int signal)
{
    (void)status;
    (void)signal;
    program_end(arg);
}

static void caller_closed_cb(void *arg)
{
    program_end(arg);
}

static void start_program(struct dial *d)
{
    struct local *l = container_of(d->t, struct local, base);
    struct program *g = NEW(struct program);
    struct err e = { "no descriptors for a program" };
    int pair[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int rc = null < 0 ? -1 : stream_pair(pair);

    if (rc == 0) {
        /* A shell and its children expect a blocking input. */
        fcntl(pair[1], F_SETFL, fcntl(pair[1], F_GETFL) & ~O_NONBLOCK);
        g->closing = closing_create(d->t->loop, pair[1], caller_closed_cb, g);
        rc = spawn_shell(&g->proc, d->t->loop, d->line, (int[]){ pair[1], pair[1], null }, program_exit_cb, g,
                         &e);
        if (rc < 0)
            close(pair[0]);
    }
    close_fd(&null);
    if (rc < 0) {
        closing_destroy(g->closing);
        free(g);
        dial_failed(d, -EIO, e.text);
        return;
    }
    list_append(&l->programs, &g->link);
    dial_done(d, pair[0]);
}

/* ---- Streams. A name is looked up in libuv's thread pool, the addresses are tried in order. */

struct attempt {
    uv_getaddrinfo_t lookup;
    uv_connect_t connect;
    uv_tcp_t tcp;
    struct dial *d; /* NULL once it was stopped */
    struct addrinfo *all, *next;
    bool looking, tcp_open;
};

static void attempt_free(struct attempt *a)
{
    uv_freeaddrinfo(a->all);
    free(a);
}

static void try_next(struct attempt *a);

static void tcp_closed_cb(uv_handle_t *h)
{
    struct attempt *a = h->data;

    a->tcp_open = false;
    if (a->d)
        try_next(a);
    else
        attempt_free(a);
}

static void connected_cb(uv_connect_t *r, int status)
{
    struct attempt *a = r->data;
    struct dial *d = a->d;
    uv_os_fd_t fd;

    if (!d)
        return; /* stopped: the handle is being closed */
    if (status < 0) {
        err_set(&d->why, status, "%s:%d: %s", d->host, d->port, strerror(-status));
        d->fd = status == -ETIMEDOUT ? -ETIMEDOUT : -ECONNREFUSED;
        uv_close((uv_handle_t *)&a->tcp, tcp_closed_cb);
        return;
    }
    uv_tcp_nodelay(&a->tcp, 1);
    uv_fileno((uv_handle_t *)&a->tcp, &fd);
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* libuv closes its own with the handle */
    if (copy < 0)
        dial_failed(d, -EIO, "no descriptor for a stream");
    else
        dial_done(d, copy); /* stops the attempt, see dial_stop() */
}

static void try_next(struct attempt *a)
{
    struct addrinfo *ai = a->next;
    struct dial *d = a->d;

    if (!ai) {
        struct err why = d->why;
        dial_failed(d, d->fd, why.text);
        return;
    }
    a->next = ai->ai_next;
    uv_tcp_init(d->t->loop, &a->tcp);
    a->tcp.data = a->connect.data = a;
    a->tcp_open = true;
    int rc = uv_tcp_connect(&a->connect, &a->tcp, ai->ai_addr, connected_cb);
    if (rc < 0) {
        err_set(&d->why, rc, "%s:%d: %s", d->host, d->port, strerror(-rc));
        d->fd = -ECONNREFUSED;
        uv_close((uv_handle_t *)&a->tcp, tcp_closed_cb);
    }
}

static void looked_up_cb(uv_getaddrinfo_t *r, int status, struct addrinfo *res)
{
    struct attempt *a = r->data;
    struct err e;

    a->looking = false;
    a->all = a->next = res;
    if (!a->d) {
        attempt_free(a);
    } else if (status < 0) {
        err_set(&e, 0, "%s: %s", a->d->host, uv_strerror(status));
        dial_failed(a->d, -ECONNREFUSED, e.text);
    } else {
        try_next(a);
    }
}

static void dial_start(struct dial *d)
{
    if (d->line) {
        start_program(d);
        return;
    }
    struct attempt *a = NEW(struct attempt);
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    char port[16];

    snprintf(port, sizeof port, "%d", d->port);
    a->d = d;
    a->lookup.data = a;
    d->kind = a;
    /* An address, which is the rule, needs no thread. */
    hints.ai_flags |= AI_NUMERICHOST;
    if (getaddrinfo(d->host, port, &hints, &a->all) == 0) {
        a->next = a->all;
        try_next(a);
        return;
    }
    a->all = NULL;
    hints.ai_flags &= ~AI_NUMERICHOST;
    int rc = uv_getaddrinfo(d->t->loop, &a->lookup, looked_up_cb, d->host, port, &hints);
    if (rc < 0)
        dial_failed(d, -ECONNREFUSED, uv_strerror(rc));
    else
        a->looking = true;
}

static void dial_stop(struct dial *d)
{
    struct attempt *a = d->kind;

    if (!a)
        return;
    d->kind = NULL;
    a->d = NULL;
    if (a->looking)
        uv_cancel((uv_req_t *)&a->lookup); /* the callback comes in any case */
    else if (!a->tcp_open)
        attempt_free(a);
    else if (!uv_is_closing((uv_handle_t *)&a->tcp))
        uv_close((uv_handle_t *)&a->tcp, tcp_closed_cb);
}

static void destroy(struct transport *t)
{
    struct local *l = container_of(t, struct local, base);

    list_for_each(g, &l->programs, struct program, link) program_end(g);
    transport_finish(t);
    free(l);
}

const struct transport_ops local_ops = {
    .name = "local",
    .create = create,
    .destroy = destroy,
    .connect = connect_nothing,
    .command_start = command_start,
    .command_stop = command_stop,
    .dial_start = dial_start,
    .dial_stop = dial_stop,
};
