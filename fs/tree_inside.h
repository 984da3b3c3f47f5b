/* SPDX-License-Identifier: MIT */
#ifndef FS_TREE_INSIDE_H
#define FS_TREE_INSIDE_H
#include "fs/tree.h"
/* What node.c, subject.c, content.c and open_file.c share, and nobody else sees. */

struct tree {
    struct house *house;
    uid_t uid;
    gid_t gid;
    int mount_id;
    bool shared;
    struct caller caller;    /* of the lookup, readdir or readlink under way */
    struct tree_hooks hooks; /* zeroed until a door sets them: nobody waits before */
    struct buf scratch;      /* growing files are read into it; valid until the next read */

    /* Subjects by number, and those with a living thing by its address. */
    struct subject **by_id, **by_ptr;
    size_t n_buckets, n_subjects; /* n_buckets is a power of two */
    uint64_t last_id;
};

void subjects_init(struct tree *t);
void subjects_finish(struct tree *t);
struct subject *subject_find(struct tree *t, uint64_t id); /* NULL if it is forgotten */

/* Of a job or a cluster: may he see it? */
bool subject_shown(const struct tree *t, const struct subject *s, uid_t uid);

void subject_ref(struct subject *s);
void subject_unref(struct tree *t, struct subject *s, uint64_t count);

/* The bits of the node's mode, as this tree shows it. */
mode_t node_mode(const struct tree *t, const struct node *n);

/* The node's subject is the one that its directory is about; not what `resolve` put in its place. */
bool node_is_plain(const struct node *n);

#endif
