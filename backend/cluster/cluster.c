/* SPDX-License-Identifier: MIT */
/* One cluster: its way in, its scheduler, and when to ask it about all our jobs at once. */
#include "backend/cluster/cluster.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/base/log.h"
#include "backend/base/timer.h"
#include "backend/cluster/found.h"
#include "backend/house.h"
#include "backend/job/job.h"
#include "backend/model/model.h"
#include "backend/job/recover.h"
#include "backend/remote/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Milliseconds from one query's answer to the next query. A controller serves a whole site: it is asked
 * quickly only while a person waits for a change. A scheduler of this machine alone can be asked at any time.
 */
#define TICK_WANTED_MS     2000
#define TICK_RESTLESS_MS   10000
#define TICK_CALM_MS       60000
#define TICK_HERE_MS       100
#define TICK_FAILED_MAX_MS 60000

#define SWEEP_DAYS 7 /* the logs of an ended job are of use for some days */

struct cluster_inner {
    struct timer *tick;
    bool asking;    /* a query is in flight */
    uint64_t asked; /* mono_ms() of the last answer; 0 = never asked */
    char *stray;    /* id of the last one that was told of in the log */
    int failures;   /* queries in a row */
    bool swept;     /* directories of old jobs were looked for */
};

static struct cluster_inner *inner(const struct cluster *c)
{
    return c->priv;
}

static const char *const names[] = {
    [CLUSTER_IDLE] = "idle", [CLUSTER_CONNECTING] = "connecting",
    [CLUSTER_AUTH] = "auth", [CLUSTER_UP] = "up",
    [CLUSTER_DOWN] = "down",
};

const char *cluster_state_name(enum cluster_state s)
{
    return names[s];
}

/* ---- The way in */

static bool is_ours(const struct job *j, const struct cluster *c)
{
    return j->cluster == c && job_live(j);
}

void cluster_is(struct cluster *c, enum cluster_state state, const char *reason)
{
    enum cluster_state from = c->state;
    char *why = reason ? xstrdup(reason) : NULL; /* it may be the one that goes */
    bool same = c->reason && why ? !strcmp(c->reason, why) : c->reason == why;

    free(c->reason);
    c->reason = why;
    if (reason && state != CLUSTER_AUTH) { /* a question is no error */
        free(c->last_error);
        c->last_error = xstrdup(why);
    }
    c->state = state;
    if (from != state) {
        c->connects += state == CLUSTER_UP;
        c->since = wall_now();
        house_event(c->house, "cluster", NULL, NULL, c->cfg->name, names[from], names[state], why);
    } else if (!same) {
        house_changed(c->house);
    }
}

static void transport_cb(void *arg, enum transport_state state)
{
    static const enum cluster_state states[] = {
        [TRANSPORT_IDLE] = CLUSTER_IDLE, [TRANSPORT_CONNECTING] = CLUSTER_CONNECTING,
        [TRANSPORT_AUTH] = CLUSTER_AUTH, [TRANSPORT_UP] = CLUSTER_UP,
        [TRANSPORT_DOWN] = CLUSTER_DOWN,
    };
    struct cluster *c = arg;
    const char *reason = transport_reason(c->transport);

    cluster_is(c, states[state], reason[0] ? reason : NULL);
    if (c->state != CLUSTER_UP)
        return;
    inner(c)->failures = 0; /* they were the way's, which is there again */
    cluster_look(c);
    discover_connected(c);
    list_for_each(j, &c->house->jobs, struct job, link)
    {
        if (is_ours(j, c))
            model_job_news(j->model, j); /* what waited for the way in can be sent */
    }
}

/* ---- The query */

/* The row of a job: by its id where it is known, so that a late duplicate of a submission is told apart. */
static const struct job_info *row_of(const struct job *j, const struct job_info *v, size_t n)
{
    const struct job_info *by_name = NULL;

    for (size_t i = 0; i < n; i++) {
        if (strcmp(v[i].name, j->unique_name) != 0)
            continue;
        if (j->id && strcmp(v[i].id, j->id) == 0)
            return &v[i];
        if (!j->id)
            by_name = &v[i];
    }
    return by_name;
}

static bool is_over(enum sched_state s)
{
    return s == SCHED_ENDED || s == SCHED_FAILED || s == SCHED_LOST || s == SCHED_ENDING;
}

static void stray_cb(void *arg, int rc, const char *err)
{
    (void)arg;
    if (rc < 0 && rc != -ENOENT)
        log_warning("a stray job could not be cancelled: %s", err);
}

static void tell_stray(struct cluster *c, const struct job_info *info)
{
    const char *model = recover_model_of(c, info->name);
    char *name = xasprintf("%s.%s", c->cfg->name, info->id);

    house_event(c->house, "job", model, name, c->cfg->name, NULL, "ending",
                model ? "its model is configured no more: cancelled"
                      : "it bears our name and there is no record of it: cancelled");
    free(name);
    free(inner(c)->stray);
    inner(c)->stray = xstrdup(info->id);
}

