/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_REMOTE_READ_H
#define BACKEND_REMOTE_READ_H
#include <jansson.h>
#include "backend/base/err.h"
/* What a team's gateway says. Pure. */

/* GET /v1/models of ours -> an object of names to cards: {"state", "reason", "queue_position", "expected_start",
 * "progress"}, each but the state only where it is told. Models that it has from another gateway are left out: one that
 * reaches itself, or two that mount each other, would find new ones for ever. NULL where it is no such list; else a new
 * reference. */
json_t *remote_read_models(const json_t *v);

/* GET /slullama/status of slullama's own server -> the card of all its models; NULL where it is none. */
json_t *remote_read_status(const json_t *v);

/* GET /api/tags of that -> an array of names, as an Ollama shows them without ":latest". */
json_t *remote_read_tags(const json_t *v);

/* The errno of a refusal (CONTRACT.md section 6, read backwards): several have one status, and its sentence tells. */
int remote_errno(int status, const char *text);

#endif
