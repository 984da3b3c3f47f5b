/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_SCHEDULER_SLURM_KNOWN_H
#define BACKEND_SCHEDULER_SLURM_KNOWN_H
#include "backend/base/buf.h"
#include "backend/scheduler/slurm_parse.h"
/* The live jobs that Slurm has told us of. One that a later, seemingly whole query leaves out is gone only when
 * Slurm says so of its id: a list that lost its end between two rows looks like a shorter list. Pure. */

struct slurm_known {
    char (*ids)[SLURM_ID_SIZE];
    size_t n;
};

void slurm_known_add(struct slurm_known *k, const char *id);
/* The live ones of a whole query, in place of what was known. */
void slurm_known_set(struct slurm_known *k, const struct slurm_jobs *jobs);
void slurm_known_free(struct slurm_known *k);

/* At most so many ids are asked about at a time: the question is one command line. */
#define SLURM_ASKED_MAX 100

/* Take those out of k that jobs does not list. Returns how many there are in lacking; the caller frees it with
 * slurm_known_free(). */
size_t slurm_known_lacking(struct slurm_known *k, const struct slurm_jobs *jobs, struct slurm_known *lacking);

/* The shell commands that ask about each of the first SLURM_ASKED_MAX of lacking. */
void slurm_add_asking(struct buf *line, const struct slurm_known *lacking, const char *tag);

/* Read their output. Those that Slurm does not know are taken out of lacking. Returns 0 if none is left; -EPROTO
 * with a sentence about the first that is. */
int slurm_parse_asked(const char *out, size_t len, const char *tag, struct slurm_known *lacking,
                      struct err *e);

#endif
