/* SPDX-License-Identifier: MIT */
/* Symbolic links: an alias to its model, a model to its current job and to all of them, a
 * job to its models. */
#include "backend/job/job.h"
#include "backend/model/model.h"
#include "fs/files/files.h"

#include <errno.h>

int link_alias(struct tree *t, struct subject *s, const char *name, struct buf *target)
{
    (void)t, (void)name;
    buf_adds(target, model_config(s->ptr)->name);
    return 0;
}

/* The caller's, with a name. */
static const struct job *current_job(struct tree *t, const struct subject *s)
{
    const struct job *j = model_job(model_seen_by(s->ptr, tree_caller(t)->uid));

    return j && j->name ? j : NULL;
}

bool has_current_job(struct tree *t, struct subject *s)
{
    return current_job(t, s) != NULL;
}

int link_current_job(struct tree *t, struct subject *s, const char *name, struct buf *target)
{
    const struct job *j = current_job(t, s);

    (void)name;
    if (!j)
        return -ENOENT;
    buf_addf(target, "../jobs/%s", j->name);
    return 0;
}

/* A link to a job that has ended is gone, though the kernel may hold it still. */
bool is_replica(struct tree *t, struct subject *s)
{
    const struct job *j = s->ptr;

    (void)t;
    return j && j->name && j->model && job_live(j);
}

int link_replica(struct tree *t, struct subject *s, const char *name, struct buf *target)
{
    (void)name;
    if (!is_replica(t, s))
        return -ENOENT;
    buf_addf(target, "../../jobs/%s", ((const struct job *)s->ptr)->name);
    return 0;
}

int link_job_model(struct tree *t, struct subject *s, const char *name, struct buf *target)
{
    (void)t, (void)name;
    buf_addf(target, "../../../%s", model_config(s->ptr)->name);
    return 0;
}
