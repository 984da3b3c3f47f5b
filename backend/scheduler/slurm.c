/* SPDX-License-Identifier: MIT */
/* Kind "slurm": sbatch, squeue, scancel and scontrol on the login node, one command for each call.
 *
 * A command is one line for the user's login shell, whichever it is: `exec sh -c '...'` with neither single
 * quotes nor backslashes, exclamation marks or line feeds inside, over which bash, zsh, dash, tcsh and fish
 * agree. It is refused rather than quoted if a word of ours does not fit. It holds no secret; the script of a
 * job goes to standard input. The first thing it prints, on both outputs, is a tag of random letters, so that
 * start-up files may print what they like.
 *
 * Settings of the user in the environment that would change what is shown or asked are unset; those that
 * choose (account, partition, cluster) are left. Clocks are never compared: see slurm_parse.c. */
#include "backend/scheduler/kinds.h"
#include "backend/scheduler/replies.h"
#include "backend/scheduler/slurm_known.h"
#include "backend/scheduler/slurm_parse.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/base/list.h"
#include "backend/base/timer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* The link may have to be opened for the command: an SSH login with its checks takes seconds, not minutes. */
#define CONNECT_MS 30000
/* Slurm's programs give up after MessageTimeout, 10 s by default and 60 s at some sites, sbatch after some
 * tries of it. Past these a program hangs. */
#define SUBMIT_MS 60000
#define QUERY_MS  30000
#define CANCEL_MS 30000
#define EXTEND_MS 30000

/* Counting the pending jobs before ours reads the whole queue, so it is done rarely, and for a few
 * partitions. */
#define PLACES_EVERY_MS 60000
#define MAX_PLACES      16
#define MAX_PARTITIONS  4

struct place {
    char id[SLURM_ID_SIZE];
    int position; /* 0 = not counted yet */
    char partition[64];
};

struct slurm {
    struct scheduler base;
    struct transport *transport;
    struct replies *replies;
    char *prefix;
    void (*others)(void *arg, const struct job_info *v, size_t n); /* or NULL */
    void *others_arg;
    bool is_here; /* no host is configured */
    char *host;   /* for sentences: "alvis2", "this machine" */
    char tag[9];
    struct list calls; /* commands under way */
    struct slurm_known known;
    struct place places[MAX_PLACES]; /* our pending jobs, by the last whole query */
    size_t n_places;
    uint64_t counted_ms; /* when their positions were last counted; 0 = never */
    bool counting;       /* by the query under way */
};

struct call {
    struct list link;
    struct slurm *owner;
    struct command *command;
    sched_submit_f submit; /* one of the three is set */
    sched_query_f query;
    sched_done_f done;
    void *arg;
    size_t n_ids;
    struct slurm_jobs jobs;     /* of a query, while .. */
    struct slurm_known lacking; /* .. those that it left out are asked about */
};

/* ---- Commands */

/* Letters that mean nothing to any shell, inside and outside of quotes. */
static bool plain_words(const char *s)
{
    return s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.,:/=+@%-")] == '\0';
}

/* A node list has brackets too; it stands inside of double quotes. */
static bool plain_nodes(const char *s)
{
    return s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.,-[]")] == '\0';
}

/* The tag is printed behind a line feed: what was printed before it need not have ended its line. A command that
 * hangs would keep one of the few sessions of our connection long after we stopped waiting, since sshd ends
 * nobody: $T ends it there. */
static void begin_command(struct buf *b, const struct slurm *s, const char *unset)
{
    buf_addf(b,
             "exec sh -c 'unset %s; T=; command -v timeout >/dev/null && T=\"timeout -s KILL 90\"; "
             "echo; echo %s; echo >&2; echo %s >&2; ",
             unset, s->tag, s->tag);
}

static struct call *run(struct slurm *s, struct buf *line, const char *input, uint64_t timeout_ms,
                        command_f cb)
{
    struct call *c = NEW(struct call);

    c->owner = s;
    list_append(&s->calls, &c->link);
    c->command = transport_run(s->transport, buf_str(line), input, input ? strlen(input) : 0, CONNECT_MS,
                               timeout_ms, cb, c);
    buf_free(line);
    return c;
}

