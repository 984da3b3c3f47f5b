/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_CALL_H
#define BACKEND_CALL_H
#include "backend/base/buf.h"
#include "backend/exchange.h"
/* The exchange behind one line of a batch: a request whose answer is one JSON object, which is wanted whole or not at
 * all. Nobody sees its beginning, so one whose engine is lost in the middle may be sent again by whoever made it. */

struct call {
    struct exchange x; /* first: a call is an exchange */
    const char *path; /* of the route that is called; borrowed. Where the engine has none, it is translated */
    /* Append the body of the request for this job. */
    void (*body)(struct call *c, const struct job *j, struct buf *out);
    /* It is sent, waits again, or is over: look at x.state. */
    void (*changed)(struct call *c);
    void *arg;
    bool sent; /* to an engine, which owes the answer, or refused for it; of one that is over: it was when it ended */
    int status;        /* HTTP status of the last answer; 0: none came */
    struct buf answer; /* its body; one JSON object where x.state is EXCHANGE_DONE */
    /* private to call.c */
    struct house *house;
    struct http_request *request;
    struct buf request_body; /* while the request may need it */
    struct dialect *dialect; /* of the engine that was asked last; NULL: it has the route itself */
};

/* The answers under way, of all batches together, have so many bytes at the most. One that would have more ends with -ENOBUFS: it was not
 * its fault, and fewer at a time have room. Twice the longest answer, so that one alone always has. */
#define CALLS_BYTES_MAX ((size_t)128 << 20)

/* The caller has the reference. It is not submitted: model_submit(). */
struct call *call_create(struct house *h, uid_t uid, const char *path);

/* End it, and hear nothing more of it: cancels what is under way and drops the caller's reference. NULL is allowed. */
void call_drop(struct call *c, const char *why);

#endif
