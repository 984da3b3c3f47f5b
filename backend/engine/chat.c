/* SPDX-License-Identifier: MIT */
/* Reads one answer of an engine in OpenAI's chat dialect. Called by prompt.c with the response as it comes.
 *
 * Two forms: a stream of events, each a "chat.completion.chunk"; or, from an engine that does not stream, one
 * JSON object, whose end is found by counting braces, since nobody tells us the end of the body. What is not
 * of the expected form is an error, never text of the answer. The first error is final; nothing is shown
 * after it. Fields: llama-server b4748 and vLLM; `reasoning_content` is DeepSeek's and llama-server's name,
 * `reasoning` that of vLLM and OpenRouter. */
#include "backend/engine/engine.h"
#include "backend/base/alloc.h"
#include "backend/engine/message.h"
#include "backend/engine/tool_calls.h"
#include "backend/http/sse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WHOLE_MAX  (64 << 20) /* bytes of an answer that is one object: four times the longest prompt */
#define REFUSE_MAX (64 << 10) /* bytes of an error body that are looked at */
#define FINISH_MAX 32         /* "content_filter" is the longest that OpenAI documents */

enum form {
    FORM_NONE,   /* no head came yet */
    FORM_SNIFF,  /* no Content-Type: the first byte will tell */
    FORM_EVENTS, /* a stream */
    FORM_WHOLE,  /* one object */
    FORM_REFUSE, /* an error status: the body is its message */
    FORM_ODD,    /* a good status with something else: its first bytes are quoted */
};

struct chat_reader {
    struct chat_events ev;
    void *arg;
    enum form form;
    int status;             /* of the head */
    char type[64];          /* its Content-Type, for messages */
    struct sse_reader *sse; /* FORM_EVENTS */
    struct buf body;        /* every other form */
    int depth;              /* FORM_WHOLE: open braces and brackets */
    bool in_string, escaped;
    bool begun, done; /* done: [DONE], or the object was complete */
    bool failed;      /* rc and err say why */
    int rc;
    struct err err;
    struct tool_calls calls;
    json_t *refusal; /* the object with which an answer ended in an error */
    char finish[FINISH_MAX];
    int64_t prompt_tokens, completion_tokens;
};

static void fail(struct chat_reader *r, int rc, const char *what, const char *s, size_t len)
{
    struct buf quoted = { 0 };

    if (r->failed)
        return;
    message_quote(s, len, &quoted);
    r->failed = true;
    r->rc = err_set(&r->err, rc, "%s%s%s", what, quoted.len ? ": " : "", buf_str(&quoted));
    buf_free(&quoted);
}

/* ---- One object, a chunk or the whole. */

static void begin(struct chat_reader *r)
{
    if (r->begun)
        return;
    r->begun = true;
    if (r->ev.begun)
        r->ev.begun(r->arg);
}

static void take_usage(struct chat_reader *r, const json_t *v)
{
    const json_t *usage = json_object_get(v, "usage"), *timings = json_object_get(v, "timings");
    const json_t *prompt = json_object_get(usage, "prompt_tokens");
    const json_t *completion = json_object_get(usage, "completion_tokens");
    json_int_t cached = 0;

    /* llama-server's own figures, where `usage` was not asked for. Newer ones count apart what their cache had. */
    if (!prompt) {
        prompt = json_object_get(timings, "prompt_n");
        cached = json_integer_value(json_object_get(timings, "cache_n"));
    }
    if (!completion)
        completion = json_object_get(timings, "predicted_n");
    if (json_integer_value(prompt) > 0)
        r->prompt_tokens = json_integer_value(prompt) + (cached > 0 ? cached : 0);
    if (json_integer_value(completion) > 0)
        r->completion_tokens = json_integer_value(completion);
}

static bool says_something(const json_t *v)
{
    return json_string_length(v) || json_array_size(v);
}

static void take_calls(struct chat_reader *r, const json_t *calls)
{
    struct err e;
    int rc = r->ev.text ? tool_calls_take(&r->calls, calls, &e) : 0; /* else nobody asks for them */

    if (rc < 0)
        fail(r, -EPROTO, e.text, "", 0);
}

/* delta  of a chunk, or the message of a whole answer */
static void take_delta(struct chat_reader *r, const json_t *delta)
{
    const json_t *content = json_object_get(delta, "content");

    if (says_something(content) || says_something(json_object_get(delta, "reasoning_content")) ||
        says_something(json_object_get(delta, "reasoning")) ||
        says_something(json_object_get(delta, "tool_calls")))
        begin(r);
    if (json_string_length(content) && r->ev.text)
        r->ev.text(r->arg, json_string_value(content), json_string_length(content));
    take_calls(r, json_object_get(delta, "tool_calls"));
}

