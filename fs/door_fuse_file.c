/* SPDX-License-Identifier: MIT */
/* Requests about open files. The handle that the kernel keeps is the address of the open_file; all that is
 * known of the caller is kept there, because RELEASE comes from nobody (pid 0). */
#include "fs/door_fuse_inside.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdlib.h>

/* Flags of open(2) that fcntl(2) may change later; they come with each read and write. */
#define CHANGING_FLAGS (O_NONBLOCK | O_APPEND)

static struct open_file *file_of(const struct fuse_file_info *fi)
{
    struct open_file *f = (struct open_file *)(uintptr_t)fi->fh;

    return f;
}

static void take_flags(struct open_file *f, const struct fuse_file_info *fi)
{
    f->flags = (f->flags & ~CHANGING_FLAGS) | (fi->flags & CHANGING_FLAGS);
}

/* libfuse 3.14 has no field for FOPEN_STREAM, which keeps a read that waits from locking out writes on the
 * same open file; the answer is what fuse_reply_open() would send (FACTS.md A.4). */
static int reply_open(fuse_req_t req, const struct open_file *f, struct fuse_file_info *fi)
{
    if (!f->stream)
        return fuse_reply_open(req, fi);
    struct fuse_open_out out = { .fh = fi->fh, .open_flags = FOPEN_STREAM | FOPEN_DIRECT_IO };
    return fuse_reply_buf(req, (const char *)&out, sizeof out);
}

void door_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct door_fuse *d = fuse_req_userdata(req);
    struct caller c = door_caller(req);
    struct open_file *f;
    struct node n;
    int rc = tree_node(d->p.tree, ino, &n);

    if (rc == 0)
        rc = file_open(d->p.tree, &n, fi->flags, &c, &f);
    if (rc < 0) {
        fuse_reply_err(req, -rc);
        return;
    }
    const struct file_ops *ops = n.row->file;
    /* What is written to a ctl must not come back out of the page cache. */
    bool cached = node_is_constant(&n) && !ops->write;
    fi->fh = (uintptr_t)f;
    fi->direct_io = !cached;
    fi->keep_cache = cached;
    fi->noflush = !ops->flush; /* a round trip less at each close(2) */
    list_append(&d->files, &f->link);
    if (reply_open(req, f, fi) == -ENOENT) {
        list_remove(&f->link); /* the opener was interrupted: no RELEASE will come */
        file_release(f);
    }
}

void door_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    (void)ino;
    take_flags(file_of(fi), fi);
    door_serve_read(req, file_of(fi), size, off);
}

/* ---- What is answered later: flushes and fsyncs of what is to be on disk before, and writes to a disk that may be slow. They
 * are not interrupted: the kernel waits for their answers anyway, and those to flushes come within 2 s. */

struct later {
    struct list link; /* in the file's later, or writes */
    fuse_req_t req;
    size_t len; /* of a write */
};

static void keep(fuse_req_t req, struct list *list, size_t len)
{
    struct later *l = NEW(struct later);

    l->req = req;
    l->len = len;
    list_append(list, &l->link);
}

static void reply_write(fuse_req_t req, int rc, size_t len)
{
    if (rc < 0)
        fuse_reply_err(req, -rc);
    else
        fuse_reply_write(req, len);
}

void door_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t len, off_t off,
                struct fuse_file_info *fi)
{
    struct open_file *f = file_of(fi);

    (void)ino;
    take_flags(f, fi);
    int rc = file_write(f, (uint64_t)off, data, len);
    if (rc == FILE_LATER)
        keep(req, &f->writes, len);
    else
        reply_write(req, rc, len);
}

void door_wrote(struct open_file *f, int rc)
{
    struct later *l = list_first(&f->writes, struct later, link);

    if (!l)
        return;
    list_remove(&l->link);
    reply_write(l->req, rc, l->len);
    free(l);
}

static void answer_or_keep(fuse_req_t req, struct open_file *f, int rc)
{
    if (rc != FILE_LATER) {
        fuse_reply_err(req, -rc);
        return;
    }
    keep(req, &f->later, 0);
}

void door_answered(struct open_file *f, int rc)
{
    list_for_each(l, &f->later, struct later, link)
    {
        list_remove(&l->link);
        fuse_reply_err(l->req, -rc);
        free(l);
    }
}

void door_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino;
    answer_or_keep(req, file_of(fi), file_flush(file_of(fi)));
}

void door_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
    (void)ino, (void)datasync;
    answer_or_keep(req, file_of(fi), file_fsync(file_of(fi)));
}

static void close_file(struct open_file *f)
{
    list_remove(&f->link);
    door_answered(f, -ECANCELED);
    while (!list_empty(&f->writes))
        door_wrote(f, -ECANCELED);
    door_forget_poll(f);
    file_release(f);
}

void door_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino;
    close_file(file_of(fi));
    fuse_reply_err(req, 0);
}

void door_close_files(struct door_fuse *d)
{
    list_for_each(f, &d->files, struct open_file, link) close_file(f);
}
