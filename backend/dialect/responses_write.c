/* SPDX-License-Identifier: MIT */
/* Answers as OpenAI's response objects, whole or as their events. Source: OpenAI API reference, "Responses" and
 * "Streaming events". An answer is a list of items: reasoning, a message with one part of text, calls of
 * functions. In a stream each is added, filled and done before the next one. */
#include "backend/base/alloc.h"
#include "backend/dialect/dialect_inside.h"
#include "backend/dialect/json_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NONE, TEXT, THINKING, TOOL }; /* d->open */

/* ---- Objects */

static json_t *usage(const struct answer *a)
{
    return json_pack("{s:I,s:{s:I},s:I,s:{s:i},s:I}", "input_tokens", (json_int_t)a->prompt_tokens,
                     "input_tokens_details", "cached_tokens", (json_int_t)a->cached_tokens, "output_tokens",
                     (json_int_t)a->completion_tokens, "output_tokens_details", "reasoning_tokens", 0,
                     "total_tokens", (json_int_t)(a->prompt_tokens + a->completion_tokens));
}

static json_t *or_else(const struct dialect *d, const char *name, json_t *otherwise)
{
    json_t *v = part(d->asked, name);

    if (!v)
        return otherwise;
    json_decref(otherwise);
    return json_incref(v);
}

/* status: in_progress, completed, incomplete or failed. Takes output. */
static json_t *response(const struct dialect *d, const char *status, json_t *output)
{
    const struct answer *a = &d->answer;
    char *id = xasprintf("resp_%s", a->id ? a->id : "0");
    json_t *v = json_pack("{s:s,s:s,s:I,s:s,s:n,s:n,s:n,s:b,s:b,s:s,s:s,s:o}", "id", id, "object", "response",
                          "created_at", (json_int_t)a->created, "status", status, "error",
                          "incomplete_details", "previous_response_id", "background", 0, "store", 0,
                          "truncation", "disabled", "model", d->model, "output", output);

    free(id);
    json_object_set_new(v, "instructions", or_else(d, "instructions", json_null()));
    json_object_set_new(v, "max_output_tokens", or_else(d, "max_output_tokens", json_null()));
    json_object_set_new(v, "metadata", or_else(d, "metadata", json_object()));
    json_object_set_new(v, "parallel_tool_calls", or_else(d, "parallel_tool_calls", json_true()));
    json_object_set_new(v, "reasoning", or_else(d, "reasoning", json_pack("{s:n,s:n}", "effort", "summary")));
    json_object_set_new(v, "temperature", or_else(d, "temperature", json_null()));
    json_object_set_new(v, "text", or_else(d, "text", json_pack("{s:{s:s}}", "format", "type", "text")));
    json_object_set_new(v, "tool_choice", or_else(d, "tool_choice", json_string("auto")));
    json_object_set_new(v, "tools", or_else(d, "tools", json_array()));
    json_object_set_new(v, "top_p", or_else(d, "top_p", json_null()));
    json_object_set_new(v, "user", or_else(d, "user", json_null()));
    json_object_set_new(v, "usage", strcmp(status, "in_progress") == 0 ? json_null() : usage(a));
    return v;
}

static bool is_cut(const struct answer *a)
{
    return a->finish && (strcmp(a->finish, "length") == 0 || strcmp(a->finish, "content_filter") == 0);
}

/* The response at its end. Takes output. */
static json_t *ended(const struct dialect *d, json_t *output)
{
    json_t *v = response(d, is_cut(&d->answer) ? "incomplete" : "completed", output);

    if (is_cut(&d->answer))
        json_object_set_new(
            v, "incomplete_details",
            json_pack("{s:s}", "reason",
                      strcmp(d->answer.finish, "length") == 0 ? "max_output_tokens" : "content_filter"));
    return v;
}

/* Takes text. */
static json_t *text_content(json_t *text)
{
    return json_pack("{s:s,s:o,s:[],s:[]}", "type", "output_text", "text", text, "annotations", "logprobs");
}

