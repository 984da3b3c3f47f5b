/* SPDX-License-Identifier: MIT */
/* The table of calls that can be translated, and the life of one translation. Called by the gateway's
 * relay. */
#include "backend/dialect/dialect.h"
#include "backend/base/alloc.h"
#include "backend/dialect/dialect_inside.h"
#include "backend/dialect/json_parts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS "text/event-stream; charset=utf-8"
#define LINES  "application/x-ndjson"

static const struct call calls[] = {
    { "/api/chat", DIALECT_OLLAMA, ollama_chat_request, LINES, NULL, ollama_said, ollama_end, ollama_whole,
      ollama_fail },
    { "/api/generate", DIALECT_OLLAMA, ollama_generate_request, LINES, NULL, ollama_said, ollama_end,
      ollama_whole, ollama_fail },
    { "/api/embed", DIALECT_OLLAMA, ollama_embed_request, LINES, NULL, NULL, NULL, ollama_embed_whole,
      ollama_fail },
    { "/api/embeddings", DIALECT_OLLAMA, ollama_embeddings_request, LINES, NULL, NULL, NULL,
      ollama_embeddings_whole, ollama_fail },
    { "/v1/messages", DIALECT_ANTHROPIC, anthropic_request, EVENTS, anthropic_begin, anthropic_said,
      anthropic_end, anthropic_whole, event_fail },
    { "/v1/responses", DIALECT_RESPONSES, responses_request, EVENTS, responses_begin, responses_said,
      responses_end, responses_whole, responses_fail },
    { "/v1/chat/completions", DIALECT_OPENAI, openai_chat_request, EVENTS, openai_begin, openai_said,
      openai_end, openai_whole, event_fail },
    { "/v1/completions", DIALECT_OPENAI, openai_text_request, EVENTS, NULL, openai_said, openai_end,
      openai_whole, event_fail },
    { "/v1/embeddings", DIALECT_OPENAI, openai_embed_request, EVENTS, NULL, NULL, NULL, openai_embed_whole,
      event_fail },
};

/* The engine's side, by pivot. */
static const char *const openai_paths[] = { "/v1/chat/completions", "/v1/completions", "/v1/embeddings" };

static const struct call *find(const char *path)
{
    size_t len = strcspn(path, "?");

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (strlen(calls[i].path) == len && memcmp(calls[i].path, path, len) == 0)
            return &calls[i];
    return NULL;
}

/* ---- The request */

static void write_body(struct dialect *d, json_t *request)
{
    if (*d->model)
        json_object_set_new(request, "model", json_string(d->model));
    add_json(&d->body, request);
}

static int translate(struct dialect *d, const json_t *asked, struct err *e)
{
    json_t *request = NULL;

    answer_set(&d->model, part_text(asked, "model") ? part_text(asked, "model") : "");
    int rc = d->call->request(d, asked, e);
    if (rc < 0 || d->only_loads)
        return rc;
    if (d->stream && !d->from_ollama)
        json_object_set_new(d->request, "stream_options", json_pack("{s:b}", "include_usage", 1));
    if (d->from_ollama)
        rc = ollama_pivot(d, &request, e);
    else
        request = json_incref(d->request);
    if (rc < 0)
        return rc;
    if (d->pivot != PIVOT_EMBED)
        json_object_set_new(request, "stream", json_boolean(d->stream));
    write_body(d, request);
    json_decref(d->request); /* it may be long, and is not needed any more */
    d->request = NULL;
    return 0;
}

bool dialect_translates(const char *path, unsigned speaks)
{
    const struct call *call = find(path);

    return call && !(speaks & call->api);
}

int dialect_create(struct dialect **out, const char *path, unsigned speaks, const char *body, size_t len,
                   struct err *e)
{
    const struct call *call = find(path);
    json_error_t where;

    *out = NULL;
    if (!dialect_translates(path, speaks))
        return 0;
    if (len > DIALECT_REQUEST_MAX)
        return err_set(e, -EFBIG,
                       "the engine does not know %s, and a request of more than %d bytes is not translated",
                       call->path, DIALECT_REQUEST_MAX);
    json_t *asked = json_loadb(body, len, JSON_ALLOW_NUL, &where);
    if (!json_is_object(asked)) {
        json_decref(asked);
        return err_set(e, -EINVAL, "the request body is not a JSON object: line %d, column %d", where.line,
                       where.column);
    }
    struct dialect *d = NEW(struct dialect);
    d->call = call;
    d->from_ollama = !(speaks & DIALECT_OPENAI);
    answer_init(&d->answer);
    int rc = translate(d, asked, e);
    json_decref(asked);
    if (rc < 0) {
        dialect_destroy(d);
        return rc;
    }
    *out = d;
    return 0;
}

