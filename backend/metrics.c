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

/* Names of models are keys of the configuration, which need no escaping. */
static const struct figure {
    const char *name, *type;
    enum model_figure which;
    const char *help;
} figures[] = {
    { "requests_waiting", "gauge", MODEL_WAITING, "Requests that wait for a job or a slot." },
    { "requests_active", "gauge", MODEL_ACTIVE, "Requests that an engine works on." },
    { "requests_done_total", "counter", MODEL_DONE, "Requests that were answered." },
    { "requests_failed_total", "counter", MODEL_FAILED_REQUESTS, "Requests that failed." },
    { "prompt_tokens_total", "counter", MODEL_PROMPT_TOKENS, "Tokens of prompts, as engines count them." },
    { "completion_tokens_total", "counter", MODEL_COMPLETION_TOKENS,
      "Tokens of answers, as engines count them." },
};

static void model_figures(const struct shown *v, struct buf *out)
{
    for (const struct figure *f = figures; f < figures + sizeof figures / sizeof figures[0]; f++) {
        family(out, f->name, f->type, f->help);
        for (size_t i = 0; i < v->house->cfg->n_models; i++)
            buf_addf(out, "slullamafs_%s{model=\"%s\"} %lld\n", f->name, model_config(v->models[i])->name,
                     (long long)model_figure(v->models[i], f->which));
    }
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
