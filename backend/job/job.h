/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_JOB_H
#define BACKEND_JOB_H
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "backend/base/buf.h"
#include "backend/base/growing.h"
#include "backend/base/list.h"
#include "backend/engine/engine.h"
#include "backend/scheduler/scheduler.h"
/* One job of one model, from the intent to submit it to one hour after its end. job.c has the state table.
 * Loop thread. */

struct cluster;
struct model;
struct job_inner;
struct job_record;

enum job_state {
    JOB_SUBMITTING, /* sbatch is under way, or its reply was lost and the name is looked for */
    JOB_PENDING,
    JOB_RUNNING, /* the scheduler says so; the address is not known */
    JOB_FOUND,   /* the address is known; not yet healthy and proven */
    JOB_HEALTHY,
    JOB_ENDING, /* cancelled by us; the scheduler has not confirmed it */
    JOB_ENDED,  /* kept for an hour, for its status and logs */
};

struct job {
    struct list link; /* house->jobs */
    struct cluster *cluster;
    struct model *model; /* NULL once its model is gone */
    const struct engine *engine;
    const struct model_config *config;
    enum job_state state;
    uint64_t number;   /* unique in this run, in the order in which they were made */
    char *unique_name; /* the scheduler's job name: sfs-<identity>-<model>-<n> */
    char *id;          /* NULL until submitted */
    char *name;        /* "<cluster>.<id>"; NULL until submitted */
    char secret[65];
    char *script;  /* as submitted, secrets masked */
    char *workdir; /* on the cluster */

    /* What the last query said. */
    enum sched_state sched;
    char *word, *reason, *nodes;
    time_t expected_start, ends_at;
    /* The end that ends_at shows, by awake_or_not_ms(), which is what is counted by: a wall clock may be set. 0 = no
     * limit is known. */
    uint64_t ends_ms;
    int64_t all_s; /* of its time, what it has used and what is left; 0 = not known */
    int queue_position;
    int exit_status; /* -1 = not known */
    int missing;     /* whole queries in a row that did not list it */

    char host[256], addr[64]; /* "" until FOUND */
    int port;
    struct timespec submitted, started, ended, since; /* since: the state */
    int rc;                                           /* ENDED: 0, or why as a negative errno */
    char *error; /* its sentence, with the last log lines; NULL = in order */

    /* Set by its model before the submission. */
    int64_t time_s; /* its time limit; 0 = as the configuration says */
    char *exclude;  /* nodes that others run on, as the scheduler lists them; "" = none. Owned */

    /* What its model thinks of it. */
    bool let_go;   /* it counts no more */
    bool retiring; /* no new questions: it ends when those that it has are answered */
    bool ageing;   /* its time limit is near: another is to take its place */
    bool counted;  /* its end was */
    bool learnt;   /* what it took to start was */
    bool told;     /* that its time limit comes near, by an event */
    /* mono_ms() when it began to wait (again), runs, is healthy; 0 = not yet, or not seen. */
    uint64_t queued_ms, running_ms, healthy_ms;
    uint64_t progress_ms; /* likewise, when the number that its start tells changed last */
    uint64_t extended_ms; /* when an extension was asked for last; 0 = never */

    struct list active; /* exchanges SENT or STREAMING on it */
    int n_active;
    int n_piped; /* of these, those that take no slot */
    json_t *loaded; /* names of models as keys: job_loaded.c's own */
    int64_t context; /* tokens that the engine takes, as it told when it was healthy; 0 = it did not */
    struct http_client *client; /* from FOUND on */
    struct growing *out, *err;  /* the engine's stdout and stderr so far */
    bool over;                  /* it is of no use any more, and all that will be known of why is known */
    struct job_inner *priv;     /* job_private.h: timers, probe, followers */
};

struct job *job_create(struct cluster *c, struct model *m); /* submits by itself, through the mailbox */

/* The job of a former daemon, as its record tells: it is never submitted again, and is followed from where the
 * next query shows it; one without an id is looked for by its name. One that was told to end is told so again.
 * m is its model; give it the job with model_adopt(). */
struct job *job_adopt(struct cluster *c, struct model *m, const struct job_record *r);

/* The mount ends and the job shall live: its lease becomes its idle_timeout. One that is being ended is let
 * end, one that was not submitted yet is not. house_job_ended() when job_is_left(). */
void job_leave(struct job *j);
bool job_is_left(const struct job *j);

void job_destroy(struct job *j);

/* Ask the scheduler for so many more seconds, in the background. cb, which may be NULL, is called once unless the
 * job is destroyed before: rc 0, or why not (scheduler.h). -EINVAL with a sentence where the job has no time limit,
 * or does not run. */
int job_extend(struct job *j, int64_t seconds, void (*cb)(void *arg, struct job *j, int rc, const char *err),
               void *arg, struct err *e);

/* In any state: scancel, and scancel again until it is seen to be over. */
void job_cancel(struct job *j, const char *why);

int64_t job_left_s(const struct job *j); /* until its time limit, <= 0 where it is past; only where ends_ms says of one */

bool job_live(const struct job *j);           /* not ENDED */
bool job_has_slot(const struct job *j);       /* HEALTHY and fewer active than slots */
const char *job_state_name(enum job_state s); /* "submitting" .. the phase in status */
json_t *job_status(const struct job *j);      /* CONTRACT.md section 5; a new reference */
json_t *job_models(const struct job *j);      /* names of those who share it; a new reference */
const char *job_node(const struct job *j);    /* "" while it has none; borrowed */
double job_progress(const struct job *j);     /* of its engine's loading, 0 to 1; -1 = not told */

/* Why it waits, or ended, in the scheduler's or engine's words; NULL = nothing; borrowed. */
const char *job_reason(const struct job *j);

/* Appends "; its last lines: ..." of its log, or nothing. */
void job_last_words(const struct job *j, struct buf *out);

bool job_is_cancelled(const struct job *j); /* job_cancel() ends it, or has ended it */

/* OVER, and the same again may well run: it was taken away, or was healthy once. */
bool job_was_lost(const struct job *j);
bool job_can_be_reached(const struct job *j); /* the way to its login node is there, or was not needed yet */

/* An exchange was lost on it: look at once whether it is still healthy; it gets no new ones until that is
 * known. */
void job_suspect(struct job *j, const char *why);

/* Who waits for it changed: its files and the scheduler are looked at as often as that deserves. */
void job_attend(struct job *j);

/* Why it is about to be cancelled, where that is its own fault; the first cause counts. */
void job_blame(struct job *j, int rc, const char *why);

/* What a request to its engine shows; "" = nothing; borrowed. */
const char *job_key(const struct job *j);

/* ---- for remote.c: of a gateway, which is looked at for all at once */
void job_reached(struct job *j);
void job_unreached(struct job *j, int rc, const char *why); /* for longer than those who wait should */

/* ---- for cluster.c */
void job_seen(struct job *j, const struct job_info *info); /* a whole query listed it */
void job_unseen(struct job *j);            /* a whole query did not; twice in a row means it is gone */
bool job_is_unproven(const struct job *j); /* of a former daemon, and no query has spoken of it yet */
bool job_by_signal(const struct job *j);   /* it runs and asks for its lease by signal */
bool job_restless(const struct job *j);    /* it waits for news: queries come fast while somebody waits */
bool job_just_cancelled(
    const struct job *j); /* it was told to end some seconds ago: people look whether it did */

#endif
