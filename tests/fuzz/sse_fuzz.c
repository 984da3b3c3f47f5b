/* SPDX-License-Identifier: MIT */
/* The reader of Server-Sent Events on any bytes: in one piece, byte by byte and in pieces it must see the
 * same events. */
#include "backend/http/sse.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int event_cb(void *arg, const struct sse_event *e)
{
    uint64_t *hash = arg;
    const char *strings[] = { e->type, e->data };
    size_t lens[] = { strlen(e->type), e->len };

    if (e->data[e->len] != '\0' || e->len > SSE_EVENT_MAX)
        abort();
    for (int s = 0; s < 2; s++) {
        for (size_t i = 0; i <= lens[s]; i++)
            *hash = (*hash ^ (unsigned char)strings[s][i]) * 0x100000001b3u; /* FNV-1a */
    }
    return 0;
}

static uint64_t read_all(const char *data, size_t len, size_t piece)
{
    uint64_t hash = 0xcbf29ce484222325u;
    struct sse_reader *r = sse_reader_create(event_cb, &hash);

    for (size_t at = 0; at < len; at += piece) {
        size_t now = len - at < piece ? len - at : piece;
        ssize_t n = sse_reader_feed(r, data + at, now);
        if (n != (ssize_t)now)
            break;
    }
    sse_reader_destroy(r);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    uint64_t whole = read_all((const char *)data, size, size);
    uint64_t bytes = read_all((const char *)data, size, 1);
    uint64_t pieces = read_all((const char *)data, size, 1 + data[0] % 13);
    if (whole != bytes || whole != pieces)
        abort();
    return 0;
}
