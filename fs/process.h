/* SPDX-License-Identifier: MIT */
#ifndef FS_PROCESS_H
#define FS_PROCESS_H
#include <uv.h>

/* What every daemon of ours does first: no SIGPIPE, files for us alone, many descriptors, no core dumps, and 0, 1 and 2
 * are taken. */
void process_prepare(void);

/* The signals of a daemon, on its loop; they keep it from nothing. The last three are filled in before. */
struct process_signals {
    uv_signal_t handles[3];
    void (*end)(void *arg, int signum); /* SIGTERM, SIGINT: as often as they come */
    void (*hang_up)(
        void *arg); /* SIGHUP, from logrotate or from a terminal that closes; NULL = it ends too */
    void *arg;
};

void process_signals_watch(struct process_signals *s, uv_loop_t *loop);
void process_signals_close(struct process_signals *s); /* the loop has to run once more */

#endif
