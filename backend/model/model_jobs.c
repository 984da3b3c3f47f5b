/* SPDX-License-Identifier: MIT */
/* The set of a model's jobs. As many as its target says are begun and kept; one that was lost is replaced, the
 * oftener in a row the later; one too many, or one whose successor is there, gets no more questions, and is
 * cancelled when those that it has are answered. Where the scheduler can, the jobs are kept on different nodes. */
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/cluster/cluster.h"
#include "backend/model/model_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The first job that was lost is replaced at once; after that each takes twice as long, up to what a person who
 * mends a cluster will wait for. */
#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MAX_MS   (5 * 60 * 1000)
#define STEADY_MS        60000 /* a job that was healthy for so long did not fail at its start */

/* A node is known once a job runs: where there is room, within seconds. On a busy cluster, places in the queue
 * count for more than different nodes. */
#define NODE_WAIT_MS 5000
/* One that waits for so long for a node of its own is begun again without that wish: it may wait for ever. */
#define APART_MAX_MS (10 * 60 * 1000)

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ---- Which there are */

bool model_keeps(const struct model *m, const struct job *j)
{
    return j->model == m && !j->let_go && !j->over;
}

bool model_lets_in(const struct model *m, const struct job *j)
{
    return model_keeps(m->pool, j) && !j->retiring;
}

static bool is_fresh(const struct model *m, const struct job *j)
{
    return model_lets_in(m, j) && !j->ageing;
}

int model_count_fresh(const struct model *m)
{
    int n = 0;

    list_for_each(j, &m->house->jobs, struct job, link) n += is_fresh(m, j);
    return n;
}

bool model_holds_any(const struct model *m)
{
    list_for_each(j, &m->house->jobs, struct job, link) if (j->model == m && !j->over) return true;
    return false;
}

/* How far it is on its way to questions; 0 = it is none any more. */
static int rank(const struct job *j)
{
    static const int ranks[] = {
        [JOB_SUBMITTING] = 1, [JOB_PENDING] = 1, [JOB_RUNNING] = 2, [JOB_FOUND] = 2,
        [JOB_HEALTHY] = 3,    [JOB_ENDING] = 0,  [JOB_ENDED] = 0,
    };

    return ranks[j->state];
}

struct job *model_best(const struct model *m)
{
    struct job *best = NULL;

    list_for_each(j, &m->house->jobs, struct job, link)
    {
        if (model_lets_in(m, j) && rank(j) > (best ? rank(best) : 0))
            best = j;
    }
    return best;
}

struct job *model_job(const struct model *m)
{
    struct job *kept = NULL, *held = NULL;

    m = m->pool;
    if (m->state == MODEL_ASLEEP || m->state == MODEL_FAILED)
        return NULL;
    list_for_each(j, &m->house->jobs, struct job, link)
    {
        if (model_lets_in(m, j) && j->state == JOB_HEALTHY)
            return j;
        if (!kept && model_keeps(m, j))
            kept = j;
        if (!held && j->model == m && !j->over)
            held = j;
    }
    return kept ? kept : held;
}

/* ---- Beginning */

/* Those that are near their end may share their node with their successor. */
static char *nodes_of_others(const struct model *m, const struct job *me)
{
    struct buf nodes = { 0 };

    list_for_each(j, &m->house->jobs, struct job, link)
    {
        if (j != me && is_fresh(m, j) && j->nodes[0])
            buf_addf(&nodes, "%s%s", nodes.len ? "," : "", j->nodes);
    }
    char *text = xstrdup(buf_str(&nodes));
    buf_free(&nodes);
    return text;
}

static bool keeps_apart(const struct model *m)
{
    return house_cluster(m->house, m->cfg->cluster->name)->sched->ops->many_nodes && !m->same_node;
}

static void begin(struct model *m)
{
    struct job *j = job_create(house_cluster(m->house, m->cfg->cluster->name), m);

    m->wakes++;
    j->time_s = m->time_s;
    if (!keeps_apart(m))
        return;
    free(j->exclude);
    j->exclude = nodes_of_others(m, j);
}