static void call_free(struct call *c)
{
    list_remove(&c->link);
    slurm_jobs_free(&c->jobs);
    slurm_known_free(&c->lacking);
    free(c);
}

/* Why a command that ran did not do its work, where that is not for Slurm to say. Returns 0 where it is. */
static int shell_error(const struct slurm *s, const char *program, int exit_status, struct err *e)
{
    if (exit_status == 127 && s->is_here)
        return err_set(e, -ENOENT, "%s was not found on this machine: its directory must be in PATH",
                       program);
    if (exit_status == 127)
        return err_set(e, -ENOENT,
                       "%s was not found on %s: its directory must be in the PATH that `ssh %s env` shows",
                       program, s->host, s->host);
    if (exit_status == 126)
        return err_set(e, -EACCES, "%s on %s may not be run", program, s->host);
    return 0;
}

/* ---- Submit */

static void quote_output(const struct slurm *s, const struct command_result *r, struct err *e)
{
    const char *rest;
    size_t len;

    slurm_behind_tag(r->out, r->out_len, s->tag, &rest, &len);
    while (len > 0 && (unsigned char)rest[len - 1] <= ' ')
        len--;
    err_set(e, -EPROTO, "sbatch on %s printed no job id but \"%.*s\"", s->host, len < 200 ? (int)len : 200,
            rest);
}

static int submit_result(const struct slurm *s, const struct command_result *r, char id[SLURM_ID_SIZE],
                         struct err *e)
{
    const char *rest;
    size_t len;

    /* An id is proof of a job, also where the link broke behind it. */
    if (slurm_parse_id(r->out, r->out_len, s->tag, id) == 0)
        return 0;
    if (r->rc < 0)
        return err_set(e, r->rc, "%s", r->err);
    int rc = shell_error(s, "sbatch", r->exit_status, e);
    if (rc < 0)
        return rc;
    char *words = slurm_words(r->errout, r->errout_len, s->tag);
    if (r->exit_status == 0) {
        rc = -EPROTO;
        quote_output(s, r, e);
    } else if (!slurm_behind_tag(r->out, r->out_len, s->tag, &rest, &len)) {
        rc = err_set(e, -EIO, "the login shell on %s did not get as far as sbatch (status %d): %s", s->host,
                     r->exit_status, words);
    } else if (slurm_words_unsure(words)) {
        rc = err_set(e, -ETIMEDOUT, "%s", words);
    } else if (*words == '\0') {
        rc = err_set(e, -EIO, "sbatch on %s exited with status %d and said nothing", s->host, r->exit_status);
    } else {
        rc = err_set(e, -ECONNREFUSED, "%s", words);
    }
    free(words);
    return rc;
}

static void submitted_cb(void *arg, const struct command_result *r)
{
    struct call *c = arg, copy = *c;
    char id[SLURM_ID_SIZE] = "";
    struct err e = { "" };
    int rc = submit_result(c->owner, r, id, &e);

    if (rc == 0)
        slurm_known_add(&c->owner->known, id);
    call_free(c);
    copy.submit(copy.arg, rc, id, e.text);
}

static void slurm_submit(struct scheduler *sched, const struct job_spec *spec, sched_submit_f cb, void *arg)
{
    struct slurm *s = (struct slurm *)sched;
    struct buf line = { 0 };
    struct err e;

    const char *odd = !plain_words(spec->name)                       ? spec->name
                      : spec->exclude && !plain_nodes(spec->exclude) ? spec->exclude
                                                                     : NULL;
    if (odd) {
        err_set(&e, -EINVAL, "\"%s\" cannot be put into a command line", odd);
        reply_submit(s->replies, cb, arg, -EINVAL, "", e.text);
        return;
    }
    /* Of the user's own settings these would make sbatch wait for the job's end, make many jobs of one, or
     * send it to a cluster that squeue does not look at (SLURM_CLUSTERS, which counts for both, is left). */
    begin_command(&line, s, "SBATCH_WAIT SBATCH_ARRAY_INX SBATCH_CLUSTERS");
    buf_addf(&line, "exec $T sbatch --parsable --job-name=%s", spec->name);
    if (spec->exclude && *spec->exclude)
        buf_addf(&line, " \"--exclude=%s\"", spec->exclude);
    if (spec->time_s > 0)
        buf_addf(&line, " --time=%lld:%02d", (long long)(spec->time_s / 60), (int)(spec->time_s % 60));
    buf_adds(&line, "'");
    struct call *c = run(s, &line, spec->script, SUBMIT_MS, submitted_cb);
    c->submit = cb;
    c->arg = arg;
}

