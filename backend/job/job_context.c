/* SPDX-License-Identifier: MIT */
/* How many tokens the engine of a job takes, for the status of conversations and for those that drop their oldest turns.
 * Called by job_link.c at each probe that finds it healthy. An engine that does not tell is asked again at the next: that
 * is seldom, and costs it nothing. */
#include "backend/job/job_ask.h"

static void context_cb(struct job *j, const json_t *v)
{
    j->context = engine_context(v);
}

void context_look(struct job *j)
{
    if (!j->context && j->engine->context_path)
        job_ask(j, j->engine->context_path, context_cb);
}
