/* SPDX-License-Identifier: MIT */
/* The files that a job keeps in its working directory on the cluster: `state`, where its script says where
 * the engine listens; `stdout` and `stderr`, which are followed; and `lease`, whose changes tell the script
 * that a daemon still wants it. All go through the one channel of the cluster (remote_files.h). */
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/base/random.h"
#include "backend/job/job_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How often the files are looked at. A question that waits for an engine is worth four looks a second over
 * one channel; logs of a working engine are for people; an idle one says nothing. */
#define PACE_WANTED_MS   250
#define PACE_STARTING_MS 1000
#define PACE_WORKING_MS  2000
#define PACE_IDLE_MS     30000

#define STATE_MAX 16384        /* bytes of `state` that are read: it has a handful of lines */
#define LOG_CHUNK (128 * 1024) /* bytes of a log at a time */
/* The last look at an ended job's files waits so long for a piece: what it brings says why the job failed, and the
 * channel may be busy with many that ended at once. */
#define LAST_MS       10000
#define LAST_HASTY_MS 2000 /* where the mount ends, or there is no way to the files */
#define LEASE_MAX_S   60   /* renewed at least so often */

static bool has_files(const struct job *j)
{
    return j->cluster->sched->ops->runs_script;
}

static char *path_of(const struct job *j, const char *name)
{
    return xasprintf("%s/%s", j->workdir, name);
}

/* ---- `state` */

static void last_done(struct job *j);

static void take_notice(struct job *j, const struct job_notice *n)
{
    struct job_inner *in = inner(j);

    switch (n->kind) {
    case NOTICE_LISTENING:
        if (j->state == JOB_RUNNING ||
            (j->state == JOB_FOUND && (j->port != n->port || strcmp(j->host, n->host) != 0)))
            job_address(j, n->host, n->port, n->addr);
        break;
    case NOTICE_EXIT:
        j->exit_status = n->status;
        if (!in->complaint)
            in->complaint = xasprintf("the engine ended with exit status %d", n->status);
        break;
    case NOTICE_LEASE:
        in->lost = true;
        free(in->complaint);
        in->complaint = xasprintf("the job ended itself: it saw no sign of life from here for its lease%s%s",
                                  in->lease_trouble ? "; " : "", in->lease_trouble ? in->lease_trouble : "");
        break;
    case NOTICE_ERROR:
        job_replace(&in->complaint, n->text);
        break;
    case NOTICE_PROGRESS: /* of several in the file the last one counts: read_state() tells */
        in->progress.value = n->value;
        snprintf(in->progress.text, sizeof in->progress.text, "%s", n->text);
        break;
    case NOTICE_EXPOSED: /* once open to the cluster, always */
        if (strcmp(in->exposed, "cluster") != 0)
            in->exposed = n->text[0] == 'c' ? "cluster" : "node";
        break;
    case NOTICE_JOB:
    case NOTICE_SIGNAL:
        break;
    }
}

/* A run began. If we followed another one, that was requeued between two queries. */
static bool begin_run(struct job *j, const char *line)
{
    struct job_inner *in = inner(j);

    if (in->stale_run && strcmp(in->stale_run, line) == 0)
        return false; /* the new run has not begun to write */
    if (in->run_line && strcmp(in->run_line, line) != 0) {
        job_requeued(j);
        job_handle(j, JOB_EV_RUNS, NULL);
    }
    job_replace(&in->run_line, line);
    return true;
}

/* The whole file is read each time, because a requeued job writes it anew: its first line tells the runs
 * apart. */
static void read_state(struct job *j, const char *text, size_t len)
{
    char *copy = xstrndup(text, len), *save = NULL;
    bool exited = false, taken = false;

    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        struct job_notice n;
        if (job_notice_parse(line, &n) < 0)
            continue;
        if (n.kind == NOTICE_JOB && !begin_run(j, line))
            break;
        /* An engine that ends since its job is being ended has done nothing wrong: why, the scheduler knows. */
        taken |= n.kind == NOTICE_SIGNAL;
        if (taken && n.kind == NOTICE_EXIT)
            continue;
        take_notice(j, &n);
        exited |= n.kind == NOTICE_EXIT;
    }
    free(copy);
    job_tell(j);
    if (exited && job_has_run(j)) {
        job_set_error(j, -EIO, "%s", inner(j)->complaint);
        job_handle(j, JOB_EV_SICK, j->error);
    }
}

static void state_cb(void *arg, int rc, uint64_t size, const char *data, size_t len)
{
    struct job *j = arg;
    struct job_inner *in = inner(j);

    in->state.asked = false;
    (void)size;
    /* Only whole lines count, and only when they changed since the last look. */
    while (len > 0 && data[len - 1] != '\n')
        len--;
    if (rc == 0 && len > 0 && (len != in->state_text.len || memcmp(data, in->state_text.data, len) != 0)) {
        buf_reset(&in->state_text);
        buf_add(&in->state_text, data, len);
        read_state(j, data, len);
    }
    watch_pace(j);
    last_done(j);
}

