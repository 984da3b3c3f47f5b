/* SPDX-License-Identifier: MIT */
/* Walking the tree: lookup, stat, readdir and readlink of nodes. Nothing here waits, and nothing wakes a
 * model: `ls -lR`, find and indexers come through these functions alone. */
#include "fs/tree_inside.h"
#include "backend/base/alloc.h"
#include "fs/content.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An inode number is (subject id << 8) | row number; the row number counts the rows of all parts in their
 * order. The root has 1 instead, because FUSE says so: subject ids begin at 1, so that all others are
 * larger. */
#define ROOT_INO 1
#define ROW_BITS 8

static const struct part *part_of(const struct row *row, size_t *number)
{
    uintptr_t at = (uintptr_t)row;
    size_t base = 0;

    for (size_t i = 0; i < tree_n_parts; i++) {
        const struct part *p = &tree_parts[i];
        if (at >= (uintptr_t)p->rows && at < (uintptr_t)(p->rows + p->n)) {
            *number = base + (size_t)(row - p->rows);
            return p;
        }
        base += p->n;
    }
    abort(); /* a row outside the parts: tree_test walks them all */
}

static const struct row *row_of(size_t number)
{
    for (size_t i = 0; i < tree_n_parts; i++) {
        if (number < tree_parts[i].n)
            return &tree_parts[i].rows[number];
        number -= tree_parts[i].n;
    }
    return NULL;
}

static bool is_root(const struct node *n)
{
    return n->row == &tree_parts[0].rows[0];
}

uint64_t node_ino(const struct node *n)
{
    size_t number;

    if (is_root(n))
        return ROOT_INO;
    part_of(n->row, &number);
    return n->subject->id << ROW_BITS | number;
}

bool node_is_plain(const struct node *n)
{
    size_t number;

    return part_of(n->row, &number)->kind == n->subject->kind;
}

static bool differs_by_caller(const struct tree *t, const struct file_ops *file)
{
    return file->resolve && (!file->by_user || t->shared);
}

bool node_may_change_name(const struct tree *t, const struct node *n)
{
    /* What is a caller's own is found anew each time: for another caller it is not there. */
    return n->subject->own || n->row->present ||
           (n->row->type == ROW_FILE && differs_by_caller(t, n->row->file));
}

bool node_is_constant(const struct node *n)
{
    return n->row->type == ROW_FILE ? n->row->file->constant : !n->row->present;
}

mode_t node_mode(const struct tree *t, const struct node *n)
{
    mode_t mode = n->row->mode;

    if (!t->shared)
        return mode;
    if (n->subject->kind == SUBJECT_JOB && n->subject->own)
        return mode | (mode & 0600) >> 3 | (mode & 0600) >> 6;
    mode = (mode | n->row->others) & ~n->row->hidden;
    return n->subject->kind == SUBJECT_ASKING ? mode & 0700 : mode;
}

/* An address may be used again by a younger job; and open files outlive theirs. */
static void job_gone_cb(void *arg, struct job *j)
{
    subject_gone(arg, SUBJECT_JOB, j);
}

struct tree *tree_create(struct house *h)
{
    struct tree *t = NEW(struct tree);

    t->house = h;
    t->uid = getuid();
    t->gid = getgid();
    subjects_init(t);
    subject_create(t, SUBJECT_HOUSE, h);
    h->job_gone = job_gone_cb;
    h->job_gone_arg = t;
    return t;
}

void tree_destroy(struct tree *t)
{
    if (!t)
        return;
    t->house->job_gone = NULL;
    subjects_finish(t);
    buf_free(&t->scratch);
    free(t);
}

void tree_set_mount_id(struct tree *t, int id)
{
    t->mount_id = id;
}

int tree_mount_id(const struct tree *t)
{
    return t->mount_id;
}

void tree_set_shared(struct tree *t, bool shared)
{
    t->shared = shared;
}

const struct caller *tree_caller(const struct tree *t)
{
    return &t->caller;
}

struct house *tree_house(const struct tree *t)
{
    return t->house;
}

int tree_root(struct tree *t, struct node *out)
{
    out->row = &tree_parts[0].rows[0];
    out->subject = subject_of(t, SUBJECT_HOUSE, t->house);
    return 0;
}

int tree_node(struct tree *t, uint64_t ino, struct node *out)
{
    if (ino == ROOT_INO)
        return tree_root(t, out);
    const struct row *row = row_of(ino & ((1u << ROW_BITS) - 1));
    struct subject *s = subject_find(t, ino >> ROW_BITS);
    if (!row || !s || !s->ptr)
        return -ESTALE;
    out->row = row;
    out->subject = s;
    return 0;
}

void tree_told(struct tree *t, const struct node *n)
{
    (void)t;
    subject_ref(n->subject);
}

