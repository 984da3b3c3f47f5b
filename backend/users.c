/* SPDX-License-Identifier: MIT */
#include "backend/users.h"
#include "backend/cluster/cluster.h"

#include <errno.h>
#include <string.h>

const struct cluster_config *users_cluster(const struct house *h, uid_t uid)
{
    const struct user_config *u = config_user(h->cfg, uid);

    return u ? u->cluster : NULL;
}

static bool sees_all(const struct house *h, uid_t uid)
{
    return uid == h->uid || uid == 0;
}

bool users_may_see(const struct house *h, const struct cluster_config *k, uid_t uid)
{
    return !k->of_users || sees_all(h, uid) || users_cluster(h, uid) == k;
}

uid_t users_view(const struct house *h, uid_t uid)
{
    const struct cluster_config *k = users_cluster(h, uid);

    if (sees_all(h, uid))
        return h->uid;
    for (size_t i = 0; k && i < h->cfg->n_users; i++)
        if (h->cfg->users[i]->cluster == k && !sees_all(h, h->cfg->users[i]->uid))
            return h->cfg->users[i]->uid;
    return USERS_STRANGER;
}

/* ---- Events: one text for each who sees less than all. */

static struct cluster *cluster_of(const struct house *h, const struct cluster_config *k)
{
    for (size_t i = 0; k && i < h->cfg->n_clusters; i++)
        if (h->cfg->clusters[i] == k)
            return h->clusters[i];
    return NULL;
}

struct growing *users_events(const struct house *h, uid_t uid)
{
    const struct cluster *c = cluster_of(h, users_cluster(h, uid));

    if (sees_all(h, uid) || !h->open_events)
        return h->events;
    return c ? c->user_events : h->open_events;
}

void users_tell(struct house *h, const char *cluster, const char *line, size_t len)
{
    const struct cluster *about = cluster && h->open_events ? house_cluster(h, cluster) : NULL;
    bool open = !about || !about->cfg->of_users;

    growing_add(h->events, line, len);
    if (h->open_events && open)
        growing_add(h->open_events, line, len);
    for (size_t i = 0; h->open_events && i < h->cfg->n_clusters; i++) {
        const struct cluster *c = h->clusters[i];
        if (c->user_events && (open || c == about))
            growing_add(c->user_events, line, len);
    }
}

/* ---- Beginning and ending */

/* His questions would go one way by the files and another by the gateway, which is his. */
static int check_owner(const struct house *h, struct err *e)
{
    const struct user_config *u = config_user(h->cfg, h->uid);

    if (!u || !u->cluster)
        return 0;
    return err_set(
        e, -EINVAL,
        "[user.%s] in %s is the owner of this mount, whose questions go to the cluster of each model: leave "
        "it out, and write cluster = \"%s\" in the models",
        u->name, h->cfg->file, u->cluster->name);
}

int users_begin(struct house *h, struct err *e)
{
    bool any = false;

    for (size_t i = 0; i < h->cfg->n_clusters; i++)
        if (h->cfg->clusters[i]->of_users) {
            h->clusters[i]->user_events = growing_create(EVENTS_KEEP);
            any = true;
        }
    if (any)
        h->open_events = growing_create(EVENTS_KEEP);
    return check_owner(h, e);
}

void users_end(struct house *h)
{
    for (size_t i = 0; h->clusters && i < h->cfg->n_clusters; i++) {
        growing_destroy(h->clusters[i] ? h->clusters[i]->user_events : NULL);
        if (h->clusters[i])
            h->clusters[i]->user_events = NULL;
    }
    growing_destroy(h->open_events);
    h->open_events = NULL;
}
