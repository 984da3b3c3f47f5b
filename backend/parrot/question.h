/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_PARROT_QUESTION_H
#define BACKEND_PARROT_QUESTION_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "backend/base/buf.h"
#include "backend/base/err.h"
/* A request for a completion, read from its JSON. */

struct parrot_question {
    json_t *root; /* owns the strings below, save joined and made */
    struct buf joined;
    struct buf made;  /* JSON that is said instead of the text: a tool's arguments, or what was asked for */
    const char *tool; /* it calls this tool, and text is the arguments; NULL: it speaks */
    const char *thinking; /* said first, where thinking is asked for, else NULL */
    const char *text;     /* what is to be repeated */
    size_t len;
    const char *model; /* as asked for, or "parrot" */
    bool chat;         /* /v1/chat/completions, else /v1/completions */
    bool stream;
    bool include_usage;
    int64_t max_tokens;     /* -1: no limit */
    uint64_t prompt_tokens; /* of all messages */
};

/* chat  which of the two routes. Returns 0, or -EINVAL with a sentence for the client. */
int parrot_question_parse(struct parrot_question *q, bool chat, const char *body, size_t len, struct err *e);
void parrot_question_free(struct parrot_question *q);

#endif
