/* SPDX-License-Identifier: MIT */
#include "backend/scheduler/scheduler.h"
#include "backend/scheduler/kinds.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* ---- The kinds. A row here and a file beside it is all that a new one takes. */

static const struct scheduler_ops *const scheduler_kinds[] = {
    &slurm_scheduler,
    &local_scheduler,
    &gateway_scheduler,
    &fake_scheduler,
};
#define N_KINDS (sizeof(scheduler_kinds) / sizeof(scheduler_kinds[0]))

int scheduler_create(struct scheduler **out, const struct scheduler_params *p, struct err *e)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (strcmp(scheduler_kinds[i]->kind, p->cluster->kind) == 0)
            return scheduler_kinds[i]->create(out, p, e);
    return err_set(e, -EINVAL,
                   "cluster.%s: kind \"%s\" is unknown; there are \"slurm\", \"local\", \"gateway\" and "
                   "\"fake\"",
                   p->cluster->name, p->cluster->kind);
}

/* ---- States. Source: squeue(1) 22.05, JOB STATE CODES; LAUNCH_FAILED, POWER_UP_NODE and UPDATE_DB, which
 * the man page does not list, from slurm/slurm.h of the same version. */

static const struct {
    const char *code, *word;
    enum sched_state state;
} words[] = {
    { "BF", "BOOT_FAIL", SCHED_FAILED },      { "CA", "CANCELLED", SCHED_ENDED },
    { "CD", "COMPLETED", SCHED_ENDED },       { "CF", "CONFIGURING", SCHED_CONFIGURING },
    { "CG", "COMPLETING", SCHED_ENDING },     { "DL", "DEADLINE", SCHED_FAILED },
    { "F", "FAILED", SCHED_FAILED },          { "LF", "LAUNCH_FAILED", SCHED_FAILED },
    { "NF", "NODE_FAIL", SCHED_LOST },        { "OOM", "OUT_OF_MEMORY", SCHED_FAILED },
    { "PD", "PENDING", SCHED_PENDING },       { "PO", "POWER_UP_NODE", SCHED_CONFIGURING },
    { "PR", "PREEMPTED", SCHED_LOST },        { "R", "RUNNING", SCHED_RUNNING },
    { "RD", "RESV_DEL_HOLD", SCHED_PENDING }, { "RF", "REQUEUE_FED", SCHED_PENDING },
    { "RH", "REQUEUE_HOLD", SCHED_PENDING },  { "RQ", "REQUEUED", SCHED_PENDING },
    { "RS", "RESIZING", SCHED_RUNNING },      { "RV", "REVOKED", SCHED_LOST },
    { "S", "SUSPENDED", SCHED_SUSPENDED },    { "SE", "SPECIAL_EXIT", SCHED_PENDING },
    { "SI", "SIGNALING", SCHED_RUNNING },     { "SO", "STAGE_OUT", SCHED_RUNNING },
    { "ST", "STOPPED", SCHED_SUSPENDED },     { "TO", "TIMEOUT", SCHED_FAILED },
    { "UD", "UPDATE_DB", SCHED_ENDING },
};
#define N_WORDS (sizeof(words) / sizeof(words[0]))

/* sacct cuts a word that is too wide for its column and ends it with '+': "OUT_OF_ME+". Eight letters tell
 * all states apart but the REQUEUE ones, which mean the same to us. */
#define SHORTEST_CUT 8

enum sched_state sched_state_parse(const char *word)
{
    size_t n = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_");

    for (size_t i = 0; i < N_WORDS; i++)
        if ((strlen(words[i].word) == n && strncasecmp(words[i].word, word, n) == 0) ||
            (strlen(words[i].code) == n && strncasecmp(words[i].code, word, n) == 0))
            return words[i].state;
    if (word[n] == '+' && n >= SHORTEST_CUT)
        for (size_t i = 0; i < N_WORDS; i++)
            if (strncasecmp(words[i].word, word, n) == 0)
                return words[i].state;
    return SCHED_UNKNOWN;
}
