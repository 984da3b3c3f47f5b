/* SPDX-License-Identifier: MIT */
/* Kind "fake": no jobs at all, only timers, and failures on demand, so that the whole program runs in tests.
 * What happens is said by the words of the key `fake` of its cluster; each counts for every job, or with "@N"
 * behind it for the Nth submission only; of two that disagree the later counts. SECONDS may have a fraction;
 * "never" stands for no such time.
 *
 *   queue=SECONDS      PENDING for so long, after the submission and after a requeue (0)
 *   reason=TEXT        the reason while PENDING ("Priority")
 *   refuse=TEXT        the submission is refused with this text
 *   nodes=NAME,NAME    it runs on the first of these that is not to be avoided and has no other job, else on the
 *                      first that is not to be avoided; where there is none the submission is refused
 *   wait-for-node      and then it is not refused, but PENDING for ever with the reason BadConstraints
 *   refuse-extend=TEXT the time limit is not extended, with this text
 *   lose-reply         the job is submitted, and -ETIMEDOUT is reported
 *   lose-command       nothing is submitted, and -ETIMEDOUT is reported
 *   vanish=SECONDS     so long after the submission the job is no longer listed, queued or not
 *
 *   engine=parrot      a real `slullamafs parrot` with the job's secret as its key (the default)
 *   engine=HOST:PORT   that address is published instead
 *   engine=none        no address is ever published
 *   parrot=OPTIONS     more options for parrot, "parrot=--rate 10"; may be repeated
 *
 * Counted from the moment that the job is RUNNING, each time it is:
 *   start=SECONDS      the engine is started, or its given address published (0)
 *   fail=SECONDS       FAILED with status 1
 *   limit=SECONDS      TIMEOUT; left_s tells of it from the start
 *   preempt=SECONDS    PREEMPTED
 *   nodefail=SECONDS   NODE_FAIL
 *   requeue=SECONDS    once: the engine is killed and the job PENDING again under the same id; as under Slurm
 *                      its Comment keeps the former address until the next engine publishes its own
 *   suspend=SECONDS:FOR  SUSPENDED, and RUNNING again FOR seconds later
 *
 * Of queries, "@K" meaning the Kth query instead of the first:
 *   query-fails=N      the first N fail at once
 *   query-hangs=SECONDS  the first says nothing for so long, then fails with -ETIMEDOUT
 *   query-slow=SECONDS   all are answered so late, from the Kth on
 *
 * An engine that exits by itself ends the job, COMPLETED or FAILED. Engines end with the scheduler, and with
 * the daemon. */
#include "backend/scheduler/fake_engine.h"
#include "backend/scheduler/fake_words.h"
#include "backend/scheduler/kinds.h"
#include "backend/scheduler/replies.h"
#include "backend/base/alloc.h"
#include "backend/base/list.h"
#include "backend/base/timer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KILL_WAIT_MS 5000          /* as in kind local */
#define KEEP_MS      (3600 * 1000) /* an ended job is listed for so long */

struct fake {
    struct scheduler base;
    uv_loop_t *loop;
    const struct strings *words;
    char *program;
    struct replies *replies;
    struct list jobs; /* in the order of submission */
    unsigned submissions, queries;
    struct timer *query_timer; /* a query that hangs or is late */
    struct fake_query_plan query_plan;
    sched_query_f query_cb; /* of the query under way */
    void *query_arg;
};

struct fake_job;
struct fate_timer {
    struct fake_job *job;
    enum fate fate;
    struct timer *timer;
    uint64_t due_ms; /* while it is active */
};

struct fake_job {
    struct list link;
    struct fake *owner;
    char id[16];
    char *name, *secret, *comment;
    struct fake_plan plan;
    const char *word; /* its state */
    const char *reason;
    char *last_line; /* of an engine that failed: the reason then */
    char nodes[256]; /* "" before it first runs */
    char *node;      /* the one that it is given; NULL = it has no name */
    bool requeued, cancelled;
    struct fake_engine *engine; /* NULL while none runs */
    struct fate_timer fates[FATE_COUNT];
    struct timer *kill_timer;
    int exit_status;
    uint64_t started_ms, ended_ms; /* 0 = not yet */
};

