/* SPDX-License-Identifier: MIT */
/* The status files: one JSON object on one line, as the things themselves tell it (CONTRACT.md section 5). */
#include "backend/cluster/cluster.h"
#include "backend/job/job.h"
#include "backend/model/model.h"
#include "fs/files/files.h"

#include <stdlib.h>

static void dump(json_t *status, struct buf *out)
{
    char *s = json_dumps(status, JSON_COMPACT);

    buf_addf(out, "%s\n", s ? s : "{}");
    free(s);
    json_decref(status);
}

static void house_content(struct tree *t, const struct node *n, struct buf *out)
{
    dump(house_status(tree_house(t), view_uid(t, n)), out);
}

static struct subject *model_of_caller(struct tree *t, const struct node *n, const struct caller *c)
{
    struct model *m = n->subject->ptr;

    return m ? subject_of(t, SUBJECT_MODEL, model_seen_by(m, c->uid)) : NULL;
}

static void model_content(struct tree *t, const struct node *n, struct buf *out)
{
    (void)t;
    dump(model_status(n->subject->ptr), out);
}

static void job_content(struct tree *t, const struct node *n, struct buf *out)
{
    (void)t;
    dump(job_status(n->subject->ptr), out);
}

static void cluster_content(struct tree *t, const struct node *n, struct buf *out)
{
    (void)t;
    dump(cluster_status(n->subject->ptr), out);
}

const struct file_ops file_status_house = { .content = house_content, .resolve = view_of, .by_user = true };
const struct file_ops file_status_model = { .content = model_content,
                                            .resolve = model_of_caller,
                                            .by_user = true };
const struct file_ops file_status_job = { .content = job_content };
const struct file_ops file_status_cluster = { .content = cluster_content };
