/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_SCHEDULER_LOCAL_FIND_LINUX_H
#define BACKEND_SCHEDULER_LOCAL_FIND_LINUX_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
/* The jobs of kind "local" that run on this machine, whoever started them. Nothing about them is written down,
 * so that nothing can be lost or be of another boot: the shell of a job leads a session and was started with
 * SLURM_JOB_NAME and without SLURM_JOB_ID, which its children have of it. Source: proc(5), /proc/pid/environ, which
 * only a process's own user may read. */

struct found_job {
    pid_t pid;
    int pidfd;           /* the callee's from now on: it names this process and never another of its number */
    const char *name;    /* borrowed */
    uint64_t elapsed_ms; /* since it began */
};

/* Call found for each live one whose name begins with prefix. */
void local_find(const char *prefix, void (*found)(void *arg, const struct found_job *j), void *arg);

/* Has the process ended? */
bool pidfd_ended(int pidfd);
void pidfd_signal(int pidfd, int signal);

#endif
