/* SPDX-License-Identifier: MIT */
/* The placeholders of job templates: which dialect a text is in, and one line with its placeholders replaced.
 *
 * slullama's are those of Python's string.Template with safe_substitute: ${name}, $name and $$; any other dollar is left
 * to the shell. alvis-vllm's are {{NAME}} in capitals. A plain template has none.
 * Source: Python 3.11, string.py; alvis-vllm's specification. */
#include "backend/engine/template.h"
#include "backend/base/nearest.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_LEN 64 /* a longer word is no name of ours */

static bool is_name_start(char c)
{
    return c == '_' || isalpha((unsigned char)c);
}

static bool is_name(char c)
{
    return c == '_' || isalnum((unsigned char)c);
}

/* ---- One placeholder. */

struct found {
    const char *name;
    size_t len;   /* of the name */
    size_t whole; /* bytes of the placeholder */
};

/* s begins with a dollar. */
static bool find_dollar(const char *s, const char *end, struct found *f)
{
    bool braced = s + 1 < end && s[1] == '{';
    const char *p = s + 1 + braced;

    f->name = p;
    if (p >= end || !is_name_start(*p))
        return false;
    while (p < end && is_name(*p))
        p++;
    f->len = (size_t)(p - f->name);
    if (braced && (p >= end || *p != '}'))
        return false;
    f->whole = (size_t)(p - s) + braced;
    return true;
}

/* s begins with {{. */
static bool find_braces(const char *s, const char *end, struct found *f)
{
    const char *p = s + 2;

    f->name = p;
    while (p < end && (*p == '_' || isupper((unsigned char)*p)))
        p++;
    f->len = (size_t)(p - f->name);
    f->whole = f->len + 4;
    return f->len && p + 1 < end && p[0] == '}' && p[1] == '}';
}

/* ---- alvis-vllm's. */

static const char *const alvis_names[] = { "TIME", "MODEL_PATH", "MAX_MODEL_LEN" };
#define N_ALVIS (sizeof alvis_names / sizeof alvis_names[0])

static bool is_one_of(const struct found *f, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(names[i]) == f->len && !memcmp(names[i], f->name, f->len))
            return true;
    return false;
}

static int add_alvis(const struct found *f, const struct model_config *m, const struct template_place *at,
                     struct buf *out)
{
    if (is_one_of(f, alvis_names, 1)) {
        template_time(out, m->job.time_s);
    } else if (is_one_of(f, alvis_names + 1, 1)) {
        if (!*m->model)
            return template_fail(at, "{{MODEL_PATH}} stands for model = \"...\" of model %s, which is empty",
                                 m->name);
        buf_adds(out, m->model);
    } else if (is_one_of(f, alvis_names + 2, 1)) {
        if (!m->max_model_len)
            return template_fail(
                at, "{{MAX_MODEL_LEN}} stands for max_model_len of model %s, which is not set", m->name);
        buf_addf(out, "%d", m->max_model_len);
    } else {
        return template_fail(
            at, "unknown placeholder {{%.*s}}; there are {{TIME}}, {{MODEL_PATH}}, {{MAX_MODEL_LEN}}",
            f->len > NAME_MAX_LEN ? NAME_MAX_LEN : (int)f->len, f->name);
    }
    return 0;
}

/* ---- slullama's. */

/* Does the name stand anywhere in the text without a dollar before it, as where a variable is set? */
static bool is_variable(const char *whole, const struct found *f)
{
    for (const char *p = whole; (p = memmem(p, strlen(p), f->name, f->len)); p += f->len) {
        char before = p == whole ? '\n' : p[-1];
        if (!is_name(before) && !is_name(p[f->len]) && before != '$' &&
            !(before == '{' && p - whole >= 2 && p[-2] == '$'))
            return true;
    }
    return false;
}

