/* SPDX-License-Identifier: MIT */
/* Answers from what is known without any engine: they wake nothing, and are the same whether a model sleeps
 * or not. */
#include "fs/door_http/routes.h"
#include "backend/balance.h"
#include "backend/base/alloc.h"
#include "backend/cluster/cluster.h"
#include "backend/job/job.h"
#include "backend/metrics.h"
#include "backend/users.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void answer_json(const struct request *r, int status, json_t *j)
{
    char *text = json_dumps(j, JSON_COMPACT);
    struct buf body = { 0 };

    buf_addf(&body, "%s\n", text ? text : "{}");
    connection_answer(r->conn, status, "application/json", body.data, body.len);
    buf_free(&body);
    free(text);
    json_decref(j);
}

void answer_health(const struct request *r, const struct route_at *at)
{
    json_t *states = json_object();

    (void)at;
    for (size_t i = 0; i < r->house->cfg->n_models; i++)
        json_object_set_new(states, model_config(r->house->models[i])->name,
                            json_string(model_state_name(model_state(r->house->models[i]))));
    answer_json(r, 200, json_pack("{s:s,s:o}", "status", "ok", "models", states));
}

void answer_metrics(const struct request *r, const struct route_at *at)
{
    struct buf text = { 0 };

    (void)at;
    metrics_text(r->house, USERS_STRANGER, false, &text);
    connection_figures(r->conn, &text);
    connection_answer(r->conn, 200, "text/plain; version=0.0.4; charset=utf-8", buf_str(&text), text.len);
    buf_free(&text);
}

/* A model as OpenAI's list shows it; created is when this mount began, since a model has no birthday. */
static json_t *card(const struct house *h, const struct model *m, const char *id)
{
    static const char *const keys[] = { "reason", "queue_position", "expected_start", "progress" };
    const struct model_config *cfg = model_config(m);
    json_t *status = model_status(m);
    json_t *v =
        json_pack("{s:s,s:s,s:I,s:s,s:s}", "id", id, "object", "model", "created",
                  (json_int_t)h->started.tv_sec, "owned_by", cfg->cluster ? cfg->cluster->name : "slullamafs",
                  "state", model_state_name(model_state(m)));

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        json_t *said = json_object_get(status, keys[i]);
        if (!json_is_null(said))
            json_object_set(v, keys[i], said);
    }
    if (cfg->cluster && cluster_is_gateway(cfg->cluster)) /* who mounts us asks that one by himself */
        json_object_set_new(v, "from_gateway", json_true());
    json_decref(status);
    return v;
}

void answer_models(const struct request *r, const struct route_at *at)
{
    json_t *data = json_array();

    for (size_t i = 0; i < r->house->cfg->n_models; i++) {
        const struct model *m = r->house->models[i];
        if ((!at->model || at->model == m) && connection_may_see(r->conn, model_config(m)->name))
            json_array_append_new(data, card(r->house, m, model_config(m)->name));
    }
    answer_json(r, 200, json_pack("{s:s,s:o}", "object", "list", "data", data));
}

/* The name may have slashes, as those of Hugging Face do. */
void answer_model(const struct request *r, const struct route_at *at)
{
    const char *p = at->path + strlen("/v1/models/");
    struct buf name = { 0 };
    struct model *m = NULL;

    if (route_unescape(&name, p, strcspn(p, "?")))
        m = route_find_model(r->house, buf_str(&name));
    if (m && (!at->model || at->model == m) && connection_may_see(r->conn, model_config(m)->name))
        answer_json(r, 200, card(r->house, m, name.data));
    else
        answer_no_model(r, buf_str(&name));
    buf_free(&name);
}

void answer_traefik(const struct request *r, const struct route_at *at)
{
    struct balance b = { 0 };

    (void)at;
    list_for_each(j, &r->house->jobs, struct job, link)
    {
        if (j->state == JOB_HEALTHY && !j->cluster->cfg->of_users)
            balance_add(&b, j->config, r->house->endpoint, job_node(j), j->port);
    }
    for (size_t i = 0; i < r->house->cfg->n_clusters; i++) {
        const struct imports *im = &r->house->clusters[i]->imports;
        for (size_t k = 0; k < im->n; k++)
            balance_add_other(&b, im->v[k].service, im->v[k].host, im->v[k].port);
    }
    answer_json(r, 200, balance_traefik(&b));
    balance_free(&b);
}

/* Every word that a request may name a model by, for finding the near one. The caller frees the array. */
static const char **all_names(const struct house *h, size_t *n)
{
    const struct config *cfg = h->cfg;
    size_t most = 0;

    for (size_t i = 0; i < cfg->n_models; i++)
        most += 2 + cfg->models[i]->aliases.n;
    const char **names = xcalloc(most + 1, sizeof *names);
    *n = 0;
    for (size_t i = 0; i < cfg->n_models; i++) {
        const struct model_config *m = cfg->models[i];
        names[(*n)++] = m->name;
        for (size_t k = 0; k < m->aliases.n; k++)
            names[(*n)++] = m->aliases.v[k];
        if (*m->model)
            names[(*n)++] = m->model;
    }
    return names;
}

void answer_no_model(const struct request *r, const char *name)
{
    size_t n;
    const char **names = all_names(r->house, &n);
    const char *near = nearest_name(name, names, n);
    struct err e;

    if (is_ollama_path(r->path)) /* its programs look for these words */
        err_set(&e, -ENOENT, "model '%.100s' not found%s%s%s", name, near ? "; did you mean '" : "",
                near ? near : "", near ? "'?" : "");
    else if (near)
        err_set(&e, -ENOENT, "there is no model \"%.100s\"; did you mean \"%s\"?", name, near);
    else
        err_set(&e, -ENOENT, "there is no model \"%.100s\"; GET /v1/models lists those there are", name);
    free(names);
    connection_error(r->conn, 404, e.text);
}
