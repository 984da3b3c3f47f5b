/* SPDX-License-Identifier: MIT */
/* A job beyond the life of one daemon: its record is kept on disk from before it is submitted until its end is
 * confirmed; the next daemon takes it up by that; and a daemon that ends in order may leave it, with its
 * idle_timeout as the lease. */
#include "backend/base/alloc.h"
#include "backend/job/job_private.h"
#include "backend/job/job_record.h"

#include <stdlib.h>
#include <string.h>

/* A submission whose daemon died may still be on its way: it waits up to half a minute for the link, and
 * sbatch is ended by timeout(1) 90 s after it began (slurm.c). Beyond that, whole queries that do not list it
 * say that it never arrived. */
#define LATE_S 150

int job_keep(struct job *j, struct err *e)
{
    struct job_record r = {
        .unique_name = j->unique_name,
        .model = j->config->name,
        .cluster = j->cluster->cfg->name,
        .workdir = j->workdir,
        .script = j->script,
        .id = j->id,
        .submitted = j->submitted.tv_sec ? j->submitted.tv_sec : wall_now().tv_sec,
        .ending = j->state == JOB_ENDING,
    };

    memcpy(r.secret, j->secret, sizeof r.secret);
    int rc = job_record_write(j->cluster->house->jobs_dir, &r, e);
    explicit_bzero(r.secret, sizeof r.secret);
    if (rc == 0)
        inner(j)->kept = true;
    return rc;
}

void job_unkeep(struct job *j)
{
    if (inner(j)->kept)
        job_record_remove(j->cluster->house->jobs_dir, j->unique_name);
    inner(j)->kept = false;
}

/* The wall clock is all that two daemons share; where it went back, our own time counts. */
bool job_may_still_come(const struct job *j)
{
    const struct job_inner *in = inner(j);
    time_t age = wall_now().tv_sec - j->submitted.tv_sec;

    return in->adopted && !j->id && j->cluster->sched->ops->remote_nodes && age < LATE_S &&
           mono_ms() - in->adopted_ms < LATE_S * 1000;
}

/* ---- Taking it up */

static enum job_state state_of(const struct job_record *r)
{
    if (r->ending)
        return JOB_ENDING;
    return r->id ? JOB_PENDING : JOB_SUBMITTING;
}

struct job *job_adopt(struct cluster *c, struct model *m, const struct job_record *r)
{
    struct job *j = job_new(c, m, xstrdup(r->unique_name), xstrdup(r->workdir));
    struct job_inner *in = inner(j);

    memcpy(j->secret, r->secret, sizeof j->secret);
    j->script = xstrdup(r->script);
    j->submitted.tv_sec = r->submitted;
    in->sent = in->adopted = in->unproven = true;
    in->adopted_ms = mono_ms();
    in->unsure = !r->id;
    if (r->id) {
        job_set_id(j, r->id);
        if (c->sched->ops->adopt)
            c->sched->ops->adopt(c->sched, r->id);
    }
    in->kept = true;
    j->state = state_of(r);
    house_event(c->house, "job", j->config->name, j->name, c->cfg->name, NULL, job_state_name(j->state),
                r->ending ? "a former daemon was ending it" : "taken up again");
    if (r->ending) {
        /* Its model is free to begin another. */
        j->model = NULL;
        in->cancelled = true;
        in->ending_since = in->adopted_ms;
        job_scancel(j);
    } else {
        watch_lease(j);
    }
    cluster_look(c);
    return j;
}

/* ---- Leaving it */

void job_leave(struct job *j)
{
    if (j->state == JOB_ENDING)
        return;
    if (inner(j)->sent)
        watch_leave(j);
    else
        job_cancel(j, "the mount ended");
}

bool job_is_left(const struct job *j)
{
    /* The reply to a submission is worth waiting for: it saves the next daemon the looking. */
    return inner(j)->left && !(j->state == JOB_SUBMITTING && inner(j)->calls > 0);
}
