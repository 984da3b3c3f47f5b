/* SPDX-License-Identifier: MIT */
/* See tunnel.h. */
#include "backend/transport/tunnel.h"
#include "backend/base/alloc.h"
#include "backend/base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TOOLS         "python3 bash socat nc"
#define MARK_LEN      32
#define STEP_PAUSE_MS 60000 /* a step costs the scheduler something; where nobody listens it fails as well */
#define SAID_LIMIT    8192  /* bytes of a program's standard error that are kept */

/* A descriptor that is watched; outlives its owner's interest until the handle is closed. */
struct watch {
    uv_poll_t poll;
    struct dial *dial;
    int fd;
    bool kept; /* the descriptor is handed on, not closed */
};

struct tunnel_try {
    enum tunnel_way way;
    struct err before;       /* step: why the login node did not connect; "" where it was not asked */
    bool doubted;            /* login: refused, and ssh did not say why: exec is to confirm it */
    struct dial *inner;      /* node */
    struct transport *node;  /* likewise */
    char mark[MARK_LEN + 2]; /* exec: a line */
    char tail[MARK_LEN];     /* the last bytes of the noise before it */
    size_t tail_len;
    struct watch *stream, *errors;
    struct buf said;
};

static void start_way(struct dial *d);

/* ---- Watching. */

static void closed_cb(uv_handle_t *h)
{
    free(container_of((uv_poll_t *)h, struct watch, poll));
}

static void unwatch(struct watch **w)
{
    if (!*w)
        return;
    uv_close((uv_handle_t *)&(*w)->poll, closed_cb);
    if (!(*w)->kept)
        close((*w)->fd);
    *w = NULL;
}

static struct watch *watch(struct dial *d, int fd, uv_poll_cb cb)
{
    struct watch *w = NEW(struct watch);

    w->fd = fd;
    w->dial = d;
    uv_poll_init(d->t->loop, &w->poll, fd);
    uv_poll_start(&w->poll, UV_READABLE, cb);
    return w;
}

/* ---- Ways. */

static const char *const names[] = {
    [TUNNEL_UNKNOWN] = "auto", [TUNNEL_LOGIN] = "login", [TUNNEL_EXEC] = "exec",
    [TUNNEL_NODE] = "node",    [TUNNEL_STEP] = "exec", /* as the configuration calls it */
};

/* What the configuration fixes, or TUNNEL_UNKNOWN. */
static enum tunnel_way fixed(const struct transport *t)
{
    const char *word = t->cluster->tunnel;

    for (enum tunnel_way w = TUNNEL_LOGIN; word && w <= TUNNEL_NODE; w++)
        if (strcmp(word, names[w]) == 0)
            return w;
    return TUNNEL_UNKNOWN;
}

const char *transport_tunnel(const struct transport *t)
{
    enum tunnel_way way = fixed(t) ? fixed(t) : t->way;

    return t->ops->has_tunnels && way ? names[way] : NULL;
}

static void worked(struct dial *d)
{
    struct transport *t = d->t;

    if (t->way == d->tunnel->way)
        return;
    t->way = d->tunnel->way;
    transport_changed(t);
}

/* What the try holds goes; the try itself stays for the next way. */
static void clear(struct tunnel_try *y)
{
    unwatch(&y->stream);
    unwatch(&y->errors);
    buf_free(&y->said);
    dial_cancel(y->inner);
    y->inner = NULL;
}

static void next_way_cb(void *arg, int what)
{
    (void)what;
    start_way(arg);
}

static void take_way(struct dial *d, enum tunnel_way way)
{
    clear(d->tunnel);
    d->tunnel->way = way;
    d->t->ops->dial_stop(d);
    mailbox_post(d->t->mail, next_way_cb, d, 0); /* not inside a call of the kind */
}

/* ---- exec */

/* What it said until now. */
static void hear(struct tunnel_try *y)
{
    char chunk[2048];
    ssize_t n = -1;

    while (y->errors && (n = read(y->errors->fd, chunk, sizeof chunk)) > 0) {
        buf_add(&y->said, chunk, (size_t)n);
        if (y->said.len > SAID_LIMIT)
            buf_consume(&y->said, y->said.len - SAID_LIMIT / 2);
    }
    if (n == 0)
        unwatch(&y->errors);
}

static void errors_cb(uv_poll_t *h, int status, int events)
{
    (void)status;
    (void)events;
    hear(container_of(h, struct watch, poll)->dial->tunnel);
}

/* The last line: what stands before may be a start-up file's. */
static const char *last_words(struct tunnel_try *y)
{
    char *s = y->said.data;

    if (!s)
        return "";
    while (y->said.len > 0 && (s[y->said.len - 1] == '\n' || s[y->said.len - 1] == '\r'))
        s[--y->said.len] = '\0';
    char *nl = strrchr(s, '\n');
    return nl ? nl + 1 : s;
}

