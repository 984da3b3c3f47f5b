/* SPDX-License-Identifier: MIT */
/* In a stream the first piece of a call has its id and name, and the others bring its arguments. Engines differ: some send each call whole
 * and all of them with the index 0, some repeat the id in each piece, some leave the index out. */
#include "backend/engine/tool_calls.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const json_t *function_of(const json_t *piece)
{
    return json_object_get(piece, "function");
}

/* The latest of that index, unless the piece has the id of another one. */
static struct tool_call *find(const struct tool_calls *t, int64_t index, const char *id)
{
    for (size_t i = t->n; i > 0; i--) {
        struct tool_call *c = &t->v[i - 1];
        if (c->index != index)
            continue;
        return *id && c->id.len && strcmp(buf_str(&c->id), id) != 0 ? NULL : c;
    }
    return NULL;
}

static struct tool_call *add(struct tool_calls *t, int64_t index)
{
    t->v = xrealloc(t->v, (t->n + 1) * sizeof *t->v);
    t->v[t->n] = (struct tool_call){ .index = index };
    return &t->v[t->n++];
}

static void add_string(struct buf *to, const json_t *v)
{
    if (json_is_string(v))
        buf_add(to, json_string_value(v), json_string_length(v));
}

/* OpenAI's are a text; some engines send the object itself. */
static void add_arguments(struct buf *to, const json_t *v)
{
    char *text = json_is_object(v) ? json_dumps(v, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;

    add_string(to, v);
    buf_adds(to, text ? text : "");
    free(text);
}

static int take(struct tool_calls *t, const json_t *piece, size_t at, struct err *e)
{
    const json_t *id = json_object_get(piece, "id"), *index = json_object_get(piece, "index");
    int64_t number = json_is_integer(index) ? json_integer_value(index) : (int64_t)at;
    struct tool_call *c = find(t, number, json_string_length(id) ? json_string_value(id) : "");

    if (!c && t->n == TOOL_CALLS_MAX)
        return err_set(e, -EFBIG, "the engine called more than %d tools in one answer", TOOL_CALLS_MAX);
    if (!c)
        c = add(t, number);
    size_t before = c->arguments.len;
    if (!c->id.len)
        add_string(&c->id, id);
    if (!c->name.len)
        add_string(&c->name, json_object_get(function_of(piece), "name"));
    add_arguments(&c->arguments, json_object_get(function_of(piece), "arguments"));
    t->bytes += c->arguments.len - before;
    if (t->bytes > TOOL_CALLS_BYTES)
        return err_set(e, -EFBIG, "the engine called tools with more than %zu bytes of arguments",
                       TOOL_CALLS_BYTES);
    return 0;
}

int tool_calls_take(struct tool_calls *t, const json_t *pieces, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < json_array_size(pieces); i++)
        rc = take(t, json_array_get(pieces, i), i, e);
    return rc;
}

json_t *tool_calls_json(const struct tool_calls *t)
{
    json_t *all = t->n ? json_array() : NULL;
    char number[32];

    for (size_t i = 0; i < t->n; i++) {
        const struct tool_call *c = &t->v[i];
        snprintf(number, sizeof number, "call_%zu", i + 1);
        json_array_append_new(all,
                              json_pack("{s:s,s:s,s:{s:s,s:s%}}", "id", c->id.len ? buf_str(&c->id) : number,
                                        "type", "function", "function", "name", buf_str(&c->name),
                                        "arguments", c->arguments.len ? buf_str(&c->arguments) : "{}",
                                        c->arguments.len ? c->arguments.len : strlen("{}")));
    }
    return all;
}

void tool_calls_finish(struct tool_calls *t)
{
    for (size_t i = 0; i < t->n; i++) {
        buf_free(&t->v[i].id);
        buf_free(&t->v[i].name);
        buf_free(&t->v[i].arguments);
    }
    free(t->v);
    *t = (struct tool_calls){ 0 };
}

void tool_calls_lines(const json_t *calls, struct buf *out)
{
    if (json_array_size(calls) && out->len && out->data[out->len - 1] != '\n')
        buf_adds(out, "\n");
    for (size_t i = 0; i < json_array_size(calls); i++) {
        char *line = json_dumps(json_array_get(calls, i), JSON_COMPACT | JSON_REAL_PRECISION(15));
        buf_addf(out, "%s\n", line ? line : "{}");
        free(line);
    }
}
