/* SPDX-License-Identifier: MIT */
/* Builds a job's script: #SBATCH lines, variables, the engine's shell lines, and job.sh, which does the work.
 * Called by job_submit.c when a job is submitted.
 *
 * Every value of the configuration is either inside single quotes, where the shell sees no character but the
 * quote, or checked; an #SBATCH line is parsed by sbatch and not by the shell, so those are checked. The one
 * piece of shell that a user writes, `setup`, is a quoted string too, which the job evaluates in the engine's
 * process: a mistake in it cannot break the prologue. */
#include "backend/engine/engine.h"
#include "backend/base/alloc.h"
#include "backend/engine/template.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

extern const char text_job[], text_relay[], text_relay_program[], text_image[], text_template[];

#define MASK "***" /* as config shows it */

static bool has_control(const char *s)
{
    for (; *s; s++)
        if (iscntrl((unsigned char)*s))
            return true;
    return false;
}

static void add_quoted(struct buf *out, const char *s)
{
    buf_adds(out, "'");
    for (; *s; s++) {
        if (*s == '\'')
            buf_adds(out, "'\\''");
        else
            buf_add(out, s, 1);
    }
    buf_adds(out, "'");
}

static void add_variable(struct buf *out, const char *name, const char *value)
{
    buf_addf(out, "%s=", name);
    add_quoted(out, value);
    buf_adds(out, "\n");
}

static void add_array(struct buf *out, const char *name, const struct strings *v)
{
    buf_addf(out, "%s=(", name);
    for (size_t i = 0; i < v->n; i++) {
        if (i)
            buf_adds(out, " ");
        add_quoted(out, v->v[i]);
    }
    buf_adds(out, ")\n");
}

/* ---- The checks. */

/* What stands in an #SBATCH line of ours: sbatch would take blanks, quotes, backslashes and # there as its
 * own syntax. */
static int check_option(const char *key, const char *value, const char *model, struct err *e)
{
    if (has_control(value) || strpbrk(value, " \"'\\#"))
        return err_set(
            e, -EINVAL,
            "%s = \"%s\" of model %s cannot stand in a job script: blanks, quotes, backslashes and # are not "
            "allowed there",
            key, value, model);
    return 0;
}

static int check_line(const char *key, const char *value, const char *model, struct err *e)
{
    if (has_control(value))
        return err_set(
            e, -EINVAL,
            "%s of model %s holds a line feed or another control character, which cannot stand in a job "
            "script: \"%s\"",
            key, model, value);
    return 0;
}

static int check_lines(const char *key, const struct strings *v, const char *model, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; i < v->n && !rc; i++)
        rc = check_line(key, v->v[i], model, e);
    return rc;
}

static int check_extra_args(const struct strings *v, const char *model, struct err *e)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->v[i][0] != '-')
            return err_set(
                e, -EINVAL,
                "extra_args of model %s are options of sbatch, each beginning with a dash: \"%s\" does not",
                model, v->v[i]);
    return check_lines("extra_args", v, model, e);
}

static bool is_word(const char *s, const char *also)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && !strchr(also, *s))
            return false;
    return true;
}

static int check_env(const json_t *env, const char *model, struct err *e)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)env, name, value)
    {
        if (!is_word(name, "_") || isdigit((unsigned char)name[0]))
            return err_set(
                e, -EINVAL,
                "env of model %s: \"%s\" is no name of an environment variable (letters, digits and _)",
                model, name);
        if (!json_is_string(value))
            return err_set(e, -EINVAL, "env of model %s: the value of %s is no string", model, name);
    }
    return 0;
}

static bool has_template(const struct model_config *m)
{
    return m->job.job_template && *m->job.job_template;
}

static int check_model(const struct engine *en, const struct model_config *m, struct err *e)
{
    if (has_template(m))
        return 0; /* it starts its engine by itself */
    if (en->needs_model && !*m->model && !m->engine_args.n && !m->takes_unknown)
        return err_set(e, -EINVAL,
                       "model %s does not say what %s is to load: set model = \"...\" to a name that it "
                       "knows, as those of "
                       "Hugging Face or Ollama, or a path on the cluster",
                       m->name, en->name);
    if (en->needs_command && !m->command.n)
        return err_set(
            e, -EINVAL,
            "model %s has engine = \"%s\" but no command = [\"program\", \"--port\", \"{port}\", ...]",
            m->name, en->name);
    if (*m->image && !en->image)
        return err_set(e, -EINVAL,
                       "model %s has an image, but engine = \"%s\" is not started in one by us: put the "
                       "container's command into command = [...]",
                       m->name, en->name);
    return 0;
}

