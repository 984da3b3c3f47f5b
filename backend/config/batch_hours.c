/* SPDX-License-Identifier: MIT */
#include "backend/config/batch_hours.h"

#include <errno.h>
#include <stdio.h>

/* Minutes after midnight. */
static bool parse(const char *text, int *from, int *to)
{
    int h1, m1, h2, m2, end = 0;

    if (sscanf(text, "%2d:%2d-%2d:%2d%n", &h1, &m1, &h2, &m2, &end) != 4 || text[end] || end != 11)
        return false;
    if (h1 < 0 || h1 > 23 || m1 < 0 || m1 > 59 || h2 < 0 || h2 > 24 || m2 < 0 || m2 > 59 ||
        h2 * 60 + m2 > 24 * 60)
        return false;
    *from = h1 * 60 + m1;
    *to = h2 * 60 + m2;
    return *from != *to;
}

int batch_hours_check(const char *text, struct err *e)
{
    int from, to;

    if (!*text || parse(text, &from, &to))
        return 0;
    return err_set(e, -EINVAL, "must be two times of the day, as \"20:00-06:00\", not \"%.40s\"", text);
}

bool batch_hours_hold(const char *text, const struct tm *now)
{
    int from, to, minute = now->tm_hour * 60 + now->tm_min;

    if (!*text || !parse(text, &from, &to))
        return true;
    return from < to ? minute >= from && minute < to : minute >= from || minute < to;
}