/* An item, ids by its place. Takes text, which is NULL while it is not known: the item begins. */
static json_t *item(const struct dialect *d, int kind, int place, const struct tool_call *t, json_t *text)
{
    static const char *const prefixes[] = { "", "msg", "rs", "fc" };
    char *id = xasprintf("%s_%s_%d", prefixes[kind], d->answer.id ? d->answer.id : "0", place);
    const char *status = text ? "completed" : "in_progress";
    json_t *content = json_array(), *v;

    if (kind == TOOL) {
        v = json_pack("{s:s,s:s,s:s,s:s,s:s,s:o}", "id", id, "type", "function_call", "status", status,
                      "call_id", t->id, "name", t->name ? t->name : "", "arguments",
                      text ? text : json_string(""));
        json_decref(content);
    } else if (kind == THINKING) {
        if (text)
            json_array_append_new(content, json_pack("{s:s,s:o}", "type", "reasoning_text", "text", text));
        v = json_pack("{s:s,s:s,s:[],s:o,s:s}", "id", id, "type", "reasoning", "summary", "content", content,
                      "status", status);
    } else {
        if (text)
            json_array_append_new(content, text_content(text));
        v = json_pack("{s:s,s:s,s:s,s:s,s:o}", "id", id, "type", "message", "status", status, "role",
                      "assistant", "content", content);
    }
    free(id);
    return v;
}

/* ---- A stream */

/* Takes v, an object. */
static void event(struct dialect *d, struct buf *out, const char *type, json_t *v)
{
    json_object_set_new(v, "type", json_string(type));
    json_object_set_new(v, "sequence_number", json_integer(d->sequence++));
    add_event(out, type, v);
}

void responses_begin(struct dialect *d, struct buf *out)
{
    d->items = json_array();
    event(d, out, "response.created",
          json_pack("{s:o}", "response", response(d, "in_progress", json_array())));
    event(d, out, "response.in_progress",
          json_pack("{s:o}", "response", response(d, "in_progress", json_array())));
}

/* {"item_id":...,"output_index":...} of the open item; content: it is a part of one. */
static json_t *at(const struct dialect *d, bool content)
{
    const struct tool_call *t = d->open == TOOL ? &d->answer.tools[d->open_tool] : NULL;
    json_t *whole = item(d, d->open, d->n_blocks - 1, t, NULL);
    json_t *v =
        json_pack("{s:O,s:i}", "item_id", json_object_get(whole, "id"), "output_index", d->n_blocks - 1);

    if (content)
        json_object_set_new(v, "content_index", json_integer(0));
    json_decref(whole);
    return v;
}

/* What the open item holds. */
static json_t *open_text(const struct dialect *d)
{
    const struct buf *b = d->open == TEXT       ? &d->answer.text
                          : d->open == THINKING ? &d->answer.thinking
                                                : &d->answer.tools[d->open_tool].arguments;
    size_t from = d->open == TOOL ? 0 : d->text_from;

    return json_stringn_nocheck(buf_str(b) + from, b->len - from);
}

/* Takes v. */
static json_t *with(json_t *v, const char *name, json_t *value)
{
    json_object_set_new(v, name, value);
    return v;
}

static void stop(struct dialect *d, struct buf *out)
{
    const struct tool_call *t = d->open == TOOL ? &d->answer.tools[d->open_tool] : NULL;
    json_t *whole;

    if (d->open == NONE)
        return;
    if (d->open == TOOL) {
        event(
            d, out, "response.function_call_arguments.done",
            with(with(at(d, false), "arguments", open_text(d)), "name", json_string(t->name ? t->name : "")));
    } else if (d->open == THINKING) {
        event(d, out, "response.reasoning_text.done", with(at(d, true), "text", open_text(d)));
        event(d, out, "response.content_part.done",
              with(at(d, true), "part",
                   json_pack("{s:s,s:o}", "type", "reasoning_text", "text", open_text(d))));
    } else {
        event(d, out, "response.output_text.done",
              with(with(at(d, true), "text", open_text(d)), "logprobs", json_array()));
        event(d, out, "response.content_part.done", with(at(d, true), "part", text_content(open_text(d))));
    }
    whole = item(d, d->open, d->n_blocks - 1, t, open_text(d));
    json_array_append(d->items, whole);
    event(d, out, "response.output_item.done",
          json_pack("{s:i,s:o}", "output_index", d->n_blocks - 1, "item", whole));
    d->open = NONE;
}

