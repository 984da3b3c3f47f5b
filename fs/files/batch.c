/* SPDX-License-Identifier: MIT */
/* batch/NAME/: in.jsonl is written and read as a file on a disk is, out.jsonl and errors.jsonl are read; all three are
 * files of the state directory. What is in the page cache is given at once. For the rest a read waits until the pool of
 * threads has it: as long as a read of any file on that disk may take, O_NONBLOCK or not. */
#include "backend/batch/batch.h"
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/model/model.h"
#include "fs/files/files.h"
#include "fs/files/verbs.h"
#include "fs/tree_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- Names */

static void as_batch(struct tree *t, struct batch *b, struct node *out)
{
    *out = (struct node){ .row = batch_row, .subject = subject_owned(t, SUBJECT_BATCH, b, batch_uid(b)) };
}

struct list_batches {
    struct tree *tree;
    each_f *each;
    void *arg;
};

static void list_one_batch(void *arg, struct batch *b)
{
    struct list_batches *l = arg;
    struct node n;

    as_batch(l->tree, b, &n);
    l->each(l->arg, batch_name(b), n.row, n.subject);
}

void list_batches(struct tree *t, struct subject *s, each_f *each, void *arg)
{
    struct list_batches l = { t, each, arg };

    batch_each(tree_house(t), s->ptr, tree_caller(t)->uid, list_one_batch, &l);
}

int find_batch(struct tree *t, struct subject *s, const char *name, struct node *out)
{
    struct batch *b = batch_find(tree_house(t), s->ptr, tree_caller(t)->uid, name);

    if (!b)
        return -ENOENT;
    as_batch(t, b, out);
    return 0;
}

int make_batch(struct tree *t, struct subject *s, const char *name, struct node *out)
{
    struct batch *b;
    struct err e = { "" };
    int rc = batch_make(s->ptr, name, tree_caller(t)->uid, &b, &e);

    if (rc < 0) {
        log_warning("%s/batch: %s", model_config(s->ptr)->name, e.text);
        return rc;
    }
    as_batch(t, b, out);
    return 0;
}

int remove_batch(struct tree *t, struct subject *s)
{
    struct batch *b = s->ptr;
    struct err e = { "" };
    int rc = batch_remove(b, &e);

    if (rc < 0)
        log_warning("%s/batch/%s", model_config(batch_model(b))->name, e.text);
    else
        subject_gone(t, SUBJECT_BATCH, b);
    return rc;
}

/* ---- Files of a disk */

struct batch_open {
    struct open_file *file; /* NULL: it was closed while the pool reads for it */
    enum batch_file which;
    int fd;
    bool writes;
    uint64_t end; /* of what may be seen */
    uv_work_t work;
    bool reading;
    struct buf text; /* what the pool has read, from `off` on */
    uint64_t off;
    size_t wanted;
    int rc;
    struct waitq waiters;
};

static struct batch *batch_of(const struct node *n)
{
    return n->subject->ptr; /* NULL: it was removed */
}

static enum batch_file which_file(const struct node *n)
{
    const struct file_ops *ops = n->row->file;

    return ops == &file_batch_in ? BATCH_IN : ops == &file_batch_out ? BATCH_OUT : BATCH_ERRORS;
}

static int complain(const struct node *n, int rc, const struct err *e)
{
    if (rc < 0 && batch_of(n))
        log_warning("%s/batch/%s", model_config(batch_model(batch_of(n)))->name, e->text);
    return rc;
}

static void batch_stat(struct tree *t, const struct node *n, struct stat *st)
{
    (void)t;
    st->st_size = (off_t)batch_size(batch_of(n), which_file(n));
    st->st_mtim = batch_mtime(batch_of(n), which_file(n));
}

static int batch_open(struct open_file *f)
{
    struct batch *b = batch_of(&f->node);
    enum batch_file which = which_file(&f->node);
    bool writes = (f->flags & O_ACCMODE) != O_RDONLY;
    struct err e = { "" };
    int fd = batch_open_file(b, which), rc = fd < 0 ? fd : writes ? batch_write_open(b, &e) : 0;

    if (rc < 0) {
        if (fd >= 0)
            close(fd);
        return complain(&f->node, rc, &e);
    }
    struct batch_open *o = NEW(struct batch_open);
    *o = (struct batch_open){ .file = f, .which = which, .fd = fd, .writes = writes };
    waitq_init(&o->waiters, f->tree);
    f->priv = o;
    return 0;
}

static void free_open(struct batch_open *o)
{
    close(o->fd);
    buf_free(&o->text);
    free(o);
}

static void batch_release(struct open_file *f)
{
    struct batch_open *o = f->priv;
    struct batch *b = batch_of(&f->node);

    if (b) {
        batch_sync_forget(b, f);
        if (o->writes)
            batch_write_close(b);
    }
    o->file = NULL;
    if (!o->reading)
        free_open(o);
}

/* ---- Reading */

static void read_cb(uv_work_t *w)
{
    struct batch_open *o = container_of(w, struct batch_open, work);
    ssize_t n = pread(o->fd, o->text.data, o->wanted, (off_t)o->off);

    o->rc = n < 0 ? -errno : 0;
    o->text.len = n < 0 ? 0 : (size_t)n;
}

static void read_done_cb(uv_work_t *w, int status)
{
    struct batch_open *o = container_of(w, struct batch_open, work);

    (void)status;
    o->reading = false;
    if (o->file)
        waitq_wake(&o->waiters);
    else
        free_open(o);
}

