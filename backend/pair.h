/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_PAIR_H
#define BACKEND_PAIR_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "backend/base/buf.h"
#include "backend/base/err.h"
/* The pairs of files of a model: what may be written into the one, the request that is made of it, and what of the
 * engine's answer stands in the other. A new pair is a row here and two rows in the tree. Pure. */

/* What a model says of each request that does not say otherwise. */
struct request_defaults {
    const char *model;    /* the name by which the engine knows it; "" = it asks for none */
    const char *system;   /* the system prompt, "" = none */
    const json_t *params; /* an object, or NULL */
    const char *before;   /* messages that go before the text, as JSON with commas between; NULL = none */
    bool text_is_before;  /* the text is what tools said, and among these already */
};

struct pair {
    int number;           /* in the store: never changes */
    const char *in, *out; /* names of its files */
    const char *path;     /* of the engine's route */
    bool needs_model;     /* its request names a model even where the engine asks for none */
    bool verbatim;        /* the answer is what the engine sends, byte for byte, and not the text in it */
    bool images;          /* those that it names by paths are read when it is written */
    bool json_errors;     /* `error` has the engine's JSON, where it says no with JSON */

    /* Can this be asked? 0; -EINVAL: never; -ENODATA: not yet, it stops short; with the sentence. NULL: all UTF-8 can. */
    int (*check)(const char *text, size_t len, struct err *e);
    /* Append the body of the request; check() has passed the text. */
    void (*body)(const char *text, size_t len, const struct request_defaults *d, struct buf *out);
    /* Append what stands in the other file for the engine's object. -EPROTO: it is no answer to this text. NULL: the
     * answer is one of the chat dialect. */
    int (*answer)(const struct buf *text, const json_t *object, struct buf *out);
};

extern const struct pair pair_ask, pair_request, pair_embed;

extern const struct pair *const all_pairs[]; /* ends with NULL; the one of number i is all_pairs[i] */

/* By its number in the store; a number that means nothing is that of ask. */
const struct pair *pair_numbered(int number);

#endif
