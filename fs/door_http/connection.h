/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_CONNECTION_H
#define FS_DOOR_HTTP_CONNECTION_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "backend/base/buf.h"
#include "backend/base/list.h"
#include "backend/http/http.h"
#include "backend/house.h"
#include "fs/door_http/model_field.h"
/* One client of the gateway: its requests are read one after the other and given to the routes, whole where they are
 * short; what they answer is written with backpressure. A client that leaves is noticed at once, also while it
 * waits; one that only closed its writing side gets its answer. Loop thread. */

struct connection;
struct gate;
struct model;

/* One request, from its last byte, or the beginning of a long body, until connection_done(). Borrowed for that
 * time. */
struct request {
    struct connection *conn;
    struct house *house;
    const struct http_head *head; /* NULL for what was no HTTP */
    const char *path;             /* of the target, query included, beginning with '/'; checked */
    const char *body;
    size_t body_len;
    bool partial; /* this is the body's beginning, and more of it comes: see answerer.body and connection_await_body() */
    struct model *own; /* of a port that is this model's alone; NULL else */
    const char *id;    /* X-Request-Id: the client's, or ours */
};

/* Adopt an accepted stream (uv_tcp_t or uv_pipe_t, heap-allocated, freed when closed) and read from it. It
 * goes into the gate's connections, and out of them when it is closed.
 * own  the port is this model's alone; NULL else */
void connection_start(uv_stream_t *stream, struct gate *g, struct model *own);

/* Likewise, but to be told no: nothing that it sends is looked at. */
void connection_refuse(uv_stream_t *stream, struct gate *g, int status, const char *text);

void connection_close(struct connection *c); /* now; whoever answers is told by `gone` */
void connection_close_all(struct list *connections);

/* ---- Answering. A route answers in its own call or later; exactly one connection_done() ends it. */

/* Who answers later says how it is told. Both NULL until set; forgotten at connection_done(). */
struct answerer {
    /* The client left or was closed: do not answer any more, nor call connection_done(). */
    void (*gone)(void *arg);
    void (*drained)(void *arg); /* less than 64 KiB wait to be written */
    /* The client says no more, and may be gone: something that is written now, if it may be, tells. May be NULL. */
    void (*silent)(void *arg);
    /* After connection_upgrade() alone: what the client says; len 0: it says no more, which is not its leaving.
     * False: stop reading until connection_take_more(). */
    bool (*data)(void *arg, const char *data, size_t len);
    /* Of a partial request alone, and not before the first connection_take_more(): a piece of its body, or, once, len 0:
     * it is whole. False: stop until connection_take_more(). A body that turns out to be wrong is `gone`. */
    bool (*body)(void *arg, const char *data, size_t len);
};
void connection_answerer(struct connection *c, const struct answerer *a, void *arg);

/* A partial request cannot be answered before more of it is known: it is routed anew then, at the latest when it is
 * whole. Instead of any answer. */
void connection_await_body(struct connection *c);

/* What a body that has to be JSON, or a form, says of itself; of a partial one as far as it has come, which of a form is
 * nothing. 0, -EINVAL with a sentence. The rest of a partial one that is JSON is looked at too: if it is wrong, that is
 * answered. */
int connection_scan(struct connection *c, struct body_facts *out, struct err *e);

/* The request's body becomes the caller's (*out was empty); request->body is empty from here on. */
void connection_take_body(struct connection *c, struct buf *out);

/* Whoever took the body has freed it. Where that is not said, it counts as held until connection_done(). */
void connection_body_sent(struct connection *c);

/* Bytes as they are. False: more than 256 KiB wait, stop until `drained`. */
bool connection_write(struct connection *c, const void *data, size_t len);

/* The 101 was written: from the loop's next turn on, what the client sends goes to the answerer as it is, until
 * connection_done(). */
void connection_upgrade(struct connection *c);
void connection_take_more(struct connection *c); /* harmless where we read already */

/* The answer is complete. keep = false closes the connection when it is written. */
void connection_done(struct connection *c, bool keep);

const struct request *connection_request(const struct connection *c);
bool connection_may_keep(const struct connection *c); /* the client wants to keep it, and so do we */

/* ---- connection_record.c */

/* The request goes to a model, asks: as a question. False: whoever asks may not (403), or has used up a limit
 * (429), and has been told so. */
bool connection_admit(struct connection *c, const char *model, bool asks);
uint64_t connection_asker(const struct connection *c);                  /* whose turn its questions take */
bool connection_may_see(const struct connection *c, const char *model); /* in lists */

/* ---- For the page and /metrics: whose the request is */

bool connection_is_known(const struct connection *c); /* false: nobody's, on a route that is open to all */
bool connection_still_known(
    const struct connection *c); /* looked at anew: a login ends, a key is revoked or expires */
bool connection_governs(const struct connection *c); /* may wake and stop models */
bool connection_has_login(const struct connection *c);
/* As guard_login() and guard_logout(); the cookie is of the connection's kind. */
int connection_login(struct connection *c, const char *secret, char **cookie, struct err *e);
char *connection_logout(struct connection *c);
/* What was used today and what is counted, of all keys for those who govern, else of the asker's own; a new reference. */
json_t *connection_usage(const struct connection *c);
void connection_figures(const struct connection *c, struct buf *out); /* appended, in Prometheus' text format */

/* What the answer has cost, told before its connection_done(), or in `gone`. */
void connection_tokens(struct connection *c, int64_t prompt, int64_t completion);

void connection_retry_after(struct connection *c, int64_t seconds); /* of the next error; 0 = the usual */
int64_t connection_retry_after_s(const struct connection *c);       /* for an answer of 429 or 503 */

/* ---- answer.c */

/* A whole answer: status, one body (none for HEAD requests), connection_done(). Retry-After goes with 429 and
 * 503. */
void connection_answer(struct connection *c, int status, const char *type, const char *body, size_t len);

/* The same with further fields, ended by one without name; NULL = none. */
void connection_answer_with(struct connection *c, int status, const char *type, const struct http_field *more,
                            const char *body, size_t len);

/* An error in the shape of the API that was called, as its path says. */
void connection_error(struct connection *c, int status, const char *text);
void connection_wrong_method(struct connection *c, const char *allowed); /* 405; allowed: "GET, HEAD" */
void error_body(struct buf *out, const char *path, int status, const char *text); /* the JSON of it */
bool is_ollama_path(const char *path); /* of a request, or what the engine sees of it */

#endif