void tree_forget(struct tree *t, uint64_t ino, uint64_t count)
{
    struct subject *s = ino == ROOT_INO ? NULL : subject_find(t, ino >> ROW_BITS);

    if (s)
        subject_unref(t, s, count);
}

static bool is_present(struct tree *t, const struct row *row, struct subject *s)
{
    return !row->present || row->present(t, s);
}

static int find_entry(struct tree *t, const struct node *dir, const char *name, struct node *out)
{
    const struct dir *d = dir->row->dir;

    for (const struct row *r = d->rows; r && r->name; r++) {
        if (strcmp(r->name, name) != 0)
            continue;
        if (!is_present(t, r, dir->subject))
            return -ENOENT;
        *out = (struct node){ .row = r, .subject = dir->subject };
        return 0;
    }
    return d->find ? d->find(t, dir->subject, name, out) : -ENOENT;
}

int tree_lookup(struct tree *t, const struct node *dir, const char *name, const struct caller *c,
                struct node *out)
{
    struct node n;

    if (dir->row->type != ROW_DIR)
        return -ENOTDIR;
    if (!dir->subject->ptr)
        return -ESTALE;
    t->caller = *c;
    int rc = find_entry(t, dir, name, &n);
    if (rc < 0)
        return rc;
    if (n.row->type == ROW_FILE && n.row->file->resolve) {
        struct subject *s = n.row->file->resolve(t, &n, c);
        if (s)
            n.subject = s;
    }
    *out = n;
    return 0;
}

static mode_t type_bits(enum row_type type)
{
    return type == ROW_DIR ? S_IFDIR : type == ROW_LINK ? S_IFLNK : S_IFREG;
}

static void stat_link(struct tree *t, const struct node *n, struct stat *st)
{
    struct buf target = { 0 };

    if (n->row->link(t, n->subject, n->row->name, &target) == 0)
        st->st_size = (off_t)target.len;
    buf_free(&target);
}

void tree_stat(struct tree *t, const struct node *n, struct stat *st)
{
    *st = (struct stat){
        .st_ino = node_ino(n),
        .st_mode = type_bits(n->row->type) | node_mode(t, n),
        .st_nlink = 1, /* of directories too: find(1) then does not count on it */
        .st_uid = n->subject->uid,
        .st_gid = t->gid,
        .st_blksize = 4096,
        .st_mtim = t->house->started,
    };
    if (n->row->type == ROW_LINK)
        stat_link(t, n, st);
    else if (n->row->type == ROW_FILE && n->row->file->stat)
        n->row->file->stat(t, n, st);
    else if (n->row->type == ROW_FILE && n->row->file->content)
        content_stat(t, n, st);
    st->st_blocks = (st->st_size + 511) / 512;
    st->st_atim = st->st_ctim = st->st_mtim;
}

/* What a listing shows of a thing that nobody has looked at yet, as libfuse does. */
#define UNKNOWN_INO 0xffffffff

struct listing {
    void (*each)(void *arg, const char *name, uint64_t ino, mode_t type);
    void *arg;
};

static void list_one(void *arg, const char *name, const struct row *row, struct subject *s)
{
    struct listing *l = arg;
    struct node n = { .row = row, .subject = s };

    l->each(l->arg, name, s ? node_ino(&n) : UNKNOWN_INO, type_bits(row->type));
}

/* Those that never come and go, and those that are few. */
static void list_fixed(struct tree *t, const struct node *dir, struct listing *l)
{
    const struct dir *d = dir->row->dir;

    for (const struct row *r = d->rows; r && r->name; r++)
        if (is_present(t, r, dir->subject))
            list_one(l, r->name, r, dir->subject);
    if (d->list)
        d->list(t, dir->subject, list_one, l);
}

int tree_readdir(struct tree *t, const struct node *dir, const struct caller *c, int64_t *at,
                 void (*each)(void *arg, const char *name, uint64_t ino, mode_t type), void *arg)
{
    struct listing l = { .each = each, .arg = arg };
    const struct dir *d = dir->row->dir;

    if (dir->row->type != ROW_DIR)
        return -ENOTDIR;
    if (!dir->subject->ptr)
        return -ESTALE;
    t->caller = *c;
    int64_t from = at ? *at : 0;
    if (from == 0)
        list_fixed(t, dir, &l);
    do
        from = d->list_some ? d->list_some(t, dir->subject, from, list_one, &l) : 0;
    while (from && !at);
    if (at)
        *at = from;
    return 0;
}

int tree_readlink(struct tree *t, const struct node *n, const struct caller *c, struct buf *target)
{
    t->caller = *c;
    return n->row->type == ROW_LINK ? n->row->link(t, n->subject, n->row->name, target) : -EINVAL;
}
