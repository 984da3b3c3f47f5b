/* SPDX-License-Identifier: MIT */
/* The table of parameters. Sources: OpenAI API reference, "Create chat completion"; llama-server's README (b4748) and
 * vLLM's "Extra parameters" for those that OpenAI's has not. */
#include "backend/config/params.h"
#include "backend/base/nearest.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a value may be: one or several of these. */
enum {
    A_BOOL = 1,
    AN_INT = 2,
    A_NUMBER = 4,
    A_TEXT = 8,
    SOME_TEXTS = 16, /* an array of them, at least one */
    AN_OBJECT = 32,
    SOME_OBJECTS = 64,
    SOME_ARRAYS = 128,
};

static const struct {
    int kind;
    const char *words;
} kinds[] = {
    { A_BOOL, "true or false" },
    { AN_INT, "an integer" },
    { A_NUMBER, "a number" },
    { A_TEXT, "a text" },
    { SOME_TEXTS, "an array of texts" },
    { AN_OBJECT, "an object" },
    { SOME_OBJECTS, "an array of objects" },
    { SOME_ARRAYS, "an array of arrays" },
};
#define N_KINDS (sizeof kinds / sizeof kinds[0])

static const struct param {
    const char *name;
    int kind;        /* 0: it is each request's own, and no default of anybody */
    double min, max; /* of integers and numbers; 0, 0 = any */
} params[] = {
    { "temperature", A_NUMBER, 0, 2 },
    { "top_p", A_NUMBER, 0, 1 },
    { "top_k", AN_INT, -1, INT_MAX }, /* -1 and 0: off, for one engine or the other */
    { "min_p", A_NUMBER, 0, 1 },
    { "typical_p", A_NUMBER, 0, 1 },
    { "max_tokens", AN_INT, 1, INT_MAX },
    { "max_completion_tokens", AN_INT, 1, INT_MAX },
    { "seed", AN_INT, 0, 0 },
    { "stop", A_TEXT | SOME_TEXTS, 0, 0 },
    { "presence_penalty", A_NUMBER, -2, 2 },
    { "frequency_penalty", A_NUMBER, -2, 2 },
    { "repeat_penalty", A_NUMBER, 0, 10 },
    { "repetition_penalty", A_NUMBER, 0, 10 },
    { "logit_bias", AN_OBJECT | SOME_ARRAYS, 0,
      0 }, /* llama-server's [[token, bias]], also with words for tokens */
    { "logprobs", A_BOOL, 0, 0 },
    { "top_logprobs", AN_INT, 0, 20 },
    { "n", AN_INT, 1, 1 }, /* an answer is one text */
    { "tools", SOME_OBJECTS, 0, 0 },
    { "tool_choice", A_TEXT | AN_OBJECT, 0, 0 },
    { "parallel_tool_calls", A_BOOL, 0, 0 },
    { "response_format", AN_OBJECT, 0, 0 },
    { "reasoning_effort", A_TEXT, 0, 0 },
    { "chat_template_kwargs", AN_OBJECT, 0, 0 },
    { "user", A_TEXT, 0, 0 },
    { "model", 0, 0, 0 },
    { "messages", 0, 0, 0 },
    { "stream", 0, 0, 0 },
    { "stream_options", 0, 0, 0 },
};
#define N_PARAMS (sizeof params / sizeof params[0])

static const struct param *find(const char *name)
{
    for (size_t i = 0; i < N_PARAMS; i++)
        if (strcmp(params[i].name, name) == 0)
            return &params[i];
    return NULL;
}

static bool all_are(const json_t *array, json_type type)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        if (json_typeof(json_array_get(array, i)) != type)
            return false;
    return json_array_size(array) > 0;
}

static int kind_of(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_TRUE:
    case JSON_FALSE:
        return A_BOOL;
    case JSON_INTEGER:
        return AN_INT | A_NUMBER;
    case JSON_REAL:
        return A_NUMBER;
    case JSON_STRING:
        return A_TEXT;
    case JSON_OBJECT:
        return AN_OBJECT;
    case JSON_ARRAY:
        return (all_are(v, JSON_STRING) ? SOME_TEXTS : 0) | (all_are(v, JSON_OBJECT) ? SOME_OBJECTS : 0) |
               (all_are(v, JSON_ARRAY) ? SOME_ARRAYS : 0);
    default:
        return 0;
    }
}

static bool in_range(const struct param *p, const json_t *v)
{
    double x = json_number_value(v);

    return !json_is_number(v) || (p->min == 0 && p->max == 0) || (x >= p->min && x <= p->max);
}

static int wrong(const struct param *p, const json_t *v, struct err *e)
{
    char *is = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)), range[80] = "";
    struct buf must = { 0 };

    for (size_t i = 0; i < N_KINDS; i++)
        if (p->kind & kinds[i].kind)
            buf_addf(&must, "%s%s", must.len ? " or " : "", kinds[i].words);
    if (p->max == INT_MAX)
        snprintf(range, sizeof range, " of %g or more", p->min);
    else if (p->min != 0 || p->max != 0)
        snprintf(range, sizeof range, " between %g and %g", p->min, p->max);
    err_set(e, -EINVAL, "\"%s\" must be %s%s, not %.80s", p->name, buf_str(&must), range, is ? is : "that");
    buf_free(&must);
    free(is);
    return -EINVAL;
}

int params_check(const json_t *v, struct err *e)
{
    const char *name;
    json_t *one;

    if (!json_is_object(v))
        return err_set(e, -EINVAL, "params must be a JSON object, as {\"temperature\":0.7}");
    json_object_foreach((json_t *)v, name, one)
    {
        const struct param *p = find(name);
        if (p && p->kind == 0)
            return err_set(e, -EINVAL, "\"%s\" is no parameter: it is set by each request", name);
        if (p && (!(kind_of(one) & p->kind) || !in_range(p, one)))
            return wrong(p, one, e);
    }
    return 0;
}

void params_unknown(const json_t *v, struct buf *out)
{
    const char *names[N_PARAMS], *name;
    json_t *one;

    for (size_t i = 0; i < N_PARAMS; i++)
        names[i] = params[i].name;
    json_object_foreach((json_t *)v, name, one)
    {
        if (find(name))
            continue;
        const char *near = nearest_name(name, names, N_PARAMS);
        buf_addf(out, "%s\"%.60s\"", out->len ? ", " : "", name);
        if (near)
            buf_addf(out, " (did you mean \"%s\"?)", near);
    }
}