/* ---- A job's steps */

static void arm(struct fake_job *j, enum fate f)
{
    struct fate_timer *t = &j->fates[f];

    if (j->plan.after_ms[f] == FATE_NEVER)
        return;
    t->due_ms = mono_ms() + (uint64_t)j->plan.after_ms[f];
    timer_start_ms(t->timer, (uint64_t)j->plan.after_ms[f]);
}

static void disarm_all(struct fake_job *j)
{
    for (int i = 0; i < FATE_COUNT; i++)
        timer_stop(j->fates[i].timer);
    timer_stop(j->kill_timer);
}

static void end_engine(struct fake_job *j)
{
    fake_engine_destroy(j->engine);
    j->engine = NULL;
}

static void end_job(struct fake_job *j, const char *word, const char *reason, int exit_status)
{
    disarm_all(j);
    end_engine(j);
    j->word = word;
    j->reason = reason;
    j->exit_status = exit_status;
    j->ended_ms = mono_ms();
}

static void job_free(struct fake_job *j)
{
    list_remove(&j->link);
    for (int i = 0; i < FATE_COUNT; i++)
        timer_destroy(j->fates[i].timer);
    timer_destroy(j->kill_timer);
    end_engine(j);
    fake_plan_free(&j->plan);
    free(j->name);
    free(j->secret);
    free(j->comment);
    free(j->last_line);
    free(j->node);
    free(j);
}

static void publish(struct fake_job *j, const char *address)
{
    free(j->comment);
    j->comment = xasprintf("traefik,fake,http://%s", address);
}

static void listening_cb(void *arg, const char *address)
{
    publish(arg, address);
}

static void exited_cb(void *arg, int status, const char *last_line)
{
    struct fake_job *j = arg;

    if (j->cancelled) {
        end_job(j, "CANCELLED", "None", status);
        return;
    }
    free(j->last_line);
    j->last_line = xstrdup(last_line);
    end_job(j, status == 0 ? "COMPLETED" : "FAILED", status == 0 ? "None" : j->last_line, status);
}

static void on_run(struct fake_job *j)
{
    const char *engine = j->plan.engine, *colon = strrchr(engine, ':');

    j->word = "RUNNING";
    j->reason = "None";
    j->started_ms = mono_ms();
    if (j->node)
        snprintf(j->nodes, sizeof(j->nodes), "%s", j->node);
    else
        snprintf(j->nodes, sizeof(j->nodes), "%.*s", colon ? (int)(colon - engine) : 9,
                 colon ? engine : "127.0.0.1");
    for (enum fate f = FATE_START; f < FATE_COUNT; f++)
        if (f != FATE_REQUEUE || !j->requeued)
            arm(j, f);
}

static void on_start(struct fake_job *j)
{
    struct fake_engine_params p = { .loop = j->owner->loop,
                                    .program = j->owner->program,
                                    .secret = j->secret,
                                    .args = j->plan.args,
                                    .n_args = j->plan.n_args,
                                    .listening_cb = listening_cb,
                                    .exited_cb = exited_cb,
                                    .arg = j };
    struct err e = { "" };

    if (strcmp(j->plan.engine, "none") == 0)
        return;
    if (strchr(j->plan.engine, ':')) {
        publish(j, j->plan.engine);
        return;
    }
    if (fake_engine_start(&j->engine, &p, &e) < 0) {
        free(j->last_line);
        j->last_line = xstrdup(e.text);
        end_job(j, "FAILED", j->last_line, 127);
    }
}

static void on_vanish(struct fake_job *j)
{
    job_free(j);
}

static void on_fail(struct fake_job *j)
{
    end_job(j, "FAILED", "NonZeroExitCode", 1);
}

static void on_preempt(struct fake_job *j)
{
    end_job(j, "PREEMPTED", "None", 0);
}

