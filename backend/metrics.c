/* SPDX-License-Identifier: MIT */
#include "backend/metrics.h"
#include "backend/cluster/cluster.h"
#include "backend/history/history.h"
#include "backend/job/job.h"
#include "backend/model/model.h"

static void family(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_addf(out, "# HELP slullamafs_%s %s\n# TYPE slullamafs_%s %s\n", name, help, name, type);
}

static void model_states(const struct house *h, struct buf *out)
{
    family(out, "model_state", "gauge", "1 for the state that the model is in.");
    for (size_t i = 0; i < h->cfg->n_models; i++)
        for (int s = MODEL_ASLEEP; s <= MODEL_FAILED; s++)
            buf_addf(out, "slullamafs_model_state{model=\"%s\",state=\"%s\"} %d\n",
                     model_config(h->models[i])->name, model_state_name((enum model_state)s),
                     model_state(h->models[i]) == (enum model_state)s);
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

static void model_figures(const struct house *h, struct buf *out)
{
    struct buf all = { 0 }; /* of json_t *, one a model */

    for (size_t i = 0; i < h->cfg->n_models; i++) {
        json_t *status = model_status(h->models[i]);
        buf_add(&all, &status, sizeof status);
    }
    json_t **status = (json_t **)(void *)all.data;
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        model_figure(h, &figures[i], status, out);
    for (size_t i = 0; i < h->cfg->n_models; i++)
        json_decref(status[i]);
    buf_free(&all);
}

static void wakes(const struct house *h, struct buf *out)
{
    family(out, "wakes_total", "counter", "Jobs that were asked for because a model was wanted.");
    for (size_t i = 0; i < h->cfg->n_models; i++)
        buf_addf(out, "slullamafs_wakes_total{model=\"%s\"} %u\n", model_config(h->models[i])->name,
                 model_wakes(h->models[i]));
}

static void jobs(const struct house *h, struct buf *out)
{
    int count[JOB_ENDED + 1] = { 0 };

    list_for_each(j, &h->jobs, struct job, link) count[j->state]++;
    family(out, "jobs", "gauge", "Jobs by phase; ended ones of the last hour.");
    for (int s = 0; s <= JOB_ENDED; s++)
        buf_addf(out, "slullamafs_jobs{phase=\"%s\"} %d\n", job_state_name((enum job_state)s), count[s]);
}

static void clusters(const struct house *h, struct buf *out)
{
    family(out, "cluster_up", "gauge", "1 while the cluster is connected.");
    for (size_t i = 0; i < h->cfg->n_clusters; i++)
        buf_addf(out, "slullamafs_cluster_up{cluster=\"%s\"} %d\n", h->clusters[i]->cfg->name,
                 h->clusters[i]->state == CLUSTER_UP);
    family(out, "scheduler_queries_total", "counter", "Questions to the scheduler about our jobs.");
    for (size_t i = 0; i < h->cfg->n_clusters; i++)
        buf_addf(out, "slullamafs_scheduler_queries_total{cluster=\"%s\"} %u\n", h->clusters[i]->cfg->name,
                 h->clusters[i]->queries);
    family(out, "tunnel_reconnects_total", "counter", "Times that the way to the cluster came up again.");
    for (size_t i = 0; i < h->cfg->n_clusters; i++)
        buf_addf(out, "slullamafs_tunnel_reconnects_total{cluster=\"%s\"} %u\n", h->clusters[i]->cfg->name,
                 h->clusters[i]->connects > 0 ? h->clusters[i]->connects - 1 : 0);
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

void metrics_text(const struct house *h, struct buf *out)
{
    model_states(h, out);
    model_figures(h, out);
    wakes(h, out);
    jobs(h, out);
    clusters(h, out);
    store(h, out);
    if (h->door_figures)
        h->door_figures(h->door_figures_arg, out);
}
