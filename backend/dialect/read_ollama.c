/* SPDX-License-Identifier: MIT */
/* One object of an answer in Ollama's words: a line or the whole of /api/chat and /api/generate, or the
 * vectors of /api/embed. */
#include "backend/dialect/dialect_inside.h"
#include "backend/dialect/json_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Each comes whole, its arguments as an object. */
static bool say_tools(struct dialect *d, const json_t *calls)
{
    size_t i;
    json_t *call;

    json_array_foreach(calls, i, call)
    {
        const json_t *f = part(call, "function");
        char *arguments = json_dumps(part(f, "arguments"), JSON_COMPACT);
        bool more = dialect_said(d, &(struct said){ .kind = SAID_TOOL,
                                                    .s = arguments ? arguments : "{}",
                                                    .len = strlen(arguments ? arguments : "{}"),
                                                    .tool = d->answer.n_tools,
                                                    .id = part_text(call, "id"),
                                                    .name = part_text(f, "name") });
        free(arguments);
        if (!more)
            return false;
    }
    return true;
}

static void take_end(struct dialect *d, const json_t *v)
{
    struct answer *a = &d->answer;
    const char *reason = part_text(v, "done_reason");

    a->prompt_tokens = json_integer_value(part(v, "prompt_eval_count"));
    a->completion_tokens = json_integer_value(part(v, "eval_count"));
    a->prompt_ns = json_integer_value(part(v, "prompt_eval_duration"));
    a->eval_ns = json_integer_value(part(v, "eval_duration"));
    answer_set(&a->finish, reason && strcmp(reason, "length") == 0 ? "length"
                           : a->n_tools > 0                        ? "tool_calls"
                                                                   : "stop");
    d->done = true;
}

static void take_vectors(struct dialect *d, const json_t *v)
{
    size_t i;
    json_t *vector;

    json_array_foreach(part(v, "embeddings"), i, vector)
    {
        if (!dialect_said(d, &(struct said){ .kind = SAID_VECTOR, .vector = vector }))
            return;
    }
    d->answer.prompt_tokens = json_integer_value(part(v, "prompt_eval_count"));
    d->done = true;
}

void read_ollama(struct dialect *d, const json_t *v)
{
    const json_t *message = part(v, "message");

    if (part(v, "embeddings"))
        take_vectors(d, v);
    else if (!message && !part(v, "response") && !part(v, "done"))
        dialect_wrong(d, -EPROTO, "the engine sent JSON that is no answer");
    else if (dialect_say(d, SAID_THINKING, part(message ? message : v, "thinking")) &&
             dialect_say(d, SAID_TEXT, message ? part(message, "content") : part(v, "response")) &&
             say_tools(d, part(message, "tool_calls")) && json_is_true(part(v, "done")))
        take_end(d, v);
}