static void on_node_fail(struct fake_job *j)
{
    end_job(j, "NODE_FAIL", "NodeDown", 0);
}

static void on_limit(struct fake_job *j)
{
    end_job(j, "TIMEOUT", "TimeLimit", 0);
}

static void on_requeue(struct fake_job *j)
{
    for (enum fate f = FATE_START; f < FATE_COUNT; f++)
        timer_stop(j->fates[f].timer);
    end_engine(j);
    j->requeued = true;
    j->word = "PENDING";
    j->reason = "BeginTime";
    j->nodes[0] = '\0';
    j->started_ms = 0;
    arm(j, FATE_RUN);
}

static void on_suspend(struct fake_job *j)
{
    j->word = "SUSPENDED";
    timer_stop(j->fates[FATE_START].timer);
    if (j->engine)
        fake_engine_signal(j->engine, SIGSTOP);
}

static void on_resume(struct fake_job *j)
{
    j->word = "RUNNING";
    if (j->engine)
        fake_engine_signal(j->engine, SIGCONT);
    else
        arm(j, FATE_START);
}

static void fate_cb(void *arg)
{
    static void (*const happens[FATE_COUNT])(struct fake_job * j) = {
        [FATE_RUN] = on_run,         [FATE_VANISH] = on_vanish,   [FATE_START] = on_start,
        [FATE_FAIL] = on_fail,       [FATE_PREEMPT] = on_preempt, [FATE_NODE_FAIL] = on_node_fail,
        [FATE_REQUEUE] = on_requeue, [FATE_SUSPEND] = on_suspend, [FATE_RESUME] = on_resume,
        [FATE_LIMIT] = on_limit,
    };
    struct fate_timer *t = arg;

    happens[t->fate](t->job);
}

/* ---- The scheduler's calls */

static int fake_create(struct scheduler **out, const struct scheduler_params *p, struct err *e)
{
    struct fake_plan plan;
    struct fake_query_plan query_plan;
    int rc = fake_plan_make(&plan, &p->cluster->fake, 1, e);

    fake_plan_free(&plan);
    if (rc == 0)
        rc = fake_query_plan_make(&query_plan, &p->cluster->fake, 1, e);
    if (rc < 0)
        return rc;
    struct fake *f = NEW(struct fake);
    f->base.ops = &fake_scheduler;
    f->loop = p->loop;
    f->words = &p->cluster->fake;
    f->program = xstrdup(p->program);
    f->replies = replies_create(p->loop);
    list_init(&f->jobs);
    *out = &f->base;
    return 0;
}

static void fake_destroy(struct scheduler *s)
{
    struct fake *f = (struct fake *)s;

    list_for_each(j, &f->jobs, struct fake_job, link)
    {
        job_free(j);
    }
    timer_destroy(f->query_timer);
    replies_destroy(f->replies);
    free(f->program);
    free(f);
}

static bool has_job(const struct fake *f, const char *node)
{
    list_for_each(j, &f->jobs, struct fake_job, link)
    {
        if (j->ended_ms == 0 && j->node && strcmp(j->node, node) == 0)
            return true;
    }
    return false;
}

/* The node that a job gets; NULL = none can be had. */
static char *choose_node(const struct fake *f, const char *nodes, const char *exclude)
{
    char *copy = xstrdup(nodes), *save = NULL, *found = NULL;
    bool free_one = false;

    for (char *n = strtok_r(copy, ",", &save); n && !free_one; n = strtok_r(NULL, ",", &save)) {
        if (exclude && nodelist_contains(exclude, n))
            continue;
        free_one = !has_job(f, n);
        if (found && !free_one)
            continue;
        free(found);
        found = xstrdup(n);
    }
    free(copy);
    return found;
}

static struct fake_job *add_job(struct fake *f, const struct job_spec *spec, struct fake_plan plan)
{
    struct fake_job *j = NEW(struct fake_job);