static void read_later(struct batch_open *o, uint64_t off, size_t size)
{
    o->reading = true;
    o->off = off;
    o->wanted = size;
    buf_reset(&o->text);
    buf_reserve(&o->text, size);
    uv_queue_work(tree_house(o->file->tree)->loop, &o->work, read_cb, read_done_cb);
}

static int batch_read(struct open_file *f, uint64_t off, size_t size, struct answer *a)
{
    struct batch_open *o = f->priv;

    if (batch_of(&f->node))
        o->end = batch_size(batch_of(&f->node), o->which);
    if (off >= o->end)
        return 0;
    if (size > o->end - off)
        size = (size_t)(o->end - off);
    if (!o->reading && o->off == off && (o->text.len > 0 || o->rc < 0)) {
        a->data = o->text.data;
        a->len = o->text.len < size ? o->text.len : size;
        o->off = UINT64_MAX;
        return o->rc;
    }
    struct iovec v = { .iov_base = buf_reserve(&f->tree->scratch, size), .iov_len = size };
    ssize_t n = preadv2(o->fd, &v, 1, (off_t)off, RWF_NOWAIT);
    if (n >= 0) {
        a->data = v.iov_base;
        a->len = (size_t)n;
        return 0;
    }
    if (!o->reading)
        read_later(o, off, size);
    a->parked_on = &o->waiters;
    return 0;
}

/* ---- Writing */

static void wrote_cb(void *arg, int rc, const struct err *e)
{
    struct open_file *f = arg;

    file_wrote(f, complain(&f->node, rc, e));
}

static int batch_in_write(struct open_file *f, uint64_t off, const char *data, size_t len)
{
    struct batch *b = batch_of(&f->node);
    struct err e = { "" };

    if (!b)
        return -ESTALE;
    if (f->flags & O_APPEND)
        off = BATCH_APPEND;
    int rc = batch_write(b, off, data, len, wrote_cb, f, &e);
    return rc < 0 ? complain(&f->node, rc, &e) : FILE_LATER;
}

static int truncate_to(const struct node *n, uint64_t size)
{
    struct err e = { "" };

    return batch_of(n) ? complain(n, batch_truncate(batch_of(n), size, &e), &e) : -ESTALE;
}

static int batch_in_truncate(struct open_file *f, uint64_t size)
{
    return truncate_to(&f->node, size);
}

static int batch_in_truncate_node(struct tree *t, const struct node *n, uint64_t size, const struct caller *c)
{
    (void)t, (void)c;
    return truncate_to(n, size);
}

static void synced_cb(void *arg, int rc)
{
    file_answer(arg, rc);
}

/* What close(2) has taken begins, whatever happens to us or the machine. */
static int batch_in_flush(struct open_file *f)
{
    const struct batch_open *o = f->priv;
    struct batch *b = batch_of(&f->node);

    return b && o->writes && batch_sync(b, synced_cb, f) ? FILE_LATER : 0;
}

/* ---- status, progress, ctl */

static void status_content(struct tree *t, const struct node *n, struct buf *out)
{
    json_t *status = batch_status(batch_of(n));
    char *text = json_dumps(status, JSON_COMPACT | JSON_REAL_PRECISION(12));

    (void)t;
    buf_addf(out, "%s\n", text ? text : "{}");
    free(text);
    json_decref(status);
}

static void progress_content(struct tree *t, const struct node *n, struct buf *out)
{
    (void)t;
    batch_progress(batch_of(n), out);
}

static int verb_hold(struct open_file *f, char **args, struct err *e)
{
    (void)args;
    return batch_do(batch_of(&f->node), BATCH_HOLD, e);
}

static int verb_start(struct open_file *f, char **args, struct err *e)
{
    (void)args;
    return batch_do(batch_of(&f->node), BATCH_START, e);
}

static int verb_pause(struct open_file *f, char **args, struct err *e)
{
    (void)args;
    return batch_do(batch_of(&f->node), BATCH_PAUSE, e);
}

static int verb_resume(struct open_file *f, char **args, struct err *e)
{
    (void)args;
    return batch_do(batch_of(&f->node), BATCH_RESUME, e);
}

static int verb_cancel(struct open_file *f, char **args, struct err *e)
{
    (void)args;
    return batch_do(batch_of(&f->node), BATCH_CANCEL, e);
}

static int verb_retry_failed(struct open_file *f, char **args, struct err *e)
{
    (void)args;
    return batch_do(batch_of(&f->node), BATCH_RETRY_FAILED, e);
}

const struct verb verbs_batch[] = {
    { "hold", verb_hold, "do not begin when in.jsonl is closed", true },
    { "start", verb_start, "begin, or go on after `cancel`", true },
    { "pause", verb_pause, "send no more lines; those under way are answered", true },
    { "resume", verb_resume, "go on", true },
    { "cancel", verb_cancel, "end what is under way and send no more", true },
    { "retry-failed", verb_retry_failed, "empty errors.jsonl and send its lines again", true },
    { 0 },
};

#define BATCH_FILE .stat = batch_stat, .open = batch_open, .read = batch_read, .release = batch_release

const struct file_ops file_batch_in = {
    BATCH_FILE,
    .write = batch_in_write,
    .truncate = batch_in_truncate,
    .truncate_node = batch_in_truncate_node,
    .flush = batch_in_flush,
    .fsync = batch_in_flush,
};
const struct file_ops file_batch_out = { BATCH_FILE };
const struct file_ops file_batch_errors = { BATCH_FILE };
const struct file_ops file_status_batch = { .content = status_content };
const struct file_ops file_progress = { .content = progress_content };
