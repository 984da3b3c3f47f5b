/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_FIGURES_H
#define FS_DOOR_HTTP_FIGURES_H
#include <stdbool.h>
#include <stdint.h>
#include "backend/base/buf.h"
/* What the gateway counts for /metrics: requests by model, key and status, tokens by model and key, and how long
 * questions took. Loop thread. */

struct figures;

struct figures *figures_create(void);
void figures_destroy(struct figures *f); /* NULL is allowed */

struct figures_request {
    const char *model; /* "" where no model was asked */
    const char *key;   /* holder_name(); "" where nobody was recognised */
    bool asked;        /* it was a question that the model got: its times count */
    int status;        /* 499: the client left before there was one */
    int64_t first_ms;  /* to the first byte of the answer; -1 = none came */
    int64_t total_ms;
    int64_t prompt_tokens, completion_tokens;
};

/* Models and keys are names of the configuration and of the key file, so that there are not too many of them. */
void figures_add(struct figures *f, const struct figures_request *r);

/* Append them in Prometheus' text format.
 * key  whose requests and tokens alone are told, by holder_name(); NULL: everybody's. What has no key in it is for all. */
void figures_text(const struct figures *f, const char *key, struct buf *out);

#endif
