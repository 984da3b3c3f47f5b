/* SPDX-License-Identifier: MIT */
/* The thread of the store: takes all that waits, does it in one transaction, and gives it back. Where that fails,
 * each operation is tried alone, so that one which cannot be done spoils no other. */
#include "backend/base/alloc.h"
#include "backend/store/aside.h"
#include "backend/store/store_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS 1000 /* a disk that takes nothing is tried again, whether anybody posts or not */

/* Where several wait for the disk at the same time, each further one costs next to nothing, and a commit costs an
 * fsync: the thread lets them come for as long as an fsync of a quick disk takes, once it has seen a crowd. */
#define CROWD     4 /* operations in the last commit that somebody waits for */
#define GATHER_US 300

/* ---- Opening */

static const char *word_for(int rc)
{
    return rc == -ENOTSUP ? "newer" : "damaged";
}

static bool may_be_set_aside(const struct store *s, int rc)
{
    return s->path && (rc == -EBADMSG || rc == -ENOTSUP);
}

static int move_aside(struct store *s, int rc, struct err *e)
{
    char *to = NULL;
    struct err why = *e;

    if ((rc = aside_move(s->path, word_for(rc), &to, e)) < 0)
        return rc;
    uv_mutex_lock(&s->lock);
    free(s->aside);
    s->aside = xasprintf("%s; it was set aside as %s, and a new store was begun", why.text, to);
    uv_mutex_unlock(&s->lock);
    free(to);
    return 0;
}

int store_open_database(struct store *s, struct err *e)
{
    int rc = database_open(&s->db, s->path, e);

    if (may_be_set_aside(s, rc) && (rc = move_aside(s, rc, e)) == 0)
        rc = database_open(&s->db, s->path, e);
    if (rc < 0)
        s->db = NULL;
    return rc;
}

/* It was good when it was opened, and is not any more. */
static void replace_damaged(struct store *s, struct err *e)
{
    database_close(s->db);
    s->db = NULL;
    if (move_aside(s, -EBADMSG, e) == 0)
        store_open_database(s, e);
}

/* ---- One transaction */

static int keep_row(void *arg, const struct store_value *v, size_t columns)
{
    struct store_rows *rows = arg;
    size_t at = rows->n * columns;

    if (rows->n > 0 && rows->columns != columns)
        return -EINVAL; /* statements whose rows differ belong into operations of their own */
    rows->columns = columns;
    rows->v = xrealloc(rows->v, (at + columns) * sizeof *v);
    for (size_t i = 0; i < columns; i++) {
        rows->v[at + i] = v[i];
        if (v[i].type >= STORE_TEXT) {
            char *copy = xrealloc(NULL, v[i].len + 1);
            memcpy(copy, v[i].data ? v[i].data : "", v[i].len);
            copy[v[i].len] = '\0';
            rows->v[at + i].data = copy;
        }
    }
    rows->n++;
    return 0;
}

static int do_one(struct database *db, struct store_op *op, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < op->n; i++) {
        const struct statement *st = &op->statements[i];
        rc = database_run(db, st->sql, st->args, st->n, keep_row, &op->rows, e);
    }
    return rc;
}

static void count(struct store *s, size_t now)
{
    uv_mutex_lock(&s->lock);
    s->counts.commits++;
    s->counts.now += now;
    uv_mutex_unlock(&s->lock);
}

/* From first up to, and without, end. */
static int transact(struct store *s, struct list *first, const struct list *end, struct err *e)
{
    size_t now = 0;
    int rc = database_begin(s->db, e);

    for (struct list *at = first; rc == 0 && at != end; at = at->next) {
        struct store_op *op = container_of(at, struct store_op, link);
        store_rows_finish(&op->rows);
        rc = do_one(s->db, op, e);
        now += op->when == STORE_NOW;
    }
    bool changes = rc == 0 && database_has_changes(s->db);
    if (rc == 0)
        rc = database_commit(s->db, e);
    if (rc < 0)
        database_rollback(s->db);
    else if (changes)
        count(s, now);
    return rc;
}

/* ---- A batch */

static void set_failing(struct store *s, int rc, const struct err *e)
{
    uv_mutex_lock(&s->lock);
    s->failing = rc;
    memcpy(s->failing_text, e->text, sizeof s->failing_text);
    uv_mutex_unlock(&s->lock);
}

/* Those are failures of the disk; others are of the one statement. */
static bool is_of_disk(int rc)
{
    return rc == -ENOSPC || rc == -EROFS || rc == -EACCES || rc == -EIO || rc == -EBUSY || rc == -EBADMSG;
}