/* Jobs with our name that we do not know: a submission that was made twice after all, one whose record is
 * lost, or one whose model is configured no more. */
static void cancel_strays(struct cluster *c, const struct job_info *v, size_t n)
{
    struct cluster_inner *in = inner(c);

    for (size_t i = 0; i < n; i++) {
        bool known = is_over(v[i].state);
        /* One that we took for ended and that lives all the same is nobody's too. */
        list_for_each(j, &c->house->jobs, struct job, link)
        {
            /* The same queue by another way: that one minds its own. */
            known |= j->cluster != c && strcmp(j->unique_name, v[i].name) == 0;
            if (!is_ours(j, c))
                continue;
            /* Without an id its submission is under way: the reply will bring it. */
            known |= j->id ? strcmp(j->id, v[i].id) == 0 : strcmp(j->unique_name, v[i].name) == 0;
        }
        if (known)
            continue;
        if (!in->stray || strcmp(in->stray, v[i].id) != 0)
            tell_stray(c, &v[i]);
        c->sched->ops->cancel(c->sched, &v[i].id, 1, stray_cb, c);
    }
}

static void swept_cb(void *arg, int rc, uint64_t n, const char *data, size_t len)
{
    const struct cluster *c = arg;

    (void)data, (void)len;
    if (rc == 0 && n > 0)
        log_info(
            "cluster %s: %d directories %s/%.8s/sfs-* of jobs that ended more than %d days ago are swept "
            "(lease, state, stdout, stderr, key and sign in them, and they themselves where that was all)",
            c->cfg->name, (int)n, c->cfg->workdir, c->house->identity, SWEEP_DAYS);
}

/* Once a mount, when it is known which jobs there are: theirs are spared, and so is what is young. */
static void sweep(struct cluster *c, const struct job_info *v, size_t n)
{
    struct buf keep = { 0 };
    char *dir;

    if (inner(c)->swept || !c->sched->ops->runs_script || c->house->stopping)
        return;
    inner(c)->swept = true;
    for (size_t i = 0; i < n; i++)
        buf_addf(&keep, "%s ", v[i].name);
    list_for_each(j, &c->house->jobs, struct job, link) buf_addf(&keep, "%s ", j->unique_name);
    dir = xasprintf("%s/%.8s", c->cfg->workdir, c->house->identity);
    remote_files_sweep(c->files, dir, SWEEP_DAYS, buf_str(&keep), swept_cb, c);
    free(dir);
    buf_free(&keep);
}

static void others_cb(void *arg, const struct job_info *v, size_t n)
{
    struct cluster *c = arg;

    imports_set(&c->imports, c->house->cfg, v, n);
}

static void queried_cb(void *arg, int rc, const struct job_info *v, size_t n, const char *err)
{
    struct cluster *c = arg;
    struct cluster_inner *in = inner(c);

    in->asking = false;
    in->asked = mono_ms();
    if (rc < 0) {
        /* Nothing is known of any job now; least of all that it is gone. */
        in->failures++;
        log_warning("cluster %s: %s", c->cfg->name, err);
        free(c->last_error);
        c->last_error = xstrdup(err);
    } else {
        in->failures = 0;
        list_for_each(j, &c->house->jobs, struct job, link)
        {
            if (!is_ours(j, c))
                continue;
            const struct job_info *row = row_of(j, v, n);
            if (row)
                job_seen(j, row);
            else
                job_unseen(j);
        }
        cancel_strays(c, v, n);
        recover_seen(c, v, n);
        cluster_lease_look(c);
        sweep(c, v, n);
    }
    house_changed(c->house);
    cluster_look(c);
}

static bool somebody_waits(const struct job *j)
{
    if (job_is_unproven(j))
        return true;
    if (j->state == JOB_ENDING)
        return j->cluster->house->stopping || job_just_cancelled(j);
    return j->model && model_is_wanted(j->model);
}

/* Milliseconds between two queries now; 0 = none is needed. */
static uint64_t interval(const struct cluster *c)
{
    uint64_t ms = recover_waits(c)                        ? TICK_WANTED_MS
                  : c->cfg->import && !c->house->stopping ? TICK_CALM_MS
                                                          : 0;

    list_for_each(j, &c->house->jobs, struct job, link)
    {
        if (!is_ours(j, c))
            continue;
        uint64_t want = !job_restless(j)                  ? TICK_CALM_MS
                        : somebody_waits(j) || j->missing ? TICK_WANTED_MS
                                                          : TICK_RESTLESS_MS;
        if (j->state == JOB_SUBMITTING && !job_restless(j))
            want = 0; /* the scheduler has not answered yet */
        if (want && !c->sched->ops->remote_nodes && job_restless(j))
            want = TICK_HERE_MS;
        if (want && (ms == 0 || want < ms))
            ms = want;
    }
    for (int i = 0; ms && i < inner(c)->failures && ms < TICK_FAILED_MAX_MS; i++)
        ms *= 2;
    return ms > TICK_FAILED_MAX_MS ? TICK_FAILED_MAX_MS : ms;
}

