/* SPDX-License-Identifier: MIT */
/* One job: its states, and what each piece of news means. The scheduler is asked by job_submit.c and heard by
 * job_seen.c; the engine's word comes from job_link.c, the script's own from job_watch.c. */
#include "backend/job/job_private.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/base/log.h"
#include "backend/base/random.h"
#include "backend/exchange.h"
#include "backend/cluster/found.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JUST_MS                                                                                              \
    20000 /* beyond Slurm's usual KillWait a job that does not end is not worth the controller's time */
#define KEEP_MS      (3600 * 1000) /* an ended job stays in the tree for an hour (CONTRACT.md 2) .. */
#define KEEP_MORE_MS (60 * 1000)   /* .. and longer while its scheduler still owes an answer */
#define ENDED_MAX    200           /* jobs that are kept so: a failing model may be asked in a loop */

static const char *const names[] = {
    [JOB_SUBMITTING] = "submitting", [JOB_PENDING] = "pending", [JOB_RUNNING] = "running",
    [JOB_FOUND] = "found",           [JOB_HEALTHY] = "healthy", [JOB_ENDING] = "ending",
    [JOB_ENDED] = "ended",
};

const struct job_transition job_transitions[] = {
    { JOB_SUBMITTING, JOB_EV_QUEUED, JOB_PENDING }, { JOB_SUBMITTING, JOB_EV_RUNS, JOB_RUNNING },
    { JOB_SUBMITTING, JOB_EV_REFUSED, JOB_ENDED },  { JOB_SUBMITTING, JOB_EV_CANCEL, JOB_ENDING },
    { JOB_SUBMITTING, JOB_EV_OVER, JOB_ENDED },     { JOB_PENDING, JOB_EV_RUNS, JOB_RUNNING },
    { JOB_PENDING, JOB_EV_CANCEL, JOB_ENDING },     { JOB_PENDING, JOB_EV_OVER, JOB_ENDED },
    { JOB_RUNNING, JOB_EV_QUEUED, JOB_PENDING },    { JOB_RUNNING, JOB_EV_ADDRESS, JOB_FOUND },
    { JOB_RUNNING, JOB_EV_SICK, JOB_ENDING },       { JOB_RUNNING, JOB_EV_CANCEL, JOB_ENDING },
    { JOB_RUNNING, JOB_EV_OVER, JOB_ENDED },        { JOB_FOUND, JOB_EV_QUEUED, JOB_PENDING },
    { JOB_FOUND, JOB_EV_ADDRESS, JOB_FOUND }, /* the script corrects an older word */
    { JOB_FOUND, JOB_EV_HEALTHY, JOB_HEALTHY },     { JOB_FOUND, JOB_EV_SICK, JOB_ENDING },
    { JOB_FOUND, JOB_EV_CANCEL, JOB_ENDING },       { JOB_FOUND, JOB_EV_OVER, JOB_ENDED },
    { JOB_HEALTHY, JOB_EV_QUEUED, JOB_PENDING },    { JOB_HEALTHY, JOB_EV_SICK, JOB_ENDING },
    { JOB_HEALTHY, JOB_EV_CANCEL, JOB_ENDING },     { JOB_HEALTHY, JOB_EV_OVER, JOB_ENDED },
    { JOB_ENDING, JOB_EV_OVER, JOB_ENDED },         { JOB_ENDING, JOB_EV_GIVE_UP, JOB_ENDED },
};
const size_t job_n_transitions = sizeof job_transitions / sizeof job_transitions[0];

const char *job_state_name(enum job_state s)
{
    return names[s];
}

static void enter(struct job *j, enum job_event ev);

static struct house *house_of(const struct job *j)
{
    return j->cluster->house;
}

/* Whoever waits for it to be healthy has patience with one that gets on. */
static void mind_progress(struct job *j)
{
    double value = j->state == JOB_RUNNING || j->state == JOB_FOUND ? job_progress(j) : -1;

    if (value >= 0 && value != inner(j)->progress_told)
        j->progress_ms = mono_ms();
    inner(j)->progress_told = value;
}

void job_tell(struct job *j)
{
    mind_progress(j);
    house_changed(house_of(j));
    model_job_news(j->model, j);
}

void job_handle(struct job *j, enum job_event ev, const char *reason)
{
    for (size_t i = 0; i < job_n_transitions; i++) {
        const struct job_transition *t = &job_transitions[i];
        if (t->state != j->state || t->event != ev)
            continue;
        enum job_state from = j->state;
        j->state = t->next;
        j->since = wall_now();
        if (!j->cluster->remote) /* no job that anybody knows of */
            house_event(house_of(j), "job", j->config->name, j->name, j->cluster->cfg->name, names[from],
                        names[t->next], reason);
        enter(j, ev);
        job_tell(j);
        cluster_look(j->cluster);
        return;
    }
}

/* The first cause counts: what follows from it says less. */
void job_set_error(struct job *j, int rc, const char *fmt, ...)
{
    struct err e;
    va_list ap;

    if (j->error)
        return;
    va_start(ap, fmt);
    j->rc = err_vset(&e, rc, fmt, ap);
    va_end(ap);
    j->error = xstrdup(e.text);
}

