/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_BATCH_H
#define BACKEND_BATCH_H
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>
#include "backend/base/buf.h"
#include "backend/base/err.h"
/* Batches: files of many questions to one model, whose answers are written to a file as they come. Each lives in a
 * folder of its own in the state directory until somebody removes it, and goes on in the next mount. batch.c has the
 * state table. Loop thread; what waits for a disk runs in the loop's pool of threads (batch_disk.h). */

struct house;
struct model;
struct batch;

enum batch_state {
    BATCH_EMPTY,     /* in.jsonl is not written yet, or is being written */
    BATCH_HELD,      /* likewise, and somebody said `hold`: it begins by `start` */
    BATCH_RUNNING,   /* lines are sent, or would be if they could */
    BATCH_PAUSED,    /* no more lines are sent; those under way are answered */
    BATCH_DONE,      /* each line has its result */
    BATCH_CANCELLED, /* no line is under way; some have no result */
};

enum batch_verb { BATCH_HOLD, BATCH_START, BATCH_PAUSE, BATCH_RESUME, BATCH_CANCEL, BATCH_RETRY_FAILED };

enum batch_file { BATCH_IN, BATCH_OUT, BATCH_ERRORS };

/* ---- Those of a house (batches.c) */

void batches_load(struct house *h);  /* those of earlier mounts; running ones go on when the loop does */
void batches_close(struct house *h); /* all, as they are; nothing of theirs is under way after it */

/* Make one. name: a name of a directory. -EEXIST, -EDQUOT: its user has too many, or -ENOSPC, .. with the sentence. */
int batch_make(struct model *m, const char *name, uid_t uid, struct batch **out, struct err *e);
struct batch *batch_find(struct house *h, const struct model *m, uid_t uid, const char *name); /* or NULL */
void batch_each(struct house *h, const struct model *m, uid_t uid, void (*each)(void *arg, struct batch *b),
                void *arg);

/* Bytes of all the files of this user's. */
uint64_t batches_stored(struct house *h, uid_t uid);

/* It and its files are gone when this returns 0; descriptors that batch_open_file() gave stay good. -EBUSY: it runs, or
 * lines of it are under way. */
int batch_remove(struct batch *b, struct err *e);

/* ---- One */

/* -EINVAL: not in this state; -EBUSY: lines are under way; with the sentence. */
int batch_do(struct batch *b, enum batch_verb verb, struct err *e);

const char *batch_name(const struct batch *b);
struct model *batch_model(const struct batch *b);
uid_t batch_uid(const struct batch *b);
enum batch_state batch_state(const struct batch *b);
json_t *batch_status(const struct batch *b);                 /* CONTRACT.md section 5; a new reference */
void batch_progress(const struct batch *b, struct buf *out); /* one line for people */

/* ---- Its files. What is to be seen of out.jsonl and errors.jsonl is what is on disk for good. */

uint64_t batch_size(const struct batch *b, enum batch_file which);
struct timespec batch_mtime(const struct batch *b, enum batch_file which);
int batch_open_file(const struct batch *b,
                    enum batch_file which); /* a descriptor to read, the caller's; or -errno */

/* Writing in.jsonl, which is refused (-EBUSY, with the sentence) from the start on; once the batch is over, emptying
 * the file makes a new one of it, without the old results. */
int batch_write_open(struct batch *b, struct err *e);
#define BATCH_APPEND UINT64_MAX /* an offset: at the end */
/* data is copied. 0: done is called once, later, when it is there or has failed, unless batch_sync_forget(). -EAGAIN: too much
 * waits for the disk. */
int batch_write(struct batch *b, uint64_t off, const char *data, size_t len,
                void (*done)(void *arg, int rc, const struct err *e), void *arg, struct err *e);
int batch_truncate(struct batch *b, uint64_t size, struct err *e);
void batch_write_close(struct batch *b); /* the last one begins the batch, if something was written */

/* Put what was written on disk: done is called once, later, unless batch_sync_forget(). false: there is nothing new. */
bool batch_sync(struct batch *b, void (*done)(void *arg, int rc), void *arg);
void batch_sync_forget(struct batch *b, const void *arg);

#endif
