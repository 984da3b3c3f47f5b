/* SPDX-License-Identifier: MIT */
/* The exchange behind `ask` and its like: sends one question as its pair makes a request of it, and gathers the answer. */
#include "backend/prompt.h"
#include "backend/base/alloc.h"
#include "backend/base/timer.h"
#include "backend/chat/chat.h"
#include "backend/cluster/cluster.h"
#include "backend/engine/engine.h"
#include "backend/engine/tool_calls.h"
#include "backend/house.h"
#include "backend/http/http_client.h"
#include "backend/job/job.h"
#include "backend/model/model.h"
#include "backend/history/record.h"
#include "backend/remote/remote_read.h"
#include "backend/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An answer is kept whole in memory for those who read it. Four times the longest prompt is far beyond what any
 * engine's context holds; an engine that goes on for ever ends here, and not with the daemon's memory. */
#define REPLY_MAX ((size_t)64 << 20) /* bytes */

static const struct exchange_ops prompt_ops;

static struct prompt *prompt_of(struct exchange *x)
{
    return container_of(x, struct prompt, x);
}

/* ---- Telling the door, once a turn of the loop however many tokens came in it */

static void deliver(void *arg, int what)
{
    struct prompt *p = arg;

    (void)what;
    p->posted = false;
    if (p->changed)
        p->changed(p->arg);
}

static void post_change(struct prompt *p)
{
    if (p->posted)
        return;
    p->posted = true;
    mailbox_post(p->house->mail, deliver, p, 0);
}

/* Before a reader is told of the end: what it asks next sees this answer. */
void prompt_settle(struct prompt *p)
{
    if (p->chat && prompt_over(p))
        chat_over(p->chat, p);
    else if (p->chat)
        chat_moved(p->chat);
}

static void prompt_changed(struct exchange *x)
{
    struct prompt *p = prompt_of(x);

    if (p->record)
        record_moved(p->record);
    post_change(p);
    prompt_settle(p);
}

bool prompt_over(const struct prompt *p)
{
    return !p->sealed && exchange_ended(&p->x);
}

size_t prompt_shown(const struct prompt *p)
{
    return p->sealed ? 0 : p->reply.len;
}

/* ---- The answer */

static void text_cb(void *arg, const char *s, size_t len)
{
    struct prompt *p = arg;

    p->too_long |= len > p->reply_max - p->reply.len;
    if (p->too_long) /* body_cb() ends it: the reader may not be destroyed in here */
        return;
    buf_add(&p->reply, s, len);
    p->grew = wall_now();
    post_change(p);
}

static void begun_cb(void *arg)
{
    struct prompt *p = arg;

    p->begun = true;
    if (!p->request || http_request_sent(p->request))
        buf_free(&p->body);
    exchange_begun(&p->x);
}

/* An object that is an answer. */
static int object_cb(void *arg, const json_t *v)
{
    struct prompt *p = arg;
    int rc = p->pair->answer(&p->text, v, &p->reply);

    p->grew = wall_now();
    post_change(p);
    return rc;
}

/* Until it has begun the question may go to another engine, whose answer begins anew. */
static void take_verbatim(struct prompt *p, const char *data, size_t len)
{
    p->too_long |= len > p->reply_max - p->reply.len - p->held.len;
    if (p->too_long)
        return;
    buf_add(&p->held, data, len);
    if (p->x.state != EXCHANGE_STREAMING)
        return;
    text_cb(p, p->held.data, p->held.len);
    buf_reset(&p->held);
}

/* After each piece of the engine's answer: CONTRACT.md 3.4 wants "begun" stored before the first text is shown. It goes
 * on disk with that text. */
static void mind_record(struct prompt *p)
{
    if (!p->begun || !p->record)
        return;
    p->begun = false;
    p->sealed = record_begun(p->record);
}

void prompt_fail(struct prompt *p, int rc, const char *why)
{
    if (p->request)
        prompt_ops.drop(&p->x);
    exchange_failed(&p->x, rc, "%s", why);
}

void prompt_stored(struct prompt *p, int rc, const char *why)
{
    p->sealed = false;
    if (rc < 0) {
        p->reply.len = 0;
        prompt_fail(p, rc, why);
    }
    if (rc < 0 && p->x.state == EXCHANGE_DONE) { /* it was over before the disk said no */
        p->x.state = EXCHANGE_FAILED;
        p->x.rc = rc;
        p->x.error = xstrdup(why);
    }
    post_change(p);
    prompt_settle(p);
}