/* Milliseconds until one more may be begun. */
static uint64_t wait_ms(const struct model *m)
{
    uint64_t now = mono_ms(), from = m->may_begin_ms;

    list_for_each(j, &m->house->jobs, struct job, link)
    {
        uint64_t known = j->queued_ms + NODE_WAIT_MS;
        if (keeps_apart(m) && is_fresh(m, j) && rank(j) == 1 && !j->nodes[0] && known > from)
            from = known;
    }
    return from > now ? from - now : 0;
}

static bool is_awake(const struct model *m)
{
    return m->state == MODEL_QUEUED || m->state == MODEL_STARTING || m->state == MODEL_READY;
}

uint64_t model_fill(struct model *m)
{
    uint64_t ms;

    if (m->house->stopping)
        return NEVER_MS;
    if (m->state == MODEL_ASLEEP || m->state == MODEL_FAILED) {
        if (model_floor(m) == 0)
            return NEVER_MS;
        if ((ms = wait_ms(m)) > 0)
            return ms;
        model_wake_target(m);
        model_handle(m, MODEL_WANTED, "min of its configuration");
        return NEVER_MS;
    }
    while (is_awake(m) && model_count_fresh(m) < m->target) {
        if ((ms = wait_ms(m)) > 0)
            return ms;
        begin(m);
    }
    return NEVER_MS;
}

void model_adopt(struct model *m, struct job *j)
{
    m = m->pool;
    j->model = m;
    if (!is_awake(m))
        m->target = model_floor(m);
    if (model_count_fresh(m) > m->target && m->target < model_most(m))
        m->target = model_count_fresh(m) < model_most(m) ? model_count_fresh(m) : model_most(m);
    model_handle(m, MODEL_ADOPTED, "a job of an earlier mount was taken up");
    model_job_news(m, j);
}

/* ---- Ending */

void model_let_go(struct model *m, struct job *j, const char *why)
{
    j->let_go = true;
    if (job_live(j))
        job_cancel(j, why);
    model_mind(m);
}

void model_let_all_go(struct model *m, const char *why)
{
    list_for_each(j, &m->house->jobs, struct job, link) if (model_keeps(m, j)) model_let_go(m, j, why);
}

void model_job_ended(struct model *m, struct job *j)
{
    uint64_t ms = BACKOFF_FIRST_MS, now = mono_ms();

    j->counted = true;
    m->short_lives = j->healthy_ms && now - j->healthy_ms >= STEADY_MS ? 1 : m->short_lives + 1;
    for (int i = 2; i < m->short_lives && ms < BACKOFF_MAX_MS; i++)
        ms *= 2;
    m->may_begin_ms = m->short_lives > 1 ? now + least(ms, BACKOFF_MAX_MS) : now;
}

static void retire(struct model *m, struct job *j, const char *why)
{
    j->retiring = true;
    house_event(m->house, "job", m->cfg->name, j->name, m->cfg->cluster->name, job_state_name(j->state),
                "draining", why);
}

/* The one that is missed least: not healthy, then the least active, then the youngest. */
static struct job *least_missed(const struct model *m)
{
    struct job *found = NULL;

    list_for_each(j, &m->house->jobs, struct job, link)
    {
        if (!is_fresh(m, j))
            continue;
        if (!found || rank(j) < rank(found) || (rank(j) == rank(found) && j->n_active <= found->n_active))
            found = j;
    }
    return found;
}

static struct job *nearest_its_end(const struct model *m)
{
    struct job *found = NULL;

    list_for_each(j, &m->house->jobs, struct job, link)
    {
        if (model_lets_in(m, j) && j->ageing && (!found || j->ends_ms < found->ends_ms))
            found = j;
    }
    return found;
}

/* How many more than its target could take questions. */
static int spare(const struct model *m)
{
    int n = -m->target;

    list_for_each(j, &m->house->jobs, struct job, link)
    {
        n += model_lets_in(m, j) && (j->ageing || j->state == JOB_HEALTHY);
    }
    return n;
}

static void trim(struct model *m)
{
    struct job *j;

    while (model_count_fresh(m) > m->target && (j = least_missed(m)))
        retire(m, j, "one job fewer is enough");
    while (spare(m) > 0 && (j = nearest_its_end(m)))
        retire(m, j, "another job has taken its place before its time limit");
}

