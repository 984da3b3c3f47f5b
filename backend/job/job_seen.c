/* SPDX-License-Identifier: MIT */
/* What the scheduler says of a job, as the whole queries of its cluster show it. Only what is said counts: a
 * failed query is no news, and one that does not list the job may be a slip. */
#include "backend/base/alloc.h"
#include "backend/job/job_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MISSING_MAX                                                                                          \
    2 /* whole queries in a row that do not list it: it is gone. One may come from a controller that         \
         restarts */
#define RERUN_S      5 /* elapsed time that went back by more is another run: rounding does less */
#define START_SLIP_S 2 /* times that are computed from durations wander with each query .. */
#define ENDS_SLIP_S  5 /* .. and are not news within these */

void job_replace(char **s, const char *with)
{
    if (*s && strcmp(*s, with) == 0)
        return;
    free(*s);
    *s = xstrdup(with);
}

static bool slipped(time_t a, time_t b, long slip_s)
{
    return labs((long)(a - b)) > slip_s;
}

/* What is left is the same by every clock; ends_at only shows it, and follows a clock that was set. Returns
 * whether that is news. */
static bool take_limit(struct job *j, const struct job_info *info)
{
    bool limited = info->left_s >= 0;
    uint64_t ends_ms = limited ? awake_or_not_ms() + (uint64_t)info->left_s * 1000 : 0;
    time_t ends_at = limited ? wall_now().tv_sec + (time_t)info->left_s : 0;

    if (slipped((time_t)(j->ends_ms / 1000), (time_t)(ends_ms / 1000), ENDS_SLIP_S)) {
        j->ends_ms = ends_ms;
        j->all_s = limited && info->elapsed_s >= 0 ? info->elapsed_s + info->left_s : 0;
    }
    if (!slipped(j->ends_at, ends_at, ENDS_SLIP_S))
        return false;
    j->ends_at = ends_at;
    return true;
}

static void take_facts(struct job *j, const struct job_info *info)
{
    struct job_inner *in = inner(j);
    bool moved = slipped(j->expected_start, info->expected_start, START_SLIP_S),
         limited = take_limit(j, info);
    bool changed = moved || limited || j->sched != info->state || strcmp(j->word, info->word) ||
                   strcmp(j->reason, info->reason) || strcmp(j->nodes, info->nodes) ||
                   j->queue_position != info->queue_position;

    job_set_id(j, info->id);
    in->unsure = in->unproven = false;
    j->missing = 0;
    j->sched = info->state;
    job_replace(&j->word, info->word);
    job_replace(&j->reason, info->reason);
    job_replace(&j->nodes, info->nodes);
    job_replace(&in->comment, info->comment);
    if (moved)
        j->expected_start = info->expected_start;
    j->queue_position = info->queue_position;
    if (info->exit_status >= 0)
        j->exit_status = info->exit_status;
    if (changed)
        job_tell(j);
}

bool job_has_run(const struct job *j)
{
    return j->state == JOB_RUNNING || j->state == JOB_FOUND || j->state == JOB_HEALTHY;
}

/* The same id runs again, elsewhere perhaps: what the former run has published is of no use, however long
 * Slurm keeps it. */
void job_requeued(struct job *j)
{
    struct job_inner *in = inner(j);

    job_replace(&in->stale_comment, in->comment);
    if (j->port) {
        free(in->stale_address);
        in->stale_address = xasprintf("%s:%d", j->host, j->port);
    }
    in->elapsed_s = -1;
    watch_requeued(j);
    job_handle(j, JOB_EV_QUEUED, "requeued");
}

/* Seen running twice, but not the same run: the query between them was missed. */
static bool runs_anew(const struct job *j, const struct job_info *info)
{
    if (!job_has_run(j))
        return false;
    return (info->elapsed_s >= 0 && info->elapsed_s + RERUN_S < inner(j)->elapsed_s) ||
           (j->nodes[0] && info->nodes[0] && strcmp(j->nodes, info->nodes) != 0);
}

static bool is_stale(const struct job *j, const char *comment, const char *host, int port)
{
    struct job_inner *in = inner(j);
    char address[280];

    snprintf(address, sizeof address, "%s:%d", host, port);
    return (in->stale_comment && strcmp(in->stale_comment, comment) == 0) ||
           (in->stale_address && strcmp(in->stale_address, address) == 0);
}

