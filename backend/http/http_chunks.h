/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_HTTP_CHUNKS_H
#define BACKEND_HTTP_CHUNKS_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
/* The decoder of chunked bodies (RFC 9112 section 7.1), in the memory of its user. It is stricter than
 * http_parser's, which as packaged takes any byte for the line endings around a chunk. */

struct http_chunks {
    uint64_t left; /* bytes of the current chunk still to come */
    uint32_t line; /* bytes of the current size line, or of all trailers */
    uint8_t state;
    uint8_t trailers; /* lines */
};

void http_chunks_init(struct http_chunks *c);

/* Eat bytes up to the end of the first run of data among them, which *body and *body_len then name (0: none
 * yet). Returns the bytes eaten, > 0 for len > 0 before the end, or -EPROTO with a static sentence in *why.
 */
ssize_t http_chunks_feed(struct http_chunks *c, const char *data, size_t len, const char **body,
                         size_t *body_len, const char **why);
bool http_chunks_done(const struct http_chunks *c); /* the last chunk and its trailers were read */

#endif
