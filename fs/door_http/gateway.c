/* SPDX-License-Identifier: MIT */
/* The listeners, and who comes in: the kernel is asked who is at the other end before a byte is read. We
 * accept by ourselves, since libuv's listener drops clients when descriptors run out, or turns in circles.
 *
 * Errors of accept(2): a client that went is passed over; no descriptors or memory makes the listener rest,
 * clients waiting in the kernel's queue meanwhile; anything else is logged and makes it rest too. */
#include "fs/door_http/gateway.h"
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/base/timer.h"
#include "fs/door_http/connection.h"
#include "fs/door_http/listener.h"
#include "fs/door_http/peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define REST_MS  250   /* long enough not to spin, short enough not to be felt */
#define A_TURN   64    /* clients let in before the loop looks at others */
#define COMPLAIN 60000 /* milliseconds between two log lines about the same lack */

struct listener {
    uv_poll_t poll;
    struct gateway *gateway;
    struct listen_socket socket;
    struct timer *rest;
};

struct gateway {
    struct house *house;
    struct listener **listeners;
    size_t n_listeners;
    struct list connections;
    uint64_t complained_ms; /* mono_ms(); 0 = never */
};

/* ---- Letting in */

static uv_stream_t *wrap(uv_loop_t *loop, int fd, bool is_unix)
{
    int one = 1;

    if (is_unix) {
        uv_pipe_t *pipe = NEW(uv_pipe_t);
        uv_pipe_init(loop, pipe, 0);
        if (uv_pipe_open(pipe, fd) == 0)
            return (uv_stream_t *)pipe;
        uv_close((uv_handle_t *)pipe, (uv_close_cb)free);
    } else {
        uv_tcp_t *tcp = NEW(uv_tcp_t);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        uv_tcp_init(loop, tcp);
        if (uv_tcp_open(tcp, fd) == 0)
            return (uv_stream_t *)tcp;
        uv_close((uv_handle_t *)tcp, (uv_close_cb)free);
    }
    close(fd);
    return NULL;
}

/* Descriptors are numbered from below: a high number means that few are left, and what is left is needed for
 * the jobs' connections. */
static bool is_crowded(int fd)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
           (rlim_t)fd >= limit.rlim_cur - limit.rlim_cur / 4;
}

static void let_in(struct listener *l, int fd)
{
    struct gateway *g = l->gateway;
    uid_t uid = 0;
    int rc = peer_uid(fd, &uid);
    bool crowded = is_crowded(fd);
    uv_stream_t *s = wrap(g->house->loop, fd, l->socket.path != NULL);

    if (!s)
        return;
    if (rc == 0 && uid != geteuid()) {
        log_info("gateway: a request of user %lu was refused", (unsigned long)uid);
        connection_refuse(s, g->house, &g->connections, 403,
                          "this gateway belongs to another user of this machine");
    } else if (rc == -ENOTCONN) {
        connection_refuse(s, g->house, &g->connections, 403,
                          "the client was gone before it could be seen whose it was");
    } else if (rc < 0) {
        log_error("gateway: cannot ask the kernel whose a connection is: %s", strerror(-rc));
        connection_refuse(s, g->house, &g->connections, 503, "cannot find out which user is asking");
    } else if (crowded) {
        connection_refuse(s, g->house, &g->connections, 503, "too many connections are open");
    } else {
        connection_start(s, g->house, &g->connections);
    }
}

static void accept_cb(uv_poll_t *p, int status, int events);

static void rest_cb(void *arg)
{
    struct listener *l = arg;

    uv_poll_start(&l->poll, UV_READABLE, accept_cb);
}

static void rest(struct listener *l, int errnum)
{
    struct gateway *g = l->gateway;
    uint64_t now = mono_ms();

    if (!g->complained_ms || now - g->complained_ms >= COMPLAIN) {
        g->complained_ms = now;
        log_warning("gateway: no client can be let in on %s for now: %s", l->socket.url, strerror(errnum));
    }
    uv_poll_stop(&l->poll);
    timer_start_ms(l->rest, REST_MS);
}

static void accept_cb(uv_poll_t *p, int status, int events)
{
    struct listener *l = p->data;

    (void)events;
    if (status < 0) {
        rest(l, -status);
        return;
    }
    for (int i = 0; i < A_TURN; i++) {
        int fd = accept4(l->socket.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            let_in(l, fd);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            rest(l, errno);
            return;
        }
    }
}

/* ---- Listening */

static void poll_closed_cb(uv_handle_t *h)
{
    free(h->data);
}

static void close_listener(struct listener *l)
{
    timer_destroy(l->rest);
    uv_close((uv_handle_t *)&l->poll, poll_closed_cb);
    listen_close(&l->socket);
}

static int add_listener(struct gateway *g, const char *where, struct err *e)
{
    struct listen_socket s;
    int rc = listen_open(where, g->house->cfg->listen_asked, &s, e);

    if (rc < 0)
        return rc;
    struct listener *l = NEW(struct listener);
    l->gateway = g;
    l->socket = s;
    l->poll.data = l;
    rc = uv_poll_init(g->house->loop, &l->poll, s.fd);
    if (rc < 0) {
        listen_close(&l->socket);
        free(l);
        return err_set(e, rc, "cannot watch the socket of %s: %s", where, uv_strerror(rc));
    }
    l->rest = timer_create_on(g->house->loop, rest_cb, l);
    uv_poll_start(&l->poll, UV_READABLE, accept_cb);
    g->listeners[g->n_listeners++] = l;
    log_info("gateway: listening on %s", s.url);
    return 0;
}

int gateway_create(struct gateway **out, struct house *h, struct err *e)
{
    struct gateway *g = NEW(struct gateway);
    int rc = 0;

    g->house = h;
    g->listeners = xcalloc(h->cfg->listen.n + 1, sizeof *g->listeners);
    list_init(&g->connections);
    for (size_t i = 0; i < h->cfg->listen.n && rc == 0; i++)
        rc = add_listener(g, h->cfg->listen.v[i], e);
    if (rc < 0) {
        gateway_destroy(g);
        return rc;
    }
    if (g->n_listeners > 0) {
        free(h->endpoint);
        h->endpoint = xstrdup(g->listeners[0]->socket.url);
        house_changed(h);
    }
    *out = g;
    return 0;
}

void gateway_stop(struct gateway *g)
{
    for (size_t i = 0; i < g->n_listeners; i++)
        close_listener(g->listeners[i]);
    g->n_listeners = 0;
}

void gateway_destroy(struct gateway *g)
{
    if (!g)
        return;
    gateway_stop(g);
    connection_close_all(&g->connections);
    free(g->listeners);
    free(g);
}
