/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_MODEL_TABLE_H
#define BACKEND_MODEL_TABLE_H
#include <stdbool.h>
#include <stddef.h>
#include "backend/model/model.h"
/* The state table of a model, for model.c and for the test that walks it. */

enum model_event {
    MODEL_WANTED,        /* a question, or `wake`, or `min` */
    MODEL_ADOPTED,       /* a job of an earlier mount is one of its jobs now */
    MODEL_JOB_QUEUED,    /* its best job waits to run, again perhaps */
    MODEL_JOB_RUNS,      /* its best job runs; the engine is not healthy yet */
    MODEL_JOB_HEALTHY,   /* questions can be sent */
    MODEL_JOB_LOST,      /* its last job ended, and the same again may well run; nobody waits */
    MODEL_JOB_REPLACE,   /* likewise, and it is wanted */
    MODEL_JOB_FAILED,    /* its last job ended by its own fault, or was refused */
    MODEL_JOB_CANCELLED, /* a person cancelled its last job, which is being ended */
    MODEL_JOB_GONE,      /* all jobs that it let go have ended */
    MODEL_IDLE,          /* nobody asked for idle_timeout */
    MODEL_STOP,          /* a person says so, or the mount ends */
    MODEL_DEADLINE,      /* start_timeout or ready_timeout */
    MODEL_EVENTS
};

struct model_transition {
    enum model_state state;
    enum model_event event;
    enum model_state next;
};

extern const struct model_transition model_transitions[];
extern const size_t model_n_transitions;

#endif
