/* SPDX-License-Identifier: MIT */
/* Strings, numbers, dates and times of TOML 1.0, and the message that quotes what is wrong. */
#include "backend/base/toml_scan.h"
#include "backend/base/hex.h"
#include "backend/base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define QUOTED 40 /* bytes of the offending text that a message shows */

bool scan_forbidden(char c)
{
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7F;
}

/* Printable text stays, everything else is shown as \xNN: the message goes to terminals and logs. */
static void quote(struct buf *out, const char *at, const char *end)
{
    size_t len = 0, valid;

    while (at + len < end && at[len] != '\n' &&
           !(at[len] == '\r' && at + len + 1 < end && at[len + 1] == '\n'))
        len++;
    bool cut = len > QUOTED;
    if (cut)
        len = QUOTED;
    valid = utf8_valid_len(at, len);
    if (cut && len - valid < 4)
        len = valid; /* do not show half of a character that was cut */
    for (size_t i = 0; i < len; i++) {
        if (i >= valid || scan_forbidden(at[i]))
            buf_addf(out, "\\x%02X", (unsigned char)at[i]);
        else
            buf_add(out, at + i, 1);
    }
    if (cut)
        buf_adds(out, "...");
}

int scan_fail(struct scan *s, const char *at, const char *fmt, ...)
{
    struct buf text = { 0 };
    va_list ap;
    int rc;

    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    if (at < s->end && *at != '\n' && *at != '\r') {
        buf_adds(&text, ": \"");
        quote(&text, at, s->end);
        buf_adds(&text, "\"");
    } else {
        buf_adds(&text, at < s->end ? " at the end of the line" : " at the end of the text");
    }
    rc = err_set(s->e, -EINVAL, "line %d: %s", s->line, buf_str(&text));
    buf_free(&text);
    return rc;
}

/* ---- Strings */

static int unicode_escape(struct scan *s, int digits, struct buf *out)
{
    const char *at = s->p; /* the backslash; p is moved only when all is well */
    uint32_t c = 0;
    char bytes[4];
    size_t n;

    for (int i = 0; i < digits; i++) {
        int v = at + 2 + i < s->end ? hex_value(at[2 + i]) : -1;
        if (v < 0)
            return scan_fail(s, at, "\\%c takes %d hexadecimal digits", at[1], digits);
        c = c << 4 | (uint32_t)v;
    }
    n = utf8_encode(c, bytes);
    if (n == 0)
        return scan_fail(s, at, "no Unicode character has this number");
    buf_add(out, bytes, n);
    s->p = at + 2 + digits;
    return 0;
}

static int escape(struct scan *s, struct buf *out)
{
    static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
    char c = s->p + 1 < s->end ? s->p[1] : '\0';
    const char *which = c ? strchr(from, c) : NULL;

    if (c == 'u' || c == 'U')
        return unicode_escape(s, c == 'u' ? 4 : 8, out);
    if (!which)
        return scan_fail(s, s->p, "unknown escape in a string");
    buf_add(out, &to[which - from], 1);
    s->p += 2;
    return 0;
}

/* Bytes of a line end at p: 0, 1 or 2. */
static size_t newline_len(const struct scan *s)
{
    if (s->p < s->end && s->p[0] == '\n')
        return 1;
    if (s->end - s->p >= 2 && s->p[0] == '\r' && s->p[1] == '\n')
        return 2;
    return 0;
}

static bool skip_newline(struct scan *s)
{
    size_t n = newline_len(s);

    s->p += n;
    s->line += n > 0;
    return n > 0;
}

static int one_line_string(struct scan *s, struct buf *out)
{
    const char *start = s->p;
    char delimiter = *s->p++;

    for (;;) {
        if (s->p >= s->end || newline_len(s))
            return scan_fail(s, start, "a string does not end on its line");
        if (*s->p == delimiter) {
            s->p++;
            return 0;
        }
        if (scan_forbidden(*s->p))
            return scan_fail(s, s->p, "control character in a string");
        if (*s->p == '\\' && delimiter == '"') {
            int rc = escape(s, out);
            if (rc < 0)
                return rc;
        } else {
            buf_add(out, s->p++, 1);
        }
    }
}

