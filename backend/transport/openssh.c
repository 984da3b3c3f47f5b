/* SPDX-License-Identifier: MIT */
/* The transport through ssh(1): a master process (ssh_master.c) and a mux connection (mux.c) for each command
 * and stream. This file is what lies between: which answer of the master means what for a command or a
 * dial. */
#include "backend/transport/closing.h"
#include "backend/transport/mux.h"
#include "backend/transport/ssh_explain.h"
#include "backend/transport/ssh_master.h"
#include "backend/transport/transport_private.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct openssh {
    struct transport base;
    struct ssh_master *master;
    struct list streams; /* struct stream, open or being opened */
};

static struct openssh *self(struct transport *t)
{
    return container_of(t, struct openssh, base);
}

/* ---- The link. */

static void connecting(void *arg, int rc, const char *text)
{
    transport_set(arg, TRANSPORT_CONNECTING, rc, text);
}

static void up(void *arg)
{
    struct openssh *o = arg;

    o->base.logins++;
    transport_set(&o->base, TRANSPORT_UP, 0, "");
}

static void asking(void *arg, const char *prompt, bool answerable)
{
    transport_ask(arg, prompt, answerable);
}

static int answer(struct transport *t, const char *text, size_t len, struct err *e)
{
    return ssh_master_answer(self(t)->master, text, len, e);
}

static const char *control_path(const struct transport *t)
{
    return t->state == TRANSPORT_UP ? ssh_master_path(self((struct transport *)t)->master) : NULL;
}

static bool needed(void *arg)
{
    struct openssh *o = arg;

    return transport_needed(&o->base);
}

static void down(void *arg, int rc, bool final, const char *text)
{
    struct openssh *o = arg;

    if (final) {
        transport_set(&o->base, TRANSPORT_DOWN, rc, text);
        /* The state may have been DOWN already: what asked meanwhile fails alike. */
        command_end_all(&o->base, true, rc, text);
        dial_end_all(&o->base, true, rc, text);
    } else {
        transport_set(&o->base, needed(o) ? TRANSPORT_CONNECTING : TRANSPORT_IDLE, rc, text);
    }
}

static const struct ssh_master_events master_events = {
    .connecting = connecting,
    .asking = asking,
    .up = up,
    .down = down,
    .needed = needed,
};

static void connect_master(struct transport *t)
{
    ssh_master_want(self(t)->master);
}

/* ---- Commands. */

struct session {
    struct command *c;
    struct openssh *o;
    struct mux *mux; /* of the session; then, once it closed without a status, of the question whether the
                        link is up */
    bool opened, exited;
};

/* The session closed without an exit status, which means that a signal ended the program: the mux protocol
 * has no word for it. Or the master is just ending. If it answers a new question, it is the former. */
static void was_it_signal_cb(void *arg, const struct mux_event *ev)
{
    struct session *s = arg;

    if (ev->kind == MUX_ALIVE) {
        mux_close(s->mux);
        s->mux = NULL;
        command_exited(s->c, 255);
    } else {
        command_finish(s->c, -ECONNRESET, "the connection was lost while the command ran");
    }
}

static void session_cb(void *arg, const struct mux_event *ev)
{
    struct session *s = arg;

    switch (ev->kind) {
    case MUX_OPENED:
        s->opened = true;
        break;
    case MUX_REFUSED:
        free(ssh_master_take_open_failure(s->o->master)); /* said for this one, not for a dial's */
        command_refused(s->c, ev->text);
        break;
    case MUX_EXITED:
        s->exited = true;
        command_exited(s->c, ev->status);
        break;
    case MUX_CLOSED:
        mux_close(s->mux);
        s->mux = NULL;
        if (s->exited)
            break; /* its output is still being read */
        if (!s->opened || ev->rc < 0) {
            command_finish(s->c, -ECONNRESET,
                           ev->rc < 0 ? ev->text : "the connection was lost while the command began");
            break;
        }
        s->mux = mux_open(s->o->base.loop, ssh_master_path(s->o->master), was_it_signal_cb, s);
        mux_alive(s->mux);
        break;
    case MUX_ALIVE:
        break;
    }
}

static int command_start(struct command *c, const int fds[3], struct err *e)
{
    struct session *s = NEW(struct session);

    (void)e;
    s->c = c;
    s->o = self(c->t);
    c->kind = s;
    s->mux = mux_open(c->t->loop, ssh_master_path(s->o->master), session_cb, s);
    mux_session(s->mux, c->line, fds);
    return 0;
}

static void command_stop(struct command *c)
{
    struct session *s = c->kind;

    c->kind = NULL;
    mux_close(s->mux);
    free(s);
}

/* ---- Streams. The master reads and writes one end of a socket pair, the caller has the other; nothing
 * passes through here. What stays is the mux connection, whose end is the stream's, and a copy of the
 * master's end to see that the caller closed his: ssh alone would wait for the far side to close as well.
 * When the far side closes, the master closes all at once (a stdio forward does so at the first end of file:
 * channels.c, force_drain), the mux connection last, and then our copy goes too. */

