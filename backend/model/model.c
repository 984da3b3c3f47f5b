/* SPDX-License-Identifier: MIT */
/* The life of a model. It sleeps without a job; the first question submits as many as it is to have and all further
 * questions join that wake; when the first engine is healthy, questions go out to slots in the order in which they
 * came; when the last answer has ended and nobody asks for idle_timeout, the jobs are cancelled. Its state follows
 * from the best of its jobs. The last one that is taken away while somebody waits is replaced; if a person cancels
 * it, it is let go, and those who waited for it are told so. model_jobs.c has the set of jobs. */
#include "backend/model/model_private.h"
#include "backend/remote/remote.h"
#include "backend/base/alloc.h"
#include "backend/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* While none is healthy, jobs that are lost are replaced so often in a row: a cluster that takes each away again
 * will do it once more, and the people who wait should hear of it. */
#define RELAUNCHES_MAX 3

/* ---- The table */

static const char *const names[] = {
    [MODEL_ASLEEP] = "asleep",     /* no job */
    [MODEL_QUEUED] = "queued",     /* jobs are submitted, or about to be, and none runs yet */
    [MODEL_STARTING] = "starting", /* one runs, no engine is healthy */
    [MODEL_READY] = "ready",       /* one is healthy: questions go out */
    [MODEL_DRAINING] = "draining", /* all jobs are being ended; the next question begins others */
    [MODEL_FAILED] = "failed",     /* last_error says why; the next question tries again */
};

const struct model_transition model_transitions[] = {
    { MODEL_ASLEEP, MODEL_WANTED, MODEL_QUEUED },
    { MODEL_ASLEEP, MODEL_ADOPTED, MODEL_QUEUED },
    { MODEL_QUEUED, MODEL_JOB_RUNS, MODEL_STARTING },
    { MODEL_QUEUED, MODEL_JOB_HEALTHY, MODEL_READY },
    { MODEL_QUEUED, MODEL_JOB_LOST, MODEL_ASLEEP },
    { MODEL_QUEUED, MODEL_JOB_REPLACE, MODEL_QUEUED },
    { MODEL_QUEUED, MODEL_JOB_FAILED, MODEL_FAILED },
    { MODEL_QUEUED, MODEL_JOB_CANCELLED, MODEL_DRAINING },
    { MODEL_QUEUED, MODEL_STOP, MODEL_DRAINING },
    { MODEL_QUEUED, MODEL_DEADLINE, MODEL_FAILED },
    { MODEL_STARTING, MODEL_JOB_QUEUED, MODEL_QUEUED },
    { MODEL_STARTING, MODEL_JOB_HEALTHY, MODEL_READY },
    { MODEL_STARTING, MODEL_JOB_LOST, MODEL_ASLEEP },
    { MODEL_STARTING, MODEL_JOB_REPLACE, MODEL_QUEUED },
    { MODEL_STARTING, MODEL_JOB_FAILED, MODEL_FAILED },
    { MODEL_STARTING, MODEL_JOB_CANCELLED, MODEL_DRAINING },
    { MODEL_STARTING, MODEL_STOP, MODEL_DRAINING },
    { MODEL_STARTING, MODEL_DEADLINE, MODEL_FAILED },
    { MODEL_READY, MODEL_JOB_QUEUED, MODEL_QUEUED },
    { MODEL_READY, MODEL_JOB_RUNS, MODEL_STARTING },
    { MODEL_READY, MODEL_JOB_LOST, MODEL_ASLEEP },
    { MODEL_READY, MODEL_JOB_REPLACE, MODEL_QUEUED },
    { MODEL_READY, MODEL_JOB_FAILED, MODEL_FAILED },
    { MODEL_READY, MODEL_JOB_CANCELLED, MODEL_DRAINING },
    { MODEL_READY, MODEL_IDLE, MODEL_DRAINING },
    { MODEL_READY, MODEL_STOP, MODEL_DRAINING },
    { MODEL_DRAINING, MODEL_JOB_GONE, MODEL_ASLEEP },
    { MODEL_DRAINING, MODEL_WANTED, MODEL_QUEUED },
    { MODEL_DRAINING, MODEL_ADOPTED, MODEL_QUEUED },
    { MODEL_FAILED, MODEL_WANTED, MODEL_QUEUED },
    { MODEL_FAILED, MODEL_ADOPTED, MODEL_QUEUED },
};
const size_t model_n_transitions = sizeof model_transitions / sizeof model_transitions[0];

