/* SPDX-License-Identifier: MIT */
/* Answers in Ollama's words. Source: ollama/ollama, docs/api.md and api/types.go. A tool call goes out when its
 * arguments are complete, as an object. Durations are ours where the engine does not tell its own. */
#include "backend/dialect/dialect_inside.h"
#include "backend/dialect/json_parts.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static bool is_generate(const struct dialect *d)
{
    return d->call->request == ollama_generate_request;
}

static json_t *created_at(void)
{
    struct timespec t;
    struct tm tm;
    char day[32], text[64];

    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &tm);
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text, sizeof text, "%s.%06ldZ", day, t.tv_nsec / 1000);
    return json_string(text);
}

static json_t *frame(const struct dialect *d, bool done)
{
    return json_pack("{s:s,s:o,s:b}", "model", d->model, "created_at", created_at(), "done", done);
}

/* The part that says something; text and thinking may be NULL, and so may tools (taken). */
static void put_message(const struct dialect *d, json_t *v, json_t *text, json_t *thinking, json_t *tools)
{
    json_t *message = is_generate(d) ? json_incref(v) : json_pack("{s:s}", "role", "assistant");

    json_object_set_new(message, is_generate(d) ? "response" : "content", text ? text : json_string(""));
    if (thinking)
        json_object_set_new(message, "thinking", thinking);
    if (tools)
        json_object_set_new(message, "tool_calls", tools);
    if (is_generate(d))
        json_decref(message);
    else
        json_object_set_new(v, "message", message);
}

/* The calls from `from` on, up to `end`. */
static int tools_from(const struct dialect *d, size_t from, size_t end, json_t **out, struct err *e)
{
    json_t *tools = json_array();

    for (size_t i = from; i < end; i++) {
        const struct tool_call *t = &d->answer.tools[i];
        json_t *arguments = object_of_text(buf_str(&t->arguments), t->arguments.len);
        if (!arguments) {
            json_decref(tools);
            return err_set(e, -EIO,
                           "the engine called the tool \"%.100s\" with arguments that are no JSON object",
                           t->name ? t->name : "");
        }
        json_array_append_new(tools, json_pack("{s:s,s:{s:I,s:s,s:o}}", "id", t->id, "function", "index",
                                               (json_int_t)i, "name", t->name ? t->name : "", "arguments",
                                               arguments));
    }
    *out = tools;
    return 0;
}

static int write_tools(struct dialect *d, size_t end, struct buf *out, struct err *e)
{
    json_t *tools, *v;
    int rc;

    if (d->tools_written >= end)
        return 0;
    if ((rc = tools_from(d, d->tools_written, end, &tools, e)) < 0)
        return rc;
    d->tools_written = end;
    v = frame(d, false);
    put_message(d, v, NULL, NULL, tools);
    add_line(out, v);
    return 0;
}

int ollama_said(struct dialect *d, const struct said *s, struct buf *out, struct err *e)
{
    json_t *text, *v;

    if (s->kind == SAID_TOOL)
        return write_tools(d, s->tool, out, e); /* those before it are complete */
    text = json_stringn_nocheck(s->s, s->len);
    v = frame(d, false);
    put_message(d, v, s->kind == SAID_TEXT ? text : NULL, s->kind == SAID_THINKING ? text : NULL, NULL);
    add_line(out, v);
    return 0;
}

/* ---- The end */

static int64_t not_negative(int64_t ns)
{
    return ns > 0 ? ns : 0;
}

static void put_figures(const struct dialect *d, json_t *v)
{
    const struct answer *a = &d->answer;
    int64_t now = answer_now_ns(), first = a->first_ns ? a->first_ns : now;
    bool length = a->finish && strcmp(a->finish, "length") == 0;

    json_object_set_new(v, "done_reason", json_string(length ? "length" : "stop"));
    json_object_set_new(v, "total_duration", json_integer(not_negative(now - a->loaded_ns)));
    json_object_set_new(v, "load_duration", json_integer(not_negative(a->sent_ns - a->loaded_ns)));
    json_object_set_new(v, "prompt_eval_count", json_integer(a->prompt_tokens));
    json_object_set_new(v, "prompt_eval_duration",
                        json_integer(a->prompt_ns ? a->prompt_ns : not_negative(first - a->sent_ns)));
    json_object_set_new(v, "eval_count", json_integer(a->completion_tokens));
    json_object_set_new(v, "eval_duration",
                        json_integer(a->eval_ns ? a->eval_ns : not_negative(now - first)));
}

int ollama_end(struct dialect *d, struct buf *out, struct err *e)
{
    int rc = write_tools(d, d->answer.n_tools, out, e);

    if (rc < 0)
        return rc;
    json_t *v = frame(d, true);
    put_message(d, v, NULL, NULL, NULL);
    put_figures(d, v);
    add_line(out, v);
    return 0;
}

int ollama_whole(struct dialect *d, struct buf *out, struct err *e)
{
    const struct answer *a = &d->answer;
    json_t *tools = NULL;
    int rc = a->n_tools > 0 ? tools_from(d, 0, a->n_tools, &tools, e) : 0;

    if (rc < 0)
        return rc;
    json_t *v = frame(d, true);
    put_message(d, v, json_of_buf(&a->text), a->thinking.len > 0 ? json_of_buf(&a->thinking) : NULL, tools);
    put_figures(d, v);
    add_json(out, v);
    return 0;
}

void ollama_loaded(struct dialect *d, struct buf *out)
{
    json_t *v = frame(d, true);

    put_message(d, v, NULL, NULL, NULL);
    json_object_set_new(v, "done_reason", json_string(d->unloads ? "unload" : "load"));
    add_line(out, v);
}

void ollama_fail(struct dialect *d, int status, const char *text, struct buf *out)
{
    (void)d;
    dialect_error(out, DIALECT_OLLAMA, status, text);
    buf_adds(out, "\n");
}

/* ---- Vectors */

/* Ollama's are of length 1 from /api/embed, and as the model made them from /api/embeddings. */
static json_t *of_length_one(const json_t *vector)
{
    double sum = 0;
    size_t i;
    json_t *x, *out = json_array();

    json_array_foreach(vector, i, x) sum += json_number_value(x) * json_number_value(x);
    json_array_foreach(vector, i, x)
        json_array_append_new(out, json_real(sum > 0 ? json_number_value(x) / sqrt(sum) : 0));
    return out;
}

int ollama_embed_whole(struct dialect *d, struct buf *out, struct err *e)
{
    const struct answer *a = &d->answer;
    json_t *vectors = json_array(), *v;
    size_t i;
    int64_t now = answer_now_ns();

    (void)e;
    json_array_foreach(a->vectors, i, v) json_array_append_new(vectors, of_length_one(v));
    add_json(out, json_pack("{s:s,s:o,s:I,s:I,s:I}", "model", d->model, "embeddings", vectors,
                            "total_duration", (json_int_t)not_negative(now - a->loaded_ns), "load_duration",
                            (json_int_t)not_negative(a->sent_ns - a->loaded_ns), "prompt_eval_count",
                            (json_int_t)a->prompt_tokens));
    return 0;
}

int ollama_embeddings_whole(struct dialect *d, struct buf *out, struct err *e)
{
    json_t *vector = json_array_get(d->answer.vectors, 0);

    if (!vector)
        return err_set(e, -EPROTO, "the engine sent no embedding");
    add_json(out, json_pack("{s:O}", "embedding", vector));
    return 0;
}