/* Jobs of a former daemon wait to be seen again. */
static bool any_unproven(const struct cluster *c)
{
    list_for_each(j, &c->house->jobs, struct job, link) if (is_ours(j, c) && job_is_unproven(j)) return true;
    return recover_waits(c);
}

static void tick_cb(void *arg)
{
    struct cluster *c = arg;

    if (inner(c)->asking || interval(c) == 0)
        return;
    inner(c)->asking = true;
    c->queries++;
    c->sched->ops->query(c->sched, queried_cb, c);
}

void cluster_look(struct cluster *c)
{
    struct cluster_inner *in = inner(c);

    if (c->remote)
        remote_look(c->remote);
    if (c->remote || in->asking)
        return;
    uint64_t every = interval(c), now = mono_ms();
    if (every == 0) {
        timer_stop(in->tick);
        return;
    }
    /* The first query waits a moment for the submission that is its reason, or for nothing. */
    uint64_t due = in->asked ? in->asked + every : now + (every < 500 ? every : 500);
    if (!in->asked && any_unproven(c))
        due = now;
    timer_start_ms(in->tick, due > now ? due - now : 0);
}

/* ---- Making and showing */

int cluster_create(struct house *h, const struct cluster_config *cfg, struct cluster **out, struct err *e)
{
    struct cluster *c = NEW(struct cluster);
    struct transport_params tp = { .loop = h->loop,
                                   .cluster = cfg,
                                   .runtime_dir = h->run_dir,
                                   .program = h->program,
                                   .state_cb = transport_cb,
                                   .arg = c };

    c->house = h;
    c->cfg = cfg;
    c->since = wall_now();
    c->prefix = xasprintf(JOB_PREFIX, h->identity);
    c->priv = NEW(struct cluster_inner);
    c->lease = cluster_lease_create(c);
    inner(c)->tick = timer_create_on(h->loop, tick_cb, c);
    int rc = transport_create(&c->transport, &tp, e);
    if (rc == 0) {
        struct scheduler_params sp = { .loop = h->loop,
                                       .cluster = cfg,
                                       .transport = c->transport,
                                       .prefix = c->prefix,
                                       .others = cfg->import ? others_cb : NULL,
                                       .others_arg = c,
                                       .program = h->program,
                                       .home_dir = h->state_dir };
        rc = scheduler_create(&c->sched, &sp, e);
    }
    if (rc == 0 && cluster_is_gateway(cfg))
        rc = remote_create(&c->remote, c, e);
    if (rc < 0) {
        cluster_destroy(c);
        return rc;
    }
    if (!c->remote && transport_state(c->transport) == TRANSPORT_UP) /* this machine: there is no way to go */
        c->state = CLUSTER_UP;
    c->files = remote_files_create(h->loop, c->transport);
    *out = c;
    if (cfg->import) /* it is asked from now on, jobs or not */
        cluster_look(c);
    return 0;
}

void cluster_greet(struct cluster *c)
{
    if (c->remote)
        remote_look(c->remote);
}

void cluster_destroy(struct cluster *c)
{
    if (!c)
        return;
    if (c->sched)
        c->sched->ops->destroy(c->sched);
    discover_stop(c);
    remote_destroy(c->remote);
    remote_files_destroy(c->files);
    transport_destroy(c->transport);
    cluster_lease_destroy(c->lease);
    timer_destroy(inner(c)->tick);
    free(inner(c)->stray);
    imports_free(&c->imports);
    free(c->priv);
    free(c->prefix);
    free(c->reason);
    free(c->last_error);
    free(c);
}

json_t *cluster_status(const struct cluster *c)
{
    json_t *s = json_pack("{s:s,s:s,s:o,s:s,s:o,s:o,s:s,s:o,s:i,s:o}", "cluster", c->cfg->name, "kind",
                          c->cfg->kind, "host", json_str(c->cfg->host), "state", names[c->state], "since",
                          json_time(&c->since), "reason", json_str(c->reason), "transport",
                          transport_kind(c->transport), "tunnel", json_str(transport_tunnel(c->transport)),
                          "queries", (int)c->queries, "last_error", json_str(c->last_error));

    if (c->cfg->import)
        json_object_set_new(s, "imported", imports_json(&c->imports));
    if (c->remote)
        json_object_update_new(s, remote_status(c->remote));
    return s;
}
