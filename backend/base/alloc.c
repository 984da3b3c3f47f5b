/* SPDX-License-Identifier: MIT */
#include "backend/base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_die(void *p)
{
    if (!p) {
        fputs("slullamafs: out of memory\n", stderr);
        abort();
    }
    return p;
}

void *xcalloc(size_t n, size_t size)
{
    return or_die(calloc(n ? n : 1, size ? size : 1));
}

void *xrealloc(void *p, size_t size)
{
    return or_die(realloc(p, size ? size : 1));
}

char *xstrdup(const char *s)
{
    return s ? or_die(strdup(s)) : NULL;
}

char *xstrndup(const char *s, size_t n)
{
    return or_die(strndup(s, n));
}

char *xasprintf(const char *fmt, ...)
{
    va_list ap;
    char *s = NULL;

    va_start(ap, fmt);
    if (vasprintf(&s, fmt, ap) < 0)
        s = NULL;
    va_end(ap);
    return or_die(s);
}
