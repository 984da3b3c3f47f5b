/* SPDX-License-Identifier: MIT */
/* The door to the transports: which kinds there are, and the state and reason that all of them keep alike. */
#include "backend/transport/tunnel.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Bytes that a stream's socket takes before its reader does; the kernel may grant less (socket(7), wmem_max). With the usual 208 KiB
 * ssh stops writing at every full buffer, and the kernel wakes it when three quarters of it have been read. */
#define STREAM_ROOM (1 << 20)

static const struct transport_ops *const transport_kinds[] = { &openssh_ops, &ssh2_ops, &local_ops };

int transport_create(struct transport **out, const struct transport_params *p, struct err *e)
{
    const char *kind = p->cluster->transport;

    if (kind[0] == '\0' || strcmp(kind, "auto") == 0)
        kind = p->cluster->host[0] ? "openssh" : "local";
    for (size_t i = 0; i < sizeof transport_kinds / sizeof transport_kinds[0]; i++)
        if (strcmp(transport_kinds[i]->name, kind) == 0)
            return transport_kinds[i]->create(out, p, e);
    return err_set(e, -EINVAL,
                   "cluster %s: no transport is called \"%s\"; there are auto, openssh, ssh2 and local",
                   p->cluster->name, kind);
}

void transport_destroy(struct transport *t)
{
    if (!t)
        return;
    t->dying = true;
    command_end_all(t, true, -ECANCELED, "the connection is being closed");
    dial_end_all(t, true, -ECANCELED, "the connection is being closed");
    command_deliver_all(t);
    dial_deliver_all(t);
    tunnel_finish(t);
    t->ops->destroy(t);
}

enum transport_state transport_state(const struct transport *t)
{
    return t->state;
}

const char *transport_reason(const struct transport *t)
{
    return t->reason.text;
}

const char *transport_question(const struct transport *t, unsigned *number)
{
    *number = t->question_number;
    return t->question;
}

int transport_answer(struct transport *t, unsigned number, const char *answer, size_t len, struct err *e)
{
    const char *host = t->cluster->host;

    if (!t->question || number != t->question_number)
        return err_set(e, -EINVAL, "%s asks nothing, or something else by now", host);
    if (!t->answerable)
        return err_set(e, -EINVAL, "%s waits for something else than a text: %s", host, t->question);
    return t->ops->answer(t, answer, len, e);
}

const char *transport_kind(const struct transport *t)
{
    return t->ops->name;
}

unsigned transport_logins(const struct transport *t)
{
    return t->logins;
}

bool transport_crowded(const struct transport *t)
{
    return t->crowded;
}

void transport_when_crowded(struct transport *t, void (*cb)(void *arg), void *arg)
{
    t->crowded_cb = cb;
    t->crowded_arg = arg;
}

/* ---- For the kinds. */

int transport_check_host(const struct transport_params *p, const char *kind, struct err *e)
{
    const char *host = p->cluster->host;

    if (host[0] == '\0')
        return err_set(e, -EINVAL, "cluster %s: the transport %s needs a host", p->cluster->name, kind);
    if (host[0] == '-')
        return err_set(e, -EINVAL,
                       "cluster %s: host \"%s\" begins with a dash, ssh would take it for an option",
                       p->cluster->name, host);
    return 0;
}

static void hold_over_cb(void *arg)
{
    command_pump(arg);
}

void transport_init(struct transport *t, const struct transport_ops *ops, const struct transport_params *p)
{
    t->ops = ops;
    t->loop = p->loop;
    t->cluster = p->cluster;
    t->state_cb = p->state_cb;
    t->arg = p->arg;
    t->runtime_dir = xstrdup(p->runtime_dir);
    list_init(&t->nodes);
    t->mail = mailbox_create(p->loop);
    t->hold = timer_create_on(p->loop, hold_over_cb, t);
    list_init(&t->waiting);
    list_init(&t->running);
    list_init(&t->ended);
    list_init(&t->dials_waiting);
    list_init(&t->dials_open);
    list_init(&t->dials_ended);
}

void transport_finish(struct transport *t)
{
    mailbox_destroy(t->mail);
    free(t->question);
    free(t->runtime_dir);
    timer_destroy(t->hold);
}

bool transport_needed(const struct transport *t)
{
    return !list_empty(&t->waiting) || !list_empty(&t->dials_waiting);
}

static void tell_cb(void *arg, int what)
{
    struct transport *t = arg;

    (void)what;
    t->told = false;
    t->state_cb(t->arg, t->state);
}

void transport_changed(struct transport *t)
{
    if (t->state_cb && !t->told) {
        t->told = true;
        mailbox_post(t->mail, tell_cb, t, 0);
    }
}

void transport_ask(struct transport *t, const char *prompt, bool answerable)
{
    transport_set(t, TRANSPORT_AUTH, -EKEYREJECTED, prompt);
    free(t->question);
    t->question = xstrdup(prompt);
    t->question_number++;
    t->answerable = answerable;
    transport_changed(t); /* the same question may come again */
}

void transport_set(struct transport *t, enum transport_state state, int rc, const char *text)
{
    bool was_up = t->state == TRANSPORT_UP, was_asking = t->state == TRANSPORT_AUTH;

    if (state == t->state && strcmp(t->reason.text, text ? text : "") == 0)
        return;
    free(t->question);
    t->question = NULL;
    t->state = state;
    t->rc = rc;
    err_set(&t->reason, rc, "%s", text ? text : "");
    if (state == TRANSPORT_UP) {
        t->crowded = false;
        command_link_changed(t, true);
        dial_start_waiting(t);
    } else if (was_up) {
        command_end_all(t, false, -ECONNRESET, text);
        dial_end_all(t, false, -ECONNRESET, text);
        command_link_changed(t, false);
    } else if (was_asking && state == TRANSPORT_CONNECTING) { /* the login goes on: so does its clock */
        command_link_changed(t, false);
        dial_wait_anew(t);
    }
    if (state == TRANSPORT_DOWN) {
        command_end_all(t, true, rc, text);
        dial_end_all(t, true, rc, text);
    }
    transport_changed(t);
}

int pipe_pair(int fds[2])
{
    if (pipe2(fds, O_CLOEXEC) == 0)
        return 0;
    fds[0] = fds[1] = -1;
    return -1;
}

int stream_pair(int fds[2])
{
    int room = STREAM_ROOM;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0) {
        setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
        setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
        return 0;
    }
    fds[0] = fds[1] = -1;
    return -1;
}

void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}
