/* SPDX-License-Identifier: MIT */
#ifndef BASE_TOML_SCAN_H
#define BASE_TOML_SCAN_H
#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>
#include "backend/base/buf.h"
#include "backend/base/err.h"
/* Inside of the TOML reader: the words of the language. toml.c puts them together to tables. */

struct scan {
    const char *p, *end; /* the rest of the text */
    int line;            /* of p, from 1 */
    struct err *e;
};

/* "line N: WHAT: "TEXT"" with the text at `at`, to the end of its line and not too much of it. Returns
 * -EINVAL. */
int scan_fail(struct scan *s, const char *at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* A character that TOML forbids everywhere: control characters but tab (line feeds are looked at before). */
bool scan_forbidden(char c);

/* At a quote of either kind; out gets the content, p stands behind the string. A key has no multi-line form.
 * CRLF in a multi-line string becomes LF: a shell line from a file made on Windows must not end in a carriage
 * return. */
int scan_string(struct scan *s, bool is_key, struct buf *out);

/* At a value that no quote or bracket begins: integer, float, boolean, date or time. *out is a new value. */
int scan_scalar(struct scan *s, json_t **out);

#endif
