/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_RECORD_H
#define BACKEND_RECORD_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>
#include <jansson.h>
#include "backend/base/buf.h"
#include "backend/base/list.h"
/* What the store keeps of one question, from the first flush of its draft to the end of its answer, and what the
 * next mount makes of it. Of a prompt that the store has as
 *
 *     DRAFT, WAITING   it is sent by the next mount, if it is younger than resend_max_age
 *     WRITING          more was written and not flushed: nobody knows whether it is whole; it is cancelled
 *     BEGUN            text may have been seen: it ends with ECONNRESET and the text so far
 *     the others       it is over, and in history
 *
 * With durable = false the store is in memory, nobody waits for it, and it serves history alone. Reference counted.
 * Loop thread. */

struct house;
struct pair;
struct prompt;
struct record;
struct store_op;

/* Numbers of the column prompts.state: they never change. */
enum record_state {
    RECORD_DRAFT = 0,
    RECORD_WRITING = 1,
    RECORD_WAITING = 2,
    RECORD_BEGUN = 3,
    RECORD_DONE = 4,
    RECORD_FAILED = 5,
    RECORD_CANCELLED = 6,
};

/* asker  the chain of processes that asked, in the door's own words; "" = unknown */
struct record *record_create(struct house *h, const char *model, uid_t uid, const struct pair *pair,
                             const char *asker);
void record_set_chat(struct record *r,
                     int64_t chat); /* the conversation that it is a question of; 0 = none */
struct record *record_ref(struct record *r);
void record_unref(struct record *r); /* NULL is allowed */

/* ---- While it is a draft */

/* Put the text so far on disk. stored is called once, later: 0, or -ENOSPC, -EIO (not within 2 s), .. with the
 * sentence; not any more after record_forget(). */
void record_draft(struct record *r, const struct buf *text,
                  void (*stored)(void *arg, int rc, const char *why), void *arg);
void record_forget(struct record *r, const void *arg);
void record_written(struct record *r); /* more came behind what record_draft() stored */
void record_drop(struct record *r);    /* it came to nothing: no trace is left */

/* ---- When it is a prompt: from here on in history. A reference is the prompt's. */

/* p takes the record over, and reports through the functions below; one that has ended is stored at once. With
 * stored it is on disk when that is called, as in record_draft(). */
void record_prompt(struct record *r, struct prompt *p, void (*stored)(void *arg, int rc, const char *why),
                   void *arg);
void record_moved(struct record *r); /* its exchange changed its state */
/* Its first text came. True: it must not be shown before prompt_stored() is called. */
bool record_begun(struct record *r);
void record_detach(struct record *r);                    /* p is destroyed */
struct prompt *record_prompt_of(const struct record *r); /* NULL: not a prompt yet, or not any more */

/* history/<id>/status of one that is a prompt. over: as it will be read when all of it is on disk, although nobody
 * may see it yet. A new reference. */
json_t *record_status(const struct record *r, bool over);

/* ---- At the beginning of a mount: what the last one left. */

struct recovered {
    struct list link;
    int64_t id;
    struct record *record; /* of one that is to be sent, or that ends now; NULL: it is over */
    char *model;
    uid_t uid;
    char *asker; /* "" where the machine was started anew since: its numbers then mean other processes */
    struct timespec asked;
    enum record_state state;
    const struct pair *pair;
    int64_t chat; /* the conversation that it is a question of; 0 = none */
    int losses;
    struct buf text, reply; /* the question as it was written */
    unsigned pieces;        /* in which the answer was stored */
    int rc;
    char *error;
};

/* All that did not end, and the last of those that did, oldest first; before history_start(). */
void record_load(struct house *h, struct list *out);
void recovered_free(struct recovered *v);

/* ---- for history */

#define RECORD_PARTS 65536 /* texts.at is id * RECORD_PARTS + part; part 0 is the question */
void record_add_delete(struct store_op *op, int64_t id);

#endif