const char *model_state_name(enum model_state s)
{
    return names[s];
}

static void enter(struct model *m, enum model_event ev);

/* ---- A model of a gateway: our own state tells no more than whether that can be asked; people are shown its own. */

static enum model_state far_state(const struct model *m)
{
    if (remote_is_up(m->remote))
        return remote_state(m->remote, m->cfg->model);
    return m->state == MODEL_FAILED ? MODEL_FAILED : model_is_wanted(m) ? MODEL_QUEUED : MODEL_ASLEEP;
}

bool model_is_held(const struct model *m)
{
    return m->remote && remote_holds(m->remote, m->cfg->model);
}

void model_far_failed(struct model *m, int rc, const char *why)
{
    model_set_error(m, rc, why);
    model_fail_waiting(m, NULL);
}

void model_far_changed(struct model *m)
{
    enum model_state from = m->shown;
    const char *reason = json_string_value(json_object_get(remote_card(m->remote, m->cfg->model), "reason"));

    m->shown = far_state(m);
    if (m->shown == from)
        return;
    m->since = wall_now();
    house_event(m->house, "model", m->cfg->name, NULL, m->cfg->cluster->name, names[from], names[m->shown],
                m->shown == MODEL_FAILED ? m->last_error : reason);
}

void model_event(struct model *m, enum model_state from, const char *reason)
{
    const struct job *j = model_job(m);

    if (m->remote) {
        model_far_changed(m);
        return;
    }
    list_for_each(one, &m->sharers, struct model, sharer)
    {
        house_event(m->house, "model", one->cfg->name, j ? j->name : NULL, one->cfg->cluster->name,
                    names[from], names[m->state], reason);
    }
}

void model_handle(struct model *m, enum model_event ev, const char *reason)
{
    for (size_t i = 0; i < model_n_transitions; i++) {
        const struct model_transition *t = &model_transitions[i];
        if (t->state != m->state || t->event != ev)
            continue;
        enum model_state from = m->state;
        m->state = t->next;
        if (from != t->next && !m->remote)
            m->since = wall_now();
        model_event(m, from, reason);
        enter(m, ev);
        return;
    }
}

/* ---- Entries */

void model_set_error(struct model *m, int rc, const char *text)
{
    char *copy = text ? xstrdup(text) : NULL;

    free(m->last_error);
    m->last_error = copy;
    m->rc = rc;
}

static void enter_asleep(struct model *m)
{
    m->relaunches = 0;
    m->target = 0;
    m->time_s = 0;
}

static void enter_ready(struct model *m)
{
    m->relaunches = 0;
    model_set_error(m, 0, NULL);
    model_post_dispatch(m);
}

static void enter_draining(struct model *m, enum model_event ev)
{
    if (ev == MODEL_STOP)
        model_cancel(m, NULL, (uid_t)-1, m->house->stopping ? "the mount ended" : "the model was stopped");
    if (ev != MODEL_JOB_CANCELLED)
        model_let_all_go(m, ev == MODEL_IDLE ? "nobody asked for idle_timeout" : "stopped");
}

static void enter_failed(struct model *m)
{
    model_let_all_go(m, m->last_error);
    m->relaunches = 0;
    m->time_s = 0;
    model_fail_waiting(m, NULL);
}

static void enter(struct model *m, enum model_event ev)
{
    switch (m->state) {
    case MODEL_ASLEEP:
        enter_asleep(m);
        break;
    case MODEL_QUEUED:
        model_fill(m);
        break;
    case MODEL_STARTING:
        break;
    case MODEL_READY:
        enter_ready(m);
        break;
    case MODEL_DRAINING:
        enter_draining(m, ev);
        break;
    case MODEL_FAILED:
        enter_failed(m);
        break;
    }
    if (m->state != MODEL_QUEUED && m->state != MODEL_STARTING)
        m->woken = false;
    model_mind_idle(m);
    model_mind(m);
    house_changed(m->house);
}