static void start(struct dialect *d, struct buf *out, int kind, const struct said *s)
{
    const struct buf *b = kind == TEXT ? &d->answer.text : &d->answer.thinking;

    stop(d, out);
    d->open = kind;
    d->open_tool = s->tool;
    d->text_from = kind == TOOL ? 0 : b->len - s->len;
    event(d, out, "response.output_item.added",
          json_pack("{s:i,s:o}", "output_index", d->n_blocks, "item",
                    item(d, kind, d->n_blocks, kind == TOOL ? &d->answer.tools[s->tool] : NULL, NULL)));
    d->n_blocks++;
    if (kind == TEXT)
        event(d, out, "response.content_part.added",
              with(at(d, true), "part", text_content(json_string(""))));
    else if (kind == THINKING)
        event(d, out, "response.content_part.added",
              with(at(d, true), "part", json_pack("{s:s,s:s}", "type", "reasoning_text", "text", "")));
}

int responses_said(struct dialect *d, const struct said *s, struct buf *out, struct err *e)
{
    int kind = s->kind == SAID_TEXT ? TEXT : s->kind == SAID_THINKING ? THINKING : TOOL;

    if (d->open != kind || (kind == TOOL && d->open_tool != s->tool)) {
        if (kind == TOOL && s->tool + 1 != d->answer.n_tools)
            return err_set(e, -EPROTO, "the engine writes the arguments of two tools at once");
        start(d, out, kind, s);
    }
    if (s->len == 0)
        return 0;
    json_t *piece = with(at(d, kind != TOOL), "delta", json_stringn_nocheck(s->s, s->len));
    if (kind == TEXT)
        json_object_set_new(piece, "logprobs", json_array());
    event(d, out,
          kind == TEXT       ? "response.output_text.delta"
          : kind == THINKING ? "response.reasoning_text.delta"
                             : "response.function_call_arguments.delta",
          piece);
    return 0;
}

int responses_end(struct dialect *d, struct buf *out, struct err *e)
{
    (void)e;
    stop(d, out);
    event(d, out, is_cut(&d->answer) ? "response.incomplete" : "response.completed",
          json_pack("{s:o}", "response", ended(d, json_incref(d->items))));
    return 0;
}

/* The documented event has its fields at the top; OpenAI's own clients raise an error only for an object
 * named error, so that both are there. */
void responses_fail(struct dialect *d, int status, const char *text, struct buf *out)
{
    struct buf shape = { 0 };

    dialect_error(&shape, DIALECT_RESPONSES, status, text);
    json_t *v = object_of_text(shape.data, shape.len);
    const json_t *error = part(v, "error");
    part_copy(v, "message", error, "message");
    part_copy(v, "code", error, "type");
    json_object_set_new(v, "param", json_null());
    event(d, out, "error", v);
    buf_free(&shape);
}

/* ---- The one object */

int responses_whole(struct dialect *d, struct buf *out, struct err *e)
{
    const struct answer *a = &d->answer;
    json_t *output = json_array();
    int n = 0;

    (void)e;
    if (a->thinking.len > 0)
        json_array_append_new(output, item(d, THINKING, n++, NULL, json_of_buf(&a->thinking)));
    if (a->text.len > 0 || (a->n_tools == 0 && a->thinking.len == 0))
        json_array_append_new(output, item(d, TEXT, n++, NULL, json_of_buf(&a->text)));
    for (size_t i = 0; i < a->n_tools; i++)
        json_array_append_new(output, item(d, TOOL, n++, &a->tools[i], json_of_buf(&a->tools[i].arguments)));
    add_json(out, ended(d, output));
    return 0;
}
