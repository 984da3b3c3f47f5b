/* SPDX-License-Identifier: MIT */
/* What stands for slullama's eleven placeholders. The texts are those that slullama 0.1.3 puts in, so that its templates
 * do the same here, but for three: the port and log_dir are ours, and the path of the copied program is what slullama
 * meant it to be (a value is not read again, so that `$$` in one is two dollars, the shell's own number).
 * Source: slullama 0.1.3, template.py, seen in a run. */
#include "backend/engine/template.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define COPY "/tmp/slullama_ollama_$SLURM_JOB_ID" /* where the program is copied to on the node */

void template_time(struct buf *out, int64_t t)
{
    if (t > 0)
        buf_addf(out, "%" PRId64 "-%02d:%02d:%02d", t / 86400, (int)(t / 3600 % 24), (int)(t / 60 % 60),
                 (int)(t % 60));
}

static const char *source_of(const struct model_config *m)
{
    return *m->copy_source ? m->copy_source : m->binary;
}

static bool is_copied(const struct model_config *m)
{
    return m->copy_binary && *source_of(m);
}

static void add_binary(const struct model_config *m, struct buf *out)
{
    buf_adds(out, is_copied(m) ? COPY : *m->binary ? m->binary : "ollama");
}

static void add_extra(const struct model_config *m, struct buf *out)
{
    const struct job_config *j = &m->job;

    if (*j->mem)
        buf_addf(out, "#SBATCH --mem=%s", j->mem);
    for (size_t i = 0; i < j->extra_args.n; i++)
        buf_addf(out, "%s#SBATCH %s", *j->mem || i ? "\n" : "", j->extra_args.v[i]);
}

static void add_pulls(const struct model_config *m, struct buf *out)
{
    for (size_t i = 0; i < m->pre_pull.n; i++) {
        buf_adds(out, i ? "\n" : "");
        add_binary(m, out);
        buf_addf(out, " pull \"%s\"", m->pre_pull.v[i]);
    }
    if (!m->pre_pull.n)
        buf_adds(out, "# (no pre-pull configured)");
}

/* They stand between double quotes, where a dollar is the shell's: $HOME is meant to work. */
static int check_value(const char *key, const char *value, struct err *e)
{
    if (!strpbrk(value, "\"\\`\n"))
        return 0;
    return err_set(e, -EINVAL, "%s = \"%s\" cannot stand between the quotes of a shell script", key, value);
}

static int check_values(const struct model_config *m, struct err *e)
{
    int rc = check_value("copy_source", m->copy_source, e);

    if (rc == 0)
        rc = check_value("models_dir", m->models_dir, e);
    if (rc == 0)
        rc = check_value("binary", m->binary, e);
    for (size_t i = 0; i < m->pre_pull.n && rc == 0; i++)
        rc = check_value("pre_pull", m->pre_pull.v[i], e);
    return rc;
}

/* ---- One function a name. */

static void add_partition(const struct model_config *m, struct buf *out)
{
    buf_adds(out, m->job.partition);
}

static void add_gres(const struct model_config *m, struct buf *out)
{
    buf_adds(out, m->job.gres);
}

static void add_time(const struct model_config *m, struct buf *out)
{
    template_time(out, m->job.time_s);
}

static void add_log_dir(const struct model_config *m, struct buf *out)
{
    (void)m;
    buf_adds(out, TEMPLATE_DIR);
}

static void add_port(const struct model_config *m, struct buf *out)
{
    (void)m;
    buf_adds(out, TEMPLATE_PORT);
}

static void add_models_env(const struct model_config *m, struct buf *out)
{
    if (*m->models_dir)
        buf_addf(out, "export OLLAMA_MODELS=\"%s\"", m->models_dir);
    else
        buf_adds(out, "# (using default model dir)");
}

static void add_copy(const struct model_config *m, struct buf *out)
{
    if (is_copied(m))
        buf_addf(out, "cp \"%s\" \"" COPY "\" && chmod +x \"" COPY "\"", source_of(m));
    else
        buf_adds(out, "# (no copy configured)");
}

static void add_cleanup(const struct model_config *m, struct buf *out)
{
    buf_adds(out, is_copied(m) && m->cleanup_binary ? "rm -f \"" COPY "\"" : "# (no cleanup configured)");
}

static const struct {
    const char *name;
    void (*add)(const struct model_config *m, struct buf *out);
} values[] = {
    { "partition", add_partition },
    { "gres", add_gres },
    { "time", add_time },
    { "log_dir", add_log_dir },
    { "extra_sbatch", add_extra },
    { "copy_commands", add_copy },
    { "ollama_port", add_port },
    { "models_env", add_models_env },
    { "cleanup_commands", add_cleanup },
    { "ollama_binary", add_binary },
    { "pull_commands", add_pulls },
};

_Static_assert(sizeof values / sizeof values[0] == TEMPLATE_N_NAMES, "as many as the header says");

void template_list_names(const char *names[TEMPLATE_N_NAMES])
{
    for (size_t i = 0; i < TEMPLATE_N_NAMES; i++)
        names[i] = values[i].name;
}

int template_value(const char *name, size_t len, const struct model_config *m, struct buf *out, struct err *e)
{
    for (size_t i = 0; i < TEMPLATE_N_NAMES; i++) {
        int rc;
        if (strlen(values[i].name) != len || memcmp(values[i].name, name, len))
            continue;
        rc = check_values(m, e);
        if (rc == 0)
            values[i].add(m, out);
        return rc;
    }
    return -ENOENT;
}
