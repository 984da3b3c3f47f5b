/* SPDX-License-Identifier: MIT */
#ifndef FS_TERMINAL_VIEW_H
#define FS_TERMINAL_VIEW_H
#include <jansson.h>
#include <stdbool.h>
#include <time.h>
#include "backend/base/buf.h"
/* A model's status in words for people. Pure. */

/* One line without a line feed: "queued: Resources, position 3, expected start 14:25 (in 12 min)",
 * "ready on n1, 2 of 3 replicas, 1 waiting, 31.5 tokens/s".
 * status  the object of <model>/status
 * now     seconds since 1970, for how long it is until then; 0 leaves that out
 * traffic also what is asked of it, which changes all the time */
void view_describe(const json_t *status, time_t now, bool traffic, struct buf *out);

/* "" where it is not told; borrowed from status. */
const char *view_state(const json_t *status);
const char *view_text(const json_t *status, const char *key);

#endif
