/* SPDX-License-Identifier: MIT */
/* What a batch does with its disk, in the loop's pool of threads: one reading and one writing at a time. While one is
 * under way its function uses of the batch only what stands here, and nobody changes that; what comes of it is taken on
 * the loop. A batch that is closed meanwhile writes what it still has, and is freed behind that. */
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/base/private_file.h"
#include "backend/batch/batch_inside.h"
#include "backend/house.h"
#include "backend/model/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_MAX   256               /* lines read at once */
#define READ_BYTES ((size_t)4 << 20) /* likewise; one line is always read */
/* Results that are written together. */
#define GROUP_BYTES ((size_t)8 << 20)
#define AGAIN_MS    3000 /* after the disk said no */

void batch_free_line(struct batch_line *l)
{
    list_remove(&l->link);
    batch_request_finish(&l->request);
    buf_free(&l->result);
    free(l);
}

static void free_lines(struct list *lines)
{
    list_for_each(l, lines, struct batch_line, link) batch_free_line(l);
}

static void free_batch(struct batch *b)
{
    free_lines(&b->lines);
    free_lines(&b->got);
    free_lines(&b->writing);
    for (int i = 0; i < BATCH_FDS; i++)
        if (b->fds[i] >= 0)
            close(b->fds[i]);
    batch_scan_destroy(b->scan);
    batch_results_finish(&b->results);
    batch_results_finish(&b->fresh);
    batch_group_finish(&b->group);
    list_for_each(w, &b->waiters, struct batch_waiter, link) free(w);
    list_for_each(w, &b->syncing, struct batch_waiter, link) free(w);
    free(b->wanted);
    free(b->about);
    free(b->trouble);
    free(b->complain);
    free(b->name);
    free(b->dir);
    free(b);
}

void batch_free_idle(struct batch *b)
{
    if (!b->busy_writing && !b->reading && !b->put)
        free_batch(b);
}

static struct batch_files files_of(const struct batch *b)
{
    return (struct batch_files){ .out = b->fds[BATCH_FD_OUT],
                                 .errors = b->fds[BATCH_FD_ERRORS],
                                 .marks = b->fds[BATCH_FD_MARKS],
                                 .sync = b->durable };
}

/* ---- Reading */

static void read_lines(struct batch *b)
{
    size_t bytes = 0;

    for (size_t i = 0; i < b->n_wanted && b->read_rc == 0 && (i == 0 || bytes < READ_BYTES); i++) {
        struct batch_line *l = NEW(struct batch_line);
        l->number = b->wanted[i];
        b->read_rc = batch_line_read(b->fds[BATCH_FD_IN], b->fds[BATCH_FD_INDEX], l->number, b->json,
                                     b->line_max, &l->request, &l->size, &b->read_err);
        bytes += l->size;
        if (b->read_rc == 0)
            list_append(&b->got, &l->link);
        else
            batch_free_line(l);
    }
}

static void read_cb(uv_work_t *w)
{
    struct batch *b = container_of(w, struct batch, reader);
    struct batch_files f = files_of(b);

    if (b->reading == READ_RESULTS)
        b->read_rc = batch_results_load(&f, &b->fresh, &b->read_err);
    else if (b->reading == READ_INDEX)
        b->read_rc = batch_scan_step(b->scan, &b->read_err);
    else
        read_lines(b);
}

/* Its files are read anew, from the first one on, if it goes on. */
static void forget_lines(struct batch *b)
{
    batch_results_finish(&b->fresh);
    batch_results_finish(&b->results);
    b->indexed = false;
    b->next = 0;
}

static void read_failed(struct batch *b)
{
    log_error("batch %s of %s: %s", b->name, model_config(b->model)->name, b->read_err.text);
    batch_set_text(&b->trouble, b->read_err.text);
    if (b->reading == READ_INDEX) {
        batch_scan_destroy(b->scan);
        b->scan = NULL;
    } else if (b->reading == READ_RESULTS) {
        forget_lines(b);
    } else {
        free_lines(&b->got);
        b->next = b->next > 0 ? b->wanted[0] : 0;
    }
    b->loaded = true; /* it stays as it is, and can be removed */
    batch_handle(b, BATCH_EV_PAUSE);
}

static void results_read(struct batch *b)
{
    batch_results_finish(&b->results);
    b->results = b->fresh;
    b->fresh = (struct batch_results){ 0 };
    batch_group_begin(&b->group, &b->results);
    b->loaded = true;
    if (b->state == BATCH_DONE && b->results.good + b->results.bad < b->results.total)
        batch_handle(b, BATCH_EV_RETRY); /* it was on its way there */
}

