/* SPDX-License-Identifier: MIT */
/* What a job asks of its scheduler: to be begun, to have more time, and to be ended. The first
 * and the last may be lost on the way: a submission
 * is looked for by its unique name before it is made again, a cancellation is repeated until the job is seen
 * to be over. */
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/job/job_private.h"
#include "backend/remote/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CANCEL_MS      3000             /* first repetition of a scancel; doubled up to .. */
#define CANCEL_TWICE   4                /* .. so often */
#define GIVE_UP_MS     (30 * 60 * 1000) /* a controller that is away for longer: the job ends by its lease */
#define MAX_JOBS_MS    2000             /* look again whether one more may be submitted */
#define REFUSED_MS     2000             /* after the second refusal in a row; doubled up to .. */
#define REFUSED_TWICE  5                /* .. so often, .. */
#define REFUSED_MAX_MS 60000            /* .. and to this */
#define RESUBMIT_MAX   2                /* submissions that left no trace are repeated so often */

/* ---- Submitting */

/* Nothing was begun, and another attempt would end alike. All else may or may not have made a job. */
static bool is_final(const struct job *j, int rc)
{
    switch (rc) {
    case -ECONNREFUSED:
    case -ENOENT:
    case -EACCES:
    case -EINVAL:
    case -EKEYREJECTED:
        return true;
    case -EHOSTUNREACH: /* the scheduler waited for the way in as long as makes sense; one never reached has
                           run nothing */
        return transport_logins(j->cluster->transport) == 0;
    default:
        return false;
    }
}

/* What those who wait get: a scheduler that is missing or may not be used refuses too, and ENOENT would speak
 * of their model. */
static int refusal(int rc)
{
    return rc == -EHOSTUNREACH || rc == -EKEYREJECTED ? rc : -ECONNREFUSED;
}

/* No other node can take it, or it was refused for another reason: without the wish for a node of its own it is
 * seen which. */
static bool goes_anywhere(struct job *j, int rc, const char *why)
{
    if (rc != -ECONNREFUSED || !j->exclude[0] || j->state != JOB_SUBMITTING)
        return false;
    log_info("%s: refused off the nodes %s (%s); it is submitted without that wish", j->unique_name,
             j->exclude, why);
    job_replace(&j->exclude, "");
    job_submit(j);
    return true;
}

static void submitted_cb(void *arg, int rc, const char *id, const char *err)
{
    struct job *j = arg;

    inner(j)->calls--;
    if (goes_anywhere(j, rc, err))
        return;
    if (rc == 0) {
        if (inner(j)->apart && !j->exclude[0])
            model_same_node(j->model);
        job_set_id(j, id);
        inner(j)->unsure = false;
        j->missing = 0;
        if (j->state == JOB_ENDING)
            job_scancel(j);
        else
            job_handle(j, JOB_EV_QUEUED, NULL);
    } else if (is_final(j, rc)) {
        if (refusal(rc) == -ECONNREFUSED)
            inner(j)->refused_ms = mono_ms();
        if (j->state != JOB_ENDING)
            job_set_error(j, refusal(rc), "%s", err);
        job_handle(j, j->state == JOB_ENDING ? JOB_EV_OVER : JOB_EV_REFUSED, err);
    } else {
        log_warning("%s: the reply to its submission was lost (%s); it is looked for by its name",
                    j->unique_name, err);
        inner(j)->unsure = true;
        j->missing = 0;
        job_replace(&j->reason, err);
        cluster_look(j->cluster);
    }
}

static int priority(const struct job *j)
{
    return j->config ? j->config->priority : 0;
}

/* Those that the scheduler has, or is about to have, or that wait for that with a higher priority. */
static int jobs_before(const struct job *me)
{
    int n = 0;

    list_for_each(j, &me->cluster->house->jobs, struct job, link)
    {
        if (j == me || j->cluster != me->cluster || !job_live(j))
            continue;
        if (inner(j)->sent || (inner(j)->in_line && priority(j) > priority(me)))
            n++;
    }
    return n;
}

/* On this machine, or where the way to the engine is sshd on its own node. */
bool job_on_loopback(const struct job *j)
{
    return !j->cluster->sched->ops->remote_nodes || strcmp(j->cluster->cfg->tunnel, "node") == 0;
}

