/* SPDX-License-Identifier: MIT */
/* The reader of Server-Sent Events; see sse.h. A line that lies whole in the caller's buffer is read from
 * there; only what a call leaves unfinished is copied. */
#include "backend/http/sse.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sse_reader {
    sse_event_f cb;
    void *arg;
    struct buf line; /* the beginning of a line whose end has not come */
    struct buf data; /* each data line and a line feed */
    struct buf type;
    bool begun;    /* the first line was read: no byte order mark any more */
    bool after_cr; /* the last byte was CR: an LF now belongs to it */
    bool failed;
};

struct sse_reader *sse_reader_create(sse_event_f cb, void *arg)
{
    struct sse_reader *r = NEW(struct sse_reader);

    r->cb = cb;
    r->arg = arg;
    return r;
}

void sse_reader_destroy(struct sse_reader *r)
{
    if (!r)
        return;
    buf_free(&r->line);
    buf_free(&r->data);
    buf_free(&r->type);
    free(r);
}

static bool is(const char *name, size_t len, const char *word)
{
    return len == strlen(word) && !memcmp(name, word, len);
}

/* A line that is not empty: "name: value", "name:value", "name", or ":comment". */
static void read_field(struct sse_reader *r, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    size_t name_len = colon ? (size_t)(colon - line) : len;
    const char *value = colon ? colon + 1 : line + len;
    size_t value_len = (size_t)(line + len - value);

    if (value_len && *value == ' ') {
        value++;
        value_len--;
    }
    if (is(line, name_len, "data")) {
        buf_add(&r->data, value, value_len);
        buf_add(&r->data, "\n", 1);
    } else if (is(line, name_len, "event")) {
        buf_reset(&r->type);
        buf_add(&r->type, value, value_len);
    } else if (is(line, name_len, "error")) {
        /* Of no standard: so a llama-server of 2025 (b4748) tells that its answer has failed. */
        buf_reset(&r->type);
        buf_adds(&r->type, "error");
        buf_add(&r->data, value, value_len);
        buf_add(&r->data, "\n", 1);
    }
}

/* The empty line. The event's memory leaves the reader for the call, because the call may destroy the
 * reader. */
static int dispatch(struct sse_reader *r)
{
    struct buf data = r->data, type = r->type;
    struct sse_event e = { .type = type.len ? type.data : "message" };
    int stop = 0;

    r->data = r->type = (struct buf){ 0 };
    if (data.len) {
        data.data[--data.len] = '\0'; /* the line feed behind the last line */
        e.data = data.data;
        e.len = data.len;
        stop = r->cb(r->arg, &e);
    }
    if (stop) {
        buf_free(&data);
        buf_free(&type);
        return stop;
    }
    buf_reset(&data);
    buf_reset(&type);
    r->data = data;
    r->type = type;
    return 0;
}

static int read_line(struct sse_reader *r, const char *line, size_t len)
{
    if (!r->begun && len >= 3 && !memcmp(line, "\xef\xbb\xbf", 3)) {
        line += 3;
        len -= 3;
    }
    r->begun = true;
    if (len == 0)
        return dispatch(r);
    read_field(r, line, len);
    return 0;
}

/* Where the line that begins at s ends: its CR or LF, or NULL. *lf is the first LF behind s as an earlier
 * call for the same buffer found it, NULL before the first; remembered, lest lines that end in CR make the
 * search quadratic. */
static const char *line_end(const char *s, const char *end, const char **lf)
{
    if (!*lf || *lf < s) {
        *lf = memchr(s, '\n', (size_t)(end - s));
        if (!*lf)
            *lf = end;
    }
    const char *cr = memchr(s, '\r', (size_t)(*lf - s));
    return cr ? cr : *lf < end ? *lf : NULL;
}

static int whole_line(struct sse_reader *r, const char *rest, size_t len)
{
    struct buf line = r->line;
    int stop;

    if (!line.len)
        return read_line(r, rest, len);
    r->line = (struct buf){ 0 };
    buf_add(&line, rest, len);
    stop = read_line(r, line.data, line.len);
    buf_free(&line);
    return stop;
}

ssize_t sse_reader_feed(struct sse_reader *r, const char *data, size_t len)
{
    size_t at = 0;
    const char *lf = NULL;

    while (at < len && !r->failed) {
        if (r->after_cr && data[at] == '\n')
            at++;
        r->after_cr = false;
        if (at == len)
            break;
        const char *end = line_end(data + at, data + len, &lf);
        size_t n = end ? (size_t)(end - data) - at : len - at;
        if (r->line.len + n + r->data.len + r->type.len > SSE_EVENT_MAX) {
            r->failed = true;
            break;
        }
        if (!end) {
            buf_add(&r->line, data + at, n);
            break;
        }
        r->after_cr = *end == '\r';
        const char *line = data + at;
        at += n + 1;
        if (whole_line(r, line, n))
            return (ssize_t)at;
    }
    return r->failed ? -EFBIG : (ssize_t)len;
}
