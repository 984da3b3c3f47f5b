/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_MODEL_PRIVATE_H
#define BACKEND_MODEL_PRIVATE_H
#include "backend/base/timer.h"
#include "backend/exchange.h"
#include "backend/house.h"
#include "backend/job/job.h"
#include "backend/model/line.h"
#include "backend/model/model.h"
#include "backend/model/model_table.h"
/* What the files of a model share of it: model.c (states), model_jobs.c (the set of its jobs), model_scale.c (how
 * many there should be), model_relay.c (time limits), model_queue.c (questions), model_pick.c (which job a question
 * goes to) and model_status.c. */

#define NEVER_MS UINT64_MAX

/* Where questions that begin alike went last. Beyond so many beginnings the oldest is forgotten: an engine's own
 * cache holds fewer. */
#define PREFIXES_KEPT 256

struct prefix_seen {
    uint64_t prefix, job; /* struct exchange's, struct job's number */
};

struct model {
    struct house *house;
    const struct model_config *cfg;
    struct settings *settings;
    /* Whose jobs answer its questions: the first model of its share, or itself. All that follows is that one's, and
     * unused in the others, but for what is marked as its own. */
    struct model *pool;
    struct list sharers, sharer; /* of a pool: those whose it is, itself too; and its place among its pool's */
    struct model *front;     /* of a twin: the model whose it is; else NULL */
    struct list twins, twin; /* model_users.c: its own, and its place among its front's */
    struct remote *remote;   /* of its cluster, where that is a gateway; else NULL */
    enum model_state shown; /* likewise: as it was told of last */
    /* Its own. */
    int own_waiting, own_active;
    unsigned long done, failed;
    int64_t prompt_tokens, completion_tokens;
    double per_s; /* of the last answer with figures; 0 = none yet */

    enum model_state state;
    struct timespec since;
    struct line line; /* the questions that wait, of all who share its jobs */
    int n_waiting, n_active;
    int n_held; /* of those that wait: no slot would take them */
    bool woken; /* without a question, and it is not ready yet */
    unsigned wakes;
    struct wake_time wake_times[WAKE_PHASES];
    struct timer *idle;
    struct timespec idle_since; /* zero while it is busy or not READY */
    uint64_t idle_ms;           /* the same by mono_ms() */
    bool dispatching;           /* a dispatch is posted */
    int rc;                     /* of last_error */
    char *last_error;

    /* model_jobs.c */
    struct timer *mind;    /* when it is to think again of its jobs */
    int relaunches;        /* jobs in a row that were lost while none was healthy */
    int short_lives;       /* jobs in a row that ended before they were healthy for a while */
    uint64_t may_begin_ms; /* mono_ms(): no further job is begun before */
    bool same_node;        /* the scheduler would not keep its jobs apart: that is not asked for again */
    int64_t time_s;        /* the time limit of the jobs of this wake; 0 = the configuration's */

    /* model_scale.c */
    int replicas;                 /* that a wake begins: the configuration's, or as `ctl replicas` says */
    int target;                   /* jobs that it should have while it is awake */
    bool stopped;                 /* by a person: min counts again from the next wake on */
    uint64_t full_since;          /* mono_ms(): questions wait for slots; 0 = they do not */
    uint64_t window_since;        /* mono_ms(): most_asked counts from there; 0 = it does not */
    int most_asked;               /* waiting and under way at a time, in that window */
    struct timespec pinned_until; /* zero = it is not */
    uint64_t pinned_ms;           /* the same by mono_ms() */

    /* model_relay.c */
    double queue_s, start_s, answer_s; /* what its own jobs and answers took, the long ones; 0 = not known */
    bool no_extension;                 /* one was refused: successors come instead */

    /* model_pick.c */
    struct prefix_seen prefixes[PREFIXES_KEPT];
    unsigned next_prefix;
};

/* model.c */
/* The one function that changes the state. */
void model_handle(struct model *m, enum model_event ev, const char *reason);
void model_want(struct model *m); /* a question or a person is there */
void model_event(struct model *m, enum model_state from, const char *reason); /* of all who share */
void model_set_error(struct model *m, int rc, const char *text);                    /* NULL: there is none */

/* cfg is its front's on a cluster of users, and lives as long as the house; pool: the twin whose jobs it has, NULL = it
 * has its own. */
struct model *model_create_twin(struct model *front, const struct model_config *cfg, struct model *pool);

/* ---- model_jobs.c: a job is kept while it counts for the model: live, and not let go. */
bool model_keeps(const struct model *m, const struct job *j);
int model_count_fresh(const struct model *m);  /* kept, and neither near their end nor surplus */
struct job *model_best(const struct model *m); /* the kept one that is farthest on its way, or NULL */
void model_let_go(struct model *m, struct job *j,
                  const char *why); /* cancelled, whatever is under way there */
void model_let_all_go(struct model *m, const char *why);
bool model_holds_any(const struct model *m); /* one that was let go has not ended yet */

/* Begin what is missing, as far as that may be done now; milliseconds until more may be, or NEVER_MS. */
uint64_t model_fill(struct model *m);
void model_job_ended(struct model *m, struct job *j); /* it counts no more: how soon may another be begun? */
void model_mind(struct model *m); /* soon: think of deadlines, time limits, how many jobs there should be */
void model_mind_cb(void *arg);    /* of the timer */

/* ---- model_scale.c */
int model_floor(const struct model *m); /* jobs that stay up although nobody asks */
int model_most(const struct model *m);
void model_wake_target(struct model *m);
uint64_t model_scale(struct model *m); /* likewise */
bool model_is_pinned(const struct model *m);
uint64_t model_pinned_ms(const struct model *m); /* for so long; 0 = it is not */

/* ---- model_relay.c */
uint64_t model_limits(struct model *m); /* likewise */
bool model_closes(const struct model *m,
                  const struct job *j);                       /* an answer begun there now would hardly end */
void model_learn_start(struct model *m, const struct job *j); /* it is healthy */
void model_learn_answer(struct model *m, double seconds);

/* ---- model_pick.c */
/* The job that takes this question now, or NULL where it has to wait. */
struct job *model_pick(struct model *m, const struct exchange *x);
bool model_has_slot(const struct model *m); /* any of its jobs */
int model_free_slots(const struct model *m);

/* model_queue.c */
void model_mind_idle(struct model *m);     /* something came or ended: does the idle clock run? */
void model_rewind_idle(struct model *m);   /* idle_timeout stays, but the pin changed */
/* What waits ends with rc and last_error: all, or with `until` those who asked no later. */
void model_fail_waiting(struct model *m, const struct timespec *until);

void model_fail_orphans(struct model *m); /* what waits for one job that takes no more questions */

/* All of one user's, or of all with (uid_t)-1. How many. */
int model_cancel(struct model *m, const struct model *of, uid_t uid, const char *why);

#endif
