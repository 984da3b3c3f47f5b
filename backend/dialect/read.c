/* SPDX-License-Identifier: MIT */
/* Cuts an engine's body into objects: events, lines, or one object, as its Content-Type says. Bounded: an
 * event or line of 1 MiB, a whole answer of DIALECT_ANSWER_MAX. */
#include "backend/dialect/dialect_inside.h"
#include "backend/dialect/json_parts.h"
#include "backend/engine/message.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

void read_reset(struct dialect *d)
{
    sse_reader_destroy(d->events);
    d->events = NULL;
    buf_free(&d->piece);
    d->form = FORM_NONE;
    d->done = false;
    d->rc = 0;
}

static void no_answer(struct dialect *d, const char *s, size_t len)
{
    struct buf quoted = { 0 };

    message_quote(s, len, &quoted);
    dialect_wrong(d, -EPROTO, "the engine sent what is no part of an answer: %s", buf_str(&quoted));
    buf_free(&quoted);
}

static bool is_error(const json_t *v)
{
    const char *kind = part_text(v, "object"); /* older vLLM: {"object":"error","message":...} */

    return part(v, "error") || (kind && strcmp(kind, "error") == 0);
}

static void object(struct dialect *d, const char *event, const char *s, size_t len)
{
    json_t *v = json_loadb(s, len, JSON_ALLOW_NUL, NULL);
    struct buf said = { 0 };

    if (json_is_object(v) && (is_error(v) || strcmp(event, "error") == 0)) {
        message_of_json(v, &said);
        dialect_wrong(d, -EIO, "the engine ended its answer with an error: %s", buf_str(&said));
        buf_free(&said);
    } else if (!json_is_object(v)) {
        no_answer(d, s, len);
    } else if (d->from_ollama) {
        read_ollama(d, v);
    } else {
        read_openai(d, event, v);
    }
    json_decref(v);
}

static int event_cb(void *arg, const struct sse_event *e)
{
    struct dialect *d = arg;

    if (strcmp(e->data, "[DONE]") == 0)
        d->done = true;
    else
        object(d, e->type, e->data, e->len);
    return d->rc != 0;
}

void read_head(struct dialect *d, const char *type)
{
    static const char events[] = "text/event-stream", lines[] = "application/x-ndjson";

    read_reset(d);
    if (type && strncasecmp(type, events, sizeof events - 1) == 0) {
        d->form = FORM_EVENTS;
        d->events = sse_reader_create(event_cb, d);
    } else {
        d->form = type && strncasecmp(type, lines, sizeof lines - 1) == 0 ? FORM_LINES : FORM_WHOLE;
    }
}

static void feed_lines(struct dialect *d, const char *data, size_t len)
{
    while (len > 0 && d->rc == 0) {
        const char *end = memchr(data, '\n', len);
        size_t n = end ? (size_t)(end - data) : len;

        if (d->piece.len + n > SSE_EVENT_MAX) {
            dialect_wrong(d, -EPROTO, "the engine sent a line of more than %d bytes", SSE_EVENT_MAX);
            return;
        }
        buf_add(&d->piece, data, n);
        if (end && d->piece.len > 0)
            object(d, "message", d->piece.data, d->piece.len);
        if (end)
            buf_reset(&d->piece);
        data += n + (end != NULL);
        len -= n + (end != NULL);
    }
}

void read_feed(struct dialect *d, const char *data, size_t len)
{
    switch (d->form) {
    case FORM_EVENTS:
        if (sse_reader_feed(d->events, data, len) == -EFBIG)
            dialect_wrong(d, -EPROTO, "the engine sent an event of more than %d bytes", SSE_EVENT_MAX);
        return;
    case FORM_LINES:
        feed_lines(d, data, len);
        return;
    default:
        if (d->piece.len + len > DIALECT_ANSWER_MAX)
            dialect_wrong(d, -EFBIG, "the engine's answer is longer than %d bytes", DIALECT_ANSWER_MAX);
        else
            buf_add(&d->piece, data, len);
    }
}

void read_end(struct dialect *d)
{
    if (d->rc == 0 && d->form != FORM_EVENTS && d->piece.len > 0)
        object(d, "message", d->piece.data, d->piece.len);
    buf_free(&d->piece);
    if (d->rc == 0 && !d->done)
        dialect_wrong(d, -ECONNRESET, "the engine's answer stops short");
}