static void each_alone(struct store *s, struct list *batch, struct err *e)
{
    int failing = 0;

    for (struct list *at = batch->next; at != batch; at = at->next) {
        struct store_op *op = container_of(at, struct store_op, link);
        op->rc = s->db ? transact(s, at, at->next, e) : -EIO;
        if (op->rc < 0)
            store_rows_finish(&op->rows);
        if (is_of_disk(op->rc))
            failing = op->rc;
    }
    set_failing(s, failing, e);
}

static bool reopened(struct store *s, struct err *e)
{
    uint64_t now = mono_ms();

    if (!s->db && now - s->tried_ms >= RETRY_MS) {
        s->tried_ms = now;
        set_failing(s, store_open_database(s, e), e);
    }
    return s->db != NULL;
}

static void do_batch(struct store *s, struct list *batch)
{
    struct err e = { "" };

    if (!reopened(s, &e)) {
        for (struct list *at = batch->next; at != batch; at = at->next)
            container_of(at, struct store_op, link)->rc = s->failing;
        return;
    }
    int rc = transact(s, batch->next, batch, &e);
    if (rc == -EBADMSG && s->path) {
        replace_damaged(s, &e);
        rc = s->db ? transact(s, batch->next, batch, &e) : -EIO;
    }
    if (rc < 0)
        each_alone(s, batch, &e);
    else if (s->failing)
        set_failing(s, 0, &e);
}

/* ---- The thread */

/* A write that changes nothing but takes room: it fails for as long as the disk takes nothing. */
static void try_again(struct store *s)
{
    static const char grow[] = "INSERT INTO texts(at, data) VALUES(-1, zeroblob(8192))"
                               " ON CONFLICT(at) DO UPDATE SET data = excluded.data";
    static const char shrink[] = "DELETE FROM texts WHERE at = -1";
    struct err e = { "" };

    s->tried_ms = 0; /* now */
    if (!reopened(s, &e))
        return;
    int rc = database_begin(s->db, &e);
    if (rc == 0)
        rc = database_run(s->db, grow, NULL, 0, NULL, NULL, &e);
    if (rc == 0)
        rc = database_commit(s->db, &e);
    database_rollback(s->db);
    if (rc == 0)
        database_run(s->db, shrink, NULL, 0, NULL, NULL, &e);
    set_failing(s, rc, &e);
}

/* How long to wait, in nanoseconds, before there is something to do: 0 = now. Under the lock. */
static uint64_t patience(const struct store *s)
{
    uint64_t waited = mono_ms() - s->soon_since_ms;

    if (s->closing || s->n_now > 0)
        return 0;
    if (s->n_queue > 0)
        return waited >= STORE_SOON_MS ? 0 : (STORE_SOON_MS - waited) * 1000000;
    return s->failing ? RETRY_MS * UINT64_C(1000000) : UINT64_MAX;
}

/* Takes all, under the lock. How many of them somebody wants now. */
static size_t take(struct store *s, struct list *batch)
{
    size_t now = s->n_now;

    list_init(batch);
    if (!list_empty(&s->queue)) {
        list_insert_after(&s->queue, batch);
        list_remove(&s->queue);
    }
    list_init(&s->queue);
    s->n_queue = s->queue_bytes = s->n_now = 0;
    return now;
}

static void give_back(struct store *s, struct list *batch)
{
    uv_mutex_lock(&s->lock);
    while (!list_empty(batch)) {
        struct list *first = batch->next;
        list_remove(first);
        list_append(&s->finished, first);
    }
    uv_mutex_unlock(&s->lock);
    uv_async_send(&s->news);
}

static void gather(struct store *s)
{
    uint64_t end = uv_hrtime() + GATHER_US * 1000, now;

    while (!s->closing && (now = uv_hrtime()) < end)
        uv_cond_timedwait(&s->wake, &s->lock, end - now);
}

void store_write_all(void *store)
{
    struct store *s = store;
    struct list batch;
    size_t crowd = 0;
    uint64_t wait;

    uv_mutex_lock(&s->lock);
    while (!s->closing || s->n_queue > 0) {
        if ((wait = patience(s)) == UINT64_MAX) {
            uv_cond_wait(&s->wake, &s->lock);
            continue;
        }
        bool timed_out = wait > 0 && uv_cond_timedwait(&s->wake, &s->lock, wait) != 0;
        if (wait > 0 && !timed_out)
            continue;
        if (crowd >= CROWD)
            gather(s);
        crowd = take(s, &batch);
        uv_mutex_unlock(&s->lock);
        if (!list_empty(&batch))
            do_batch(s, &batch);
        else
            try_again(s);
        give_back(s, &batch);
        uv_mutex_lock(&s->lock);
    }
    uv_mutex_unlock(&s->lock);
}