/* ---- Events from outside */

/* Jobs that stay up are not ended by the clock; it ends those above them. */
static void idle_cb(void *arg)
{
    struct model *m = arg;

    if (model_floor(m) > 0) {
        m->target = model_floor(m);
        model_mind(m);
    } else {
        model_handle(m, MODEL_IDLE, "nobody asked for idle_timeout");
    }
}

/* A job of ours is over. While others are there, they go on and another takes its place. The last one is replaced
 * where it was taken away and somebody waits, or some are to be up in any case. */
static void job_ended(struct model *m, struct job *j)
{
    bool lost = job_was_lost(j), stays_up = model_floor(m) > 0;

    model_job_ended(m, j);
    model_set_error(m, j->rc, j->error);
    if (model_best(m))
        return;
    if (lost && m->n_waiting == 0 && !stays_up)
        model_handle(m, MODEL_JOB_LOST, j->error);
    else if (lost && (++m->relaunches <= RELAUNCHES_MAX || stays_up))
        model_handle(m, MODEL_JOB_REPLACE, j->error);
    else
        model_handle(m, MODEL_JOB_FAILED, m->last_error);
}

/* Those who waited for a job that a person has cancelled hear of it; who came after that waits for another. While
 * others are there they answer, and a new one takes its place. */
static void job_cancelled(struct model *m, struct job *j)
{
    j->let_go = true;
    if (model_best(m))
        return;
    if (m->n_waiting > 0)
        model_set_error(m, -ECANCELED, "the job was cancelled");
    model_fail_waiting(m, &j->since);
    model_handle(m, MODEL_JOB_CANCELLED, "its job was cancelled");
    if (m->n_waiting > 0)
        model_handle(m, MODEL_WANTED, NULL);
}

/* Only where a job stands now counts: several posts may have come to the same. */
static void hear(struct model *m, struct job *j)
{
    if (!j->let_go && job_is_cancelled(j)) {
        job_cancelled(m, j);
    } else if (!j->let_go && j->over && !j->counted) {
        job_ended(m, j);
    } else if (j->state == JOB_HEALTHY && !j->learnt) {
        j->learnt = true;
        model_learn_start(m, j);
        if (m->state == MODEL_READY) /* what was lost is replaced */
            model_set_error(m, 0, NULL);
    }
}

/* The model is as far as the best of its jobs. */
static void follow(struct model *m, const struct job *best)
{
    if (!best)
        return;
    if (best->state == JOB_HEALTHY) {
        model_handle(m, MODEL_JOB_HEALTHY, NULL);
        model_post_dispatch(m);
    } else if (best->state == JOB_RUNNING || best->state == JOB_FOUND) {
        model_handle(m, MODEL_JOB_RUNS, NULL);
    } else {
        model_handle(m, MODEL_JOB_QUEUED, best->reason);
    }
}

static void news(void *arg, int what)
{
    struct model *m = arg;

    (void)what;
    list_for_each(j, &m->house->jobs, struct job, link) if (j->model == m) hear(m, j);
    if (m->state == MODEL_DRAINING && !model_holds_any(m))
        model_handle(m, MODEL_JOB_GONE, NULL);
    follow(m, model_best(m));
    model_mind(m);
    house_changed(m->house);
}

void model_job_news(struct model *m, struct job *j)
{
    if (m && j->model == m)
        mailbox_post(m->house->mail, news, m, 0);
}

unsigned model_wakes(const struct model *m)
{
    return m->wakes;
}

struct wake_time model_wake_time(const struct model *m, enum wake_phase phase)
{
    return m->wake_times[phase];
}

/* A person asks: nothing of the past stands in the way. */
void model_want(struct model *m)
{
    m->stopped = false;
    if (m->state == MODEL_ASLEEP || m->state == MODEL_FAILED || m->state == MODEL_DRAINING) {
        model_wake_target(m);
        m->may_begin_ms = 0;
        m->short_lives = 0;
    }
    model_handle(m, MODEL_WANTED, NULL);
    list_for_each(j, &m->house->jobs, struct job, link) if (model_keeps(m, j)) job_attend(j);
    model_mind(m);
}

