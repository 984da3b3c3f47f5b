/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_STORE_INSIDE_H
#define BACKEND_STORE_INSIDE_H
#include "backend/base/list.h"
#include "backend/base/timer.h"
#include "backend/store/database.h"
#include "backend/store/store.h"
/* What store.c (the loop's side) and store_writer.c (the thread) share. */

struct statement {
    const char *sql;
    struct store_value *args;
    size_t n;
};

struct store_op {
    struct list link;   /* in queue, the thread's batch, or finished: under the lock, or the thread's */
    struct list posted; /* in store->posted; the loop's */
    struct statement *statements;
    size_t n;
    size_t bytes; /* of its arguments */
    enum store_when when;
    /* The loop's: NULL once it was called, or is not to be. */
    void (*done)(void *arg, int rc, const struct store_rows *rows);
    void *arg;
    uint64_t until_ms; /* 0 = no limit */
    /* The thread's, then the loop's when it is finished. */
    int rc;
    struct store_rows rows;
};

struct store {
    uv_loop_t *loop;
    struct store_events events;
    void *arg;
    char *path;         /* NULL: in memory */
    struct list posted; /* all that were posted and are not finished, oldest first */
    struct timer *limit;
    bool started, closed; /* the thread runs; store_close() was called */
    uv_async_t news;      /* from the thread: something is in finished, or the state of the disk moved */
    uv_thread_t thread;
    int told; /* the last rc that events->failing was told */

    /* Until store_start() the loop's, then the thread's. */
    struct database *db; /* NULL while it cannot be opened */
    uint64_t tried_ms;   /* when it was tried last */

    uv_mutex_t lock; /* over all below; never held while anything is done */
    uv_cond_t wake;
    struct list queue, finished;
    size_t n_queue, queue_bytes, n_now; /* n_now: of those posted STORE_NOW */
    uint64_t soon_since_ms;             /* when the first of the queue was posted */
    bool closing;
    int failing; /* the disk's errno, 0 = it takes what we write */
    char failing_text[480];
    char *aside; /* a file was set aside; owned; the loop takes it */
    struct store_counts counts;
};

/* The body of the thread. */
void store_write_all(void *store);

/* Open s->db; what is damaged or newer is set aside, and told through s->aside. 0, or what database_open() gave. */
int store_open_database(struct store *s, struct err *e);

void store_op_free(struct store_op *op);
void store_rows_finish(struct store_rows *rows);

#endif
