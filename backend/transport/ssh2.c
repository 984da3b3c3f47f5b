/* SPDX-License-Identifier: MIT */
/* The transport through libssh2: the loop's side. The thread of ssh2_link.h has the connection; here are the attempts to get
 * one, and which message of it means what for a command or a dial.
 *
 * OFF        nothing runs; a need starts the next attempt, but not before not_before
 * ASKING     `ssh -G` says where to, and how                 way out: ssh_query.c's limit
 * RESOLVING  the addresses of the host are looked up         way out: the resolver's own limits
 * RUNNING    there is a link, which logs in or is up         way out: its end, which it always tells
 * PAUSING    somebody needs it; the timer starts the next attempt */
#include "backend/transport/ssh2_link.h"
#include "backend/transport/ssh_explain.h"
#include "backend/transport/ssh_pause.h"
#include "backend/transport/ssh_query.h"
#include "backend/transport/transport_private.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <libssh2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ANSWER_MS 300000 /* as ssh_master.c's */

enum state { OFF, ASKING, RESOLVING, RUNNING, PAUSING };

struct lookup {
    uv_getaddrinfo_t request;
    struct ssh2 *s; /* NULL: nobody waits for it any more */
};

struct ssh2 {
    struct transport base;
    enum state state;
    bool asks;
    uint64_t answer_ms;
    struct ssh_query *query;
    struct lookup *lookup;
    struct ssh2_goal *goal; /* RESOLVING; the link's own afterwards */
    struct ssh2_link *link; /* RUNNING */
    uint64_t up_since;      /* mono_ms(); 0: it is not up */
    struct timer *timer;
    struct ssh_tries tries;
    struct list channels; /* struct channel */
    unsigned last_id;
};

/* What a command or a dial waits for. */
struct channel {
    struct list link;
    struct ssh2 *s;
    unsigned id;
    struct command *c; /* one of the two */
    struct dial *d;
    int theirs; /* of a dial: the caller's end, until it is handed over */
};

static struct ssh2 *self(struct transport *t)
{
    return container_of(t, struct ssh2, base);
}

/* ---- Attempts. */

static void next(struct ssh2 *s);

static void fail(struct ssh2 *s)
{
    if (s->up_since)
        s->tries.last.final = false; /* it did work a moment ago */
    ssh_tries_failed(&s->tries, s->up_since);
    s->up_since = 0;
    s->state = OFF;
    ssh2_goal_destroy(s->goal);
    s->goal = NULL;
    const char *text = s->tries.last.why.text;
    if (s->tries.last.final) {
        transport_set(&s->base, TRANSPORT_DOWN, s->tries.last.rc, text);
        command_end_all(&s->base, true, s->tries.last.rc, text); /* the state may have been DOWN already */
        dial_end_all(&s->base, true, s->tries.last.rc, text);
        return;
    }
    transport_set(&s->base, transport_needed(&s->base) ? TRANSPORT_CONNECTING : TRANSPORT_IDLE,
                  s->tries.last.rc, text);
    if (s->state == OFF)
        next(s);
}

static void fail_with(struct ssh2 *s, int rc, bool final, const char *text)
{
    s->tries.last.rc = rc;
    s->tries.last.final = final;
    err_set(&s->tries.last.why, rc, "%s", text);
    fail(s);
}

static void link_cb(void *arg, const struct ssh2_message *m);

static void resolved_cb(uv_getaddrinfo_t *r, int status, struct addrinfo *all)
{
    struct lookup *u = container_of(r, struct lookup, request);
    struct ssh2 *s = u->s;
    struct err e;

    free(u);
    if (!s) {
        uv_freeaddrinfo(all);
        return;
    }
    struct ssh2_goal *g = s->goal;
    s->lookup = NULL;
    if (status < 0) {
        err_set(&e, 0, "%s: Could not resolve hostname %s: %s", g->name, g->hostname, uv_strerror(status));
        fail_with(s, -EHOSTUNREACH, false, e.text);
        return;
    }
    g->addresses = all;
    s->goal = NULL;
    if (ssh2_link_start(&s->link, s->base.loop, g, link_cb, s, &e) < 0)
        fail_with(s, -EHOSTUNREACH, false, e.text);
    else
        s->state = RUNNING;
}

