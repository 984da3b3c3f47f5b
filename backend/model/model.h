/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_MODEL_H
#define BACKEND_MODEL_H
#include <jansson.h>
#include <stdbool.h>
#include "backend/base/err.h"
#include "backend/base/list.h"
#include "backend/config/config.h"
/* The life of one model: it sleeps until a question comes, holds questions while a job starts, hands them out
 * to the slots of its jobs in order, and goes to sleep when nobody asked for idle_timeout. model.c has the state
 * table. Loop thread. */

struct house;
struct model;
struct job;
struct exchange;
struct settings;

enum model_state { MODEL_ASLEEP, MODEL_QUEUED, MODEL_STARTING, MODEL_READY, MODEL_DRAINING, MODEL_FAILED };

/* A model whose cfg->share an earlier one of the house has gets that one's jobs: what is said below of states and jobs
 * is then said of all of them. */
struct model *model_create(struct house *h, const struct model_config *cfg);
void model_destroy(struct model *m); /* exchanges left are cancelled; NULL is allowed */

const struct model_config *model_config(const struct model *m);
enum model_state model_state(const struct model *m);
const char *model_state_name(enum model_state s);
struct settings *model_settings(const struct model *m); /* its system prompt and parameters */
struct job *model_job(const struct model *m); /* the oldest healthy one, else the oldest live one, or NULL */

/* Requests that all its healthy jobs together answer at a time. */
int model_slots(const struct model *m);

/* Would a further question be refused now? 0, or -EBUSY with the sentence: asked when `ask` is opened. */
int model_may_ask(const struct model *m, struct err *e);
/* The same for a user of the files, whose limits count too: also -EDQUOT. It is model_for() him that is asked. */
int model_may_ask_as(struct model *m, uid_t uid, struct err *e);

/* j is, or was, one of its jobs: all models of a share have the same. */
bool model_has_job(const struct model *m, const struct job *j);

/* Each model that has this one's jobs, itself too: of users with a cluster of their own, those that all see. */
void model_each_sharer(const struct model *m, void (*each)(void *arg, struct model *one), void *arg);

/* Likewise, and takes new questions. */
bool model_lets_in(const struct model *m, const struct job *j);

/* Take a question: wakes the model if need be, which is model_for() x->uid. A reference of x is taken until it ended.
 * -EBUSY (queue full), -ECANCELED (we are ending), with the sentence; x is then unchanged. */
int model_submit(struct model *m, struct exchange *x, struct err *e);

/* The same for one that an earlier mount had taken: the queue's limit does not count. */
int model_resume(struct model *m, struct exchange *x, struct err *e);

/* As a question would; joins a wake under way; a failed model tries again. */
void model_wake(struct model *m);
void model_wake_for(struct model *m,
                    int64_t time_s); /* likewise, and jobs begun until it sleeps have this time limit */

/* So many jobs from now on, also at the next wakes; a sleeping model is woken. -EINVAL with the sentence. */
int model_set_replicas(struct model *m, int n, struct err *e);

/* It does not fall asleep, and has successors begun at time limits, for so long; 0 ends that. It wakes nothing. */
void model_pin(struct model *m, int64_t seconds);

/* Ask for a later time limit of all its running jobs, or of one; what comes of it is told in `events`, and a refusal
 * in last_error too. -EINVAL with the sentence where none runs, or has a limit. */
int model_extend(struct model *m, int64_t seconds, struct err *e);
int model_extend_job(struct job *j, int64_t seconds, struct err *e);

/* Cancels what waits and what is in flight (ECANCELED) and its jobs. why is shown to those readers. */
void model_stop(struct model *m, const char *why);

/* Cancel every exchange of one user, or of all with (uid_t)-1, its twins' too. Returns how many. */
int model_cancel_all(struct model *m, uid_t uid);

/* ---- Users with a cluster of their own: model_users.c */
/* Where this user's questions go: m itself, or its twin on his cluster. NULL with the sentence: it cannot run there. */
struct model *model_for(struct model *m, uid_t uid, struct err *e);
struct model *model_seen_by(struct model *m, uid_t uid); /* the same for a look at it: never NULL */

/* m or its twin on that cluster; NULL where it has nothing to do there, with a sentence if that is odd. */
struct model *model_on(struct model *m, const struct cluster_config *k, struct err *e);
const struct model *model_beside(const struct model *m, const struct cluster_config *k); /* likewise, if it was made */

void model_stop_all(struct model *m, const char *why); /* model_stop(), its twins too */

/* status as CONTRACT.md section 5 shows it; a new reference. */
json_t *model_status(const struct model *m);
int64_t model_wait_s(const struct model *m); /* until it may be ready, as far as that is known; 0 = it is not */
void model_counts(const struct model *m, int *waiting, int *active); /* also how the root's status shows it */

/* What it has been asked, and what it has answered. */
enum model_figure {
    MODEL_WAITING,
    MODEL_ACTIVE,
    MODEL_DONE,
    MODEL_FAILED_REQUESTS,
    MODEL_PROMPT_TOKENS,
    MODEL_COMPLETION_TOKENS
};
int64_t model_figure(const struct model *m, enum model_figure which);

unsigned
model_wakes(const struct model *m); /* jobs that were asked for; those of a share count for its first */

/* What those took that became healthy: until they ran, and from there. */
enum wake_phase { WAKE_QUEUED, WAKE_STARTING, WAKE_PHASES };
struct wake_time {
    double seconds; /* of all together */
    unsigned n;
};
struct wake_time model_wake_time(const struct model *m, enum wake_phase phase);

/* ---- for exchange.c, job.c and prompt.c */
void model_requeue(struct model *m, struct exchange *x); /* lost before its first text: first in line again */
void model_post_dispatch(struct model *m); /* soon: hand out what waits to the slots that are free */
void model_exchange_ended(struct model *m, struct exchange *x);
void model_release(struct model *m, struct exchange *x); /* one that waits is held no more */
struct house *model_house(const struct model *m);
json_t *model_since(const struct model *m); /* when its state began; a new reference */

/* j, a live job of an earlier mount, is one of its jobs from now on, in whatever state both are. A model without jobs
 * keeps as many as it adopts, up to its max; its min counts all the same. Before the loop runs, or at any time later. */
void model_adopt(struct model *m, struct job *j);

/* Its scheduler would not begin a job off the nodes of the others, and has without that wish. m may be NULL. */
void model_same_node(struct model *m);

/* It is a model of a gateway, and not ready there: questions wait there. */
bool model_is_held(const struct model *m);

/* The gateway cannot be asked, and what is under way there goes on: those who wait hear of it. */
void model_far_failed(struct model *m, int rc, const char *why);

/* Something changed of the gateway whose model it is; nothing for any other. */
void model_far_changed(struct model *m);

/* Something changed of one of its jobs; acted upon through the mailbox. m may be NULL. */
void model_job_news(struct model *m, struct job *j);

/* A question waits or is under way, or a person waits for it to be ready. */
bool model_is_wanted(const struct model *m);

#endif
