/* SPDX-License-Identifier: MIT */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H
#include <stddef.h>
/* Memory that is there or the program ends with a line on stderr. Linux overcommits, every queue and buffer
 * of ours has a limit of its own, and a daemon that cannot get a few kilobytes can answer nobody: checks at
 * each call would only be paths that no test reaches. Free with free(). */

void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);                 /* NULL gives NULL */
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define NEW(type) ((type *)xcalloc(1, sizeof(type)))

#endif
