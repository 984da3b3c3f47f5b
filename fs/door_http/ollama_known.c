/* SPDX-License-Identifier: MIT */
/* What Ollama's programs ask about models, answered from what is known without any engine. Source:
 * ollama/ollama, docs/api.md. Models are made by the configuration: sizes, digests and details of files are
 * the cluster's and not known here; fields that programs take for granted are there all the same. */
#include "fs/door_http/ollama.h"
#include "backend/base/hash.h"
#include "fs/door_http/relay.h"
#include "fs/door_http/translate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The version of Ollama whose answers these are: its programs compare it. */
#define API_VERSION "0.12.6"

/* Bytes of a request that names a model. */
#define NAMING_MAX 65536

static void answer_json(const struct request *r, json_t *j)
{
    char *text = json_dumps(j, JSON_COMPACT);

    connection_answer(r->conn, 200, "application/json", text ? text : "{}", strlen(text ? text : "{}"));
    free(text);
    json_decref(j);
}

static json_t *details(void)
{
    return json_pack("{s:s,s:s,s:s,s:[],s:s,s:s}", "parent_model", "", "format", "", "family", "", "families",
                     "parameter_size", "", "quantization_level", "");
}

/* 64 hex digits that tell one model from another: programs show the first twelve. */
static json_t *digest(const char *name)
{
    char text[65];

    for (int i = 0; i < 4; i++)
        snprintf(text + 16 * i, 17, "%016llx",
                 (unsigned long long)(hash_add(HASH_BEGIN, name) * (unsigned)(2 * i + 1)));
    return json_string(text);
}

static json_t *card(const struct house *h, const struct model *m)
{
    const char *name = model_config(m)->name;

    return json_pack("{s:s,s:s,s:o,s:i,s:o,s:o}", "name", name, "model", name, "modified_at",
                     json_time(&h->started), "size", 0, "digest", digest(name), "details", details());
}

void answer_tags(const struct request *r, const struct route_at *at)
{
    json_t *models = json_array();

    for (size_t i = 0; i < r->house->cfg->n_models; i++)
        if ((!at->model || at->model == r->house->models[i]) &&
            connection_may_see(r->conn, model_config(r->house->models[i])->name))
            json_array_append_new(models, card(r->house, r->house->models[i]));
    answer_json(r, json_pack("{s:o}", "models", models));
}

void answer_ps(const struct request *r, const struct route_at *at)
{
    json_t *models = json_array();

    for (size_t i = 0; i < r->house->cfg->n_models; i++) {
        const struct model *m = r->house->models[i];
        if ((at->model && at->model != m) || model_state(m) != MODEL_READY ||
            !connection_may_see(r->conn, model_config(m)->name))
            continue;
        struct timespec until = wall_now();
        until.tv_sec += model_config(m)->job.idle_timeout_s;
        json_t *v = card(r->house, m);
        json_object_set_new(v, "expires_at", json_time(&until));
        json_object_set_new(v, "size_vram", json_integer(0));
        json_array_append_new(models, v);
    }
    answer_json(r, json_pack("{s:o}", "models", models));
}

void answer_version(const struct request *r, const struct route_at *at)
{
    (void)at;
    answer_json(r, json_pack("{s:s,s:s}", "version", API_VERSION, "slullamafs", SLULLAMAFS_VERSION));
}

struct model *ollama_model(const struct request *r, const struct route_at *at, bool *stream)
{
    json_t *asked = r->body_len <= NAMING_MAX ? json_loadb(r->body, r->body_len, 0, NULL) : NULL;
    const char *name = json_string_value(json_object_get(asked, "model"));
    struct model *m = at->model;

    if (!name)
        name = json_string_value(json_object_get(asked, "name"));
    *stream = !json_is_false(json_object_get(asked, "stream"));
    if (!m && name)
        m = route_find_model(r->house, name);
    if (!json_is_object(asked)) {
        connection_error(r->conn, 400,
                         "the request body is not a JSON object, or too long for one that names a model");
        m = NULL;
    } else if (m && !connection_may_see(r->conn, model_config(m)->name)) {
        answer_no_model(r, name ? name : model_config(m)->name);
        m = NULL;
    } else if (!m && name) {
        answer_no_model(r, name);
    } else if (!m) {
        connection_error(r->conn, 400, "the request body names no \"model\"");
    }
    json_decref(asked);
    return m;
}

void answer_show(const struct request *r, const struct route_at *at)
{
    bool stream;
    struct model *m = ollama_model(r, at, &stream);

    if (!m)
        return;
    const struct model_config *cfg = model_config(m);
    struct job *j = model_job(m);
    if (j && j->state == JOB_HEALTHY && j->client && engine_speaks(j->engine, DIALECT_OLLAMA)) {
        relay_pass(r, m, j, at->path);
        return;
    }
    json_t *info = json_pack("{s:s,s:s}", "general.architecture", "unknown", "general.basename",
                             *cfg->model ? cfg->model : cfg->name);
    answer_json(r, json_pack("{s:s,s:s,s:s,s:o,s:o,s:[s,s],s:o}", "modelfile",
                             "# made by the configuration of slullamafs", "parameters", "", "template", "",
                             "details", details(), "model_info", info, "capabilities", "completion", "tools",
                             "modified_at", json_time(&r->house->started)));
}

void answer_fixed(const struct request *r, const struct route_at *at)
{
    struct err e;

    err_set(&e, -EINVAL, "%.60s: the models here are those of the configuration; change that instead",
            at->path);
    connection_error(r->conn, 400, e.text);
}
