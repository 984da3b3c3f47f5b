/* SPDX-License-Identifier: MIT */
#include "fs/exit_status.h"

#include <stdarg.h>
#include <stdio.h>

static void say(const char *fmt, va_list ap)
{
    fputs("slullamafs: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
}

int status_failed(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(fmt, ap);
    va_end(ap);
    return STATUS_FAILED;
}

int status_usage(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(fmt, ap);
    va_end(ap);
    return STATUS_USAGE;
}
