/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_JOB_PRIVATE_H
#define BACKEND_JOB_PRIVATE_H
#include "backend/base/timer.h"
#include "backend/cluster/cluster.h"
#include "backend/engine/progress.h"
#include "backend/house.h"
#include "backend/job/job.h"
#include "backend/model/model.h"
/* What job.c (states), job_submit.c and job_seen.c (its scheduler), job_watch.c (its files on the cluster)
 * and job_link.c (its engine) share of a job. */

enum job_event {
    JOB_EV_QUEUED, /* the scheduler has it, and it waits */
    JOB_EV_RUNS,
    JOB_EV_ADDRESS, /* host and port are known */
    JOB_EV_HEALTHY, /* healthy and proven */
    JOB_EV_SICK,    /* its engine is none of ours, ended, or answers no more; rc and error say it */
    JOB_EV_REFUSED, /* it never was submitted; likewise */
    JOB_EV_CANCEL,
    JOB_EV_OVER,    /* the scheduler says so, or forgot it */
    JOB_EV_GIVE_UP, /* its end cannot be confirmed */
    JOB_EVENTS
};

struct job_transition {
    enum job_state state;
    enum job_event event;
    enum job_state next;
};
extern const struct job_transition job_transitions[];
extern const size_t job_n_transitions;

#define LOG_KEEP (2u << 20) /* bytes of each log; CONTRACT.md 4.7 wants one MiB at least */

struct follow { /* one file on the cluster */
    uint64_t off;
    bool asked;
    bool behind; /* there was more of it than one look takes */
    struct progress_line line;
};

struct job_inner {
    /* job.c */
    char *true_script;     /* with the secrets; wiped when it is submitted */
    struct timer *retry;   /* SUBMITTING: another try; ENDING: scancel again; ENDED: the hour */
    int tries;             /* of what retry does */
    uint64_t ending_since; /* mono_ms() */
    int calls;             /* callbacks that the scheduler still owes: until then it is kept */
    bool apart;            /* this submission keeps it off the nodes of others */
    bool extending;        /* an extension is asked for */
    int64_t extension_s;   /* that */
    void (*extended_cb)(void *arg, struct job *j, int rc, const char *err);
    void *extended_arg;
    bool sent;                           /* a submission is under way, or was made */
    bool in_line;                        /* it waits for one of max_jobs to end; not sent */
    bool unsure;                         /* the reply to sbatch was lost: it is looked for by its name */
    bool cancelling;                     /* a scancel is under way */
    bool cancelled;                      /* its end is a person's or our doing */
    bool lost;                           /* taken from it: the same again may well run */
    bool healthy_once;                   /* likewise: it is no fault of the configuration when it ends */
    bool kept;                           /* there is a record of it on disk */
    bool adopted;                        /* of a former daemon */
    bool unproven;                       /* likewise, and no query has spoken of it yet */
    uint64_t adopted_ms;                 /* mono_ms() */
    bool leaving, left;                  /* job_leave(): asked, and done */
    int to_leave;                        /* answers that it waits for */
    uint64_t refused_ms;                 /* mono_ms(); 0 = the scheduler did not refuse it */
    int64_t elapsed_s;                   /* of the last query, -1 = none */
    char *comment;                       /* likewise, "" = none */
    char *stale_comment, *stale_address; /* of the run before a requeue; NULL = there was none */
    /* job_watch.c */
    struct timer *tick, *lease, *last;
    uint64_t tick_due; /* mono_ms() of the next look, while tick runs */
    struct follow out, err, state;
    unsigned lease_count;
    bool lease_told;          /* that, in the log: once is enough */
    char *lease_trouble;      /* why the lease could not be written; NULL = it could */
    struct buf state_text;    /* as it was read last */
    char *run_line;           /* the `job` line of the run that counts */
    char *stale_run;          /* that of a run before a requeue */
    char *complaint;          /* the script's own words of what is wrong */
    double progress_told;     /* the number that job_tell() has seen last; -1 = none */
    struct progress progress; /* of the engine's start, as its log or its script tells it */
    const char
        *exposed; /* "node", "cluster": to whom the script says that the engine is open; "" = nothing said */
    /* job_link.c */
    struct probe *probe;
    struct timer *probe_timer;
    struct list dials;
    char *loading; /* what the engine says while it loads; NULL = nothing */
    bool suspect;
    uint64_t suspect_since; /* mono_ms() */
    int failures;           /* probes in a row */
    uint64_t probe_ms;
};

static inline struct job_inner *inner(const struct job *j)
{
    return j->priv;
}

/* The one function that changes the state. */
void job_handle(struct job *j, enum job_event ev, const char *reason);
void job_set_error(struct job *j, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void job_tell(struct job *j); /* its model hears that something changed */

void job_set_id(struct job *j, const char *id); /* once; a further id is left alone */
void job_over(struct job *j);                   /* all that will be known of its end is known */

/* job.c, for job_create() and job_adopt(): in the house's list, in no state yet; unique_name and workdir are
 * taken over. */
struct job *job_new(struct cluster *c, struct model *m, char *unique_name, char *workdir);

/* job_adopt.c */
int job_keep(struct job *j, struct err *e);   /* write its record as things stand */
void job_unkeep(struct job *j);               /* its end is confirmed, or it never was */
bool job_may_still_come(const struct job *j); /* a submission of a former daemon may be under way even now */

/* job_submit.c */
bool job_on_loopback(const struct job *j); /* its engine listens on 127.0.0.1 of its node alone */
void job_submit(struct job *j);       /* while SUBMITTING */
void job_submit_again(struct job *j); /* likewise, where its reply was lost and it left no trace */
void job_scancel(struct job *j);      /* while ENDING */

/* job_seen.c */
bool job_has_run(const struct job *j); /* the scheduler lets it run, as far as we know */
void job_requeued(struct job *j);      /* this run is over, and the job is not */
void job_replace(char **s, const char *with);

/* job_link.c: must its engine prove that it is ours, as far as its script has told what guards it? */
bool job_wants_proof(const struct job *j);

/* job_link.c: an address was published, by the Comment or by `state`; taken if its host is one of the job's
 * nodes. */
void job_address(struct job *j, const char *host, int port, const char *addr);

/* job_watch.c */
void watch_create(struct job *j);
void watch_start(struct job *j); /* it runs: follow its files, keep its lease */
void watch_pace(struct job *j);  /* think again about how often */
void watch_stop(struct job *j);
void watch_lease(struct job *j); /* show now that a daemon wants it, whether it runs yet or not */
void watch_leave(struct job *j); /* job_leave() of one that lives on */
void watch_requeued(struct job *j);
void watch_last(struct job *j); /* one last look, then job_over() */
void watch_destroy(struct job *j);

/* job_link.c */
void link_create(struct job *j);
void link_open(struct job *j);  /* the address is known: begin to probe */
void link_close(struct job *j); /* no engine any more: what is in flight is lost */
void link_destroy(struct job *j);

#endif
