/* SPDX-License-Identifier: MIT */
/* The life of a model. It sleeps without a job; the first question submits one and all further questions join
 * that wake; when the job's engine is healthy, questions go out to its slots in the order in which they came;
 * when the last answer has ended and nobody asks for idle_timeout, the job is cancelled. A job that is taken
 * away while somebody waits is replaced; one that a person cancels is let go, and those who waited for it are
 * told so. */
#include "backend/model_private.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"

#include <errno.h>
#include <stdlib.h>

/* Jobs that end before they are healthy are replaced so often in a row: a cluster that takes each away again
 * will do it once more, and the people who wait should hear of it. */
#define RELAUNCHES_MAX 3

/* ---- The table */

static const char *const names[] = {
    [MODEL_ASLEEP] = "asleep",     /* no job */
    [MODEL_QUEUED] = "queued",     /* the job is submitted and does not run yet */
    [MODEL_STARTING] = "starting", /* it runs, the engine is not healthy */
    [MODEL_READY] = "ready",       /* questions go out */
    [MODEL_DRAINING] = "draining", /* the job is being ended; the next question begins another */
    [MODEL_FAILED] = "failed",     /* last_error says why; the next question tries again */
};

const struct model_transition model_transitions[] = {
    { MODEL_ASLEEP, MODEL_WANTED, MODEL_QUEUED },
    { MODEL_ASLEEP, MODEL_JOB_ADOPTED, MODEL_QUEUED },
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
    { MODEL_FAILED, MODEL_WANTED, MODEL_QUEUED },
};
const size_t model_n_transitions = sizeof model_transitions / sizeof model_transitions[0];

const char *model_state_name(enum model_state s)
{
    return names[s];
}

static void enter(struct model *m, enum model_event ev);

void model_handle(struct model *m, enum model_event ev, const char *reason)
{
    for (size_t i = 0; i < model_n_transitions; i++) {
        const struct model_transition *t = &model_transitions[i];
        if (t->state != m->state || t->event != ev)
            continue;
        enum model_state from = m->state;
        m->state = t->next;
        if (from != t->next)
            m->since = wall_now();
        house_event(m->house, "model", m->cfg->name, m->job ? m->job->name : NULL, m->cfg->cluster->name,
                    names[from], names[t->next], reason);
        enter(m, ev);
        return;
    }
}

/* ---- Entries */

static void set_error(struct model *m, int rc, const char *text)
{
    free(m->last_error);
    m->last_error = xstrdup(text);
    m->rc = rc;
}

static void set_deadline(struct model *m, int64_t seconds)
{
    if (seconds > 0)
        timer_start_ms(m->deadline, (uint64_t)seconds * 1000);
    else
        timer_stop(m->deadline);
}

static void enter_asleep(struct model *m)
{
    m->job = NULL;
    m->relaunches = 0;
    timer_stop(m->deadline);
}

static void enter_queued(struct model *m, enum model_event ev)
{
    if (ev != MODEL_JOB_QUEUED && ev != MODEL_JOB_ADOPTED) { /* else the same job waits, again perhaps */
        m->job = job_create(house_cluster(m->house, m->cfg->cluster->name), m);
        m->wakes++;
    }
    set_deadline(m, m->cfg->job.start_timeout_s);
}

static void enter_ready(struct model *m)
{
    m->relaunches = 0;
    timer_stop(m->deadline);
    set_error(m, 0, NULL);
    model_post_dispatch(m);
}

/* Those who waited for a job that a person has cancelled hear of it; who came after that waits for another. */
static void fail_those_of(struct model *m, const struct job *cancelled)
{
    if (m->n_waiting > 0)
        set_error(m, -ECANCELED, "the job was cancelled");
    model_fail_waiting(m, &cancelled->since);
}

static void enter_draining(struct model *m, enum model_event ev)
{
    struct job *j = m->job;

    timer_stop(m->deadline);
    if (ev == MODEL_STOP)
        model_cancel(m, (uid_t)-1, m->house->stopping ? "the mount ended" : "the model was stopped");
    if (ev == MODEL_JOB_CANCELLED)
        fail_those_of(m, j);
    else
        job_cancel(j, ev == MODEL_IDLE ? "nobody asked for idle_timeout" : "stopped");
}

static void enter_failed(struct model *m)
{
    timer_stop(m->deadline);
    if (m->job && job_live(m->job))
        job_cancel(m->job, m->last_error);
    m->job = NULL;
    m->relaunches = 0;
    model_fail_waiting(m, NULL);
}

