/* SPDX-License-Identifier: MIT */
/* The files `system` and `params` of a model: they are read and written as a file on a disk is, save that a new content
 * counts as a whole, from the close on, and that one which cannot be used leaves the old. What is wrong whatever may
 * follow fails the write, because echo in bash and dash looks at nothing else; what stops short fails the close. */
#include "backend/settings.h"
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/model.h"
#include "fs/files/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

struct settings_file {
    struct buf draft;
    bool written; /* and not yet its value */
    bool
        emptied; /* by O_TRUNC or ftruncate(2), and nothing written since: at the last close, the configured value */
    int refused; /* negative errno: further writes are refused likewise, until it is truncated */
};

static enum setting which(const struct node *n)
{
    return n->row->file == &file_system ? SETTING_SYSTEM : SETTING_PARAMS;
}

static struct settings *settings_of(const struct node *n)
{
    return model_settings(n->subject->ptr);
}

static int complain(const struct node *n, int rc, const struct err *e)
{
    log_warning("%s/%s: %s", model_config(n->subject->ptr)->name, n->row->name, e->text);
    return rc;
}

static void settings_content(struct tree *t, const struct node *n, struct buf *out)
{
    (void)t;
    buf_adds(out, settings_text(settings_of(n), which(n)));
}

static int settings_open(struct open_file *f)
{
    if ((f->flags & O_ACCMODE) == O_RDONLY)
        return 0;
    struct settings_file *s = NEW(struct settings_file);
    buf_adds(&s->draft, settings_text(settings_of(&f->node), which(&f->node)));
    f->priv = s;
    return 0;
}

static int refuse(struct open_file *f, struct settings_file *s, int rc, const struct err *e)
{
    s->refused = rc;
    s->written = false;
    return complain(&f->node, rc, e);
}

/* Makes the draft the value, if it can be one. */
static int commit(struct open_file *f, struct settings_file *s, struct err *e)
{
    int rc = settings_set(settings_of(&f->node), which(&f->node), buf_str(&s->draft), s->draft.len, e);

    if (rc == 0)
        s->written = false;
    return rc;
}

static int settings_write(struct open_file *f, uint64_t off, const char *data, size_t len)
{
    struct settings_file *s = f->priv;
    struct buf *d = &s->draft;
    size_t at = f->flags & O_APPEND ? d->len : (size_t)off;
    struct err e = { "" };

    if (!f->node.subject->ptr)
        return -ESTALE;
    if (s->refused || len == 0)
        return s->refused;
    if (off > d->len && !(f->flags & O_APPEND)) {
        err_set(&e, 0, "there would be a hole in it");
        return refuse(f, s, -EINVAL, &e);
    }
    size_t over = d->len - at < len ? d->len - at : len; /* bytes that are written over */
    if (over)
        memcpy(d->data + at, data, over);
    buf_add(d, data + over, len - over);
    s->written = true;
    s->emptied = false;
    /* What stands behind the new bytes is of the old content, and may be written over by the next write. */
    int rc = at + len < d->len ? 0 : settings_check(which(&f->node), d->data, d->len, &e);
    return rc < 0 && rc != -ENODATA ? refuse(f, s, rc, &e) : 0;
}

static int settings_truncate(struct open_file *f, uint64_t size)
{
    struct settings_file *s = f->priv;

    if (!s || size > s->draft.len)
        return -EINVAL;
    s->draft.len = (size_t)size;
    if (s->draft.data)
        s->draft.data[size] = '\0';
    s->refused = 0;
    s->emptied = size == 0;
    s->written = size > 0;
    return 0;
}

static int settings_truncate_node(struct tree *t, const struct node *n, uint64_t size, const struct caller *c)
{
    struct err e = { "" };

    (void)t, (void)c;
    if (size > 0)
        return -EINVAL;
    int rc = settings_reset(settings_of(n), which(n), &e);
    return rc < 0 ? complain(n, rc, &e) : 0;
}

/* A content that stops short may go on: a child process has closed its copy. RELEASE says so to the log. */
static int settings_flush(struct open_file *f)
{
    struct settings_file *s = f->priv;

    if (!s || !f->node.subject->ptr)
        return 0;
    return s->refused ? s->refused : s->written ? commit(f, s, NULL) : 0;
}

static void settings_release(struct open_file *f)
{
    struct settings_file *s = f->priv;
    struct err e = { "" };
    int rc = 0;

    if (!s)
        return;
    if (f->node.subject->ptr && s->written)
        rc = commit(f, s, &e);
    else if (f->node.subject->ptr && s->emptied)
        rc = settings_reset(settings_of(&f->node), which(&f->node), &e);
    if (rc < 0)
        complain(&f->node, rc, &e);
    buf_free(&s->draft);
    free(s);
}

#define SETTINGS_FILE                                                                                        \
    {                                                                                                        \
        .content = settings_content, .open = settings_open, .write = settings_write,                         \
        .truncate = settings_truncate, .truncate_node = settings_truncate_node, .flush = settings_flush,     \
        .fsync = settings_flush, .release = settings_release                                                 \
    }

const struct file_ops file_system = SETTINGS_FILE;
const struct file_ops file_params = SETTINGS_FILE;
