/* SPDX-License-Identifier: MIT */
/* The exchange kind of HTTP: a request, sent to an engine when the model has a slot for it, and its answer passed on as it comes. Nothing of an answer is shown to the client before its first body
 * byte or its end, so that an engine lost before that is as if it had never been asked.
 *
 * Lives: of a queued relay one reference is ours for as long as `conn` is set, others are the model's. A
 * passed one goes when its client has its answer, or left. */
#include "fs/door_http/relay_inside.h"
#include "backend/base/alloc.h"
#include "backend/engine/message.h"
#include "fs/door_http/model_name.h"
#include "fs/door_http/translate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ODD_MAX    65536 /* bytes of an answer of which only the message is wanted */
#define HEAD_USUAL 500   /* bytes: what is longer grows */

static struct relay *of(struct exchange *x)
{
    return container_of(x, struct relay, x);
}

static void free_relay(struct relay *r)
{
    relay_hold_stop(r);
    relay_pipe_close(r);
    timer_destroy(r->limit);
    buf_free(&r->body);
    buf_free(&r->odd);
    buf_free(&r->out);
    buf_free(&r->told);
    dialect_destroy(r->dialect);
    free(r->path);
    free(r);
}

void relay_release(struct relay *r)
{
    if (r->queued)
        exchange_unref(&r->x);
    else
        free_relay(r);
}

/* ---- Towards the client */

/* What the answer has said of its cost so far. */
static void tell_tokens(struct relay *r)
{
    int64_t prompt, completion;

    if (!r->queued)
        return;
    usage_scan_result(&r->usage, &prompt, &completion);
    connection_tokens(r->conn, prompt, completion);
    r->x.prompt_tokens = prompt;
    r->x.completion_tokens = completion;
}

void relay_end_answer(struct relay *r, bool whole, bool keep)
{
    struct connection *c = r->conn;

    tell_tokens(r);
    relay_hold_stop(r);
    timer_stop(r->limit);
    r->conn = NULL;
    if (whole && r->framing == RELAY_CHUNKED)
        http_write_last_chunk(&r->out);
    connection_write(c, r->out.data, r->out.len);
    buf_free(&r->out);
    connection_done(c, keep && r->framing != RELAY_CLOSE);
}

void relay_stir(struct relay *r)
{
    if (r->paused && !r->pipe) /* the engine waits for its reader, whose time is not counted */
        return;
    if (r->queued && !r->pipe)
        exchange_alive(&r->x);
    else if (r->patience_ms)
        timer_start_ms(r->limit, r->patience_ms);
}

static void drained(void *arg)
{
    struct relay *r = arg;

    if (!r->paused)
        return;
    r->paused = false;
    if (r->queued)
        exchange_paused(&r->x, false);
    else
        relay_stir(r);
    if (r->request)
        http_request_resume(r->request);
    else if (r->pipe)
        byte_pipe_pause(r->pipe, false);
}

static void gone(void *arg)
{
    struct relay *r = arg;

    tell_tokens(r);
    r->conn = NULL;
    relay_hold_stop(r);
    timer_stop(r->limit);
    relay_pipe_close(r);
    if (r->x.piped) /* that is how they end */
        exchange_done(&r->x);
    else if (r->queued)
        exchange_cancel(&r->x, "the client went away");
    else if (r->request)
        http_request_cancel(r->request);
    relay_release(r);
}

const struct answerer relay_answerer = {
    .gone = gone,
    .drained = drained,
    .silent = relay_hold_knock,
    .data = relay_client_says,
    .body = relay_body_comes,
};

/* ---- From the engine */

void relay_fail(struct relay *r, int rc, const char *text)
{
    if (r->queued) {
        exchange_failed(&r->x, rc, "%s", text); /* x_changed() tells the client */
    } else {
        relay_fail_client(r, err_http_status(rc), text);
        relay_release(r);
    }
}

static bool is_of_gateway(const struct relay *r)
{
    return r->model && cluster_is_gateway(model_config(r->model)->cluster);
}

/* It is our token that a gateway refuses, and none of the client's. */
static bool refuses_us(const struct relay *r)
{
    return (r->status == 401 || r->status == 403) && is_of_gateway(r);
}

/* Does an engine without the API of this path refuse it in words that a client of that API cannot read? Some versions have
 * /v1/messages/count_tokens, which goes to all of them: a number of our own would be a guess that programs take for a
 * fact. */
