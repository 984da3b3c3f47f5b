/* SPDX-License-Identifier: MIT */
/* A walk over the parts of a form: of each the head is read, and what it holds is passed over by its delimiter, so
 * that an hour of audio costs one search. Used by routes.c and model_name.c. */
#include "fs/door_http/multipart.h"
#include "backend/http/http.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define HEAD_MAX 16384 /* bytes of a part's head: a name, a file name and a type */

/* ---- "word; name=value; name="quoted value"", RFC 9110 5.6.6 */

struct param {
    char name[32], value[256]; /* a longer one is cut, and then means nothing to us */
};

static void put(char *out, size_t size, size_t *len, char c)
{
    if (*len + 1 < size)
        out[(*len)++] = c;
    out[*len] = '\0';
}

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    return p;
}

static const char *take_value(const char *p, const char *end, struct param *out)
{
    size_t n = 0;

    if (p < end && *p == '"') {
        for (p++; p < end && *p != '"'; p++) {
            if (*p == '\\' && p + 1 < end)
                p++;
            put(out->value, sizeof out->value, &n, *p);
        }
        return p < end ? p + 1 : NULL;
    }
    for (; p < end && http_is_token(p, 1); p++)
        put(out->value, sizeof out->value, &n, *p);
    return p;
}

/* The next parameter behind *p: 1, 0 at the end, or -EINVAL. */
static int next_param(const char **at, const char *end, struct param *out)
{
    const char *p = skip_blanks(*at, end);
    size_t n = 0;

    *out = (struct param){ 0 };
    if (p < end && *p == ';')
        p = skip_blanks(p + 1, end);
    else if (p < end)
        return -EINVAL;
    if (p == end)
        return 0;
    for (; p < end && http_is_token(p, 1); p++)
        put(out->name, sizeof out->name, &n, *p);
    if (n == 0 || p == end || *p != '=' || !(p = take_value(p + 1, end, out)))
        return -EINVAL;
    *at = p;
    return 1;
}

/* ---- Content-Type */

static bool is_word(const char *s, const char *word)
{
    size_t n = strlen(word);

    return strncasecmp(s, word, n) == 0 && (s[n] == '\0' || strchr("; \t", s[n]));
}

bool multipart_is(const char *type)
{
    return type && strncasecmp(type, "multipart/", strlen("multipart/")) == 0;
}

/* The line that begins each part, "--" and the boundary. */
static int take_boundary(const char *type, struct body_facts *out, struct err *e)
{
    const char *p = type + strcspn(type, "; \t"), *end = type + strlen(type);
    struct param one;
    int rc;

    while ((rc = next_param(&p, end, &one)) > 0) {
        size_t n = strlen(one.value);
        if (strcasecmp(one.name, "boundary") != 0)
            continue;
        if (out->boundary[0] || n == 0 || n >= sizeof out->boundary) {
            rc = -EINVAL;
            break;
        }
        memcpy(out->boundary, one.value, n + 1);
    }
    if (rc < 0 || !out->boundary[0])
        return err_set(e, -EINVAL, "the Content-Type of the form does not say its boundary");
    return 0;
}

/* ---- A part */

struct part {
    bool named, is_file;
    char name[sizeof((struct param *)0)->value];
};

static int take_disposition(const char *p, const char *end, struct part *part)
{
    struct param one;
    int rc;

    p = skip_blanks(p, end);
    while (p < end && http_is_token(p, 1))
        p++;
    while ((rc = next_param(&p, end, &one)) > 0) {
        if (strcasecmp(one.name, "name*") == 0 || (strcasecmp(one.name, "name") == 0 && part->named))
            return -EINVAL;
        if (strcasecmp(one.name, "name") == 0) {
            part->named = true;
            memcpy(part->name, one.value, sizeof part->name);
        }
        part->is_file |= strncasecmp(one.name, "filename", strlen("filename")) == 0;
    }
    return rc;
}

