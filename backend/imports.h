/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_IMPORTS_H
#define BACKEND_IMPORTS_H
#include <jansson.h>
#include <stddef.h>
#include "backend/config/config.h"
#include "backend/scheduler/scheduler.h"
/* Services of jobs of the user's that are not ours, as forever-slurm submits them: such a job says in its Comment where it
 * serves, "traefik,<service>,http://<host>:<port>", and further fields after it. Pure. */

struct import {
    char *service;
    char host[256];
    int port;
};

struct imports {
    struct import *v;
    size_t n;
};

/* Let im hold what these jobs serve, and nothing of what it held.
 * A Comment is what its job says, and stays after a requeue: its host counts only if it is in the job's node list, and
 * never if it is the loopback of whoever reads it. A service must be a name that a model can have and is none of cfg's. */
void imports_set(struct imports *im, const struct config *cfg, const struct job_info *v, size_t n);

void imports_free(struct imports *im);

json_t *imports_json(const struct imports *im); /* [{"service":..,"host":..,"port":..}]; a new reference */

#endif
