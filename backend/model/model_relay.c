/* SPDX-License-Identifier: MIT */
/* The time limits of a model's jobs. That one comes near is told once. While the model is used, keep_alive "extend"
 * asks the scheduler for more time; "relay", and "extend" once that was refused, takes the job for one that counts
 * no more: model_jobs.c begins another in its place, and when that one is healthy lets the old one finish what it
 * streams. A model that nobody asks has no successor begun; the first question near the limit begins it. */
#include "backend/base/log.h"
#include "backend/job/job_private.h"
#include "backend/model/model_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TOLD_S         300 /* before the limit, at least: time for a person to save what can be saved */
#define LEAD_UNKNOWN_S 600 /* where no job of this model has shown how long it takes to start */
#define SLACK_S        20  /* between two looks at a job that nobody waits for, twice */
#define ANSWER_MAX_S   600 /* an answer of hours is no reason to give up half of a job's time */
#define ANSWER_MIN_S   3
#define EXTEND_EVERY_S 300 /* a controller that refuses, or is slow, is not asked again sooner */

/* ---- What its own jobs took: the slow ones, which the following ones let fade */

static void learn(double *known, double seconds)
{
    *known = seconds > *known ? seconds : *known + (seconds - *known) / 4;
}

static void count(struct wake_time *t, double seconds)
{
    t->seconds += seconds;
    t->n++;
}

void model_learn_start(struct model *m, const struct job *j)
{
    if (!j->running_ms || !j->healthy_ms)
        return;
    if (j->queued_ms && j->running_ms > j->queued_ms) {
        double queued = (double)(j->running_ms - j->queued_ms) / 1000;
        learn(&m->queue_s, queued);
        count(&m->wake_times[WAKE_QUEUED], queued);
    }
    double starting = (double)(j->healthy_ms - j->running_ms) / 1000;
    learn(&m->start_s, starting);
    count(&m->wake_times[WAKE_STARTING], starting);
}

void model_learn_answer(struct model *m, double seconds)
{
    learn(&m->answer_s, seconds);
}

static double answer_s(const struct model *m)
{
    return m->answer_s < ANSWER_MIN_S   ? ANSWER_MIN_S
           : m->answer_s > ANSWER_MAX_S ? ANSWER_MAX_S
                                        : m->answer_s;
}

static int64_t lead_s(const struct model *m, const struct job *j)
{
    int64_t s = m->cfg->job.relay_lead_s, half = j->all_s / 2;

    if (s < 0 && m->start_s <= 0)
        s = LEAD_UNKNOWN_S;
    else if (s < 0)
        s = (int64_t)(2 * (m->queue_s + m->start_s) + answer_s(m)) + SLACK_S;
    /* Beyond the half, a successor would need its own before it is healthy. */
    return s < half ? s : half;
}

bool model_closes(const struct model *m, const struct job *j)
{
    return j->ends_ms && j->ageing && (double)job_left_s(j) <= answer_s(m) && model_count_fresh(m) > 0;
}

/* ---- More time */

static void tell(const struct job *j, const char *reason)
{
    house_event(j->cluster->house, "limit", j->config->name, j->name, j->cluster->cfg->name,
                job_state_name(j->state), job_state_name(j->state), reason);
}

static bool is_refusal(int rc)
{
    return rc == -EACCES || rc == -EINVAL || rc == -ENOENT;
}

static void extended_cb(void *arg, struct job *j, int rc, const char *why)
{
    struct model *m = j->model;
    struct err e = { 0 };
    bool relays;

    (void)arg;
    if (rc == 0) {
        j->ageing = false;
        tell(j, "its time limit was extended");
    } else {
        relays = m && strcmp(m->cfg->job.keep_alive, "cancel") != 0;
        err_set(&e, 0, "the time limit of job %s was not extended: %s%s", j->name, why,
                relays ? "; a successor comes before it" : "");
        tell(j, e.text);
        log_warning("%s", e.text);
    }
    if (!m)
        return;
    if (rc < 0) {
        m->no_extension |= is_refusal(rc);
        model_set_error(m, rc, e.text);
    }
    house_changed(m->house);
    model_mind(m);
}

