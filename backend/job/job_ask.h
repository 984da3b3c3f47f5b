/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_JOB_ASK_H
#define BACKEND_JOB_ASK_H
#include <jansson.h>
#include "backend/job/job.h"
/* What the engine in a job tells when it is asked. Source for Ollama: ollama/ollama, docs/api.md, "List Local Models" and "List Running
 * Models". */

/* GET path of j's healthy engine. cb is called once if it answers 200 with an object, on the loop, never inside this call,
 * and not at all else; v is borrowed. j is there until then: its engine's requests end before it does. */
void job_ask(struct job *j, const char *path, void (*cb)(struct job *j, const json_t *v));

/* The name as people write it: without ":latest", which Ollama adds where no tag was said. The caller frees it. */
char *ollama_plain_name(const char *name);

/* ---- job_context.c: asks once what context the engine has. */
void context_look(struct job *j);

/* ---- job_loaded.c: which models of a share has the engine in memory? Ollama is asked at each probe; between two, what was
 * sent there last counts as loaded. */
void loaded_look(struct job *j);
void loaded_mark(struct job *j, const struct model_config *m);
bool loaded_has(const struct job *j, const struct model_config *m); /* true where no others share the job */

#endif
