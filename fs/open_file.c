/* SPDX-License-Identifier: MIT */
/* Open files, and those who wait at them: each call of a door goes to the functions of the file's row, or
 * does what stands beside a missing one in node.h. */
#include "backend/base/alloc.h"
#include "fs/content.h"
#include "fs/tree_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

/* ---- Waiting */

void tree_set_hooks(struct tree *t, const struct tree_hooks *h)
{
    t->hooks = *h;
}

void waitq_init(struct waitq *q, struct tree *t)
{
    q->tree = t;
    list_init(&q->parked);
    list_init(&q->pollers);
}

/* Who parks or polls again while he is woken stands in the list anew, and waits for the next time. */
static void take_all(struct list *from, struct list *to)
{
    list_init(to);
    if (list_empty(from))
        return;
    list_insert_after(from, to);
    list_remove(from);
    list_init(from);
}

void waitq_wake(struct waitq *q)
{
    const struct tree_hooks *hooks = &q->tree->hooks; /* q may be gone behind the first of them */
    struct list parked, pollers;

    take_all(&q->parked, &parked);
    take_all(&q->pollers, &pollers);
    while (!list_empty(&parked)) {
        struct list *link = parked.next;
        list_remove(link);
        hooks->retry(link);
    }
    while (!list_empty(&pollers)) {
        struct open_file *f = list_first(&pollers, struct open_file, poll_link);
        list_remove(&f->poll_link);
        hooks->poll_changed(f);
    }
}

/* ---- Opening */

static const struct file_ops *ops_of(const struct open_file *f)
{
    return f->node.row->file;
}

/* The name means another node by now: the kernel is told to look it up again. */
static bool is_stale(struct tree *t, const struct node *n, const struct caller *c)
{
    if (!n->row->file->resolve)
        return false;
    const struct subject *s = n->row->file->resolve(t, n, c);
    return s ? s != n->subject : !node_is_plain(n);
}

/* Where others may come in, their rights are looked at here too: a check in LOOKUP alone would be passed by
 * way of the kernel's cache of names (FACTS.md A.7). */
static bool may_open(const struct tree *t, const struct node *n, int flags, const struct caller *c)
{
    mode_t mode = node_mode(t, n);
    bool reads = (flags & O_ACCMODE) != O_WRONLY, writes = (flags & O_ACCMODE) != O_RDONLY;

    if (!t->shared || c->uid == n->subject->uid || c->uid == 0)
        return true;
    if (!subject_shown(t, n->subject, c->uid))
        return false;
    return (!reads || (mode & S_IROTH)) && (!writes || (mode & S_IWOTH));
}

static int begin(struct open_file *f)
{
    const struct file_ops *ops = ops_of(f);
    int rc = ops->open ? ops->open(f) : 0;

    if (rc == 0 && ops->text && (rc = ops->text(f, &f->text)) < 0 && ops->release)
        ops->release(f);
    if (rc < 0)
        return rc;
    if (ops->content)
        content_open(f);
    if ((f->flags & O_TRUNC) && ops->truncate && (rc = ops->truncate(f, 0)) < 0) {
        content_close(f);
        if (ops->release)
            ops->release(f);
    }
    return rc;
}

int file_open(struct tree *t, const struct node *n, int flags, const struct caller *c, struct open_file **out)
{
    if (n->row->type != ROW_FILE)
        return n->row->type == ROW_DIR ? -EISDIR : -ELOOP;
    if (!n->subject->ptr || is_stale(t, n, c))
        return -ESTALE;
    if (!may_open(t, n, flags, c))
        return -EACCES;
    if ((flags & O_ACCMODE) != O_RDONLY && !n->row->file->write)
        return -EPERM;

    struct open_file *f = NEW(struct open_file);
    f->tree = t;
    f->node = *n;
    f->flags = flags;
    f->caller = *c;
    list_init(&f->later);
    list_init(&f->writes);
    int rc = begin(f);
    if (rc < 0) {
        buf_free(&f->text);
        free(f);
        return rc;
    }
    subject_ref(n->subject);
    *out = f;
    return 0;
}

void file_release(struct open_file *f)
{
    list_remove(&f->poll_link); /* the waitq may be the file's own */
    if (ops_of(f)->release)
        ops_of(f)->release(f);
    content_close(f);
    buf_free(&f->text);
    subject_unref(f->tree, f->node.subject, 1);
    free(f);
}

/* ---- Using */

int file_read(struct open_file *f, uint64_t off, size_t size, struct answer *a)
{
    *a = (struct answer){ 0 };
    if (ops_of(f)->read)
        return ops_of(f)->read(f, off, size, a);
    if (off < f->text.len) {
        a->data = f->text.data + off;
        a->len = f->text.len - off < size ? f->text.len - (size_t)off : size;
    }
    return 0;
}

int file_write(struct open_file *f, uint64_t off, const char *data, size_t len)
{
    return ops_of(f)->write ? ops_of(f)->write(f, off, data, len) : -EPERM;
}

int file_truncate(struct open_file *f, uint64_t size)
{
    return ops_of(f)->truncate ? ops_of(f)->truncate(f, size) : -EPERM;
}

int node_truncate(struct tree *t, const struct node *n, uint64_t size, const struct caller *c)
{
    if (n->row->type != ROW_FILE || !n->row->file->truncate_node)
        return -EPERM;
    return may_open(t, n, O_WRONLY, c) ? n->row->file->truncate_node(t, n, size, c) : -EACCES;
}

int file_flush(struct open_file *f)
{
    return ops_of(f)->flush ? ops_of(f)->flush(f) : 0;
}

int file_fsync(struct open_file *f)
{
    return ops_of(f)->fsync ? ops_of(f)->fsync(f) : 0;
}

void file_answer(struct open_file *f, int rc)
{
    if (f->tree->hooks.answered)
        f->tree->hooks.answered(f, rc);
}

void file_wrote(struct open_file *f, int rc)
{
    if (f->tree->hooks.wrote)
        f->tree->hooks.wrote(f, rc);
}

short file_poll(struct open_file *f, struct waitq **q)
{
    *q = NULL;
    return ops_of(f)->poll ? ops_of(f)->poll(f, q) : POLLIN | POLLOUT;
}