static bool refuses_oddly(const struct relay *r)
{
    bool anthropic = !r->engine || !engine_speaks(r->engine, DIALECT_ANTHROPIC);

    return is_ollama_path(r->path) || (anthropic && dialect_api_of(r->path) == DIALECT_ANTHROPIC);
}

static void engine_head(void *arg, const struct http_head *h)
{
    struct relay *r = arg;

    if (r->queued)
        exchange_alive(&r->x);
    r->answer = h;
    r->status = h->status;
    r->in_comment = false;
    r->spoiled = (r->held && !relay_is_event_stream(h)) || (!r->held && h->status >= 400 && refuses_oddly(r));
    r->spoiled |= refuses_us(r);
    if (r->dialect) {
        r->spoiled = h->status != 200;
        dialect_head(r->dialect, http_field_get(h, "Content-Type"));
    }
}

/* The first byte of the answer is there, or its end: from here on it is the client's. */
static void begin(struct relay *r, struct buf *head)
{
    const struct request *q = connection_request(r->conn);

    if (r->queued)
        exchange_begun(&r->x);
    r->begun = true;
    relay_hold_stop(r);
    if (!r->request || http_request_sent(r->request)) { /* it will not be sent again */
        buf_free(&r->body);
        connection_body_sent(r->conn);
    }
    if (r->held)
        return;
    buf_reserve(head, HEAD_USUAL);
    r->framing = relay_framing_of(r->answer, strcmp(q->head->method, "HEAD") == 0, q->head->minor);
    r->event_stream = relay_is_event_stream(r->answer);
    relay_response_head(head, r->answer, r->framing, r->job_name, connection_may_keep(r->conn));
}

void relay_pass_on(struct relay *r, const char *data, size_t len)
{
    struct buf head = { 0 };

    if (!r->begun)
        begin(r, &head);
    if (head.len > 0 || len > 0)
        relay_write(r, &head, data, len);
    buf_free(&head);
}

/* What came is no answer that could be translated. */
static void wrong(struct relay *r, int rc, const char *text)
{
    if (r->request)
        http_request_cancel(r->request);
    r->request = NULL;
    relay_fail(r, rc == -ECONNRESET ? rc : -EIO, text);
}

/* With comments a gateway says that it waits, as we do ourselves: they are no part of an answer. */
static void skip_comments(struct relay *r, const char **data, size_t *len)
{
    for (; *len > 0; ++*data, --*len) {
        char c = **data;
        if (!r->in_comment && c != ':' && c != '\r' && c != '\n')
            return;
        r->in_comment = c != '\n' && (r->in_comment || c == ':');
    }
}

static void engine_body(void *arg, const char *data, size_t len)
{
    struct relay *r = arg;
    struct err e;
    int rc;

    relay_stir(r);
    r->gathers = true;
    if (r->queued)
        usage_scan_feed(&r->usage, data, len);
    if ((r->spoiled || r->status >= 400) && r->odd.len < ODD_MAX)
        buf_add(&r->odd, data, len < ODD_MAX - r->odd.len ? len : ODD_MAX - r->odd.len);
    if (r->spoiled)
        return;
    if (r->stream && !r->begun && !r->dialect && r->status == 200 && is_of_gateway(r)) {
        skip_comments(r, &data, &len);
        if (len == 0)
            return;
    }
    if (!r->dialect)
        relay_pass_on(r, data, len);
    else if ((rc = translate_body(r, data, len, &e)) < 0)
        wrong(r, rc, e.text);
}

static void engine_told(void *arg)
{
    relay_flush(arg);
}

/* What an answer that is an error says, as a sentence. */
static void describe(const struct relay *r, struct buf *text)
{
    struct buf said = { 0 };

    if (r->status < 400) {
        buf_addf(text, "the engine answered with something else than the events that were asked for");
        return;
    }
    message_of_body(buf_str(&r->odd), r->odd.len, &said);
    if (refuses_us(r))
        buf_addf(text, "the gateway of cluster %s refuses what token_file has: %s",
                 model_config(r->model)->cluster->name, buf_str(&said));
    else
        buf_addf(text, "the engine answered %d%s%s", r->status, said.len ? ": " : "", buf_str(&said));
    buf_free(&said);
}