static void settings_cb(void *arg, const char *settings)
{
    struct ssh2 *s = arg;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    struct err e;

    s->query = NULL;
    if (!settings) {
        err_set(&e, 0, "%s: `ssh -G`, which says where it is, fails%s%s", s->base.cluster->host,
                s->base.cluster->ssh_config[0] ? " with the configuration " : "",
                s->base.cluster->ssh_config);
        fail_with(s, -EHOSTUNREACH, true, e.text);
        return;
    }
    if (ssh2_goal_create(&s->goal, s->base.cluster, settings, &e) < 0) {
        fail_with(s, -EHOSTUNREACH, true, e.text);
        return;
    }
    s->goal->asks = s->asks;
    s->goal->answer_ms = s->answer_ms;
    s->state = RESOLVING;
    s->lookup = NEW(struct lookup);
    s->lookup->s = s;
    if (uv_getaddrinfo(s->base.loop, &s->lookup->request, resolved_cb, s->goal->hostname, s->goal->port,
                       &hints) == 0)
        return;
    free(s->lookup);
    s->lookup = NULL;
    fail_with(s, -EHOSTUNREACH, false, "the host's address cannot be looked up");
}

/* OFF: is there something to do? */
static void next(struct ssh2 *s)
{
    uint64_t now = mono_ms();

    if (s->tries.last.final || !transport_needed(&s->base))
        return;
    if (now < s->tries.not_before) {
        s->state = PAUSING;
        timer_start_ms(s->timer, s->tries.not_before - now);
        return;
    }
    s->state = ASKING;
    transport_set(&s->base, TRANSPORT_CONNECTING, s->tries.last.rc, s->tries.last.why.text);
    s->query = ssh_query_start(s->base.loop, s->base.cluster, settings_cb, s);
    if (!s->query)
        fail_with(s, -EHOSTUNREACH, true,
                  "ssh, whose configuration says where the host is, cannot be started");
}

static void pause_over_cb(void *arg)
{
    struct ssh2 *s = arg;

    s->state = OFF;
    next(s);
    if (s->state == OFF)
        transport_set(&s->base, TRANSPORT_IDLE, s->tries.last.rc, s->tries.last.why.text);
}

static void connect_link(struct transport *t)
{
    struct ssh2 *s = self(t);

    if (s->state != OFF && s->state != PAUSING)
        return;
    if (s->tries.last.final && mono_ms() < s->tries.not_before) {
        struct ssh_failure last = s->tries.last;
        transport_set(t, TRANSPORT_DOWN, last.rc, last.why.text);
        command_end_all(t, true, last.rc, last.why.text);
        dial_end_all(t, true, last.rc, last.why.text);
        return;
    }
    s->tries.last.final = false;
    s->state = OFF;
    timer_stop(s->timer);
    next(s);
    if (s->state == PAUSING)
        transport_set(t, TRANSPORT_CONNECTING, s->tries.last.rc, s->tries.last.why.text);
}

/* ---- What the link says. */

static struct channel *find(struct ssh2 *s, unsigned id)
{
    list_for_each(c, &s->channels, struct channel, link)
    {
        if (c->id == id)
            return c;
    }
    return NULL;
}

static void forget(struct channel *c)
{
    list_remove(&c->link);
    close_fd(&c->theirs);
    free(c);
}

static void opened(struct channel *c)
{
    struct dial *d = c->d;
    int fd = c->theirs;

    if (!d)
        return;
    c->theirs = -1;
    d->kind = NULL; /* nothing is left to stop */
    forget(c);
    dial_done(d, fd);
}

static void refused(struct channel *c, int rc, const char *text)
{
    struct dial *d = c->d;
    const struct cluster_config *cluster = c->s->base.cluster;
    struct err e;

    if (c->c) {
        command_refused(c->c, text);
        return;
    }
    if (d->line) {
        err_set(&e, 0, "%s opens no further session (its MaxSessions may be used up)", cluster->host);
    } else {
        char *where = xasprintf("%s:%d", d->host, d->port);
        if (rc == -ETIMEDOUT)
            err_set(&e, 0, "%s, seen from %s: %s", where, cluster->host, text);
        else
            ssh_explain_open(cluster, where,
                             rc == -EACCES ? "open failed: administratively prohibited" : NULL, &e);
        free(where);
    }
    dial_failed(d, rc, e.text);
}

static void ended(struct ssh2 *s, const struct ssh2_message *m)
{
    s->link = NULL;
    if (m->rc < 0) {
        fail_with(s, m->rc, true, m->text);
        return;
    }
    ssh_explain(s->base.cluster, m->text, s->up_since ? "the connection" : "the login", &s->tries.last);
    fail(s);
}

static void link_cb(void *arg, const struct ssh2_message *m)
{
    struct ssh2 *s = arg;
    struct channel *c = m->id ? find(s, m->id) : NULL;

    switch (m->word) {
    case SSH2_ASKED:
        transport_ask(&s->base, m->text, true);
        break;
    case SSH2_WENT_ON:
        transport_set(&s->base, TRANSPORT_CONNECTING, 0, "");
        break;
    case SSH2_UP:
        s->up_since = mono_ms();
        s->base.logins++;
        transport_set(&s->base, TRANSPORT_UP, 0, "");
        break;
    case SSH2_OPENED:
        if (c)
            opened(c);
        break;
    case SSH2_EXITED:
        if (c)
            command_exited(c->c, m->rc);
        break;
    case SSH2_REFUSED:
        if (c)
            refused(c, m->rc, m->text);
        break;
    case SSH2_ENDED:
        ended(s, m);
        break;
    case SSH2_OPEN:
    case SSH2_STOP:
    case SSH2_ANSWER:
    case SSH2_QUIT:
        break;
    }
}