/* A backslash that ends its line takes the line end and all white space after it away. */
static bool skip_continuation(struct scan *s)
{
    const struct scan before = *s;

    for (s->p++; s->p < s->end && (*s->p == ' ' || *s->p == '\t');)
        s->p++;
    if (!newline_len(s)) {
        *s = before;
        return false;
    }
    while (skip_newline(s) || (s->p < s->end && (*s->p == ' ' || *s->p == '\t') && s->p++))
        ;
    return true;
}

static int multi_line_string(struct scan *s, struct buf *out)
{
    const struct scan start = *s;
    char delimiter = *s->p;
    int rc;

    s->p += 3;
    skip_newline(s);
    while (s->p < s->end) {
        size_t run = 0;
        /* Up to two quotes may stand before the three that end the string. */
        while (run < 5 && s->p + run < s->end && s->p[run] == delimiter)
            run++;
        if (run) {
            buf_add(out, s->p, run >= 3 ? run - 3 : run);
            s->p += run;
            if (run >= 3)
                return 0;
        } else if (skip_newline(s)) {
            buf_adds(out, "\n");
        } else if (scan_forbidden(*s->p)) {
            return scan_fail(s, s->p, "control character in a string");
        } else if (*s->p != '\\' || delimiter != '"') {
            buf_add(out, s->p++, 1);
        } else if (!skip_continuation(s) && (rc = escape(s, out)) < 0) {
            return rc;
        }
    }
    s->line = start.line;
    return scan_fail(s, start.p, "a multi-line string is not ended");
}

int scan_string(struct scan *s, bool is_key, struct buf *out)
{
    if (!is_key && s->end - s->p >= 3 && s->p[1] == s->p[0] && s->p[2] == s->p[0])
        return multi_line_string(s, out);
    return one_line_string(s, out);
}

/* ---- Dates and times, RFC 3339 and its parts */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* n digits at *p whose value lies in low..high; moves *p behind them. */
static bool number(const char **p, const char *end, int n, int low, int high, int *out)
{
    int v = 0;

    for (int i = 0; i < n; i++) {
        if (*p + i >= end || !is_digit((*p)[i]))
            return false;
        v = v * 10 + ((*p)[i] - '0');
    }
    *p += n;
    *out = v;
    return v >= low && v <= high;
}

static bool one_of(const char **p, const char *end, const char *set)
{
    if (*p >= end || !**p || !strchr(set, **p))
        return false;
    (*p)++;
    return true;
}

static bool date(const char **p, const char *end)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int y, m, d;

    if (!number(p, end, 4, 0, 9999, &y) || !one_of(p, end, "-") || !number(p, end, 2, 1, 12, &m) ||
        !one_of(p, end, "-") || !number(p, end, 2, 1, 31, &d))
        return false;
    bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    return d <= days[m - 1] + (leap && m == 2);
}

/* Seconds may be 60: RFC 3339 section 5.7, leap seconds. */
static bool time_of_day(const char **p, const char *end)
{
    int v;

    if (!number(p, end, 2, 0, 23, &v) || !one_of(p, end, ":") || !number(p, end, 2, 0, 59, &v) ||
        !one_of(p, end, ":") || !number(p, end, 2, 0, 60, &v))
        return false;
    if (!one_of(p, end, "."))
        return true;
    if (*p >= end || !is_digit(**p))
        return false;
    while (*p < end && is_digit(**p))
        (*p)++;
    return true;
}

static bool offset(const char **p, const char *end)
{
    int v;

    if (one_of(p, end, "Zz"))
        return true;
    return one_of(p, end, "+-") && number(p, end, 2, 0, 23, &v) && one_of(p, end, ":") &&
           number(p, end, 2, 0, 59, &v);
}

static bool looks_like_date(const char *p, const char *end)
{
    return end - p >= 5 && is_digit(p[0]) && is_digit(p[1]) && is_digit(p[2]) && is_digit(p[3]) &&
           p[4] == '-';
}

static bool looks_like_time(const char *p, const char *end)
{
    return end - p >= 3 && is_digit(p[0]) && is_digit(p[1]) && p[2] == ':';
}

