/* SPDX-License-Identifier: MIT */
/* From tables to structs: what fills a key is the model's table, else its cluster's, else the default; then the rules
 * between the keys of one table. What a single key may be is in config_table.c. */
#include "backend/base/alloc.h"
#include "backend/config/config_inside.h"
#include "backend/engine/template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A table of the file, and its dotted path for messages. */
struct source {
    const json_t *table;
    const char *path;
};

static int set_standard(const struct config_key *k, void *field, const struct config *c, struct err *e)
{
    char *text = xasprintf("v = %s", k->standard);
    json_t *doc = NULL;
    int rc = toml_parse(text, strlen(text), &doc, NULL, e);

    if (rc == 0)
        rc = k->type->set(k, field, json_object_get(doc, "v"), c, e);
    json_decref(doc);
    free(text);
    return rc;
}

static int fill_key(const struct reading *r, const struct config_key *k, void *base,
                    const struct source *from, size_t n)
{
    void *field = (char *)base + k->offset;
    struct err why = { "" };

    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_object_get(from[i].table, k->name);
        if (!v)
            continue;
        if (k->type->set(k, field, v, r->c, &why) == 0)
            return 0;
        char *text = xasprintf("%s in [%s] %s", k->name, from[i].path, why.text);
        int rc = config_fail_at_key(r, from[i].path, k->name, text);
        free(text);
        return rc;
    }
    if (k->standard)
        return set_standard(k, field, r->c, r->e);
    return k->shown ? 0 : config_fail_at(r, from[0].path, "[%s] needs the key \"%s\"", from[0].path, k->name);
}

/* Each row of `rows` into the struct at base, from the first of n tables that has the key, else the default.
 */
static int fill(const struct reading *r, unsigned rows, void *base, const struct source *from, size_t n)
{
    int rc = 0;

    for (const struct config_key *k = config_keys; k->name && rc == 0; k++)
        if (k->rows & rows)
            rc = fill_key(r, k, base, from, n);
    return rc;
}

void config_clear(unsigned rows, void *base)
{
    for (const struct config_key *k = config_keys; k->name; k++)
        if ((k->rows & rows) && k->type->clear)
            k->type->clear((char *)base + k->offset);
}

/* Who may connect and how far the gateway listens belong together: CONTRACT.md section 7. table is the one that
 * has the key `listen`. */
static int check_reach(const struct reading *r, const char *table, const char *where)
{
    const struct config *c = r->c;
    char *text = NULL;

    if (listen_is_local(where))
        return 0;
    if (!strcmp(c->access, "owner"))
        text =
            xasprintf("listen in [%s] must be on loopback (127.0.0.1, [::1], localhost) or a unix:PATH while "
                      "access is \"owner\", not \"%.80s\"; access = \"token\" lets others in",
                      table, where);
    else if (!listen_is_address(where))
        text = xasprintf(
            "listen in [%s] must give an IP address, as \"0.0.0.0:11434\" for all of this machine's, "
            "not \"%.80s\"",
            table, where);
    else if (!strcmp(c->access, "token") && !*c->tls_cert && !c->allow_plain)
        text = xasprintf(
            "listen in [%s] reaches beyond this machine with \"%.80s\", and the token would cross the "
            "network in clear: give tls_cert and tls_key, or allow_plain = true",
            table, where);
    int rc = text ? config_fail_at_key(r, table, "listen", text) : 0;
    free(text);
    return rc;
}

static int check_gateway(const struct reading *r)
{
    const struct config *c = r->c;

    if (*c->token && *c->token_file)
        return config_fail_at(r, "gateway.token_file",
                              "token and token_file in [gateway] exclude each other");
    if (*c->token_file && access(c->token_file, R_OK) < 0)
        return config_fail_at(r, "gateway.token_file", "token_file in [gateway]: %s cannot be read: %s",
                              c->token_file, strerror(errno));
    if (strcmp(c->access, "token") && (*c->token || *c->token_file))
        return config_fail_at(
            r, *c->token ? "gateway.token" : "gateway.token_file",
            "a token in [gateway] is not asked for while access is \"%s\": write access = \"token\"",
            c->access);
    if (!*c->tls_cert != !*c->tls_key)
        return config_fail_at(r, *c->tls_cert ? "gateway.tls_cert" : "gateway.tls_key",
                              "tls_cert and tls_key in [gateway] need each other");
    for (size_t i = 0; i < c->listen.n; i++)
        if (check_reach(r, "gateway", c->listen.v[i]) < 0)
            return -EINVAL;
    return 0;
}

