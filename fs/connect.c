/* SPDX-License-Identifier: MIT */
/* slullamafs connect: listens on loopback, admits its owner alone, and relays each connection to the server. The way there
 * is made anew by itself; each change of it is told in one line, and nothing of it ends the program. */
#include "fs/connect.h"
#include "fs/exit_status.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/base/timer.h"
#include "fs/connect_link.h"
#include "fs/door_http/listener.h"
#include "backend/base/peer.h"
#include "fs/process.h"
#include "fs/server_way.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOK_MS 15000 /* a way that is not there is looked for this often, as a person would */
#define DIAL_MS 60000
#define REST_MS 250 /* long enough not to spin, short enough not to be felt */

struct connect {
    uv_loop_t loop;
    struct server_way way;
    struct connect_links links;
    struct listen_socket socket;
    uv_poll_t poll;
    struct process_signals signals;
    struct timer *look, *rest;
    struct dial *probe;
    char *told; /* the last line */
};

/* ---- Telling: a line for each change */

static void tell(struct connect *c, const char *text)
{
    if (c->told && strcmp(c->told, text) == 0)
        return;
    free(c->told);
    c->told = xstrdup(text);
    printf("%s: %s\n", *c->way.host ? c->way.host : "this machine", text);
    fflush(stdout);
}

static void dialled_cb(void *arg, int rc, const char *text)
{
    struct connect *c = arg;
    char line[128];

    if (rc == 0)
        snprintf(line, sizeof line, "connected to port %d", c->way.port);
    else if (rc == -ECONNREFUSED)
        snprintf(line, sizeof line, "nobody listens at port %d there; `slullamafs serve` starts a server",
                 c->way.port);
    tell(c, rc == 0 || rc == -ECONNREFUSED ? line : text);
}

static void state_cb(void *arg, enum transport_state state)
{
    struct connect *c = arg;
    const char *reason = c->way.transport ? transport_reason(c->way.transport) : "";

    if (state != TRANSPORT_UP && reason[0])
        tell(c, reason);
    else if (state == TRANSPORT_CONNECTING)
        tell(c, "connecting");
}

/* ---- Looking whether the server is there: by a connection without a word in it, which wakes nothing */

static void probed_cb(void *arg, int fd, const char *err)
{
    struct connect *c = arg;

    c->probe = NULL;
    dialled_cb(c, fd < 0 ? fd : 0, err);
    if (fd >= 0)
        close(fd);
}

static void look_cb(void *arg)
{
    struct connect *c = arg;

    if (!c->probe)
        c->probe = transport_dial(c->way.transport, "127.0.0.1", c->way.port, DIAL_MS, probed_cb, c);
    timer_start_ms(c->look, LOOK_MS);
}

/* ---- Letting in */

static void let_in(struct connect *c, int fd)
{
    uid_t uid;
    int rc = peer_uid(fd, &uid);

    if (rc == 0 && uid == geteuid())
        connect_link_start(&c->links, fd);
    else
        connect_link_refuse(&c->links, fd, 403, "this port belongs to another user of this machine");
}

static void accept_cb(uv_poll_t *p, int status, int events);

static void rest_cb(void *arg)
{
    struct connect *c = arg;

    uv_poll_start(&c->poll, UV_READABLE, accept_cb);
}

/* Where descriptors are lacking, who waits stays in line until links that end give some back. */
static void accept_cb(uv_poll_t *p, int status, int events)
{
    struct connect *c = p->data;
    int fd = accept4(c->socket.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)status, (void)events;
    if (fd >= 0) {
        let_in(c, fd);
    } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        uv_poll_stop(p);
        timer_start_ms(c->rest, REST_MS);
    }
}

/* The next free port may be the one where a server of this machine is to be: we would be connected to ourselves. */
static int check_not_itself(const struct connect *c, struct err *e)
{
    const char *colon = strrchr(c->socket.url, ':');

    if (*c->way.host || !colon || atoi(colon + 1) != c->way.port)
        return 0;
    return err_set(
        e, -EADDRINUSE,
        "port %d of this machine is the one to connect to, and nobody listens there; `slullamafs serve` "
        "starts a server, --local-port gives another port to listen at",
        c->way.port);
}

static int listen_here(struct connect *c, const struct slullama_args *args, struct err *e)
{
    char where[32];

    snprintf(where, sizeof where, "127.0.0.1:%d", c->way.local_port);
    int rc = listen_open(where, args->given.v[GIVEN_LOCAL_PORT] != NULL, &c->socket, e);
    if (rc == -EADDRINUSE)
        err_set(e, rc, "%s is taken by another program; --local-port gives another one", where);
    if (rc == 0)
        rc = check_not_itself(c, e);
    if (rc < 0)
        return rc;
    c->poll.data = c;
    rc = uv_poll_init(&c->loop, &c->poll, c->socket.fd);
    if (rc < 0)
        return err_set(e, rc, "cannot watch the socket of %s: %s", where, uv_strerror(rc));
    uv_poll_start(&c->poll, UV_READABLE, accept_cb);
    return 0;
}

/* ---- Beginning and end */

static void signal_cb(void *arg, int signum)
{
    struct connect *c = arg;

    (void)signum;
    uv_stop(&c->loop);
}

static void run(struct connect *c)
{
    c->links = (struct connect_links){ .loop = &c->loop,
                                       .transport = c->way.transport,
                                       .port = c->way.port,
                                       .token = c->links.token,
                                       .dialled = dialled_cb,
                                       .arg = c };
    list_init(&c->links.all);
    c->look = timer_create_on(&c->loop, look_cb, c);
    c->rest = timer_create_on(&c->loop, rest_cb, c);
    printf("%s is port %d of %s; OLLAMA_HOST=%s, or %s/v1 for OpenAI's API; Ctrl-C ends it\n", c->socket.url,
           c->way.port, *c->way.host ? c->way.host : "this machine", c->socket.url, c->socket.url);
    fflush(stdout);
    look_cb(c);
    uv_run(&c->loop, UV_RUN_DEFAULT);
    connect_link_close_all(&c->links);
    dial_cancel(c->probe);
    timer_destroy(c->look);
    timer_destroy(c->rest);
    uv_close((uv_handle_t *)&c->poll, NULL);
}

static int begin(struct connect *c, const struct slullama_args *args, struct err *e)
{
    int rc = server_way_open(&c->way, &c->loop, args, state_cb, c, e);

    if (rc < 0)
        return rc;
    if (args->add_token && !*c->way.token)
        rc = err_set(e, -EINVAL, "there is no token to add; --token-file FILE names one");
    c->links.token = args->add_token ? c->way.token : NULL;
    return rc < 0 ? rc : listen_here(c, args, e);
}

int connect_main(int argc, char **argv)
{
    struct connect c = { .socket.fd = -1 };
    struct slullama_args args;
    struct err e = { 0 };
    int status = slullama_args_parse(argc, argv, VERB_CONNECT, &args);

    if (status < 0) {
        process_prepare();
        uv_loop_init(&c.loop);
        c.signals = (struct process_signals){ .end = signal_cb, .arg = &c };
        process_signals_watch(&c.signals, &c.loop);
        status = begin(&c, &args, &e) < 0 ? status_failed("%s", e.text) : 0;
        if (status == 0)
            run(&c);
        server_way_close(&c.way);
        process_signals_close(&c.signals);
        uv_run(&c.loop, UV_RUN_DEFAULT); /* what closes, and ssh's end */
        if (c.socket.url)
            listen_close(&c.socket);
        server_way_free(&c.way);
        uv_loop_close(&c.loop);
    }
    free(c.told);
    slullama_args_finish(&args);
    return status;
}