int model_extend_job(struct job *j, int64_t seconds, struct err *e)
{
    return job_extend(j, seconds, extended_cb, NULL, e);
}

int model_extend(struct model *m, int64_t seconds, struct err *e)
{
    int rc = 0, n = 0;

    list_for_each(j, &m->house->jobs, struct job, link)
    {
        if (!model_lets_in(m, j) || !job_has_run(j))
            continue;
        n++;
        int one = model_extend_job(j, seconds, e);
        rc = rc ? rc : one;
    }
    if (n == 0)
        return err_set(e, -EINVAL, "no job of %s runs: there is no time limit to extend", m->cfg->name);
    return rc;
}

/* How much: as much as it was given, so that it is asked for rarely. */
static int64_t extension_s(const struct job *j)
{
    int64_t s = j->time_s ? j->time_s : j->config->job.time_s;

    return s > 0 ? s : j->all_s > 60 ? j->all_s : 60;
}

/* Is more time asked for, now or a while ago? Its answer comes before a successor does. */
static bool tries_extension(struct model *m, struct job *j)
{
    struct err e = { 0 };
    uint64_t now = mono_ms();

    if (inner(j)->extending)
        return true;
    if (m->no_extension || strcmp(m->cfg->job.keep_alive, "extend") != 0)
        return false;
    if (j->extended_ms && now - j->extended_ms < EXTEND_EVERY_S * 1000)
        return false;
    j->extended_ms = now;
    if (model_extend_job(j, extension_s(j), &e) == 0)
        return true;
    m->no_extension = true;
    tell(j, e.text);
    return false;
}

/* ---- Near the limit */

/* Somebody would miss it, or it is to stay up in any case. */
static bool is_used(const struct model *m)
{
    return m->n_waiting > 0 || m->n_active > 0 || model_floor(m) > 0 || model_is_pinned(m);
}

/* Seconds before the limit at which that is told. */
static int64_t told_s(const struct model *m, const struct job *j)
{
    int64_t s = lead_s(m, j), half = j->all_s / 2;

    return s > TOLD_S ? s : TOLD_S < half ? TOLD_S : half;
}

static void warn(struct model *m, struct job *j, int64_t left)
{
    char text[160];

    if (j->told || left > told_s(m, j))
        return;
    j->told = true;
    snprintf(text, sizeof text, "its time limit is in %lld s; keep_alive = \"%s\"",
             (long long)(left > 0 ? left : 0), m->cfg->job.keep_alive);
    tell(j, text);
}

static void near_limit(struct model *m, struct job *j)
{
    if (j->ageing || strcmp(m->cfg->job.keep_alive, "cancel") == 0 || !is_used(m) || tries_extension(m, j))
        return;
    j->ageing = true;
    tell(j, "a successor is begun before its time limit");
}

/* Milliseconds until `seconds` before its limit. */
static uint64_t until_ms(int64_t left, int64_t seconds)
{
    return left > seconds ? (uint64_t)(left - seconds) * 1000 + 1 : NEVER_MS;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t model_limits(struct model *m)
{
    uint64_t next = NEVER_MS;

    list_for_each(j, &m->house->jobs, struct job, link)
    {
        if (!model_lets_in(m, j) || !job_has_run(j) || !j->ends_ms)
            continue;
        int64_t left = job_left_s(j), lead = lead_s(m, j);
        warn(m, j, left);
        if (left <= 0)
            job_attend(j);
        if (left <= lead)
            near_limit(m, j);
        else if (j->ageing)
            j->ageing = false; /* it has more time now */
        uint64_t a = until_ms(left, lead), b = j->told ? NEVER_MS : until_ms(left, told_s(m, j));
        a = least(least(a, b), until_ms(left, 0));
        next = least(next, a);
    }
    return next;
}
