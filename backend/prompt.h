/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_PROMPT_H
#define BACKEND_PROMPT_H
#include "backend/base/buf.h"
#include "backend/exchange.h"
/* The exchange behind `ask` and `reply`: a text in, a text out that grows while the engine speaks. */

struct prompt {
    struct exchange x;    /* first: a prompt is an exchange */
    struct buf text;      /* the question, as it is sent */
    struct buf reply;     /* the answer so far; only ever grows */
    struct timespec grew; /* wall clock: when reply last grew (asked before that) */
    /* Text came, or the state moved; at most once per turn of the loop. May be NULL. */
    void (*changed)(void *arg);
    void *arg;
    /* private to prompt.c */
    struct house *house;
    struct http_request *request;
    struct chat_reader *reader;
    bool posted;
    size_t reply_max; /* bytes; a longer answer is ended */
    bool too_long;
};

/* Takes over *text (it is empty afterwards). The caller has the reference. It is not submitted:
 * model_submit(). */
struct prompt *prompt_create(struct house *h, uid_t uid, struct buf *text);

/* One that never was sent: it ended at once with rc (0: an empty answer) and the sentence, so that `reply`
 * and `error` show it. */
struct prompt *prompt_ended(struct house *h, uid_t uid, struct buf *text, int rc, const char *why);

#endif
