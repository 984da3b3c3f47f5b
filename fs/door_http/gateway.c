/* SPDX-License-Identifier: MIT */
/* The listeners, and who comes in: the kernel is asked who is at the other end before a byte is read. We
 * accept by ourselves, since libuv's listener drops clients when descriptors run out, or turns in circles.
 *
 * Errors of accept(2): a client that went is passed over; where descriptors run out, those who wait are answered
 * 503 by one that was kept for it, and the listener rests; anything else is logged and makes it rest too. */
#include "fs/door_http/gateway.h"
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/base/random.h"
#include "backend/base/timer.h"
#include "fs/door_http/access_log.h"
#include "fs/door_http/connection.h"
#include "fs/door_http/figures.h"
#include "fs/door_http/gate.h"
#include "fs/door_http/guard.h"
#include "fs/door_http/listener.h"
#include "backend/base/peer.h"
#include "fs/door_http/tls.h"

#include <errno.h>
#include <fcntl.h>
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
    struct model *own; /* it is this model's alone; NULL else */
    struct listen_socket socket;
    struct timer *rest;
};

struct gateway {
    struct gate gate;
    struct house *house;
    bool owner_alone; /* access = "owner" */
    struct listener **listeners;
    size_t n_listeners;
    int reserve; /* a descriptor that is given up to tell a client that there are none; -1 = given up */
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

/* With access = "owner" the kernel is asked who it is, before a byte is read. The status and the sentence of a
 * refusal, or 0. */
static int judge_peer(const struct gateway *g, int fd, const char **text)
{
    uid_t uid = 0;
    int rc = g->owner_alone ? peer_uid(fd, &uid) : 0;

    if (!g->owner_alone)
        return 0;
    if (rc == 0 && uid != geteuid()) {
        log_info("gateway: a request of user %lu was refused", (unsigned long)uid);
        *text = "this gateway belongs to another user of this machine";
        return 403;
    }
    if (rc == -ENOTCONN) {
        *text = "the client was gone before it could be seen whose it was";
        return 403;
    }
    if (rc == 0)
        return 0;
    log_error("gateway: cannot ask the kernel whose a connection is: %s", strerror(-rc));
    *text = "cannot find out which user is asking";
    return 503;
}

static void let_in(struct listener *l, int fd)
{
    struct gateway *g = l->gateway;
    const char *text = "too many connections are open";
    int status = judge_peer(g, fd, &text);

    if (!status && is_crowded(fd))
        status = 503;
    uv_stream_t *s = wrap(g->house->loop, fd, l->socket.path != NULL);
    if (s && status)
        connection_refuse(s, &g->gate, status, text);
    else if (s)
        connection_start(s, &g->gate, l->own);
}

/* ---- Without descriptors */

static const char no_descriptors[] =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 5\r\n"
    "Connection: close\r\nContent-Length: 86\r\n\r\n"
    "{\"error\":{\"message\":\"too many connections are open\",\"type\":\"server_error\",\"code\":503}}";

/* One client is told, by the descriptor that was kept for this. What it has sent is read first: unread, it would
 * make the kernel send a reset, which overtakes the answer. False: nobody else waits. */
static bool turn_away(struct gateway *g, const struct listener *l)
{
    char seen[4096];
    int fd;

    if (g->reserve < 0)
        return false;
    close(g->reserve);
    fd = accept4(l->socket.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        while (recv(fd, seen, sizeof seen, 0) > 0)
            ;
        if (!g->gate.tls || l->socket.path)
            send(fd, no_descriptors, sizeof no_descriptors - 1, MSG_NOSIGNAL);
        shutdown(fd, SHUT_WR);
        close(fd);
    }
    g->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return fd >= 0;
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
            int errnum = errno;
            for (int n = 0; errnum == EMFILE && n < A_TURN && turn_away(l->gateway, l); n++)
                ;
            rest(l, errnum);
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

/* A certificate is for a name, which `hosts` knows where there is one. */
static void make_https(const struct config *cfg, struct listen_socket *s)
{
    const char *port = strrchr(s->url, ':');
    char *url = cfg->hosts.n > 0 ? xasprintf("https://%s%s", cfg->hosts.v[0], port)
                                 : xasprintf("https%s", s->url + strlen("http"));

    free(s->url);
    s->url = url;
}

/* A socket that was handed over is bound by whoever wrote its unit, but who may connect there is said in the
 * configuration, and the two belong together as they do for `listen`: CONTRACT.md section 7. */
static int check_reach(const struct config *cfg, const struct listen_socket *s, struct err *e)
{
    if (!s->far || strcmp(cfg->access, "open") == 0)
        return 0;
    if (strcmp(cfg->access, "owner") == 0)
        return err_set(e, -EINVAL,
                       "the socket that was handed over, %s, reaches beyond this machine while access in "
                       "[gateway] is \"owner\": give its unit a ListenStream on 127.0.0.1, or set a token",
                       s->url);
    if (*cfg->tls_cert || cfg->allow_plain)
        return 0;
    return err_set(e, -EINVAL,
                   "the socket that was handed over, %s, reaches beyond this machine, and the token would "
                   "cross the network in clear: give tls_cert and tls_key, or allow_plain = true",
                   s->url);
}

/* asked: the user has written it, so that no other port will do */
static int add_listener(struct gateway *g, const char *where, bool asked, struct model *own, struct err *e)
{
    struct listen_socket s;
    int rc = listen_open(where, asked, &s, e);

    if (rc < 0)
        return rc;
    rc = check_reach(g->house->cfg, &s, e);
    if (rc < 0) {
        listen_close(&s);
        return rc;
    }
    struct listener *l = NEW(struct listener);
    l->gateway = g;
    l->own = own;
    l->socket = s;
    l->poll.data = l;
    rc = uv_poll_init(g->house->loop, &l->poll, s.fd);
    if (rc < 0) {
        listen_close(&l->socket);
        free(l);
        return err_set(e, rc, "cannot watch the socket of %s: %s", where, uv_strerror(rc));
    }
    l->rest = timer_create_on(g->house->loop, rest_cb, l);
    if (g->gate.tls && !s.path)
        make_https(g->house->cfg, &l->socket);
    uv_poll_start(&l->poll, UV_READABLE, accept_cb);
    g->listeners[g->n_listeners++] = l;
    log_info("gateway: listening on %s", l->socket.url);
    return 0;
}

static int open_listeners(struct gateway *g, struct err *e)
{
    const struct config *cfg = g->house->cfg;
    int rc = 0;

    g->listeners = xcalloc(cfg->listen.n + cfg->n_models + 1, sizeof *g->listeners);
    for (size_t i = 0; i < cfg->listen.n && rc == 0; i++)
        rc = add_listener(g, cfg->listen.v[i], cfg->listen_asked, NULL, e);
    for (size_t i = 0; i < cfg->n_models && rc == 0; i++)
        if (*cfg->models[i]->listen)
            rc = add_listener(g, cfg->models[i]->listen, true, g->house->models[i], e);
    return rc;
}

static void figures_cb(void *arg, struct buf *out)
{
    const struct gateway *g = arg;

    figures_text(g->gate.figures, NULL, out);
}

static void tell_house(struct gateway *g)
{
    struct house *h = g->house;

    h->door_figures = figures_cb;
    h->door_figures_arg = g;
    h->token = guard_token(g->gate.guard);
    if (g->n_listeners > 0) {
        free(h->endpoint);
        h->endpoint = xstrdup(g->listeners[0]->socket.url);
        house_changed(h);
    }
}

int gateway_create(struct gateway **out, struct house *h, struct err *e)
{
    const struct config *cfg = h->cfg;
    struct gateway *g = NEW(struct gateway);

    g->house = g->gate.house = h;
    g->owner_alone = strcmp(cfg->access, "owner") == 0;
    g->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    g->gate.figures = figures_create();
    list_init(&g->gate.connections);
    random_hex(g->gate.id_base, GATE_ID_BASE);
    int rc = guard_create(&g->gate.guard, h, e);
    if (rc == 0 && *cfg->tls_cert)
        rc = tls_server_create(&g->gate.tls, cfg->tls_cert, cfg->tls_key, e);
    if (rc == 0 && *cfg->access_log)
        rc = access_log_create(&g->gate.log, cfg->access_log, h->mail, e);
    if (rc == 0)
        rc = open_listeners(g, e);
    if (rc < 0) {
        gateway_destroy(g);
        return rc;
    }
    tell_house(g);
    *out = g;
    return 0;
}

void gateway_reopen(struct gateway *g)
{
    if (g)
        access_log_reopen(g->gate.log);
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
    connection_close_all(&g->gate.connections);
    g->house->door_figures = NULL;
    g->house->token = NULL;
    guard_destroy(g->gate.guard);
    tls_server_destroy(g->gate.tls);
    access_log_destroy(g->gate.log);
    figures_destroy(g->gate.figures);
    if (g->reserve >= 0)
        close(g->reserve);
    free(g->listeners);
    free(g);
}
