/* SPDX-License-Identifier: MIT */
/* A model for users with a cluster of their own. On each such cluster it has a twin: a model of the same name, settings
 * and share with a line, jobs and figures of its own, which no list shows. It is made when it is first asked for, and
 * lives as long as the model; whoever comes by the model's name is led to it by his uid. */
#include "backend/cluster/cluster.h"
#include "backend/model/model_private.h"
#include "backend/users.h"

#include <errno.h>

static struct model *twin_find(const struct model *m, const struct cluster_config *k)
{
    list_for_each(t, &m->twins, struct model, twin)
    {
        if (t->cfg->cluster == k)
            return t;
    }
    return NULL;
}

/* -ENOENT, -EINVAL: config_model_on(). */
static int twin_begin(struct model *m, const struct cluster_config *k, struct model **out, struct err *e)
{
    struct model_config *cfg;
    struct model *pool = NULL;
    int rc = 0;

    if ((*out = twin_find(m, k)))
        return 0;
    if (m->pool != m) /* the first of its share has the jobs there too */
        rc = twin_begin(m->pool, k, &pool, e);
    if (rc == 0)
        rc = config_model_on(m->house->cfg, m->cfg, k, &cfg, e);
    if (rc == 0)
        *out = model_create_twin(m, cfg, pool);
    return rc;
}

struct model *model_on(struct model *m, const struct cluster_config *k, struct err *e)
{
    struct model *there;

    if (m->cfg->cluster == k)
        return m;
    if (!k->of_users)
        return NULL;
    return twin_begin(m, k, &there, e) == 0 ? there : NULL;
}

struct model *model_for(struct model *m, uid_t uid, struct err *e)
{
    struct model *front = m->front ? m->front : m, *there;
    const struct cluster_config *k = users_cluster(m->house, uid);
    int rc = k ? twin_begin(front, k, &there, e) : -ENOENT;

    return rc == 0 ? there : rc == -ENOENT ? front : NULL;
}

struct model *model_seen_by(struct model *m, uid_t uid)
{
    struct model *there = model_for(m, uid, NULL);

    return there ? there : m->front ? m->front : m;
}

const struct model *model_beside(const struct model *m, const struct cluster_config *k)
{
    return m->cfg->cluster == k ? m : twin_find(m, k);
}

void model_stop_all(struct model *m, const char *why)
{
    model_stop(m, why);
    list_for_each(t, &m->twins, struct model, twin) model_stop(t, why);
}

int model_cancel_all(struct model *m, uid_t uid)
{
    const char *why = m->house->stopping ? "the mount ended" : "cancelled by `cancel all`";
    int n = model_cancel(m->pool, m, uid, why);

    list_for_each(t, &m->twins, struct model, twin) n += model_cancel(t->pool, t, uid, why);
    return n;
}
