/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_HOUSE_H
#define BACKEND_HOUSE_H
#include <jansson.h>
#include <stdbool.h>
#include <uv.h>
#include "backend/base/buf.h"
#include "backend/base/growing.h"
#include "backend/base/mailbox.h"
#include "backend/config/config.h"
/* Everything that one mount owns, and the two doors show. Loop thread. */

struct model;
struct cluster;
struct job;
struct stopping;
struct history;
struct quotas;
struct chats;

#define EVENTS_KEEP (2u << 20) /* bytes; CONTRACT.md 4.7 wants one MiB at least */

struct house {
    uv_loop_t *loop;
    struct mailbox *mail;
    struct config *cfg;        /* owned */
    struct model **models;     /* cfg's order; n = cfg->n_models */
    struct cluster **clusters; /* likewise */
    struct list jobs;          /* live ones and those that ended within the hour, oldest first */
    struct list unwanted;      /* jobs of models that are configured no more: recover.c */
    struct growing *events;    /* JSON Lines */
    struct growing *open_events; /* of these, what everybody may see; NULL = all: users.h */
    char identity[33];         /* 32 hex digits, random, kept in state_dir: see identity.h */
    /* "http://127.0.0.1:11434", set by the gateway; "" while there is none; a borrower copies it. */
    char *endpoint;
    char *run_dir;   /* runtime_dir/<identity_folder()>, 0700, made by house_create() */
    char *state_dir; /* state_dir/<identity_folder()>, 0700, likewise */
    char *jobs_dir;  /* state_dir/jobs: job_record.h */
    char *program;   /* our own binary */
    uid_t uid;       /* whose the mount is */
    struct timespec started;
    bool stopping, stop_jobs; /* we are ending; and the jobs too */
    struct stopping *stop;    /* house.c's own */
    /* Who shows the jobs is told in job_destroy(), while j is whole; NULL = nobody does. */
    void (*job_gone)(void *arg, struct job *j);
    void *job_gone_arg;
    /* What a door counts is appended to the figures; NULL = none does. */
    void (*door_figures)(void *arg, struct buf *out);
    void *door_figures_arg;
    const char *token; /* that the gateway asks for, borrowed from it; NULL = none; shown in `env` alone */
    struct quotas *quotas;    /* of users: quota.h */
    struct history *history;  /* what was asked, and the store: history.h */
    struct list batches;      /* struct batch: batch.h */
    unsigned long last_batch; /* number of the last one's folder */
    size_t call_bytes;        /* of answers to lines of batches, under way: call.c's */
    struct chats *chats;      /* conversations: chat.h */
    struct list
        recovered;    /* struct recovered (record.h): what the last mount left, until the door takes it */
    json_t *warnings; /* warnings.c's own */
    json_t *found;    /* found.c's own */
    json_t *served;   /* what engines call the first n_served models -> index; house.c's own */
    size_t n_served;
    int lock_fd;
    uint64_t next_exchange, next_job;
    struct {
        struct model *model; /* the one used last; NULL = none yet */
        uint64_t count,
            ms; /* questions that were sent to an engine; mono_ms() when one was sent or ended last */
    } used;
    /* Counts every change of any status: a status file made at the same count is the same. */
    unsigned changes;
    struct timespec changed; /* when that was last: mtime of the status files */
};

/* cfg         taken over on success
 * mountpoint  absolute path; part of the identity
 * The directories must be ours, 0700 and no link, or are refused with a sentence (-EACCES, -ENOTDIR, -EROFS,
 * ..). A second daemon of one identity fails with -EBUSY (a lock file in run_dir). The jobs that a former
 * daemon of this identity left are taken up again: nothing is waited for. */
int house_create(struct house **out, uv_loop_t *loop, struct config *cfg, const char *mountpoint,
                 struct err *e);

/* After house_stop() called back, or before anything began. NULL is allowed. */
void house_destroy(struct house *h);

/* End all in order within 8 s: no new questions, ECANCELED to waiting and active ones, jobs cancelled
 * (on_unmount = "stop") or left with their idle_timeout as the lease; cb when the schedulers have confirmed,
 * or the leases are written, or the time is up. A second
 * call while it ends does nothing: the first one's cb tells. */
void house_stop(struct house *h, void (*cb)(void *arg), void *arg);

struct model *house_model(struct house *h, const char *name); /* by key or alias, or NULL */
/* By what a client of the gateway may call it besides: what it loads, what that is served as, or its name in a catalogue. The
 * first of those that have it, or NULL. */
struct model *house_served(struct house *h, const char *name);
struct cluster *house_cluster(struct house *h, const char *name);
struct job *house_job(struct house *h, const char *name); /* by "<cluster>.<id>", or NULL */
json_t *house_status(struct house *h, uid_t uid); /* the root's status, as he may see it; a new reference */

/* What changed where: one line into `events` ("event" is "model", "job", "limit" (of a job's time) or "cluster"; NULL where it does not
 * apply), one into the log at info, and changes++. */
void house_event(struct house *h, const char *event, const char *model, const char *job, const char *cluster,
                 const char *from, const char *to, const char *reason);
void house_changed(struct house *h);   /* a figure of some status changed, no event */
void house_job_ended(struct house *h); /* or is left: it may be the last one that house_stop() waits for */

/* Something is wrong that does not end the mount: a line in the log, and one of `warnings` in the root's status for as
 * long as it is so. about: a word of ours that names the subject; a later text for it replaces the first, NULL takes
 * it back. */
void house_warn(struct house *h, const char *about, const char *text);
json_t *house_warnings(const struct house *h); /* an array; a new reference */

/* Helpers for status objects: RFC 3339 or null for a zero time; string or null for NULL and "". New
 * references. */
json_t *json_time(const struct timespec *ts);
json_t *json_str(const char *s);

#endif