static void take_choice(struct chat_reader *r, const json_t *choice)
{
    const json_t *delta = json_object_get(choice, "delta");
    const char *finish = json_string_value(json_object_get(choice, "finish_reason"));

    take_delta(r, delta ? delta : json_object_get(choice, "message"));
    if (finish && *finish)
        snprintf(r->finish, sizeof r->finish, "%s", finish);
}

static bool is_error(const json_t *v)
{
    const json_t *error = json_object_get(v, "error");
    const char *object = json_string_value(json_object_get(v, "object"));

    return (error && !json_is_null(error)) || (object && !strcmp(object, "error"));
}

static void take_error(struct chat_reader *r, const json_t *v, const char *s, size_t len)
{
    struct buf message = { 0 };

    if (!r->failed)
        r->refusal = json_incref((json_t *)v);
    if (v && message_of_json(v, &message))
        fail(r, -EIO, "the engine ended its answer with an error", message.data, message.len);
    else
        fail(r, -EIO, "the engine ended its answer with an error", s, len);
    buf_free(&message);
}

static void take_answer(struct chat_reader *r, const json_t *v, const char *s, size_t len)
{
    const json_t *choice = json_array_get(json_object_get(v, "choices"), 0);
    bool good = r->ev.object ? r->ev.object(r->arg, v) == 0 : choice || r->form != FORM_WHOLE;

    if (!good)
        fail(r, -EPROTO, "the engine sent JSON that is no answer", s, len);
    else if (r->ev.object)
        begin(r);
    else if (choice)
        take_choice(r, choice);
}

/* type  of the event that carried it */
static void take_object(struct chat_reader *r, const char *type, const char *s, size_t len)
{
    json_t *v = json_loadb(s, len, JSON_ALLOW_NUL, NULL);

    if (!strcmp(type, "error") || is_error(v)) {
        take_error(r, v, s, len);
    } else if (!json_is_object(v)) {
        fail(r, -EPROTO, "the engine sent what is no part of an answer", s, len);
    } else {
        take_usage(r, v);
        take_answer(r, v, s, len);
    }
    json_decref(v);
}

static int event_cb(void *arg, const struct sse_event *e)
{
    struct chat_reader *r = arg;

    if (r->failed || r->done)
        return 0;
    if (e->len == 6 && !memcmp(e->data, "[DONE]", 6))
        r->done = true;
    else if (e->len)
        take_object(r, e->type, e->data, e->len);
    return 0;
}

/* ---- The forms of a body. */

/* Count braces outside strings. Returns the bytes up to and with the end of the object, or 0 if it goes on.
 */
static size_t end_of_object(struct chat_reader *r, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = data[i];

        if (r->in_string) {
            if (r->escaped)
                r->escaped = false;
            else if (c == '\\')
                r->escaped = true;
            else if (c == '"')
                r->in_string = false;
        } else if (c == '"') {
            r->in_string = true;
        } else if (c == '{' || c == '[') {
            r->depth++;
        } else if ((c == '}' || c == ']') && --r->depth <= 0) {
            return i + 1;
        }
    }
    return 0;
}

static void body_whole(struct chat_reader *r, const char *data, size_t len)
{
    size_t end;

    while (!r->body.len && len && *data && strchr(" \t\r\n", *data)) {
        data++;
        len--;
    }
    end = end_of_object(r, data, len);
    if (r->body.len + len > WHOLE_MAX) {
        fail(r, -EPROTO, "the engine's answer is larger than 64 MiB", "", 0);
        return;
    }
    buf_add(&r->body, data, end ? end : len);
    if (end) {
        take_object(r, "message", r->body.data, r->body.len);
        r->done = true;
        buf_free(&r->body);
    } else if (!r->depth && r->body.len > MESSAGE_MAX) {
        fail(r, -EPROTO, "the engine sent what is no JSON", r->body.data, r->body.len);
    }
}

static void body_events(struct chat_reader *r, const char *data, size_t len)
{
    if (sse_reader_feed(r->sse, data, len) < 0)
        fail(r, -EPROTO, "the engine sent an event of more than 1 MiB", "", 0);
}

static void body_kept(struct chat_reader *r, const char *data, size_t len)
{
    size_t room = REFUSE_MAX - r->body.len;

    buf_add(&r->body, data, len < room ? len : room);
}

