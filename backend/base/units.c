/* SPDX-License-Identifier: MIT */
#include "backend/base/units.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A century. Beyond it is a typing error, and milliseconds of it still fit everywhere. */
#define MAX_DURATION_S (INT64_C(36500) * 86400)

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit durations[] = { { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };

static const struct unit sizes[] = {
    { "", 1 },
    { "B", 1 },
    { "k", INT64_C(1) << 10 },
    { "M", INT64_C(1) << 20 },
    { "G", INT64_C(1) << 30 },
    { "T", INT64_C(1) << 40 },
    { "KiB", INT64_C(1) << 10 },
    { "MiB", INT64_C(1) << 20 },
    { "GiB", INT64_C(1) << 30 },
    { "TiB", INT64_C(1) << 40 },
    { "kB", INT64_C(1000) },
    { "MB", INT64_C(1000000) },
    { "GB", INT64_C(1000000000) },
    { "TB", INT64_C(1000000000000) },
};

/* Decimal digits at *s, at least one; moves *s behind them. False for none and for more than an int64_t
 * holds. */
static bool digits(const char **s, int64_t *out)
{
    const char *p = *s;
    int64_t v = 0;

    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *p - '0', &v))
            return false;
    if (p == *s)
        return false;
    *s = p;
    *out = v;
    return true;
}

/* v * factor + more, all >= 0, into *out; false where it passes limit. */
static bool scaled(int64_t v, int64_t factor, int64_t more, int64_t limit, int64_t *out)
{
    int64_t product;

    if (__builtin_mul_overflow(v, factor, &product) || __builtin_add_overflow(product, more, &product))
        return false;
    if (product > limit)
        return false;
    *out = product;
    return true;
}

/* Numbers joined by colons, as they are; at most 3, all behind the first below 60. */
static int colon_parts(const char *s, int64_t part[3])
{
    int n = 0;

    do {
        if (n == 3 || !digits(&s, &part[n]) || (n > 0 && part[n] >= 60))
            return -1;
        n++;
    } while (*s == ':' && s++);
    return *s == '\0' ? n : -1;
}

/* The forms of sbatch(1) --time that hold a colon or a dash: m:s, h:m:s, d-h, d-h:m, d-h:m:s. */
static bool clock_form(const char *s, int64_t *out)
{
    const char *rest = s;
    int64_t days = 0, part[3] = { 0 }, s_of_day;
    int n;

    if (digits(&rest, &days) && *rest == '-') {
        n = colon_parts(rest + 1, part);
        if (n < 1 || part[0] >= 24)
            return false;
        return scaled(days, 86400, part[0] * 3600 + part[1] * 60 + part[2], MAX_DURATION_S, out);
    }
    n = colon_parts(s, part);
    if (n < 2)
        return false;
    s_of_day = n == 2 ? part[1] : part[1] * 60 + part[2];
    return scaled(part[0], n == 2 ? 60 : 3600, s_of_day, MAX_DURATION_S, out);
}

static bool unit_form(const char *s, int64_t unit_s, int64_t *out)
{
    int64_t v;

    if (!digits(&s, &v))
        return false;
    if (*s == '\0')
        return scaled(v, unit_s, 0, MAX_DURATION_S, out);
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++)
        if (!strcmp(s, durations[i].name))
            return scaled(v, durations[i].factor, 0, MAX_DURATION_S, out);
    return false;
}

int parse_duration(const char *s, int64_t unit_s, int64_t *out_s, struct err *e)
{
    if (unit_form(s, unit_s, out_s) || clock_form(s, out_s))
        return 0;
    return err_set(
        e, -EINVAL,
        "\"%.60s\" is no duration: write \"90s\", \"30m\", \"4h\", \"30d\", \"4:00:00\", \"1-00:00:00\" or "
        "\"0\" for never, at most 36500 days",
        s);
}

int parse_size(const char *s, int64_t *out_bytes, struct err *e)
{
    const char *rest = s;
    int64_t v;

    if (digits(&rest, &v))
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            if (!strcasecmp(rest, sizes[i].name) && scaled(v, sizes[i].factor, 0, INT64_MAX, out_bytes))
                return 0;
    return err_set(e, -EINVAL,
                   "\"%.60s\" is no size: write \"16MiB\", \"1GB\", \"512k\" or a number of bytes", s);
}

const char *format_time(time_t t, char out[TIME_TEXT])
{
    const time_t last = (time_t)253402300799; /* 9999-12-31T23:59:59Z: RFC 3339 has years of four digits */
    struct tm tm;

    if (t < 0)
        t = 0; /* a clock before 1970 is not set */
    if (t > last)
        t = last;
    gmtime_r(&t, &tm);
    strftime(out, TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return out;
}
