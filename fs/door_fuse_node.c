/* SPDX-License-Identifier: MIT */
/* Requests about names and nodes. None of them waits, and none wakes a model. */
#include "fs/door_fuse_inside.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

/* How long the kernel may believe a name or the attributes of a node, in seconds. A name that means another
 * node later or for another caller is never believed (FACTS.md A.7). */
#define TIMEOUT 1.0

static struct tree *tree_of(fuse_req_t req)
{
    return ((struct door_fuse *)fuse_req_userdata(req))->p.tree;
}

struct caller door_caller(fuse_req_t req)
{
    const struct fuse_ctx *c = fuse_req_ctx(req);

    return (struct caller){ .pid = c->pid, .uid = c->uid, .gid = c->gid };
}

double door_attr_timeout(const struct node *n)
{
    return node_is_constant(n) ? TIMEOUT : 0;
}

static void reply_entry(fuse_req_t req, const struct node *n)
{
    struct tree *t = tree_of(req);
    struct fuse_entry_param entry = {
        .attr_timeout = door_attr_timeout(n),
        .entry_timeout = node_may_change_name(t, n) ? 0 : TIMEOUT,
    };

    tree_stat(t, n, &entry.attr);
    entry.ino = entry.attr.st_ino;
    if (fuse_reply_entry(req, &entry) == 0)
        tree_told(t, n);
}

typedef int find_f(struct tree *t, const struct node *dir, const char *name, const struct caller *c,
                   struct node *out);

/* Answers with the entry that find finds, or makes. */
static void serve_entry(fuse_req_t req, fuse_ino_t parent, const char *name, find_f *find)
{
    struct tree *t = tree_of(req);
    struct caller c = door_caller(req);
    struct node dir, n;
    int rc = tree_node(t, parent, &dir);

    if (rc == 0)
        rc = find(t, &dir, name, &c, &n);
    if (rc < 0)
        fuse_reply_err(req, -rc);
    else
        reply_entry(req, &n);
}

void door_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    serve_entry(req, parent, name, tree_lookup);
}

/* ---- Names that callers make and take away. The mode of mkdir(2) is not kept: what one makes is one's own. */

void door_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    (void)mode;
    serve_entry(req, parent, name, tree_make);
}

static void serve_removal(fuse_req_t req, fuse_ino_t parent, const char *name,
                          int (*remove)(struct tree *t, const struct node *dir, const char *name,
                                        const struct caller *c))
{
    struct caller c = door_caller(req);
    struct node dir;
    int rc = tree_node(tree_of(req), parent, &dir);

    fuse_reply_err(req, rc < 0 ? -rc : -remove(tree_of(req), &dir, name, &c));
}

void door_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    serve_removal(req, parent, name, tree_remove);
}

void door_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    serve_removal(req, parent, name, tree_unlink);
}

/* The kernel has looked at RENAME_NOREPLACE; nothing here can be exchanged. */
void door_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t to_parent, const char *to,
                 unsigned int flags)
{
    struct tree *t = tree_of(req);
    struct caller c = door_caller(req);
    struct node dir, to_dir;
    int rc = flags & RENAME_EXCHANGE ? -EPERM : tree_node(t, parent, &dir);

    if (rc == 0)
        rc = tree_node(t, to_parent, &to_dir);
    if (rc == 0)
        rc = tree_rename(t, &dir, name, &to_dir, to, &c);
    fuse_reply_err(req, -rc);
}

void door_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
    tree_forget(tree_of(req), ino, count);
    fuse_reply_none(req);
}

void door_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *v)
{
    for (size_t i = 0; i < count; i++)
        tree_forget(tree_of(req), v[i].ino, v[i].nlookup);
    fuse_reply_none(req);
}

static void reply_attr(fuse_req_t req, const struct node *n)
{
    struct stat st;

    tree_stat(tree_of(req), n, &st);
    fuse_reply_attr(req, &st, door_attr_timeout(n));
}

void door_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct node n;
    int rc = tree_node(tree_of(req), ino, &n);

    (void)fi; /* the kernel gives none for fstat(2) either */
    if (rc < 0)
        fuse_reply_err(req, -rc);
    else
        reply_attr(req, &n);
}

/* Editors set again what is there already, and touch(1) sets times: that is granted, and changes nothing. */
static int check_owner_and_mode(struct tree *t, const struct node *n, const struct stat *attr, int what)
{
    struct stat now;

    tree_stat(t, n, &now);
    if ((what & FUSE_SET_ATTR_UID) && attr->st_uid != now.st_uid)
        return -EPERM;
    if ((what & FUSE_SET_ATTR_GID) && attr->st_gid != now.st_gid)
        return -EPERM;
    if ((what & FUSE_SET_ATTR_MODE) && ((attr->st_mode ^ now.st_mode) & 07777))
        return -EPERM;
    return 0;
}

