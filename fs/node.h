/* SPDX-License-Identifier: MIT */
#ifndef FS_NODE_H
#define FS_NODE_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include "backend/base/buf.h"
#include "backend/base/err.h"
#include "backend/base/list.h"
#include "backend/house.h"
#include "fs/caller.h"
/* What the served tree is made of, without a word of FUSE: rows (tree.c) say which names a directory has
 * and which functions stand behind them; subjects are the things that directories are about (the house, a
 * model, a cluster, a job, one asking, one exchange of history, a conversation, a model as
 * one user asks it, the house as some users see it). A node is a row and a subject; its inode number, never reused, is
 * (subject id << 8) | row number. */

enum subject_kind {
    SUBJECT_HOUSE,
    SUBJECT_MODEL,
    SUBJECT_CLUSTER,
    SUBJECT_JOB,
    SUBJECT_ASKING,
    SUBJECT_PAST,
    SUBJECT_BATCH,
    SUBJECT_CHAT,
    SUBJECT_ASKER,
    SUBJECT_VIEW
};

struct subject {
    uint64_t id; /* 1 is the house */
    enum subject_kind kind;
    /* struct house (of a view too), model, cluster, job, asking or chat; NULL once that is gone: its nodes then give ESTALE. */
    void *ptr;
    /* Of things that are too many to be known one by one (SUBJECT_PAST: the id of an exchange with the model ptr;
     * SUBJECT_ASKER: a uid, plus one, with the model likewise; SUBJECT_VIEW: the uid of users_view(), plus one); such a subject is freed when the kernel forgets it. 0 for all
     * others. */
    uint64_t number;
    uid_t uid; /* the owner that its nodes show: ours, but for what is a caller's own */
    bool own;  /* it is a caller's own: for others its names mean nothing, or another thing */
    /* How often the kernel was told of it, and open files; freed when retired and 0: tree_forget(). */
    uint64_t lookups;
    struct list
        askings; /* of a model or a conversation: struct asking, oldest first; asking.c's, zeroed until it uses it */
    size_t n_askings, askings_bytes; /* of these; likewise */
    struct list writers; /* of the same: open files of `ask` that may be written; files/ask.c's, likewise */
    /* Private to subject.c and content.c. */
    struct subject *next, *next_ptr;
    struct list kept, shown;
};

struct tree;
struct row;
struct verb;

struct node {
    const struct row *row;
    struct subject *subject;
};

/* ---- Waiting. A list named after what is waited for. Waking runs the read again for each parked reader
 * (it may answer, or park again) and tells those who poll. */
struct waitq {
    struct tree *tree;   /* whose hooks are called */
    struct list parked;  /* struct park, the door's own */
    struct list pollers; /* struct open_file.poll_link */
};
void waitq_init(struct waitq *q, struct tree *t);
void waitq_wake(struct waitq *q);

/* ---- One open file. */
struct open_file {
    struct tree *tree;
    struct node node;
    int flags;            /* of open(2) */
    struct caller caller; /* at open */
    struct buf text;      /* of files whose text is made once per open */
    void *priv;           /* the file's own */
    /* Set by open(): offsets of reads mean nothing, and reads do not lock out writes (FOPEN_STREAM). */
    bool stream;
    struct list shown;     /* in subject->shown while its text is one of content.c's */
    struct list poll_link; /* in a waitq's pollers; the door's */
    struct list link;      /* in the door's open files */
    struct list
        later;  /* the door's: flushes and fsyncs of it that wait; a file answers them by file_answer() */
    struct list writes; /* likewise: writes of it that wait */
    void *door; /* the door's own */
};

/* What read() answers with. data is borrowed until the file's next change: the door sends it at once. */
struct answer {
    const char *data;
    size_t len;              /* 0 = end of file */
    struct waitq *parked_on; /* set instead, where the reader has to wait; never with O_NONBLOCK */
};