static void index_read(struct batch *b)
{
    if (b->read_rc == 0)
        return;
    b->results.total = batch_scan_total(b->scan);
    b->json = batch_scan_json(b->scan);
    b->indexed = b->want_about = true;
    b->loaded = false; /* a batch that lost its index may have results */
    batch_scan_destroy(b->scan);
    b->scan = NULL;
}

/* They come behind those that are there; the first that was not read is looked at next. Where all lines were dropped
 * meanwhile these are too: they are read again if the batch ever goes on. */
static void lines_read(struct batch *b)
{
    size_t n = 0;

    if (b->next == 0) {
        free_lines(&b->got);
        return;
    }
    for (struct batch_line *l; (l = list_first(&b->got, struct batch_line, link)); n++) {
        list_remove(&l->link);
        list_append(&b->lines, &l->link);
        l->batch = b;
        b->n_lines++;
        b->line_bytes += l->size;
    }
    b->next = n < b->n_wanted ? b->wanted[n] : b->next;
}

static void read_done_cb(uv_work_t *w, int status)
{
    struct batch *b = container_of(w, struct batch, reader);
    enum batch_reading what = b->reading;

    (void)status;
    if (b->closed) {
        b->reading = READ_NOTHING;
        batch_free_idle(b);
        return;
    }
    if (b->read_rc < 0)
        read_failed(b);
    else if (what == READ_RESULTS)
        results_read(b);
    else if (what == READ_INDEX)
        index_read(b);
    else
        lines_read(b);
    b->reading = READ_NOTHING;
    house_changed(b->house);
    batch_post(b);
}

/* The next lines without a result. */
static void choose_lines(struct batch *b)
{
    if (!b->wanted)
        b->wanted = xcalloc(READ_MAX, sizeof *b->wanted);
    b->n_wanted = 0;
    while (b->next < b->results.total && b->n_wanted < READ_MAX) {
        if (b->results.of[b->next] == BATCH_NONE)
            b->wanted[b->n_wanted++] = b->next;
        b->next++;
    }
}

void batch_read(struct batch *b, enum batch_reading what)
{
    if (what == READ_LINES)
        choose_lines(b);
    if (what == READ_LINES && b->n_wanted == 0) {
        batch_post(b);
        return;
    }
    if (what == READ_RESULTS)
        batch_results_init(&b->fresh, b->results.total);
    if (what == READ_INDEX && !b->scan)
        b->scan = batch_scan_create(b->fds[BATCH_FD_IN], b->fds[BATCH_FD_INDEX], b->line_max);
    b->reading = what;
    b->read_rc = 0;
    b->read_err.text[0] = '\0';
    uv_queue_work(b->house->loop, &b->reader, read_cb, read_done_cb);
}

/* ---- Writing */

static void write_cb(uv_work_t *w)
{
    struct batch *b = container_of(w, struct batch, writer);
    struct batch_files f = files_of(b);
    struct err *e = &b->write_err;
    char *path = xasprintf("%s/about", b->dir);
    int rc = 0;

    if (b->doing_sync && fdatasync(b->fds[BATCH_FD_IN]) < 0)
        rc = err_set(e, -errno, "in.jsonl cannot be put on disk: %s", strerror(errno));
    if (rc == 0 && b->doing_retry)
        rc = batch_results_retry(&f, b->results.marks_end, e);
    if (rc == 0 && !batch_group_is_empty(&b->group))
        rc = batch_group_write(&f, &b->group, e);
    if (rc == 0 && b->about)
        rc = private_file_write(path, b->about, strlen(b->about), e);
    b->write_rc = rc;
    free(path);
}

static void tell_waiters(struct batch *b)
{
    for (struct batch_waiter *w; (w = list_first(&b->syncing, struct batch_waiter, link));) {
        list_remove(&w->link);
        if (w->done)
            w->done(w->arg, b->write_rc);
        free(w);
    }
}

/* What could not be written is written again, at the same places, until it can. */
static void write_failed(struct batch *b)
{
    b->group_held = !batch_group_is_empty(&b->group);
    b->want_retry |= b->doing_retry;
    b->want_about |= b->about != NULL;
    b->unsynced |= b->doing_sync;
    b->write_again_ms = mono_ms() + AGAIN_MS;
    if (!b->trouble || strcmp(b->trouble, b->write_err.text) != 0)
        log_warning("batch %s of %s waits: %s", b->name, model_config(b->model)->name, b->write_err.text);
    batch_set_text(&b->trouble, b->write_err.text);
}