static void program_ended(struct dial *d)
{
    struct tunnel_try *y = d->tunnel;
    struct err e;

    hear(y);
    const char *words = last_words(y);
    bool none = strstr(words, "no program for a connection") != NULL;
    err_set(&e, 0, "%s:%d, seen from %s through %s: %s", d->host, d->port, d->t->cluster->host,
            y->way == TUNNEL_STEP ? "a step of the job" : "a command",
            words[0] ? words : "it ended, and does not say why");
    dial_failed(d, none ? -ENOTSUP : words[0] ? -ECONNREFUSED : -ECONNRESET, e.text);
}

static void mark_seen(struct dial *d)
{
    struct tunnel_try *y = d->tunnel;
    int fd = y->stream->fd;

    y->stream->kept = true;
    unwatch(&y->stream);
    unwatch(&y->errors);
    worked(d);
    dial_opened(d, fd);
}

/* Up to the mark everything is noise of the shell's start-up files, and nothing behind it may be taken. */
static void stream_cb(uv_poll_t *h, int status, int events)
{
    struct watch *w = container_of(h, struct watch, poll);
    struct dial *d = w->dial;
    struct tunnel_try *y = d->tunnel;
    char seen[MARK_LEN + 4096];
    ssize_t n = recv(w->fd, seen + y->tail_len, sizeof seen - MARK_LEN, MSG_PEEK | MSG_DONTWAIT);

    (void)status;
    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        program_ended(d);
        return;
    }
    memcpy(seen, y->tail, y->tail_len);
    size_t have = y->tail_len + (size_t)n;
    const char *at = memmem(seen, have, y->mark, MARK_LEN + 1);
    /* The end of noise may be the beginning of the mark. */
    size_t end = at ? (size_t)(at - seen) + MARK_LEN + 1 : have;
    char drop[sizeof seen];
    recv(w->fd, drop, end - y->tail_len, MSG_DONTWAIT);
    if (at) {
        mark_seen(d);
        return;
    }
    y->tail_len = have < MARK_LEN ? have : MARK_LEN;
    memcpy(y->tail, seen + have - y->tail_len, y->tail_len);
}

static void start_exec(struct dial *d)
{
    struct tunnel_try *y = d->tunnel;
    int errors[2];

    random_hex(y->mark, MARK_LEN);
    y->tail_len = 0;
    free(d->line);
    d->line = tunnel_pipe_line(d->host, d->port, y->mark, TOOLS, y->way == TUNNEL_STEP ? d->job : NULL);
    y->mark[MARK_LEN] = '\n';
    if (!d->line) {
        dial_failed(d, -EINVAL, "the name of the node is none that a command could take");
        return;
    }
    if (pipe_pair(errors) == 0) {
        d->errors = errors[1];
        y->errors = watch(d, errors[0], errors_cb);
    }
    d->t->ops->dial_start(d);
}

/* ---- node */

struct tunnel_node {
    struct list link;
    struct cluster_config cluster; /* the login node's, with another host */
    char *host;
    struct transport *t;
};

static struct transport *node_transport(struct dial *d, struct err *e)
{
    struct transport *t = d->t;

    list_for_each(n, &t->nodes, struct tunnel_node, link)
    {
        if (strcmp(n->host, d->host) == 0)
            return n->t;
    }
    struct tunnel_node *n = NEW(struct tunnel_node);
    n->cluster = *t->cluster;
    n->cluster.host = n->host = xstrdup(d->host);
    n->cluster.tunnel = (char *)names[TUNNEL_LOGIN];
    /* It asks nothing: the question would be one of many nodes, at any time. */
    struct transport_params p = {
        .loop = t->loop, .cluster = &n->cluster, .runtime_dir = t->runtime_dir, .via = t
    };
    if (!tunnel_is_host(d->host) || t->ops->create(&n->t, &p, e) < 0) {
        free(n->host);
        free(n);
        return NULL;
    }
    list_append(&t->nodes, &n->link);
    return n->t;
}

static void node_dialled_cb(void *arg, int fd, const char *err)
{
    struct dial *d = arg;
    struct err e;

    d->tunnel->inner = NULL;
    if (fd >= 0) {
        worked(d);
        dial_opened(d, fd);
        return;
    }
    err_set(&e, 0, "through %s itself (`ssh -J %s %s` has to work): %s", d->host, d->t->cluster->host,
            d->host, err);
    dial_failed(d, fd, e.text);
}

/* Where the configuration says so, the engine listens on its node's loopback alone; else where all can reach
 * it. */