/* ---- Query */

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

    begin_command(line, s, QUERY_UNSET);
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
        if (n == MAX_PLACES || !plain_words(jobs->partitions[i]) ||
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
    int shell_rc = shell_error(s, "squeue", status ? status : r->exit_status, &shell);
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
    call_free(c);
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

    begin_command(&line, s, QUERY_UNSET);
    buf_adds(&line, "LC_ALL=C; export LC_ALL; ");
    slurm_add_asking(&line, &c->lacking, s->tag);
    buf_adds(&line, "'");
    c->command = transport_run(s->transport, buf_str(&line), NULL, 0, CONNECT_MS, QUERY_MS, asked_cb, c);
    buf_free(&line);
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

static void slurm_query(struct scheduler *sched, sched_query_f cb, void *arg)
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
    struct call *c = run(s, &line, NULL, QUERY_MS, queried_cb);
    c->query = cb;
    c->arg = arg;
}

static void slurm_adopt(struct scheduler *sched, const char *id)
{
    slurm_known_add(&((struct slurm *)sched)->known, id);
}

/* ---- Cancel */

static int cancel_result(const struct slurm *s, const struct command_result *r, size_t n, struct err *e)
{
    if (r->rc < 0)
        return err_set(e, r->rc, "%s", r->err);
    int rc = shell_error(s, "scancel", r->exit_status, e);
    if (rc < 0)
        return -EIO; /* -ENOENT would say that the job is unknown */
    char *words = slurm_words(r->errout, r->errout_len, s->tag);
    rc = slurm_parse_cancel(r->errout, r->errout_len, s->tag, n);
    if (rc < 0)
        err_set(e, rc, "%s", words);
    else if (r->exit_status != 0 && !strstr(words, "already completing or completed"))
        rc = err_set(e, -EIO, "scancel on %s exited with status %d: %s", s->host, r->exit_status, words);
    free(words);
    return rc;
}

static void cancelled_cb(void *arg, const struct command_result *r)
{
    struct call *c = arg, copy = *c;
    struct err e = { "" };
    int rc = cancel_result(c->owner, r, c->n_ids, &e);

    call_free(c);
    copy.done(copy.arg, rc, e.text);
}

/* options: of scancel, beginning with a blank, or "". */
static void run_scancel(struct slurm *s, const char *options, const char *const *ids, size_t n,
                        sched_done_f cb, void *arg)
{
    struct buf line = { 0 };
    struct err e;

    begin_command(&line, s,
                  "SCANCEL_ACCOUNT SCANCEL_BATCH SCANCEL_CTLD SCANCEL_FULL SCANCEL_HURRY SCANCEL_INTERACTIVE "
                  "SCANCEL_NAME SCANCEL_PARTITION SCANCEL_QOS SCANCEL_STATE SCANCEL_USER SCANCEL_VERBOSE "
                  "SCANCEL_WCKEY");
    buf_addf(&line, "exec $T scancel%s", options);
    for (size_t i = 0; i < n; i++) {
        if (*ids[i] == '\0' || strspn(ids[i], "0123456789") != strlen(ids[i])) {
            err_set(&e, -EINVAL, "\"%s\" is not a job id", ids[i]);
            reply_done(s->replies, cb, arg, -EINVAL, e.text);
            buf_free(&line);
            return;
        }
        buf_addf(&line, " %s", ids[i]);
    }
    buf_adds(&line, "'");
    struct call *c = run(s, &line, NULL, CANCEL_MS, cancelled_cb);
    c->done = cb;
    c->arg = arg;
    c->n_ids = n;
}

static void slurm_cancel(struct scheduler *sched, const char *const *ids, size_t n, sched_done_f cb,
                         void *arg)
{
    run_scancel((struct slurm *)sched, "", ids, n, cb, arg);
}

