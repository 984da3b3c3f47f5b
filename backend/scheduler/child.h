/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_SCHEDULER_CHILD_H
#define BACKEND_SCHEDULER_CHILD_H
#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>
#include "backend/base/err.h"
/* A program that runs as the leader of a session and process group of its own: what the kinds that know no
 * cluster call a job. Until exited_cb was called its pid cannot belong to anybody else, because only the loop
 * reaps it; signals are therefore sent by pid and never astray. */

struct child;

/* status  0..255, or 128 + n where signal n ended it. The child is to be released in or after this call. */
typedef void (*child_exited_f)(void *arg, int status);

struct child_params {
    uv_loop_t *loop;
    const char *const *argv; /* argv[0] is looked for in PATH */
    char *const *env;        /* NULL = ours; see child_env() */
    const char *cwd;
    const int *fds; /* become descriptors 0..n_fds-1, -1 = /dev/null; they stay the caller's */
    int n_fds;      /* 1..4 */
    child_exited_f exited_cb;
    void *arg;
};

/* Our environment without the variables that begin with one of the words, and with the given "NAME=value"
 * instead of ours of that name. Both lists end with NULL; their strings are borrowed, the array alone is
 * freed by the caller. */
char **child_env(const char *const *without, const char *const *with);

/* 0, or a negative errno with a sentence that names the program. */
int child_start(struct child **out, const struct child_params *p, struct err *e);

pid_t child_pid(const struct child *c);
void child_signal(struct child *c, int signal); /* to the leader alone; no effect once it exited */

/* KILL to all of its session, in whatever groups they are (shells with job control make new ones); in
 * exited_cb or before it. Those that made a session of their own get away. */
void child_kill_session(struct child *c);

/* The same for a session that is not our child's, while its leader is known to live. */
void session_kill(pid_t session);

/* Watch it no longer: after its exit, or where it is to live on and we are about to end (a child that exits
 * after this is not reaped by us). NULL is allowed. */
void child_release(struct child *c);

/* child_kill_session(), and exited_cb is not called any more; it is released once it is reaped, for which the
 * loop must go on. NULL is allowed. */
void child_kill(struct child *c);

#endif