/* The answer is complete: give its end to the client, then tell the queue. */
static void complete(struct relay *r)
{
    struct buf text = { 0 };
    bool failed = r->spoiled || r->status >= 400;
    struct err e;
    int rc;

    if (r->dialect && !failed && (rc = translate_end(r, &e)) < 0) {
        wrong(r, rc, e.text);
        return;
    }
    if (failed)
        describe(r, &text);
    if (r->spoiled) {
        relay_fail_client(r, refuses_us(r) ? 403 : r->status >= 400 ? r->status : 502, text.data);
    } else {
        relay_pass_on(r, NULL, 0);
        relay_end_answer(r, true, true);
    }
    if (r->queued && failed)
        exchange_failed(&r->x, -EIO, "%s", text.data);
    else if (r->queued)
        exchange_done(&r->x);
    buf_free(&text);
    relay_release(r);
}

static void engine_end(void *arg, int rc, bool got_byte, const char *err)
{
    struct relay *r = arg;
    struct err e;

    (void)got_byte; /* what counts is whether the client got one */
    r->request = NULL;
    r->paused = false;
    r->gathers = rc == 0; /* its end goes with it */
    if (rc == 0) {
        complete(r);
    } else if (rc == -EPROTO) {
        err_set(&e, -EIO, "the engine's answer is not HTTP: %s", err ? err : "no reason was given");
        relay_fail(r, -EIO, e.text);
    } else if (r->queued) {
        r->answer = NULL;
        exchange_lost(&r->x, err ? err : strerror(-rc));
    } else {
        relay_fail(r, r->begun ? -ECONNRESET : rc, err ? err : strerror(-rc));
    }
}

static const struct http_handler engine_handler = { .head = engine_head,
                                                    .body = engine_body,
                                                    .told = engine_told,
                                                    .drained = relay_body_wanted,
                                                    .end = engine_end };
static const struct http_handler changing_handler = { .head = engine_head,
                                                      .body = engine_body,
                                                      .told = engine_told,
                                                      .drained = relay_body_wanted,
                                                      .end = engine_end,
                                                      .upgraded = relay_upgraded };

/* The name of its model becomes the engine's. */
static void rename_model(struct relay *r, const struct http_head *head, const struct model_config *m)
{
    const char *type = r->dialect ? NULL : http_field_get(head, "Content-Type");

    model_name_for_engine(&r->body, type, !r->coming, m);
}

void relay_send(struct relay *r, struct job *j)
{
    const struct request *q = connection_request(r->conn);
    bool six = strchr(j->host, ':') != NULL;
    struct buf host = { 0 }, head = { 0 };
    const char *upgrade = r->queued ? relay_upgrade_asked(q->head) : NULL;

    snprintf(r->job_name, sizeof r->job_name, "%s", j->name ? j->name : "");
    r->answer = NULL;
    r->status = 0;
    r->spoiled = r->paused = false;
    buf_reset(&r->odd);
    r->engine = j->engine;
    rename_model(r, q->head, r->model ? model_config(r->model) : j->config);
    buf_reserve(&head, HEAD_USUAL);
    buf_addf(&host, six ? "[%s]:%d" : "%s:%d", j->host, j->port);
    relay_request_head(&head, q->head,
                       &(struct relay_target){ .path = r->path,
                                               .host = host.data,
                                               .secret = job_key(j),
                                               .body_len = relay_body_len(r),
                                               .request_id = q->id,
                                               .upgrade = upgrade,
                                               .plain = r->stream || r->dialect,
                                               .type = r->dialect ? "application/json" : NULL });
    if (r->dialect)
        dialect_sent(r->dialect);
    r->request = relay_body_send(r, j->client, &head, upgrade ? &changing_handler : &engine_handler);
    if (r->queued)
        exchange_alive(&r->x);
    buf_free(&host);
    buf_free(&head);
}

/* ---- The exchange */

static void x_send(struct exchange *x)
{
    struct relay *r = of(x);

    if (r->conn && x->job && x->job->client)
        relay_send(r, x->job);
    else
        exchange_lost(x, "the job has no connection any more");
}

static void x_drop(struct exchange *x)
{
    struct relay *r = of(x);

    if (r->request)
        http_request_cancel(r->request);
    relay_pipe_close(r);
    r->request = NULL;
    r->answer = NULL;
    r->paused = r->gathers = false;
}

static void x_changed(struct exchange *x)
{
    struct relay *r = of(x);

    if (!r->conn || !exchange_ended(x))
        return;
    relay_fail_client(r, r->late ? 503 : err_http_status(x->rc), x->error ? x->error : err_name(x->rc));
    relay_release(r);
}

static void x_destroy(struct exchange *x)
{
    free_relay(of(x));
}

const struct exchange_ops relay_ops = {
    .kind = "http", .send = x_send, .drop = x_drop, .changed = x_changed, .destroy = x_destroy
};
