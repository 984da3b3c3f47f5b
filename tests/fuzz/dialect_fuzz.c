/* SPDX-License-Identifier: MIT */
/* Any bytes as a client's request, and as an engine's answer to a good one: in one piece and in small ones the
 * client must get the same. The first byte of a seed chooses the call, the second the engine and the type of its
 * answer. */
#include "backend/base/buf.h"
#include "backend/dialect/dialect.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *path, *body;
} calls[] = {
    { "/api/chat", "{\"model\":\"q\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}" },
    { "/api/chat", "{\"stream\":false,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}" },
    { "/api/generate", "{\"prompt\":\"x\"}" },
    { "/api/embed", "{\"input\":\"x\"}" },
    { "/api/embeddings", "{\"prompt\":\"x\"}" },
    { "/v1/messages",
      "{\"max_tokens\":9,\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}" },
    { "/v1/messages", "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}" },
    { "/v1/responses", "{\"stream\":true,\"input\":\"x\"}" },
    { "/v1/responses", "{\"input\":\"x\"}" },
    { "/v1/chat/completions", "{\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}" },
    { "/v1/completions", "{\"prompt\":\"x\"}" },
    { "/v1/embeddings", "{\"input\":\"x\",\"encoding_format\":\"base64\"}" },
};

static const char *const types[] = { "text/event-stream", "application/x-ndjson", "application/json", NULL };

static unsigned speaks_other(const char *path, unsigned odd)
{
    return path[1] == 'v' && strncmp(path, "/v1/m", 5) != 0 && strncmp(path, "/v1/r", 5) != 0 ? DIALECT_OLLAMA
           : path[1] == 'a' || odd                                                            ? DIALECT_OPENAI
                                   : DIALECT_OLLAMA;
}

/* What the client gets; times make two of them differ in digits alone, which are left out. */
static void answer(unsigned which, unsigned odd, const char *type, const char *data, size_t len, size_t piece,
                   struct buf *out)
{
    struct dialect *d;
    struct err e = { 0 };
    int rc = dialect_create(&d, calls[which].path, speaks_other(calls[which].path, odd), calls[which].body,
                            strlen(calls[which].body), &e);

    if (rc < 0 || !d)
        abort(); /* the table above holds good requests */
    dialect_sent(d);
    dialect_head(d, type);
    for (size_t at = 0; at < len && rc == 0; at += piece)
        rc = dialect_feed(d, data + at, len - at < piece ? len - at : piece, out, &e);
    if (rc == 0)
        rc = dialect_end(d, out, &e);
    if (rc < 0 && dialect_streams(d) && out->len > 0)
        dialect_fail(d, 502, e.text, out);
    dialect_destroy(d);
    size_t n = 0;
    for (size_t i = 0; i < out->len; i++)
        if (out->data[i] < '0' || out->data[i] > '9')
            out->data[n++] = out->data[i];
    out->len = n;
}

static void request(unsigned which, unsigned odd, const char *data, size_t len)
{
    struct dialect *d;
    struct err e = { 0 };

    if (dialect_create(&d, calls[which].path, speaks_other(calls[which].path, odd), data, len, &e) == 0)
        dialect_destroy(d);
    else if (!e.text[0])
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole = { 0 }, pieces = { 0 };

    if (size < 2)
        return 0;
    unsigned which = data[0] % (sizeof calls / sizeof *calls), odd = data[1] & 1;
    const char *type = types[data[1] >> 1 & 3], *body = (const char *)data + 2;
    request(which, odd, body, size - 2);
    answer(which, odd, type, body, size - 2, size, &whole);
    answer(which, odd, type, body, size - 2, 1 + data[1] % 7, &pieces);
    if (whole.len != pieces.len || (whole.len > 0 && memcmp(whole.data, pieces.data, whole.len) != 0))
        abort();
    buf_free(&whole);
    buf_free(&pieces);
    return 0;
}