/* Functions of a file. NULL means what stands beside it. All return 0 or a negative errno. */
struct file_ops {
    /* size, mtime (and what differs from the row's mode) of a node; NULL: size 0, mtime of the mount. st
     * is filled with defaults before. Must not block, and must wake nothing. */
    void (*stat)(struct tree *t, const struct node *n, struct stat *st);
    /* For rows whose name means another node for each caller (reply, error): which one. NULL result: the
     * plain node. Called at LOOKUP and again at OPEN, which answers ESTALE where it has changed, so that
     * the kernel looks up again. */
    struct subject *(*resolve)(struct tree *t, const struct node *n, const struct caller *c);
    bool by_user; /* `resolve` tells users apart, and no more: it matters on a shared mount alone */
    /* Make the text of a snapshot file into f->text; reads then come from there. Mutually exclusive with
     * read. */
    int (*text)(struct open_file *f, struct buf *out);
    /* Append the text of a file that depends on the state of the house alone (status, env, ..). It is kept
     * until house->changes moves; each open gets the text of its moment, size and mtime follow from it:
     * see content.h. */
    void (*content)(struct tree *t, const struct node *n, struct buf *out);
    bool constant;             /* content never changes while the mount lives */
    const struct verb *verbs;  /* a ctl: see ctl.h */
    const struct pair *pair;   /* of a file of a pair; of `error` NULL */
    const struct whole *whole; /* of one that is written as a whole: files/whole_file.h */
    int (*open)(struct open_file *f);
    int (*read)(struct open_file *f, uint64_t off, size_t size, struct answer *a);
    /* Takes all or fails; FILE_LATER: all that it was given is copied, and the answer comes by file_wrote(). NULL: EPERM. */
    int (*write)(struct open_file *f, uint64_t off, const char *data, size_t len);
    /* ftruncate, or O_TRUNC inside open (size 0); and truncate(2), which has no handle. NULL: EPERM. */
    int (*truncate)(struct open_file *f, uint64_t size);
    int (*truncate_node)(struct tree *t, const struct node *n, uint64_t size, const struct caller *c);
    /* Each close(2) of a copy of the descriptor; and fsync(2). FILE_LATER: the answer comes by file_answer(), within
     * 2 s (FACTS.md A.3.14: the caller cannot even be killed until then). */
    int (*flush)(struct open_file *f);
    int (*fsync)(struct open_file *f);
    void (*release)(struct open_file *f); /* the last close; f->text is freed after it */
    /* POLLIN/POLLOUT now, and where changes are told. NULL: always ready. */
    short (*poll)(struct open_file *f, struct waitq **q);
    /* The text of a growing file: all else is done by growing_file.c. */
    struct growing *(*growing)(struct tree *t, const struct node *n);
};

#define FILE_LATER 1
void file_answer(struct open_file *f, int rc); /* to all flushes and fsyncs of the file that wait */
void file_wrote(struct open_file *f, int rc);  /* to the first of its writes that wait */

/* ---- Subjects. */
struct subject *subject_create(struct tree *t, enum subject_kind kind, void *ptr);
/* Its thing is gone; it is freed when the kernel has forgotten it too. */
void subject_retire(struct tree *t, struct subject *s);
struct subject *subject_of(struct tree *t, enum subject_kind kind, const void *ptr); /* made on first sight */

/* The same for what is one caller's own. */
struct subject *subject_owned(struct tree *t, enum subject_kind kind, const void *ptr, uid_t uid);

/* Its thing is destroyed just now; nothing where it was never seen. */
void subject_gone(struct tree *t, enum subject_kind kind, const void *ptr);

/* One of many things of a thing, a caller's own; made on first sight. */
struct subject *subject_numbered(struct tree *t, enum subject_kind kind, const void *ptr, uint64_t number,
                                 uid_t uid);

/* Who looks: valid in the functions of a row that are called for a lookup, a readdir or a readlink. */
const struct caller *tree_caller(const struct tree *t);

/* A job or a cluster. One of users with a cluster of their own is found anew each time, and shows what its rows let
 * the owner do to everybody: whoever may not see it does not get so far. */
struct subject *subject_of_job(struct tree *t, const struct job *j);
struct subject *subject_of_cluster(struct tree *t, const struct cluster *c);

/* For `resolve` of the house's files that tell of all clusters: NULL for whoever sees all. And whose view a node is. */
struct subject *view_of(struct tree *t, const struct node *n, const struct caller *c);
uid_t view_uid(const struct tree *t, const struct node *n);

/* The number of the caller's mount in /proc/self/mountinfo (0 until mounted), and the inode number of a
 * node. */
int tree_mount_id(const struct tree *t);
uint64_t node_ino(const struct node *n);

struct house *tree_house(const struct tree *t);

#endif
