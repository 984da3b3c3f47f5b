/* SPDX-License-Identifier: MIT */
/* One object of an answer in OpenAI's words: a chunk or a whole chat completion, completion or list of
 * embeddings. `reasoning_content` is DeepSeek's and llama-server's name for thinking, `reasoning` that of vLLM
 * and OpenRouter; `timings` are llama-server's figures, `stop_reason` is vLLM's. */
#include "backend/base/alloc.h"
#include "backend/dialect/dialect_inside.h"
#include "backend/dialect/json_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int64_t count(const json_t *object, const char *name, int64_t before)
{
    const json_t *v = json_object_get(object, name);

    return json_is_number(v) && json_number_value(v) > 0 && json_number_value(v) < 1e15
               ? (int64_t)json_number_value(v)
               : before;
}

static void take_figures(struct answer *a, const json_t *v)
{
    const json_t *usage = part(v, "usage"), *timings = part(v, "timings");

    a->cached_tokens = count(timings, "cache_n", a->cached_tokens);
    a->prompt_tokens = count(timings, "prompt_n", a->prompt_tokens - a->cached_tokens) + a->cached_tokens;
    a->completion_tokens = count(timings, "predicted_n", a->completion_tokens);
    a->prompt_ns = (int64_t)(json_number_value(part(timings, "prompt_ms")) * 1e6);
    a->eval_ns = (int64_t)(json_number_value(part(timings, "predicted_ms")) * 1e6);
    a->prompt_tokens = count(usage, "prompt_tokens", a->prompt_tokens);
    a->completion_tokens = count(usage, "completion_tokens", a->completion_tokens);
    a->cached_tokens = count(part(usage, "prompt_tokens_details"), "cached_tokens", a->cached_tokens);
}

/* The index of a tool call is left out by some engines in an answer that is whole: its place counts then. */
static bool say_tools(struct dialect *d, const json_t *calls)
{
    size_t i;
    json_t *call;

    json_array_foreach(calls, i, call)
    {
        const json_t *index = part(call, "index"), *f = part(call, "function"),
                     *arguments = part(f, "arguments");
        char *dumped = json_is_object(arguments) ? json_dumps(arguments, JSON_COMPACT) : NULL;
        const char *s = dumped ? dumped : json_string_value(arguments);
        struct said said = { .kind = SAID_TOOL,
                             .s = s ? s : "",
                             .len = dumped ? strlen(dumped) : json_string_length(arguments),
                             .tool = json_is_integer(index) ? (size_t)json_integer_value(index) : i,
                             .id = part_text(call, "id"),
                             .name = part_text(f, "name") };
        bool more = dialect_said(d, &said);
        free(dumped);
        if (!more)
            return false;
    }
    return true;
}

/* A chunk's delta, a message, or (completions) the choice itself. */
static bool take_delta(struct dialect *d, const json_t *delta)
{
    const json_t *thinking = part(delta, "reasoning_content");

    return dialect_say(d, SAID_THINKING, thinking ? thinking : part(delta, "reasoning")) &&
           dialect_say(d, SAID_TEXT, part(delta, "content")) &&
           dialect_say(d, SAID_TEXT, part(delta, "text")) &&
           dialect_say(d, SAID_TEXT, part(delta, "refusal")) && say_tools(d, part(delta, "tool_calls"));
}

static void take_choice(struct dialect *d, const json_t *choice)
{
    const json_t *delta = part(choice, "delta");
    const char *finish = part_text(choice, "finish_reason");

    if (!delta)
        delta = part(choice, "message") ? part(choice, "message") : choice;
    if (!take_delta(d, delta))
        return;
    if (finish && *finish) {
        answer_set(&d->answer.finish, finish);
        answer_set(&d->answer.stop, part_text(choice, "stop_reason"));
        d->done = true;
    }
}

static void take_vectors(struct dialect *d, const json_t *data)
{
    size_t i;
    json_t *v;

    json_array_foreach(data, i, v)
    {
        const json_t *vector = part(v, "embedding");
        if (!json_is_array(vector)) {
            dialect_wrong(d, -EPROTO, "the engine sent an embedding that is no array of numbers");
            return;
        }
        if (!dialect_said(d, &(struct said){ .kind = SAID_VECTOR, .vector = vector }))
            return;
    }
    d->done = true;
}

void read_openai(struct dialect *d, const char *event, const json_t *v)
{
    const json_t *choices = part(v, "choices");

    (void)event;
    if (!d->answer.id)
        answer_set(&d->answer.id, part_text(v, "id"));
    take_figures(&d->answer, v);
    if (d->pivot == PIVOT_EMBED && json_is_array(part(v, "data")))
        take_vectors(d, part(v, "data"));
    else if (json_array_size(choices) > 0)
        take_choice(d, json_array_get(choices, 0));
    else if (d->form != FORM_EVENTS)
        dialect_wrong(d, -EPROTO, "the engine sent JSON that is no answer");
}
