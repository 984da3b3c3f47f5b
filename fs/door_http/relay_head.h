/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_RELAY_HEAD_H
#define FS_DOOR_HTTP_RELAY_HEAD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "backend/base/buf.h"
#include "backend/http/http.h"
/* The heads of a relayed request and of its answer, written anew: what belongs to one connection (RFC 9110
 * 7.6.1) or to the client's own credentials stays behind, framing is ours, the rest goes through as it is.
 * Pure. */

struct relay_target {
    const char *path;   /* as the engine sees it */
    const char *host;   /* of the Host field, with port */
    const char *secret; /* shown as a bearer token; NULL or "" shows none */
    int64_t body_len;       /* -1: it is chunked */
    const char *request_id; /* X-Request-Id; NULL = none */
    const char *type;       /* of a body of ours; NULL: the fields for content are the client's own */
    const char *upgrade;    /* the protocols that the client would change to; NULL = none */
    bool plain;             /* no Accept-Encoding: events of ours may have to go between the engine's */
};

/* Append a complete request head for the engine to out. */
void relay_request_head(struct buf *out, const struct http_head *h, const struct relay_target *t);

enum relay_framing {
    RELAY_NO_BODY, /* an answer to HEAD, 204, 304 */
    RELAY_LENGTH,  /* the engine's own Content-Length */
    RELAY_CHUNKED,
    RELAY_CLOSE, /* HTTP/1.0: the end of the connection ends the body */
};

/* How the answer's body goes to a client of HTTP/1.minor. */
enum relay_framing relay_framing_of(const struct http_head *answer, bool head_request, int minor);

/* Append a complete response head for the client to out.
 * job  its name, or "" */
void relay_response_head(struct buf *out, const struct http_head *answer, enum relay_framing framing,
                         const char *job, bool keep);

/* Of a 101: who gave it names the protocol. */
void relay_upgrade_head(struct buf *out, const struct http_head *answer, const char *job);

/* What a client asks to change to, as it goes to the engine; NULL: nothing that is passed on. HTTP/2 (h2c) is not:
 * its requests would pass by all that looks at requests here. */
const char *relay_upgrade_asked(const struct http_head *h);

/* The head of an event stream that begins before an answer is known. */
void relay_waiting_head(struct buf *out, enum relay_framing framing, const char *job, bool keep);

bool relay_is_event_stream(const struct http_head *answer); /* 200 and text/event-stream */

#endif
