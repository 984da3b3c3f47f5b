/* SPDX-License-Identifier: MIT */
/* What a job tells about itself, and what an engine answers, are read from bytes that anybody may have
 * written. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/alloc.h"
#include "backend/engine/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_answer(const char *type, const char *data, size_t size)
{
    const struct chat_events events = { 0 };
    const struct http_field field = { "Content-Type", type };
    const struct http_head head = { .status = 200, .fields = &field, .n_fields = 1 };
    struct chat_reader *r = chat_reader_create(&events, NULL);
    struct err e;

    chat_reader_head(r, &head);
    chat_reader_body(r, data, size / 2);
    chat_reader_body(r, data + size / 2, size - size / 2);
    chat_reader_result(r, &e);
    chat_reader_destroy(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = xstrndup((const char *)data, size), host[256], addr[64];
    struct job_notice n;
    int port;

    job_notice_parse(text, &n);
    comment_parse(text, host, &port, addr);
    comment_is_verified(text);
    probe_progress(text);
    free(text);
    read_answer("text/event-stream", (const char *)data, size);
    read_answer("application/json", (const char *)data, size);
    return 0;
}
