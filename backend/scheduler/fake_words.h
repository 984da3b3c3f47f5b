/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_SCHEDULER_FAKE_WORDS_H
#define BACKEND_SCHEDULER_FAKE_WORDS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "backend/base/err.h"
#include "backend/config/config.h"
/* The words of cluster->fake, turned into what is to happen to one job or one query. Their meaning stands at
 * the top of fake.c. Pure. */

/* What can befall a job, each with its own timer. */
enum fate {
    FATE_RUN,    /* counted from the submission and from a requeue */
    FATE_VANISH, /* counted from the submission */
    FATE_START,  /* this one and all below: counted from when the job runs */
    FATE_FAIL,
    FATE_PREEMPT,
    FATE_NODE_FAIL,
    FATE_REQUEUE,
    FATE_SUSPEND,
    FATE_RESUME,
    FATE_LIMIT,
    FATE_COUNT,
};

#define FATE_NEVER INT64_MAX

struct fake_plan {
    int64_t after_ms[FATE_COUNT]; /* FATE_NEVER where it does not happen */
    char *engine;                 /* "parrot", "none" or "HOST:PORT" */
    char *reason;
    char *refuse;        /* NULL = not refused */
    char *nodes;         /* NULL = they have no names */
    char *refuse_extend; /* NULL = the time limit can be extended */
    bool wait_for_node;
    bool lose_reply, lose_command;
    char **args; /* further arguments of parrot */
    size_t n_args;
};

/* The plan of the job that is submitted as the nth, counted from 1. Returns 0, or -EINVAL with a sentence
 * that quotes the word; all words are checked, also those for other jobs. To be freed in both cases. */
int fake_plan_make(struct fake_plan *plan, const struct strings *words, unsigned nth, struct err *e);
void fake_plan_free(struct fake_plan *plan);

struct fake_query_plan {
    bool fails;      /* at once, with -EIO */
    int64_t hang_ms; /* then fails with -ETIMEDOUT; 0 = does not hang */
    int64_t slow_ms; /* answers well, but late */
};
int fake_query_plan_make(struct fake_query_plan *plan, const struct strings *words, unsigned nth,
                         struct err *e);

#endif
