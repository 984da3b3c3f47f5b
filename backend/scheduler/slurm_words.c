/* SPDX-License-Identifier: MIT */
/* What Slurm's programs say on their standard error, told apart from what login shells say there. */
#include "backend/scheduler/slurm_parse.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 400 /* of a sentence that has room for 480 */

/* The text of a line that Slurm marked as an error: "sbatch: error: TEXT", "slurm_load_jobs error: TEXT".
 * NULL for others. */
static const char *error_text(const char *line)
{
    size_t mark = strspn(line, "abcdefghijklmnopqrstuvwxyz_: ");
    const char *at = strstr(line, "error: ");

    if (!at || (size_t)(at - line) + strlen("error:") > mark)
        return NULL;
    return at + strlen("error: ");
}

/* Call take(arg, line) for each line behind the tag, without blanks at its end. */
static void each_line(const char *s, size_t len, const char *tag, void (*take)(void *arg, const char *line),
                      void *arg)
{
    slurm_behind_tag(s, len, tag, &s, &len);
    while (len > 0) {
        const char *nl = memchr(s, '\n', len);
        size_t line_len = nl ? (size_t)(nl - s) : len, used = line_len + (nl != NULL);
        while (line_len > 0 && (unsigned char)s[line_len - 1] <= ' ')
            line_len--;
        char *line = xstrndup(s, line_len);
        if (*line)
            take(arg, line);
        free(line);
        s += used;
        len -= used;
    }
}

struct words {
    struct buf errors;
    struct buf last;
};

static void take_words(void *arg, const char *line)
{
    struct words *w = arg;
    const char *text = error_text(line);

    /* Try "sbatch --help" for more information: said last, behind the reason. */
    if (strncmp(line, "Try \"", 5) == 0)
        return;
    buf_reset(&w->last);
    buf_adds(&w->last, line);
    if (text) {
        if (w->errors.len > 0)
            buf_adds(&w->errors, "; ");
        buf_adds(&w->errors, text);
    }
}

char *slurm_words(const char *errout, size_t len, const char *tag)
{
    struct words w = { 0 };

    each_line(errout, len, tag, take_words, &w);
    struct buf *b = w.errors.len > 0 ? &w.errors : &w.last;
    if (b->len > MAX_WORDS)
        buf_consume(b, b->len - MAX_WORDS);
    char *text = buf_take(b);
    buf_free(&w.errors);
    buf_free(&w.last);
    return text;
}

static bool has_one_of(const char *s, const char *const *texts)
{
    for (; *texts; texts++)
        if (strstr(s, *texts))
            return true;
    return false;
}

/* Source: slurm_strerror() of 22.05, the errors of communication. */
bool slurm_words_unsure(const char *words)
{
    static const char *const texts[] = {
        "Socket timed out",
        "Unable to contact slurm controller",
        "Zero Bytes were transmitted",
        "Communication connection failure",
        "Communication shutdown failure",
        "Message receive failure",
        "Message send failure",
        "Insane message length",
        "Unexpected message received",
        "Slurm backup controller in standby mode",
        "Connection refused",
        "Connection reset",
        "Connection timed out",
        "temporarily unable to accept job",
        NULL,
    };

    return has_one_of(words, texts);
}

struct cancel_errors {
    size_t unknown, denied, other;
};

static void take_cancel_error(void *arg, const char *line)
{
    static const char *const over[] = { "already completing or completed", NULL };
    static const char *const unknown[] = { "Invalid job id", NULL };
    static const char *const denied[] = { "Access/permission denied", "Invalid user id", NULL };
    struct cancel_errors *c = arg;

    if (!error_text(line) || has_one_of(line, over))
        return;
    c->unknown += has_one_of(line, unknown);
    c->denied += has_one_of(line, denied);
    c->other += !has_one_of(line, unknown) && !has_one_of(line, denied);
}

int slurm_parse_cancel(const char *errout, size_t len, const char *tag, size_t n)
{
    struct cancel_errors c = { 0 };

    each_line(errout, len, tag, take_cancel_error, &c);
    if (c.denied > 0)
        return -EACCES;
    if (c.other > 0)
        return -EIO;
    return c.unknown >= n && n > 0 ? -ENOENT : 0;
}
