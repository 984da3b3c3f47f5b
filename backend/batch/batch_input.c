/* SPDX-License-Identifier: MIT */
/* in.jsonl while it is written. What comes is written in its order by the loop's pool of threads, one write at a time, and
 * answered when it is there: a disk that is slow, or answers nothing, keeps waiting who writes to it and nobody else. A
 * failure is told to the write that it befell. */
#include "backend/base/alloc.h"
#include "backend/batch/batch_inside.h"
#include "backend/house.h"
#include "backend/model/model.h"
#include "backend/quota.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bytes that wait to be written to one file. The kernel lets in one write of at most 1 MiB at a time, so that more are
 * of nobody who waits for his turn. */
#define PUTS_MAX ((size_t)8 << 20)

struct batch_put {
    struct list link; /* in batch->puts; the first may be under way */
    void (*done)(void *arg, int rc, const struct err *e);
    void *arg;
    uint64_t off; /* BATCH_APPEND until its turn */
    size_t len;
    char data[];
};

static bool takes_input(const struct batch *b)
{
    return b->state == BATCH_EMPTY || b->state == BATCH_HELD;
}

static int refuse_input(const struct batch *b, struct err *e)
{
    if (batch_is_over(b))
        return err_set(e, -EBUSY,
                       "%s/in.jsonl: the batch is %s; empty the file first, which forgets its results",
                       b->name, batch_state_name(b->state));
    return err_set(e, -EBUSY, "%s/in.jsonl: the batch is %s", b->name, batch_state_name(b->state));
}

int batch_write_open(struct batch *b, struct err *e)
{
    if (!takes_input(b) && !batch_is_over(b))
        return refuse_input(b, e);
    b->writers++;
    return 0;
}

/* in.jsonl is to have so many bytes. */
static int may_grow(struct batch *b, uint64_t size, struct err *e)
{
    uint64_t have = batch_size(b, BATCH_IN);
    struct err why = { "" };
    int rc = size > have ? quota_may_store(model_house(b->model), b->uid, (int64_t)(size - have), &why) : 0;

    return rc < 0 ? err_set(e, rc, "%s/in.jsonl: %s", b->name, why.text) : 0;
}

/* ---- Writing */

static void put_cb(uv_work_t *w)
{
    struct batch *b = container_of(w, struct batch, putter);
    const struct batch_put *p = b->put;

    b->put_rc = 0;
    for (size_t done = 0; done < p->len && b->put_rc == 0;) {
        ssize_t n = pwrite(b->fds[BATCH_FD_IN], p->data + done, p->len - done, (off_t)(p->off + done));
        if (n < 0 && errno != EINTR)
            b->put_rc = -errno;
        done += n > 0 ? (size_t)n : 0;
    }
}

static void begin_put(struct batch *b, uv_loop_t *loop);

static void end_put(struct batch *b, struct batch_put *p, int rc)
{
    struct err e = { "" };

    if (rc < 0) {
        b->spoiled = true;
        err_set(&e, rc, "%s/in.jsonl: %s; the batch does not begin with what is there", b->name,
                strerror(-rc));
    } else {
        b->dirty = b->unsynced = true;
    }
    list_remove(&p->link);
    b->put_bytes -= p->len;
    if (p->done)
        p->done(p->arg, rc, &e);
    free(p);
}

static void put_done_cb(uv_work_t *w, int status)
{
    struct batch *b = container_of(w, struct batch, putter);

    (void)status;
    struct batch_put *p = b->put;
    b->put = NULL;
    end_put(b, p, b->put_rc);
    if (b->closed) {
        batch_free_idle(b);
        return;
    }
    if (!list_empty(&b->puts))
        begin_put(b, w->loop);
    batch_post(b);
}

static void begin_put(struct batch *b, uv_loop_t *loop)
{
    struct batch_put *p = list_first(&b->puts, struct batch_put, link);

    if (p->off == BATCH_APPEND)
        p->off = batch_size(b, BATCH_IN);
    b->put = p;
    uv_queue_work(loop, &b->putter, put_cb, put_done_cb);
}

