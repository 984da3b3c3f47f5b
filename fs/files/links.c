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

bool has_current_job(struct tree *t, struct subject *s)
{
    const struct job *j = model_job(s->ptr);

    (void)t;
    return j && j->name;
}

int link_current_job(struct tree *t, struct subject *s, const char *name, struct buf *target)
{
    (void)name;
    if (!has_current_job(t, s))
        return -ENOENT;
    buf_addf(target, "../jobs/%s", model_job(s->ptr)->name);
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