static int fill_mount(const struct reading *r)
{
    struct config *c = r->c;
    int rc = 0;

    for (const struct config_section *s = config_sections; s->name && rc == 0; s++) {
        const struct source from = { json_object_get(r->doc, s->name), s->name };
        if (!s->named)
            rc = fill(r, s->rows, c, &from, 1);
    }
    if (rc == 0)
        rc = check_gateway(r);
    if (rc < 0)
        return rc;
    c->listen_asked = json_object_get(json_object_get(r->doc, "gateway"), "listen") != NULL;
    if (!c->state_dir || !*c->state_dir) {
        free(c->state_dir);
        c->state_dir = config_state_dir();
    }
    if (!c->state_dir)
        return config_fail_at(r, "mount", "there is no home directory; set HOME, or state_dir in [mount]");
    if (!c->runtime_dir || !*c->runtime_dir) {
        free(c->runtime_dir);
        c->runtime_dir = config_runtime_dir(c->state_dir);
    }
    return 0;
}

bool cluster_is_gateway(const struct cluster_config *c)
{
    return !strcmp(c->kind, "gateway");
}

#define GATEWAY_URL "http://127.0.0.1:11435" /* where `serve` listens, as its own machine sees it */

static int check_gateway_keys(const struct reading *r, const char *path, struct cluster_config *k)
{
    bool gateway = cluster_is_gateway(k);
    const char *odd = *k->url ? "url" : *k->token_file ? "token_file" : NULL;

    if (!gateway && odd) {
        char *text = xasprintf("%s in [%s] is for kind \"gateway\", not \"%s\"", odd, path, k->kind);
        int rc = config_fail_at_key(r, path, odd, text);
        free(text);
        return rc;
    }
    if (gateway && !*k->url && !*k->host)
        return config_fail_at(
            r, path,
            "[%s] needs the key \"url\", as \"https://llm.example.org\", or \"host\" for a gateway "
            "that is reached through SSH",
            path);
    if (gateway && !*k->url) {
        free(k->url);
        k->url = xstrdup(GATEWAY_URL);
    }
    return 0;
}

static int fill_cluster(const struct reading *r, const char *name, const json_t *table)
{
    struct cluster_config *k = NEW(struct cluster_config);
    char *path = xasprintf("cluster.%s", name);
    const struct source from = { table, path };
    int rc;

    r->c->clusters[r->c->n_clusters++] = k;
    k->name = xstrdup(name);
    k->said = json_incref((json_t *)table);
    rc = fill(r, ROWS_CLUSTER, k, &from, 1);
    if (rc == 0)
        rc = fill(r, ROWS_JOB, &k->job, &from, 1);
    k->job.time_asked = json_object_get(table, "time") != NULL;
    if (rc == 0 && !strcmp(k->transport, "openssh") && !*k->host)
        rc = config_fail_at_key(r, path, "transport", "transport \"openssh\" needs a host to connect to");
    if (rc == 0)
        rc = check_gateway_keys(r, path, k);
    free(path);
    return rc;
}

/* A template starts its engine by itself. */
static int check_engine(const struct reading *r, const struct model_config *m, const char *path)
{
    if (*m->job.job_template)
        return 0;
    if (!strcmp(m->engine, "command") && (m->command.n == 0 || !*m->command.v[0]))
        return config_fail_at(
            r, path, "[%s] needs the key \"command\": the program that engine \"command\" runs", path);
    if (!strcmp(m->engine, "llamacpp") && !*m->model)
        return config_fail_at(
            r, path,
            "[%s] needs the key \"model\": the GGUF file or Hugging Face name that engine \"llamacpp\" loads",
            path);
    return 0;
}

static int check_template(const struct reading *r, const struct model_config *m, const json_t *table,
                          const char *path, const char *cluster_path)
{
    struct err why;

    if (template_check(m, &why) == 0)
        return 0;
    return config_fail_at_key(r, json_object_get(table, "job_template") ? path : cluster_path, "job_template",
                              why.text);
}

/* More than `replicas` and `min` are for those who say so. */
static int check_counts(const struct reading *r, const char *path, struct model_config *m,
                        const json_t *table)
{
    int most = m->replicas > m->min ? m->replicas : m->min;
    char text[160];

    if (!json_object_get(table, "max"))
        m->max = most;
    if (m->max >= most && most <= m->cluster->max_jobs)
        return 0;
    if (m->max < most)
        snprintf(text, sizeof text, "max = %d in [%s] is less than %s = %d", m->max, path,
                 m->replicas > m->max ? "replicas" : "min", most);
    else
        snprintf(text, sizeof text, "%d jobs of [%.60s] are more than max_jobs = %d of [cluster.%s]", most,
                 path, m->cluster->max_jobs, m->cluster->name);
    return config_fail_at_key(r, path, m->max < most ? "max" : m->min == most ? "min" : "replicas", text);
}

/* A gateway has queues of its own: more at a time than these are a program that runs wild. */
#define GATEWAY_SLOTS 256

