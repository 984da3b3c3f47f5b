/* SPDX-License-Identifier: MIT */
/* metrics: the figures of the mount, the same as GET /metrics at the gateway. */
#include "backend/metrics.h"
#include "fs/files/files.h"

static void metrics_content(struct tree *t, const struct node *n, struct buf *out)
{
    metrics_text(tree_house(t), view_uid(t, n), out);
}

const struct file_ops file_metrics = { .content = metrics_content, .resolve = view_of, .by_user = true };
