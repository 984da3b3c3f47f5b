/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_SLULLAMA_STATUS_H
#define FS_DOOR_HTTP_SLULLAMA_STATUS_H
#include <jansson.h>
#include "backend/house.h"

/* slullama's status JSON; a new reference. */
json_t *slullama_status(const struct house *h);

/* slullama's word for one of Slurm's job states; "unknown" for all that it does not tell apart. Pure. */
const char *slullama_state(const char *word);

/* As squeue's %L writes it: [days-][hours:]minutes:seconds. Pure. */
void slullama_time_left(int64_t seconds, char out[32]);

#endif