void dialect_asks(struct dialect *d, const char *model)
{
    if (!*d->model)
        answer_set(&d->model, model);
}

void dialect_destroy(struct dialect *d)
{
    if (!d)
        return;
    read_reset(d);
    answer_free(&d->answer);
    buf_free(&d->body);
    json_decref(d->asked);
    json_decref(d->request);
    json_decref(d->items);
    free(d->model);
    free(d);
}

const char *dialect_path(const struct dialect *d)
{
    return d->from_ollama ? ollama_pivot_path(d) : openai_paths[d->pivot];
}

void dialect_take_body(struct dialect *d, struct buf *out)
{
    *out = d->body;
    d->body = (struct buf){ 0 };
}

bool dialect_only_loads(const struct dialect *d)
{
    return d->only_loads;
}

bool dialect_unloads(const struct dialect *d)
{
    return d->unloads;
}

void dialect_loaded(struct dialect *d, struct buf *out)
{
    ollama_loaded(d, out);
}

bool dialect_streams(const struct dialect *d)
{
    return d->stream;
}

const char *dialect_type(const struct dialect *d)
{
    return d->stream ? d->call->stream_type : "application/json";
}

/* ---- The answer */

bool dialect_wrong(struct dialect *d, int rc, const char *fmt, ...)
{
    va_list ap;

    if (d->rc == 0) {
        va_start(ap, fmt);
        d->rc = err_vset(&d->err, rc, fmt, ap);
        va_end(ap);
    }
    return false;
}

static void begin(struct dialect *d)
{
    if (!d->begun && d->call->begin)
        d->call->begin(d, d->out);
    d->begun = true;
}

bool dialect_said(struct dialect *d, const struct said *s)
{
    if (d->rc != 0)
        return false;
    if (s->kind == SAID_THINKING && d->no_thinking)
        return true;
    int rc = answer_add(&d->answer, s);
    if (rc == -EFBIG)
        return dialect_wrong(d, rc, "the engine's answer is longer than %d bytes", DIALECT_ANSWER_MAX);
    if (rc < 0)
        return dialect_wrong(d, rc, "the engine calls tool number %zu, out of order or one too many",
                             s->tool);
    if (!d->stream || !d->call->said)
        return true;
    begin(d);
    if ((rc = d->call->said(d, s, d->out, &d->err)) < 0)
        d->rc = rc;
    return d->rc == 0;
}

bool dialect_say(struct dialect *d, int kind, const json_t *v)
{
    if (json_string_length(v) == 0)
        return true;
    return dialect_said(
        d, &(struct said){ .kind = kind, .s = json_string_value(v), .len = json_string_length(v) });
}

void dialect_sent(struct dialect *d)
{
    read_reset(d);
    answer_reset(&d->answer);
    d->answer.sent_ns = answer_now_ns();
}

void dialect_head(struct dialect *d, const char *type)
{
    read_head(d, type);
}

static int result(struct dialect *d, struct err *e)
{
    d->out = NULL;
    return d->rc == 0 ? 0 : err_set(e, d->rc, "%s", d->err.text);
}

int dialect_feed(struct dialect *d, const char *data, size_t len, struct buf *out, struct err *e)
{
    d->out = out;
    if (d->rc == 0)
        read_feed(d, data, len);
    return result(d, e);
}

int dialect_end(struct dialect *d, struct buf *out, struct err *e)
{
    d->out = out;
    read_end(d);
    if (d->rc == 0 && !d->answer.finish)
        answer_set(&d->answer.finish, d->answer.n_tools > 0 ? "tool_calls" : "stop");
    if (d->rc == 0 && d->stream)
        begin(d);
    if (d->rc == 0)
        d->rc = (d->stream ? d->call->end : d->call->whole)(d, out, &d->err);
    return result(d, e);
}

void dialect_fail(struct dialect *d, int status, const char *text, struct buf *out)
{
    d->call->fail(d, status, text, out);
}
