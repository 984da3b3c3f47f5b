/* SPDX-License-Identifier: MIT */
/* Writes the request of a prompt: its head, and the body of one that is a text. The JSON is written by hand, in one pass over
 * the prompt: a prompt of 16 MiB would be copied several times by a library, and its bytes are to arrive as
 * they are. */
#include "backend/engine/body.h"
#include "backend/engine/engine.h"

#include <stdlib.h>
#include <string.h>

void body_add_string(struct buf *b, const char *s, size_t len)
{
    size_t done = 0;

    buf_adds(b, "\"");
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(b, s + done, i - done);
        done = i + 1;
        if (c == '"' || c == '\\')
            buf_addf(b, "\\%c", c);
        else if (c == '\n')
            buf_adds(b, "\\n");
        else
            buf_addf(b, "\\u%04x", c);
    }
    buf_add(b, s + done, len - done);
    buf_adds(b, "\"");
}

static void add_message(struct buf *b, const char *role, const char *s, size_t len)
{
    buf_addf(b, "{\"role\":\"%s\",\"content\":", role);
    body_add_string(b, s, len);
    buf_adds(b, "}");
}

/* The members of an object, each with a comma in front. */
static void add_members(struct buf *b, const json_t *object)
{
    char *text = json_object_size(object) ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;

    if (!text)
        return;
    buf_adds(b, ",");
    buf_add(b, text + 1, strlen(text) - 2);
    free(text);
}

void prompt_body(const char *text, size_t len, const struct request_defaults *d, struct buf *out)
{
    buf_adds(out, "{");
    if (*d->model) {
        buf_adds(out, "\"model\":");
        body_add_string(out, d->model, strlen(d->model));
        buf_adds(out, ",");
    }
    buf_adds(out, "\"messages\":[");
    if (*d->system) {
        add_message(out, "system", d->system, strlen(d->system));
        buf_adds(out, ",");
    }
    if (d->before && *d->before) {
        buf_adds(out, d->before);
        buf_adds(out, d->text_is_before ? "" : ",");
    }
    if (!d->text_is_before)
        add_message(out, "user", text, len);
    buf_adds(out, "]");
    add_members(out, d->params);
    buf_adds(out, ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}");
}

void engine_post(struct buf *head, const char *path, const char *host, const char *key, size_t body_len)
{
    struct buf bearer = { 0 };
    char text[32];

    http_write_request(head, "POST", path);
    http_write_field(head, "Host", host);
    http_write_field(head, "Content-Type", "application/json");
    http_write_field(head, "Accept", "text/event-stream, application/json");
    if (*key) {
        buf_addf(&bearer, "Bearer %s", key);
        http_write_field(head, "Authorization", bearer.data);
        explicit_bzero(bearer.data, bearer.len);
    }
    snprintf(text, sizeof text, "%zu", body_len);
    http_write_field(head, "Content-Length", text);
    http_write_end(head);
    buf_free(&bearer);
}
