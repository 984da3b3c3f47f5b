/* SPDX-License-Identifier: MIT */
#include "backend/batch/call.h"
#include "backend/base/alloc.h"
#include "backend/base/timer.h"
#include "backend/dialect/dialect.h"
#include "backend/engine/engine.h"
#include "backend/engine/message.h"
#include "backend/house.h"
#include "backend/http/http_client.h"
#include "backend/job/job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX ((size_t)64 << 20) /* bytes: as an answer to `request` */

static struct call *call_of(struct exchange *x)
{
    return container_of(x, struct call, x);
}

static void tell(struct call *c)
{
    if (c->changed)
        c->changed(c);
}

/* ---- Of an engine that has not the route */

/* The request in words that it understands. */
static int translate(struct call *c, const struct engine *en, struct err *e)
{
    struct buf *body = &c->request_body;

    dialect_destroy(c->dialect);
    c->dialect = NULL;
    int rc = dialect_create(&c->dialect, c->path, en->apis, buf_str(body), body->len, e);
    if (!c->dialect)
        return rc;
    buf_free(body);
    dialect_take_body(c->dialect, body);
    dialect_sent(c->dialect);
    return 0;
}

/* Its answer in the words of the route. */
static int translate_answer(struct call *c, struct err *e)
{
    struct buf out = { 0 };
    int rc = dialect_feed(c->dialect, buf_str(&c->answer), c->answer.len, &out, e);

    if (rc == 0)
        rc = dialect_end(c->dialect, &out, e);
    c->house->call_bytes += out.len - c->answer.len;
    buf_free(&c->answer);
    c->answer = out;
    return rc;
}

/* ---- The answer */

static int64_t usage_of(const json_t *answer, const char *openai, const char *other)
{
    const json_t *usage = json_object_get(answer, "usage"), *n = json_object_get(usage, openai);

    return json_integer_value(n ? n : json_object_get(usage, other));
}

static void take_usage(struct call *c, const json_t *answer)
{
    const char *finish = json_string_value(
        json_object_get(json_array_get(json_object_get(answer, "choices"), 0), "finish_reason"));

    c->x.prompt_tokens = usage_of(answer, "prompt_tokens", "input_tokens");
    c->x.completion_tokens = usage_of(answer, "completion_tokens", "output_tokens");
    snprintf(c->x.finish_reason, sizeof c->x.finish_reason, "%s", finish ? finish : "");
}

static void refused(struct call *c)
{
    struct buf why = { 0 };

    message_of_body(buf_str(&c->answer), c->answer.len, &why);
    exchange_failed(&c->x, -EIO, "the engine answered %d%s%s", c->status, why.len ? ": " : "", buf_str(&why));
    buf_free(&why);
}

static void answered(struct call *c)
{
    bool good = c->status >= 200 && c->status <= 299;
    struct err e = { "" };
    int rc = good && c->dialect ? translate_answer(c, &e) : 0;
    json_t *v = json_loadb(buf_str(&c->answer), c->answer.len, JSON_ALLOW_NUL, NULL);

    if (!good) {
        refused(c);
    } else if (rc < 0) {
        c->status = 0;
        exchange_failed(&c->x, rc, "%s", e.text);
    } else if (!json_is_object(v)) {
        c->status = 0;
        exchange_failed(&c->x, -EIO, "the engine's answer is no JSON object");
    } else {
        take_usage(c, v);
        exchange_done(&c->x);
    }
    json_decref(v);
}

static void head_cb(void *arg, const struct http_head *h)
{
    struct call *c = arg;

    exchange_alive(&c->x);
    c->status = h->status;
    if (c->dialect)
        dialect_head(c->dialect, http_field_get(h, "Content-Type"));
    if (http_request_sent(c->request))
        buf_free(&c->request_body);
}

static void empty_answer(struct call *c)
{
    c->house->call_bytes -= c->answer.len;
    buf_reset(&c->answer);
}

static void body_cb(void *arg, const char *data, size_t len)
{
    struct call *c = arg;

    bool fits = len <= ANSWER_MAX - c->answer.len, has_room = len <= CALLS_BYTES_MAX - c->house->call_bytes;

    exchange_alive(&c->x);
    if (fits && has_room) {
        buf_add(&c->answer, data, len);
        c->house->call_bytes += len;
        return;
    }
    http_request_cancel(c->request);
    c->request = NULL;
    c->status = 0;
    if (fits)
        exchange_failed(&c->x, -ENOBUFS, "the answers under way have more than %zu bytes", CALLS_BYTES_MAX);
    else
        exchange_failed(&c->x, -EFBIG, "the answer was longer than %zu bytes", ANSWER_MAX);
}

static void end_cb(void *arg, int rc, bool got_byte, const char *err)
{
    struct call *c = arg;

    (void)got_byte;
    c->request = NULL;
    if (rc == 0) {
        answered(c);
        return;
    }
    c->status = 0;
    if (rc == -EPROTO)
        exchange_failed(&c->x, -EIO, "the engine's answer is not HTTP: %s", err);
    else
        exchange_lost(&c->x, err);
}

/* ---- The request */

static void call_send(struct exchange *x)
{
    static const struct http_handler handler = { .head = head_cb, .body = body_cb, .end = end_cb };
    struct call *c = call_of(x);
    struct job *j = x->job;
    struct buf head = { 0 };
    struct err e = { "" };
    char host[300];

    empty_answer(c);
    buf_reset(&c->request_body);
    c->status = 0;
    c->sent = true;
    c->body(c, j, &c->request_body);
    int rc = translate(c, j->engine, &e);
    if (rc < 0) {
        exchange_failed(x, rc, "%s", e.text);
        return;
    }
    snprintf(host, sizeof host, "%s:%d", j->host, j->port);
    engine_post(&head, c->dialect ? dialect_path(c->dialect) : c->path, host, job_key(j),
                c->request_body.len);
    c->request = http_client_send(j->client, head.data, head.len, c->request_body.data, c->request_body.len,
                                  &handler, c);
    buf_free(&head);
    /* The answer comes as a whole: what it takes counts from here. */
    x->begun = wall_now();
    exchange_alive(x);
    tell(c);
}

static void call_changed(struct exchange *x)
{
    struct call *c = call_of(x);

    if (x->state == EXCHANGE_WAITING) {
        c->sent = false;
        empty_answer(c); /* of the engine that was lost */
    }
    tell(c);
}

static void call_forget_request(struct exchange *x)
{
    struct call *c = call_of(x);

    if (c->request)
        http_request_cancel(c->request);
    c->request = NULL;
    c->status = 0;
}

static void call_destroy(struct exchange *x)
{
    struct call *c = call_of(x);

    empty_answer(c);
    buf_free(&c->answer);
    buf_free(&c->request_body);
    dialect_destroy(c->dialect);
    free(c);
}

static const struct exchange_ops call_ops = {
    .kind = "batch",
    .send = call_send,
    .drop = call_forget_request,
    .changed = call_changed,
    .destroy = call_destroy,
};

struct call *call_create(struct house *h, uid_t uid, const char *path)
{
    struct call *c = NEW(struct call);

    exchange_init(&c->x, &call_ops, uid);
    c->x.id = ++h->next_exchange;
    c->path = path;
    c->house = h;
    return c;
}

void call_drop(struct call *c, const char *why)
{
    if (!c)
        return;
    c->changed = NULL;
    exchange_cancel(&c->x, why);
    exchange_unref(&c->x);
}
