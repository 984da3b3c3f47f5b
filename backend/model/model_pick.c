/* SPDX-License-Identifier: MIT */
/* Which job a question goes to: of those that have a free slot one that has its model loaded, where several share the job,
 * then the least active, or, where load allows, the one that had a question with the same beginning last, whose engine has
 * that beginning in its cache. A job that lost this
 * question is passed over while another is healthy. Who asks one job is answered by that one. */
#include "backend/job/job_ask.h"
#include "backend/model/model_private.h"

static bool is_open(const struct model *m, const struct job *j)
{
    return model_lets_in(m, j) && job_has_slot(j) && !model_closes(m, j);
}

static bool lost_it(const struct job *j, const struct exchange *x)
{
    for (int i = 0; i < EXCHANGE_LOST_BY; i++)
        if (x->lost_by[i] == j->number)
            return true;
    return false;
}

static bool another_is_healthy(const struct model *m, const struct exchange *x)
{
    list_for_each(j, &m->house->jobs, struct job, link)
    {
        if (model_lets_in(m, j) && j->state == JOB_HEALTHY && !lost_it(j, x))
            return true;
    }
    return false;
}

/* x is none of a model's where a test asks. */
static bool has_loaded(const struct model *m, const struct job *j, const struct exchange *x)
{
    return loaded_has(j, x->model ? x->model->cfg : m->cfg);
}

static bool is_better(const struct model *m, const struct job *j, const struct job *best,
                      const struct exchange *x)
{
    if (!best || has_loaded(m, j, x) != has_loaded(m, best, x))
        return !best || has_loaded(m, j, x);
    return j->n_active < best->n_active;
}

static struct job *least_active(const struct model *m, const struct exchange *x)
{
    struct job *best = NULL;
    bool choosy = x->losses > 0 && another_is_healthy(m, x);

    list_for_each(j, &m->house->jobs, struct job, link)
    {
        if (!is_open(m, j) || (choosy && lost_it(j, x)) || (x->only && x->only != j->number))
            continue;
        if (is_better(m, j, best, x))
            best = j;
    }
    return best;
}

/* ---- Beginnings */

static struct prefix_seen *seen(struct model *m, uint64_t prefix)
{
    for (size_t i = 0; prefix && i < PREFIXES_KEPT; i++)
        if (m->prefixes[i].prefix == prefix)
            return &m->prefixes[i];
    return NULL;
}

/* The one that had it last, if it may take it and is busier than `best` by no more than half of its slots. */
static struct job *favourite(struct model *m, const struct exchange *x, const struct job *best)
{
    for (int i = 0; i < EXCHANGE_PREFIXES; i++) {
        const struct prefix_seen *s = seen(m, x->prefixes[i]);
        if (!s)
            continue;
        list_for_each(j, &m->house->jobs, struct job, link)
        {
            if (j->number == s->job && is_open(m, j) && !lost_it(j, x) &&
                has_loaded(m, j, x) == has_loaded(m, best, x) &&
                j->n_active - best->n_active <= m->cfg->slots / 2)
                return j;
        }
    }
    return NULL;
}

static void remember(struct model *m, const struct exchange *x, const struct job *j)
{
    for (int i = 0; i < EXCHANGE_PREFIXES; i++) {
        struct prefix_seen *s = seen(m, x->prefixes[i]);
        if (!s && x->prefixes[i])
            s = &m->prefixes[m->next_prefix++ % PREFIXES_KEPT];
        if (s)
            *s = (struct prefix_seen){ .prefix = x->prefixes[i], .job = j->number };
    }
}

struct job *model_pick(struct model *m, const struct exchange *x)
{
    struct job *j = least_active(m, x), *better = j && !x->only ? favourite(m, x, j) : NULL;

    if (better)
        j = better;
    if (j)
        remember(m, x, j);
    return j;
}

/* ---- Slots */

bool model_has_slot(const struct model *m)
{
    return model_free_slots(m) > 0;
}

int model_free_slots(const struct model *m)
{
    int n = 0;

    list_for_each(j, &m->house->jobs, struct job, link)
    {
        if (is_open(m, j))
            n += m->cfg->slots - j->n_active + j->n_piped;
    }
    return n;
}

int model_slots(const struct model *m)
{
    int n = 0;

    list_for_each(j, &m->house->jobs, struct job, link)
    {
        if (model_lets_in(m, j) && j->state == JOB_HEALTHY)
            n += m->cfg->slots;
    }
    return n;
}
