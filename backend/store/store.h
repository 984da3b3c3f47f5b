/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_STORE_H
#define BACKEND_STORE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "backend/base/err.h"
/* What outlives the daemon: one SQLite file, written by one thread of its own. The loop posts operations,
 * each a few SQL statements that are done whole or not at all; the thread takes all that are there, runs them
 * in their order in one transaction, and so with one fsync (group commit); their results come back to the
 * loop. Nothing here knows what the tables mean.
 *
 * Whoever wants to keep something of his own:
 *   1. adds his tables as a new row at the end of store_schema[] (schema.c). Rows that exist never change;
 *   2. writes his statements as static strings, posts them in operations, and gets rows back.
 * store_query() reads at the beginning, before anything waits; after store_start() reads are operations too.
 *
 * A file that cannot be read, or whose schema is newer than ours, is set aside under another name, never
 * deleted, and a new one is begun. While the disk takes nothing (full, read-only), operations fail with the
 * errno, and the thread tries again. Loop thread, all of it. */

struct store;
struct store_op;

enum store_type { STORE_NULL, STORE_INT, STORE_TEXT, STORE_BLOB };

struct store_value {
    enum store_type type;
    int64_t i; /* STORE_INT */
    const char *
        data; /* STORE_TEXT, STORE_BLOB: len bytes; a text, and what an operation gives back, is followed by a NUL */
    size_t len;
};

/* Arguments of a statement, for the common cases. */
#define STORE_ARG_INT(v)                                                                                     \
    {                                                                                                        \
        .type = STORE_INT, .i = (int64_t)(v)                                                                 \
    }
#define STORE_ARG_TEXT(s)                                                                                    \
    {                                                                                                        \
        .type = STORE_TEXT, .data = (s), .len = strlen(s)                                                    \
    }
#define STORE_ARG_BLOB(d, n)                                                                                 \
    {                                                                                                        \
        .type = STORE_BLOB, .data = (d), .len = (n)                                                          \
    }

/* The rows that an operation's statements gave, in order; those of all its statements one behind the other. */
struct store_rows {
    struct store_value *v; /* row r, column c: v[r * columns + c] */
    size_t n, columns;     /* rows; columns of the last statement that gave any */
};

struct store_events {
    /* The disk takes nothing (rc, and a sentence), or does again (0, NULL). In store_open() too. */
    void (*failing)(void *arg, int rc, const char *text);
    /* A file was set aside; the sentence names it. In store_open() too. */
    void (*set_aside)(void *arg, const char *text);
};

/* Open, or make, the file; set aside what is damaged or newer.
 * path  absolute; NULL keeps all in memory, for as long as the store lives
 * Always succeeds: a file that cannot be opened now is told as failing and tried again later. */
struct store *store_open(uv_loop_t *loop, const char *path, const struct store_events *events, void *arg);

/* Run a statement now and wait for it; before store_start() alone. row is called for each, its values borrowed;
 * it returns 0 to go on. 0, or -EIO, .. with the sentence: nothing can be read. */
int store_query(struct store *s, const char *sql, const struct store_value *args, size_t n,
                int (*row)(void *arg, const struct store_value *v, size_t columns), void *arg, struct err *e);

void store_start(struct store *s); /* the thread begins */

/* Everything posted is done and told, the thread ends, the file is closed. What is posted meanwhile is dropped. NULL is
 * allowed. */
void store_close(struct store *s);

/* What is to be done together.
 * done  called exactly once, on the loop, never inside store_post(): 0 when it is on disk (with synchronous
 *       writes, in any journal mode), else a negative errno: -ENOSPC, -EROFS, -EIO, -EBUSY (too much waits),
 *       -ETIMEDOUT. rows is borrowed. May be NULL. */
struct store_op *store_op_create(void (*done)(void *arg, int rc, const struct store_rows *rows), void *arg);

/* sql must be a string that lives as long as the store: it is known by its address once it is prepared. The
 * arguments are copied. */
void store_op_add(struct store_op *op, const char *sql, const struct store_value *args, size_t n);

enum store_when {
    STORE_NOW,  /* at once, with whatever else is there */
    STORE_SOON, /* with the next one that is posted STORE_NOW, or after STORE_SOON_MS */
};
#define STORE_SOON_MS 200 /* what a crash may lose of figures and of text that is still coming */

/* Takes over op. Operations are done in the order of their posts, whatever their when.
 * limit_ms  done is told -ETIMEDOUT after it; the operation may be done later all the same. 0 = no limit */
void store_post(struct store *s, struct store_op *op, enum store_when when, uint64_t limit_ms);

/* No done is called for arg any more; what was posted is done all the same. */
void store_forget(struct store *s, const void *arg);

struct store_counts {
    uint64_t commits; /* transactions that wrote something */
    uint64_t now;     /* operations posted STORE_NOW among them */
};
struct store_counts store_counts(const struct store *s);

#endif
