/* SPDX-License-Identifier: MIT */
#ifndef FS_ASKING_H
#define FS_ASKING_H
#include "backend/images/images.h"
#include "backend/model/model.h"
#include "backend/prompt.h"
#include "backend/history/record.h"
#include "fs/node.h"
/* One turn at `ask`, or at the first file of another pair: from its first written byte (a draft) through the prompt to the answer that its asker
 * reads. Each has an inode of its own behind the names `reply` and `error` (FACTS A.7: the page cache
 * belongs to the inode). */

struct asking {
    struct list link; /* in its home's askings, oldest first by first write */
    struct tree *tree;
    struct subject *home; /* of the directory whose files these are: a model's, or a conversation's */
    struct model *model;
    struct chat *chat; /* NULL: no conversation's; it outlives what is not over */
    const struct pair *pair;
    struct subject *subject; /* its own */
    uid_t uid;
    struct ancestry *asker; /* taken when `ask` was opened; n = 0 binds nobody but its own descriptor */
    struct prompt *prompt;  /* NULL while it is a draft */
    struct buf draft;
    struct open_file *writer; /* whose draft it is; NULL once it is none */
    int opens;                /* open files that read it; it is kept while there are any */
    struct waitq waiters;     /* readers of its answer */
    struct timespec created;
    struct rights *rights; /* where images may be named by paths: what the asker may read; else NULL */
    struct images *images; /* they are being read */
    bool gathered;         /* they are in it: whole is what is sent, or there are none and whole is empty */
    struct buf whole;
    bool submits, submits_saved;  /* once they are read */
    struct record *record;        /* what the store has of it; NULL until there is something to keep */
    bool saved;                   /* the draft as it is was given to the store */
    struct open_file *awaited_by; /* whose flush or fsync waits until it is on disk; files/ask.c's */
    bool resumed;                 /* an earlier mount had taken it */
    bool taken_back;              /* it leaves no trace */
    size_t weighs;                /* bytes of its texts, as counted in its home's askings_bytes */
    size_t holds;                 /* bytes of its question while that has no answer: quota_holds() */
};

/* Begin a draft (at its first write). who is copied. */
struct asking *asking_begin(struct tree *t, struct subject *home, const struct pair *pair,
                            const struct caller *c, const struct ancestry *who);

/* The draft becomes an exchange that ended at once: rc 0 is an empty answer. Its readers are told. */
void asking_end(struct asking *a, int rc, const char *why);

/* The draft becomes a prompt and is given to the model. 0, or what asking_end() then was called with. */
int asking_submit(struct asking *a, struct err *e);

/* Something was written to the draft, or taken away from it. */
void asking_written(struct asking *a);

/* Put the draft as it is on disk; ask_saved() is called later. */
void asking_save(struct asking *a);

/* asking_submit() whose prompt is on disk when ask_saved() is called. */
int asking_submit_saved(struct asking *a, struct err *e);
bool asking_blank(const struct buf *draft); /* nothing but whitespace: its answer is empty */

/* Read the images that the draft names by paths: 0: there are none, or they were read; FILE_LATER: ask_gathered() is called; or a
 * negative errno with a sentence. asking_submit() does it by itself. */
int asking_gather(struct asking *a, struct err *e);

/* A draft that came to nothing (truncated, never written). Readers that wait for it get end-of-file. */
void asking_drop(struct asking *a);

void asking_open(struct asking *a);
void asking_close(struct asking *a); /* may free it */

/* Bytes of the answer from off on, as a read of `reply` answers: data; end-of-file; the errno it failed
 * with; or parked (EAGAIN with O_NONBLOCK in flags). */
int asking_read(struct asking *a, uint64_t off, size_t size, int flags, struct answer *out);
bool asking_readable(const struct asking *a, uint64_t off); /* a read at off would not wait */

/* The asking that `reply` (or `response`, ..) means for a caller, or NULL: see binding.h; in a conversation the last
 * one. pair: NULL is any, as `error` means it. *who (NULL allowed) is the caller's chain. */
struct asking *asking_bound(struct subject *home, const struct pair *pair, const struct caller *c,
                            struct ancestry *who);

/* `cancel` of ctl: ends the exchange that the caller is bound to; -ENOENT with a sentence where there is
 * none. */
int asking_cancel(struct subject *home, const struct caller *c, struct err *e);

/* Of a conversation: `cancel` ends all that is asked in it (-ENOENT), whoever asks of it now. */
int askings_cancel(struct subject *home, struct err *e);
/* Its thing ends: -EBUSY while there is one that is not over, else they are kept for those alone who have them open. */
int askings_let_go(struct subject *home);

/* The model of a directory with such files, or NULL when its thing is gone; and its conversation, or NULL. */
struct model *home_model(const struct subject *home);
struct chat *home_chat(const struct subject *home);

/* Those of earlier mounts are taken up again: what waits is sent, what is over is there for its askers. */
void askings_recover(struct tree *t);

/* All are dropped, at the end: no open file is left. */
void askings_destroy(struct tree *t);

/* files/ask.c: submit what is written so far, because its reader waits for it. */
int ask_submit(struct open_file *f);
/* files/ask.c: what f waited for is on disk (0), or cannot be. */
void ask_saved(struct open_file *f, struct asking *a, int rc, const char *why);
/* files/ask.c: f waited for the images of a, which is not submitted yet. */
void ask_gathered(struct open_file *f, struct asking *a, int rc, const char *why);
/* files/ask.c: does this caller hold an `ask` (or the first file of another pair; NULL: of any) of the model open that
 * nothing was written to yet? */
bool ask_held_clean(struct tree *t, struct subject *home, const struct pair *pair, const struct caller *c,
                    const struct ancestry *who);

extern const struct file_ops file_ask, file_reply, file_request, file_response, file_embed, file_vector,
    file_error;

#endif
