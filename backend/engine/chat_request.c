/* SPDX-License-Identifier: MIT */
/* Writes a chat request. Called by prompt.c for each prompt. The JSON is written by hand, in one pass over
 * the prompt: a prompt of 16 MiB would be copied several times by a library, and its bytes are to arrive as
 * they are. */
#include "backend/engine/engine.h"

#include <string.h>

/* RFC 8259 section 7: what must be escaped, and nothing else. */
static void add_json_string(struct buf *b, const char *s, size_t len)
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

void chat_request(struct buf *head, struct buf *body, const char *host, const char *model, const char *key,
                  const char *prompt, size_t prompt_len)
{
    size_t begin = body->len;
    char text[96];

    buf_adds(body, "{");
    if (*model) {
        buf_adds(body, "\"model\":");
        add_json_string(body, model, strlen(model));
        buf_adds(body, ",");
    }
    buf_adds(body, "\"messages\":[{\"role\":\"user\",\"content\":");
    add_json_string(body, prompt, prompt_len);
    buf_adds(body, "}],\"stream\":true,\"stream_options\":{\"include_usage\":true}}");

    http_write_request(head, "POST", "/v1/chat/completions");
    http_write_field(head, "Host", host);
    http_write_field(head, "Content-Type", "application/json");
    http_write_field(head, "Accept", "text/event-stream, application/json");
    if (*key) {
        snprintf(text, sizeof text, "Bearer %s", key);
        http_write_field(head, "Authorization", text);
    }
    snprintf(text, sizeof text, "%zu", body->len - begin);
    http_write_field(head, "Content-Length", text);
    http_write_end(head);
}
