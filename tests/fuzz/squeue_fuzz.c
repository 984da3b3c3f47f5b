/* SPDX-License-Identifier: MIT */
/* Any bytes are a whole queue, whose jobs are then well formed, or an error with a sentence; and what is read
 * of an output does not depend on what stands behind its end in memory. */
#include "backend/scheduler/slurm_parse.h"
#include "backend/base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define TAG "QKBMAPDC" /* of tests/data/squeue-22.05.txt */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_jobs(const struct slurm_jobs *jobs)
{
    for (size_t i = 0; i < jobs->n; i++) {
        const struct job_info *j = &jobs->v[i];
        size_t digits = strspn(j->id, "0123456789");
        if (digits == 0 || j->id[digits] != '\0' || strncmp(j->name, "sfs-", 4) != 0 || j->elapsed_s < -1)
            abort();
        nodelist_contains(j->nodes, "n1");
        nodelist_contains(j->nodes, j->comment);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slurm_jobs jobs = { 0 };
    struct err e = { "" };
    char id[SLURM_ID_SIZE];
    int status = -1;
    char *text = xcalloc(1, size + 1); /* of its exact size, but for a byte that is none of it */

    if (size > 0)
        memcpy(text, data, size);
    text[size] = 'x';
    if (slurm_parse_queue(text, size, TAG, "sfs-", 1, &jobs, &status, &e) == 0)
        check_jobs(&jobs);
    else if (e.text[0] == '\0' || jobs.v)
        abort();
    slurm_jobs_free(&jobs);

    if (slurm_parse_id(text, size, TAG, id) == 0 && (strlen(id) == 0 || strlen(id) >= SLURM_ID_SIZE))
        abort();
    free(slurm_words(text, size, TAG));
    slurm_parse_cancel(text, size, TAG, 1);
    text[size] = '\0';
    sched_state_parse(text);
    slurm_parse_elapsed(text);
    free(text);
    return 0;
}
