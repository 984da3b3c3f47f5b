/* SPDX-License-Identifier: MIT */
/* The lines of a batch on their way: taken from in.jsonl a few at a time, sent as the model has slots, sent again where
 * that may help, and handed to batch_disk.c as results. As many are with the model as its jobs have slots, and some more
 * that wait there, so that no slot stays empty and one more job finds something to do; questions of people go before
 * those. What the model fails at, rather than the line, counts against no line: the batch rests, longer each time. */
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/config/batch_hours.h"
#include "backend/batch/batch_inside.h"
#include "backend/engine/engine.h"
#include "backend/house.h"
#include "backend/job/job.h"
#include "backend/model/model.h"
#include "backend/quota.h"
#include "backend/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What lines under way and unwritten results may take, whatever their number; one line is always let through. */
#define LINES_BYTES   ((size_t)16 << 20)
#define RESULTS_BYTES ((size_t)16 << 20)
#define AHEAD         4 /* ordered: so many times as many lines wait for an earlier one at the most */

/* A line that failed is sent again after a second, then two, four, .. */
#define REST_LINE_MS     1000
#define REST_LINE_MAX_MS 30000
/* A model that failed wakes again by itself no more often than this: each time submits a job. */
#define REST_MODEL_MS     5000
#define REST_MODEL_MAX_MS (5 * 60 * 1000)
#define HOURS_MS          20000 /* how late its hours may begin: clocks are set, so nothing longer is waited for */
#define RATE_MS           10000 /* the rate is that of the last 10 to 20 s */

/* ---- Results */

static void count_rate(struct batch *b)
{
    uint64_t now = mono_ms();
    uint32_t n = b->results.good + b->results.bad;

    if (b->sample[1].ms == 0)
        b->sample[1] = (struct batch_sample){ .ms = now, .n = n };
    if (b->sample[0].ms == 0 || now - b->sample[1].ms >= RATE_MS) {
        b->sample[0] = b->sample[1];
        b->sample[1] = (struct batch_sample){ .ms = now, .n = n };
    }
    if (now > b->sample[0].ms)
        b->per_s = (double)(n - b->sample[0].n) * 1000 / (double)(now - b->sample[0].ms);
}

static void line_over(struct batch_line *l, const struct batch_answer *a)
{
    struct batch *b = l->batch;

    batch_result_write(&l->request, a, &l->result);
    l->good = !a->code;
    l->state = LINE_OVER;
    b->result_bytes += l->result.len;
    if (a->code) {
        char *text = xasprintf("%s: %s", l->request.custom_id, a->wrong);
        batch_set_text(&b->complain, text);
        free(text);
    } else {
        b->rest_ms = 0;
    }
}

static void line_failed(struct batch_line *l, const char *code, const char *why, const struct call *c)
{
    struct batch_answer a = { .number = l->number, .code = code, .wrong = why };

    if (c) {
        a.status = c->status;
        a.request_id = c->x.id;
        a.body = c->answer.data;
        a.len = c->answer.len;
    }
    line_over(l, &a);
}

static void line_answered(struct batch_line *l, const struct call *c)
{
    struct batch_answer a = { .number = l->number,
                              .request_id = c->x.id,
                              .status = c->status,
                              .body = c->answer.data,
                              .len = c->answer.len };

    if (l->batch->most_out > 0) /* the long answers that filled the room may have been another batch's */
        l->batch->most_out++;
    line_over(l, &a);
}

/* ---- What the end of a call means */

/* The engine would say the same again: 408, 409, 425 and 429 are about the moment. */
static bool is_final(const struct call *c)
{
    bool of_the_moment = c->status == 408 || c->status == 409 || c->status == 425 || c->status == 429;

    return c->x.rc == -EFBIG || c->x.rc == -EINVAL || (c->status >= 400 && c->status < 500 && !of_the_moment);
}

static void rest(struct batch *b, const char *why)
{
    if (mono_ms() < b->rest_until_ms)
        return;
    b->rest_ms = b->rest_ms == 0 ? REST_MODEL_MS : b->rest_ms * 2;
    if (b->rest_ms > REST_MODEL_MAX_MS)
        b->rest_ms = REST_MODEL_MAX_MS;
    b->rest_until_ms = mono_ms() + b->rest_ms;
    batch_set_text(&b->trouble, why);
    log_warning("batch %s of %s waits %llu s: %s", b->name, model_config(b->model)->name,
                (unsigned long long)b->rest_ms / 1000, why);
}

