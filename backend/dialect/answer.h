/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_DIALECT_ANSWER_H
#define BACKEND_DIALECT_ANSWER_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "backend/base/buf.h"
/* What an engine says, whatever API it says it in. */

/* One piece of it, as it came. Borrowed for the call. */
struct said {
    enum { SAID_TEXT, SAID_THINKING, SAID_TOOL, SAID_VECTOR } kind;
    const char *s; /* TEXT, THINKING; TOOL: a piece of its arguments, JSON as text */
    size_t len;
    size_t tool;          /* TOOL: which one, counted from 0 */
    const char *id;       /* TOOL: where this piece tells it, else NULL */
    const char *name;     /* likewise */
    const json_t *vector; /* VECTOR: numbers */
};

struct tool_call {
    char *id, *name; /* NULL until told */
    struct buf arguments;
};

/* As many tools as one answer may call: a model in a loop must not fill the memory. */
#define TOOLS_MAX 128

/* All of it so far. */
struct answer {
    char *id;     /* the engine's, or NULL */
    char *finish; /* OpenAI's finish_reason, or NULL */
    char *stop;   /* the stop sequence that ended it, where the engine tells, or NULL */
    struct buf text, thinking;
    struct tool_call *tools;
    size_t n_tools;
    json_t *vectors; /* array of arrays, or NULL */
    size_t size;     /* bytes of all that was said */
    int64_t prompt_tokens, completion_tokens, cached_tokens;
    int64_t created, sent_ns, first_ns, loaded_ns; /* created: seconds of the wall clock; else monotonic */
    int64_t prompt_ns, eval_ns;                    /* as the engine tells them; 0 = not told */
};

void answer_init(struct answer *a);  /* created; loaded_ns counts from now */
void answer_reset(struct answer *a); /* as it was when it was sent: nothing said */
void answer_free(struct answer *a);

/* Add a piece. -EFBIG beyond DIALECT_ANSWER_MAX, -EPROTO for a tool that cannot be. */
int answer_add(struct answer *a, const struct said *s);

void answer_set(char **field, const char *value); /* a copy; value NULL changes nothing */
int64_t answer_now_ns(void);

#endif
