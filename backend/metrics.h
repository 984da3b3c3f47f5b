/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_METRICS_H
#define BACKEND_METRICS_H
#include "backend/base/buf.h"
#include "backend/house.h"
/* The figures of a mount in Prometheus' text format, version 0.0.4
 * (prometheus.io/docs/instrumenting/exposition_formats): the file `metrics` and GET /metrics. */

/* As this user may see them: users.h. doors: those of the gateway too, with the names of keys and their use. */
void metrics_text(struct house *h, uid_t uid, bool doors, struct buf *out);

#endif
