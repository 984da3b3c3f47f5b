/* SPDX-License-Identifier: MIT */
/* The loop's side of the store: operations go into the queue, and their results come out of it. */
#include "backend/store/store.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/store/store_inside.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Far more than a busy mount has under way (an operation for each file that is being closed, three for each
 * answer), and what a disk that hangs may cost of memory. */
#define QUEUE_MAX   65536
#define QUEUE_BYTES ((size_t)256 << 20)

/* ---- Operations */

struct store_op *store_op_create(void (*done)(void *arg, int rc, const struct store_rows *rows), void *arg)
{
    struct store_op *op = NEW(struct store_op);

    op->done = done;
    op->arg = arg;
    return op;
}

void store_op_add(struct store_op *op, const char *sql, const struct store_value *args, size_t n)
{
    op->statements = xrealloc(op->statements, (op->n + 1) * sizeof *op->statements);
    struct statement *st = &op->statements[op->n++];
    *st = (struct statement){ .sql = sql, .args = xcalloc(n ? n : 1, sizeof *args), .n = n };
    for (size_t i = 0; i < n; i++) {
        st->args[i] = args[i];
        if (args[i].type < STORE_TEXT)
            continue;
        st->args[i].data = xstrndup(args[i].data ? args[i].data : "", args[i].len);
        op->bytes += args[i].len;
    }
}

void store_rows_finish(struct store_rows *rows)
{
    for (size_t i = 0; i < rows->n * rows->columns; i++)
        free((char *)rows->v[i].data);
    free(rows->v);
    *rows = (struct store_rows){ 0 };
}

void store_op_free(struct store_op *op)
{
    for (size_t i = 0; i < op->n; i++) {
        for (size_t k = 0; k < op->statements[i].n; k++)
            free((char *)op->statements[i].args[k].data);
        free(op->statements[i].args);
    }
    free(op->statements);
    store_rows_finish(&op->rows);
    free(op);
}

/* ---- Results */

static void finish(struct store *s, struct store_op *op)
{
    (void)s;
    list_remove(&op->posted);
    if (op->done)
        op->done(op->arg, op->rc, &op->rows);
    store_op_free(op);
}

static void tell(struct store *s, int failing, const char *text, char *aside)
{
    if (aside && s->events.set_aside)
        s->events.set_aside(s->arg, aside);
    free(aside);
    if (failing == s->told)
        return;
    s->told = failing;
    if (s->events.failing)
        s->events.failing(s->arg, failing, failing ? text : NULL);
}

static void news_cb(uv_async_t *h)
{
    struct store *s = h->data;
    struct list finished;
    char text[sizeof s->failing_text];

    list_init(&finished);
    uv_mutex_lock(&s->lock);
    while (!list_empty(&s->finished)) {
        struct list *first = s->finished.next;
        list_remove(first);
        list_append(&finished, first);
    }
    int failing = s->failing;
    memcpy(text, s->failing_text, sizeof text);
    char *aside = s->aside;
    s->aside = NULL;
    uv_mutex_unlock(&s->lock);
    tell(s, failing, text, aside);
    for (struct store_op *op; (op = list_first(&finished, struct store_op, link));) {
        list_remove(&op->link);
        finish(s, op);
    }
}

/* ---- Limits. All who have one have nearly the same, so they are looked through when the first is over. */

static void limit_cb(void *arg)
{
    struct store *s = arg;
    uint64_t now = mono_ms(), next = 0;

    list_for_each(op, &s->posted, struct store_op, posted)
    {
        if (!op->done || !op->until_ms)
            continue;
        if (op->until_ms > now) {
            next = next && next < op->until_ms ? next : op->until_ms;
            continue;
        }
        void (*done)(void *a, int rc, const struct store_rows *rows) = op->done;
        op->done = NULL;
        done(op->arg, -ETIMEDOUT, &(struct store_rows){ 0 });
    }
    if (next)
        timer_start_ms(s->limit, next - now);
}

static void mind_limit(struct store *s, struct store_op *op, uint64_t limit_ms)
{
    if (!limit_ms)
        return;
    op->until_ms = mono_ms() + limit_ms;
    if (!timer_active(s->limit))
        timer_start_ms(s->limit, limit_ms);
}

/* ---- Posting */

