/* SPDX-License-Identifier: MIT */
/* Reads a job template and makes the script of it. Called by config.c, so that a mistake shows before anybody asks a
 * model, and by script.c at each submission, because the file may have changed.
 *
 * What sbatch would refuse is refused here with the line: no #!, a line feed of DOS, a NUL.
 * Source: sbatch 22.05 in the lab; it reads #SBATCH lines up to the first line that is neither empty nor a comment. */
#include "backend/engine/template.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPLATE_MAX                                                                                         \
    (512 << 10) /* bytes: slurmctld refuses scripts of 4 MiB, and this one is not alone in its script */

int template_fail(const struct template_place *at, const char *fmt, ...)
{
    struct buf text = { 0 };
    va_list ap;

    buf_addf(&text, "%s:%d: ", at->file, at->line);
    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    err_set(at->e, -EINVAL, "%s", buf_str(&text));
    buf_free(&text);
    return -EINVAL;
}

static int line_of(const char *text, const char *at)
{
    int line = 1;

    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

/* ---- What no template may have. */

static int check_bytes(const char *text, size_t len, const char *file, struct err *e)
{
    const char *nul = memchr(text, '\0', len), *dos = memmem(text, len, "\r\n", 2);
    struct template_place at = { file, 1, e };

    if (nul) {
        at.line = line_of(text, nul);
        return template_fail(&at, "there is a NUL byte: it is no script");
    }
    if (dos) {
        at.line = line_of(text, dos);
        return template_fail(&at, "the line ends as in DOS, which sbatch refuses: `dos2unix` or `sed -i "
                                  "'s/\\r$//'` mends the file");
    }
    return 0;
}

/* "#! /usr/bin/env python3": the kernel takes one word and, as one argument, the rest (execve(2)). */
static int read_shebang(const char *text, const char *file, struct template *t, struct err *e)
{
    const struct template_place at = { file, 1, e };
    size_t len = strcspn(text, "\n"), word;
    const char *end = text + len;

    if (strncmp(text, "#!", 2))
        return template_fail(
            &at, "the first line must be #! and the program that runs the script, as #!/bin/bash");
    text += 2;
    text += strspn(text, " \t");
    word = strcspn(text, " \t\n");
    if (*text != '/' || word == 0)
        return template_fail(&at, "#! must be followed by an absolute path, as in #!/bin/bash");
    t->interpreter = xstrndup(text, word);
    text += word;
    text += strspn(text, " \t");
    while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    t->argument = xstrndup(text, (size_t)(end - text));
    return 0;
}

/* ---- Line by line. */

static bool is_code(const char *line, size_t len)
{
    size_t i = 0;

    while (i < len && (line[i] == ' ' || line[i] == '\t'))
        i++;
    return i < len && line[i] != '#';
}

/* The lines that one line of the file has become: sbatch reads options from those before the first line of code. */
static int take_lines(const char *line, size_t len, bool *in_head, const struct template_place *at,
                      struct template *t)
{
    const char *end = line + len;
    int rc = 0;

    while (line < end && *in_head && rc == 0) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t n = stop ? (size_t)(stop - line) : (size_t)(end - line);
        *in_head = !is_code(line, n);
        if (n >= 7 && !memcmp(line, "#SBATCH", 7))
            rc = template_option(line, n, at, t);
        line += n + 1;
    }
    return rc;
}

static int take_text(const char *text, const struct model_config *m, const char *file, struct template *t,
                     struct err *e)
{
    struct template_place at = { file, 0, e };
    bool in_head = true;
    int rc = 0;

    for (const char *line = text; *line && rc == 0;) {
        size_t len = strcspn(line, "\n"), before = t->text.len;
        at.line++;
        rc = template_expand(t->dialect, line, len, text, m, &at, &t->text);
        if (rc == 0 && in_head && at.line > 1)
            rc = take_lines(t->text.data + before, t->text.len - before, &in_head, &at, t);
        buf_adds(&t->text, "\n");
        line += len + (line[len] == '\n');
    }
    return rc;
}

static int find_dialect(const char *text, size_t len, const char *file, const char *named, struct template *t,
                        struct err *e)
{
    static const struct {
        const char *name;
        enum template_dialect dialect;
    } names[] = { { "plain", DIALECT_PLAIN }, { "slullama", DIALECT_SLULLAMA }, { "alvis", DIALECT_ALVIS } };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!strcmp(named, names[i].name)) {
            t->dialect = names[i].dialect;
            return 0;
        }
    return template_dialect_of(text, len, file, &t->dialect, e);
}

int template_make(const char *text, size_t len, const char *file, const struct model_config *m,
                  struct template *out, struct err *e)
{
    struct template t = { .job_name = xstrdup("") };
    char *copy = xstrndup(text, len);
    int rc = check_bytes(text, len, file, e);

    if (rc == 0)
        rc = read_shebang(copy, file, &t, e);
    if (rc == 0)
        rc = find_dialect(copy, len, file, m->job.job_template_dialect, &t, e);
    if (rc == 0)
        rc = take_text(copy, m, file, &t, e);
    free(copy);
    if (rc < 0)
        template_free(&t);
    else
        *out = t;
    return rc;
}

/* ---- The file. */

static int read_file(const char *path, struct buf *out, struct err *e)
{
    /* Not to wait where somebody put a pipe. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = 0;
    struct stat st;
    ssize_t n = 1;

    if (fd < 0)
        return err_set(e, -errno, "the job template %s cannot be read: %s", path, strerror(errno));
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        rc = err_set(e, -EINVAL, "the job template %s is no file", path);
    else if (st.st_size > TEMPLATE_MAX)
        rc = err_set(e, -EINVAL, "the job template %s is larger than %d KiB", path, TEMPLATE_MAX >> 10);
    while (rc == 0 && n > 0 && out->len <= TEMPLATE_MAX) {
        n = read(fd, buf_reserve(out, 65536), 65536);
        if (n < 0)
            rc = err_set(e, -errno, "the job template %s cannot be read: %s", path, strerror(errno));
        else
            out->len += (size_t)n;
    }
    close(fd);
    return rc;
}

int template_read(const struct model_config *m, struct template *out, struct err *e)
{
    struct buf text = { 0 };
    int rc = read_file(m->job.job_template, &text, e);

    if (rc == 0)
        rc = template_make(buf_str(&text), text.len, m->job.job_template, m, out, e);
    buf_free(&text);
    return rc;
}

void template_free(struct template *t)
{
    buf_free(&t->text);
    buf_free(&t->options);
    free(t->interpreter);
    free(t->argument);
    free(t->job_name);
    *t = (struct template){ 0 };
}

int template_check(const struct model_config *m, struct err *e)
{
    struct template t = { 0 };
    int rc = *m->job.job_template ? template_read(m, &t, e) : 0;

    template_free(&t);
    return rc;
}