void job_blame(struct job *j, int rc, const char *why)
{
    job_set_error(j, rc, "%s", why);
}

void job_attend(struct job *j)
{
    watch_pace(j);
    cluster_look(j->cluster);
}

/* It holds the secrets: no copy is left in what is freed. */
static void forget_script(struct job *j)
{
    struct job_inner *in = inner(j);

    if (in->true_script)
        explicit_bzero(in->true_script, strlen(in->true_script));
    free(in->true_script);
    in->true_script = NULL;
}

/* Of one that is submitted already: without the record it is all the same ours, as long as we live. */
static void keep_or_tell(struct job *j)
{
    struct err e = { 0 };

    if (inner(j)->kept && job_keep(j, &e) < 0)
        log_warning("%s", e.text);
}

void job_set_id(struct job *j, const char *id)
{
    if (j->id)
        return;
    j->id = xstrdup(id);
    j->name = xasprintf("%s.%s", j->cluster->cfg->name, id);
    if (!j->submitted.tv_sec)
        j->submitted = wall_now();
    forget_script(j);
    keep_or_tell(j);
}

/* ---- Beginning and ending it */

static void submit_cb(void *arg, int what)
{
    struct job *j = arg;

    (void)what;
    if (j->state == JOB_SUBMITTING)
        job_submit(j);
}

static void retry_cb(void *arg)
{
    struct job *j = arg;

    if (j->state == JOB_SUBMITTING)
        job_submit(j);
    else if (j->state == JOB_ENDING)
        job_scancel(j);
    else if (j->state == JOB_ENDED && inner(j)->calls > 0)
        timer_start_ms(inner(j)->retry, KEEP_MORE_MS);
    else if (j->state == JOB_ENDED)
        job_destroy(j);
}

void job_cancel(struct job *j, const char *why)
{
    if (j->state == JOB_ENDING)
        job_scancel(j);
    else
        job_handle(j, JOB_EV_CANCEL, why);
}

void job_over(struct job *j)
{
    if (j->over)
        return;
    /* The script knows more than the scheduler of why it ended; but not why it was taken away. */
    if (inner(j)->complaint && !inner(j)->cancelled && j->sched != SCHED_LOST && j->rc != -ETIMEDOUT) {
        free(j->error);
        j->error = NULL;
        job_set_error(j, j->rc ? j->rc : -EIO, "%s", inner(j)->complaint);
    }
    if (j->error) {
        struct buf whole = { 0 };
        struct err e;
        buf_adds(&whole, j->error);
        job_last_words(j, &whole);
        err_set(&e, 0, "%s", buf_str(&whole));
        buf_free(&whole);
        free(j->error);
        j->error = xstrdup(e.text);
    }
    j->over = true;
    job_tell(j);
}

/* ---- Entries */

static void enter_pending(struct job *j)
{
    struct job_inner *in = inner(j);

    timer_stop(in->retry);
    in->tries = 0;
    link_close(j);
    watch_stop(j);
    j->queued_ms = mono_ms();
    j->running_ms = j->healthy_ms = j->progress_ms = 0;
    j->host[0] = j->addr[0] = '\0';
    j->port = 0;
}

static void enter_running(struct job *j)
{
    timer_stop(inner(j)->retry);
    j->started = wall_now();
    j->running_ms = mono_ms();
    watch_start(j);
}

static void enter_ending(struct job *j, enum job_event ev)
{
    struct job_inner *in = inner(j);

    timer_stop(in->retry);
    in->tries = 0;
    in->ending_since = mono_ms();
    in->cancelled = ev == JOB_EV_CANCEL;
    link_close(j);
    keep_or_tell(j);       /* the next daemon is to end it too, not to take it up */
    if (ev == JOB_EV_SICK) /* its model need not wait for the scheduler to begin another */
        watch_last(j);
    job_scancel(j);
}

/* Posted, because whoever reports an end may be walking the list. */
static void forget_old(void *arg, int what)
{
    struct house *h = house_of(arg);
    struct job *oldest = NULL;
    int n = 0;

    (void)what;
    list_for_each(j, &h->jobs, struct job, link)
    {
        if (job_live(j) || !j->over || inner(j)->calls > 0)
            continue;
        oldest = oldest ? oldest : j;
        n++;
    }
    if (n > ENDED_MAX)
        job_destroy(oldest);
}

static void enter_ended(struct job *j, enum job_event ev)
{
    if (ev != JOB_EV_GIVE_UP) /* else it may live: the next daemon asks again */
        job_unkeep(j);
    link_close(j);
    j->ended = wall_now();
    house_job_ended(house_of(j));
    watch_last(j);
    timer_start_ms(inner(j)->retry, KEEP_MS);
    mailbox_post(house_of(j)->mail, forget_old, j, 0);
}