/* Under the lock. Does it change how long the thread would wait (patience() of store_writer.c)? */
static bool enqueue(struct store *s, struct store_op *op)
{
    bool first = s->n_queue == 0, hurries = op->when == STORE_NOW && s->n_now == 0;

    if (first)
        s->soon_since_ms = mono_ms();
    s->n_queue++;
    s->n_now += op->when == STORE_NOW;
    s->queue_bytes += op->bytes;
    list_append(&s->queue, &op->link);
    return first || hurries;
}

void store_post(struct store *s, struct store_op *op, enum store_when when, uint64_t limit_ms)
{
    if (s->closed) {
        store_op_free(op);
        return;
    }
    op->when = when;
    list_append(&s->posted, &op->posted);
    mind_limit(s, op, limit_ms);
    uv_mutex_lock(&s->lock);
    bool full = s->n_queue >= QUEUE_MAX || op->bytes > QUEUE_BYTES - s->queue_bytes, wakes = false;
    if (full) {
        op->rc = -EBUSY;
        list_append(&s->finished, &op->link);
    } else {
        wakes = enqueue(s, op);
    }
    uv_mutex_unlock(&s->lock);
    /* Once they may have the lock: who is woken under it would wait for it at once. */
    if (full)
        uv_async_send(&s->news);
    else if (wakes)
        uv_cond_signal(&s->wake);
}

void store_forget(struct store *s, const void *arg)
{
    list_for_each(op, &s->posted, struct store_op, posted)
    {
        if (op->arg == arg)
            op->done = NULL;
    }
}

struct store_counts store_counts(const struct store *s)
{
    struct store *changing = (struct store *)s;

    uv_mutex_lock(&changing->lock);
    struct store_counts c = s->counts;
    uv_mutex_unlock(&changing->lock);
    return c;
}

/* ---- Life */

struct store *store_open(uv_loop_t *loop, const char *path, const struct store_events *events, void *arg)
{
    struct store *s = NEW(struct store);
    struct err e = { "" };

    s->loop = loop;
    s->path = path ? xstrdup(path) : NULL;
    s->events = *events;
    s->arg = arg;
    list_init(&s->posted);
    list_init(&s->queue);
    list_init(&s->finished);
    uv_mutex_init(&s->lock);
    uv_cond_init(&s->wake);
    uv_async_init(loop, &s->news, news_cb);
    s->news.data = s;
    uv_unref((uv_handle_t *)&s->news);
    s->limit = timer_create_on(loop, limit_cb, s);
    s->failing = store_open_database(s, &e);
    s->tried_ms = mono_ms();
    memcpy(s->failing_text, e.text, sizeof e.text);
    char *aside = s->aside;
    s->aside = NULL;
    tell(s, s->failing, s->failing_text, aside);
    return s;
}

int store_query(struct store *s, const char *sql, const struct store_value *args, size_t n,
                int (*row)(void *arg, const struct store_value *v, size_t columns), void *arg, struct err *e)
{
    if (!s->db)
        return err_set(e, s->failing, "%s", s->failing_text);
    return database_run(s->db, sql, args, n, row, arg, e);
}

/* Signals are the loop's: none interrupts the thread. */
void store_start(struct store *s)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    s->started = uv_thread_create(&s->thread, store_write_all, s) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!s->started)
        abort(); /* a process that may have no second thread has no place for its sockets either */
}

static void closed_cb(uv_handle_t *h)
{
    struct store *s = h->data;

    uv_mutex_destroy(&s->lock);
    uv_cond_destroy(&s->wake);
    free(s->path);
    free(s);
}

void store_close(struct store *s)
{
    if (!s)
        return;
    s->closed = true;
    uv_mutex_lock(&s->lock);
    s->closing = true;
    uv_cond_signal(&s->wake);
    uv_mutex_unlock(&s->lock);
    if (s->started)
        uv_thread_join(&s->thread);
    news_cb(&s->news);
    database_close(s->db);
    for (struct store_op *op; (op = list_first(&s->posted, struct store_op, posted));) {
        op->rc = -ECANCELED; /* it was never started */
        finish(s, op);
    }
    free(s->aside);
    timer_destroy(s->limit);
    uv_close((uv_handle_t *)&s->news, closed_cb);
}
