/* SPDX-License-Identifier: MIT */
/* Models that live in one job: what one of them says of the job counts for all, and two that say different things are
 * told so. The first of them is the one whose job it is. */
#include "backend/base/alloc.h"
#include "backend/config/config_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What each says for itself alone. */
static const char *const own_keys[] = { "share",  "model",     "aliases", "description", "system",
                                        "params", "max_queue", "listen",  "pre_pull",    NULL };

static bool is_own(const char *key)
{
    for (size_t i = 0; own_keys[i]; i++)
        if (!strcmp(own_keys[i], key))
            return true;
    return false;
}

static const char *share_of(const json_t *table)
{
    const char *share = json_string_value(json_object_get(table, "share"));

    return share ? share : "";
}

/* ---- Before the tables become structs */

static int differs(const struct reading *r, const char *share, const char *name, const char *key,
                   const char *other)
{
    char *path = xasprintf("model.%s", name);
    char *text = xasprintf("%s in [%s] is not what [model.%s] says, and both live in the job of share "
                           "\"%.80s\": write it in one of them, or the same in both",
                           key, path, other, share);
    int rc = config_fail_at_key(r, path, key, text);

    free(text);
    free(path);
    return rc;
}

/* said: share -> key -> [value, who says it] */
static int hear(const struct reading *r, const char *name, const json_t *table, json_t *said)
{
    const char *share = share_of(table), *key;
    json_t *all = json_object_get(said, share), *v;

    if (!all)
        json_object_set_new(said, share, all = json_object());
    json_object_foreach((json_t *)table, key, v)
    {
        const json_t *before = json_object_get(all, key);
        if (is_own(key))
            continue;
        if (before && !json_equal(json_array_get(before, 0), v))
            return differs(r, share, name, key, json_string_value(json_array_get(before, 1)));
        if (!before)
            json_object_set_new(all, key, json_pack("[O,s]", v, name));
    }
    return 0;
}

static void tell(json_t *table, const json_t *said)
{
    const char *key;
    json_t *v;

    json_object_foreach(json_object_get(said, share_of(table)), key, v)
    {
        json_object_set(table, key, json_array_get(v, 0));
    }
}

void config_follow_share(json_t *table, const json_t *first)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)first, key, v)
    {
        if (!is_own(key) && !json_object_get(table, key))
            json_object_set(table, key, v);
    }
}

int config_join_shares(const struct reading *r)
{
    json_t *models = json_object_get(r->doc, "model"), *said = json_object(), *table;
    const char *name;
    int rc = 0;

    json_object_foreach(models, name, table)
    {
        if (rc == 0 && *share_of(table))
            rc = hear(r, name, table, said);
    }
    json_object_foreach(models, name, table)
    {
        if (rc == 0 && *share_of(table))
            tell(table, said);
    }
    json_decref(said);
    return rc;
}

/* ---- After that */

struct model_config *config_share(const struct config *c, const char *share)
{
    for (size_t i = 0; *share && i < c->n_models; i++)
        if (!strcmp(c->models[i]->share, share))
            return c->models[i];
    return NULL;
}

static void add_pull(struct model_config *first, const char *model)
{
    struct strings *all = &first->pre_pull;

    if (!*model || !strcmp(model, first->model))
        return;
    for (size_t i = 0; i < all->n; i++)
        if (!strcmp(all->v[i], model))
            return;
    all->v = xrealloc(all->v, (all->n + 2) * sizeof *all->v);
    all->v[all->n++] = xstrdup(model);
    all->v[all->n] = NULL;
}

static int check_engine(const struct reading *r, const struct model_config *m)
{
    static const char *const of_one[] = { "llamacpp", "vllm", "http" };
    char *path = xasprintf("model.%s", m->name);
    int rc = 0;

    for (size_t i = 0; *m->share && rc == 0 && i < sizeof of_one / sizeof of_one[0]; i++)
        if (!strcmp(m->engine, of_one[i]))
            rc = config_fail_at(
                r, path,
                "[%s] has a share, but engine \"%s\" serves one model, whatever a request names: "
                "leave out the share, or take ollama",
                path, m->engine);
    free(path);
    return rc;
}

int config_settle_shares(const struct reading *r)
{
    int rc = 0;

    for (size_t i = 0; i < r->c->n_models && rc == 0; i++) {
        const struct model_config *m = r->c->models[i];
        struct model_config *first = config_share(r->c, m->share);
        rc = check_engine(r, m);
        if (!first || first == m)
            continue;
        add_pull(first, m->model);
        for (size_t k = 0; k < m->pre_pull.n; k++)
            add_pull(first, m->pre_pull.v[k]);
    }
    return rc;
}