static void forget_request(struct prompt *p)
{
    p->request = NULL;
    buf_free(&p->body);
    chat_reader_destroy(p->reader);
    p->reader = NULL;
    buf_free(&p->held);
}

/* A gateway says no as we would: its errno is ours, and its sentence is not an engine's. */
static int from_gateway(const struct prompt *p, struct err *e)
{
    static const char engine[] = "the engine ";
    int status = chat_reader_status(p->reader);
    struct err said = *e;

    if (!p->x.job || !p->x.job->cluster->remote || !status)
        return -EIO;
    if (!strncmp(said.text, engine, sizeof engine - 1))
        err_set(e, 0, "gateway %s %s%s%s%s", p->x.job->cluster->cfg->name, said.text + sizeof engine - 1,
                *p->retry_after ? "; it asks to be asked again in " : "", p->retry_after,
                *p->retry_after ? " s" : "");
    return remote_errno(status, said.text);
}

/* e: what the reader says of it. */
static void refused(struct prompt *p, struct err *e)
{
    if (p->chat && p->x.state == EXCHANGE_SENT && chat_shortens(p->chat, p, e->text)) {
        forget_request(p);
        exchange_again(&p->x);
        return;
    }
    char *said = p->pair->json_errors ? chat_reader_refusal(p->reader) : NULL;
    int rc = from_gateway(p, e);

    forget_request(p);
    exchange_failed_with(&p->x, rc, said ? said : xstrdup(e->text));
}

/* A whole answer ends with a newline, as text files do; so does a stream of events by itself. */
static void end_verbatim(struct prompt *p)
{
    if (p->held.len)
        text_cb(p, p->held.data, p->held.len);
    if (p->reply.len && p->reply.data[p->reply.len - 1] != '\n')
        text_cb(p, "\n", 1);
}

static void end_too_long(struct prompt *p)
{
    forget_request(p);
    exchange_failed(&p->x, -EFBIG, "the answer was longer than %zu bytes and was ended there", p->reply_max);
}

/* A call is of use to nobody before it is whole. */
static void end_calls(struct prompt *p)
{
    p->calls = chat_reader_calls(p->reader);
    p->said = p->reply.len;
    if (!p->calls)
        return;
    tool_calls_lines(p->calls, &p->reply);
    p->too_long |= p->reply.len > p->reply_max;
    if (p->too_long)
        p->reply.len = p->said;
    p->grew = wall_now();
    post_change(p);
}

static void finish(struct prompt *p)
{
    struct exchange *x = &p->x;

    x->completion_tokens = chat_reader_tokens(p->reader, &x->prompt_tokens);
    snprintf(x->finish_reason, sizeof x->finish_reason, "%s", chat_reader_finish(p->reader));
    if (p->pair->verbatim)
        end_verbatim(p);
    end_calls(p);
    if (p->too_long) {
        end_too_long(p);
        return;
    }
    forget_request(p);
    exchange_done(x);
}

static void head_cb(void *arg, const struct http_head *h)
{
    struct prompt *p = arg;
    const char *retry = http_field_get(h, "Retry-After");

    exchange_alive(&p->x);
    snprintf(p->retry_after, sizeof p->retry_after, "%.*s", retry ? (int)strspn(retry, "0123456789") : 0,
             retry ? retry : "");
    chat_reader_head(p->reader, h);
}

static void body_cb(void *arg, const char *data, size_t len)
{
    struct prompt *p = arg;
    struct err e = { 0 };

    exchange_alive(&p->x);
    chat_reader_body(p->reader, data, len);
    if (p->pair->verbatim)
        take_verbatim(p, data, len);
    mind_record(p);
    if (p->too_long) {
        http_request_cancel(p->request);
        end_too_long(p);
        return;
    }
    /* What is no answer, an endless line say, need not be read to its end. An error status is, for its
     * message. */
    if (chat_reader_result(p->reader, &e) != -EPROTO)
        return;
    http_request_cancel(p->request);
    refused(p, &e);
}

