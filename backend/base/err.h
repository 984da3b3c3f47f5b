/* SPDX-License-Identifier: MIT */
#ifndef BASE_ERR_H
#define BASE_ERR_H
#include <stdarg.h>
/* Errors travel as a negative errno and, for people, one sentence that names the thing, the attempt and the way out.
 * The innermost function that knows the facts writes the sentence; outer ones pass it on. */

struct err {
    char text[480]; /* NUL-terminated; "" until a function failed */
};

/* Fill e (NULL is ignored) and return rc, so that a failing function ends with `return err_set(e, -EINVAL, ...)`.
 * rc  negative errno, returned as it is
 * A text that is too long is cut; control characters become blanks and bytes that are not UTF-8 '?', because an error is
 * one line of text. */
int err_set(struct err *e, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int err_vset(struct err *e, int rc, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));

/* The name of an errno ("ETIMEDOUT"), or "EIO" for one that the contract does not know. rc may be negative or positive. */
const char *err_name(int rc);

/* The HTTP status that stands for a negative or positive errno: the one table on which both doors agree (500 where
 * it has no row). Source: CONTRACT.md section 6. */
int err_http_status(int rc);

#endif