static void start_events(struct chat_reader *r)
{
    r->form = FORM_EVENTS;
    r->sse = sse_reader_create(event_cb, r);
}

static void sniff(struct chat_reader *r, const char *data, size_t len)
{
    while (len && strchr(" \t\r\n", *data) && *data) {
        data++;
        len--;
    }
    if (!len)
        return;
    if (*data == '{')
        r->form = FORM_WHOLE;
    else
        start_events(r);
}

void chat_reader_body(struct chat_reader *r, const char *data, size_t len)
{
    if (r->failed || r->done || !len)
        return;
    if (r->form == FORM_SNIFF)
        sniff(r, data, len);
    if (r->form == FORM_EVENTS)
        body_events(r, data, len);
    else if (r->form == FORM_WHOLE)
        body_whole(r, data, len);
    else if (r->form == FORM_REFUSE || r->form == FORM_ODD)
        body_kept(r, data, len);
}

static bool type_is(const char *type, const char *want)
{
    size_t n = strlen(want);

    return !strncasecmp(type, want, n) && strchr("; \t", type[n]);
}

void chat_reader_head(struct chat_reader *r, const struct http_head *h)
{
    const char *type = http_field_get(h, "Content-Type");

    r->status = h->status;
    snprintf(r->type, sizeof r->type, "%s", type ? type : "");
    if (h->status < 200 || h->status > 299)
        r->form = FORM_REFUSE;
    else if (!*r->type)
        r->form = FORM_SNIFF;
    else if (type_is(r->type, "text/event-stream"))
        start_events(r);
    else if (type_is(r->type, "application/json"))
        r->form = FORM_WHOLE;
    else
        r->form = FORM_ODD;
}

/* ---- Beginning, end, and what is asked of it. */

struct chat_reader *chat_reader_create(const struct chat_events *ev, void *arg)
{
    struct chat_reader *r = NEW(struct chat_reader);

    r->ev = *ev;
    r->arg = arg;
    return r;
}

void chat_reader_destroy(struct chat_reader *r)
{
    if (!r)
        return;
    sse_reader_destroy(r->sse);
    buf_free(&r->body);
    json_decref(r->refusal);
    tool_calls_finish(&r->calls);
    free(r);
}

/* The sentence for an error status or an odd type, made when it is asked for: until then more of the body may
 * come. */
static int refused(const struct chat_reader *r, struct err *e)
{
    struct buf message = { 0 };
    int rc;

    message_of_body(buf_str(&r->body), r->body.len, &message);
    if (r->form == FORM_ODD)
        rc = err_set(e, -EPROTO, "the engine answered with %s, which is no answer: %s", r->type,
                     buf_str(&message));
    else
        rc = err_set(e, -EIO, "the engine answered %d %s%s%s", r->status, http_reason(r->status),
                     message.len ? ": " : "", buf_str(&message));
    buf_free(&message);
    return rc;
}

int chat_reader_result(struct chat_reader *r, struct err *e)
{
    if (r->failed)
        return err_set(e, r->rc, "%s", r->err.text);
    if (r->form == FORM_REFUSE || r->form == FORM_ODD)
        return refused(r, e);
    if (r->form == FORM_WHOLE && !r->depth && r->body.len)
        return err_set(e, -EPROTO, "the engine sent what is no JSON: %.200s", buf_str(&r->body));
    if (r->done || *r->finish)
        return 0;
    return err_set(e, -ECONNRESET,
                   r->begun ? "the engine was lost in the middle of its answer"
                            : "the engine was lost before its answer");
}

int64_t chat_reader_tokens(const struct chat_reader *r, int64_t *prompt_tokens)
{
    if (prompt_tokens)
        *prompt_tokens = r->prompt_tokens;
    return r->completion_tokens;
}

int chat_reader_status(const struct chat_reader *r)
{
    const json_t *code = json_object_get(json_object_get(r->refusal, "error"), "code");

    if (json_is_integer(code))
        return (int)json_integer_value(code);
    return r->status >= 400 ? r->status : 0;
}

const char *chat_reader_finish(const struct chat_reader *r)
{
    return r->finish;
}

json_t *chat_reader_calls(const struct chat_reader *r)
{
    return tool_calls_json(&r->calls);
}

char *chat_reader_refusal(const struct chat_reader *r)
{
    json_t *v = r->form == FORM_REFUSE ? json_loadb(buf_str(&r->body), r->body.len, 0, NULL)
                                       : json_incref(r->refusal);
    char *text = json_is_object(v) ? json_dumps(v, JSON_COMPACT) : NULL;

    json_decref(v);
    return text;
}
