/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_MODEL_PRIVATE_H
#define BACKEND_MODEL_PRIVATE_H
#include "backend/base/timer.h"
#include "backend/exchange.h"
#include "backend/house.h"
#include "backend/job.h"
#include "backend/model.h"
#include "backend/model_table.h"
/* What model.c (states), model_queue.c (questions) and model_status.c share of a model. */

struct model {
    struct house *house;
    const struct model_config *cfg;
    enum model_state state;
    struct timespec since;
    struct job *job;     /* the current one; NULL while ASLEEP or FAILED */
    struct list waiting; /* exchanges, first to be sent first */
    int n_waiting, n_active;
    bool woken;     /* without a question, and it is not ready yet */
    uint64_t turns; /* questions taken so far */
    unsigned wakes;
    struct timer *idle, *deadline;
    struct timespec idle_since; /* zero while it is busy or not READY */
    int relaunches;             /* jobs in a row that were lost before they were healthy */
    bool dispatching;           /* a dispatch is posted */
    unsigned long done, failed;
    int64_t prompt_tokens, completion_tokens;
    double per_s; /* of the last answer with figures; 0 = none yet */
    int rc;       /* of last_error */
    char *last_error;
};

/* model.c */
/* The one function that changes the state. */
void model_handle(struct model *m, enum model_event ev, const char *reason);

/* model_queue.c */
void model_post_dispatch(struct model *m); /* soon: hand out what waits to the slots that are free */
void model_mind_idle(struct model *m);     /* something came or ended: does the idle clock run? */
/* What waits ends with rc and last_error: all, or with `until` those who asked no later. */
void model_fail_waiting(struct model *m, const struct timespec *until);

/* All of one user's, or of all with (uid_t)-1. How many. */
int model_cancel(struct model *m, uid_t uid, const char *why);

#endif