static bool date_or_time(const char *p, const char *end)
{
    if (looks_like_time(p, end))
        return time_of_day(&p, end) && p == end;
    if (!date(&p, end))
        return false;
    if (p == end)
        return true;
    if (!one_of(&p, end, "Tt ") || !time_of_day(&p, end))
        return false;
    return p == end || (offset(&p, end) && p == end);
}

/* ---- Numbers */

/* Underscores stand between two digits, nowhere else. out gets the token without them. */
static bool strip_underscores(const char *tok, size_t len, bool hex, struct buf *out)
{
    for (size_t i = 0; i < len; i++) {
        if (tok[i] != '_') {
            buf_add(out, &tok[i], 1);
            continue;
        }
        if (i == 0 || i + 1 == len)
            return false;
        int before = hex_value(tok[i - 1]), after = hex_value(tok[i + 1]), most = hex ? 15 : 9;
        if (before < 0 || before > most || after < 0 || after > most)
            return false;
    }
    return true;
}

static json_t *other_base(const char *digits, int base)
{
    uint64_t v = 0;

    if (!*digits)
        return NULL;
    for (; *digits; digits++) {
        int d = hex_value(*digits);
        if (d < 0 || d >= base || v > ((uint64_t)INT64_MAX - (uint64_t)d) / (uint64_t)base)
            return NULL;
        v = v * (uint64_t)base + (uint64_t)d;
    }
    return json_integer((json_int_t)v);
}

/* Without underscores and a plus sign, the decimal numbers of TOML are exactly those of JSON, so that jansson
 * checks the form (leading zeros, digits on both sides of the point) and the range for us. */
static json_t *decimal(const char *tok)
{
    if (tok[0] == '+') {
        tok++;
        if (!is_digit(*tok))
            return NULL;
    }
    if (strspn(tok, "0123456789+-.eE") != strlen(tok))
        return NULL;
    return json_loads(tok, JSON_DECODE_ANY, NULL);
}

static json_t *token_value(const char *tok, size_t len)
{
    static const char *const not_json[] = { "inf", "+inf", "-inf", "nan", "+nan", "-nan" };
    struct buf clean = { 0 };
    json_t *v = NULL;

    if (len == 4 && !memcmp(tok, "true", 4))
        return json_true();
    if (len == 5 && !memcmp(tok, "false", 5))
        return json_false();
    if (looks_like_date(tok, tok + len) || looks_like_time(tok, tok + len))
        return date_or_time(tok, tok + len) ? json_stringn(tok, len) : NULL;
    for (size_t i = 0; i < sizeof not_json / sizeof not_json[0]; i++)
        if (strlen(not_json[i]) == len && !memcmp(tok, not_json[i], len))
            return json_stringn(tok, len);
    int base = len > 2 && tok[0] == '0' ? (tok[1] == 'x'   ? 16
                                           : tok[1] == 'o' ? 8
                                           : tok[1] == 'b' ? 2
                                                           : 0)
                                        : 0;
    if (strip_underscores(tok, len, base == 16, &clean))
        v = base ? other_base(buf_str(&clean) + 2, base) : decimal(buf_str(&clean));
    buf_free(&clean);
    return v;
}

static bool is_token(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '+' ||
           c == '-' || c == '.' || c == ':';
}

int scan_scalar(struct scan *s, json_t **out)
{
    const char *start = s->p, *p = s->p;
    json_t *v;

    while (p < s->end && is_token(*p))
        p++;
    /* A blank may stand for the T between date and time. */
    if (p - start == 10 && looks_like_date(start, p) && s->end - p >= 2 && *p == ' ' && is_digit(p[1]))
        for (p++; p < s->end && is_token(*p);)
            p++;
    if (p == start)
        return scan_fail(s, p, "a value is missing");
    v = token_value(start, (size_t)(p - start));
    if (!v && ((*start >= 'a' && *start <= 'z') || (*start >= 'A' && *start <= 'Z')))
        return scan_fail(s, start, "no value looks like this (text needs quotes)");
    if (!v)
        return scan_fail(s, start, "neither a number that fits 64 bits nor a date or time");
    s->p = p;
    *out = v;
    return 0;
}
