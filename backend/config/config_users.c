/* SPDX-License-Identifier: MIT */
/* Users with a cluster of their own: who they are, which clusters that are, and the models as they run there. */
#include "backend/base/alloc.h"
#include "backend/config/config_inside.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

/* ---- Who they are */

/* A name of the user database comes before a number: names of digits alone are rare, and say who is meant. */
static int uid_of(const char *name, uid_t *uid)
{
    const struct passwd *p = getpwnam(name);
    size_t digits = strspn(name, "0123456789");

    if (p) {
        *uid = p->pw_uid;
        return 0;
    }
    if (digits == 0 || digits > 10 || name[digits] || strtoull(name, NULL, 10) >= (uid_t)-1)
        return -ENOENT;
    *uid = (uid_t)strtoull(name, NULL, 10);
    return 0;
}

int user_name_check(const char *name, struct err *e)
{
    uid_t uid;

    if (uid_of(name, &uid) == 0)
        return 0;
    return err_set(e, -EINVAL,
                   "this machine has no user \"%.60s\"; write a name that `getent passwd` shows, or a uid",
                   name);
}

const struct user_config *config_user(const struct config *c, uid_t uid)
{
    for (size_t i = 0; i < c->n_users; i++)
        if (c->users[i]->uid == uid)
            return c->users[i];
    return NULL;
}

static int find_uid(const struct reading *r, struct user_config *u)
{
    uid_t uid = 0;

    if (uid_of(u->name, &uid) < 0) /* it had one when its name was checked */
        return err_set(r->e, -EINVAL, "[user.%s]: this machine has no such user any more", u->name);
    const struct user_config *other = config_user(r->c, uid);
    u->uid = uid;
    if (!other)
        return 0;
    char *path = xasprintf("user.%s", u->name);
    int rc = config_fail_at(r, path, "[%s] and [user.%s] are one user, uid %lu: write one of them", path,
                            other->name, (unsigned long)uid);
    free(path);
    return rc;
}

/* ---- Which clusters that are */

/* What would make it everybody's; NULL = nothing. */
static const char *is_open(const struct cluster_config *k)
{
    return cluster_is_gateway(k) ? "is of kind \"gateway\", where nothing is submitted"
           : *k->catalogue       ? "has models of its own, by its key \"catalogue\""
           : *k->discover        ? "has models of its own, by its key \"discover\""
           : k->import           ? "tells balancers of its jobs, by its key \"import\""
                                 : NULL;
}

static int take_cluster(const struct reading *r, const struct user_config *u)
{
    const char *why = u->cluster ? is_open(u->cluster) : NULL;

    if (u->cluster)
        u->cluster->of_users = true;
    if (!why)
        return 0;
    char *path = xasprintf("user.%s", u->name);
    char *text = xasprintf("cluster in [%s] must name one for its questions alone, and [cluster.%s] %s", path,
                           u->cluster->name, why);
    int rc = config_fail_at_key(r, path, "cluster", text);
    free(text);
    free(path);
    return rc;
}

static int check_owner(const struct reading *r, const struct model_config *m)
{
    if (!m->cluster->of_users)
        return 0;
    char *path = xasprintf("model.%s", m->name);
    char *text =
        xasprintf("[%s] is a model of [cluster.%s], which a [user.NAME] has for its questions alone: "
                  "write a second [cluster.NAME] for one of them",
                  path, m->cluster->name);
    int rc = json_object_get(m->said, "cluster") ? config_fail_at_key(r, path, "cluster", text)
                                                 : config_fail_at(r, path, "%s", text);
    free(text);
    free(path);
    return rc;
}

/* ---- The models as they run there */

/* It may pull what all of its share load. */
static void copy_pulls(struct model_config *to, const struct model_config *from)
{
    struct strings *s = &to->pre_pull;

    for (size_t i = 0; i < s->n; i++)
        free(s->v[i]);
    free(s->v);
    s->n = from->pre_pull.n;
    s->v = xcalloc(s->n + 1, sizeof *s->v);
    for (size_t i = 0; i < s->n; i++)
        s->v[i] = xstrdup(from->pre_pull.v[i]);
}

/* Read as if its table named that cluster; jobs that stay up are for the model's own cluster alone. */
static int read_there(const struct reading *r, const struct model_config *m, const struct cluster_config *k,
                      struct model_config **out)
{
    struct config *c = r->c;
    size_t before = c->n_models;
    json_t *table = json_copy(m->said);

    json_object_set_new(table, "cluster", json_string(k->name));
    json_object_del(table, "min");
    c->models = xrealloc(c->models, (before + 1) * sizeof(struct model_config *));
    int rc = config_fill_model(r, m->name, table);
    json_decref(table);
    struct model_config *there = c->n_models > before ? c->models[--c->n_models] : NULL;
    if (rc < 0) {
        if (there)
            config_free_model(there);
        return rc;
    }
    copy_pulls(there, m);
    *out = there;
    return 0;
}

static bool can_move(const struct model_config *m)
{
    return !cluster_is_gateway(m->cluster);
}

int config_model_on(struct config *c, const struct model_config *m, const struct cluster_config *k,
                    struct model_config **out, struct err *e)
{
    struct reading r = { .c = c, .file = c->file, .e = e };

    if (!can_move(m))
        return -ENOENT;
    r.doc = json_pack("{s:{s:O}}", "cluster", k->name, k->said);
    int rc = read_there(&r, m, k, out);
    json_decref(r.doc);
    if (rc < 0)
        return rc;
    c->moved = xrealloc(c->moved, (c->n_moved + 1) * sizeof(struct model_config *));
    c->moved[c->n_moved++] = *out;
    return 0;
}

static int check_there(const struct reading *r, const struct cluster_config *k)
{
    int rc = 0;

    for (size_t i = 0; i < r->c->n_models && rc == 0; i++) {
        struct model_config *there;
        if (!can_move(r->c->models[i]))
            continue;
        rc = read_there(r, r->c->models[i], k, &there);
        if (rc == 0)
            config_free_model(there);
    }
    return rc;
}

int config_settle_users(const struct reading *r)
{
    const struct config *c = r->c;
    int rc = 0;

    for (size_t i = 0; i < c->n_users; i++)
        c->users[i]->uid = (uid_t)-1; /* until it is known */
    for (size_t i = 0; i < c->n_users && rc == 0; i++) {
        rc = find_uid(r, c->users[i]);
        if (rc == 0)
            rc = take_cluster(r, c->users[i]);
    }
    for (size_t i = 0; i < c->n_models && rc == 0; i++)
        rc = check_owner(r, c->models[i]);
    for (size_t i = 0; i < c->n_clusters && rc == 0; i++)
        if (c->clusters[i]->of_users)
            rc = check_there(r, c->clusters[i]);
    return rc;
}