/* Somebody stopped the model, or cancelled all that this user asks: that is not undone by asking again. */
static void cancelled(struct batch *b, const char *why)
{
    if (b->house->stopping || b->state != BATCH_RUNNING)
        return;
    batch_handle(b, BATCH_EV_PAUSE);
    batch_set_text(&b->trouble, why);
}

static void failed(struct batch_line *l, const struct call *c)
{
    struct batch *b = l->batch;
    const char *why = c->x.error ? c->x.error : "";
    uint64_t wait = (uint64_t)REST_LINE_MS << (l->attempts < 8 ? l->attempts : 8);

    if (c->x.rc == -ECANCELED) {
        l->state = LINE_READY;
        cancelled(b, why);
    } else if (c->x.rc == -ENOBUFS) {
        l->state = LINE_RESTING;
        l->due_ms = mono_ms() + REST_LINE_MS;
        b->most_out = b->n_out > 1 ? b->n_out / 2 : 1;
    } else if (!c->sent) {
        l->state = LINE_READY;
        rest(b, why);
    } else if (is_final(c) || ++l->attempts > b->house->cfg->batch_retries) {
        line_failed(l, err_name(c->x.rc), why, c);
    } else {
        l->state = LINE_RESTING;
        l->due_ms = mono_ms() + (wait < REST_LINE_MAX_MS ? wait : REST_LINE_MAX_MS);
        batch_set_text(&b->complain, why);
    }
}

static void mind_quota(const struct batch_line *l, const struct call *c)
{
    if (!c->sent)
        quota_not_asked(l->batch->house, l->batch->uid, l->minute);
}

static void changed_cb(struct call *c)
{
    struct batch_line *l = c->arg;
    struct batch *b = l->batch;

    if (exchange_ended(&c->x)) {
        l->call = NULL;
        b->n_out--;
        mind_quota(l, c);
        if (c->x.state == EXCHANGE_DONE)
            line_answered(l, c);
        else
            failed(l, c);
        exchange_unref(&c->x);
    }
    batch_post(b);
}

/* ---- Sending */

/* The model's name as the engine knows it: an engine that asks for none gets what a client of the gateway is told. */
static void body_cb(struct call *c, const struct job *j, struct buf *out)
{
    const struct batch_line *l = c->arg;
    const struct model_config *cfg = model_config(l->batch->model);
    struct request_defaults d = { .model = "" };
    struct buf served = { 0 };

    (void)j; /* of a share: it is the first model's */
    settings_defaults(model_settings(l->batch->model), &d);
    engine_served_name(cfg, &served);
    d.model = engine_is_told(cfg) ? cfg->model : served.len ? served.data : cfg->name;
    batch_request_body(&l->request, &d, out);
    buf_free(&served);
}

static bool send_line(struct batch_line *l)
{
    struct batch *b = l->batch;
    struct call *c = call_create(b->house, b->uid, l->request.path);

    c->x.priority = EXCHANGE_BACKGROUND;
    c->body = body_cb;
    c->changed = changed_cb;
    c->arg = l;
    if (model_resume(b->model, &c->x, NULL) < 0) {
        exchange_unref(&c->x);
        return false;
    }
    l->minute = quota_asked(b->house, b->uid);
    l->call = c;
    l->state = LINE_OUT;
    b->n_out++;
    return true;
}

/* So many may be with the model. */
static int may_be_out(const struct batch *b)
{
    int cap = b->house->cfg->batch_in_flight;
    int slots = model_slots(model_seen_by(b->model, b->uid)) + model_config(b->model)->slots;
    int most = cap > 0 ? cap : slots;

    return b->most_out > 0 && b->most_out < most ? b->most_out : most;
}

bool batch_sleeps(const struct batch *b)
{
    time_t now = wall_now().tv_sec;
    struct tm local;

    return *b->house->cfg->batch_hours && localtime_r(&now, &local) &&
           !batch_hours_hold(b->house->cfg->batch_hours, &local);
}

static bool has_quota(struct batch *b)
{
    uint64_t wait = quota_batch_wait_ms(b->house, b->uid), had = b->minute_ends_ms;

    b->minute_ends_ms = wait ? mono_ms() + wait : 0;
    if (!had != !wait)
        house_changed(b->house);
    return !wait;
}