/* ---- The logs */

static void look_at_log(struct job *j, struct follow *f);

/* An engine that has not begun to answer tells in its log what it does. */
static void look_for_progress(struct job *j, struct follow *f, const char *data, size_t len)
{
    if ((j->state == JOB_RUNNING || j->state == JOB_FOUND) &&
        progress_feed(j->engine->name, &f->line, data, len, &inner(j)->progress))
        job_tell(j);
}

/* What would be let go before anybody could read it is not fetched. */
static void skip(struct follow *f, struct growing *g, uint64_t size)
{
    uint64_t to = size - LOG_KEEP / 2;
    char *note = xasprintf("\n[... %" PRIu64 " bytes skipped ...]\n", to - f->off);

    growing_add(g, note, strlen(note));
    free(note);
    f->off = to;
}

static uint64_t last_ms(const struct job *j)
{
    return j->cluster->house->stopping || !job_can_be_reached(j) ? LAST_HASTY_MS : LAST_MS;
}

static void log_came(struct job *j, struct follow *f, struct growing *g, int rc, uint64_t size,
                     const char *data, size_t len)
{
    f->asked = false;
    if (rc == 0 && size < f->off) {
        f->off = 0; /* the job began anew */
        f->line.len = 0;
    } else if (rc == 0) {
        growing_add(g, data, len);
        look_for_progress(j, f, data, len);
        f->off += len;
        f->behind = f->off < size; /* it may have grown since its size was taken */
        if (f->behind && size - f->off > LOG_KEEP)
            skip(f, g, size);
        /* One piece a tick, so that the logs of one job leave room for the others in the channel; the last look
         * is the only one that is left. */
        if (len > 0 && f->behind && timer_active(inner(j)->last)) {
            look_at_log(j, f);
            /* skip() bounds how many pieces there can be; a mount that ends has no time for them. */
            if (!j->cluster->house->stopping)
                timer_start_ms(inner(j)->last, last_ms(j));
        }
    }
    last_done(j);
}

static void out_cb(void *arg, int rc, uint64_t size, const char *data, size_t len)
{
    struct job *j = arg;

    log_came(j, &inner(j)->out, j->out, rc, size, data, len);
}

static void err_cb(void *arg, int rc, uint64_t size, const char *data, size_t len)
{
    struct job *j = arg;

    log_came(j, &inner(j)->err, j->err, rc, size, data, len);
}

static void ask(struct job *j, const char *name, struct follow *f, uint64_t off, size_t max, remote_read_f cb)
{
    char *path;

    if (f->asked)
        return;
    f->asked = true;
    path = path_of(j, name);
    remote_files_read(j->cluster->files, path, off, max, cb, j);
    free(path);
}

static void look_at_log(struct job *j, struct follow *f)
{
    bool is_out = f == &inner(j)->out;

    ask(j, is_out ? "stdout" : "stderr", f, f->off, LOG_CHUNK, is_out ? out_cb : err_cb);
}

static void look(struct job *j)
{
    struct job_inner *in = inner(j);

    ask(j, "state", &in->state, 0, STATE_MAX, state_cb);
    look_at_log(j, &in->out);
    look_at_log(j, &in->err);
}

/* ---- How often */

static bool runs(const struct job *j)
{
    return j->state == JOB_RUNNING || j->state == JOB_FOUND || j->state == JOB_HEALTHY;
}

static uint64_t pace(const struct job *j)
{
    bool wanted = j->model && model_is_wanted(j->model);

    if (j->state == JOB_HEALTHY)
        return wanted || inner(j)->out.behind || inner(j)->err.behind ? PACE_WORKING_MS : PACE_IDLE_MS;
    return wanted ? PACE_WANTED_MS : PACE_STARTING_MS;
}

void watch_pace(struct job *j)
{
    struct job_inner *in = inner(j);
    uint64_t due = mono_ms() + pace(j);

    if (!has_files(j) || !runs(j))
        return;
    /* Only ever sooner: where it is thought of often, the next look must come all the same. */
    if (timer_active(in->tick) && in->tick_due <= due)
        return;
    in->tick_due = due;
    timer_start_ms(in->tick, pace(j));
}

static void tick_cb(void *arg)
{
    struct job *j = arg;

    if (!runs(j))
        return;
    look(j);
    watch_pace(j);
}

/* ---- The lease */

/* A way that is cut is told elsewhere; what is left is a file system that does not take it. */
static void renewed_cb(void *arg, int rc)
{
    struct job *j = arg;
    struct job_inner *in = inner(j);

    if (rc == -EIO && !in->lease_trouble) {
        in->lease_trouble =
            xasprintf("the lease file could not be written: %s/lease; is the home full?", j->workdir);
        if (!in->lease_told)
            log_warning("job %s: %s", j->name ? j->name : j->unique_name, in->lease_trouble);
        in->lease_told = true;
        job_tell(j);
    } else if (rc == 0 && in->lease_trouble) {
        free(in->lease_trouble);
        in->lease_trouble = NULL;
        job_tell(j);
    }
}

