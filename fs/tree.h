/* SPDX-License-Identifier: MIT */
#ifndef FS_TREE_H
#define FS_TREE_H
#include "fs/node.h"
/* The tree as the doors walk it. */

enum row_type { ROW_DIR, ROW_FILE, ROW_LINK };

typedef void each_f(void *arg, const char *name, const struct row *row, struct subject *s);

/* A directory's entries: fixed rows, then those that a `list` function names. */
struct dir {
    const struct row *rows; /* ends with a row without name; may be NULL */
    /* Call each(arg, name, row, subject) for every changing entry; row says what it is. The subject may be NULL, where
     * nobody has looked at the thing and there are many. NULL: there are none. tree_caller() says who looks. */
    void (*list)(struct tree *t, struct subject *s, each_f *each, void *arg);
    /* Instead of it, where they may be a million: the first of those behind at (0: all), as many as nobody notices. Where the
     * next ones begin, or 0: there are no more. */
    int64_t (*list_some)(struct tree *t, struct subject *s, int64_t at, each_f *each, void *arg);
    /* Find one changing entry. -ENOENT. */
    int (*find)(struct tree *t, struct subject *s, const char *name, struct node *out);
    /* mkdir(2) of a name that is not there and that a directory may have: *out is the new entry. NULL: EPERM.
     * tree_caller() says who it is for. */
    int (*make)(struct tree *t, struct subject *s, const char *name, struct node *out);

    /* Of a directory that a caller has made, s being what it is about. rmdir(2), although there are files in it; where it
     * is set, unlink(2) of these succeeds and changes nothing, so that `rm -r` comes to the rmdir. NULL: EPERM. */
    int (*remove)(struct tree *t, struct subject *s);
    /* It gets another name in its directory, which is free. NULL: EPERM. */
    int (*rename)(struct tree *t, struct subject *s, const char *name);
};

struct row {
    const char *name;
    mode_t mode; /* permission bits as the owner sees them */
    enum row_type type;
    const struct file_ops *file; /* ROW_FILE */
    const struct dir *dir;       /* ROW_DIR */
    /* ROW_LINK: append the target. -ENOENT: the link is not there now. */
    int (*link)(struct tree *t, struct subject *s, const char *name, struct buf *target);
    /* NULL: always. */
    bool (*present)(struct tree *t, struct subject *s);
    const char *help; /* one line; feeds README and the man page */
    mode_t others;    /* further bits where other users may come in (allow_other) */
    mode_t hidden;    /* bits that go there: what may show one user to another */
};

/* A directory of the drawing: what a path is about, and its rows. Their order numbers the rows
 * (node_ino()). */
struct part {
    const char *path;       /* as README shows it: "jobs/<cluster>.<id>/" */
    enum subject_kind kind; /* of its plain nodes */
    const struct row *rows;
    size_t n;
};
extern const struct part tree_parts[];
extern const size_t tree_n_parts;

struct tree *tree_create(struct house *h); /* uid and gid of nodes are ours */
void tree_destroy(struct tree *t);

int tree_root(struct tree *t, struct node *out);
int tree_lookup(struct tree *t, const struct node *dir, const char *name, const struct caller *c,
                struct node *out);
int tree_node(struct tree *t, uint64_t ino, struct node *out); /* -ESTALE when its subject is gone */
void tree_stat(struct tree *t, const struct node *n, struct stat *st);
/* 0, or a negative errno. The entries from *at on, which is 0 at the beginning; *at is where the next ones begin, or 0: these
 * were the last. at may be NULL: all of them. */
int tree_readdir(struct tree *t, const struct node *dir, const struct caller *c, int64_t *at,
                 void (*each)(void *arg, const char *name, uint64_t ino, mode_t type), void *arg);
int tree_readlink(struct tree *t, const struct node *n, const struct caller *c, struct buf *target);

/* names.c: mkdir, rmdir, unlink and rename. -EPERM where the directory's functions do not say otherwise; names may be all
 * UTF-8 without control characters (-EINVAL), of at most 255 bytes (-ENAMETOOLONG); a new name that is taken is
 * -EEXIST, or -ENOTEMPTY in tree_rename(). */
int name_check(const char *name);
int tree_make(struct tree *t, const struct node *dir, const char *name, const struct caller *c,
              struct node *out);
int tree_remove(struct tree *t, const struct node *dir, const char *name, const struct caller *c);
int tree_unlink(struct tree *t, const struct node *dir, const char *name, const struct caller *c);
int tree_rename(struct tree *t, const struct node *dir, const char *name, const struct node *to_dir,
                const char *to, const struct caller *c);

/* Its name means another node later, or for another caller: entry timeout 0. */
bool node_may_change_name(const struct tree *t, const struct node *n);
bool node_is_constant(const struct node *n);     /* nothing that stat() or read() say of it changes */

/* The kernel was told of a node once more, or forgets a number of these. */
void tree_told(struct tree *t, const struct node *n);
void tree_forget(struct tree *t, uint64_t ino, uint64_t count);

/* Files. file_open() returns a new open_file; the door closes it with file_release(). */
int file_open(struct tree *t, const struct node *n, int flags, const struct caller *c,
              struct open_file **out);
int file_read(struct open_file *f, uint64_t off, size_t size, struct answer *a);
int file_write(struct open_file *f, uint64_t off, const char *data, size_t len);
int file_truncate(struct open_file *f, uint64_t size);
/* truncate(2): there is no handle */
int node_truncate(struct tree *t, const struct node *n, uint64_t size, const struct caller *c);
int file_flush(struct open_file *f); /* or FILE_LATER; likewise: */
int file_fsync(struct open_file *f);
short file_poll(struct open_file *f, struct waitq **q);
void file_release(struct open_file *f);

void tree_set_mount_id(struct tree *t, int id);

/* Other users may come in: rows then show what these may do, and file_open() holds callers to it. */
void tree_set_shared(struct tree *t, bool shared);

/* Called by waitq_wake() for each parked read and for each poller: the door sets them once. */
struct tree_hooks {
    void (*retry)(struct list *park_link); /* run the parked read again */
    void (*poll_changed)(struct open_file *f);
    void (*answered)(struct open_file *f, int rc); /* file_answer() */
    void (*wrote)(struct open_file *f, int rc);    /* file_wrote() */
};
void tree_set_hooks(struct tree *t, const struct tree_hooks *h);

#endif