static void send_lines(struct batch *b)
{
    int most = may_be_out(b);
    uint64_t now = mono_ms();

    list_for_each(l, &b->lines, struct batch_line, link)
    {
        if (b->n_out >= most || b->result_bytes > RESULTS_BYTES)
            return;
        if (l->state == LINE_RESTING && l->due_ms <= now)
            l->state = LINE_READY;
        if (l->state == LINE_READY && !l->request.path)
            line_failed(l, l->request.code, l->request.wrong, NULL);
        else if (l->state == LINE_READY && (!has_quota(b) || !send_line(l)))
            return;
    }
}

void batch_withdraw(struct batch *b)
{
    list_for_each(l, &b->lines, struct batch_line, link)
    {
        if (l->state != LINE_OUT || l->call->sent)
            continue;
        mind_quota(l, l->call);
        call_drop(l->call, "the batch waits");
        l->call = NULL;
        l->state = LINE_READY;
        b->n_out--;
    }
}

void batch_drop_lines(struct batch *b)
{
    list_for_each(l, &b->lines, struct batch_line, link)
    {
        if (l->state == LINE_OVER)
            continue;
        if (l->call) {
            mind_quota(l, l->call);
            call_drop(l->call, "the batch was cancelled");
            b->n_out--;
        }
        b->n_lines--;
        b->line_bytes -= l->size;
        batch_free_line(l);
    }
    b->next = 0;
}

int batch_in_flight(const struct batch *b)
{
    int n = 0;

    list_for_each(l, &b->lines, struct batch_line, link) n += l->state == LINE_OUT && l->call->sent;
    return n;
}

/* ---- What there is to do */

/* From the beginning again only when no line of before is left: one whose result is not written yet looks like one without. */
static bool wants_lines(const struct batch *b)
{
    int most = may_be_out(b) * (b->house->cfg->batch_ordered ? AHEAD : 2);

    return (b->next > 0 || b->n_lines == 0) && b->next < b->results.total && b->n_lines < most &&
           b->line_bytes <= LINES_BYTES && b->result_bytes <= RESULTS_BYTES;
}

static void mind_reading(struct batch *b)
{
    if (b->reading || b->put)
        return;
    if (!b->loaded)
        batch_read(b, READ_RESULTS);
    else if (b->state == BATCH_RUNNING && !b->indexed)
        batch_read(b, READ_INDEX);
    else if (b->state == BATCH_RUNNING && !b->want_retry && !b->doing_retry && wants_lines(b))
        batch_read(b, READ_LINES);
}

static void mind_end(struct batch *b)
{
    if (b->state == BATCH_RUNNING && b->loaded && b->indexed && !b->reading && !b->want_retry &&
        !b->doing_retry && b->n_lines == 0 && b->next >= b->results.total)
        batch_handle(b, BATCH_EV_FINISHED);
}

/* What was due before now waits for something else, which tells when it comes. */
static void sooner(uint64_t *at, uint64_t now, uint64_t due)
{
    if (due > now && (!*at || due < *at))
        *at = due;
}

/* When something is to be done although nothing happens. */
static void mind_clock(struct batch *b, bool sleeps)
{
    uint64_t now = mono_ms(), at = 0;

    sooner(&at, now, b->write_again_ms);
    if (b->state == BATCH_RUNNING) {
        sooner(&at, now, b->rest_until_ms);
        sooner(&at, now, b->minute_ends_ms);
        sooner(&at, now, *b->house->cfg->batch_hours ? now + HOURS_MS : 0);
        list_for_each(l, &b->lines, struct batch_line, link)
        {
            if (l->state == LINE_RESTING && !sleeps)
                sooner(&at, now, l->due_ms);
        }
    }
    if (at)
        timer_start_ms(b->wake, at - now);
    else
        timer_stop(b->wake);
}

static void pump(void *arg, int what)
{
    struct batch *b = arg;
    bool sleeps = batch_sleeps(b);

    (void)what;
    b->posted = false;
    mind_reading(b);
    if (b->state == BATCH_RUNNING && sleeps)
        batch_withdraw(b);
    if (b->state == BATCH_RUNNING && !sleeps && mono_ms() >= b->rest_until_ms && !b->write_again_ms &&
        !b->house->stopping)
        send_lines(b);
    batch_mind_writing(b, b->house->cfg->batch_ordered);
    count_rate(b);
    mind_end(b);
    mind_clock(b, sleeps);
}

void batch_post(struct batch *b)
{
    if (b->posted || b->closed)
        return;
    b->posted = true;
    mailbox_post(b->house->mail, pump, b, 0);
}
