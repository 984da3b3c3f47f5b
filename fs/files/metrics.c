/* SPDX-License-Identifier: MIT */
/* metrics: the figures of the mount, the same as GET /metrics at the gateway. What its keys were used for is the owner's
 * alone to see. */
#include "backend/metrics.h"
#include "fs/files/files.h"

static void metrics_content(struct tree *t, const struct node *n, struct buf *out)
{
    uid_t uid = view_uid(t, n);

    metrics_text(tree_house(t), uid, uid == tree_house(t)->uid, out);
}

const struct file_ops file_metrics = { .content = metrics_content, .resolve = view_of, .by_user = true };