static void written(struct batch *b)
{
    struct timespec now = wall_now();

    if (b->write_again_ms)
        batch_set_text(&b->trouble, NULL);
    b->write_again_ms = 0;
    b->group_held = false;
    if (b->doing_sync)
        b->stored = b->sync_size;
    if (b->group.out.len > 0)
        b->out_mtime = now;
    if (b->group.errors.len > 0 || b->doing_retry)
        b->errors_mtime = now;
    if (b->doing_retry) {
        batch_results_retried(&b->results);
        b->sample[0].ms = b->sample[1].ms = 0; /* fewer lines have results than before */
    }
    batch_results_take(&b->results, &b->group);
    list_for_each(l, &b->writing, struct batch_line, link)
    {
        b->n_lines--;
        b->line_bytes -= l->size;
        b->result_bytes -= l->result.len;
        batch_free_line(l);
    }
    batch_group_begin(&b->group, &b->results);
}

/* Results into the group, in the order of their lines where that is wanted. */
static void gather(struct batch *b, bool ordered)
{
    if (b->group_held)
        return;
    batch_group_begin(&b->group, &b->results);
    list_for_each(l, &b->lines, struct batch_line, link)
    {
        if (l->state != LINE_OVER && ordered)
            break;
        if (l->state != LINE_OVER)
            continue;
        if (b->group.out.len + b->group.errors.len > GROUP_BYTES)
            break;
        batch_group_add(&b->group, l->number, l->good, &l->result);
        list_remove(&l->link);
        list_append(&b->writing, &l->link);
    }
}

static void begin_writing(struct batch *b, uv_loop_t *loop);

static void free_about(struct batch *b)
{
    free(b->about);
    b->about = NULL;
    b->doing_retry = b->doing_sync = false;
}

/* What was answered while it wrote for the last time. */
static void write_rest(struct batch *b, uv_loop_t *loop)
{
    free_about(b);
    if (b->write_rc == 0 && !b->removed) {
        written(b);
        gather(b, false);
    }
    if (b->write_rc == 0 && !b->removed && !list_empty(&b->writing))
        begin_writing(b, loop);
    else
        batch_free_idle(b);
}

static void write_done_cb(uv_work_t *w, int status)
{
    struct batch *b = container_of(w, struct batch, writer);

    (void)status;
    b->busy_writing = false;
    if (b->closed) {
        write_rest(b, w->loop);
        return;
    }
    if (b->write_rc < 0)
        write_failed(b);
    else
        written(b);
    free_about(b);
    tell_waiters(b);
    house_changed(b->house);
    batch_post(b);
}

static void begin_writing(struct batch *b, uv_loop_t *loop)
{
    b->busy_writing = true;
    b->write_rc = 0;
    b->write_err.text[0] = '\0';
    uv_queue_work(loop, &b->writer, write_cb, write_done_cb);
}

void batch_mind_writing(struct batch *b, bool ordered)
{
    if (b->busy_writing || !b->loaded || (b->write_again_ms && mono_ms() < b->write_again_ms))
        return;
    gather(b, ordered);
    b->doing_retry = b->want_retry;
    b->want_retry = false;
    if (!list_empty(&b->waiters)) {
        b->doing_sync = true;
        b->sync_size = batch_size(b, BATCH_IN);
        list_for_each(w, &b->waiters, struct batch_waiter, link)
        {
            list_remove(&w->link);
            list_append(&b->syncing, &w->link);
        }
    }
    if (b->want_about || b->doing_sync) {
        b->about = batch_about(b);
        b->want_about = false;
    }
    if (b->about || b->doing_retry || !batch_group_is_empty(&b->group))
        begin_writing(b, b->house->loop);
}

/* ---- The end */

void batch_close(struct batch *b)
{
    uv_loop_t *loop = b->house->loop;

    batch_drop_lines(b);
    mailbox_forget(b->house->mail, b);
    timer_destroy(b->wake);
    list_remove(&b->link);
    b->write_rc = -ECANCELED;
    list_for_each(w, &b->waiters, struct batch_waiter, link)
    {
        list_remove(&w->link);
        list_append(&b->syncing, &w->link);
    }
    tell_waiters(b);
    batch_drop_puts(b);
    b->closed = true;
    if (!b->busy_writing && !b->removed && b->loaded) {
        gather(b, false);
        if (b->want_about)
            b->about = batch_about(b);
        if (b->about || !batch_group_is_empty(&b->group))
            begin_writing(b, loop);
    }
    batch_free_idle(b);
}