/* These are made by the daemon, not by the user; a script is no place to find out that they were not. */
static int check_params(const struct script_params *p, struct err *e)
{
    if (!is_word(p->job_name, "._+-") || !is_word(p->service, "._+-"))
        return err_set(e, -EINVAL, "\"%s\" or \"%s\" cannot be the name of a job", p->job_name, p->service);
    if (!is_word(p->secret, ""))
        return err_set(e, -EINVAL, "the secret of job %s is not hexadecimal", p->job_name);
    if (has_control(p->workdir) || (p->workdir[0] != '/' && strncmp(p->workdir, "~/", 2)))
        return err_set(e, -EINVAL, "workdir \"%s\" is neither an absolute path nor one below ~/", p->workdir);
    return 0;
}

static int check(const struct script_params *p, struct err *e)
{
    const struct model_config *m = p->model;
    const struct job_config *j = &m->job;
    const char *name = m->name;
    int rc = check_params(p, e);

    if (!rc)
        rc = check_model(p->engine, m, e);
    if (!rc)
        rc = check_option("partition", j->partition, name, e);
    if (!rc)
        rc = check_option("gres", j->gres, name, e);
    if (!rc)
        rc = check_option("account", j->account, name, e);
    if (!rc)
        rc = check_option("qos", j->qos, name, e);
    if (!rc)
        rc = check_option("mem", j->mem, name, e);
    if (!rc)
        rc = check_extra_args(&j->extra_args, name, e);
    if (!rc)
        rc = check_line("model", m->model, name, e);
    if (!rc)
        rc = check_line("binary", m->binary, name, e);
    if (!rc)
        rc = check_lines("pre_pull", &m->pre_pull, name, e);
    if (!rc)
        rc = check_env(m->env, name, e);
    return rc;
}

/* ---- The pieces, in the order of the script. */

static void add_option(struct buf *out, const char *option, const char *value)
{
    if (*value)
        buf_addf(out, "#SBATCH --%s=%s\n", option, value);
}

/* Of options that come twice sbatch takes the later one: these come after those of a template.
 * Output goes to /dev/null because a path that a node cannot open fails the job at its launch, in silence;
 * job.sh opens the logs itself. Requeueing is allowed: job.sh begins afresh in the same directory. */
static void add_options(struct buf *out, const struct script_params *p)
{
    const struct job_config *j = &p->model->job;
    struct buf t = { 0 };

    add_option(out, "job-name", p->job_name);
    buf_adds(out, "#SBATCH --output=/dev/null\n#SBATCH --error=/dev/null\n");
    add_option(out, "partition", j->partition);
    add_option(out, "gres", j->gres);
    add_option(out, "account", j->account);
    add_option(out, "qos", j->qos);
    add_option(out, "mem", j->mem);
    /* A template has a time of its own, which only one that somebody wrote may replace. */
    if (j->time_asked || !has_template(p->model))
        template_time(&t, j->time_s);
    add_option(out, "time", buf_str(&t));
    buf_free(&t);
    for (size_t i = 0; i < j->extra_args.n; i++)
        buf_addf(out, "#SBATCH %s\n", j->extra_args.v[i]);
}

static const char *binary_of(const struct script_params *p)
{
    if (*p->model->binary)
        return p->model->binary;
    if (p->engine->is_ours && p->program && *p->program)
        return p->program;
    return p->engine->binary;
}

static void add_setup(struct buf *out, const struct strings *setup)
{
    struct buf lines = { 0 };

    for (size_t i = 0; i < setup->n; i++)
        buf_addf(&lines, "%s\n", setup->v[i]);
    add_variable(out, "SFS_SETUP", buf_str(&lines));
    buf_free(&lines);
}

/* The names that it is to be served by: a client of the gateway may use any of them. The first is what answers say. */
static void add_names(struct buf *out, const struct model_config *m)
{
    struct buf served = { 0 };
    char **v = xcalloc(m->aliases.n + 3, sizeof *v);
    struct strings names = { v, 0 };

    engine_served_name(m, &served);
    if (served.len)
        v[names.n++] = served.data;
    if (!served.len || strcmp(served.data, m->name))
        v[names.n++] = m->name;
    for (size_t i = 0; i < m->aliases.n; i++)
        v[names.n++] = m->aliases.v[i];
    if (served.len && strcmp(served.data, m->model))
        v[names.n++] = m->model;
    add_array(out, "SFS_NAMES", &names);
    free(v);
    buf_free(&served);
}

