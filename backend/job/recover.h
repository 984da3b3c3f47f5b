/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_RECOVER_H
#define BACKEND_RECOVER_H
#include <stdbool.h>
#include <stddef.h>
#include "backend/scheduler/scheduler.h"
/* What a daemon finds of a former one of the same identity that was killed, or that left its jobs: their
 * records (job_record.h). A job whose model is still configured goes to that model; one whose model is not is
 * cancelled; one whose cluster is not is left alone, since there is no way to it. */

struct house;
struct cluster;

void recover_jobs(struct house *h);   /* once the clusters and models are made; waits for nothing */
void recover_finish(struct house *h); /* the records stay */

/* ---- for cluster.c */
bool recover_waits(const struct cluster *c); /* there are jobs that nobody wants: queries are needed */

/* The model that a job nobody wants belonged to; NULL = none is known. */
const char *recover_model_of(const struct cluster *c, const char *unique_name);

/* A whole query: the records of unwanted jobs that are over go. */
void recover_seen(struct cluster *c, const struct job_info *v, size_t n);

#endif
