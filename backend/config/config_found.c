/* SPDX-License-Identifier: MIT */
/* A model that was found while the configuration is in use: read as if it stood there. */
#include "backend/base/alloc.h"
#include "backend/config/config_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What was found names its home in full: /home/u/hub/x is ~/hub/x, and holds ~/hub/x/y. */
static bool leads_into(const char *model, const char *in_home)
{
    size_t n = strlen(model), k = 0;

    do {
        k += strcspn(in_home + k, "/");
        if (n > k && model[n - k - 1] == '/' && strncmp(model + n - k, in_home, k) == 0)
            return true;
    } while (in_home[k] && in_home[++k]);
    return false;
}

/* A directory of Hugging Face's cache is the same model as a snapshot in it. */
static bool loads(const struct model_config *m, const char *model)
{
    size_t n = strlen(model);

    if (model[0] == '/' && strncmp(m->model, "~/", 2) == 0)
        return leads_into(model, m->model + 2);
    return strncmp(m->model, model, n) == 0 && (m->model[n] == '\0' || m->model[n] == '/');
}

static const struct cluster_config *find_cluster(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_clusters; i++)
        if (!strcmp(c->clusters[i]->name, name))
            return c->clusters[i];
    return NULL;
}

static bool is_there(const struct config *c, const char *cluster, const char *original, const json_t *table)
{
    const char *model = json_string_value(json_object_get(table, "model"));
    char *plain = name_for_found(original, NULL);
    bool yes = false;
    const struct cluster_config *k = find_cluster(c, cluster);
    bool far = k && cluster_is_gateway(k); /* of what a team calls so, one's own model is no copy */

    for (size_t i = 0; i < c->n_models && !yes; i++) {
        const struct model_config *m = c->models[i];
        bool same = !strcmp(m->cluster->name, cluster);
        yes = (same && model && *model && loads(m, model)) ||
              (same && m->found_as && !strcmp(m->found_as, original)) ||
              (!m->found_as && !strcmp(m->name, plain) && (same || !far));
    }
    free(plain);
    return yes;
}

/* Its table as it would stand in the file. */
static json_t *whole_table(const struct config *c, const char *cluster, const json_t *table)
{
    json_t *whole = json_copy((json_t *)table);
    const char *share = json_string_value(json_object_get(table, "share"));
    const struct model_config *first = share ? config_share(c, share) : NULL;
    const char *engine = json_string_value(json_object_get(table, "engine"));

    json_object_set_new(whole, "cluster", json_string(cluster));
    if (first && engine && !strcmp(first->engine, engine) && !strcmp(first->cluster->name, cluster))
        config_follow_share(whole, first->said);
    return whole;
}

static void name_it(struct config *c, size_t at)
{
    const struct model_config *m = c->models[at];

    config_name(c, m->name, at);
    for (size_t i = 0; i < m->aliases.n; i++)
        config_name(c, m->aliases.v[i], at);
}

static int add(struct config *c, const struct cluster_config *k, const char *name, const char *original,
               json_t *table, struct err *e)
{
    struct reading r = { .c = c, .file = c->file, .e = e };

    r.doc = json_pack("{s:{s:O}}", "cluster", k->name, k->said);
    r.found = json_pack("{s:s}", name, original);
    c->models = xrealloc(c->models, (c->n_models + 1) * sizeof *c->models);
    size_t before = c->n_models;
    int rc = r.doc && r.found ? config_fill_model(&r, name, table)
                              : err_set(e, -EINVAL, "a name that is not UTF-8");
    if (rc < 0 && c->n_models > before)
        config_free_model(c->models[--c->n_models]);
    if (rc == 0)
        name_it(c, before);
    json_decref(r.doc);
    json_decref(r.found);
    return rc;
}

int config_add_found(struct config *c, const char *cluster, const char *original, const json_t *table,
                     struct err *e)
{
    const struct cluster_config *k = find_cluster(c, cluster);

    if (!k)
        return err_set(e, -EINVAL, "there is no cluster %s any more", cluster);
    if (!*original || check_line(original, NULL) < 0)
        return err_set(e, -EINVAL, "\"%.80s\" cannot be the name of a directory", original);
    if (is_there(c, cluster, original, table))
        return -EEXIST;
    json_t *whole = whole_table(c, cluster, table);
    char *name = name_for_found(original, c->names);
    int rc = add(c, k, name, original, whole, e);
    free(name);
    json_decref(whole);
    return rc;
}