void model_wake_for(struct model *m, int64_t time_s)
{
    if (!m->house->stopping)
        m->pool->time_s = time_s;
    model_wake(m);
}

void model_wake(struct model *m)
{
    m = m->pool;
    if (m->house->stopping)
        return;
    model_want(m);
    m->woken = m->state == MODEL_QUEUED || m->state == MODEL_STARTING;
    if (m->remote)
        remote_wake(m->remote, m);
}

void model_stop(struct model *m, const char *why)
{
    m = m->pool;
    m->stopped = true;
    model_cancel(m, NULL, (uid_t)-1, why);
    model_handle(m, MODEL_STOP, why);
    model_let_all_go(m, why); /* those too that only finish what they have */
}

/* ---- Making and showing */

/* The first of its share, which was made before it. */
static struct model *pool_of(const struct house *h, struct model *m)
{
    for (size_t i = 0; *m->cfg->share && i < h->cfg->n_models && h->models[i]; i++)
        if (strcmp(h->models[i]->cfg->share, m->cfg->share) == 0 &&
            h->models[i]->cfg->cluster == m->cfg->cluster &&
            strcmp(h->models[i]->cfg->engine, m->cfg->engine) == 0)
            return h->models[i]->pool;
    return m;
}

static struct model *make(struct house *h, const struct model_config *cfg)
{
    struct model *m = NEW(struct model);

    m->house = h;
    m->cfg = cfg;
    list_init(&m->twins);
    list_init(&m->twin);
    list_init(&m->sharers);
    m->remote = house_cluster(h, cfg->cluster->name)->remote;
    m->since = wall_now();
    line_init(&m->line);
    m->replicas = cfg->replicas;
    m->idle = timer_create_on(h->loop, idle_cb, m);
    m->mind = timer_create_on(h->loop, model_mind_cb, m);
    return m;
}

static void join(struct model *m, struct model *pool)
{
    m->pool = pool;
    list_append(&pool->sharers, &m->sharer);
}

struct model *model_create(struct house *h, const struct model_config *cfg)
{
    struct model *m = make(h, cfg);

    join(m, pool_of(h, m));
    m->settings = settings_create(h, cfg);
    if (cfg->min > 0 && m->pool == m)
        model_mind(m); /* when the loop runs: jobs of an earlier mount may be adopted before */
    return m;
}

struct model *model_create_twin(struct model *front, const struct model_config *cfg, struct model *pool)
{
    struct model *m = make(front->house, cfg);

    m->front = front;
    join(m, pool ? pool : m);
    m->settings = front->settings;
    list_append(&front->twins, &m->twin);
    return m;
}

void model_destroy(struct model *m)
{
    if (!m)
        return;
    list_for_each(t, &m->twins, struct model, twin) model_destroy(t);
    list_remove(&m->twin);
    list_remove(&m->sharer);
    model_cancel(m->pool, m, (uid_t)-1, "the mount ended");
    mailbox_forget(m->house->mail, m);
    timer_destroy(m->idle);
    timer_destroy(m->mind);
    list_for_each(j, &m->house->jobs, struct job, link) if (j->model == m) j->model = NULL;
    if (!m->front)
        settings_destroy(m->settings);
    free(m->last_error);
    free(m);
}

const struct model_config *model_config(const struct model *m)
{
    return m->cfg;
}

struct house *model_house(const struct model *m)
{
    return m->house;
}

struct settings *model_settings(const struct model *m)
{
    return m->settings;
}

enum model_state model_state(const struct model *m)
{
    return m->remote ? far_state(m) : m->pool->state;
}

json_t *model_since(const struct model *m)
{
    return json_time(&m->pool->since);
}

void model_counts(const struct model *m, int *waiting, int *active)
{
    *waiting = m->own_waiting;
    *active = m->own_active;
}

bool model_is_wanted(const struct model *m)
{
    return m->pool->n_waiting > 0 || m->pool->n_active > 0 || m->pool->woken;
}

bool model_has_job(const struct model *m, const struct job *j)
{
    return j->model == m->pool;
}
