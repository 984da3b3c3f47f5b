/* SPDX-License-Identifier: MIT */
#include "backend/batch/batch_results.h"
#include "backend/base/alloc.h"
#include "backend/batch/batch_line.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A zeroed one, as a crash may leave at the end of the file, is none. */
enum mark_kind { MARK_GOOD = 1, MARK_BAD = 2, MARK_RETRY = 3 };

struct mark {
    uint32_t number;
    uint32_t kind;
    uint64_t end; /* of its result, in the file where it is */
};

#define MARKS_AT_ONCE 65536 /* that are read: 1 MiB */

void batch_results_init(struct batch_results *r, uint32_t total)
{
    *r = (struct batch_results){ .total = total, .of = total ? xcalloc(total, 1) : NULL };
}

void batch_results_finish(struct batch_results *r)
{
    free(r->of);
    *r = (struct batch_results){ 0 };
}

/* ---- A group */

void batch_group_begin(struct batch_group *g, const struct batch_results *r)
{
    buf_reset(&g->out);
    buf_reset(&g->errors);
    buf_reset(&g->marks);
    g->out_at = r->out_end;
    g->errors_at = r->errors_end;
    g->marks_at = r->marks_end;
}

void batch_group_add(struct batch_group *g, uint32_t number, bool good, const struct buf *line)
{
    struct buf *to = good ? &g->out : &g->errors;

    buf_add(to, line->data, line->len);
    struct mark m = { .number = number,
                      .kind = good ? MARK_GOOD : MARK_BAD,
                      .end = (good ? g->out_at : g->errors_at) + to->len };
    buf_add(&g->marks, &m, sizeof m);
}

bool batch_group_is_empty(const struct batch_group *g)
{
    return g->marks.len == 0;
}

void batch_group_finish(struct batch_group *g)
{
    buf_free(&g->out);
    buf_free(&g->errors);
    buf_free(&g->marks);
}