static int make_script(struct job *j, struct err *e)
{
    struct buf script = { 0 }, shown = { 0 };
    bool here = !j->cluster->sched->ops->remote_nodes;
    struct script_params p = {
        .engine = j->engine,
        .model = j->config,
        .job_name = j->unique_name,
        .workdir = j->workdir,
        .secret = j->secret,
        .service = j->config->name,
        .program = here ? j->cluster->house->program : "",
        .loopback = job_on_loopback(j),
    };
    int rc = engine_script(&p, &script, e);

    p.masked = true;
    if (rc < 0 || (rc = engine_script(&p, &shown, e)) < 0) {
        buf_free(&script);
        buf_free(&shown);
        return rc;
    }
    inner(j)->true_script = buf_take(&script);
    j->script = buf_take(&shown);
    return 0;
}

/* How long the scheduler is spared, in milliseconds: it has refused the last jobs of this model. Once refused, the
 * next question is tried at once, since a person may have mended the cause; a program that asks in a loop is
 * slowed down. */
static uint64_t to_spare(const struct job *me)
{
    uint64_t last = 0, wait, now = mono_ms();
    int refusals = 0;

    list_for_each(j, &me->cluster->house->jobs, struct job, link)
    {
        if (j == me || j->config != me->config || (!inner(j)->refused_ms && !j->id))
            continue;
        refusals = inner(j)->refused_ms ? refusals + 1 : 0;
        last = inner(j)->refused_ms;
    }
    if (refusals < 2)
        return 0;
    wait = (uint64_t)REFUSED_MS << (refusals - 2 < REFUSED_TWICE ? refusals - 2 : REFUSED_TWICE);
    wait = wait < REFUSED_MAX_MS ? wait : REFUSED_MAX_MS;
    return last + wait > now ? last + wait - now : 0;
}

/* The nodes that the script itself keeps off would be forgotten: what stands on the command line counts alone.
 * Source: sbatch(1) 22.05, --exclude. */
static void add_scripts_own(struct buf *out, const char *script)
{
    static const char *const forms[] = { "#SBATCH --exclude=", "#SBATCH --exclude ", "#SBATCH -x ",
                                         "#SBATCH -x" };

    for (const char *line = script; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
            if (strncmp(line, forms[i], strlen(forms[i])) != 0)
                continue;
            const char *list = line + strlen(forms[i]);
            buf_addf(out, ",%.*s", (int)strcspn(list, " \t\n"), list);
            break;
        }
    }
}

static char *excluded(const struct job *j)
{
    struct buf list = { 0 };

    buf_adds(&list, j->exclude);
    if (list.len > 0)
        add_scripts_own(&list, inner(j)->true_script);
    char *text = xstrdup(buf_str(&list));
    buf_free(&list);
    return text;
}

/* Of a gateway nothing is submitted: it is there, or it is not. */
static void begin_way(struct job *j)
{
    const struct url_parts *where = remote_where(j->cluster->remote);

    j->sched = SCHED_RUNNING;
    job_handle(j, JOB_EV_RUNS, NULL);
    job_address(j, where->host, where->port, "");
}

void job_submit(struct job *j)
{
    if (j->cluster->remote) {
        begin_way(j);
        return;
    }
    uint64_t spare = to_spare(j);
    struct job_inner *in = inner(j);
    struct err e = { 0 };
    int rc = 0;

    in->in_line = jobs_before(j) >= j->cluster->cfg->max_jobs;
    if (in->in_line) {
        job_replace(&j->reason, "max_jobs of its cluster are there already");
        timer_start_ms(in->retry, MAX_JOBS_MS);
        return;
    }
    if (spare > 0) {
        job_replace(&j->reason,
                    "the scheduler has refused the last jobs of this model: it is spared for a while");
        timer_start_ms(in->retry, spare);
        return;
    }
    job_replace(&j->reason, "");
    if (!in->true_script && (rc = make_script(j, &e)) < 0) {
        job_set_error(j, refusal(rc), "%s", e.text);
        job_handle(j, JOB_EV_REFUSED, e.text);
        return;
    }
    /* The intent is on disk before the scheduler hears of it: whoever comes after a crash knows what to look for. */
    if (!in->kept && (rc = job_keep(j, &e)) < 0) {
        job_set_error(j, rc, "%s", e.text);
        job_handle(j, JOB_EV_REFUSED, e.text);
        return;
    }
    watch_lease(j);
    house_event(j->cluster->house, "job", j->config->name, NULL, j->cluster->cfg->name, NULL, "submitting",
                in->tries ? "submitted once more: it left no trace" : "somebody asks for its model");
    char *exclude = excluded(j);
    struct job_spec spec = { .name = j->unique_name,
                             .script = in->true_script,
                             .secret = j->secret,
                             .exclude = exclude,
                             .time_s = j->time_s };
    in->apart |= j->exclude[0] != '\0';
    in->unsure = false;
    in->sent = true;
    in->calls++;
    j->missing = 0;
    j->cluster->sched->ops->submit(j->cluster->sched, &spec, submitted_cb, j);
    free(exclude);
}

