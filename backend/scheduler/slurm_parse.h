/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_SCHEDULER_SLURM_PARSE_H
#define BACKEND_SCHEDULER_SLURM_PARSE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include "backend/base/err.h"
#include "backend/scheduler/scheduler.h"
/* What sbatch, squeue and scancel print, read by pure functions. slurm.c makes each command print a tag, some
 * random letters that nothing else on the way can print: login shells greet, wrappers warn, comments hold
 * line feeds, and none of it is taken for an answer. Outputs need not end with a NUL. Source: captures of
 * Slurm 22.05 in tests/data. */

/* The line that begins our part of an output is the tag alone, on stdout and on stderr. In the stdout of a
 * query follow, after whatever else:
 *
 *   TAG now EPOCH YYYY-MM-DDTHH:MM:SS     the login node's clock, in two forms
 *   TAG[ id |TAG| state ... comment ]TAG  a row; no blanks around |TAG|, and line feeds may be in it
 *   TAG end STATUS                        the exit status of squeue
 *   TAG place NUMBER:ID                   position among the pending jobs of its partition
 *
 * The fields of a row, in the letters of squeue -o: */
#define SLURM_FIELDS                                                                                         \
    {                                                                                                        \
        "%i", "%T", "%N", "%P", "%S", "%L", "%M", "%r", "%j", "%k"                                           \
    }
#define SLURM_N_FIELDS 10

/* The first field of the first row, which is squeue's heading. It is asked for as a proof that squeue
 * understood the question: without one, nothing or garbage on the output and a status of 0 would mean that
 * there are no jobs. */
#define SLURM_HEADING "JOBID"

struct slurm_jobs {
    struct job_info *v;      /* n of them; strings point into text */
    const char **partitions; /* n of them */
    size_t n;
    struct job_info *
        others; /* n_others: jobs of the user's that are none of any mount's, run, and tell where they serve */
    size_t n_others;
    char *text;
};

/* Read the output of a query.
 * prefix  rows whose name does not begin with it are left out, or are among the others
 * now     the wall clock of this machine: expected_start is told by it
 * Returns 0; -EIO where squeue exited with another status than 0, with that in *status; -EPROTO where the
 * output is not whole or a row is odd, with a sentence that quotes it. */
int slurm_parse_queue(const char *out, size_t len, const char *tag, const char *prefix, time_t now,
                      struct slurm_jobs *jobs, int *status, struct err *e);
void slurm_jobs_free(struct slurm_jobs *jobs);

#define SLURM_ID_SIZE 12 /* a 32-bit number and a NUL */

/* The id that `sbatch --parsable` printed behind the tag, "12345" or "12345;cluster". 0 or -ENOENT. */
int slurm_parse_id(const char *out, size_t len, const char *tag, char id[SLURM_ID_SIZE]);

/* What was printed behind the tag, or all where there is no tag (then the command was not reached). */
bool slurm_behind_tag(const char *out, size_t len, const char *tag, const char **rest, size_t *rest_len);

/* Slurm's own words in a standard error: all lines that it marked as errors, without the marks, joined by ";
 * "; else the last line; "" where there is none. At most the last 400 bytes. The caller frees it. */
char *slurm_words(const char *errout, size_t len, const char *tag);

/* Do the words say that the controller was not reached or did not answer, so that nothing is known of the
 * request? */
bool slurm_words_unsure(const char *words);

/* What scancel of n ids said in its standard error. 0; -ENOENT it knows none of them; -EACCES; -EIO any other
 * error. */
int slurm_parse_cancel(const char *errout, size_t len, const char *tag, size_t n);

/* "4:56" "1:00:00" "2-03:04:05" to seconds; -1 for "UNLIMITED", "N/A", "INVALID" and all else. */
int64_t slurm_parse_elapsed(const char *s);

#endif
