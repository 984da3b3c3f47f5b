/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_RECORD_INSIDE_H
#define BACKEND_RECORD_INSIDE_H
#include "backend/base/timer.h"
#include "backend/history/history.h"
#include "backend/house.h"
#include "backend/prompt.h"
#include "backend/history/record.h"
/* What record.c (a life), record_row.c (its row), record_status.c (its JSON) and record_load.c (at the beginning)
 * share. */

struct record {
    int refs;
    struct house *house;
    char *model, *asker;
    int64_t id;
    uid_t uid;
    const struct pair *pair;
    int64_t chat;
    enum record_state state;
    struct timespec asked;
    struct prompt *prompt; /* borrowed */
    int losses;
    bool in_store;    /* its row was posted */
    bool text_stored; /* and its question, as it is now */
    size_t reply_stored;
    unsigned parts; /* pieces of its answer that were posted */
    struct timer *pieces;
    /* Who waits for a step to be on disk; only the last step is waited for, since each writes all. */
    unsigned step;
    void (*stored)(void *arg, int rc, const char *why);
    void *arg;
};

/* record_row.c: the row as it is now, and with it what is new of the answer. */
void record_add_row(struct record *r, struct store_op *op, const struct history_entry *over,
                    const char *error, const char *status);
void record_add_text(struct record *r, struct store_op *op, const char *text, size_t len, const char *end);
void record_add_reply(struct record *r, struct store_op *op);

#endif
