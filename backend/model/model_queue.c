/* SPDX-License-Identifier: MIT */
/* The questions of one model: they wait in line (line.c has their order), are handed to the slots of its jobs, go
 * back to their place when their engine is lost, and are counted when they end. */
#include "backend/model/model_private.h"
#include "backend/job/job_ask.h"
#include "backend/quota.h"

#include <errno.h>
#include <stdio.h>

/* ---- Questions in line and under way */

/* It is shown to all; what users ask on a cluster of their own is not. */
static void tell_use(struct model *m)
{
    if (m->front)
        return;
    m->house->used.model = m;
    m->house->used.ms = mono_ms();
}

/* One more of its model's, of its pool's and of its user's waits, or (more = -1) one less. */
static void waits(const struct exchange *x, int more)
{
    x->model->own_waiting += more;
    x->model->pool->n_waiting += more;
    x->model->pool->n_held += x->held ? more : 0;
    if (x->ops->by_user)
        quota_waits(x->model->house, x->uid, more);
}

static void hand_out(struct model *m, struct exchange *x, struct job *j)
{
    line_take(&m->line, x);
    waits(x, -1);
    m->n_active++;
    x->model->own_active++;
    x->job = j;
    x->state = EXCHANGE_SENT;
    loaded_mark(j, x->model->cfg);
    snprintf(x->job_name, sizeof x->job_name, "%s", j->name ? j->name : "");
    list_append(&j->active, &x->link);
    j->n_active++;
    m->house->used.count += !m->front;
    tell_use(x->model);
    x->ops->send(x);
    house_changed(m->house);
}

/* The first in line, unless the jobs with a free slot are those that lost it before. */
static struct exchange *first_that_goes(struct model *m, struct job **j)
{
    list_for_each(x, &m->line.waiting, struct exchange, link)
    {
        if (!x->held && (*j = model_pick(m, x)))
            return x;
    }
    return NULL;
}

static void dispatch(void *arg, int what)
{
    struct model *m = arg;
    struct job *j;

    (void)what;
    m->dispatching = false;
    for (struct exchange *x; m->state == MODEL_READY && model_has_slot(m) && (x = first_that_goes(m, &j));)
        hand_out(m, x, j);
    model_mind(m); /* those that still wait may be a reason for more jobs */
}

void model_post_dispatch(struct model *m)
{
    m = m->pool;
    if (m->dispatching)
        return;
    m->dispatching = true;
    mailbox_post(m->house->mail, dispatch, m, 0);
}

/* Idle time runs from the end of the last answer, and never while anything waits or is in flight; a pin outlasts
 * it. */
static void wind(struct model *m, uint64_t idle_ms)
{
    uint64_t pin = model_pinned_ms(m), timeout = (uint64_t)m->cfg->job.idle_timeout_s * 1000;
    uint64_t left = timeout > idle_ms ? timeout - idle_ms : 0;

    if (timeout > 0)
        timer_start_ms(m->idle, left > pin ? left : pin);
}

void model_rewind_idle(struct model *m)
{
    if (m->idle_since.tv_sec)
        wind(m, mono_ms() - m->idle_ms);
}

void model_mind_idle(struct model *m)
{
    m = m->pool;
    bool idle = m->state == MODEL_READY && m->n_waiting == 0 && m->n_active == 0;

    if (!idle) {
        timer_stop(m->idle);
        m->idle_since = (struct timespec){ 0 };
    } else if (m->idle_since.tv_sec == 0) {
        m->idle_since = wall_now();
        m->idle_ms = mono_ms();
        wind(m, 0);
    }
}

static void unlink_active(struct model *m, struct exchange *x)
{
    list_remove(&x->link);
    x->job->n_active--;
    x->job->n_piped -= x->piped;
    x->job = NULL;
    m->own_active--;
    m->pool->n_active--;
}

void model_requeue(struct model *m, struct exchange *x)
{
    unlink_active(m, x);
    line_put_back(&m->pool->line, x);
    waits(x, 1);
    house_changed(m->house);
    model_post_dispatch(m);
}

void model_release(struct model *m, struct exchange *x)
{
    m->pool->n_held -= x->held;
    x->held = false;
    model_post_dispatch(m);
}

static void count(struct model *m, const struct exchange *x)
{
    double seconds =
        (double)(x->ended.tv_sec - x->begun.tv_sec) + (double)(x->ended.tv_nsec - x->begun.tv_nsec) / 1e9;

    if (x->state == EXCHANGE_DONE)
        m->done++;
    else
        m->failed++;
    m->prompt_tokens += x->prompt_tokens;
    m->completion_tokens += x->completion_tokens;
    if (x->state == EXCHANGE_DONE && x->completion_tokens > 1 && x->begun.tv_sec && seconds > 0)
        m->per_s = (double)x->completion_tokens / seconds;
    if (x->state == EXCHANGE_DONE && x->begun.tv_sec && !x->piped)
        model_learn_answer(m->pool, seconds);
}

void model_exchange_ended(struct model *m, struct exchange *x)
{
    if (x->job) {
        tell_use(m);
        unlink_active(m, x);
    } else {
        list_remove(&x->link);
        waits(x, -1);
    }
    x->model = NULL;
    count(m, x);
    model_mind_idle(m);
    house_changed(m->house);
    model_post_dispatch(m);
    exchange_unref(x);
}

