/* SPDX-License-Identifier: MIT */
/* A scanner of JSON that checks the whole body and keeps two of its fields. A body may be hundreds of
 * megabytes of images: building it to route it would cost several times its size. */
#include "fs/door_http/model_field.h"
#include "backend/base/hex.h"
#include "backend/base/utf8.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define DEPTH 512 /* levels; a bit each in `closers` */

struct scan {
    const char *p, *end, *begin;
    int depth;
    unsigned char closers[DEPTH]; /* what ends each open level */
};

static void skip_blanks(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
        s->p++;
}

static bool take(struct scan *s, char c)
{
    skip_blanks(s);
    if (s->p >= s->end || *s->p != c)
        return false;
    s->p++;
    return true;
}

static int hex4(struct scan *s)
{
    int v = 0;

    if (s->end - s->p < 4)
        return -1;
    for (int i = 0; i < 4; i++, s->p++) {
        int d = hex_value(*s->p);
        if (d < 0)
            return -1;
        v = v * 16 + d;
    }
    return v;
}

/* Behind "\u". A lone surrogate becomes U+FFFD: such a name matches no model. */
static bool take_unicode(struct scan *s, struct buf *out)
{
    char utf8[4];
    int hi = hex4(s), lo;
    uint32_t c = (uint32_t)hi;

    if (hi < 0)
        return false;
    if (hi >= 0xD800 && hi < 0xDC00 && s->end - s->p >= 6 && s->p[0] == '\\' && s->p[1] == 'u') {
        s->p += 2;
        if ((lo = hex4(s)) < 0)
            return false;
        c = lo >= 0xDC00 && lo < 0xE000 ? 0x10000u + (((uint32_t)hi - 0xD800) << 10) + ((uint32_t)lo - 0xDC00)
                                        : 0xFFFD;
    }
    if (out) {
        size_t n = utf8_encode(c, utf8);
        buf_add(out, n ? utf8 : "\xEF\xBF\xBD", n ? n : 3);
    }
    return true;
}

static bool take_escape(struct scan *s, struct buf *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *at;

    if (s->p >= s->end)
        return false;
    char c = *s->p++;
    if (c == 'u')
        return take_unicode(s, out);
    if (!c || !(at = strchr(from, c)))
        return false;
    if (out)
        buf_add(out, &to[at - from], 1);
    return true;
}

/* The opening quote was taken. out may be NULL. */
static bool take_string(struct scan *s, struct buf *out)
{
    while (s->p < s->end) {
        const char *run = s->p;
        while (s->p < s->end && *s->p != '"' && *s->p != '\\' && (unsigned char)*s->p >= 0x20)
            s->p++;
        if (out)
            buf_add(out, run, (size_t)(s->p - run));
        if (s->p >= s->end || (unsigned char)*s->p < 0x20)
            return false;
        if (*s->p++ == '"')
            return true;
        if (!take_escape(s, out))
            return false;
    }
    return false;
}

static bool take_digits(struct scan *s)
{
    const char *start = s->p;

    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
    return s->p > start;
}

static bool take_number(struct scan *s)
{
    if (s->p < s->end && *s->p == '-')
        s->p++;
    if (s->p < s->end && *s->p == '0')
        s->p++;
    else if (!take_digits(s))
        return false;
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (!take_digits(s))
            return false;
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
            s->p++;
        return take_digits(s);
    }
    return true;
}

static bool take_word(struct scan *s, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
        return false;
    s->p += n;
    return true;
}

/* A value that is no container. */
static bool take_scalar(struct scan *s)
{
    switch (*s->p) {
    case '"':
        s->p++;
        return take_string(s, NULL);
    case 't':
        return take_word(s, "true");
    case 'f':
        return take_word(s, "false");
    case 'n':
        return take_word(s, "null");
    default:
        return take_number(s);
    }
}

static bool open_level(struct scan *s)
{
    if (s->depth == DEPTH)
        return false;
    s->closers[s->depth++] = *s->p++ == '{' ? '}' : ']';
    return true;
}

/* Behind a value: close levels that end here, or step over the comma. False for what is neither. */
static bool after_value(struct scan *s, int floor)
{
    while (s->depth > floor && take(s, (char)s->closers[s->depth - 1]))
        s->depth--;
    return s->depth == floor || take(s, ',');
}

/* One whole value of any depth. No recursion: a hostile body must not cost stack. */
static bool skip_value(struct scan *s)
{
    int floor = s->depth;
    bool fresh = false; /* just behind an opening bracket, where it may close at once */

    do {
        skip_blanks(s);
        if (s->p >= s->end)
            return false;
        if (fresh && (unsigned char)*s->p == s->closers[s->depth - 1]) {
            fresh = false;
            if (!after_value(s, floor))
                return false;
            continue;
        }
        if (s->depth > floor && s->closers[s->depth - 1] == '}' &&
            !(take(s, '"') && take_string(s, NULL) && take(s, ':')))
            return false;
        skip_blanks(s);
        if (s->p >= s->end)
            return false;
        fresh = *s->p == '{' || *s->p == '[';
        if (fresh ? !open_level(s) : !(take_scalar(s) && after_value(s, floor)))
            return false;
    } while (s->depth > floor);
    return true;
}

static int not_json(struct err *e, const struct scan *s, const char *body)
{
    return err_set(e, -EINVAL, "the request body is not a JSON object: it stops making sense at byte %zu",
                   (size_t)(s->p - body) + 1);
}

static int take_model(struct scan *s, struct body_facts *out, struct err *e)
{
    if (out->has_model)
        return err_set(e, -EINVAL, "the request body names \"model\" twice");
    if (!take(s, '"'))
        return err_set(e, -EINVAL, "\"model\" in the request body is not a string");
    out->has_model = true;
    out->model_at = (size_t)(s->p - s->begin) - 1;
    if (!take_string(s, &out->model))
        return -EPROTO;
    out->model_len = (size_t)(s->p - s->begin) - out->model_at;
    return 0;
}

static int take_field(struct scan *s, struct body_facts *out, struct err *e)
{
    struct buf key = { 0 };
    int rc = -EPROTO;

    if (take(s, '"') && take_string(s, &key) && take(s, ':')) {
        skip_blanks(s);
        if (strcmp(buf_str(&key), "model") == 0 && key.len == 5) {
            rc = take_model(s, out, e);
        } else {
            if (strcmp(buf_str(&key), "stream") == 0)
                out->stream = s->end - s->p >= 4 && memcmp(s->p, "true", 4) == 0;
            rc = skip_value(s) ? 0 : -EPROTO;
        }
    }
    buf_free(&key);
    return rc;
}

int model_field_scan(const char *body, size_t len, struct body_facts *out, struct err *e)
{
    struct scan s = { .p = body, .end = body + len, .begin = body };
    int rc = 0;

    *out = (struct body_facts){ 0 };
    if (!take(&s, '{'))
        return not_json(e, &s, body);
    out->model_at = (size_t)(s.p - body);
    out->empty = take(&s, '}');
    bool more = !out->empty;
    while (rc == 0 && more) {
        rc = take_field(&s, out, e);
        if (rc == 0 && !take(&s, ',')) {
            more = false;
            rc = take(&s, '}') ? 0 : -EPROTO;
        }
    }
    skip_blanks(&s);
    if (rc == -EPROTO || (rc == 0 && s.p != s.end))
        rc = not_json(e, &s, body);
    if (rc < 0) {
        buf_free(&out->model);
        *out = (struct body_facts){ 0 };
    }
    return rc;
}
