/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_HTTP_H
#define BACKEND_HTTP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <strings.h>
#include <sys/types.h>
#include <uv.h>
#include "backend/base/buf.h"
/* HTTP/1.1 messages (RFC 9110, 9112): one codec for the gateway's clients and for the engines. The packaged
 * parser (http_parser 2.9.4, or llhttp) is seen by http.c alone. Limits, each an error of the message: head
 * 64 KiB, 100 fields, a chunk's size line 256 bytes, trailers 64 KiB and 100 fields. Refused, because two
 * programs in a row could read them differently: obs-fold, Content-Length together with Transfer-Encoding,
 * two lengths, a Transfer-Encoding that is not just "chunked" or stands in HTTP/1.0, bad chunk sizes, bare
 * CR, bare LF, a field name that is no token, control characters in a value or target, two Host fields,
 * HTTP/0.9 and versions beyond 1.1. A missing Host is left to the caller, who has to judge a present one too.
 */

#define HTTP_HEAD_MAX   65536 /* bytes */
#define HTTP_FIELDS_MAX 100

struct http_field {
    const char *name,
        *value; /* NUL-terminated, without the blanks around the value; compare names with strcasecmp */
};

/* A head that was read. It and its strings live in the reader until the next message begins, or
 * http_reader_forget(). */
struct http_head {
    const char *method; /* requests; NULL else */
    const char *target; /* requests: as it came; NULL else */
    int status;         /* responses: 100..599; 0 else */
    int minor;          /* 1 or 0: HTTP/1.minor */
    const struct http_field *fields;
    size_t n_fields;
    bool keep_alive; /* another message may follow; false too where end-of-file ends the body */
    bool upgrade; /* a 101, behind which nothing is HTTP; or a request that asks for it (CONNECT, or Upgrade
                     named by Connection), which is itself still read as HTTP: who agrees stops in `complete`
                   */
    bool chunked;
    bool has_body; /* false where none follows (HEAD, 1xx, 204, 304, length 0, a request without a length) */
    int64_t content_length; /* -1 = not given */
    bool expect_continue;   /* requests: Expect: 100-continue */
};

const char *http_field_get(const struct http_head *h, const char *name); /* first value or NULL */

/* Whether two names of fields are the same, in any case. Each name of a head is compared with some dozens, and the first letter
 * mostly tells. */
static inline bool http_same_name(const char *a, const char *b)
{
    return ((*a ^ *b) & ~0x20) == 0 && strcasecmp(a, b) == 0;
}

/* Whether a comma-separated list such as Connection's has the word, in any case; list may be NULL. */
bool http_list_has(const char *list, const char *word);

struct http_reader_callbacks {
    /* Each returns 0 to go on, non-zero to stop: http_reader_feed() then returns what was eaten so far, and
     * the rest is fed again later. Where no further byte is needed for it, `complete` follows in the same
     * call even then. All optional. */
    int (*head)(void *arg,
                const struct http_head *head); /* also for 1xx responses, which another head follows */
    int (*body)(void *arg, const char *data, size_t len); /* decoded, len > 0; borrowed for the call */
    int (*complete)(void *arg); /* trailers were read and dropped; not after a 101 */
};

struct http_reader; /* some 200 bytes, and the head while there is one */

/* responses  false: requests are read (server side); true: responses (client side)
 * cb         borrowed until destroyed: mostly a static table */
struct http_reader *http_reader_create(bool responses, const struct http_reader_callbacks *cb, void *arg);
void http_reader_destroy(struct http_reader *r); /* NULL is allowed; not inside a callback of its own */

/* A client says before each response what the request was, since HEAD has no body in its answer. */
void http_reader_expect(struct http_reader *r, bool head_request);

/* Feed bytes; len 0 is end-of-file. Returns the number of bytes eaten: all, or less after a callback that
 * stopped or behind a 101. -EPROTO for a message that is not HTTP as we allow it, -ECONNRESET for end-of-file
 * within a message, both with the reason in *why (static; why may be NULL) and again at each later call.
 * After `complete` the reader is ready for the next message of the connection. */
ssize_t http_reader_feed(struct http_reader *r, const char *data, size_t len, const char **why);
bool http_reader_in_message(const struct http_reader *r); /* between the first byte of a head and complete */
const struct http_head *
http_reader_head(const struct http_reader *r); /* the last one read; borrowed as above */

/* Between messages: free the last head, before a long idle wait. */
void http_reader_forget(struct http_reader *r);

/* Append heads and chunks to b. Fields whose name is no token or whose value has CR, LF or another control
 * character are dropped; such bytes in a target are written in %XX form. */
void http_write_request(struct buf *b, const char *method, const char *target);
void http_write_response(struct buf *b, int status); /* with the standard reason phrase */
void http_write_field(struct buf *b, const char *name, const char *value);
void http_write_end(struct buf *b); /* the empty line */
void http_write_chunk(struct buf *b, const void *data,
                      size_t len); /* len 0 writes nothing: it would end the body */
void http_write_last_chunk(struct buf *b);
const char *http_reason(int status);

/* RFC 9110 7.6.1; what Connection lists is up to the caller (http_list_has). */
bool http_is_hop_by_hop(const char *name);

/* The rules of RFC 9110 5.6.2 and 5.5, for the codec's own files and for whoever checks a name or value
 * early. */
bool http_is_token(const char *s, size_t len);
bool http_is_field_value(const char *s, size_t len);

#endif
