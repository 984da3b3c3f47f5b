/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_RELAY_H
#define FS_DOOR_HTTP_RELAY_H
#include "backend/job/job.h"
#include "backend/model/model.h"
#include "fs/door_http/connection.h"
/* A request that an engine answers. */

/* Through the model's queue: wakes it, is held until a job has a slot, goes to another job after a loss
 * before its answer began. path is what the engine sees. stream: the body asks for server-sent events. */
void relay_ask(const struct request *r, struct model *m, const char *path, bool stream);

/* Likewise, and this one of the model's jobs answers, or none: a loss is tried again there. */
void relay_ask_job(const struct request *r, struct model *m, const struct job *j, const char *path,
                   bool stream);

/* Straight to a healthy job, beside the queue: neither wakes nor counts as activity. m: the model that is meant; NULL
 * is the job's first. */
void relay_pass(const struct request *r, struct model *m, struct job *j, const char *path);

#endif
