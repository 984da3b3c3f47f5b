/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_SCHEDULER_SLURM_INSIDE_H
#define BACKEND_SCHEDULER_SLURM_INSIDE_H
#include "backend/scheduler/slurm_known.h"
#include "backend/scheduler/slurm_parse.h"
#include "backend/base/buf.h"
#include "backend/base/list.h"
/* What the files of kind "slurm" share: its state, and how a command of its is made, run and judged. All of it
 * is of the loop's thread. */

/* The most pending jobs of ours whose positions are counted. */
#define MAX_PLACES 16

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

/* Letters that mean nothing to any shell, inside and outside of quotes? */
bool slurm_plain_words(const char *s);

/* Begin a command line: it prints the tag, unsets the named variables of the user's and sets $T, which ends a
 * program that hangs. The line wants a closing single quote at its end. */
void slurm_begin(struct buf *b, const struct slurm *s, const char *unset);

/* Run the line, which is freed, with input (or NULL) on its standard input; cb gets the call as its argument and
 * ends it by slurm_call_free(). */
struct call *slurm_run(struct slurm *s, struct buf *line, const char *input, uint64_t timeout_ms,
                       command_f cb);
/* The same for a further command of the same call. */
void slurm_run_on(struct call *c, struct buf *line, const char *input, uint64_t timeout_ms, command_f cb);
void slurm_call_free(struct call *c);

/* Why a command that ran did not do its work, where that is not for Slurm to say. 0 where it is. */
int slurm_shell_error(const struct slurm *s, const char *program, int exit_status, struct err *e);

/* -EIO with a sentence where a command that ended was never begun: the login shell printed no tag. 0 where it was. */
int slurm_not_reached(const struct slurm *s, const char *program, const struct command_result *r, struct err *e);

/* slurm_script.c: add " NAME" for each variable of the user's that would replace an #SBATCH line of the script. */
void slurm_add_overruled(struct buf *names, const char *script);

/* slurm_queue.c: the scheduler's query. */
void slurm_query(struct scheduler *sched, sched_query_f cb, void *arg);

#endif
