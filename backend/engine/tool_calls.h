/* SPDX-License-Identifier: MIT */
#ifndef ENGINE_TOOL_CALLS_H
#define ENGINE_TOOL_CALLS_H
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include "backend/base/buf.h"
#include "backend/base/err.h"
/* The calls of tools in one answer, gathered from the pieces in which engines send them. Source: OpenAI API reference, "Create
 * chat completion", tool_calls of a message and of a chunk's delta. Pure. */

#define TOOL_CALLS_MAX 128 /* of one answer: as many as OpenAI takes tools */
/* Of their arguments. They go back to the engine with what the tools say: what is longer than any prompt cannot. */
#define TOOL_CALLS_BYTES ((size_t)16 << 20)

struct tool_call {
    int64_t index; /* by which the pieces of a stream tell what they belong to */
    struct buf id, name, arguments;
};

struct tool_calls {
    struct tool_call *v;
    size_t n, bytes;
};

/* Take a `tool_calls` array, of a delta or of a whole message; NULL is none. -EFBIG with the sentence. */
int tool_calls_take(struct tool_calls *t, const json_t *pieces, struct err *e);

/* As a message has them, each {"id", "type", "function": {"name", "arguments"}}: a new reference; NULL where there is none.
 * One that the engine gave no id gets its number. */
json_t *tool_calls_json(const struct tool_calls *t);

void tool_calls_finish(struct tool_calls *t);

/* Append them, each on a line of its own, behind a newline where the text before them does not end in one. */
void tool_calls_lines(const json_t *calls, struct buf *out);

#endif
