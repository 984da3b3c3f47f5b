/* SPDX-License-Identifier: MIT */
#include "fs/files/whole_file.h"
#include "backend/base/alloc.h"
#include "fs/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

struct whole_file {
    struct buf draft;
    bool written; /* and not yet its content */
    bool emptied; /* by O_TRUNC or ftruncate(2), and nothing written since: it is reset at the last close */
    int refused;  /* negative errno: further writes are refused likewise, until it is truncated */
};

static const struct whole *ops(const struct node *n)
{
    return n->row->file->whole;
}

static int complain(const struct node *n, int rc, const struct err *e)
{
    ops(n)->complain(n, e->text);
    return rc;
}

static int may(const struct node *n)
{
    struct err e = { "" };
    int rc = ops(n)->may ? ops(n)->may(n, &e) : 0;

    return rc < 0 ? complain(n, rc, &e) : 0;
}

int whole_open(struct open_file *f)
{
    if ((f->flags & O_ACCMODE) == O_RDONLY)
        return 0;
    int rc = may(&f->node);
    if (rc < 0)
        return rc;
    struct whole_file *w = NEW(struct whole_file);
    ops(&f->node)->text(&f->node, &w->draft);
    f->priv = w;
    return 0;
}

static int refuse(struct open_file *f, struct whole_file *w, int rc, const struct err *e)
{
    w->refused = rc;
    w->written = false;
    return complain(&f->node, rc, e);
}

/* Makes the draft the content, if it can be that. */
static int commit(struct open_file *f, struct whole_file *w, struct err *e)
{
    int rc = ops(&f->node)->set(&f->node, buf_str(&w->draft), w->draft.len, e);

    if (rc == 0)
        w->written = false;
    return rc;
}

int whole_write(struct open_file *f, uint64_t off, const char *data, size_t len)
{
    struct whole_file *w = f->priv;
    struct buf *d = &w->draft;
    size_t at = f->flags & O_APPEND ? d->len : (size_t)off;
    struct err e = { "" };

    if (!f->node.subject->ptr)
        return -ESTALE;
    if (w->refused || len == 0)
        return w->refused;
    if (off > d->len && !(f->flags & O_APPEND)) {
        err_set(&e, 0, "there would be a hole in it");
        return refuse(f, w, -EINVAL, &e);
    }
    size_t over = d->len - at < len ? d->len - at : len; /* bytes that are written over */
    if (over)
        memcpy(d->data + at, data, over);
    buf_add(d, data + over, len - over);
    w->written = true;
    w->emptied = false;
    /* What stands behind the new bytes is of the old content, and may be written over by the next write. */
    int rc = at + len < d->len ? 0 : ops(&f->node)->check(&f->node, d->data, d->len, &e);
    return rc < 0 && rc != -ENODATA ? refuse(f, w, rc, &e) : 0;
}

int whole_truncate(struct open_file *f, uint64_t size)
{
    struct whole_file *w = f->priv;

    if (!w || size > w->draft.len)
        return -EINVAL;
    w->draft.len = (size_t)size;
    if (w->draft.data)
        w->draft.data[size] = '\0';
    w->refused = 0;
    w->emptied = size == 0;
    w->written = size > 0;
    return 0;
}

int whole_truncate_node(struct tree *t, const struct node *n, uint64_t size, const struct caller *c)
{
    struct err e = { "" };

    (void)t, (void)c;
    if (size > 0)
        return -EINVAL;
    int rc = may(n);
    if (rc == 0 && (rc = ops(n)->reset(n, &e)) < 0)
        complain(n, rc, &e);
    return rc;
}

/* A content that stops short may go on: a child process has closed its copy. RELEASE says so where it may. */
int whole_flush(struct open_file *f)
{
    struct whole_file *w = f->priv;

    if (!w || !f->node.subject->ptr)
        return 0;
    return w->refused ? w->refused : w->written ? commit(f, w, NULL) : 0;
}

void whole_release(struct open_file *f)
{
    struct whole_file *w = f->priv;
    struct err e = { "" };
    int rc = 0;

    if (!w)
        return;
    if (f->node.subject->ptr && w->written)
        rc = commit(f, w, &e);
    else if (f->node.subject->ptr && w->emptied)
        rc = ops(&f->node)->reset(&f->node, &e);
    if (rc < 0)
        complain(&f->node, rc, &e);
    buf_free(&w->draft);
    free(w);
}