static void enter(struct job *j, enum job_event ev)
{
    switch (j->state) {
    case JOB_PENDING:
        enter_pending(j);
        break;
    case JOB_RUNNING:
        enter_running(j);
        break;
    case JOB_FOUND:
        link_close(j);
        link_open(j);
        break;
    case JOB_ENDING:
        enter_ending(j, ev);
        break;
    case JOB_ENDED:
        enter_ended(j, ev);
        break;
    case JOB_HEALTHY:
        inner(j)->healthy_once = true;
        j->healthy_ms = mono_ms();
        found_ask(j);
        watch_pace(j);
        break;
    case JOB_SUBMITTING: /* no way leads back to it */
        break;
    }
}

/* ---- Making and asking */

struct job *job_new(struct cluster *c, struct model *m, char *unique_name, char *workdir)
{
    struct job *j = NEW(struct job);
    struct house *h = c->house;

    j->cluster = c;
    j->model = m;
    j->config = model_config(m);
    j->engine = engine_find(j->config->engine);
    j->unique_name = unique_name;
    j->workdir = workdir;
    j->word = xstrdup("");
    j->reason = xstrdup("");
    j->nodes = xstrdup("");
    j->sched = SCHED_UNKNOWN;
    j->exit_status = -1;
    j->since = wall_now();
    list_init(&j->active);
    j->number = ++h->next_job;
    j->queued_ms = mono_ms();
    j->exclude = xstrdup("");
    j->out = growing_create(LOG_KEEP);
    j->err = growing_create(LOG_KEEP);
    j->priv = NEW(struct job_inner);
    inner(j)->elapsed_s = -1;
    inner(j)->progress.value = inner(j)->progress_told = -1;
    inner(j)->exposed = "";
    inner(j)->comment = xstrdup("");
    inner(j)->retry = timer_create_on(h->loop, retry_cb, j);
    watch_create(j);
    link_create(j);
    list_append(&h->jobs, &j->link);
    return j;
}

struct job *job_create(struct cluster *c, struct model *m)
{
    struct house *h = c->house;
    char nonce[9];

    random_hex(nonce, sizeof nonce - 1);
    char *name =
        xasprintf("%s%s-%s%llu", c->prefix, model_config(m)->name, nonce, (unsigned long long)++h->next_job);
    struct job *j = job_new(c, m, name, xasprintf("%s/%.8s/%s", c->cfg->workdir, h->identity, name));
    random_hex(j->secret, sizeof j->secret - 1);
    mailbox_post(h->mail, submit_cb, j, 0);
    return j;
}

void job_destroy(struct job *j)
{
    struct job_inner *in = inner(j);

    house_changed(house_of(j));
    if (house_of(j)->job_gone)
        house_of(j)->job_gone(house_of(j)->job_gone_arg, j);
    mailbox_forget(house_of(j)->mail, j);
    link_destroy(j);
    watch_destroy(j);
    timer_destroy(in->retry);
    list_remove(&j->link);
    forget_script(j);
    free(in->comment);
    free(in->stale_comment);
    free(in->stale_address);
    free(in);
    json_decref(j->loaded);
    growing_destroy(j->out);
    growing_destroy(j->err);
    free(j->unique_name);
    free(j->id);
    free(j->name);
    free(j->script);
    free(j->workdir);
    free(j->word);
    free(j->reason);
    free(j->nodes);
    free(j->exclude);
    free(j->error);
    explicit_bzero(j->secret, sizeof j->secret);
    free(j);
}

bool job_live(const struct job *j)
{
    return j->state != JOB_ENDED;
}

bool job_is_cancelled(const struct job *j)
{
    return inner(j)->cancelled;
}

bool job_was_lost(const struct job *j)
{
    if (j->cluster->remote) /* another would be the same way */
        return false;
    return inner(j)->lost || inner(j)->healthy_once;
}

bool job_has_slot(const struct job *j)
{
    return j->state == JOB_HEALTHY && j->sched == SCHED_RUNNING && !inner(j)->suspect &&
           job_can_be_reached(j) && j->n_active - j->n_piped < j->config->slots;
}

bool job_just_cancelled(const struct job *j)
{
    return j->state == JOB_ENDING && mono_ms() - inner(j)->ending_since < JUST_MS;
}

bool job_is_unproven(const struct job *j)
{
    return inner(j)->unproven && job_live(j);
}

int64_t job_left_s(const struct job *j)
{
    int64_t ms = (int64_t)j->ends_ms - (int64_t)awake_or_not_ms();

    return ms / 1000;
}

/* A scheduler lets a job run over its time for a while, or has ended it: that is not known before it is asked. */
static bool is_over_time(const struct job *j)
{
    return j->ends_ms && job_left_s(j) <= 0;
}

bool job_restless(const struct job *j)
{
    switch (j->state) {
    case JOB_SUBMITTING:
        return inner(j)->unsure;
    case JOB_HEALTHY:
        return j->missing > 0 || inner(j)->suspect || j->sched != SCHED_RUNNING || is_over_time(j);
    case JOB_ENDED:
        return false;
    default:
        return true;
    }
}
