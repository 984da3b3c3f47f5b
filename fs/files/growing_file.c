/* SPDX-License-Identifier: MIT */
/* Files that grow while they are read: events, log, and the engine's stdout and stderr. Their size is
 * exact, a read at the end gives end-of-file, and poll(2) tells when there is more, so that `tail -f`
 * follows them. */
#include "backend/base/alloc.h"
#include "backend/base/growing.h"
#include "backend/base/log.h"
#include "backend/job/job.h"
#include "backend/model/model.h"
#include "backend/users.h"
#include "fs/files/files.h"
#include "fs/tree_inside.h"

#include <poll.h>
#include <stdlib.h>

struct growing_file {
    struct growing *text; /* held */
    struct growing_watch watch;
    struct waitq waiters; /* who polls */
    uint64_t pos;         /* behind the last byte that was read */
};

static void grew_cb(struct growing_watch *w)
{
    struct growing_file *g = container_of(w, struct growing_file, watch);

    waitq_wake(&g->waiters);
}

static void growing_stat(struct tree *t, const struct node *n, struct stat *st)
{
    const struct growing *text = n->row->file->growing(t, n);

    if (!text)
        return;
    st->st_size = (off_t)growing_size(text);
    st->st_mtim = growing_mtime(text);
}

static int growing_open(struct open_file *f)
{
    struct growing *text = f->node.row->file->growing(f->tree, &f->node);

    if (!text)
        return 0; /* nothing was written yet: an empty file */
    struct growing_file *g = NEW(struct growing_file);
    g->text = text;
    g->watch.grew = grew_cb;
    waitq_init(&g->waiters, f->tree);
    growing_hold(text);
    growing_watch(text, &g->watch);
    f->priv = g;
    return 0;
}

static int growing_file_read(struct open_file *f, uint64_t off, size_t size, struct answer *a)
{
    struct growing_file *g = f->priv;

    if (!g)
        return 0;
    uint64_t end = growing_size(g->text);
    if (off >= end)
        return 0;
    if (end - off < size)
        size = (size_t)(end - off);
    char *room = buf_reserve(&f->tree->scratch, size);
    /* One call may stop where text that was let go ends. */
    while (a->len < size) {
        size_t n = growing_read(g->text, off + a->len, room + a->len, size - a->len);
        if (n == 0)
            break;
        a->len += n;
    }
    a->data = room;
    g->pos = off + a->len;
    return 0;
}

static short growing_poll(struct open_file *f, struct waitq **q)
{
    struct growing_file *g = f->priv;

    if (!g)
        return 0;
    *q = &g->waiters;
    return growing_size(g->text) > g->pos ? POLLIN : 0;
}

static void growing_release(struct open_file *f)
{
    struct growing_file *g = f->priv;

    if (!g)
        return;
    growing_unwatch(&g->watch);
    growing_unhold(g->text);
    free(g);
}

#define GROWING_FILE                                                                                         \
    .stat = growing_stat, .open = growing_open, .read = growing_file_read, .poll = growing_poll,             \
    .release = growing_release

/* ---- Which text a node means. */

static struct growing *events(struct tree *t, const struct node *n)
{
    return users_events(tree_house(t), view_uid(t, n));
}

static struct growing *log_of_daemon(struct tree *t, const struct node *n)
{
    (void)t, (void)n;
    return log_text();
}

/* Of a job; of a model that never had one, nothing. */
static struct growing *job_stdout(struct tree *t, const struct node *n)
{
    (void)t;
    return n->subject->kind == SUBJECT_JOB && n->subject->ptr ? ((struct job *)n->subject->ptr)->out : NULL;
}

static struct growing *job_stderr(struct tree *t, const struct node *n)
{
    (void)t;
    return n->subject->kind == SUBJECT_JOB && n->subject->ptr ? ((struct job *)n->subject->ptr)->err : NULL;
}

/* A model's log is that of its current job, or else of its last one. Each job's has an inode of its own, so
 * that an open file stays with its job and `tail -F` sees the change. */
static struct subject *job_of_model(struct tree *t, const struct node *n, const struct caller *c)
{
    struct model *m = n->subject->ptr;
    struct job *last = NULL;

    if (m && n->subject->kind == SUBJECT_JOB)
        m = ((struct job *)n->subject->ptr)->model;
    if (!m)
        return NULL;
    m = model_seen_by(m, c->uid);
    if (!(last = model_job(m)))
        list_for_each(j, &tree_house(t)->jobs, struct job, link) last = model_has_job(m, j) ? j : last;
    return last ? subject_of_job(t, last) : NULL;
}

const struct file_ops file_events = { GROWING_FILE, .growing = events, .resolve = view_of, .by_user = true };
const struct file_ops file_log = { GROWING_FILE, .growing = log_of_daemon };
const struct file_ops file_job_stdout = { GROWING_FILE, .growing = job_stdout };
const struct file_ops file_job_stderr = { GROWING_FILE, .growing = job_stderr };
const struct file_ops file_model_stdout = { GROWING_FILE, .growing = job_stdout, .resolve = job_of_model };
const struct file_ops file_model_stderr = { GROWING_FILE, .growing = job_stderr, .resolve = job_of_model };
