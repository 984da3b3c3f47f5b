/* SPDX-License-Identifier: MIT */
#include "fs/door_http/figures.h"
#include "backend/base/alloc.h"
#include "backend/base/list.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS_LINE "slullamafs_gateway_tokens_total{model=\"%s\",key=\"%s\",kind=\"%s\"} %" PRIu64 "\n"
#define ROWS_MAX    4096 /* of a kind: more series than that hurt Prometheus; the rest is counted as "other" */

/* Upper bounds in milliseconds: from a cached answer to a cold model. */
static const int bounds_ms[] = { 50,    100,   250,   500,    1000,   2500,  5000,
                                 10000, 30000, 60000, 120000, 300000, 600000 };
#define BOUNDS (sizeof bounds_ms / sizeof bounds_ms[0])

struct histogram {
    uint64_t below[BOUNDS]; /* of each bound alone */
    uint64_t n, sum_ms;
};

struct row { /* requests and tokens of one model, key and status; or the times of one model */
    struct list link;
    char *model, *key;
    int status;
    uint64_t n, prompt, completion;
    struct histogram first, total;
};

struct figures {
    struct list requests, times; /* those used last in front */
    size_t n_requests, n_times;
};

struct figures *figures_create(void)
{
    struct figures *f = NEW(struct figures);

    list_init(&f->requests);
    list_init(&f->times);
    return f;
}

static void free_rows(struct list *rows)
{
    list_for_each(r, rows, struct row, link)
    {
        free(r->model);
        free(r->key);
        free(r);
    }
}

void figures_destroy(struct figures *f)
{
    if (!f)
        return;
    free_rows(&f->requests);
    free_rows(&f->times);
    free(f);
}

/* ---- Counting */

static struct row *row_of(struct list *rows, size_t *n, const char *model, const char *key, int status)
{
    list_for_each(r, rows, struct row, link)
    {
        if (r->status != status || strcmp(r->model, model) != 0 || strcmp(r->key, key) != 0)
            continue;
        list_remove(&r->link);
        list_prepend(rows, &r->link);
        return r;
    }
    if (*n >= ROWS_MAX && strcmp(key, "other") != 0)
        return row_of(rows, n, "", "other", status);
    struct row *r = NEW(struct row);
    r->model = xstrdup(model);
    r->key = xstrdup(key);
    r->status = status;
    list_prepend(rows, &r->link);
    ++*n;
    return r;
}

static void observe(struct histogram *h, int64_t ms)
{
    h->n++;
    h->sum_ms += (uint64_t)ms;
    for (size_t i = 0; i < BOUNDS; i++) {
        if (ms <= bounds_ms[i]) {
            h->below[i]++;
            return;
        }
    }
}

void figures_add(struct figures *f, const struct figures_request *q)
{
    struct row *r = row_of(&f->requests, &f->n_requests, q->model, q->key, q->status);

    r->n++;
    r->prompt += (uint64_t)q->prompt_tokens;
    r->completion += (uint64_t)q->completion_tokens;
    if (!q->asked)
        return;
    r = row_of(&f->times, &f->n_times, q->model, "", 0);
    if (q->first_ms >= 0)
        observe(&r->first, q->first_ms);
    observe(&r->total, q->total_ms);
}

/* ---- Showing. Names need no escaping: neither models nor keys have quotes or backslashes in theirs. */

static void family(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_addf(out, "# HELP slullamafs_gateway_%s %s\n# TYPE slullamafs_gateway_%s %s\n", name, help, name,
             type);
}

static bool is_shown(const struct row *r, const char *key)
{
    return !key || strcmp(r->key, key) == 0;
}

static void requests(const struct figures *f, const char *key, struct buf *out)
{
    family(out, "requests_total", "counter", "Requests by model, key and HTTP status; 499: the client left.");
    list_for_each(r, &f->requests, struct row, link)
    {
        if (is_shown(r, key))
            buf_addf(out,
                     "slullamafs_gateway_requests_total{model=\"%s\",key=\"%s\",code=\"%d\"} %" PRIu64 "\n",
                     r->model, r->key, r->status, r->n);
    }
}

/* The same tokens stand in several rows, one for each status. */
static void tokens(const struct figures *f, const char *key, struct buf *out)
{
    struct figures sums = { 0 };

    list_init(&sums.requests);
    list_for_each(r, &f->requests, struct row, link)
    {
        struct row *sum = row_of(&sums.requests, &sums.n_requests, r->model, r->key, 0);
        sum->prompt += r->prompt;
        sum->completion += r->completion;
    }
    family(out, "tokens_total", "counter", "Tokens by model and key, as answers tell them.");
    list_for_each(r, &sums.requests, struct row, link)
    {
        if (!r->model[0] || !is_shown(r, key))
            continue;
        buf_addf(out, TOKENS_LINE, r->model, r->key, "prompt", r->prompt);
        buf_addf(out, TOKENS_LINE, r->model, r->key, "completion", r->completion);
    }
    free_rows(&sums.requests);
}

static void histogram(struct buf *out, const char *name, const char *model, const struct histogram *h)
{
    uint64_t n = 0;

    for (size_t i = 0; i < BOUNDS; i++) {
        n += h->below[i];
        buf_addf(out, "slullamafs_gateway_%s_bucket{model=\"%s\",le=\"%g\"} %" PRIu64 "\n", name, model,
                 bounds_ms[i] / 1000.0, n);
    }
    buf_addf(out, "slullamafs_gateway_%s_bucket{model=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name, model, h->n);
    buf_addf(out, "slullamafs_gateway_%s_sum{model=\"%s\"} %g\n", name, model, (double)h->sum_ms / 1000.0);
    buf_addf(out, "slullamafs_gateway_%s_count{model=\"%s\"} %" PRIu64 "\n", name, model, h->n);
}

void figures_text(const struct figures *f, const char *key, struct buf *out)
{
    requests(f, key, out);
    tokens(f, key, out);
    family(out, "first_byte_seconds", "histogram", "From a request to the first byte of its answer.");
    list_for_each(r, &f->times, struct row, link) histogram(out, "first_byte_seconds", r->model, &r->first);
    family(out, "duration_seconds", "histogram", "From a request to the end of its answer.");
    list_for_each(r, &f->times, struct row, link) histogram(out, "duration_seconds", r->model, &r->total);
}
