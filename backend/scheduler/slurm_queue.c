/* SPDX-License-Identifier: MIT */
/* The queue of a Slurm cluster: our jobs by one squeue, the ids that it left out by a second question, and rarely
 * the places of those that wait. */
#include "backend/scheduler/slurm_inside.h"
#include "backend/base/timer.h"

#include <stdlib.h>
#include <string.h>

#define QUERY_MS 30000

/* Counting the pending jobs before ours reads the whole queue, so it is done rarely, and for a few
 * partitions. */
#define PLACES_EVERY_MS 60000
#define MAX_PARTITIONS  4

/* The user's own settings that would change what squeue is asked or shows. */
#define QUERY_UNSET                                                                                          \
    "SQUEUE_ACCOUNT SQUEUE_ALL SQUEUE_ARRAY SQUEUE_FEDERATION SQUEUE_FORMAT SQUEUE_FORMAT2 "                 \
    "SQUEUE_LICENSES SQUEUE_LOCAL SQUEUE_NAMES SQUEUE_PARTITION SQUEUE_PRIORITY SQUEUE_QOS SQUEUE_SIBLING "  \
    "SQUEUE_SORT SQUEUE_STATES SQUEUE_USERS"

/* One partition's pending jobs in the order in which Slurm would start them, of which only the lines of our
 * jobs come back, with their numbers. It runs behind the end of the query proper, which nothing here can
 * spoil. */
static void add_places(struct buf *line, const struct slurm *s)
{
    for (size_t i = 0, partitions = 0; i < s->n_places && partitions < MAX_PARTITIONS; i++) {
        bool done = false;
        for (size_t k = 0; k < i; k++)
            done |= strcmp(s->places[k].partition, s->places[i].partition) == 0;
        if (done)
            continue;
        partitions++;
        buf_addf(line, "; $T squeue -a -h -t PD -p %s --sort=-p -o %%i 2>/dev/null | grep -n -x",
                 s->places[i].partition);
        for (size_t k = i; k < s->n_places; k++)
            if (strcmp(s->places[k].partition, s->places[i].partition) == 0)
                buf_addf(line, " -e %s", s->places[k].id);
        buf_addf(line, " | sed \"s/^/%s place /\"", s->tag);
    }
}

/* -u with our uid is what --me stands for, which squeue has from 20.02 on. -a shows hidden partitions too: a
 * job in one would else seem to be gone. */
static void add_query(struct buf *line, const struct slurm *s)
{
    static const char *const fields[] = SLURM_FIELDS;

    slurm_begin(line, s, QUERY_UNSET);
    buf_addf(line,
             "LC_ALL=C; SLURM_TIME_FORMAT=%%s; export LC_ALL SLURM_TIME_FORMAT; "
             "date \"+%s now %%s %%Y-%%m-%%dT%%H:%%M:%%S\"; $T squeue -u $(id -u) -a -t all -o \"%s[",
             s->tag, s->tag);
    for (size_t i = 0; i < SLURM_N_FIELDS; i++) {
        if (i > 0)
            buf_addf(line, "|%s|", s->tag);
        buf_adds(line, fields[i]);
    }
    buf_addf(line, "]%s\"; r=$?; echo; echo %s end $r", s->tag, s->tag);
}

static int former_position(const struct slurm *s, const char *id)
{
    for (size_t i = 0; i < s->n_places; i++)
        if (strcmp(s->places[i].id, id) == 0)
            return s->places[i].position;
    return 0;
}

/* Remember which of our jobs wait, for counting, and tell the positions counted before until they are counted
 * again. */
static void note_places(struct slurm *s, struct slurm_jobs *jobs)
{
    struct place places[MAX_PLACES] = { 0 };
    size_t n = 0;

    for (size_t i = 0; i < jobs->n; i++) {
        struct job_info *j = &jobs->v[i];
        if (j->state != SCHED_PENDING) {
            j->queue_position = 0;
            continue;
        }
        if (!s->counting)
            j->queue_position = former_position(s, j->id);
        if (n == MAX_PLACES || !slurm_plain_words(jobs->partitions[i]) ||
            strlen(jobs->partitions[i]) >= sizeof(places[n].partition))
            continue;
        places[n].position = j->queue_position;
        strcpy(places[n].id, j->id);
        strcpy(places[n++].partition, jobs->partitions[i]);
    }
    memcpy(s->places, places, sizeof(places));
    s->n_places = n;
}

