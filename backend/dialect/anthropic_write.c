/* SPDX-License-Identifier: MIT */
/* Answers as Anthropic's messages, whole or as its events: blocks follow each other, each begun, filled and
 * stopped. Source: Anthropic API reference, "Messages" and "Streaming Messages". Thinking has no signature
 * here: nobody could check it. */
#include "backend/base/alloc.h"
#include "backend/dialect/dialect_inside.h"
#include "backend/dialect/json_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NONE, TEXT, THINKING, TOOL }; /* d->open */

static json_t *stop_reason(const struct answer *a)
{
    const char *finish = a->finish ? a->finish : "stop";

    return json_string(strcmp(finish, "length") == 0           ? "max_tokens"
                       : strcmp(finish, "tool_calls") == 0     ? "tool_use"
                       : strcmp(finish, "content_filter") == 0 ? "refusal"
                       : a->stop                               ? "stop_sequence"
                                                               : "end_turn");
}

static json_t *usage(const struct answer *a)
{
    return json_pack("{s:I,s:I,s:i,s:I}", "input_tokens", (json_int_t)(a->prompt_tokens - a->cached_tokens),
                     "cache_read_input_tokens", (json_int_t)a->cached_tokens, "cache_creation_input_tokens",
                     0, "output_tokens", (json_int_t)a->completion_tokens);
}

static json_t *message(const struct dialect *d, json_t *content)
{
    char *id = xasprintf("msg_%s", d->answer.id ? d->answer.id : "0");
    json_t *v = json_pack("{s:s,s:s,s:s,s:s,s:o,s:n,s:n,s:o}", "id", id, "type", "message", "role",
                          "assistant", "model", d->model, "content", content, "stop_reason", "stop_sequence",
                          "usage", usage(&d->answer));

    free(id);
    return v;
}

/* ---- A stream */

void anthropic_begin(struct dialect *d, struct buf *out)
{
    add_event(out, "message_start",
              json_pack("{s:s,s:o}", "type", "message_start", "message", message(d, json_array())));
    add_event(out, "ping", json_pack("{s:s}", "type", "ping"));
}

static void delta(struct dialect *d, struct buf *out, json_t *v)
{
    add_event(
        out, "content_block_delta",
        json_pack("{s:s,s:i,s:o}", "type", "content_block_delta", "index", d->n_blocks - 1, "delta", v));
}

static void stop(struct dialect *d, struct buf *out)
{
    if (d->open == NONE)
        return;
    if (d->open == THINKING)
        delta(d, out, json_pack("{s:s,s:s}", "type", "signature_delta", "signature", ""));
    add_event(out, "content_block_stop",
              json_pack("{s:s,s:i}", "type", "content_block_stop", "index", d->n_blocks - 1));
    d->open = NONE;
}

static void start(struct dialect *d, struct buf *out, int kind, json_t *block)
{
    stop(d, out);
    add_event(out, "content_block_start",
              json_pack("{s:s,s:i,s:o}", "type", "content_block_start", "index", d->n_blocks++,
                        "content_block", block));
    d->open = kind;
}

static int say_tool(struct dialect *d, const struct said *s, struct buf *out, struct err *e)
{
    const struct tool_call *t = &d->answer.tools[s->tool];

    if (d->open != TOOL || d->open_tool != s->tool) {
        if (s->tool + 1 != d->answer.n_tools)
            return err_set(e, -EPROTO, "the engine writes the arguments of two tools at once");
        start(d, out, TOOL,
              json_pack("{s:s,s:s,s:s,s:{}}", "type", "tool_use", "id", t->id, "name", t->name ? t->name : "",
                        "input"));
        d->open_tool = s->tool;
    }
    if (s->len > 0)
        delta(d, out,
              json_pack("{s:s,s:o}", "type", "input_json_delta", "partial_json",
                        json_stringn_nocheck(s->s, s->len)));
    return 0;
}

int anthropic_said(struct dialect *d, const struct said *s, struct buf *out, struct err *e)
{
    json_t *piece;

    if (s->kind == SAID_TOOL)
        return say_tool(d, s, out, e);
    piece = json_stringn_nocheck(s->s, s->len);
    if (s->kind == SAID_THINKING) {
        if (d->open != THINKING)
            start(d, out, THINKING,
                  json_pack("{s:s,s:s,s:s}", "type", "thinking", "thinking", "", "signature", ""));
        delta(d, out, json_pack("{s:s,s:o}", "type", "thinking_delta", "thinking", piece));
    } else {
        if (d->open != TEXT)
            start(d, out, TEXT, json_pack("{s:s,s:s}", "type", "text", "text", ""));
        delta(d, out, json_pack("{s:s,s:o}", "type", "text_delta", "text", piece));
    }
    return 0;
}

int anthropic_end(struct dialect *d, struct buf *out, struct err *e)
{
    const struct answer *a = &d->answer;

    (void)e;
    stop(d, out);
    add_event(out, "message_delta",
              json_pack("{s:s,s:{s:o,s:o},s:o}", "type", "message_delta", "delta", "stop_reason",
                        stop_reason(a), "stop_sequence", a->stop ? json_string(a->stop) : json_null(),
                        "usage", usage(a)));
    add_event(out, "message_stop", json_pack("{s:s}", "type", "message_stop"));
    return 0;
}

/* Also OpenAI's: the error of the API as an event. */
void event_fail(struct dialect *d, int status, const char *text, struct buf *out)
{
    buf_adds(out, "event: error\ndata: ");
    dialect_error(out, d->call->api, status, text);
    buf_adds(out, "\n\n");
}

/* ---- The one object */

int anthropic_whole(struct dialect *d, struct buf *out, struct err *e)
{
    const struct answer *a = &d->answer;
    json_t *content = json_array(), *v;

    if (a->thinking.len > 0)
        json_array_append_new(content, json_pack("{s:s,s:o,s:s}", "type", "thinking", "thinking",
                                                 json_of_buf(&a->thinking), "signature", ""));
    if (a->text.len > 0)
        json_array_append_new(content, json_pack("{s:s,s:o}", "type", "text", "text", json_of_buf(&a->text)));
    for (size_t i = 0; i < a->n_tools; i++) {
        const struct tool_call *t = &a->tools[i];
        json_t *input = object_of_text(buf_str(&t->arguments), t->arguments.len);
        if (!input) {
            json_decref(content);
            return err_set(e, -EIO,
                           "the engine called the tool \"%.100s\" with arguments that are no JSON object",
                           t->name ? t->name : "");
        }
        json_array_append_new(content, json_pack("{s:s,s:s,s:s,s:o}", "type", "tool_use", "id", t->id, "name",
                                                 t->name ? t->name : "", "input", input));
    }
    v = message(d, content);
    json_object_set_new(v, "stop_reason", stop_reason(a));
    if (a->stop)
        json_object_set_new(v, "stop_sequence", json_string(a->stop));
    add_json(out, v);
    return 0;
}
