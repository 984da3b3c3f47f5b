/* SPDX-License-Identifier: MIT */
#ifndef ENGINE_MESSAGE_H
#define ENGINE_MESSAGE_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "backend/base/buf.h"
/* The words with which engines say no. */

#define MESSAGE_MAX 300 /* bytes of what is quoted from an engine: an error of ours is one line */

/* Append the message in an error object, one line: {"error":{"message":...}}, {"error":"..."},
 * {"detail":...},
 * {"message":...}. Returns false, and appends nothing, if v is none of these. */
bool message_of_json(const json_t *v, struct buf *out);

/* The same from a body that may be anything: what is no such object is quoted as it is, up to MESSAGE_MAX
 * bytes. Appends nothing for an empty body. */
void message_of_body(const char *body, size_t len, struct buf *out);

/* Append at most MESSAGE_MAX bytes of s as one line of valid UTF-8: control characters become blanks, other
 * bytes '?'. */
void message_quote(const char *s, size_t len, struct buf *out);

#endif
