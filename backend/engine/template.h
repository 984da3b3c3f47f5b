/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_ENGINE_TEMPLATE_H
#define BACKEND_ENGINE_TEMPLATE_H
#include <stdbool.h>
#include <stddef.h>
#include "backend/base/buf.h"
#include "backend/base/err.h"
#include "backend/config/config.h"
/* Job scripts of the user's own (`job_template`): read, checked, and their placeholders replaced. script.c puts the
 * result into our script, which runs it on the node as its engine.
 *
 * A placeholder whose value only the node knows becomes one of the two words below, which template.sh replaces there. */

#define TEMPLATE_PORT "__SFS_PORT__" /* the port that we chose */
#define TEMPLATE_DIR  "__SFS_DIR__"  /* the working directory of the job */

enum template_dialect {
    DIALECT_PLAIN,    /* no placeholders: forever-slurm's .sub, or any script that sbatch takes */
    DIALECT_SLULLAMA, /* Python's string.Template with slullama's eleven names */
    DIALECT_ALVIS,    /* {{TIME}} {{MODEL_PATH}} {{MAX_MODEL_LEN}} */
};

struct template
{
    enum template_dialect dialect;
    struct buf text;    /* the program: all lines of the file, placeholders replaced */
    struct buf options; /* its #SBATCH lines, as sbatch would take them, each with its newline */
    char *interpreter;  /* of the first line: an absolute path, .. */
    char *argument;     /* .. and the one argument that the kernel makes of the rest, or "" */
    char *job_name;     /* of its --job-name, or "" */
};

/* Make the script of a model from a template's text. Pure.
 * file  for messages, which are "FILE:LINE: what, and the way out"
 * m     its values; job_template_dialect names the dialect, or "auto" finds it
 * Returns 0, or -EINVAL; *out then holds nothing. */
int template_make(const char *text, size_t len, const char *file, const struct model_config *m,
                  struct template *out, struct err *e);

/* The same from the file that the model names, which blocks for as long as its disk does. Also -ENOENT, -EACCES .. with
 * a sentence. */
int template_read(const struct model_config *m, struct template *out, struct err *e);

void template_free(struct template *t); /* a zeroed one is allowed */

/* Can the model's template be used? 0 too where it has none. */
int template_check(const struct model_config *m, struct err *e);

/* How long a job may run, as sbatch takes it: D-HH:MM:SS; nothing for 0. */
void template_time(struct buf *out, int64_t seconds);

/* ---- between the files of this module */

/* Where in a template something is wrong. */
struct template_place {
    const char *file;
    int line;
    struct err *e;
};
int template_fail(const struct template_place *at, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* template_dialect.c: which dialect a text is in, by its placeholders. -EINVAL where it has those of both. */
int template_dialect_of(const char *text, size_t len, const char *file, enum template_dialect *out,
                        struct err *e);

/* Append one line with its placeholders replaced. whole is the text that it is in: a name that stands there without a
 * dollar too is a variable of the script's own, and no mistyped placeholder. */
int template_expand(enum template_dialect d, const char *line, size_t len, const char *whole,
                    const struct model_config *m, const struct template_place *at, struct buf *out);

/* template_values.c: slullama's names; append the text that stands for one. -ENOENT if it is none of them, -EINVAL
 * if a value cannot stand there. */
#define TEMPLATE_N_NAMES 11
void template_list_names(const char *names[TEMPLATE_N_NAMES]);
int template_value(const char *name, size_t len, const struct model_config *m, struct buf *out,
                   struct err *e);

/* template_options.c: take what matters of a line that sbatch would read: a bad option is an error. */
int template_option(const char *line, size_t len, const struct template_place *at, struct template *t);

#endif