static void enter(struct model *m, enum model_event ev)
{
    switch (m->state) {
    case MODEL_ASLEEP:
        enter_asleep(m);
        break;
    case MODEL_QUEUED:
        enter_queued(m, ev);
        break;
    case MODEL_STARTING:
        set_deadline(m, m->cfg->job.ready_timeout_s);
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
    house_changed(m->house);
}

/* ---- Events from outside */

static void idle_cb(void *arg)
{
    model_handle(arg, MODEL_IDLE, "nobody asked for idle_timeout");
}

static void deadline_cb(void *arg)
{
    struct model *m = arg;
    struct err e = { 0 };
    struct job *j = m->job;

    if (m->state == MODEL_QUEUED)
        err_set(&e, 0, "the job did not start within start_timeout (%lld s)%s%s",
                (long long)m->cfg->job.start_timeout_s, j->reason[0] ? "; the scheduler's reason: " : "",
                j->reason);
    else
        err_set(&e, 0, "the engine was not healthy within ready_timeout (%lld s)",
                (long long)m->cfg->job.ready_timeout_s);
    job_blame(j, -ETIMEDOUT, e.text);
    if (m->state != MODEL_QUEUED) {
        struct buf whole = { 0 };
        buf_adds(&whole, e.text);
        job_last_words(j, &whole);
        err_set(&e, 0, "%s", buf_str(&whole));
        buf_free(&whole);
    }
    set_error(m, -ETIMEDOUT, e.text);
    model_handle(m, MODEL_DEADLINE, e.text);
}

/* A job of ours is over. Where it was taken away and somebody waits, another is begun. */
static void job_ended(struct model *m, struct job *j)
{
    if (m->state == MODEL_DRAINING) {
        model_handle(m, MODEL_JOB_GONE, NULL);
        return;
    }
    set_error(m, j->rc, j->error);
    if (m->n_waiting == 0 && job_was_lost(j))
        model_handle(m, MODEL_JOB_LOST, j->error);
    else if (job_was_lost(j) && ++m->relaunches <= RELAUNCHES_MAX)
        model_handle(m, MODEL_JOB_REPLACE, j->error);
    else
        model_handle(m, MODEL_JOB_FAILED, m->last_error);
}

/* Only where the job stands now counts: several posts may have come to the same. */
static void news(void *arg, int what)
{
    struct model *m = arg;
    struct job *j = m->job;

    (void)what;
    if (j && job_is_cancelled(j)) {
        model_handle(m, MODEL_JOB_CANCELLED, "its job was cancelled");
        if (m->n_waiting > 0)
            model_handle(m, MODEL_WANTED, NULL);
        j = m->job; /* another perhaps */
    }
    if (!j)
        return;
    if (j->over) {
        job_ended(m, j);
    } else if (j->state == JOB_HEALTHY) {
        model_handle(m, MODEL_JOB_HEALTHY, NULL);
        model_post_dispatch(m);
    } else if (j->state == JOB_RUNNING || j->state == JOB_FOUND) {
        model_handle(m, MODEL_JOB_RUNS, NULL);
    } else if (j->state == JOB_PENDING) {
        model_handle(m, MODEL_JOB_QUEUED, j->reason);
    }
    house_changed(m->house);
}

void model_job_news(struct model *m, struct job *j)
{
    if (m && m->job == j)
        mailbox_post(m->house->mail, news, m, 0);
}

unsigned model_wakes(const struct model *m)
{
    return m->wakes;
}

void model_adopt(struct model *m, struct job *j)
{
    if (m->job) {
        job_cancel(j, "its model has a job already");
        return;
    }
    m->job = j;
    model_handle(m, MODEL_JOB_ADOPTED, "its job is taken up again");
}

void model_wake(struct model *m)
{
    if (m->house->stopping)
        return;
    model_handle(m, MODEL_WANTED, NULL);
    m->woken = m->state == MODEL_QUEUED || m->state == MODEL_STARTING;
    if (m->job)
        job_attend(m->job);
}

void model_stop(struct model *m, const char *why)
{
    model_cancel(m, (uid_t)-1, why);
    model_handle(m, MODEL_STOP, why);
}

/* ---- Making and showing */

struct model *model_create(struct house *h, const struct model_config *cfg)
{
    struct model *m = NEW(struct model);

    m->house = h;
    m->cfg = cfg;
    m->since = wall_now();
    list_init(&m->waiting);
    m->idle = timer_create_on(h->loop, idle_cb, m);
    m->deadline = timer_create_on(h->loop, deadline_cb, m);
    return m;
}

void model_destroy(struct model *m)
{
    if (!m)
        return;
    model_cancel(m, (uid_t)-1, "the mount ended");
    mailbox_forget(m->house->mail, m);
    timer_destroy(m->idle);
    timer_destroy(m->deadline);
    list_for_each(j, &m->house->jobs, struct job, link) if (j->model == m) j->model = NULL;
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

enum model_state model_state(const struct model *m)
{
    return m->state;
}

struct job *model_job(const struct model *m)
{
    return m->job;
}

json_t *model_since(const struct model *m)
{
    return json_time(&m->since);
}

void model_counts(const struct model *m, int *waiting, int *active)
{
    *waiting = m->n_waiting;
    *active = m->n_active;
}

bool model_is_wanted(const struct model *m)
{
    return m->n_waiting > 0 || m->n_active > 0 || m->woken;
}
