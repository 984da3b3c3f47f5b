/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_OLLAMA_H
#define FS_DOOR_HTTP_OLLAMA_H
#include "backend/dialect/dialect.h"
#include "fs/door_http/routes.h"
/* The part of Ollama's API that is about models, not questions. Only pulling and loading wake one. */

/* ollama_known.c: answers from what is known. */
void answer_tags(const struct request *r, const struct route_at *at);    /* GET /api/tags */
void answer_ps(const struct request *r, const struct route_at *at);      /* GET /api/ps */
void answer_version(const struct request *r, const struct route_at *at); /* GET /api/version */
void answer_show(const struct request *r, const struct route_at *at);    /* POST /api/show */
void answer_fixed(const struct request *r,
                  const struct route_at *at); /* what would change a model: refused */

/* Which model is meant: the prefix's, else "model", or "name" as older programs say, in the body. NULL: the
 * request was answered with an error. */
struct model *ollama_model(const struct request *r, const struct route_at *at, bool *stream);

/* ollama_pull.c: POST /api/pull. Wakes a configured model and tells its states until it is ready. */
void answer_pull(const struct request *r, const struct route_at *at);

/* A request without a question: wake the model (NULL: it is ready) and answer when it is ready. Takes d. */
void ollama_load(const struct request *r, struct model *m, struct dialect *d);

#endif