/* A Comment that an earlier run left says nothing of this one, whose shell may not have set its trap yet. */
bool job_by_signal(const struct job *j)
{
    const struct job_inner *in = inner(j);

    return j->cluster->sched->ops->sign && j->id && job_has_run(j) && j->sched == SCHED_RUNNING &&
           comment_has(in->comment, "lease=signal") &&
           !(in->stale_comment && strcmp(in->stale_comment, in->comment) == 0);
}

static void seen_running(struct job *j, const struct job_info *info)
{
    char host[256], addr[64];
    int port;

    inner(j)->elapsed_s = info->elapsed_s;
    if (j->state == JOB_SUBMITTING || j->state == JOB_PENDING) {
        job_handle(j, JOB_EV_RUNS, NULL);
        if (inner(j)->adopted && info->elapsed_s >= 0)
            j->started.tv_sec -= info->elapsed_s;
    }
    /* Our own script publishes what its node has seen; a template may set a Comment before anybody listens there. */
    if (j->state == JOB_RUNNING && comment_parse(info->comment, host, &port, addr) == 0 &&
        (!*j->config->job.job_template || comment_is_verified(info->comment)) &&
        !is_stale(j, info->comment, host, port))
        job_address(j, host, port, addr);
}

static bool is_cancelled(const struct job_info *info)
{
    return strncmp(info->word, "CANCELLED", 9) == 0;
}

static int end_rc(const struct job_info *info)
{
    if (info->state == SCHED_LOST)
        return -ECONNRESET;
    return is_cancelled(info) ? -ECANCELED : -EIO;
}

static void seen_over(struct job *j, const struct job_info *info, bool was_unproven)
{
    const char *why = info->reason;

    /* Who cancels it through us is a person who wants it to end; behind our back, it is an administrator. One
     * that ended while no daemon looked says nothing of the next. */
    if (info->state == SCHED_LOST || (is_cancelled(info) && j->state != JOB_ENDING) || was_unproven)
        inner(j)->lost = true;
    if (info->state == SCHED_FAILED && strcmp(info->word, "TIMEOUT") == 0)
        job_set_error(j, -ETIMEDOUT, "job %s reached its time limit", j->name);
    else if (j->state != JOB_ENDING)
        job_set_error(j, end_rc(info), "job %s ended: %s%s%s%s", j->name, info->word, why[0] ? " (" : "", why,
                      why[0] ? ")" : "");
    job_handle(j, JOB_EV_OVER, info->word);
}

void job_seen(struct job *j, const struct job_info *info)
{
    bool had_id = j->id != NULL, was_unproven = inner(j)->unproven;
    bool waits = info->state == SCHED_PENDING || info->state == SCHED_CONFIGURING;

    if ((waits && job_has_run(j)) || (info->state == SCHED_RUNNING && runs_anew(j, info)))
        job_requeued(j);
    take_facts(j, info);
    switch (info->state) {
    case SCHED_PENDING:
    case SCHED_CONFIGURING:
        if (j->state == JOB_SUBMITTING)
            job_handle(j, JOB_EV_QUEUED, NULL);
        break;
    case SCHED_RUNNING:
        seen_running(j, info);
        break;
    case SCHED_ENDED:
    case SCHED_FAILED:
    case SCHED_LOST:
        seen_over(j, info, was_unproven);
        break;
    case SCHED_ENDING: /* how it ends is not known yet; whether it still answers is */
        job_suspect(j, "the scheduler ends it");
        break;
    case SCHED_SUSPENDED: /* no new questions until it runs again: job_has_slot() */
    case SCHED_UNKNOWN:
        break;
    }
    if (j->state == JOB_ENDING && !had_id)
        job_scancel(j);
}

void job_unseen(struct job *j)
{
    /* Without an id it is looked for by its name, but only where the reply that should have brought it was
     * lost. */
    if ((!j->id && !inner(j)->unsure) || ++j->missing < MISSING_MAX || job_may_still_come(j))
        return;
    if (j->state == JOB_SUBMITTING) {
        job_submit_again(j);
        return;
    }
    inner(j)->lost = true;
    if (j->state != JOB_ENDING)
        job_set_error(j, -ECONNRESET, "the scheduler does not know job %s any more", j->name);
    job_handle(j, JOB_EV_OVER, "gone");
}
