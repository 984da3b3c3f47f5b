/* SPDX-License-Identifier: MIT */
/* What users with a cluster of their own ([user.NAME]) see of the tree, and what others see of them: each name of a
 * file that tells of all clusters means another node for whoever sees less than all, and jobs and clusters of such users
 * are found by these and by the owner alone. */
#include "fs/tree_inside.h"
#include "backend/cluster/cluster.h"
#include "backend/job/job.h"
#include "backend/users.h"

static const struct cluster_config *cluster_of(const struct subject *s)
{
    return !s->ptr                      ? NULL
           : s->kind == SUBJECT_JOB     ? ((const struct job *)s->ptr)->cluster->cfg
           : s->kind == SUBJECT_CLUSTER ? ((const struct cluster *)s->ptr)->cfg
                                        : NULL;
}

bool subject_shown(const struct tree *t, const struct subject *s, uid_t uid)
{
    const struct cluster_config *k = cluster_of(s);

    return !k || users_may_see(t->house, k, uid);
}

static struct subject *of_cluster(struct tree *t, enum subject_kind kind, const void *ptr,
                                  const struct cluster_config *k)
{
    return k->of_users ? subject_owned(t, kind, ptr, t->uid) : subject_of(t, kind, ptr);
}

struct subject *subject_of_job(struct tree *t, const struct job *j)
{
    return of_cluster(t, SUBJECT_JOB, j, j->cluster->cfg);
}

struct subject *subject_of_cluster(struct tree *t, const struct cluster *c)
{
    return of_cluster(t, SUBJECT_CLUSTER, c, c->cfg);
}

struct subject *view_of(struct tree *t, const struct node *n, const struct caller *c)
{
    uid_t view = users_view(t->house, c->uid);

    (void)n;
    return view == t->house->uid ? NULL
                                 : subject_numbered(t, SUBJECT_VIEW, t->house, (uint64_t)view + 1, t->uid);
}

uid_t view_uid(const struct tree *t, const struct node *n)
{
    return n->subject->kind == SUBJECT_VIEW ? (uid_t)(n->subject->number - 1) : t->house->uid;
}