    j->owner = f;
    j->plan = plan;
    snprintf(j->id, sizeof(j->id), "%u", f->submissions);
    j->name = xstrdup(spec->name);
    j->secret = xstrdup(spec->secret);
    j->comment = xstrdup("");
    j->word = "PENDING";
    j->reason = j->plan.reason;
    j->exit_status = -1;
    if (plan.nodes)
        j->node = choose_node(f, plan.nodes, spec->exclude);
    if (plan.nodes && !j->node) {
        j->reason = "BadConstraints";
        j->plan.after_ms[FATE_RUN] = FATE_NEVER;
    }
    for (int i = 0; i < FATE_COUNT; i++) {
        j->fates[i] = (struct fate_timer){ .job = j, .fate = (enum fate)i };
        j->fates[i].timer = timer_create_on(f->loop, fate_cb, &j->fates[i]);
    }
    list_append(&f->jobs, &j->link);
    arm(j, FATE_VANISH);
    arm(j, FATE_RUN);
    return j;
}

static void fake_submit(struct scheduler *s, const struct job_spec *spec, sched_submit_f cb, void *arg)
{
    struct fake *f = (struct fake *)s;
    struct fake_plan plan;
    int rc = fake_plan_make(&plan, f->words, ++f->submissions, NULL); /* the words were checked by create */
    char *node = rc == 0 && plan.nodes ? choose_node(f, plan.nodes, spec->exclude) : NULL;
    bool impossible = rc == 0 && plan.nodes && !node && !plan.wait_for_node;

    free(node);
    if (impossible) {
        reply_submit(f->replies, cb, arg, -ECONNREFUSED, "", "Requested node configuration is not available");
    } else if (rc == 0 && plan.refuse) {
        reply_submit(f->replies, cb, arg, -ECONNREFUSED, "", plan.refuse);
    } else if (rc == 0 && plan.lose_command) {
        reply_submit(f->replies, cb, arg, -ETIMEDOUT, "", "the reply was lost, and the command as well");
    } else {
        struct fake_job *j = add_job(f, spec, plan);
        if (j->plan.lose_reply)
            reply_submit(f->replies, cb, arg, -ETIMEDOUT, "", "the reply was lost");
        else
            reply_submit(f->replies, cb, arg, 0, j->id, "");
        return;
    }
    fake_plan_free(&plan);
}

/* What is over and has been for long is let go here, so that no timer is needed for it. */
static bool forgotten(struct fake_job *j)
{
    if (j->ended_ms == 0 || mono_ms() - j->ended_ms <= KEEP_MS)
        return false;
    job_free(j);
    return true;
}

static int64_t ms_until(uint64_t due_ms)
{
    int64_t ms = (int64_t)due_ms - (int64_t)mono_ms();

    return ms > 0 ? ms : 0;
}

static time_t wall_time_of(uint64_t due_ms)
{
    return wall_now().tv_sec + (time_t)(ms_until(due_ms) / 1000);
}

static struct job_info info_of(const struct fake_job *j, int *position)
{
    const struct fate_timer *run = &j->fates[FATE_RUN], *limit = &j->fates[FATE_LIMIT];
    uint64_t until = j->ended_ms ? j->ended_ms : mono_ms();

    return (struct job_info){
        .id = j->id,
        .name = j->name,
        .state = sched_state_parse(j->word),
        .word = j->word,
        .reason = strcmp(j->reason, "None") == 0 ? "" : j->reason,
        .nodes = j->nodes,
        .comment = j->comment,
        .expected_start = timer_active(run->timer) ? wall_time_of(run->due_ms) : 0,
        .left_s = timer_active(limit->timer) ? (ms_until(limit->due_ms) + 999) / 1000 : -1,
        .elapsed_s = j->started_ms ? (int64_t)((until - j->started_ms) / 1000) : 0,
        .queue_position = strcmp(j->word, "PENDING") == 0 ? ++*position : 0,
        .exit_status = j->exit_status,
    };
}

