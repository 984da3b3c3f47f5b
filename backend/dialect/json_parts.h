/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_DIALECT_JSON_PARTS_H
#define BACKEND_DIALECT_JSON_PARTS_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "backend/base/buf.h"
#include "backend/base/err.h"
/* Small moves between JSON objects that all translators make. */

/* The field, or NULL where it is missing or null. Borrowed. */
json_t *part(const json_t *object, const char *name);

/* Its string, or NULL. Borrowed. */
const char *part_text(const json_t *object, const char *name);

/* Give target the field of source under another name, where it is there. */
void part_copy(json_t *target, const char *to, const json_t *source, const char *from);

struct part_name {
    const char *from, *to;
};
void part_copy_all(json_t *target, const json_t *source, const struct part_name *names, size_t n);

json_t *json_of_buf(const struct buf *b); /* a string; a new reference */

/* An object from the text of one ("" counts as {}); NULL if it is none. A new reference. */
json_t *object_of_text(const char *s, size_t len);

/* ---- Writing; each takes the reference. */
void add_json(struct buf *out, json_t *v);                    /* compact */
void add_line(struct buf *out, json_t *v);                    /* and a line feed */
void add_event(struct buf *out, const char *type, json_t *v); /* an event; type NULL: unnamed */

/* -EINVAL with the sentence that the field of `what` has a wrong type. */
int wrong_type(struct err *e, const char *what, const char *wanted);

/* ---- Parts of requests in OpenAI's form; new references. */
json_t *text_part(const json_t *text);
json_t *image_part(const char *url);                   /* an address, or a data: URL */
json_t *message_of(const char *role, json_t *content); /* takes content */

/* {"type":"function",...} of an answer or a request; takes arguments, a string. */
json_t *tool_call_of(const char *id, const char *name, json_t *arguments);

/* Content as engines with simple templates want it: a string, where all parts are texts; else the array
 * itself; null for none. Takes parts. */
json_t *content_of_parts(json_t *parts);

/* response_format for a JSON schema. */
json_t *schema_format(const char *name, const json_t *schema, const json_t *strict);

/* Ask templates that can think to do so, or not. */
void set_thinking(json_t *request, bool on);

#endif
