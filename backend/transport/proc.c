/* SPDX-License-Identifier: MIT */
/* See proc.h. The object outlives its owner's interest, because a group that was told to end has to be
 * watched: it is freed when the owner forgot it and the leader was reaped. */
#include "backend/transport/proc.h"
#include "backend/base/alloc.h"
#include "backend/base/timer.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define GRACE_MS 2000 /* between TERM and KILL: ssh and shells end in a few milliseconds */

struct proc {
    uv_process_t uv;
    struct timer *grace; /* NULL until it is being ended */
    proc_exit_f cb;
    void *arg;
    pid_t pid; /* and the group's number; ours until the turn that reaps the leader is over */
    bool exited, forgotten;
};

static void closed_cb(uv_handle_t *h)
{
    free(h->data);
}

static void maybe_free(struct proc *p)
{
    if (!p->forgotten || !p->exited)
        return;
    timer_destroy(p->grace);
    uv_close((uv_handle_t *)&p->uv, closed_cb);
}

static void exit_cb(uv_process_t *uv, int64_t status, int signal)
{
    struct proc *p = uv->data;

    p->exited = true;
    /* The number is given to nobody else while the group has a member; where it has none it is free from the
     * moment of reaping, so what is left of a group that was told to end is killed now, in the same turn of
     * the loop, and never later. */
    if (p->grace) {
        timer_stop(p->grace);
        kill(-p->pid, SIGKILL);
    }
    if (!p->forgotten)
        p->cb(p->arg, (int)status, signal);
    else
        maybe_free(p);
}

static void grace_over_cb(void *arg)
{
    struct proc *p = arg;

    kill(-p->pid, SIGKILL); /* the leader lives, or exit_cb would have stopped the timer */
}

int proc_spawn(struct proc **out, uv_loop_t *loop, const char *const argv[], char *const env[],
               const int fds[3], proc_exit_f cb, void *arg, struct err *e)
{
    struct proc *p = NEW(struct proc);
    uv_stdio_container_t stdio[3];

    for (int i = 0; i < 3; i++) {
        stdio[i].flags = UV_INHERIT_FD;
        stdio[i].data.fd = fds[i];
    }
    uv_process_options_t o = {
        .file = argv[0],
        .args = (char **)argv,
        .env = (char **)env,
        .cwd = "/",
        .flags = UV_PROCESS_DETACHED, /* setsid() */
        .stdio_count = 3,
        .stdio = stdio,
        .exit_cb = exit_cb,
    };
    p->cb = cb;
    p->arg = arg;
    int rc = uv_spawn(loop, &p->uv, &o);
    p->uv.data = p;
    if (rc < 0) {
        uv_close((uv_handle_t *)&p->uv, closed_cb);
        return err_set(e, rc, "%s cannot be started: %s", argv[0], strerror(-rc));
    }
    p->pid = p->uv.pid;
    *out = p;
    return 0;
}

void proc_terminate(struct proc *p)
{
    if (p->exited || p->grace)
        return;
    kill(-p->pid, SIGTERM);
    p->grace = timer_create_on(p->uv.loop, grace_over_cb, p);
    timer_start_ms(p->grace, GRACE_MS);
}

void proc_forget(struct proc *p)
{
    if (!p)
        return;
    p->forgotten = true;
    proc_terminate(p);
    maybe_free(p);
}
