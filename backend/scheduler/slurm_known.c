/* SPDX-License-Identifier: MIT */
/* See slurm_known.h. The question and its answers, for each id:
 *
 *   squeue -a -t all -j ID -o %i      JOBID, and the id where it is known
 *   TAG asked ID STATUS               1 with "Invalid job id specified" where it is not (squeue 22.05)
 *
 * Versions that print the heading alone for an unknown id, with a status of 0, are understood too. */
#include "backend/scheduler/slurm_known.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void slurm_known_add(struct slurm_known *k, const char *id)
{
    k->ids = xrealloc(k->ids, (k->n + 1) * sizeof(*k->ids));
    snprintf(k->ids[k->n++], SLURM_ID_SIZE, "%s", id);
}

static bool is_live(enum sched_state s)
{
    return s != SCHED_ENDED && s != SCHED_FAILED && s != SCHED_LOST;
}

void slurm_known_set(struct slurm_known *k, const struct slurm_jobs *jobs)
{
    k->n = 0;
    for (size_t i = 0; i < jobs->n; i++)
        if (is_live(jobs->v[i].state))
            slurm_known_add(k, jobs->v[i].id);
}

void slurm_known_free(struct slurm_known *k)
{
    free(k->ids);
    *k = (struct slurm_known){ 0 };
}

static bool is_listed(const struct slurm_jobs *jobs, const char *id)
{
    for (size_t i = 0; i < jobs->n; i++)
        if (strcmp(jobs->v[i].id, id) == 0)
            return true;
    return false;
}

size_t slurm_known_lacking(struct slurm_known *k, const struct slurm_jobs *jobs, struct slurm_known *lacking)
{
    size_t kept = 0;

    *lacking = (struct slurm_known){ 0 };
    for (size_t i = 0; i < k->n; i++) {
        if (is_listed(jobs, k->ids[i]))
            memmove(k->ids[kept++], k->ids[i], SLURM_ID_SIZE);
        else
            slurm_known_add(lacking, k->ids[i]);
    }
    k->n = kept;
    return lacking->n;
}

void slurm_add_asking(struct buf *line, const struct slurm_known *lacking, const char *tag)
{
    for (size_t i = 0; i < lacking->n && i < SLURM_ASKED_MAX; i++)
        buf_addf(line, "$T squeue -a -t all -j %s -o %%i 2>&1; r=$?; echo; echo %s asked %s $r; ",
                 lacking->ids[i], tag, lacking->ids[i]);
}

/* Is there a line that is word, or begins with it and a mark of a job array or a component? */
static bool has_line(const char *s, const char *word)
{
    size_t len = strlen(word);

    for (; s; s = strchr(s, '\n') ? strchr(s, '\n') + 1 : NULL)
        if (strncmp(s, word, len) == 0 && strchr("\n_+", s[len]))
            return true;
    return false;
}

/* What squeue said of one id, and its exit status. */
static bool says_gone(const char *said, const char *id, int status)
{
    if (status != 0)
        return strstr(said, "Invalid job id") != NULL;
    return has_line(said, SLURM_HEADING) && !has_line(said, id);
}

int slurm_parse_asked(const char *out, size_t len, const char *tag, struct slurm_known *lacking,
                      struct err *e)
{
    const char *rest;
    size_t rest_len;
    char mark[64];
    size_t left = 0;

    slurm_behind_tag(out, len, tag, &rest, &rest_len);
    char *text = xstrndup(rest, rest_len), *at = text;

    for (size_t i = 0; i < lacking->n; i++) {
        int status, n = snprintf(mark, sizeof(mark), "\n%s asked %s ", tag, lacking->ids[i]);
        char *end = strstr(at, mark);
        if (end && strchr(end + n, '\n') && sscanf(end + n, "%3d", &status) == 1) {
            *end = '\0';
            bool gone = says_gone(at, lacking->ids[i], status);
            at = end + n;
            if (gone)
                continue;
        }
        memmove(lacking->ids[left++], lacking->ids[i], SLURM_ID_SIZE);
    }
    lacking->n = left;
    free(text);
    if (left == 0)
        return 0;
    return err_set(e, -EPROTO, "squeue left out job %s, and Slurm does not say that it is gone",
                   lacking->ids[0]);
}
