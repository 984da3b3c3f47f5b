/* SPDX-License-Identifier: MIT */
/* Which settings of the user's environment a job script of ours has a word of its own for. To sbatch such a variable is above
 * an #SBATCH line, so what a profile says for all jobs would replace what the configuration says for this one.
 * Source: sbatch(1) 22.05, INPUT ENVIRONMENT VARIABLES. */
#include "backend/scheduler/slurm_inside.h"

#include <string.h>

static const struct {
    const char *option; /* long */
    char letter;        /* 0: it has no short form */
    const char *variable;
} settings[] = {
    { "account", 'A', "SBATCH_ACCOUNT" },
    { "constraint", 'C', "SBATCH_CONSTRAINT" },
    { "error", 'e', "SBATCH_ERROR" },
    { "exclusive", 0, "SBATCH_EXCLUSIVE" },
    { "export", 0, "SBATCH_EXPORT" },
    { "gpus", 'G', "SBATCH_GPUS" },
    { "gpus-per-node", 0, "SBATCH_GPUS_PER_NODE" },
    { "gres", 0, "SBATCH_GRES" },
    { "mem", 0, "SBATCH_MEM_PER_NODE" },
    { "mem-per-cpu", 0, "SBATCH_MEM_PER_CPU" },
    { "mem-per-gpu", 0, "SBATCH_MEM_PER_GPU" },
    { "output", 'o', "SBATCH_OUTPUT" },
    { "partition", 'p', "SBATCH_PARTITION" },
    { "qos", 'q', "SBATCH_QOS" },
    { "reservation", 0, "SBATCH_RESERVATION" },
    { "time", 't', "SBATCH_TIMELIMIT" },
};

static bool is_option(const char *word, size_t len, const char *option, char letter)
{
    size_t n = strlen(option);

    if (len < 2 || word[0] != '-')
        return false;
    if (word[1] != '-')
        return letter && word[1] == letter;
    return len >= n + 2 && strncmp(word + 2, option, n) == 0 && (len == n + 2 || word[n + 2] == '=');
}

/* Does a line "#SBATCH WORD .." of it have the option? They end where the commands begin. */
static bool has_option(const char *script, const char *option, char letter)
{
    const char *end;

    for (const char *line = script; *line == '#' || *line == '\n'; line = end + (*end == '\n')) {
        end = line + strcspn(line, "\n");
        if (strncmp(line, "#SBATCH", 7) != 0)
            continue;
        for (const char *word = line + 7; word < end;) {
            size_t len = strcspn(word, " \t\n");
            if (is_option(word, len, option, letter))
                return true;
            word += len;
            word += strspn(word, " \t");
        }
    }
    return false;
}

void slurm_add_overruled(struct buf *names, const char *script)
{
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        if (has_option(script, settings[i].option, settings[i].letter))
            buf_addf(names, " %s", settings[i].variable);
}
