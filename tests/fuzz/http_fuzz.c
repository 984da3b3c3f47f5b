/* SPDX-License-Identifier: MIT */
/* The HTTP reader on any bytes, as a server and as a client. The first byte chooses the role and where the
 * input is split; what is read must be the same in one piece and in many, and never more than came. */
#include "backend/http/http.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct seen {
    uint64_t hash; /* of every head and all bytes of bodies, in their order */
    size_t body;   /* bytes */
    unsigned heads, completes;
};

static void add(struct seen *s, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        s->hash = (s->hash ^ (unsigned char)data[i]) * 0x100000001b3u; /* FNV-1a */
}

static int head_cb(void *arg, const struct http_head *h)
{
    struct seen *s = arg;

    if (h->n_fields > HTTP_FIELDS_MAX || (h->chunked && h->content_length >= 0))
        abort();
    for (size_t i = 0; i < h->n_fields; i++) {
        if (!http_is_token(h->fields[i].name, strlen(h->fields[i].name)))
            abort();
        add(s, h->fields[i].name, strlen(h->fields[i].name));
        add(s, h->fields[i].value, strlen(h->fields[i].value));
    }
    if (h->target)
        add(s, h->target, strlen(h->target));
    s->heads++;
    return 0;
}

static int body_cb(void *arg, const char *data, size_t len)
{
    struct seen *s = arg;

    add(s, data, len);
    s->body += len;
    return 0;
}

static int complete_cb(void *arg)
{
    ((struct seen *)arg)->completes++;
    return 0;
}

static const struct http_reader_callbacks callbacks = { head_cb, body_cb, complete_cb };

static struct seen read_all(const char *data, size_t len, bool responses, size_t piece)
{
    struct seen s = { .hash = 0xcbf29ce484222325u };
    struct http_reader *r = http_reader_create(responses, &callbacks, &s);
    ssize_t n = 1;

    for (size_t at = 0; at < len && n > 0; at += piece) {
        size_t now = len - at < piece ? len - at : piece;
        n = http_reader_feed(r, data + at, now, NULL);
        if (n > (ssize_t)now)
            abort();
        if (n >= 0 && (size_t)n < now)
            break; /* behind a 101 */
    }
    if (n > 0)
        http_reader_feed(r, NULL, 0, NULL);
    http_reader_destroy(r);
    if (s.body > len || s.completes > s.heads)
        abort();
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    bool responses = data[0] == 'H' || (data[0] & 1);
    const char *text = (const char *)data + (data[0] == 'H' ? 0 : 1);
    size_t len = size - (data[0] == 'H' ? 0 : 1);
    struct seen whole = read_all(text, len, responses, len);
    struct seen bytes = read_all(text, len, responses, 1);
    struct seen pieces = read_all(text, len, responses, 1 + data[0] % 13);
    if (memcmp(&whole, &bytes, sizeof whole) || memcmp(&whole, &pieces, sizeof whole))
        abort();
    return 0;
}