static void end_retired(struct model *m)
{
    list_for_each(j, &m->house->jobs, struct job, link)
    {
        if (model_keeps(m, j) && j->retiring && j->n_active == 0)
            model_let_go(m, j, "it is needed no more");
    }
}

/* ---- Deadlines */

/* mono_ms() of its next one; NEVER_MS = it has none. A start that gets on, as a long pull does, is not late. */
static uint64_t deadline(const struct model *m, const struct job *j)
{
    int64_t s = rank(j) == 1 ? m->cfg->job.start_timeout_s : rank(j) == 2 ? m->cfg->job.ready_timeout_s : 0;
    uint64_t from = rank(j) == 1                     ? j->queued_ms
                    : j->progress_ms > j->running_ms ? j->progress_ms
                                                     : j->running_ms;

    return s > 0 ? from + (uint64_t)s * 1000 : NEVER_MS;
}

static void say_late(const struct model *m, struct job *j, struct err *e)
{
    if (rank(j) == 1)
        err_set(e, 0, "the job did not start within start_timeout (%lld s)%s%s",
                (long long)m->cfg->job.start_timeout_s, j->reason[0] ? "; the scheduler's reason: " : "",
                j->reason);
    else
        err_set(e, 0, "the engine was not healthy within ready_timeout (%lld s)%s",
                (long long)m->cfg->job.ready_timeout_s,
                j->progress_ms ? " of the last progress that it told" : "");
    job_blame(j, -ETIMEDOUT, e->text);
    if (rank(j) == 1)
        return;
    struct buf whole = { 0 };
    buf_adds(&whole, e->text);
    job_last_words(j, &whole);
    err_set(e, 0, "%s", buf_str(&whole));
    buf_free(&whole);
}

static void late(struct model *m, struct job *j)
{
    struct err e = { 0 };

    say_late(m, j, &e);
    model_set_error(m, -ETIMEDOUT, e.text);
    model_job_ended(m, j);
    model_let_go(m, j, e.text);
    if (!model_best(m))
        model_handle(m, MODEL_DEADLINE, e.text);
}

static uint64_t mind_deadlines(struct model *m)
{
    uint64_t next = NEVER_MS, now = mono_ms();

    list_for_each(j, &m->house->jobs, struct job, link)
    {
        if (!model_keeps(m, j))
            continue;
        uint64_t at = deadline(m, j);
        if (at <= now)
            late(m, j);
        else if (at != NEVER_MS)
            next = least(next, at - now);
    }
    return next;
}

/* ---- Different nodes */

/* Slurm's words for a job that no node may run. Source: job_reason_string() of Slurm 22.05. */
static bool names_nodes(const char *reason)
{
    return strstr(reason, "ReqNodeNotAvail") || strstr(reason, "BadConstraints") ||
           strstr(reason, "odes_required") || strstr(reason, "odes required");
}

static uint64_t mind_nodes(struct model *m)
{
    uint64_t next = NEVER_MS, now = mono_ms();

    list_for_each(j, &m->house->jobs, struct job, link)
    {
        if (!model_keeps(m, j) || j->state != JOB_PENDING || !j->exclude[0])
            continue;
        if (names_nodes(j->reason) || now - j->queued_ms >= APART_MAX_MS) {
            m->same_node = true;
            model_let_go(m, j, "it cannot run on a node of its own; another comes without that wish");
        } else {
            next = least(next, j->queued_ms + APART_MAX_MS - now);
        }
    }
    return next;
}

void model_same_node(struct model *m)
{
    if (m)
        m->same_node = true;
}

/* ---- Thinking of it */

void model_mind(struct model *m)
{
    timer_start_ms(m->mind, 0);
}

void model_mind_cb(void *arg)
{
    struct model *m = arg;
    uint64_t ms;

    if (m->house->stopping) /* house.c ends the jobs, or leaves them */
        return;
    ms = mind_deadlines(m);
    ms = least(ms, mind_nodes(m));
    ms = least(ms, model_limits(m));
    ms = least(ms, model_scale(m));
    if (is_awake(m))
        trim(m);
    end_retired(m);
    model_fail_orphans(m);
    ms = least(ms, model_fill(m));
    if (ms != NEVER_MS && !timer_active(m->mind))
        timer_start_ms(m->mind, ms);
}