/* Whole queries do not list a submission whose reply was lost: it never arrived. That of a former daemon is not
 * repeated: whoever waits for the model begins another job. */
void job_submit_again(struct job *j)
{
    if (inner(j)->adopted) {
        inner(j)->lost = true;
        job_set_error(j, -ECONNRESET, "the submission of a former daemon left no trace");
        job_handle(j, JOB_EV_OVER, j->error);
        return;
    }
    if (inner(j)->tries++ < RESUBMIT_MAX) {
        log_info("%s: no trace of it; it is submitted again", j->unique_name);
        job_submit(j);
    } else {
        job_set_error(j, -ECONNREFUSED, "the job could not be submitted: %s", j->reason);
        job_handle(j, JOB_EV_REFUSED, j->error);
    }
}

/* ---- More time */

static void extended_cb(void *arg, int rc, const char *err)
{
    struct job *j = arg;
    struct job_inner *in = inner(j);

    in->calls--;
    in->extending = false;
    if (rc == 0 && j->ends_ms) { /* as the next query will show, in a while */
        j->ends_at += in->extension_s;
        j->ends_ms += (uint64_t)in->extension_s * 1000;
        j->all_s += in->extension_s;
    }
    if (in->extended_cb)
        in->extended_cb(in->extended_arg, j, rc, err);
    cluster_look(j->cluster);
}

int job_extend(struct job *j, int64_t seconds, void (*cb)(void *arg, struct job *j, int rc, const char *err),
               void *arg, struct err *e)
{
    struct job_inner *in = inner(j);
    const struct scheduler *s = j->cluster->sched;

    if (!s->ops->extend)
        return err_set(e, -EINVAL, "jobs of kind \"%s\" have no time limit", s->ops->kind);
    if (!j->id || !job_has_run(j))
        return err_set(e, -EINVAL, "job %s does not run: it is %s", j->name ? j->name : j->unique_name,
                       job_state_name(j->state));
    if (in->extending)
        return err_set(e, -EINVAL, "more time for job %s is asked for already", j->name);
    in->calls++;
    in->extending = true;
    in->extension_s = seconds;
    in->extended_cb = cb;
    in->extended_arg = arg;
    s->ops->extend(j->cluster->sched, j->id, seconds, extended_cb, j);
    return 0;
}

/* ---- Ending */

static void cancelled_cb(void *arg, int rc, const char *err)
{
    struct job *j = arg;

    inner(j)->calls--;
    inner(j)->cancelling = false;
    if (rc == -ENOENT)
        job_handle(j, JOB_EV_OVER, "gone");
    else if (rc < 0)
        log_warning("job %s: it could not be cancelled: %s; it will be tried again", j->name, err);
    cluster_look(j->cluster);
}

/* Called again and again while ENDING. Without an id there is nothing to name to the scheduler yet: the reply
 * to the submission, or the next query, brings it or shows that there is no job. */
void job_scancel(struct job *j)
{
    struct job_inner *in = inner(j);
    const char *id = j->id;

    if (!in->sent) {
        job_handle(j, JOB_EV_OVER, "it was not submitted yet");
        return;
    }
    if (mono_ms() - in->ending_since > GIVE_UP_MS) {
        log_warning("%s: its end could not be confirmed; its lease ends it", j->unique_name);
        job_handle(j, JOB_EV_GIVE_UP, NULL);
        return;
    }
    timer_start_ms(in->retry, (uint64_t)CANCEL_MS << (in->tries < CANCEL_TWICE ? in->tries : CANCEL_TWICE));
    in->tries++;
    if (!id || in->cancelling)
        return;
    in->calls++;
    in->cancelling = true;
    j->cluster->sched->ops->cancel(j->cluster->sched, &id, 1, cancelled_cb, j);
}