static const char *service_of(const struct script_params *p, const struct template *t)
{
    return t->dialect == DIALECT_PLAIN && t->job_name && is_word(t->job_name, "._+-") ? t->job_name
                                                                                      : p->service;
}

static void add_template(struct buf *out, const struct template *t, const struct model_config *m)
{
    struct strings words = { (char *[]){ t->interpreter, t->argument, NULL }, *t->argument ? 2 : 1 };

    add_array(out, "SFS_INTERPRETER", &words);
    add_variable(out, "SFS_TEMPLATE", buf_str(&t->text));
    add_variable(out, "SFS_PROOF", m->proof);
    buf_adds(out, text_template);
}

static void add_variables(struct buf *out, const struct script_params *p, const struct template *t)
{
    const struct model_config *m = p->model;

    /* A job submitted from within a job inherits variables of these names, some of them exported. */
    buf_adds(out, "unset -v ${!SFS_@}\n");
    add_variable(out, "SFS_SERVICE", service_of(p, t));
    add_variable(out, "SFS_WORKDIR", p->workdir);
    add_variable(out, "SFS_SECRET", p->masked ? MASK : p->secret);
    buf_addf(out,
             "SFS_LOOPBACK=%d\nSFS_EXPOSE=%d\nSFS_LEASE=%" PRId64 "\nSFS_IDLE=%" PRId64 "\nSFS_SLOTS=%d\n",
             p->loopback, m->job.expose, m->job.lease_s > 0 ? m->job.lease_s : 0,
             m->job.idle_timeout_s > 0 ? m->job.idle_timeout_s : 0, m->slots);
    add_variable(out, "SFS_MODEL", m->model);
    add_variable(out, "SFS_BINARY", binary_of(p));
    add_array(out, "SFS_ARGS", &m->engine_args);
    add_array(out, "SFS_COMMAND", &m->command);
    add_names(out, m);
    add_variable(out, "SFS_IMAGE", m->image);
    add_variable(out, "SFS_HEALTH", m->health);
    buf_addf(out, "SFS_MAX_MODEL_LEN=%d\nSFS_COPY_BINARY=%d\nSFS_CLEANUP_BINARY=%d\n", m->max_model_len,
             m->copy_binary, m->cleanup_binary);
    add_variable(out, "SFS_MODELS_DIR", m->models_dir);
    add_variable(out, "SFS_COPY_SOURCE", m->copy_source);
    add_array(out, "SFS_PRE_PULL", &m->pre_pull);
    add_array(out, "SFS_LOG_FILES", &m->log_files);
    add_setup(out, &m->job.setup);
}

static void add_environment(struct buf *out, const json_t *env, bool masked)
{
    const char *name;
    json_t *value;

    buf_adds(out, "sfs_environment() {\n\t:\n");
    json_object_foreach((json_t *)env, name, value)
    {
        buf_addf(out, "\texport %s=", name);
        add_quoted(out, masked ? MASK : json_string_value(value));
        buf_adds(out, "\n");
    }
    buf_adds(out, "}\n");
}

static void add_engine(struct buf *out, const struct engine *en)
{
    if (en->relay)
        buf_addf(out, "%ssfs_relay_program() {\n\tcat << 'SFS_END'\n%sSFS_END\n}\n", text_relay,
                 text_relay_program);
    if (en->image)
        buf_adds(out, text_image);
    buf_adds(out, en->script);
}

int engine_script(const struct script_params *p, struct buf *out, struct err *e)
{
    struct template t = { 0 };
    int rc = check(p, e);

    if (!rc && has_template(p->model))
        rc = template_read(p->model, &t, e);
    if (rc)
        return rc;
    buf_adds(out, "#!/bin/bash\n");
    buf_adds(out, buf_str(&t.options));
    add_options(out, p);
    buf_addf(out, "# Written by slullamafs %s for the model %s.\n", SLULLAMAFS_VERSION, p->model->name);
    add_variables(out, p, &t);
    add_environment(out, p->model->env, p->masked);
    if (has_template(p->model))
        add_template(out, &t, p->model);
    else
        add_engine(out, p->engine);
    buf_adds(out, text_job);
    template_free(&t);
    return 0;
}