int batch_write(struct batch *b, uint64_t off, const char *data, size_t len,
                void (*done)(void *arg, int rc, const struct err *e), void *arg, struct err *e)
{
    if (!takes_input(b))
        return refuse_input(b, e);
    if (b->put_bytes + len > PUTS_MAX)
        return err_set(e, -EAGAIN, "%s/in.jsonl: too much waits for the disk; write again later", b->name);
    int rc = may_grow(b, (off == BATCH_APPEND ? batch_size(b, BATCH_IN) + b->put_bytes : off) + len, e);
    if (rc < 0) {
        b->spoiled = true;
        return rc;
    }
    struct batch_put *p = xcalloc(1, sizeof *p + len);
    p->done = done;
    p->arg = arg;
    p->off = off;
    p->len = len;
    memcpy(p->data, data, len);
    list_append(&b->puts, &p->link);
    b->put_bytes += len;
    if (!b->put)
        begin_put(b, b->house->loop);
    return 0;
}

void batch_drop_puts(struct batch *b)
{
    list_for_each(p, &b->puts, struct batch_put, link)
    {
        if (p != b->put)
            end_put(b, p, -ECANCELED);
    }
}

/* ---- Emptying, closing, and on disk for good */

static int forget_all(struct batch *b, struct err *e)
{
    if (!b->loaded || b->n_lines > 0 || b->busy_writing || b->reading)
        return err_set(e, -EBUSY, "%s: lines are still under way", b->name);
    int rc = batch_empty_files(b);
    if (rc < 0)
        return err_set(e, rc, "%s cannot be emptied: %s", b->name, strerror(-rc));
    batch_results_finish(&b->results);
    b->indexed = false;
    b->next = 0;
    batch_set_text(&b->trouble, NULL);
    batch_set_text(&b->complain, NULL);
    batch_handle(b, BATCH_EV_EMPTIED);
    return 0;
}

int batch_truncate(struct batch *b, uint64_t size, struct err *e)
{
    if (!list_empty(&b->puts)) /* of another open file */
        return err_set(e, -EAGAIN, "%s/in.jsonl: a write to it waits for the disk", b->name);
    int rc = batch_is_over(b) && size == 0 ? forget_all(b, e)
             : takes_input(b)              ? may_grow(b, size, e)
                                           : refuse_input(b, e);

    if (rc < 0)
        return rc;
    if (ftruncate(b->fds[BATCH_FD_IN], (off_t)size) < 0)
        return err_set(e, -errno, "%s/in.jsonl: %s", b->name, strerror(errno));
    if (size == 0) {
        b->spoiled = false;
        batch_set_text(&b->trouble, NULL);
    }
    b->dirty = b->unsynced = size > 0;
    return 0;
}

void batch_write_close(struct batch *b)
{
    b->spoiled |= !list_empty(&b->puts); /* of nobody who waits for them any more: the mount ends */
    if (--b->writers > 0 || !b->dirty || !takes_input(b))
        return;
    if (b->spoiled) {
        batch_set_text(&b->trouble, "a write to in.jsonl failed; write it again, from its beginning");
        house_changed(b->house);
    } else if (b->state == BATCH_EMPTY) {
        batch_handle(b, BATCH_EV_START);
    }
}

bool batch_sync(struct batch *b, void (*done)(void *arg, int rc), void *arg)
{
    if (!b->unsynced || !b->house->cfg->durable)
        return false;
    struct batch_waiter *w = NEW(struct batch_waiter);
    *w = (struct batch_waiter){ .done = done, .arg = arg };
    list_append(&b->waiters, &w->link);
    b->unsynced = false;
    batch_post(b);
    return true;
}

static void forget(struct list *waiters, const void *arg)
{
    list_for_each(w, waiters, struct batch_waiter, link)
    {
        if (w->arg == arg)
            w->done = NULL;
    }
}

void batch_sync_forget(struct batch *b, const void *arg)
{
    forget(&b->waiters, arg);
    forget(&b->syncing, arg);
    list_for_each(p, &b->puts, struct batch_put, link)
    {
        if (p->arg == arg)
            p->done = NULL;
    }
}
