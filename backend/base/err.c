/* SPDX-License-Identifier: MIT */
/* The sentence that goes with an errno, and the table by which files and HTTP say the same. */
#include "backend/base/err.h"
#include "backend/base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    int errnum;
    int http;
    const char *name;
} table[] = {
    { ENOENT, 404, "ENOENT" },
    { EINVAL, 400, "EINVAL" },
    { EFBIG, 413, "EFBIG" },
    { EBUSY, 429, "EBUSY" },
    { EDQUOT, 429, "EDQUOT" },
    { EACCES, 403, "EACCES" },
    { ENOKEY, 401, "ENOKEY" },
    { EHOSTUNREACH, 503, "EHOSTUNREACH" },
    { EKEYREJECTED, 502, "EKEYREJECTED" },
    { ETIMEDOUT, 504, "ETIMEDOUT" },
    { ECONNREFUSED, 503, "ECONNREFUSED" },
    { ECONNRESET, 502, "ECONNRESET" },
    { EIO, 502, "EIO" },
    { ENOSPC, 503, "ENOSPC" },
    { EPERM, 403, "EPERM" },
    { ECANCELED, 503, "ECANCELED" },
};

/* One line of UTF-8 without control characters, whatever a program or a person wrote into the arguments: it
 * goes to terminals and into JSON. */
static void make_plain(char *s)
{
    while (*s) {
        size_t valid = utf8_valid_len(s, strlen(s));
        for (size_t i = 0; i < valid; i++)
            if ((unsigned char)s[i] < 0x20 || s[i] == 0x7F)
                s[i] = ' ';
        s += valid;
        if (*s)
            *s++ = '?';
    }
}

int err_vset(struct err *e, int rc, const char *fmt, va_list ap)
{
    if (!e)
        return rc;
    vsnprintf(e->text, sizeof e->text, fmt, ap);
    make_plain(e->text);
    return rc;
}

int err_set(struct err *e, int rc, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    err_vset(e, rc, fmt, ap);
    va_end(ap);
    return rc;
}

const char *err_name(int rc)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].errnum == abs(rc))
            return table[i].name;
    return "EIO";
}

int err_http_status(int rc)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].errnum == abs(rc))
            return table[i].http;
    return 500;
}
