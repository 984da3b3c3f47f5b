/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_JOB_RECORD_H
#define BACKEND_JOB_RECORD_H
#include <stdbool.h>
#include <stddef.h>
#include <time.h>
#include "backend/base/err.h"
/* What is kept of a job on this machine, so that the next daemon of the same identity knows it: one JSON file
 * of mode 0600 for each in a directory of the mount's own, named by the job's unique name, from before it is
 * submitted until its scheduler has confirmed its end. The calls wait for the disk; there are three of them in
 * the life of a job. */

struct job_record {
    char *unique_name; /* also the file's name */
    char *model, *cluster;
    char *workdir;    /* on the cluster */
    char *script;     /* as submitted, secrets masked; "" = not known */
    char *id;         /* the scheduler's; NULL while its reply is not known */
    char secret[65];  /* 64 hex digits */
    time_t submitted; /* when the intent was stored; for people, and for the age of one that left no trace */
    bool ending;      /* it was told to end, and is not to be taken up again */
};

/* Write it, or write it again, and have it on disk: under a temporary name first, so that a crash leaves the
 * former text or the new one. 0, or a negative errno (-ENOSPC, -EROFS, ..) with a sentence that names the
 * file. */
int job_record_write(const char *dir, const struct job_record *r, struct err *e);

/* There is none is no error. */
void job_record_remove(const char *dir, const char *unique_name);

/* All records of dir, whose names begin with prefix. A file that is damaged, of a newer version or no record
 * of ours is named in the log and renamed to *.bad, and what a crash left half written is removed. *v is to
 * be given to job_records_free(). Returns how many. */
size_t job_records_load(const char *dir, const char *prefix, struct job_record **v);
void job_records_free(struct job_record *v, size_t n); /* wipes the secrets; NULL is allowed */

#endif