static void answer_query(void *arg)
{
    struct fake *f = arg;
    struct job_info *v = NULL;
    size_t n = 0;
    int position = 0;

    list_for_each(j, &f->jobs, struct fake_job, link)
    {
        if (forgotten(j))
            continue;
        v = xrealloc(v, (n + 1) * sizeof(*v));
        v[n++] = info_of(j, &position);
    }
    f->query_cb(f->query_arg, 0, v, n, "");
    free(v);
}

static void query_timer_cb(void *arg)
{
    struct fake *f = arg;

    if (f->query_plan.hang_ms > 0)
        f->query_cb(f->query_arg, -ETIMEDOUT, NULL, 0, "the scheduler did not answer");
    else
        answer_query(f);
}

static void fake_query(struct scheduler *s, sched_query_f cb, void *arg)
{
    struct fake *f = (struct fake *)s;
    struct fake_query_plan *plan = &f->query_plan;

    fake_query_plan_make(plan, f->words, ++f->queries, NULL);
    f->query_cb = cb;
    f->query_arg = arg;
    if (plan->fails) {
        reply_query(f->replies, cb, arg, -EIO, "the query failed, as it was told to");
    } else if (plan->hang_ms > 0 || plan->slow_ms > 0) {
        if (!f->query_timer)
            f->query_timer = timer_create_on(f->loop, query_timer_cb, f);
        timer_start_ms(f->query_timer, (uint64_t)(plan->hang_ms > 0 ? plan->hang_ms : plan->slow_ms));
    } else {
        reply_later(f->replies, answer_query, f);
    }
}

static void kill_cb(void *arg)
{
    end_job(arg, "CANCELLED", "None", 128 + SIGKILL);
}

static void cancel_job(struct fake_job *j)
{
    if (j->ended_ms != 0 || j->cancelled)
        return;
    j->cancelled = true;
    if (!j->engine) {
        end_job(j, "CANCELLED", "None", 0);
        return;
    }
    disarm_all(j);
    j->word = "COMPLETING";
    fake_engine_signal(j->engine, SIGTERM);
    fake_engine_signal(j->engine, SIGCONT);
    j->kill_timer = timer_create_on(j->owner->loop, kill_cb, j);
    timer_start_ms(j->kill_timer, KILL_WAIT_MS);
}

static void fake_cancel(struct scheduler *s, const char *const *ids, size_t n, sched_done_f cb, void *arg)
{
    struct fake *f = (struct fake *)s;
    size_t known = 0;

    for (size_t i = 0; i < n; i++) {
        list_for_each(j, &f->jobs, struct fake_job, link)
        {
            if (strcmp(j->id, ids[i]) == 0) {
                cancel_job(j);
                known++;
            }
        }
    }
    if (known == 0 && n > 0)
        reply_done(f->replies, cb, arg, -ENOENT, "Invalid job id specified");
    else
        reply_done(f->replies, cb, arg, 0, "");
}

static void fake_extend(struct scheduler *s, const char *id, int64_t seconds, sched_done_f cb, void *arg)
{
    struct fake *f = (struct fake *)s;

    list_for_each(j, &f->jobs, struct fake_job, link)
    {
        struct fate_timer *limit = &j->fates[FATE_LIMIT];
        if (strcmp(j->id, id) != 0 || !timer_active(limit->timer))
            continue;
        if (j->plan.refuse_extend) {
            reply_done(f->replies, cb, arg, -EACCES, j->plan.refuse_extend);
            return;
        }
        limit->due_ms += (uint64_t)seconds * 1000;
        timer_start_ms(limit->timer, limit->due_ms - mono_ms());
        reply_done(f->replies, cb, arg, 0, "");
        return;
    }
    reply_done(f->replies, cb, arg, -EINVAL, "the job has no time limit, or has ended");
}

const struct scheduler_ops fake_scheduler = {
    .kind = "fake",
    .create = fake_create,
    .destroy = fake_destroy,
    .submit = fake_submit,
    .query = fake_query,
    .cancel = fake_cancel,
    .extend = fake_extend,
    .many_nodes = true,
    .remote_nodes = false,
    .runs_script = false,
};