/* A name in lower case that nothing sets and that is nearly one of ours was meant to be that. */
static int check_mistyped(const struct found *f, const char *whole, const struct model_config *m,
                          const struct template_place *at)
{
    const char *names[TEMPLATE_N_NAMES], *near;
    char name[NAME_MAX_LEN + 1];

    if (f->len > NAME_MAX_LEN)
        return 0;
    snprintf(name, sizeof name, "%.*s", (int)f->len, f->name);
    for (const char *p = name; *p; p++)
        if (isupper((unsigned char)*p))
            return 0;
    template_list_names(names);
    near = nearest_name(name, names, TEMPLATE_N_NAMES);
    if (!near || json_object_get(m->env, name) || is_variable(whole, f))
        return 0;
    return template_fail(at, "unknown placeholder ${%s}; did you mean ${%s}?", name, near);
}

static int add_slullama(const struct found *f, const char *start, const char *whole,
                        const struct model_config *m, const struct template_place *at, struct buf *out)
{
    struct err why;
    int rc = template_value(f->name, f->len, m, out, &why);

    if (rc == -EINVAL)
        return template_fail(at, "%s", why.text);
    if (rc == -ENOENT) {
        rc = check_mistyped(f, whole, m, at);
        if (rc == 0)
            buf_add(out, start, f->whole);
    }
    return rc;
}

/* ---- A line. */

int template_expand(enum template_dialect d, const char *line, size_t len, const char *whole,
                    const struct model_config *m, const struct template_place *at, struct buf *out)
{
    const char *end = line + len;
    int rc = 0;

    for (const char *p = line; p < end && rc == 0;) {
        struct found f;
        if (d == DIALECT_SLULLAMA && p[0] == '$' && p + 1 < end && p[1] == '$') {
            buf_adds(out, "$");
            p += 2;
        } else if (d == DIALECT_SLULLAMA && p[0] == '$' && find_dollar(p, end, &f)) {
            rc = add_slullama(&f, p, whole, m, at, out);
            p += f.whole;
        } else if (d == DIALECT_ALVIS && p[0] == '{' && p + 1 < end && p[1] == '{' &&
                   find_braces(p, end, &f)) {
            rc = add_alvis(&f, m, at, out);
            p += f.whole;
        } else {
            buf_add(out, p++, 1);
        }
    }
    return rc;
}

/* ---- Which dialect. */

/* Names that no script has for variables of its own; the others may be. In an #SBATCH line, where no shell replaces
 * anything, each of them is a placeholder. */
static const char *const telling[] = { "extra_sbatch",     "copy_commands", "ollama_port",  "models_env",
                                       "cleanup_commands", "ollama_binary", "pull_commands" };

static bool tells_slullama(const struct found *f, bool in_option)
{
    const char *names[TEMPLATE_N_NAMES];

    template_list_names(names);
    return is_one_of(f, telling, sizeof telling / sizeof telling[0]) ||
           (in_option && is_one_of(f, names, TEMPLATE_N_NAMES));
}

static bool tells_alvis(const struct found *f)
{
    char name[NAME_MAX_LEN + 1];

    if (f->len > NAME_MAX_LEN)
        return false;
    snprintf(name, sizeof name, "%.*s", (int)f->len, f->name);
    return nearest_name(name, alvis_names, N_ALVIS) != NULL;
}

int template_dialect_of(const char *text, size_t len, const char *file, enum template_dialect *out,
                        struct err *e)
{
    struct template_place at = { file, 1, e };
    int slullama = 0, alvis = 0; /* their first lines */
    const char *end = text + len, *line = text;
    struct found f;

    for (const char *p = text; p < end; p++) {
        bool in_option = end - line >= 7 && !memcmp(line, "#SBATCH", 7);
        if (*p == '\n') {
            at.line++;
            line = p + 1;
        } else if (*p == '$' && p + 1 < end && p[1] == '$') {
            p++;
        } else if (!slullama && *p == '$' && find_dollar(p, end, &f) && tells_slullama(&f, in_option)) {
            slullama = at.line;
        } else if (!alvis && *p == '{' && p + 1 < end && p[1] == '{' && find_braces(p, end, &f) &&
                   tells_alvis(&f)) {
            alvis = at.line;
        }
    }
    if (slullama && alvis) {
        at.line = slullama > alvis ? slullama : alvis;
        return template_fail(
            &at, "placeholders of slullama and of alvis-vllm stand in one template: say which they are by "
                 "job_template_dialect");
    }
    *out = slullama ? DIALECT_SLULLAMA : alvis ? DIALECT_ALVIS : DIALECT_PLAIN;
    return 0;
}
