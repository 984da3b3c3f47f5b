/* SPDX-License-Identifier: MIT */
/* Kind "slurm": sbatch, squeue, scancel and scontrol on the login node, one command for each call.
 *
 * Settings of the user in the environment that would change what is shown or asked are unset; those that
 * choose (account, partition, cluster) are left, unless the script chooses for itself. Clocks are never compared: see slurm_parse.c. */
#include "backend/scheduler/kinds.h"
#include "backend/scheduler/replies.h"
#include "backend/scheduler/slurm_inside.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Slurm's programs give up after MessageTimeout, 10 s by default and 60 s at some sites, sbatch after some
 * tries of it. Past these a program hangs; sbatch by then has been ended where it runs (slurm_begin). */
#define SUBMIT_MS 100000
#define CANCEL_MS 30000
#define EXTEND_MS 30000

/* A node list has brackets too; it stands inside of double quotes. */
static bool plain_nodes(const char *s)
{
    return s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.,-[]")] == '\0';
}

/* ---- Submit */

/* A start-up file of the login shell may ask a question, which takes a line of our standard input, or end in exec,
 * and then another shell runs what it reads there, on the login node. So these lines come before the script, which
 * begins behind the tag: as many questions as anybody has can be answered with one, and a shell ends at the first.
 * Any shell understands them. */
#define GUARD        "exit 97\n"
#define GUARD_LINES  8
#define GUARD_STATUS 97
#define EATEN_STATUS 98 /* the input ended before the tag: something has read it all */

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

/* Something took what was meant for us. 0 where it did not. */
static int guard_error(const struct slurm *s, const struct command_result *r, struct err *e)
{
    const char *rest, *how;
    size_t len;
    bool reached = slurm_behind_tag(r->out, r->out_len, s->tag, &rest, &len);

    if (!reached && r->exit_status == GUARD_STATUS)
        how = "ends in exec, so that no command is run";
    else if (reached && r->exit_status == EATEN_STATUS)
        how = "reads standard input to its end";
    else
        return 0;
    return err_set(
        e, -ECONNREFUSED,
        "a start-up file of the login shell on %s, such as ~/.bashrc, %s: it must do that only where the "
        "shell is interactive",
        s->host, how);
}

static int submit_result(const struct slurm *s, const struct command_result *r, char id[SLURM_ID_SIZE],
                         struct err *e)
{
    /* An id is proof of a job, also where the link broke behind it. */
    if (slurm_parse_id(r->out, r->out_len, s->tag, id) == 0)
        return 0;
    if (r->rc < 0)
        return err_set(e, r->rc, "%s", r->err);
    int rc = guard_error(s, r, e);
    if (rc == 0)
        rc = slurm_not_reached(s, "sbatch", r, e);
    if (rc == 0)
        rc = slurm_shell_error(s, "sbatch", r->exit_status, e);
    if (rc < 0)
        return rc;
    char *words = slurm_words(r->errout, r->errout_len, s->tag);
    if (r->exit_status == 0) {
        rc = -EPROTO;
        quote_output(s, r, e);
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
    slurm_call_free(c);
    copy.submit(copy.arg, rc, id, e.text);
}

static void slurm_submit(struct scheduler *sched, const struct job_spec *spec, sched_submit_f cb, void *arg)
{
    struct slurm *s = (struct slurm *)sched;
    struct buf line = { 0 };
    struct err e;

    const char *odd = !slurm_plain_words(spec->name)                 ? spec->name
                      : spec->exclude && !plain_nodes(spec->exclude) ? spec->exclude
                                                                     : NULL;
    if (odd) {
        err_set(&e, -EINVAL, "\"%s\" cannot be put into a command line", odd);
        reply_submit(s->replies, cb, arg, -EINVAL, "", e.text);
        return;
    }
    /* Of the user's own settings these would make sbatch wait for the job's end, make many jobs of one, or
     * send it to a cluster that squeue does not look at (SLURM_CLUSTERS, which counts for both, is left). */
    struct buf unset = { 0 };
    buf_adds(&unset, "SBATCH_WAIT SBATCH_ARRAY_INX SBATCH_CLUSTERS");
    slurm_add_overruled(&unset, spec->script);
    slurm_begin(&line, s, buf_str(&unset));
    buf_free(&unset);
    buf_addf(&line, "while read -r l; do case $l in %s) exec $T sbatch --parsable --job-name=%s", s->tag,
             spec->name);
    if (spec->exclude && *spec->exclude)
        buf_addf(&line, " \"--exclude=%s\"", spec->exclude);
    if (spec->time_s > 0)
        buf_addf(&line, " --time=%lld:%02d", (long long)(spec->time_s / 60), (int)(spec->time_s % 60));
    buf_addf(&line, ";; esac; done; exit %d'", EATEN_STATUS);
    struct buf input = { 0 };
    for (int i = 0; i < GUARD_LINES; i++)
        buf_adds(&input, GUARD);
    buf_addf(&input, "%s\n%s", s->tag, spec->script);
    struct call *c = slurm_run(s, &line, buf_str(&input), SUBMIT_MS, submitted_cb);
    explicit_bzero(input.data, input.len);
    buf_free(&input);
    c->submit = cb;
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
    int rc = slurm_shell_error(s, "scancel", r->exit_status, e);
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

    slurm_call_free(c);
    copy.done(copy.arg, rc, e.text);
}

/* options: of scancel, beginning with a blank, or "". */
static void run_scancel(struct slurm *s, const char *options, const char *const *ids, size_t n,
                        sched_done_f cb, void *arg)
{
    struct buf line = { 0 };
    struct err e;

    slurm_begin(&line, s,
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
    struct call *c = slurm_run(s, &line, NULL, CANCEL_MS, cancelled_cb);
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
    int rc = slurm_shell_error(s, "scontrol", r->exit_status, e);
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

    slurm_call_free(c);
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
    slurm_begin(&line, s, "SCONTROL_ALL SCONTROL_FEDERATION SCONTROL_FUTURE SCONTROL_LOCAL SCONTROL_SIBLING");
    buf_addf(&line, "exec $T scontrol update JobId=%s TimeLimit=+%lld'", id,
             (long long)((seconds + 59) / 60));
    struct call *c = slurm_run(s, &line, NULL, EXTEND_MS, extended_cb);
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
        slurm_call_free(c);
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
