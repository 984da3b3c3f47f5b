/* SPDX-License-Identifier: MIT */
/* Node lists as Slurm prints them: names between commas, each with any number of brackets that stand for
 * numbers, "alvis7-[01-03,07]". The host is matched against the pattern; nothing is expanded, so that
 * "n[0-9999999]" costs nothing. Source: scontrol(1) 22.05, "hostlist expression". */
#include "backend/scheduler/scheduler.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Real names have one bracket, those of large machines up to three. Each tries up to MAX_DIGITS lengths, so
 * the two bound the work for a hostile pattern. */
#define MAX_BRACKETS 4
#define MAX_DIGITS   9

struct text {
    const char *s;
    size_t len;
};

static size_t count_digits(struct text t)
{
    size_t n = 0;

    while (n < t.len && n < MAX_DIGITS && isdigit((unsigned char)t.s[n]))
        n++;
    return n;
}

/* Is the number of these digits one of "lo-hi" or "lo"? Slurm pads every number of a range to the width of
 * its first. */
static bool range_has(struct text range, const char *digits, size_t n)
{
    size_t width = count_digits(range);
    unsigned long lo = 0, hi = 0, v = 0;

    if (width == 0)
        return false;
    for (size_t i = 0; i < width; i++)
        lo = lo * 10 + (unsigned long)(range.s[i] - '0');
    if (width == range.len) {
        hi = lo;
    } else {
        struct text rest = { range.s + width + 1, range.len - width - 1 };
        if (range.s[width] != '-' || rest.len == 0 || count_digits(rest) != rest.len)
            return false;
        for (size_t i = 0; i < rest.len; i++)
            hi = hi * 10 + (unsigned long)(rest.s[i] - '0');
    }
    for (size_t i = 0; i < n; i++)
        v = v * 10 + (unsigned long)(digits[i] - '0');
    return v >= lo && v <= hi && (n == width || (n > width && digits[0] != '0'));
}

static bool bracket_has(struct text inside, const char *digits, size_t n)
{
    while (inside.len > 0) {
        const char *comma = memchr(inside.s, ',', inside.len);
        size_t len = comma ? (size_t)(comma - inside.s) : inside.len;
        if (range_has((struct text){ inside.s, len }, digits, n))
            return true;
        inside.s += len + (comma != NULL);
        inside.len -= len + (comma != NULL);
    }
    return false;
}

static bool matches(struct text pattern, struct text host, int brackets)
{
    while (pattern.len > 0 && pattern.s[0] != '[') {
        if (host.len == 0 || tolower((unsigned char)pattern.s[0]) != tolower((unsigned char)host.s[0]))
            return false;
        pattern.s++, pattern.len--;
        host.s++, host.len--;
    }
    if (pattern.len == 0)
        return host.len == 0;
    const char *end = memchr(pattern.s, ']', pattern.len);
    if (!end || brackets == MAX_BRACKETS)
        return false;
    struct text inside = { pattern.s + 1, (size_t)(end - pattern.s) - 1 };
    struct text rest = { end + 1, pattern.len - inside.len - 2 };
    for (size_t n = count_digits(host); n > 0; n--)
        if (bracket_has(inside, host.s, n) &&
            matches(rest, (struct text){ host.s + n, host.len - n }, brackets + 1))
            return true;
    return false;
}

/* The length of a name up to its domain. An address has none: "10.0.0.1" is not host 10 of some domain. */
static size_t short_length(struct text name)
{
    size_t i = 0;
    bool letters = false;

    for (i = 0; i < name.len; i++)
        letters |= !isdigit((unsigned char)name.s[i]) && name.s[i] != '.';
    for (i = 0; letters && i < name.len && name.s[i] != '.'; i++)
        ;
    return letters ? i : name.len;
}

static bool item_is(struct text item, struct text host)
{
    size_t item_short = short_length(item), host_short = short_length(host);

    if (item_short == item.len || host_short == host.len)
        return matches((struct text){ item.s, item_short }, (struct text){ host.s, host_short }, 0);
    return matches(item, host, 0);
}

bool nodelist_contains(const char *list, const char *host)
{
    struct text h = { host, strlen(host) };
    bool inside = false;
    size_t begin = 0;

    if (h.len == 0)
        return false;
    for (size_t i = 0;; i++) {
        if (list[i] == '[')
            inside = true;
        else if (list[i] == ']')
            inside = false;
        if (list[i] != '\0' && (list[i] != ',' || inside))
            continue;
        if (i > begin && item_is((struct text){ list + begin, i - begin }, h))
            return true;
        if (list[i] == '\0')
            return false;
        begin = i + 1;
    }
}
