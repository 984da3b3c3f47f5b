/* SPDX-License-Identifier: MIT */
#include "backend/metrics.h"
#include "backend/base/alloc.h"
#include "backend/cluster/cluster.h"
#include "backend/history/history.h"
#include "backend/job/job.h"
#include "backend/model/model.h"
#include "backend/users.h"

#include <stdlib.h>

/* What one user may see: his model of each name, in cfg's order. */
struct shown {
    const struct house *house;
    struct model **models;
    uid_t uid;
};

static void family(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_addf(out, "# HELP slullamafs_%s %s\n# TYPE slullamafs_%s %s\n", name, help, name, type);
}

static void model_states(const struct shown *v, struct buf *out)
{
    family(out, "model_state", "gauge", "1 for the state that the model is in.");
    for (size_t i = 0; i < v->house->cfg->n_models; i++)
        for (int s = MODEL_ASLEEP; s <= MODEL_FAILED; s++)
            buf_addf(out, "slullamafs_model_state{model=\"%s\",state=\"%s\"} %d\n",
                     model_config(v->models[i])->name, model_state_name((enum model_state)s),
                     model_state(v->models[i]) == (enum model_state)s);
}

/* Figures of the models' status objects; names are keys of the configuration, which need no escaping. */
static const struct figure {
    const char *name, *type, *group, *key, *help;
} figures[] = {
    { "requests_waiting", "gauge", "requests", "waiting", "Requests that wait for a job or a slot." },
    { "requests_active", "gauge", "requests", "active", "Requests that an engine works on." },
    { "requests_done_total", "counter", "requests", "done", "Requests that were answered." },
    { "requests_failed_total", "counter", "requests", "failed", "Requests that failed." },
    { "prompt_tokens_total", "counter", "tokens", "prompt", "Tokens of prompts, as engines count them." },
    { "completion_tokens_total", "counter", "tokens", "completion",
      "Tokens of answers, as engines count them." },
};

static void model_figure(const struct house *h, const struct figure *f, json_t *const *status,
                         struct buf *out)
{
    family(out, f->name, f->type, f->help);
    for (size_t i = 0; i < h->cfg->n_models; i++) {
        const json_t *v = json_object_get(json_object_get(status[i], f->group), f->key);
        buf_addf(out, "slullamafs_%s{model=\"%s\"} %lld\n", f->name, model_config(h->models[i])->name,
                 (long long)json_integer_value(v));
    }
}

static void model_figures(const struct shown *v, struct buf *out)
{
    const struct house *h = v->house;
    struct buf all = { 0 }; /* of json_t *, one a model */

    for (size_t i = 0; i < h->cfg->n_models; i++) {
        json_t *status = model_status(v->models[i]);
        buf_add(&all, &status, sizeof status);
    }
    json_t **status = (json_t **)(void *)all.data;
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        model_figure(h, &figures[i], status, out);
    for (size_t i = 0; i < h->cfg->n_models; i++)
        json_decref(status[i]);
    buf_free(&all);
}

static void wakes(const struct shown *v, struct buf *out)
{
    family(out, "wakes_total", "counter", "Jobs that were asked for because a model was wanted.");
    for (size_t i = 0; i < v->house->cfg->n_models; i++)
        buf_addf(out, "slullamafs_wakes_total{model=\"%s\"} %u\n", model_config(v->models[i])->name,
                 model_wakes(v->models[i]));
}

static void wake_times(const struct shown *v, struct buf *out)
{
    static const char *const phases[WAKE_PHASES] = { "queued", "starting" };

    family(out, "wake_seconds", "summary",
           "What jobs took until they ran, and from there until they answered.");
    for (size_t i = 0; i < v->house->cfg->n_models; i++) {
        const char *name = model_config(v->models[i])->name;
        for (int p = 0; p < WAKE_PHASES; p++) {
            struct wake_time t = model_wake_time(v->models[i], (enum wake_phase)p);
            buf_addf(out, "slullamafs_wake_seconds_sum{model=\"%s\",phase=\"%s\"} %.3f\n", name, phases[p],
                     t.seconds);
            buf_addf(out, "slullamafs_wake_seconds_count{model=\"%s\",phase=\"%s\"} %u\n", name, phases[p],
                     t.n);
        }
    }
}

static void jobs(const struct shown *v, struct buf *out)
{
    int count[JOB_ENDED + 1] = { 0 };

    list_for_each(j, &v->house->jobs, struct job, link)
    {
        if (users_may_see(v->house, j->cluster->cfg, v->uid))
            count[j->state]++;
    }
    family(out, "jobs", "gauge", "Jobs by phase; ended ones of the last hour.");
    for (int s = 0; s <= JOB_ENDED; s++)
        buf_addf(out, "slullamafs_jobs{phase=\"%s\"} %d\n", job_state_name((enum job_state)s), count[s]);
}

static unsigned is_up(const struct cluster *c)
{
    return c->state == CLUSTER_UP;
}

static unsigned queries(const struct cluster *c)
{
    return c->queries;
}

static unsigned reconnects(const struct cluster *c)
{
    return c->connects > 0 ? c->connects - 1 : 0;
}

static const struct cluster_figure {
    const char *name, *type, *help;
    unsigned (*value)(const struct cluster *c);
} cluster_figures[] = {
    { "cluster_up", "gauge", "1 while the cluster is connected.", is_up },
    { "scheduler_queries_total", "counter", "Questions to the scheduler about our jobs.", queries },
    { "tunnel_reconnects_total", "counter", "Times that the way to the cluster came up again.", reconnects },
};

static void clusters(const struct shown *v, struct buf *out)
{
    const struct house *h = v->house;

    for (size_t k = 0; k < sizeof cluster_figures / sizeof cluster_figures[0]; k++) {
        const struct cluster_figure *f = &cluster_figures[k];
        family(out, f->name, f->type, f->help);
        for (size_t i = 0; i < h->cfg->n_clusters; i++)
            if (users_may_see(h, h->cfg->clusters[i], v->uid))
                buf_addf(out, "slullamafs_%s{cluster=\"%s\"} %u\n", f->name, h->cfg->clusters[i]->name,
                         f->value(h->clusters[i]));
    }
}

static void store(const struct house *h, struct buf *out)
{
    struct store_counts c = store_counts(history_store(h));

    family(out, "store_commits_total", "counter",
           "Transactions of the store, each with an fsync if durable.");
    buf_addf(out, "slullamafs_store_commits_total %llu\n", (unsigned long long)c.commits);
    family(out, "store_synced_total", "counter", "Steps of prompts in these that had to be on disk at once.");
    buf_addf(out, "slullamafs_store_synced_total %llu\n", (unsigned long long)c.now);
}

void metrics_text(struct house *h, uid_t uid, bool doors, struct buf *out)
{
    struct shown v = { h, xcalloc(h->cfg->n_models + 1, sizeof(struct model *)), uid };

    for (size_t i = 0; i < h->cfg->n_models; i++)
        v.models[i] = model_seen_by(h->models[i], uid);
    model_states(&v, out);
    model_figures(&v, out);
    wakes(&v, out);
    wake_times(&v, out);
    jobs(&v, out);
    clusters(&v, out);
    store(h, out);
    if (h->door_figures && doors)
        h->door_figures(h->door_figures_arg, out);
    free(v.models);
}