static void start_node(struct dial *d)
{
    struct err e;

    err_set(&e, 0,
            d->t->ops->leads_on ? "no way to a node of that name"
                                : "sshd on the node is reached with transport = \"openssh\" alone");
    struct transport *n = d->t->ops->leads_on ? node_transport(d, &e) : NULL;
    if (!n) {
        dial_failed(d, -EHOSTUNREACH, e.text);
        return;
    }
    d->tunnel->node = n;
    d->tunnel->inner = transport_dial(n, fixed(d->t) == TUNNEL_NODE ? "127.0.0.1" : d->host, d->port,
                                      d->timeout_ms, node_dialled_cb, d);
}

/* ---- The turns. */

static void start_way(struct dial *d)
{
    switch (d->tunnel->way) {
    case TUNNEL_EXEC:
    case TUNNEL_STEP:
        start_exec(d);
        break;
    case TUNNEL_NODE:
        start_node(d);
        break;
    case TUNNEL_LOGIN:
    case TUNNEL_UNKNOWN:
        d->t->ops->dial_start(d);
        break;
    }
}

void tunnel_start(struct dial *d)
{
    struct transport *t = d->t;
    enum tunnel_way way = fixed(t) ? fixed(t) : t->way;

    if ((way == TUNNEL_UNKNOWN || way == TUNNEL_EXEC) && (t->step_next || t->way == TUNNEL_STEP))
        way = TUNNEL_STEP;
    if (way == TUNNEL_STEP && !d->job)
        way = fixed(t);
    d->tunnel = NEW(struct tunnel_try);
    d->tunnel->way = way ? way : TUNNEL_LOGIN;
    start_way(d);
}

bool tunnel_opened(struct dial *d, int fd)
{
    struct tunnel_try *y = d->tunnel;

    if (y && (y->way == TUNNEL_EXEC || y->way == TUNNEL_STEP)) {
        y->stream = watch(d, fd, stream_cb);
        return true;
    }
    if (y)
        worked(d);
    return false;
}

void tunnel_clear(struct dial *d)
{
    clear(d->tunnel);
}

void tunnel_again(struct dial *d)
{
    start_way(d);
}

/* The login node does not reach the node: a step of the job may, unless the former worked before. A dial that has
 * no time left leaves that to the next one. */
static bool step_instead(struct dial *d, int rc, const struct err *e)
{
    struct transport *t = d->t;
    struct tunnel_try *y = d->tunnel;
    bool allowed = fixed(t) == TUNNEL_EXEC || fixed(t) == TUNNEL_UNKNOWN;

    if (!allowed || !d->job || t->way == y->way || mono_ms() < t->no_step_until)
        return false;
    t->step_next = rc == -ETIMEDOUT;
    if (rc != -ECONNREFUSED)
        return false;
    y->before = *e;
    take_way(d, TUNNEL_STEP);
    return true;
}

/* What was said of the login node is the better reason, where it was asked. */
static void step_failed(struct dial *d, int *rc, struct err *e)
{
    struct transport *t = d->t;

    t->step_next = false;
    if (t->way == TUNNEL_STEP)
        return; /* the engine is not there */
    t->no_step_until = mono_ms() + STEP_PAUSE_MS;
    if (d->tunnel->before.text[0]) {
        *rc = -ECONNREFUSED;
        *e = d->tunnel->before;
    } else if (*rc == -ENOTSUP) {
        *rc = -ECONNREFUSED;
    }
}

bool tunnel_failed(struct dial *d, int *rc, struct err *e)
{
    struct tunnel_try *y = d->tunnel;
    bool automatic = fixed(d->t) == TUNNEL_UNKNOWN;

    if (!y || d->t->state != TRANSPORT_UP)
        return false;
    if (*rc == -ETIMEDOUT && y->node && transport_reason(y->node)[0]) {
        *rc = err_set(e, -EHOSTUNREACH, "through %s itself: %s", d->host, transport_reason(y->node));
        return false;
    }
    if (y->way == TUNNEL_STEP) {
        step_failed(d, rc, e);
        return false;
    }
    if (((y->way == TUNNEL_LOGIN && !d->unexplained) || y->way == TUNNEL_EXEC) && step_instead(d, *rc, e))
        return true;
    if (!automatic)
        return false;
    if (y->way == TUNNEL_LOGIN && (*rc == -EACCES || (d->unexplained && *rc == -ECONNREFUSED))) {
        y->doubted = *rc != -EACCES;
        take_way(d, TUNNEL_EXEC);
        return true;
    }
    if (y->way == TUNNEL_EXEC && *rc == -ENOTSUP && !y->doubted) {
        take_way(d, TUNNEL_NODE);
        return true;
    }
    return false;
}

void tunnel_let_go(struct dial *d)
{
    if (!d->tunnel)
        return;
    mailbox_forget(d->t->mail, d);
    clear(d->tunnel);
    free(d->tunnel);
    d->tunnel = NULL;
}

void tunnel_finish(struct transport *t)
{
    list_for_each(n, &t->nodes, struct tunnel_node, link)
    {
        list_remove(&n->link);
        transport_destroy(n->t);
        free(n->host);
        free(n);
    }
}
