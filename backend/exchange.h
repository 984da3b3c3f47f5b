/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_EXCHANGE_H
#define BACKEND_EXCHANGE_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>
#include "backend/base/list.h"
#define EXCHANGE_LOST_BY  2 /* jobs that lost it are remembered: it is not sent more often than once more */
#define EXCHANGE_PREFIXES 2
/* The priority of work that nobody waits for: it goes out when no question of a person waits. Set behind
 * exchange_init(), before it is submitted. */
#define EXCHANGE_BACKGROUND (-1)

/* One question and its answer, whichever door it came through. The model holds it until a job has a free
 * slot; then its kind sends it (prompt.c for `ask`; the gateway's relay for HTTP) and reports here what
 * happens. This file decides what a report means: goes on, goes to another job, or ends. It ends exactly
 * once. First member of each kind's own struct; reference counted. Loop thread. */

struct exchange;
struct model;
struct job;
struct house;

enum exchange_state {
    EXCHANGE_WAITING,   /* for a job, or for a slot of one */
    EXCHANGE_SENT,      /* on its way to an engine; no text yet */
    EXCHANGE_STREAMING, /* the first text came: never repeated from here on */
    EXCHANGE_DONE,
    EXCHANGE_FAILED,    /* rc and error say why */
    EXCHANGE_CANCELLED, /* likewise, rc is -ECANCELED */
};

struct exchange_ops {
    const char *kind;
    bool by_user; /* it counts for its user's [limits] */
    /* x->job has a slot for you: send, from the beginning. Called again after a loss. */
    void (*send)(struct exchange *x);
    /* End what is under way upstream at once; report nothing of it any more. */
    void (*drop)(struct exchange *x);
    /* The state moved (once more at the end); not for each piece of text. May be NULL. */
    void (*changed)(struct exchange *x);
    /* The last reference went. */
    void (*destroy)(struct exchange *x);
};

struct exchange {
    const struct exchange_ops *ops;
    int refs;
    struct list link;    /* in model->waiting, or in job->active */
    uint64_t id;         /* unique in this run */
    uid_t uid;           /* whose it is */
    struct model *model; /* NULL once ended */
    uint64_t asker;      /* who takes turns with others: the uid, until its kind knows better */
    int priority;        /* higher ones go first; EXCHANGE_BACKGROUND, 0, .. */
    uint64_t turn;       /* its place in the order in which the model took its questions */
    uint64_t round;      /* line.c */
    struct job *job;     /* while SENT or STREAMING, else NULL */
    char job_name[96];   /* the last job it was sent to, "" if none */
    enum exchange_state state;
    int rc;                               /* negative errno when FAILED or CANCELLED */
    char *error;                          /* its sentence; owned; NULL while there is none */
    bool held;                            /* another has to end first: it is passed over until model_release() */
    uint64_t only;                        /* number of the one job that is asked; 0 = any of the model's */
    uint64_t lost_by[EXCHANGE_LOST_BY];   /* numbers of those jobs; 0 = none */
    uint64_t prefixes[EXCHANGE_PREFIXES]; /* of its beginning, the longer one first; 0 = none */
    bool piped;                           /* see exchange_piped() */
    bool once;                            /* a part of it is not kept: it cannot be sent again */
    int losses;                           /* engines lost under it before its first text */
    struct timespec asked, begun, ended;  /* wall clock; zero while not reached */
    int64_t prompt_tokens, completion_tokens;
    char finish_reason[32];
    struct timer *stall; /* runs while SENT or STREAMING */
};

/* One reference, the caller's. */
void exchange_init(struct exchange *x, const struct exchange_ops *ops, uid_t uid);

/* What it asks, or the beginning of it: questions that begin alike go to the same job where load allows. Before it
 * is submitted. */
void exchange_set_beginning(struct exchange *x, const char *text, size_t len);
struct exchange *exchange_ref(struct exchange *x);
void exchange_unref(struct exchange *x); /* NULL is allowed */
bool exchange_ended(const struct exchange *x);

/* Reports of the kind, while SENT or STREAMING; ignored after the end. */
void exchange_alive(struct exchange *x); /* any byte from the engine: the stall clock starts anew */
void exchange_begun(struct exchange *x); /* first text; before it is shown to anybody */
/* It begins, and is bytes both ways for as long as its ends like: its model is busy with it, but it takes no slot
 * any more, and may say nothing for longer than stall_timeout. */
void exchange_piped(struct exchange *x);
void exchange_paused(struct exchange *x, bool paused); /* we do not read: the stall clock rests */
void exchange_done(struct exchange *x);
void exchange_failed(struct exchange *x, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void exchange_failed_with(struct exchange *x, int rc,
                          char *error); /* error is taken over, however long it is */
/* The engine or the way to it was lost. Before the first text it goes to the next job, twice at most
 * (CONTRACT.md 3.4), then fails with EIO; after it, it fails with ECONNRESET. The job is told to look whether
 * it is still healthy. */
void exchange_lost(struct exchange *x, const char *why);

/* The engine said no, and its kind will ask in another way: send() is called again. Before the first text alone. */
void exchange_again(struct exchange *x);

/* From outside, in any state; nothing happens to one that ended. */
void exchange_cancel(struct exchange *x, const char *why);

#endif
