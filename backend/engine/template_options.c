/* SPDX-License-Identifier: MIT */
/* The #SBATCH lines of a template. They go into our script as they are; of options that come twice sbatch takes the later
 * one, and ours come later. Only what would make something else than one job is refused.
 * Source: sbatch(1) 22.05, "Invalid directive found in batch script" and the order of options tried in the lab. */
#include "backend/engine/template.h"
#include "backend/base/alloc.h"

#include <stdlib.h>
#include <string.h>

/* Options that a job of ours cannot have, and why. */
static const struct {
    const char *name;
    char letter;
    const char *why;
} refused[] = {
    { "array", 'a', "makes many jobs of one; see replicas" },
    { "wait", 'W', "makes sbatch wait for the end of the job" },
    { "clusters", 'M', "sends the job to a cluster that is not asked about it" },
    { "test-only", 0, "submits nothing" },
    { "wrap", 0, "puts another script in place of this one" },
    { "help", 'h', "submits nothing" },
    { "version", 'V', "submits nothing" },
};

/* Does the word give this option? *value is what follows in the same word, or NULL. */
static bool is_option(const char *word, const char *name, char letter, const char **value)
{
    size_t len;

    *value = NULL;
    if (word[0] == '-' && word[1] != '-') {
        *value = letter && word[1] == letter && word[2] ? word + 2 : NULL;
        return letter && word[1] == letter;
    }
    if (strncmp(word, "--", 2))
        return false;
    word += 2;
    len = strcspn(word, "=");
    *value = word[len] ? word + len + 1 : NULL;
    return strlen(name) == len && !memcmp(word, name, len);
}

static int take_word(const char *word, const char *next, const struct template_place *at, struct template *t)
{
    const char *value;

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (is_option(word, refused[i].name, refused[i].letter, &value))
            return template_fail(at, "#SBATCH --%s cannot be used: it %s", refused[i].name, refused[i].why);
    if (is_option(word, "job-name", 'J', &value) && (value || next)) {
        free(t->job_name);
        t->job_name = xstrdup(value ? value : next);
    }
    return 0;
}

/* Cut a line into words in place, as sbatch does: blanks separate, quotes hold together, # begins a comment. */
static size_t split(char *line, char **words, size_t max)
{
    char *out = line, quote = '\0';
    size_t n = 0;
    bool inside = false;

    for (char *in = line; *in; in++) {
        if (!quote && (*in == ' ' || *in == '\t')) {
            if (inside)
                *out++ = '\0';
            inside = false;
            continue;
        }
        if (!quote && !inside && *in == '#')
            break;
        if (!inside && n < max)
            words[n++] = out;
        inside = true;
        if (quote ? *in == quote : *in == '"' || *in == '\'')
            quote = quote ? '\0' : *in;
        else
            *out++ = *in;
    }
    *out = '\0';
    return n;
}

int template_option(const char *line, size_t len, const struct template_place *at, struct template *t)
{
    char *copy = xstrndup(line + 7, len - 7), *words[64];
    bool empty = false;
    size_t n = 0;
    int rc = 0;

    if (*copy && *copy != ' ' && *copy != '\t')
        rc = template_fail(at, "\"#SBATCH%.60s\" is no #SBATCH line: a blank must follow #SBATCH", copy);
    else if (strstr(copy, TEMPLATE_PORT))
        rc = template_fail(at,
                           "the port is not known before the job runs: it cannot stand in an #SBATCH line");
    else
        n = split(copy, words, sizeof words / sizeof words[0]);
    if (rc == 0 && n && words[0][0] != '-')
        rc = template_fail(at,
                           strstr(words[0], "job")
                               ? "\"#SBATCH %.40s\" makes several jobs of one"
                               : "\"#SBATCH %.40s\" is no option of sbatch: those begin with a dash",
                           words[0]);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = take_word(words[i], i + 1 < n ? words[i + 1] : NULL, at, t);
    /* A placeholder for an empty value: no line, as for the keys themselves. */
    for (size_t i = 0; i < n; i++)
        empty |= words[i][0] == '-' && words[i][strlen(words[i]) - 1] == '=';
    if (rc == 0 && n && !empty) {
        buf_add(&t->options, line, len);
        buf_adds(&t->options, "\n");
    }
    free(copy);
    return rc;
}