static int query_result(struct slurm *s, const struct command_result *r, struct slurm_jobs *jobs,
                        struct err *e)
{
    struct err shell = { "" };
    int status = 0;
    int rc = slurm_parse_queue(r->out, r->out_len, s->tag, s->prefix, wall_now().tv_sec, jobs, &status, e);

    if (rc == 0) /* whole, whatever became of the command behind its end */
        return 0;
    if (r->rc < 0)
        return err_set(e, r->rc, "%s", r->err);
    if (slurm_not_reached(s, "squeue", r, e) < 0)
        return -EIO;
    int shell_rc = slurm_shell_error(s, "squeue", status ? status : r->exit_status, &shell);
    if (shell_rc < 0) {
        *e = shell;
        return shell_rc;
    }
    char *words = slurm_words(r->errout, r->errout_len, s->tag);
    if (*words && (rc == -EIO || r->exit_status != 0))
        rc = err_set(e, -EIO, "squeue on %s: %s", s->host, words);
    free(words);
    return rc;
}

static void end_query(struct call *c, int rc, const char *err)
{
    struct call copy = *c;

    if (rc == 0)
        note_places(c->owner, &c->jobs);
    if (rc == 0 && c->owner->others)
        c->owner->others(c->owner->others_arg, c->jobs.others, c->jobs.n_others);
    c->jobs = (struct slurm_jobs){ 0 };
    slurm_call_free(c);
    copy.query(copy.arg, rc, rc == 0 ? copy.jobs.v : NULL, rc == 0 ? copy.jobs.n : 0, err);
    slurm_jobs_free(&copy.jobs);
}

static void asked_cb(void *arg, const struct command_result *r)
{
    struct call *c = arg;
    struct err e = { "" };
    int rc = slurm_parse_asked(r->out, r->out_len, c->owner->tag, &c->lacking, &e);

    /* What is in doubt stays known, to be asked about again. */
    for (size_t i = 0; i < c->lacking.n; i++)
        slurm_known_add(&c->owner->known, c->lacking.ids[i]);
    if (rc == 0)
        slurm_known_set(&c->owner->known, &c->jobs);
    else if (r->rc < 0)
        rc = err_set(&e, r->rc, "%s", r->err);
    end_query(c, rc, e.text);
}

static void ask_about_lacking(struct call *c)
{
    struct slurm *s = c->owner;
    struct buf line = { 0 };

    slurm_begin(&line, s, QUERY_UNSET);
    buf_adds(&line, "LC_ALL=C; export LC_ALL; ");
    slurm_add_asking(&line, &c->lacking, s->tag);
    buf_adds(&line, "'");
    slurm_run_on(c, &line, NULL, QUERY_MS, asked_cb);
}

static void queried_cb(void *arg, const struct command_result *r)
{
    struct call *c = arg;
    struct err e = { "" };
    int rc = query_result(c->owner, r, &c->jobs, &e);

    if (rc == 0 && slurm_known_lacking(&c->owner->known, &c->jobs, &c->lacking) > 0) {
        ask_about_lacking(c);
        return;
    }
    if (rc == 0)
        slurm_known_set(&c->owner->known, &c->jobs);
    end_query(c, rc, e.text);
}

void slurm_query(struct scheduler *sched, sched_query_f cb, void *arg)
{
    struct slurm *s = (struct slurm *)sched;
    struct buf line = { 0 };

    add_query(&line, s);
    s->counting = s->n_places > 0 && (s->counted_ms == 0 || mono_ms() - s->counted_ms >= PLACES_EVERY_MS);
    if (s->counting) {
        add_places(&line, s);
        s->counted_ms = mono_ms();
    }
    buf_adds(&line, "'");
    struct call *c = slurm_run(s, &line, NULL, QUERY_MS, queried_cb);
    c->query = cb;
    c->arg = arg;
}
