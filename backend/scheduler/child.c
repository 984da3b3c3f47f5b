/* SPDX-License-Identifier: MIT */
#include "backend/scheduler/child.h"
#include "backend/base/alloc.h"
#include "backend/base/proc_stat_linux.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_FDS 4

struct child {
    uv_process_t uv;
    pid_t pid;
    bool exited;
    child_exited_f exited_cb;
    void *arg;
};

static void closed_cb(uv_handle_t *h)
{
    free(h->data);
}

static void exit_cb(uv_process_t *uv, int64_t status, int signal)
{
    struct child *c = uv->data;

    c->exited = true;
    if (c->exited_cb)
        c->exited_cb(c->arg, signal ? 128 + signal : (int)status);
    else
        child_release(c);
}

static bool begins_with_one(const char *variable, const char *const *words, bool whole_names)
{
    for (; *words; words++) {
        size_t n = whole_names ? strcspn(*words, "=") + 1 : strlen(*words);
        if (strncmp(variable, *words, n) == 0)
            return true;
    }
    return false;
}

char **child_env(const char *const *without, const char *const *with)
{
    size_t n = 0, room = 1;

    for (char **v = environ; *v; v++)
        room++;
    for (const char *const *w = with; *w; w++)
        room++;
    char **env = xcalloc(room, sizeof(*env));
    for (char **v = environ; *v; v++)
        if (!begins_with_one(*v, without, false) && !begins_with_one(*v, with, true))
            env[n++] = *v;
    for (; *with; with++)
        env[n++] = (char *)*with;
    return env;
}

int child_start(struct child **out, const struct child_params *p, struct err *e)
{
    uv_stdio_container_t stdio[MAX_FDS] = { 0 };
    uv_process_options_t o = { 0 };
    struct child *c = NEW(struct child);

    for (int i = 0; i < p->n_fds && i < MAX_FDS; i++) {
        stdio[i].flags =
            p->fds[i] < 0 ? UV_IGNORE : UV_INHERIT_FD; /* libuv ignores into /dev/null for 0..2 */
        stdio[i].data.fd = p->fds[i];
    }
    o.file = p->argv[0];
    o.args = (char **)p->argv;
    o.env = (char **)p->env;
    o.cwd = p->cwd;
    o.stdio = stdio;
    o.stdio_count = p->n_fds;
    o.flags = UV_PROCESS_DETACHED; /* setsid() in the child */
    o.exit_cb = exit_cb;
    c->exited_cb = p->exited_cb;
    c->arg = p->arg;
    c->uv.data = c;

    int rc = uv_spawn(p->loop, &c->uv, &o);
    if (rc < 0) {
        uv_close((uv_handle_t *)&c->uv, closed_cb);
        return err_set(e, rc, "cannot start %s in %s: %s", p->argv[0], p->cwd, uv_strerror(rc));
    }
    c->pid = c->uv.pid;
    *out = c;
    return 0;
}

pid_t child_pid(const struct child *c)
{
    return c->pid;
}

void child_signal(struct child *c, int signal)
{
    if (!c->exited)
        kill(c->pid, signal);
}

/* A pid is not given out again while a session of that number has members. Where it has none the number is
 * free from the moment of reaping, which is why this may be called in exited_cb, in the same turn of the
 * loop, and not later. What is born while /proc is read is found by the next round; the dead that nobody has
 * reaped are found again, so rounds end. */
#define ROUNDS 3

void session_kill(pid_t session)
{
    for (int round = 0, killed = 1; round < ROUNDS && killed > 0; round++) {
        DIR *dir = opendir("/proc");
        struct dirent *d;
        killed = 0;
        while (dir && (d = readdir(dir)) != NULL) {
            struct proc_stat st;
            pid_t pid = (pid_t)atoi(d->d_name); /* 0: not a process */
            if (pid > 0 && proc_stat_read(pid, &st) == 0 && st.session == session) {
                kill(pid, SIGKILL);
                killed++;
            }
        }
        if (dir)
            closedir(dir);
    }
}

void child_kill_session(struct child *c)
{
    session_kill(c->pid);
}

void child_release(struct child *c)
{
    if (c)
        uv_close((uv_handle_t *)&c->uv, closed_cb);
}

void child_kill(struct child *c)
{
    if (!c)
        return;
    child_kill_session(c);
    c->exited_cb = NULL;
    if (c->exited)
        child_release(c);
}
