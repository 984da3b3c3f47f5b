/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_CORS_H
#define FS_DOOR_HTTP_CORS_H
#include "backend/base/buf.h"
#include "backend/config/config.h"
#include "backend/http/http.h"
/* What lets web pages of `cors_origins` read our answers, and nobody else's (fetch.spec.whatwg.org, section
 * "CORS protocol"). Pure. */

/* A browser asks beforehand whether it may send a request; it shows no credentials with that. */
bool cors_is_preflight(const struct config *cfg, const struct http_head *h);

/* Append the fields for an answer to this request; none where its origin is not configured. */
void cors_fields(struct buf *out, const struct config *cfg, const struct http_head *h);

#endif
