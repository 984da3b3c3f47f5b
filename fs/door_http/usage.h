/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_USAGE_H
#define FS_DOOR_HTTP_USAGE_H
#include <stdint.h>
#include <jansson.h>
#include <uv.h>
#include "backend/base/err.h"
/* What each key has used on each day (UTC), kept across restarts: usage.json in the state directory of the
 * mount. It is written 5 s after a change and at the end; what a crash loses is less than that. Days older than
 * 90 are dropped. Loop thread. */

struct usage;

struct usage_day {
    int64_t requests, prompt_tokens, completion_tokens;
};

/* A damaged file is set aside (its name with ".damaged" behind it) with a warning, and counting begins anew. */
struct usage *usage_create(uv_loop_t *loop, const char *path);
void usage_destroy(struct usage *u); /* writes what is new; NULL is allowed */

/* id is a key's, name is for people. */
void usage_add(struct usage *u, const char *id, const char *name, const struct usage_day *more);
struct usage_day usage_today(struct usage *u, const char *id);
int64_t usage_day_left_s(void); /* until the day ends, >= 1 */

/* The days of a file: {"2026-11-21":{"<id>":{"name":..,"requests":..,"prompt_tokens":..,
 * "completion_tokens":..}}}; a new reference. A missing file has none. -EINVAL with a sentence for a damaged
 * one. */
int usage_read(const char *path, json_t **days, struct err *e);

#endif
