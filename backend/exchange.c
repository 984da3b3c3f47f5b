/* SPDX-License-Identifier: MIT */
/* What a report about an exchange means: it goes on, goes to another job, or ends. See exchange.h for who
 * reports. */
#include "backend/exchange.h"
#include "backend/base/alloc.h"
#include "backend/base/err.h"
#include "backend/base/log.h"
#include "backend/base/timer.h"
#include "backend/house.h"
#include "backend/job/job.h"
#include "backend/model/model.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

/* CONTRACT.md 3.4: a lost engine means that the prompt goes to the next one, twice at most; it may be the
 * prompt that kills. */
#define LOSSES_MAX 2

void exchange_init(struct exchange *x, const struct exchange_ops *ops, uid_t uid)
{
    *x = (struct exchange){ .ops = ops, .refs = 1, .uid = uid, .asker = uid, .asked = wall_now() };
    list_init(&x->link);
}

/* Source: FNV-1a, 64 bits, http://www.isthe.com/chongo/tech/comp/fnv/. Nothing but speed hangs on it. */
static uint64_t hash(const char *s, size_t len)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)s[i]) * UINT64_C(0x100000001b3);
    return h;
}

/* A conversation grows at its end: its second question has the short beginning of the first one, and later ones the
 * long beginning too. */
void exchange_set_beginning(struct exchange *x, const char *text, size_t len)
{
    static const size_t lengths[EXCHANGE_PREFIXES] = { 1024, 256 };

    for (int i = 0; i < EXCHANGE_PREFIXES; i++)
        x->prefixes[i] = len >= lengths[i] ? hash(text, lengths[i]) : 0;
    if (len > 0 && len < lengths[EXCHANGE_PREFIXES - 1])
        x->prefixes[EXCHANGE_PREFIXES - 1] = hash(text, len);
}

struct exchange *exchange_ref(struct exchange *x)
{
    x->refs++;
    return x;
}

void exchange_unref(struct exchange *x)
{
    if (!x || --x->refs > 0)
        return;
    timer_destroy(x->stall);
    free(x->error);
    x->ops->destroy(x);
}

bool exchange_ended(const struct exchange *x)
{
    return x->state >= EXCHANGE_DONE;
}

static bool under_way(const struct exchange *x)
{
    return x->state == EXCHANGE_SENT || x->state == EXCHANGE_STREAMING;
}

static void tell(struct exchange *x)
{
    if (x->ops->changed)
        x->ops->changed(x);
}

/* The one place where an exchange ends. error is taken over. */
static void end(struct exchange *x, enum exchange_state state, int rc, char *error)
{
    struct model *m = x->model;

    if (exchange_ended(x)) {
        free(error);
        return;
    }
    timer_stop(x->stall);
    x->state = state;
    x->rc = rc;
    free(x->error);
    x->error = error;
    x->ended = wall_now();
    exchange_ref(x);
    if (m)
        model_exchange_ended(m, x); /* unlinks it and drops the model's reference */
    tell(x);
    exchange_unref(x);
}

/* ---- Reports of the kind */

static uint64_t stall_ms(const struct exchange *x)
{
    return (uint64_t)model_config(x->model)->job.stall_timeout_s * 1000;
}

static void stalled_cb(void *arg)
{
    struct exchange *x = arg;
    struct job *j = x->job;

    if (model_is_held(x->model)) { /* the gateway waits for a job: that is told, and has a limit there */
        exchange_alive(x);
        return;
    }
    x->ops->drop(x);
    exchange_ref(x);
    exchange_failed(x, -ETIMEDOUT, "the engine said nothing for %lld s (stall_timeout)",
                    (long long)model_config(x->model)->job.stall_timeout_s);
    job_suspect(j, "it fell silent in the middle of an answer");
    exchange_unref(x);
}

void exchange_alive(struct exchange *x)
{
    if (!under_way(x) || x->piped || stall_ms(x) == 0)
        return;
    if (!x->stall)
        x->stall = timer_create_on(model_house(x->model)->loop, stalled_cb, x);
    timer_start_ms(x->stall, stall_ms(x));
}

void exchange_paused(struct exchange *x, bool paused)
{
    if (paused)
        timer_stop(x->stall);
    else
        exchange_alive(x);
}

void exchange_begun(struct exchange *x)
{
    if (x->state != EXCHANGE_SENT)
        return;
    x->state = EXCHANGE_STREAMING;
    x->begun = wall_now();
    tell(x);
}

void exchange_piped(struct exchange *x)
{
    if (x->state != EXCHANGE_SENT || x->piped)
        return;
    timer_stop(x->stall);
    x->piped = true;
    x->job->n_piped++;
    exchange_begun(x);
    model_post_dispatch(x->model);
}

void exchange_done(struct exchange *x)
{
    if (under_way(x))
        end(x, EXCHANGE_DONE, 0, NULL);
}

void exchange_failed(struct exchange *x, int rc, const char *fmt, ...)
{
    struct err e;
    va_list ap;

    va_start(ap, fmt);
    err_vset(&e, rc, fmt, ap);
    va_end(ap);
    end(x, EXCHANGE_FAILED, rc, xstrdup(e.text));
}

void exchange_failed_with(struct exchange *x, int rc, char *error)
{
    end(x, EXCHANGE_FAILED, rc, error);
}

void exchange_lost(struct exchange *x, const char *why)
{
    struct job *j = x->job;

    if (!under_way(x))
        return;
    timer_stop(x->stall);
    exchange_ref(x);
    if (x->state == EXCHANGE_STREAMING)
        exchange_failed(x, -ECONNRESET, "the engine was lost in the middle of the answer: %s", why);
    else if (x->once)
        exchange_failed(x, -ECONNRESET,
                        "the engine was lost in the middle of a question that is too long to be kept for another "
                        "one; send it again: %s",
                        why);
    else if ((x->losses += job_can_be_reached(j)) > LOSSES_MAX) /* a cut link kills no engine */
        exchange_failed(x, -EIO,
                        "%d engines were lost under this prompt before they said a word; it may be the "
                        "prompt that kills: %s",
                        x->losses, why);
    else {
        log_info("%s: a question goes to the next engine: %s", x->job_name, why);
        x->lost_by[(x->losses + EXCHANGE_LOST_BY - 1) % EXCHANGE_LOST_BY] = j->number;
        x->state = EXCHANGE_WAITING;
        model_requeue(x->model, x);
        tell(x);
    }
    exchange_unref(x);
    job_suspect(j, why);
}

void exchange_again(struct exchange *x)
{
    if (x->state != EXCHANGE_SENT)
        return;
    timer_stop(x->stall);
    x->state = EXCHANGE_WAITING;
    model_requeue(x->model, x);
    tell(x);
}

void exchange_cancel(struct exchange *x, const char *why)
{
    if (exchange_ended(x))
        return;
    if (under_way(x))
        x->ops->drop(x);
    end(x, EXCHANGE_CANCELLED, -ECANCELED, xstrdup(why));
}
