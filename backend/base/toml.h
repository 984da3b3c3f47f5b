/* SPDX-License-Identifier: MIT */
#ifndef BASE_TOML_H
#define BASE_TOML_H
#include <stddef.h>
#include <jansson.h>
#include "backend/base/err.h"
/* TOML 1.0 (toml.io/en/v1.0.0) read into jansson values. Dates and times become strings as they are
 * written; inf and nan, which JSON lacks, become strings too. */

struct toml_lines; /* where each key stood, for messages about its value */

/* text need not be NUL-terminated. Returns 0, or -EINVAL with "line N: ..." in e (no file name: the caller
 * knows it). *out is a new object, *lines (NULL allowed) is freed with toml_lines_free(). */
int toml_parse(const char *text, size_t len, json_t **out, struct toml_lines **lines, struct err *e);

/* The line of a dotted path as the table walker names it ("model.qwen.slots"; keys joined with '.',
 * unquoted), or 0. */
int toml_line_of(const struct toml_lines *lines, const char *path);
void toml_lines_free(struct toml_lines *lines); /* NULL is allowed */

#endif