static int settle_gateway(const struct reading *r, struct model_config *m, const json_t *table,
                          const char *path)
{
    bool gateway = cluster_is_gateway(m->cluster);
    char text[200];

    if (gateway != !strcmp(m->engine, "gateway")) {
        snprintf(
            text, sizeof text,
            gateway
                ? "[%.80s] is a model of a gateway, which decides what answers: leave out the key \"engine\""
                : "engine \"gateway\" in [%.80s] is for models of a cluster of that kind",
            path);
        return config_fail_at_key(r, path, "engine", text);
    }
    if (gateway && (m->replicas > 1 || m->min > 0 || *m->share)) {
        snprintf(text, sizeof text,
                 "[%.80s] is a model of a gateway, which decides about jobs: leave out \"%s\"", path,
                 *m->share ? "share"
                 : m->min  ? "min"
                           : "replicas");
        return config_fail_at(r, path, "%s", text);
    }
    if (gateway && !json_object_get(table, "slots"))
        m->slots = GATEWAY_SLOTS;
    if (gateway && !*m->model) {
        free(m->model);
        m->model = xstrdup(m->name);
    }
    return 0;
}

/* What answers there need not be said. NULL, or the table with that; the caller's. */
static json_t *with_engine(const struct reading *r, const json_t *table)
{
    const char *name = json_string_value(json_object_get(table, "cluster"));
    json_t *whole = NULL;

    for (size_t i = 0; i < r->c->n_clusters && !json_object_get(table, "engine"); i++) {
        const struct cluster_config *k = r->c->clusters[i];
        if (cluster_is_gateway(k) && (name ? !strcmp(k->name, name) : r->c->n_clusters == 1)) {
            whole = json_copy((json_t *)table);
            json_object_set_new(whole, "engine", json_string("gateway"));
        }
    }
    return whole;
}

static int fill_model(const struct reading *r, const char *name, const json_t *table);

int config_fill_model(const struct reading *r, const char *name, const json_t *table)
{
    json_t *whole = with_engine(r, table);
    int rc = fill_model(r, name, whole ? whole : table);

    json_decref(whole);
    return rc;
}

static int fill_model(const struct reading *r, const char *name, const json_t *table)
{
    struct model_config *m = NEW(struct model_config);
    char *path = xasprintf("model.%s", name), *cluster_path = NULL;
    const struct source own = { table, path };
    int rc;

    r->c->models[r->c->n_models++] = m;
    m->name = xstrdup(name);
    m->said = json_incref((json_t *)table);
    m->found_as = xstrdup(json_string_value(json_object_get(r->found, name)));
    rc = fill(r, ROWS_MODEL, m, &own, 1);
    if (rc == 0 && !m->cluster && r->c->n_clusters == 1)
        m->cluster = r->c->clusters[0];
    if (rc == 0 && !m->cluster)
        rc = config_fail_at(r, path, "[%s] needs the key \"cluster\": there are %zu clusters", path,
                            r->c->n_clusters);
    if (rc == 0 && *m->listen)
        rc = check_reach(r, path, m->listen);
    if (rc == 0) {
        cluster_path = xasprintf("cluster.%s", m->cluster->name);
        const json_t *clusters = json_object_get(r->doc, "cluster");
        const struct source both[] = { own, { json_object_get(clusters, m->cluster->name), cluster_path } };
        rc = fill(r, ROWS_JOB, &m->job, both, 2);
        m->job.time_asked = json_object_get(both[0].table, "time") || json_object_get(both[1].table, "time");
    }
    if (rc == 0)
        rc = settle_gateway(r, m, table, path);
    if (rc == 0)
        rc = check_engine(r, m, path);
    if (rc == 0)
        rc = check_template(r, m, table, path, cluster_path);
    if (rc == 0)
        rc = check_counts(r, path, m, table);
    free(cluster_path);
    free(path);
    return rc;
}

static int fill_user(const struct reading *r, const char *name, const json_t *table)
{
    struct user_config *u = NEW(struct user_config);
    char *path = xasprintf("user.%s", name);
    const struct source from = { table, path };

    r->c->users[r->c->n_users++] = u;
    u->name = xstrdup(name);
    int rc = fill(r, ROWS_USER, u, &from, 1);
    free(path);
    return rc;
}

int config_fill(const struct reading *r)
{
    json_t *clusters = json_object_get(r->doc, "cluster"), *models = json_object_get(r->doc, "model"),
           *users = json_object_get(r->doc, "user"), *table;
    const char *name;
    int rc = fill_mount(r);

    r->c->clusters = xcalloc(json_object_size(clusters), sizeof(struct cluster_config *));
    r->c->models = xcalloc(json_object_size(models), sizeof(struct model_config *));
    r->c->users = xcalloc(json_object_size(users), sizeof(struct user_config *));
    json_object_foreach(clusters, name, table)
    {
        if (rc == 0)
            rc = fill_cluster(r, name, table);
    }
    json_object_foreach(models, name, table)
    {
        if (rc == 0)
            rc = config_fill_model(r, name, table);
    }
    json_object_foreach(users, name, table)
    {
        if (rc == 0)
            rc = fill_user(r, name, table);
    }
    return rc;
}