struct stream {
    struct list link;
    struct openssh *o;
    struct dial *d; /* NULL: handed over */
    int theirs;     /* the caller's end until then */
    struct mux *mux;
    struct closing *closing;
};

static void stream_end(struct stream *s)
{
    list_remove(&s->link);
    mux_close(s->mux);
    closing_destroy(s->closing);
    close_fd(&s->theirs);
    free(s);
}

static void caller_closed_cb(void *arg)
{
    stream_end(arg); /* not before he got it: until then we hold his end */
}

static void stream_refused(struct stream *s, const struct mux_event *ev)
{
    struct dial *d = s->d;
    char *line = ssh_master_take_open_failure(s->o->master);
    char *where = d->line ? xstrdup("a program") : xasprintf("%s:%d", d->host, d->port);
    struct err e;
    int rc;

    if (ev->denied)
        rc = err_set(&e, -EACCES, "%s: %s", where, ev->text);
    else if (d->line)
        rc = err_set(&e, -EUSERS, "%s opens no further session (its MaxSessions may be used up)",
                     s->o->base.cluster->host);
    else
        rc = ssh_explain_open(s->o->base.cluster, where, line, &e);
    d->unexplained = !line;
    dial_failed(d, rc, e.text); /* ends the stream */
    free(where);
    free(line);
}

static void stream_cb(void *arg, const struct mux_event *ev)
{
    struct stream *s = arg;
    struct dial *d = s->d;
    int fd = s->theirs;

    switch (ev->kind) {
    case MUX_OPENED:
        s->theirs = -1;
        s->d = NULL;
        d->kind = NULL; /* dial_stop() has nothing to stop */
        dial_done(d, fd);
        break;
    case MUX_REFUSED:
        stream_refused(s, ev);
        break;
    case MUX_CLOSED:
        if (d)
            dial_failed(d, -ECONNRESET,
                        ev->rc < 0 ? ev->text : "the connection was lost while a stream was opened");
        else
            stream_end(s);
        break;
    case MUX_EXITED:
    case MUX_ALIVE:
        break;
    }
}

/* What ssh said about channels that nobody waits for any more must not be taken for the next dial's. While
 * several are being opened, lines and answers come in the same order, which is as good as it gets: a line
 * names no request. */
static void forget_old_failures(struct dial *d)
{
    struct list *open = &d->t->dials_open;
    bool alone = open->next == &d->link && open->prev == &d->link;
    char *old;

    while (alone && (old = ssh_master_take_open_failure(self(d->t)->master)))
        free(old);
}

static void dial_start(struct dial *d)
{
    struct openssh *o = self(d->t);
    int pair[2] = { -1, -1 }, in = -1, out = -1, errors = -1;

    if (stream_pair(pair) < 0 || (in = fcntl(pair[1], F_DUPFD_CLOEXEC, 3)) < 0 ||
        (out = fcntl(pair[1], F_DUPFD_CLOEXEC, 3)) < 0 || (d->line && (errors = dial_take_errors(d)) < 0)) {
        close_fd(&pair[0]);
        close_fd(&pair[1]);
        close_fd(&in);
        close_fd(&out);
        dial_failed(d, -EIO, "no descriptors for a stream");
        return;
    }
    forget_old_failures(d);
    struct stream *s = NEW(struct stream);
    s->o = o;
    s->d = d;
    d->kind = s;
    s->theirs = pair[0];
    list_append(&o->streams, &s->link);
    s->closing = closing_create(d->t->loop, pair[1], caller_closed_cb, s);
    s->mux = mux_open(d->t->loop, ssh_master_path(o->master), stream_cb, s);
    if (d->line)
        mux_session(s->mux, d->line, (int[]){ in, out, errors });
    else
        mux_forward(s->mux, d->host, d->port, (int[]){ in, out });
}

static void dial_stop(struct dial *d)
{
    if (d->kind)
        stream_end(d->kind);
    d->kind = NULL;
}

/* ---- */

static int create(struct transport **out, const struct transport_params *p, struct err *e)
{
    int rc = transport_check_host(p, "openssh", e);

    if (rc < 0)
        return rc;
    struct openssh *o = NEW(struct openssh);

    transport_init(&o->base, &openssh_ops, p);
    list_init(&o->streams);
    o->master = ssh_master_create(p, &master_events, o);
    *out = &o->base;
    return 0;
}

static void destroy(struct transport *t)
{
    struct openssh *o = self(t);

    list_for_each(s, &o->streams, struct stream, link) stream_end(s);
    ssh_master_destroy(o->master);
    transport_finish(t);
    free(o);
}

const struct transport_ops openssh_ops = {
    .name = "openssh",
    .has_tunnels = true,
    .leads_on = true,
    .control_path = control_path,
    .create = create,
    .destroy = destroy,
    .connect = connect_master,
    .answer = answer,
    .command_start = command_start,
    .command_stop = command_stop,
    .dial_start = dial_start,
    .dial_stop = dial_stop,
};
