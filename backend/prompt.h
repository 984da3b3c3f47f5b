/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_PROMPT_H
#define BACKEND_PROMPT_H
#include "backend/base/buf.h"
#include "backend/chat/chat_messages.h"
#include "backend/exchange.h"
#include "backend/pair.h"
/* The exchange behind `ask` and `reply`, and the other pairs: a text in, a text out that grows while the engine speaks. */

struct prompt {
    struct exchange x; /* first: a prompt is an exchange */
    const struct pair *pair;
    struct buf text;      /* the question, as it was written */
    struct buf reply;     /* the answer so far; only ever grows */
    json_t *calls;        /* the tools that it calls, which end the reply, a line each; NULL: none */
    size_t said;          /* with calls: so much of the reply is text */
    struct timespec grew; /* wall clock: when reply last grew (asked before that) */
    /* Text came, or the state moved; at most once per turn of the loop. May be NULL. */
    void (*changed)(void *arg);
    void *arg;
    /* The conversation that it is a question of, until it is over; NULL: none. chat.c's, like what follows. */
    struct chat *chat;
    struct list chat_link; /* in its queue */
    struct messages results; /* what tools said, where it brings that; else none, and the text is the user's */
    size_t chat_bytes;     /* of the messages of the request */
    size_t chat_first;     /* the first of these */
    size_t chat_least;     /* which it is not before: the engine had no room for more */
    bool chat_noted;       /* its end counts in the conversation's figures */
    /* What the store keeps of it; NULL: nothing. While sealed, its beginning is not on disk yet, and nothing of its
     * answer may be seen by anybody, not even its end: see prompt_over(). */
    struct record *record;
    bool sealed;
    /* private to prompt.c */
    struct house *house;
    struct http_request *request;
    struct buf body; /* of the request, while that may need it */
    struct chat_reader *reader;
    struct buf held; /* of an answer that is given byte for byte: what came before its first text */
    bool posted, begun;
    size_t reply_max; /* bytes; a longer answer is ended */
    bool too_long;
    char retry_after[16]; /* seconds, of the answer's head; "" = it says nothing of that */
};

/* Takes over *text (it is empty afterwards). The caller has the reference. It is not submitted:
 * model_submit(). */
struct prompt *prompt_create(struct house *h, uid_t uid, const struct pair *pair, struct buf *text);

/* One that never was sent: it ended at once with rc (0: an empty answer) and the sentence, so that `reply`
 * and `error` show it. */
struct prompt *prompt_ended(struct house *h, uid_t uid, const struct pair *pair, struct buf *text, int rc,
                            const char *why);

/* One of an earlier mount that is over: its answer so far is taken over too. state is one of the last three. */
struct prompt *prompt_again(struct house *h, uid_t uid, const struct pair *pair, struct buf *text,
                            struct buf *reply, enum exchange_state state, int rc, const char *why);

/* What a reader may see of it: whether it is over, and so many bytes of the answer. */
bool prompt_over(const struct prompt *p);
size_t prompt_shown(const struct prompt *p);

/* End it from outside with an errno of our own; what is under way is dropped. */
void prompt_fail(struct prompt *p, int rc, const char *why);

/* It was over when it was made, and what keeps it was told of it: now the conversation is. */
void prompt_settle(struct prompt *p);

/* record.c: its beginning is on disk (0), or cannot be: it then ends with rc, and nobody has seen anything. */
void prompt_stored(struct prompt *p, int rc, const char *why);

#endif
