/* SPDX-License-Identifier: MIT */
/* Waking a model in Ollama's words: /api/pull tells how far it is until it is ready, and a request without a
 * question (`ollama run` sends one first) is answered when it is. The wake goes on if the client leaves. */
#include "fs/door_http/ollama.h"
#include "backend/base/alloc.h"
#include "backend/base/timer.h"
#include "fs/door_http/relay.h"
#include "fs/door_http/translate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_MS 20  /* behind the wake itself, which goes through the mailbox */
#define LOOK_MS  200 /* a person watches */

struct pull {
    struct connection *conn;
    struct model *model;
    struct dialect *dialect; /* whose answer it is; NULL: a pull, told in lines */
    struct timer *timer;
    uint64_t until_ms; /* 0: without an end */
    bool stream, begun, chunked;
    bool woken;      /* it was seen awake: asleep then means stopped */
    struct buf last; /* the line that was sent last */
};

static void free_pull(struct pull *p)
{
    timer_destroy(p->timer);
    dialect_destroy(p->dialect);
    buf_free(&p->last);
    free(p);
}

static void gone(void *arg)
{
    free_pull(arg);
}

static const struct answerer answerer = { .gone = gone };

/* ---- Answering */

static void write_head(struct pull *p, struct buf *out)
{
    p->begun = true;
    p->chunked = connection_request(p->conn)->head->minor >= 1;
    http_write_response(out, 200);
    http_write_field(out, "Content-Type", "application/x-ndjson");
    if (p->chunked)
        http_write_field(out, "Transfer-Encoding", "chunked");
    http_write_field(out, "Connection", p->chunked && connection_may_keep(p->conn) ? "keep-alive" : "close");
    http_write_end(out);
}

static void write_line(struct pull *p, json_t *v)
{
    char *text = json_dumps(v, JSON_COMPACT);
    struct buf line = { 0 }, out = { 0 };

    buf_addf(&line, "%s\n", text ? text : "{}");
    free(text);
    json_decref(v);
    if (strcmp(buf_str(&line), buf_str(&p->last)) == 0) {
        buf_free(&line);
        return;
    }
    if (!p->begun)
        write_head(p, &out);
    if (p->chunked)
        http_write_chunk(&out, line.data, line.len);
    else
        buf_add(&out, line.data, line.len);
    connection_write(p->conn, out.data, out.len);
    buf_free(&out);
    buf_free(&p->last);
    p->last = line;
}

static void end_lines(struct pull *p)
{
    struct connection *c = p->conn;
    bool chunked = p->chunked;
    struct buf out = { 0 };

    if (chunked)
        http_write_last_chunk(&out);
    free_pull(p);
    connection_write(c, out.data, out.len);
    buf_free(&out);
    connection_done(c, chunked);
}

static void fail(struct pull *p, int status, const char *text)
{
    struct connection *c = p->conn;

    if (p->begun) {
        write_line(p, json_pack("{s:s}", "error", text));
        end_lines(p);
    } else {
        free_pull(p);
        connection_error(c, status, text);
    }
}

static void succeed(struct pull *p)
{
    struct connection *c = p->conn;
    struct buf body = { 0 };
    char type[64];

    if (!p->dialect && p->stream) {
        write_line(p, json_pack("{s:s}", "status", "success"));
        end_lines(p);
        return;
    }
    if (p->dialect)
        dialect_loaded(p->dialect, &body);
    else
        buf_adds(&body, "{\"status\":\"success\"}");
    snprintf(type, sizeof type, "%s", p->dialect ? dialect_type(p->dialect) : "application/json");
    free_pull(p);
    connection_answer(c, 200, type, body.data, body.len);
    buf_free(&body);
}

/* ---- Looking */

static void tell(struct pull *p)
{
    json_t *status = model_status(p->model);
    const char *reason = json_string_value(json_object_get(status, "reason"));
    double progress = json_number_value(json_object_get(status, "progress"));
    struct buf text = { 0 };

    buf_addf(&text, "%s", model_state_name(model_state(p->model)));
    if (reason)
        buf_addf(&text, ": %s", reason);
    json_t *v = json_pack("{s:s}", "status", text.data);
    if (v && progress > 0) {
        json_object_set_new(v, "total", json_integer(100));
        json_object_set_new(v, "completed", json_integer((json_int_t)(progress * 100)));
    }
    if (v)
        write_line(p, v);
    buf_free(&text);
    json_decref(status);
}

static void fail_as_model(struct pull *p)
{
    json_t *status = model_status(p->model);
    const char *why = json_string_value(json_object_get(status, "last_error"));
    struct err e;

    err_set(&e, -EIO, "%s", why ? why : "the model could not be woken");
    json_decref(status);
    fail(p, 503, e.text);
}

static void look_cb(void *arg)
{
    struct pull *p = arg;
    enum model_state state = model_state(p->model);
    struct err e;

    p->woken |= state != MODEL_ASLEEP && state != MODEL_FAILED;
    if (state == MODEL_READY) {
        succeed(p);
    } else if (state == MODEL_FAILED) {
        fail_as_model(p);
    } else if (state == MODEL_ASLEEP && p->woken) {
        fail(p, 503, "the model was stopped");
    } else if (p->until_ms && mono_ms() >= p->until_ms) {
        err_set(&e, -ETIMEDOUT, "model \"%s\" was not ready within wake_timeout; it is %s",
                model_config(p->model)->name, model_state_name(state));
        fail(p, 503, e.text);
    } else {
        if (p->stream && !p->dialect)
            tell(p);
        timer_start_ms(p->timer, LOOK_MS);
    }
}

static void start(const struct request *r, struct model *m, struct dialect *d, bool stream)
{
    struct pull *p = NEW(struct pull);
    int64_t limit_s = r->house->cfg->wake_timeout_s;

    p->conn = r->conn;
    p->model = m;
    p->dialect = d;
    p->stream = stream;
    p->until_ms = limit_s > 0 ? mono_ms() + (uint64_t)limit_s * 1000 : 0;
    p->timer = timer_create_on(r->house->loop, look_cb, p);
    connection_answerer(r->conn, &answerer, p);
    model_wake(m);
    timer_start_ms(p->timer, FIRST_MS);
}

void answer_pull(const struct request *r, const struct route_at *at)
{
    bool stream;
    struct model *m = ollama_model(r, at, &stream);

    if (!m)
        return;
    if (engine_speaks(engine_find(model_config(m)->engine), DIALECT_OLLAMA))
        relay_ask(r, m, at->path, stream);
    else if (connection_admit(r->conn, model_config(m)->name, true))
        start(r, m, NULL, stream);
}

void ollama_load(const struct request *r, struct model *m, struct dialect *d)
{
    struct buf body = { 0 };

    if (m && !dialect_unloads(d)) {
        start(r, m, d, false);
        return;
    }
    dialect_loaded(d, &body);
    connection_answer(r->conn, 200, dialect_type(d), body.data, body.len);
    dialect_destroy(d);
    buf_free(&body);
}