static bool asked_after(const struct exchange *x, const struct timespec *t)
{
    return x->asked.tv_sec != t->tv_sec ? x->asked.tv_sec > t->tv_sec : x->asked.tv_nsec > t->tv_nsec;
}

void model_fail_waiting(struct model *m, const struct timespec *until)
{
    struct list all;

    list_init(&all);
    list_for_each(x, &m->line.waiting, struct exchange, link)
    {
        if (until && asked_after(x, until))
            continue;
        list_remove(&x->link);
        list_append(&all, &x->link);
    }
    for (struct exchange *x; (x = list_first(&all, struct exchange, link));)
        exchange_failed(x, m->rc, "%s", m->last_error ? m->last_error : "the model failed");
}

/* Those of one model, or of all with NULL, and of one user, or of all with -1, in a list of their own: the end of one
 * may end others, or bring new ones. */
static void take_out(struct list *from, const struct model *of, uid_t uid, struct list *out)
{
    list_init(out);
    list_for_each(x, from, struct exchange, link)
    {
        if ((uid != (uid_t)-1 && x->uid != uid) || (of && x->model != of))
            continue;
        list_remove(&x->link);
        list_append(out, &x->link);
    }
}

static void cancel_all(struct list *exchanges, const struct model *of, uid_t uid, const char *why, int *n)
{
    struct list all;

    take_out(exchanges, of, uid, &all);
    for (struct exchange *x; (x = list_first(&all, struct exchange, link)); ++*n)
        exchange_cancel(x, why);
}

int model_cancel(struct model *m, const struct model *of, uid_t uid, const char *why)
{
    int n = 0;

    cancel_all(&m->line.waiting, of, uid, why, &n);
    list_for_each(j, &m->house->jobs, struct job, link) if (j->model == m)
        cancel_all(&j->active, of, uid, why, &n);
    return n;
}

/* Work that nobody waits for stands at the end of the line, and in nobody's way. */
static int people_waiting(const struct model *m)
{
    const struct list *all = &m->pool->line.waiting;
    int n = m->own_waiting;

    for (const struct list *l = all->prev; l != all; l = l->prev) {
        const struct exchange *x = container_of(l, struct exchange, link);
        if (x->priority != EXCHANGE_BACKGROUND)
            break;
        n -= x->model == m;
    }
    return n;
}

int model_may_ask(const struct model *m, struct err *e)
{
    /* Those that a free slot takes at once do not wait; where none may wait, the first ones still wake the
     * model. */
    const struct model *pool = m->pool;
    bool at_once = pool->state == MODEL_READY || m->cfg->max_queue == 0;
    int slots = pool->state == MODEL_READY ? model_free_slots(pool) : m->cfg->slots - pool->n_active;
    int room = m->cfg->max_queue + (at_once && slots > 0 ? slots : 0);

    if (m->house->stopping)
        return err_set(e, -ECANCELED, "the mount is ending");
    int waiting = people_waiting(m);
    if (waiting >= room)
        return err_set(e, -EBUSY, "%s: %d questions wait already (max_queue); try again later", m->cfg->name,
                       waiting);
    return 0;
}

static void take(struct model *m, struct exchange *x)
{
    exchange_ref(x);
    x->model = m;
    x->state = EXCHANGE_WAITING;
    waits(x, 1);
    m = m->pool;
    line_add(&m->line, x);
    if (x->ops->by_user)
        quota_asked(m->house, x->uid);
    if (m->n_waiting - m->n_held + m->n_active > m->most_asked)
        m->most_asked = m->n_waiting - m->n_held + m->n_active;
    model_mind_idle(m);
    model_want(m);
    house_changed(m->house);
    model_post_dispatch(m);
}

int model_may_ask_as(struct model *m, uid_t uid, struct err *e)
{
    struct model *there = model_for(m, uid, e);
    int rc = there ? model_may_ask(there, e) : -EINVAL;

    return rc < 0 ? rc : quota_may_ask(m->house, uid, e);
}

int model_submit(struct model *m, struct exchange *x, struct err *e)
{
    struct model *there = model_for(m, x->uid, e);
    int rc = there ? model_may_ask(there, e) : -EINVAL;

    if (rc == 0 && x->ops->by_user)
        rc = quota_may_ask(m->house, x->uid, e);
    if (rc == 0)
        take(there, x);
    return rc;
}

int model_resume(struct model *m, struct exchange *x, struct err *e)
{
    struct model *there = model_for(m, x->uid, e);

    if (m->house->stopping)
        return err_set(e, -ECANCELED, "the mount is ending");
    if (!there)
        return -EINVAL;
    take(there, x);
    return 0;
}

static bool can_be_answered(const struct model *m, const struct exchange *x)
{
    list_for_each(j, &m->house->jobs, struct job, link)
    {
        if (j->number == x->only && model_lets_in(m, j))
            return true;
    }
    return x->only == 0;
}

void model_fail_orphans(struct model *m)
{
    struct list orphans;

    list_init(&orphans);
    list_for_each(x, &m->line.waiting, struct exchange, link)
    {
        if (can_be_answered(m, x))
            continue;
        list_remove(&x->link);
        list_append(&orphans, &x->link);
    }
    for (struct exchange *x; (x = list_first(&orphans, struct exchange, link));)
        exchange_failed(x, -ECANCELED, "the job that was asked takes no more questions");
}