static int take_line(const char *line, const char *end, struct part *part)
{
    static const char field[] = "Content-Disposition:";
    const size_t n = sizeof field - 1;

    if (*line == ' ' || *line == '\t' || memchr(line, '\n', (size_t)(end - line)) ||
        memchr(line, '\r', (size_t)(end - line)) || memchr(line, '\0', (size_t)(end - line)))
        return -EINVAL;
    if ((size_t)(end - line) < n || strncasecmp(line, field, n) != 0)
        return 0;
    return part->named ? -EINVAL : take_disposition(line + n, end, part);
}

/* The head at p, up to its empty line. What follows it, or NULL. */
static const char *take_head(const char *p, const char *end, struct part *part)
{
    const char *limit = end - p > HEAD_MAX ? p + HEAD_MAX : end;

    *part = (struct part){ 0 };
    for (;;) {
        const char *eol = memmem(p, (size_t)(limit - p), "\r\n", 2);
        if (!eol)
            return NULL;
        if (eol == p)
            return p + 2;
        if (take_line(p, eol, part) < 0)
            return NULL;
        p = eol + 2;
    }
}

static int take_content(const struct part *part, const char *body, const char *p, size_t len,
                        struct body_facts *out, struct err *e)
{
    if (strcmp(part->name, "stream") == 0 && !part->is_file)
        out->stream = len == 4 && memcmp(p, "true", 4) == 0;
    if (strcmp(part->name, "model") != 0)
        return 0;
    if (out->has_model)
        return err_set(e, -EINVAL, "the form names \"model\" twice");
    if (part->is_file || len > MODEL_NAME_MAX || memchr(p, '\0', len))
        return err_set(e, -EINVAL, "\"model\" in the form is no name");
    out->has_model = true;
    out->model_at = (size_t)(p - body);
    out->model_len = len;
    buf_add(&out->model, p, len);
    return 0;
}

/* ---- The form */

/* Behind a delimiter: 1 where a part begins at *p, 0 at the form's end, -EINVAL for what is neither. */
static int part_begins(const char **p, const char *end)
{
    if (end - *p >= 2 && memcmp(*p, "--", 2) == 0)
        return 0;
    *p = skip_blanks(*p, end);
    if (end - *p < 2 || memcmp(*p, "\r\n", 2) != 0)
        return -EINVAL;
    *p += 2;
    return 1;
}

static int walk(const char *body, size_t len, struct body_facts *out, struct err *e)
{
    const char *p = body, *end = body + len, *next;
    char delimiter[sizeof out->boundary + 4] = "\r\n--";
    struct part part;
    int rc;

    strcpy(delimiter + 4, out->boundary);
    const size_t n = strlen(delimiter);
    if (len >= 2 && memcmp(p, "\r\n", 2) == 0)
        p += 2;
    out->model_at = (size_t)(p - body); /* where a part may be put */
    if ((size_t)(end - p) < n - 2 || memcmp(p, delimiter + 2, n - 2) != 0)
        return err_set(e, -EINVAL, "the form does not begin with its boundary");
    for (p += n - 2; (rc = part_begins(&p, end)) > 0; p = next + n) {
        if (!(p = take_head(p, end, &part)))
            return err_set(e, -EINVAL, "the head of a part of the form is damaged, or beyond 16 KiB");
        /* The empty line of a head may be the line end of the delimiter, where a part has no content. */
        next = memmem(p - 2, (size_t)(end - p) + 2, delimiter, n);
        if (!next)
            return err_set(e, -EINVAL, "the form is cut short");
        if ((rc = take_content(&part, body, p, next > p ? (size_t)(next - p) : 0, out, e)) < 0)
            return rc;
    }
    return rc < 0 ? err_set(e, -EINVAL, "the form is cut short, or its boundary is part of its content") : 0;
}

int multipart_scan(const char *type, const char *body, size_t len, struct body_facts *out, struct err *e)
{
    *out = (struct body_facts){ 0 };
    if (!is_word(type, "multipart/form-data"))
        return 0;
    int rc = take_boundary(type, out, e);
    if (rc == 0)
        rc = walk(body, len, out, e);
    if (rc < 0) {
        buf_free(&out->model);
        *out = (struct body_facts){ 0 };
    }
    return rc;
}

int body_scan(const char *type, const char *body, size_t len, struct body_facts *out, struct err *e)
{
    return multipart_is(type) ? multipart_scan(type, body, len, out, e) : model_field_scan(body, len, out, e);
}