static void end_cb(void *arg, int rc, bool got_byte, const char *err)
{
    struct prompt *p = arg;
    struct err e = { 0 };
    int result = chat_reader_result(p->reader, &e);

    (void)got_byte;
    p->request = NULL;
    mind_record(p); /* an answer that is not streamed is read as a whole */
    if (result == 0) {
        finish(p);
        return;
    }
    if (result != -ECONNRESET) {
        refused(p, &e);
        return;
    }
    forget_request(p);
    if (rc == -EPROTO)
        exchange_failed(&p->x, -EIO, "the engine's answer is not HTTP: %s", err);
    else
        exchange_lost(&p->x, rc < 0 ? err : e.text);
}

/* ---- The question */

/* An engine that asks for no name gets the one that a client of the gateway would be told. */
static void write_body(struct prompt *p, struct buf *body)
{
    struct request_defaults d = { .model = "" };
    const struct model_config *cfg = model_config(p->x.model);
    struct buf served = { 0 }, before = { 0 };

    if (p->chat)
        chat_request(p->chat, p, &d, &before);
    else
        settings_defaults(model_settings(p->x.model), &d);
    engine_served_name(cfg, &served);
    if (engine_is_told(cfg))
        d.model = cfg->model;
    else if (p->pair->needs_model)
        d.model = served.len ? served.data : cfg->name;
    p->pair->body(buf_str(&p->text), p->text.len, &d, body);
    buf_free(&served);
    buf_free(&before);
}

static void prompt_send(struct exchange *x)
{
    static const struct chat_events chat = { .text = text_cb, .begun = begun_cb },
                                    verbatim = { .begun = begun_cb },
                                    object = { .object = object_cb, .begun = begun_cb };
    static const struct http_handler handler = { .head = head_cb, .body = body_cb, .end = end_cb };
    struct prompt *p = prompt_of(x);
    struct job *j = x->job;
    struct buf head = { 0 };
    char host[300];

    snprintf(host, sizeof host, "%s:%d", j->host, j->port);
    write_body(p, &p->body);
    engine_post(&head, p->pair->path, host, job_key(j), p->body.len);
    p->reader = chat_reader_create(p->pair->answer ? &object : p->pair->verbatim ? &verbatim : &chat, p);
    p->request = http_client_send(j->client, head.data, head.len, p->body.data, p->body.len, &handler, p);
    buf_free(&head);
    exchange_alive(x);
}

static void prompt_drop(struct exchange *x)
{
    struct prompt *p = prompt_of(x);

    if (p->request)
        http_request_cancel(p->request);
    forget_request(p);
}

static void prompt_destroy(struct exchange *x)
{
    struct prompt *p = prompt_of(x);

    if (p->chat)
        chat_leave(p->chat, p);
    mailbox_forget(p->house->mail, p);
    if (p->record)
        record_detach(p->record);
    chat_reader_destroy(p->reader);
    buf_free(&p->text);
    buf_free(&p->reply);
    buf_free(&p->held);
    json_decref(p->calls);
    messages_finish(&p->results);
    free(p);
}

static const struct exchange_ops prompt_ops = {
    .kind = "prompt",
    .by_user = true,
    .send = prompt_send,
    .drop = prompt_drop,
    .changed = prompt_changed,
    .destroy = prompt_destroy,
};

struct prompt *prompt_create(struct house *h, uid_t uid, const struct pair *pair, struct buf *text)
{
    struct prompt *p = NEW(struct prompt);

    exchange_init(&p->x, &prompt_ops, uid);
    p->x.id = ++h->next_exchange;
    p->house = h;
    p->pair = pair;
    p->reply_max = REPLY_MAX;
    p->text = *text;
    *text = (struct buf){ 0 };
    exchange_set_beginning(&p->x, p->text.data, p->text.len);
    p->grew = p->x.asked;
    return p;
}

struct prompt *prompt_ended(struct house *h, uid_t uid, const struct pair *pair, struct buf *text, int rc,
                            const char *why)
{
    struct prompt *p = prompt_create(h, uid, pair, text);

    p->x.state = rc == 0 ? EXCHANGE_DONE : rc == -ECANCELED ? EXCHANGE_CANCELLED : EXCHANGE_FAILED;
    p->x.rc = rc;
    p->x.error = xstrdup(why);
    p->x.ended = p->x.asked;
    return p;
}

struct prompt *prompt_again(struct house *h, uid_t uid, const struct pair *pair, struct buf *text,
                            struct buf *reply, enum exchange_state state, int rc, const char *why)
{
    struct prompt *p = prompt_ended(h, uid, pair, text, rc, why);

    p->x.state = state;
    p->reply = *reply;
    *reply = (struct buf){ 0 };
    return p;
}
