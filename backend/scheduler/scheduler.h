/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_SCHEDULER_H
#define BACKEND_SCHEDULER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <uv.h>
#include "backend/base/err.h"
#include "backend/config/config.h"
#include "backend/transport/transport.h"
/* What starts, lists and ends jobs on one cluster. A new kind is one file and one row in scheduler_kinds[]
 * (scheduler.c). Loop thread only; no callback is called inside the call that caused it, and each exactly
 * once, unless the scheduler is destroyed first (then not at all). */

struct scheduler;

/* All states of Slurm, and what they mean for us. Source: squeue(1) 22.05, JOB STATE CODES. */
enum sched_state {
    SCHED_PENDING, /* waits to run: PENDING; once more: REQUEUED and the like, RESV_DEL_HOLD, SPECIAL_EXIT */
    SCHED_CONFIGURING, /* has nodes, they are not ready: CONFIGURING */
    SCHED_RUNNING,     /* RUNNING, RESIZING, SIGNALING, STAGE_OUT */
    SCHED_SUSPENDED,   /* has nodes, does nothing: SUSPENDED, STOPPED */
    SCHED_ENDING,      /* no longer of use: COMPLETING */
    SCHED_ENDED,       /* in order: COMPLETED, CANCELLED */
    SCHED_FAILED,      /* itself, or by its limits: FAILED, TIMEOUT, OUT_OF_MEMORY, DEADLINE, BOOT_FAIL */
    SCHED_LOST,        /* taken from it; the same again may well run: NODE_FAIL, PREEMPTED, REVOKED */
    SCHED_UNKNOWN,     /* a word we do not know: nothing is concluded from it */
};

struct job_spec {
    const char *name;    /* unique: it is how a submission whose reply was lost is found again */
    const char *script;  /* complete, with its #SBATCH lines; it holds the secret */
    const char *secret;  /* the same secret, for kinds that start the engine themselves (fake) */
    const char *exclude; /* a node list: keep off these nodes; "" or NULL = any will do */
    int64_t time_s;      /* in place of the script's own time limit; 0 = that one */
};

/* One job as one query saw it. Strings are borrowed for the callback; "" where not known. */
struct job_info {
    const char *id; /* decimal; suffixes of clusters, job arrays and components removed */
    const char *name;
    enum sched_state state;
    const char *word;   /* the scheduler's own word, "RUNNING" */
    const char *reason; /* its reason for waiting or ending, "" for "None" */
    const char *nodes;  /* node list as it prints it: "n[1-2]"; "" while none; (null), n/a are "" */
    /* Where the job publishes "traefik,<service>,http://host:port"; a requeue keeps it. */
    const char *comment;
    time_t expected_start; /* of one that waits, by this machine's clock; 0 = not known */
    int64_t left_s;        /* of one that runs, until its time limit; -1 = not known or no limit */
    int64_t elapsed_s;     /* -1 = not known */
    int queue_position;    /* 1.. among pending jobs of its partition where it is known, else 0 */
    int exit_status;       /* -1 = not known (always so with kind slurm) */
};

/* rc 0 and the id, or a negative errno with the scheduler's own words:
 * -ECONNREFUSED  it refused the job (bad account, partition down, limits). Slurm may still list a refused one
 *                by its name, as FAILED (impossible resources)
 * -ENOENT        the program is missing
 * -EACCES        the program may not be run
 * -EINVAL        a name that cannot be passed on
 * all else       -ETIMEDOUT, -ECONNRESET, -EHOSTUNREACH, -EKEYREJECTED, -EPROTO (it claims success and
 * printed no id), -EIO: the command may or may not have run; look for the name in the next query */
typedef void (*sched_submit_f)(void *arg, int rc, const char *id, const char *err);

/* rc 0: v[n] is every job of ours (name begins with the prefix) that the scheduler still knows, ended ones
 * too where it shows them. Only a query that is whole counts (its end was seen and its exit status was 0);
 * all else is a failure (-EIO, -EPROTO, -ENOENT where the program is missing, or the transport's errno) from
 * which nothing about jobs may be concluded. */
typedef void (*sched_query_f)(void *arg, int rc, const struct job_info *v, size_t n, const char *err);

/* Of a cancel: 0 where all were told to end, or had ended already (Slurm 22.05 says so of unknown ids too);
 * -ENOENT it knows none of them; -EACCES they are somebody else's; any other (a missing program is -EIO):
 * perhaps not, cancel again. Only a query shows that a job is over. */
typedef void (*sched_done_f)(void *arg, int rc, const char *err);

/* Of an extension: 0 where the limit is later now; -EACCES where who asks may not have it; -EINVAL where it is not
 * to be had (over the partition's limit, the job has ended); any other: perhaps, the next query tells. */

struct scheduler_params {
    uv_loop_t *loop;
    const struct cluster_config *cluster;
    struct transport *transport; /* borrowed */
    const char *prefix;          /* of our job names: "sfs-<8 hex digits of the identity>-"; copied */
    const char *program;         /* our own binary, for kinds that start it (fake); copied */
    /* Told behind each whole query, before its callback: the user's own jobs that run, belong to no mount and say in
     * their Comment where they serve. Strings are borrowed. NULL = not wanted; kind slurm alone has such jobs. */
    void (*others)(void *arg, const struct job_info *v, size_t n);
    void *others_arg;
    const char *home_dir; /* kind local: a directory of ours that is there (state); copied */
};

struct scheduler_ops {
    const char *kind;
    int (*create)(struct scheduler **out, const struct scheduler_params *p, struct err *e);
    void (*destroy)(struct scheduler *s); /* jobs live on: ending them is the cluster's business */
    void (*submit)(struct scheduler *s, const struct job_spec *spec, sched_submit_f cb, void *arg);
    void (*query)(struct scheduler *s, sched_query_f cb, void *arg); /* one at a time: not again before cb */
    void (*adopt)(struct scheduler *s,
                  const char *id); /* a former daemon submitted it; NULL: nothing to note */
    void (*cancel)(struct scheduler *s, const char *const *ids, size_t n, sched_done_f cb, void *arg);
    /* Send USR1 or USR2 to the shells of running jobs, and to nothing else of them, in one command. NULL where the
     * jobs see our files anyway. */
    void (*sign)(struct scheduler *s, const char *const *ids, size_t n, const char *signal, sched_done_f cb,
                 void *arg);
    /* The time limit of a running job is to be so many seconds later. NULL: jobs of this kind have none. */
    void (*extend)(struct scheduler *s, const char *id, int64_t seconds, sched_done_f cb, void *arg);
    /* submit() heeds `exclude`; a job that it makes impossible is refused, or waits for ever. */
    bool many_nodes;
    bool remote_nodes; /* jobs run on other machines: an address needs its node and a forward */
    bool runs_script;  /* the job's script runs, and keeps its files in the working directory */
};

struct scheduler {
    const struct scheduler_ops *ops; /* first member of each kind's own struct */
};

/* Make the one of cluster->kind. 0, or a negative errno with a sentence. */
int scheduler_create(struct scheduler **out, const struct scheduler_params *p, struct err *e);

/* Is host one of a compact node list ("n1", "alvis7-[01-03,07],login2")? Understands brackets; compares
 * short names when either lacks a domain. Pure. */
bool nodelist_contains(const char *list, const char *host);

enum sched_state sched_state_parse(const char *word); /* "CANCELLED by 1000", "RUNNING+", "cg" too */

#endif
