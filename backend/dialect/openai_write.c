/* SPDX-License-Identifier: MIT */
/* Answers in OpenAI's words, for engines that speak Ollama's. Source: OpenAI API reference, "Chat", "Completions"
 * and "Embeddings"; thinking goes as reasoning_content, which llama-server and DeepSeek made common. */
#include "backend/base/alloc.h"
#include "backend/dialect/dialect_inside.h"
#include "backend/dialect/json_parts.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static json_t *usage(const struct answer *a)
{
    return json_pack("{s:I,s:I,s:I}", "prompt_tokens", (json_int_t)a->prompt_tokens, "completion_tokens",
                     (json_int_t)a->completion_tokens, "total_tokens",
                     (json_int_t)(a->prompt_tokens + a->completion_tokens));
}

/* Takes choices. */
static json_t *frame(const struct dialect *d, json_t *choices)
{
    bool chat = d->pivot == PIVOT_CHAT;
    char *id = xasprintf("%s-%lld", chat ? "chatcmpl" : "cmpl", (long long)d->answer.loaded_ns);
    json_t *v = json_pack("{s:s,s:s,s:I,s:s,s:o}", "id", id, "object",
                          !chat       ? "text_completion"
                          : d->stream ? "chat.completion.chunk"
                                      : "chat.completion",
                          "created", (json_int_t)d->answer.created, "model", d->model, "choices", choices);

    free(id);
    return v;
}

/* Takes what: a delta, a message, or a text. finish: NULL while it goes on. */
static json_t *choice(const struct dialect *d, json_t *what, const char *finish)
{
    const char *name = d->pivot == PIVOT_TEXT ? "text" : d->stream ? "delta" : "message";

    return json_pack("[{s:i,s:o,s:o}]", "index", 0, name, what, "finish_reason",
                     finish ? json_string(finish) : json_null());
}

static void chunk(struct dialect *d, struct buf *out, json_t *what, const char *finish)
{
    add_event(out, NULL, frame(d, choice(d, what, finish)));
}

void openai_begin(struct dialect *d, struct buf *out)
{
    chunk(d, out, json_pack("{s:s,s:s}", "role", "assistant", "content", ""), NULL);
}

int openai_said(struct dialect *d, const struct said *s, struct buf *out, struct err *e)
{
    json_t *piece = json_stringn_nocheck(s->s, s->len);

    (void)e;
    if (d->pivot == PIVOT_TEXT) {
        chunk(d, out, piece, NULL);
    } else if (s->kind == SAID_TOOL) {
        const struct tool_call *t = &d->answer.tools[s->tool];
        json_t *call = tool_call_of(t->id, t->name ? t->name : "", piece);
        json_object_set_new(call, "index", json_integer((json_int_t)s->tool));
        chunk(d, out, json_pack("{s:[o]}", "tool_calls", call), NULL);
    } else {
        chunk(d, out, json_pack("{s:o}", s->kind == SAID_TEXT ? "content" : "reasoning_content", piece),
              NULL);
    }
    return 0;
}

int openai_end(struct dialect *d, struct buf *out, struct err *e)
{
    (void)e;
    chunk(d, out, d->pivot == PIVOT_TEXT ? json_string("") : json_object(), d->answer.finish);
    if (d->want_usage) {
        json_t *v = frame(d, json_array());
        json_object_set_new(v, "usage", usage(&d->answer));
        add_event(out, NULL, v);
    }
    buf_adds(out, "data: [DONE]\n\n");
    return 0;
}

static json_t *message(const struct answer *a)
{
    json_t *v = json_pack("{s:s,s:o}", "role", "assistant", "content",
                          a->text.len > 0 || a->n_tools == 0 ? json_of_buf(&a->text) : json_null());
    json_t *calls = json_array();

    if (a->thinking.len > 0)
        json_object_set_new(v, "reasoning_content", json_of_buf(&a->thinking));
    for (size_t i = 0; i < a->n_tools; i++)
        json_array_append_new(calls, tool_call_of(a->tools[i].id, a->tools[i].name ? a->tools[i].name : "",
                                                  json_of_buf(&a->tools[i].arguments)));
    if (a->n_tools > 0)
        json_object_set(v, "tool_calls", calls);
    json_decref(calls);
    return v;
}

int openai_whole(struct dialect *d, struct buf *out, struct err *e)
{
    const struct answer *a = &d->answer;
    json_t *v = frame(d, choice(d, d->pivot == PIVOT_TEXT ? json_of_buf(&a->text) : message(a), a->finish));

    (void)e;
    json_object_set_new(v, "usage", usage(a));
    add_json(out, v);
    return 0;
}

/* ---- Vectors */

/* As OpenAI packs them: 32-bit floats, little endian, RFC 4648 base64. */
static json_t *packed(const json_t *vector)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct buf bytes = { 0 }, text = { 0 };
    size_t i;
    json_t *x, *v;

    json_array_foreach(vector, i, x)
    {
        float f = (float)json_number_value(x);
        uint32_t bits;
        memcpy(&bits, &f, sizeof bits);
        for (int shift = 0; shift < 32; shift += 8)
            buf_add(&bytes, &(char){ (char)(bits >> shift) }, 1);
    }
    for (i = 0; i < bytes.len; i += 3) {
        size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
        const unsigned char *p = (const unsigned char *)bytes.data + i;
        uint32_t three = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0) | (n > 2 ? p[2] : 0);
        char four[4] = { digits[three >> 18], digits[three >> 12 & 63], n > 1 ? digits[three >> 6 & 63] : '=',
                         n > 2 ? digits[three & 63] : '=' };
        buf_add(&text, four, sizeof four);
    }
    v = json_of_buf(&text);
    buf_free(&bytes);
    buf_free(&text);
    return v;
}

int openai_embed_whole(struct dialect *d, struct buf *out, struct err *e)
{
    const struct answer *a = &d->answer;
    json_t *data = json_array(), *vector;
    size_t i;

    (void)e;
    json_array_foreach(a->vectors, i, vector)
        json_array_append_new(data, json_pack("{s:s,s:I,s:o}", "object", "embedding", "index", (json_int_t)i,
                                              "embedding", d->base64 ? packed(vector) : json_incref(vector)));
    add_json(out, json_pack("{s:s,s:o,s:s,s:{s:I,s:I}}", "object", "list", "data", data, "model", d->model,
                            "usage", "prompt_tokens", (json_int_t)a->prompt_tokens, "total_tokens",
                            (json_int_t)a->prompt_tokens));
    return 0;
}