static int write_at(int fd, const struct buf *b, uint64_t at)
{
    for (size_t done = 0; done < b->len;) {
        ssize_t n = pwrite(fd, b->data + done, b->len - done, (off_t)(at + done));
        if (n < 0 && errno != EINTR)
            return -errno;
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int append(int fd, const struct buf *b, uint64_t at, bool sync, const char *name, struct err *e)
{
    int rc = write_at(fd, b, at);

    if (rc == 0 && sync && b->len > 0 && fdatasync(fd) < 0)
        rc = -errno;
    return rc < 0 ? err_set(e, rc, "%s cannot be written: %s", name, strerror(-rc)) : 0;
}

int batch_group_write(const struct batch_files *f, const struct batch_group *g, struct err *e)
{
    int rc = append(f->out, &g->out, g->out_at, f->sync, "out.jsonl", e);

    if (rc == 0)
        rc = append(f->errors, &g->errors, g->errors_at, f->sync, "errors.jsonl", e);
    if (rc == 0)
        rc = append(f->marks, &g->marks, g->marks_at, false, "the list of results", e);
    return rc;
}

/* ---- Counting */

static void forget_bad(struct batch_results *r)
{
    for (uint32_t i = 0; i < r->total; i++)
        if (r->of[i] == BATCH_BAD)
            r->of[i] = BATCH_NONE;
    r->bad = 0;
    r->errors_end = 0;
}

static void count(struct batch_results *r, uint32_t number, bool good)
{
    r->of[number] = good ? BATCH_GOOD : BATCH_BAD;
    if (good)
        r->good++;
    else
        r->bad++;
}

/* False: it cannot be, and what follows is no list of results any more. */
static bool take_mark(struct batch_results *r, const struct mark *m)
{
    uint64_t *end = m->kind == MARK_GOOD ? &r->out_end : &r->errors_end;

    if (m->kind == MARK_RETRY) {
        forget_bad(r);
    } else {
        if ((m->kind != MARK_GOOD && m->kind != MARK_BAD) || m->number >= r->total || r->of[m->number] ||
            m->end <= *end)
            return false;
        count(r, m->number, m->kind == MARK_GOOD);
        *end = m->end;
    }
    r->marks_end += sizeof *m;
    return true;
}

void batch_results_take(struct batch_results *r, const struct batch_group *g)
{
    struct mark m;

    for (size_t i = 0; i < g->marks.len; i += sizeof m) {
        memcpy(&m, g->marks.data + i, sizeof m);
        take_mark(r, &m);
    }
}

void batch_results_retried(struct batch_results *r)
{
    struct mark m = { .kind = MARK_RETRY };

    take_mark(r, &m);
}

int batch_results_retry(const struct batch_files *f, uint64_t marks_end, struct err *e)
{
    struct mark m = { .kind = MARK_RETRY };
    struct buf b = { 0 };
    int rc = 0;

    /* The file before the mark: bad results without a mark would count after a crash, a mark whose result is gone
     * tells that they do not. */
    if (ftruncate(f->errors, 0) < 0 || (f->sync && fsync(f->errors) < 0))
        rc = err_set(e, -errno, "errors.jsonl cannot be emptied: %s", strerror(errno));
    buf_add(&b, &m, sizeof m);
    if (rc == 0)
        rc = append(f->marks, &b, marks_end, f->sync, "the list of results", e);
    buf_free(&b);
    return rc;
}

/* ---- Finding out */

static int load_marks(int fd, struct batch_results *r)
{
    struct mark *v = xcalloc(MARKS_AT_ONCE, sizeof *v);
    bool more = true;
    int rc = 0;

    while (more && rc == 0) {
        ssize_t n = pread(fd, v, MARKS_AT_ONCE * sizeof *v, (off_t)r->marks_end);
        if (n < 0) {
            rc = errno == EINTR ? 0 : -errno;
            continue;
        }
        size_t whole = (size_t)n / sizeof *v, i = 0;
        while (i < whole && take_mark(r, &v[i]))
            i++;
        more = whole > 0 && i == whole;
    }
    free(v);
    return rc;
}

/* Results without a mark get theirs in g. What is no result ends it. */
static int load_tail(int fd, struct batch_results *r, bool good, struct batch_group *g)
{
    uint64_t *end = good ? &r->out_end : &r->errors_end;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    FILE *f = copy < 0 ? NULL : fdopen(copy, "r");
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    uint32_t number;

    if (!f || fseeko(f, (off_t)*end, SEEK_SET) < 0) {
        int rc = -errno;
        if (f)
            fclose(f);
        else if (copy >= 0)
            close(copy);
        return rc;
    }
    while ((n = getline(&line, &cap, f)) > 0 && line[n - 1] == '\n' &&
           batch_result_number(line, (size_t)n - 1, &number) == 0 && number < r->total && !r->of[number]) {
        *end += (uint64_t)n;
        struct mark m = { .number = number, .kind = good ? MARK_GOOD : MARK_BAD, .end = *end };
        buf_add(&g->marks, &m, sizeof m);
        count(r, number, good);
    }
    int rc = ferror(f) ? -EIO : 0;
    fclose(f);
    free(line);
    return rc;
}

static uint64_t size_of(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void start_anew(struct batch_results *r)
{
    uint32_t total = r->total;

    batch_results_finish(r);
    batch_results_init(r, total);
}

int batch_results_load(const struct batch_files *f, struct batch_results *r, struct err *e)
{
    struct batch_group g = { 0 };
    int rc = load_marks(f->marks, r);

    if (rc == 0 &&
        size_of(f->out) < r->out_end) /* without syncs a loss of power may take results, not marks */
        start_anew(r);
    if (rc == 0 && size_of(f->errors) < r->errors_end) { /* batch_results_retry() was on its way */
        rc = batch_results_retry(f, r->marks_end, e);
        batch_results_retried(r);
    }
    batch_group_begin(&g, r);
    if (rc == 0)
        rc = load_tail(f->out, r, true, &g);
    if (rc == 0)
        rc = load_tail(f->errors, r, false, &g);
    if (rc == 0 &&
        (ftruncate(f->out, (off_t)r->out_end) < 0 || ftruncate(f->errors, (off_t)r->errors_end) < 0 ||
         ftruncate(f->marks, (off_t)r->marks_end) < 0))
        rc = -errno;
    if (rc == 0)
        rc = write_at(f->marks, &g.marks, r->marks_end);
    if (rc == 0)
        r->marks_end += g.marks.len;
    batch_group_finish(&g);
    return rc < 0 && e && !e->text[0]
               ? err_set(e, rc, "the results of the batch cannot be read: %s", strerror(-rc))
               : rc;
}