static void slurm_sign(struct scheduler *sched, const char *const *ids, size_t n, const char *signal,
                       sched_done_f cb, void *arg)
{
    char options[40];

    snprintf(options, sizeof(options), " --batch --signal=%s", signal);
    run_scancel((struct slurm *)sched, options, ids, n, cb, arg);
}

/* ---- Extend */

static int extend_result(const struct slurm *s, const struct command_result *r, struct err *e)
{
    if (r->rc < 0)
        return err_set(e, r->rc, "%s", r->err);
    int rc = shell_error(s, "scontrol", r->exit_status, e);
    if (rc < 0)
        return -EIO; /* -ENOENT would say that the job is unknown */
    char *words = slurm_words(r->errout, r->errout_len, s->tag);
    if (r->exit_status == 0)
        rc = 0;
    else if (slurm_words_unsure(words) || !*words)
        rc = err_set(e, -EIO, "scontrol on %s exited with status %d: %s", s->host, r->exit_status, words);
    else
        rc = err_set(e, strstr(words, "denied") ? -EACCES : -EINVAL, "%s", words);
    free(words);
    return rc;
}

static void extended_cb(void *arg, const struct command_result *r)
{
    struct call *c = arg, copy = *c;
    struct err e = { "" };
    int rc = extend_result(c->owner, r, &e);

    call_free(c);
    copy.done(copy.arg, rc, e.text);
}

/* In whole minutes, which is what Slurm counts in. Source: scontrol(1) 22.05, TimeLimit: "+" increments. */
static void slurm_extend(struct scheduler *sched, const char *id, int64_t seconds, sched_done_f cb, void *arg)
{
    struct slurm *s = (struct slurm *)sched;
    struct buf line = { 0 };
    struct err e;

    if (*id == '\0' || strspn(id, "0123456789") != strlen(id)) {
        err_set(&e, -EINVAL, "\"%s\" is not a job id", id);
        reply_done(s->replies, cb, arg, -EINVAL, e.text);
        return;
    }
    begin_command(&line, s,
                  "SCONTROL_ALL SCONTROL_FEDERATION SCONTROL_FUTURE SCONTROL_LOCAL SCONTROL_SIBLING");
    buf_addf(&line, "exec $T scontrol update JobId=%s TimeLimit=+%lld'", id,
             (long long)((seconds + 59) / 60));
    struct call *c = run(s, &line, NULL, EXTEND_MS, extended_cb);
    c->done = cb;
    c->arg = arg;
}

/* ---- */

static int slurm_create(struct scheduler **out, const struct scheduler_params *p, struct err *e)
{
    unsigned char random[4];

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return err_set(e, -EIO, "the system gives no random numbers: %s", strerror(errno));
    struct slurm *s = NEW(struct slurm);
    s->base.ops = &slurm_scheduler;
    s->transport = p->transport;
    s->replies = replies_create(p->loop);
    s->prefix = xstrdup(p->prefix);
    s->others = p->others;
    s->others_arg = p->others_arg;
    s->is_here = *p->cluster->host == '\0';
    s->host = xstrdup(*p->cluster->host ? p->cluster->host : "this machine");
    /* Letters alone: a tag may then stand anywhere in a format, also before a field. */
    for (size_t i = 0; i < sizeof(random); i++) {
        s->tag[2 * i] = (char)('A' + (random[i] & 15));
        s->tag[2 * i + 1] = (char)('A' + (random[i] >> 4));
    }
    list_init(&s->calls);
    *out = &s->base;
    return 0;
}

static void slurm_destroy(struct scheduler *sched)
{
    struct slurm *s = (struct slurm *)sched;

    list_for_each(c, &s->calls, struct call, link)
    {
        command_cancel(c->command);
        call_free(c);
    }
    replies_destroy(s->replies);
    slurm_known_free(&s->known);
    free(s->prefix);
    free(s->host);
    free(s);
}

const struct scheduler_ops slurm_scheduler = {
    .kind = "slurm",
    .create = slurm_create,
    .destroy = slurm_destroy,
    .submit = slurm_submit,
    .query = slurm_query,
    .adopt = slurm_adopt,
    .cancel = slurm_cancel,
    .sign = slurm_sign,
    .extend = slurm_extend,
    .many_nodes = true,
    .remote_nodes = true,
    .runs_script = true,
};
