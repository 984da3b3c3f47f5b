/* SPDX-License-Identifier: MIT */
/* The list of found models and its file, found.json in the state directory: an object of "CLUSTER PLACE" to arrays. */
#include "backend/cluster/found.h"
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/base/private_file.h"
#include "backend/model/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (4u << 20) /* bytes: 2000 models of each of some clusters */

static char *file_of(const struct house *h)
{
    return xasprintf("%s/found.json", h->state_dir);
}

static void save(const struct house *h)
{
    char *text = json_dumps(h->found, JSON_INDENT(1)), *path = file_of(h);
    struct err e = { 0 };

    if (text && private_file_write(path, text, strlen(text), &e) < 0)
        log_warning("%s", e.text);
    free(path);
    free(text);
}

/* Into the configuration; how many were new. */
static size_t add_all(struct house *h, const char *cluster, const json_t *list)
{
    size_t before = h->cfg->n_models, i;
    json_t *one;

    json_array_foreach((json_t *)list, i, one)
    {
        const char *name = json_string_value(json_object_get(one, "name"));
        const json_t *table = json_object_get(one, "table");
        struct err e = { 0 };
        if (!name || !json_is_object(table))
            continue;
        int rc = config_add_found(h->cfg, cluster, name, table, &e);
        if (rc < 0 && rc != -EEXIST)
            log_warning("a model that was found on cluster %s is left out: %s", cluster, e.text);
    }
    return h->cfg->n_models - before;
}

void found_load(struct house *h)
{
    char *path = file_of(h);
    struct buf text = { 0 };
    const char *key;
    json_t *list;

    if (private_file_read(path, FILE_MAX, &text, NULL) == 0)
        h->found = json_loadb(text.data, text.len, 0, NULL);
    if (!json_is_object(h->found)) { /* none yet; a damaged one is made again */
        json_decref(h->found);
        h->found = json_object();
    }
    for (size_t i = 0; i < h->cfg->n_clusters; i++) {
        const struct cluster_config *c = h->cfg->clusters[i];
        size_t n = strlen(c->name);
        json_object_foreach(h->found, key, list)
        {
            const char *place = key + strcspn(key, " ");
            bool counts = !strcmp(place, " engine")    ? h->cfg->slullama != NULL
                          : !strcmp(place, " gateway") ? cluster_is_gateway(c)
                                                       : *c->discover != '\0';
            if (!strncmp(key, c->name, n) && key[n] == ' ' && counts)
                add_all(h, c->name, list);
        }
    }
    buf_free(&text);
    free(path);
}

void found_take(struct house *h, const char *cluster, const char *place, json_t *list)
{
    char *key = xasprintf("%s %s", cluster, place);
    size_t first = h->cfg->n_models, n = add_all(h, cluster, list);

    if (n > 0)
        h->models = xrealloc(h->models, (first + n) * sizeof(struct model *));
    for (size_t i = first; i < first + n; i++)
        h->models[i] = NULL;
    for (size_t i = first; i < first + n; i++)
        h->models[i] = model_create(h, h->cfg->models[i]);
    if (n > 0)
        log_info("cluster %s: %zu models were found, %zu of them new", cluster, json_array_size(list), n);
    if (!json_equal(json_object_get(h->found, key), list)) {
        json_object_set(h->found, key, list);
        save(h);
    }
    json_decref(list);
    free(key);
    house_changed(h);
}

bool found_known(const struct house *h, const char *cluster, const char *place)
{
    char *key = xasprintf("%s %s", cluster, place);
    bool yes = json_object_get(h->found, key) != NULL;

    free(key);
    return yes;
}