void door_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int what, struct fuse_file_info *fi)
{
    struct tree *t = tree_of(req);
    struct caller c = door_caller(req);
    struct node n;
    int rc = tree_node(t, ino, &n);

    if (rc == 0)
        rc = check_owner_and_mode(t, &n, attr, what);
    if (rc == 0 && (what & FUSE_SET_ATTR_SIZE)) {
        uint64_t size = (uint64_t)attr->st_size;
        rc = fi ? file_truncate((struct open_file *)(uintptr_t)fi->fh, size) : node_truncate(t, &n, size, &c);
    }
    if (rc < 0)
        fuse_reply_err(req, -rc);
    else
        reply_attr(req, &n);
}

void door_readlink(fuse_req_t req, fuse_ino_t ino)
{
    struct buf target = { 0 };
    struct caller c = door_caller(req);
    struct node n;
    int rc = tree_node(tree_of(req), ino, &n);

    if (rc == 0)
        rc = tree_readlink(tree_of(req), &n, &c, &target);
    if (rc < 0)
        fuse_reply_err(req, -rc);
    else
        fuse_reply_readlink(req, buf_str(&target));
    buf_free(&target);
}

/* Nothing here takes room that could be counted; there is always enough for a prompt, and programs that look
 * for room before they write are content. */
void door_statfs(fuse_req_t req, fuse_ino_t ino)
{
    struct statvfs st = {
        .f_bsize = 4096,
        .f_frsize = 4096,
        .f_blocks = 1 << 20,
        .f_bfree = 1 << 20,
        .f_bavail = 1 << 20,
        .f_namemax = 255,
    };

    (void)ino;
    fuse_reply_statfs(req, &st);
}

/* ---- Directories. What one reading of a directory shows is taken at its beginning (and anew after
 * rewinddir), so that entries which come and go meanwhile neither hide others nor show them twice. Where there are very many
 * it is taken piece by piece, as the reader comes to them; each is shown once there too. */

struct open_dir {
    struct list link; /* door->dirs */
    struct buf entries;
    int64_t more;   /* where entries begin that were not taken yet; 0 = there are none */
    fuse_req_t req; /* while entries are added */
};

static void add_entry(void *arg, const char *name, uint64_t ino, mode_t type)
{
    struct open_dir *o = arg;
    struct stat st = { .st_ino = ino, .st_mode = type };
    size_t len = fuse_add_direntry(o->req, NULL, 0, name, NULL, 0);
    size_t at = o->entries.len;
    _Alignas(uint64_t) char entry[sizeof(struct dirent) + 64]; /* a name of at most NAME_MAX, and the head */

    if (len > sizeof entry)
        return;
    fuse_add_direntry(o->req, entry, sizeof entry, name, &st, (off_t)(at + len));
    buf_add(&o->entries, entry, len);
}

/* From where o->more says, or all anew. */
static int read_entries(fuse_req_t req, fuse_ino_t ino, struct open_dir *o, bool anew)
{
    struct tree *t = tree_of(req);
    struct caller c = door_caller(req);
    struct node n;
    int rc = tree_node(t, ino, &n);

    if (rc < 0)
        return rc;
    o->req = req;
    if (anew) {
        o->more = 0;
        buf_reset(&o->entries);
        add_entry(o, ".", ino, S_IFDIR);
        add_entry(o, "..", FUSE_ROOT_ID, S_IFDIR);
    }
    return tree_readdir(t, &n, &c, &o->more, add_entry, o);
}

void door_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct door_fuse *d = fuse_req_userdata(req);
    struct open_dir *o = NEW(struct open_dir);

    (void)ino;
    list_append(&d->dirs, &o->link);
    fi->fh = (uintptr_t)o;
    if (fuse_reply_open(req, fi) == -ENOENT) {
        list_remove(&o->link); /* the opener was interrupted: nobody will release it */
        free(o);
    }
}

void door_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    struct open_dir *o = (struct open_dir *)(uintptr_t)fi->fh;
    int rc = off == 0 ? read_entries(req, ino, o, true) : 0;

    while (rc == 0 && o->more && o->entries.len < (size_t)off + size)
        rc = read_entries(req, ino, o, false);
    if (rc < 0) {
        fuse_reply_err(req, -rc);
        return;
    }
    size_t at = (size_t)off < o->entries.len ? (size_t)off : o->entries.len;
    size_t left = o->entries.len - at;
    /* An entry that is cut at the end is asked for again by the kernel, from its beginning. */
    fuse_reply_buf(req, left ? o->entries.data + at : NULL, left < size ? left : size);
}

static void close_dir(struct open_dir *o)
{
    list_remove(&o->link);
    buf_free(&o->entries);
    free(o);
}

void door_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino;
    close_dir((struct open_dir *)(uintptr_t)fi->fh);
    fuse_reply_err(req, 0);
}

void door_close_dirs(struct door_fuse *d)
{
    list_for_each(o, &d->dirs, struct open_dir, link) close_dir(o);
}
