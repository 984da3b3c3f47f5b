/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_MODEL_TABLE_H
#define BACKEND_MODEL_TABLE_H
#include <stdbool.h>
#include <stddef.h>
#include "backend/model.h"
/* The state table of a model, for model.c and for the test that walks it. */

enum model_event {
    MODEL_WANTED,        /* a question, or `wake` */
    MODEL_JOB_ADOPTED,   /* a job of a former daemon is taken up */
    MODEL_JOB_QUEUED,    /* its job waits to run, again perhaps */
    MODEL_JOB_RUNS,      /* its job runs; the engine is not healthy yet */
    MODEL_JOB_HEALTHY,   /* questions can be sent */
    MODEL_JOB_LOST,      /* its job ended, and the same again may well run; nobody waits */
    MODEL_JOB_REPLACE,   /* likewise, and somebody waits */
    MODEL_JOB_FAILED,    /* its job ended by its own fault, or was refused */
    MODEL_JOB_CANCELLED, /* a person cancelled its job, which is being ended */
    MODEL_JOB_GONE,      /* the job that it let go has ended */
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
