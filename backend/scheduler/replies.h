/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_SCHEDULER_REPLIES_H
#define BACKEND_SCHEDULER_REPLIES_H
#include "backend/scheduler/scheduler.h"
/* Answers that are known inside the call that asked, kept until the loop turns: no callback of a scheduler is
 * called inside the call that caused it. A callback may destroy the scheduler, and its replies with it. */

struct replies;

struct replies *replies_create(uv_loop_t *loop);
void replies_destroy(struct replies *r); /* drops what was not delivered; NULL is allowed */

/* Texts are copied; NULL is "". */
void reply_submit(struct replies *r, sched_submit_f cb, void *arg, int rc, const char *id, const char *err);
void reply_query(struct replies *r, sched_query_f cb, void *arg, int rc, const char *err); /* a failed one */
void reply_done(struct replies *r, sched_done_f cb, void *arg, int rc, const char *err);

/* Call work(arg) in the same way; for answers that are put together at that time. */
void reply_later(struct replies *r, void (*work)(void *arg), void *arg);

#endif