static int answer(struct transport *t, const char *text, size_t len, struct err *e)
{
    struct ssh2 *s = self(t);

    if (!s->link || memchr(text, '\0', len))
        return err_set(e, -EINVAL, "%s asks nothing that this could be the answer to", t->cluster->host);
    struct ssh2_message *m = ssh2_message(SSH2_ANSWER, 0, 0, NULL);
    m->text = xstrndup(text, len);
    ssh2_link_tell(s->link, m);
    transport_set(t, TRANSPORT_CONNECTING, 0, ""); /* one question, one answer */
    return 0;
}

/* ---- Channels. */

static struct channel *new_channel(struct transport *t, struct command *command, struct dial *d)
{
    struct channel *c = NEW(struct channel);

    c->s = self(t);
    c->id = ++c->s->last_id;
    c->c = command;
    c->d = d;
    c->theirs = -1;
    list_append(&c->s->channels, &c->link);
    return c;
}

static void stop(struct channel *c)
{
    if (c->s->link)
        ssh2_link_tell(c->s->link, ssh2_message(SSH2_STOP, c->id, 0, NULL));
    forget(c);
}

static int command_start(struct command *c, const int fds[3], struct err *e)
{
    struct channel *channel = new_channel(c->t, c, NULL);
    struct ssh2_message *m = ssh2_message(SSH2_OPEN, channel->id, 0, c->line);

    (void)e;
    c->kind = channel;
    m->command = true;
    memcpy(m->fds, fds, sizeof m->fds);
    ssh2_link_tell(channel->s->link, m);
    return 0;
}

static void command_stop(struct command *c)
{
    stop(c->kind);
    c->kind = NULL;
}

static void dial_start(struct dial *d)
{
    struct channel *c = new_channel(d->t, NULL, d);
    struct ssh2_message *m = ssh2_message(SSH2_OPEN, c->id, 0, d->line);
    int pair[2];

    d->kind = c;
    if (stream_pair(pair) == 0) {
        c->theirs = pair[0];
        m->fds[0] = pair[1];
        m->fds[1] = fcntl(pair[1], F_DUPFD_CLOEXEC, 3);
        m->fds[2] = d->line ? dial_take_errors(d) : -1;
    }
    m->host = xstrdup(d->host);
    m->port = d->port;
    bool whole = m->fds[0] >= 0 && m->fds[1] >= 0 && (!d->line || m->fds[2] >= 0);
    if (!whole)
        m->word = SSH2_STOP; /* which closes what there is */
    ssh2_link_tell(c->s->link, m);
    if (!whole)
        dial_failed(d, -EIO, "no descriptors for a stream");
}

static void dial_stop(struct dial *d)
{
    if (d->kind)
        stop(d->kind);
    d->kind = NULL;
}

/* ---- */

static int create(struct transport **out, const struct transport_params *p, struct err *e)
{
    int rc = transport_check_host(p, "ssh2", e);

    if (rc < 0)
        return rc;
    if (libssh2_init(0) != 0) /* before there is a thread; it counts, and is never undone */
        return err_set(e, -EINVAL, "libssh2 cannot be used");
    struct ssh2 *s = NEW(struct ssh2);
    transport_init(&s->base, &ssh2_ops, p);
    s->asks = p->program != NULL;
    s->answer_ms = p->answer_ms ? p->answer_ms : ANSWER_MS;
    s->timer = timer_create_on(p->loop, pause_over_cb, s);
    list_init(&s->channels);
    *out = &s->base;
    return 0;
}

static void destroy(struct transport *t)
{
    struct ssh2 *s = self(t);

    list_for_each(c, &s->channels, struct channel, link) forget(c);
    ssh_query_cancel(s->query);
    if (s->lookup) {
        s->lookup->s = NULL;
        uv_cancel((uv_req_t *)&s->lookup->request);
    }
    ssh2_link_leave(s->link);
    ssh2_goal_destroy(s->goal);
    timer_destroy(s->timer);
    transport_finish(t);
    free(s);
}

const struct transport_ops ssh2_ops = {
    .name = "ssh2",
    .has_tunnels = true,
    .create = create,
    .destroy = destroy,
    .connect = connect_link,
    .answer = answer,
    .command_start = command_start,
    .command_stop = command_stop,
    .dial_start = dial_start,
    .dial_stop = dial_stop,
};