/* Another content than before. more: "" or further words for the script. */
static void write_lease(struct job *j, const char *more, remote_write_f cb)
{
    char noise[9], *text, *path = path_of(j, "lease");

    random_hex(noise, sizeof noise - 1);
    text = xasprintf("%u %s%s\n", ++inner(j)->lease_count, noise, more);
    remote_files_write(j->cluster->files, path, text, strlen(text), cb, j);
    free(text);
    free(path);
}

/* Where jobs know no lease of their own, one may all the same have that of a daemon that left it. */
static void renew_cb(void *arg)
{
    struct job *j = arg;
    int64_t every = j->config->job.lease_s / 4;

    if (!runs(j) || inner(j)->leaving)
        return;
    write_lease(j, "", renewed_cb);
    if (j->config->job.lease_s > 0)
        timer_start_ms(inner(j)->lease, (uint64_t)(every < 1             ? 1
                                                   : every > LEASE_MAX_S ? LEASE_MAX_S
                                                                         : every) *
                                            1000);
}

void watch_lease(struct job *j)
{
    if (has_files(j))
        write_lease(j, "", NULL);
}

static void left(struct job *j)
{
    if (--inner(j)->to_leave > 0)
        return;
    inner(j)->left = true;
    house_job_ended(j->cluster->house);
}

static void sign_left_cb(void *arg, int rc, const char *err)
{
    struct job *j = arg;

    inner(j)->calls--;
    if (rc < 0)
        log_warning("job %s could not be told that it is left: %s; its lease ends it", j->name, err);
    left(j);
}

/* The ways by which its node may hear that it is left. */
static void sign_left(struct job *j)
{
    const char *id = j->id;

    inner(j)->to_leave++;
    inner(j)->calls++;
    j->cluster->sched->ops->sign(j->cluster->sched, &id, 1, "USR2", sign_left_cb, j);
}

static void left_cb(void *arg, int rc)
{
    struct job *j = arg;

    if (rc < 0)
        log_warning("job %s could not be told that it is left: its lease ends it",
                    j->name ? j->name : j->unique_name);
    left(j);
}

void watch_leave(struct job *j)
{
    char more[40];

    inner(j)->leaving = true;
    inner(j)->to_leave = 1;
    if (job_by_signal(j))
        sign_left(j);
    timer_stop(inner(j)->lease);
    snprintf(more, sizeof more, " lease=%lld", (long long)j->config->job.idle_timeout_s);
    if (has_files(j))
        write_lease(j, more, left_cb);
    else
        left(j);
}

/* ---- The last look */

/* An answer came: was it the last one that the last look waits for? */
static void last_done(struct job *j)
{
    struct job_inner *in = inner(j);

    if (!timer_active(in->last) || in->state.asked || in->out.asked || in->err.asked)
        return;
    timer_stop(in->last);
    job_over(j);
}

static void last_cb(void *arg)
{
    job_over(arg);
}

void watch_last(struct job *j)
{
    struct job_inner *in = inner(j);

    watch_stop(j);
    if (j->over || timer_active(in->last))
        return;
    /* A short run may have begun and ended between two queries. */
    if (!has_files(j) || !j->id || (in->cancelled && !j->started.tv_sec)) {
        timer_start_ms(in->last, 0);
        return;
    }
    timer_start_ms(in->last, last_ms(j));
    in->out.asked = in->err.asked = in->state.asked = false;
    remote_files_forget(j->cluster->files, j);
    look(j);
}

/* ---- Beginning and end */

void watch_create(struct job *j)
{
    struct job_inner *in = inner(j);
    uv_loop_t *loop = j->cluster->house->loop;

    in->tick = timer_create_on(loop, tick_cb, j);
    in->lease = timer_create_on(loop, renew_cb, j);
    in->last = timer_create_on(loop, last_cb, j);
}

void watch_start(struct job *j)
{
    if (!has_files(j))
        return;
    renew_cb(j);
    watch_pace(j);
}

void watch_stop(struct job *j)
{
    timer_stop(inner(j)->tick);
    timer_stop(inner(j)->lease);
}

void watch_requeued(struct job *j)
{
    struct job_inner *in = inner(j);

    free(in->stale_run);
    in->stale_run = in->run_line;
    in->run_line = NULL;
    in->progress = (struct progress){ .value = -1 };
    in->exposed = "";
    buf_reset(&in->state_text);
}

void watch_destroy(struct job *j)
{
    struct job_inner *in = inner(j);

    if (j->cluster->files)
        remote_files_forget(j->cluster->files, j);
    timer_destroy(in->tick);
    timer_destroy(in->lease);
    timer_destroy(in->last);
    free(in->run_line);
    free(in->stale_run);
    free(in->complaint);
    free(in->lease_trouble);
    buf_free(&in->state_text);
}
