/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_TRANSPORT_PROC_H
#define BACKEND_TRANSPORT_PROC_H
#include <uv.h>
#include "backend/base/err.h"
/* A child process that leads a process group (and a session: no terminal to ask questions on), starts in /,
 * inherits three descriptors and nothing else, and is ended as a group: TERM, and KILL for what is left of it
 * once the leader is gone, 2 s later at the latest. */

struct proc;

/* status is 0..255, signal 0 or the number that ended it. Called once, from the loop. */
typedef void (*proc_exit_f)(void *arg, int status, int signal);

/* fds   standard input, output and error; they stay the caller's
 * env   NULL: ours
 * -ENOENT and others with a sentence. */
int proc_spawn(struct proc **out, uv_loop_t *loop, const char *const argv[], char *const env[],
               const int fds[3], proc_exit_f cb, void *arg, struct err *e);

/* Begin to end it; cb is still called. May be repeated; nothing where it has ended already, whatever it left
 * in its group. */
void proc_terminate(struct proc *p);

/* Give it up: it is ended if it runs, cb is not called any more, and the memory goes when it is gone (the
 * loop has to run until then). NULL is allowed. */
void proc_forget(struct proc *p);

#endif
