/* SPDX-License-Identifier: MIT */
/* A cluster whose models are those of a team's gateway: nothing is submitted there, asked or ended. What backend/remote/remote.h
 * does takes the place of a scheduler; this file is what lets such a cluster be one. */
#include "backend/scheduler/kinds.h"
#include "backend/base/alloc.h"

#include <stdlib.h>

static int create(struct scheduler **out, const struct scheduler_params *p, struct err *e)
{
    (void)p, (void)e;
    *out = NEW(struct scheduler);
    (*out)->ops = &gateway_scheduler;
    return 0;
}

static void destroy(struct scheduler *s)
{
    free(s);
}

/* The rest is never called: its jobs are never sent (job_submit.c), and its cluster asks nothing. */
const struct scheduler_ops gateway_scheduler = { .kind = "gateway", .create = create, .destroy = destroy };
