/* SPDX-License-Identifier: MIT */
#include "backend/job/recover.h"
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/base/timer.h"
#include "backend/cluster/cluster.h"
#include "backend/house.h"
#include "backend/job/job.h"
#include "backend/job/job_record.h"
#include "backend/model/model.h"

#include <stdlib.h>
#include <string.h>

/* Whole queries in a row, and milliseconds, that do not show an unwanted job before its record goes: one query
 * may come from a controller that restarts, and a submission of the former daemon may arrive late. */
#define MISSING_MAX 2
#define MISSING_MS  150000

struct unwanted {
    struct list link;
    struct cluster *cluster;
    char *unique_name, *model;
    uint64_t since_ms;
    bool has_id;
    int missing;
};

static void unwanted_free(struct unwanted *u)
{
    list_remove(&u->link);
    free(u->unique_name);
    free(u->model);
    free(u);
}

static void add_unwanted(struct house *h, struct cluster *c, const struct job_record *r)
{
    struct unwanted *u = NEW(struct unwanted);

    u->cluster = c;
    u->unique_name = xstrdup(r->unique_name);
    u->model = xstrdup(r->model);
    u->since_ms = mono_ms();
    u->has_id = r->id != NULL;
    list_append(&h->unwanted, &u->link);
    cluster_look(c);
}

static void take_up(struct house *h, const struct job_record *r)
{
    struct cluster *c = house_cluster(h, r->cluster);
    struct model *m = house_model(h, r->model);
    struct err e = { "" };

    m = m && c ? model_on(m, c->cfg, &e) : NULL;
    if (!c) {
        log_warning("job %s of the model %s is left alone: its cluster %s is configured no more; its lease "
                    "ends it",
                    r->unique_name, r->model, r->cluster);
    } else if (!m) {
        add_unwanted(h, c, r);
    } else {
        struct job *j = job_adopt(c, m, r);
        if (!r->ending)
            model_adopt(m, j);
    }
}

/* The oldest first, as they stood in the former house. */
static int by_age(const void *a, const void *b)
{
    const struct job_record *x = a, *y = b;

    return (x->submitted > y->submitted) - (x->submitted < y->submitted);
}

void recover_jobs(struct house *h)
{
    struct job_record *v;
    char *prefix = xasprintf(JOB_PREFIX, h->identity);
    size_t n = job_records_load(h->jobs_dir, prefix, &v);

    if (n > 0)
        qsort(v, n, sizeof *v, by_age);
    for (size_t i = 0; i < n; i++)
        take_up(h, &v[i]);
    job_records_free(v, n);
    free(prefix);
}

void recover_finish(struct house *h)
{
    list_for_each(u, &h->unwanted, struct unwanted, link) unwanted_free(u);
}

/* ---- The unwanted */

static struct unwanted *find(const struct cluster *c, const char *unique_name)
{
    list_for_each(u, &c->house->unwanted, struct unwanted, link)
    {
        if (u->cluster == c && strcmp(u->unique_name, unique_name) == 0)
            return u;
    }
    return NULL;
}

bool recover_waits(const struct cluster *c)
{
    list_for_each(u, &c->house->unwanted, struct unwanted, link) if (u->cluster == c) return true;
    return false;
}

const char *recover_model_of(const struct cluster *c, const char *unique_name)
{
    const struct unwanted *u = find(c, unique_name);

    return u ? u->model : NULL;
}

static bool is_live(const struct job_info *info)
{
    return info->state != SCHED_ENDED && info->state != SCHED_FAILED && info->state != SCHED_LOST;
}

/* Is it over, as far as this query and those before it tell? */
static bool is_over(struct unwanted *u, const struct job_info *v, size_t n)
{
    bool listed = false;

    for (size_t i = 0; i < n; i++) {
        if (strcmp(v[i].name, u->unique_name) != 0)
            continue;
        if (is_live(&v[i])) {
            u->missing = 0;
            return false;
        }
        listed = true;
    }
    if (listed)
        return true;
    bool late = !u->has_id && u->cluster->sched->ops->remote_nodes && mono_ms() - u->since_ms < MISSING_MS;
    return ++u->missing >= MISSING_MAX && !late;
}

void recover_seen(struct cluster *c, const struct job_info *v, size_t n)
{
    list_for_each(u, &c->house->unwanted, struct unwanted, link)
    {
        if (u->cluster != c || !is_over(u, v, n))
            continue;
        job_record_remove(c->house->jobs_dir, u->unique_name);
        unwanted_free(u);
    }
}
