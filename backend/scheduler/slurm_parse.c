/* SPDX-License-Identifier: MIT */
#include "backend/scheduler/slurm_parse.h"
#include "backend/base/alloc.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In the order of SLURM_FIELDS. The free texts come last, so that a cut row lacks them first. */
enum field {
    FIELD_ID,
    FIELD_STATE,
    FIELD_NODES,
    FIELD_PARTITION,
    FIELD_START,
    FIELD_LEFT,
    FIELD_ELAPSED,
    FIELD_REASON,
    FIELD_NAME,
    FIELD_COMMENT,
};

/* ---- Times */

int64_t slurm_parse_elapsed(const char *s)
{
    long v[4] = { 0 }; /* days, then what stands between the colons */
    int n = 1;
    bool days = strchr(s, '-') != NULL;

    for (int i = days ? 0 : 1; *s; i++) {
        size_t digits = strspn(s, "0123456789");
        if (digits == 0 || digits > 8 || i > 3)
            return -1;
        v[i] = strtol(s, NULL, 10);
        n = i + 1;
        s += digits;
        if (*s == '\0')
            break;
        if (*s != (days && i == 0 ? '-' : ':') || s[1] == '\0')
            return -1;
        s++;
    }
    if (n == 4)
        return ((v[0] * 24LL + v[1]) * 60 + v[2]) * 60 + v[3];
    return n == 3 && !days ? v[1] * 60LL + v[2] : -1;
}

/* Seconds since some fixed moment: epoch seconds, which SLURM_TIME_FORMAT=%s asks for, or the login node's
 * local time taken as if it were UTC. Only differences of two of the same form are used. */
static bool parse_moment(const char *s, bool *is_epoch, int64_t *out)
{
    struct tm tm = { 0 };
    int used = 0;

    if (*s != '\0' && strspn(s, "0123456789") == strlen(s) && strlen(s) <= 12) {
        *is_epoch = true;
        *out = strtoll(s, NULL, 10);
        return true;
    }
    if (sscanf(s, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
               &tm.tm_sec, &used) != 6 ||
        s[used] != '\0' || tm.tm_mon < 1 || tm.tm_mon > 12)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *is_epoch = false;
    *out = timegm(&tm);
    return true;
}

/* The login node's clock may be wrong and its zone another: what counts is how far the moment lies ahead of
 * it. */
static time_t moment_here(const char *s, const int64_t login_now[2], time_t now)
{
    bool is_epoch;
    int64_t t;

    if (!parse_moment(s, &is_epoch, &t) || login_now[is_epoch] == 0)
        return 0;
    return t > login_now[is_epoch] ? now + (time_t)(t - login_now[is_epoch]) : now;
}

/* ---- Lines */

static char *next_line(char *s, const char *end)
{
    char *nl = memchr(s, '\n', (size_t)(end - s));

    return nl ? nl + 1 : NULL;
}

/* The first line from s on, which is at the beginning of one, that begins with the tag and the word; NULL if
 * there is none. */
static char *find_line(char *s, const char *end, const char *tag, const char *word)
{
    size_t tag_len = strlen(tag), word_len = strlen(word);

    for (; s; s = next_line(s, end))
        if ((size_t)(end - s) >= tag_len + word_len && memcmp(s, tag, tag_len) == 0 &&
            memcmp(s + tag_len, word, word_len) == 0)
            return s;
    return NULL;
}

bool slurm_behind_tag(const char *out, size_t len, const char *tag, const char **rest, size_t *rest_len)
{
    const char *at = find_line((char *)out, out + len, tag, "\n");

    *rest = at ? at + strlen(tag) + 1 : out;
    *rest_len = len - (size_t)(*rest - out);
    return at != NULL;
}

int slurm_parse_id(const char *out, size_t len, const char *tag, char id[SLURM_ID_SIZE])
{
    const char *nl;
    int rc = -ENOENT;

    if (!slurm_behind_tag(out, len, tag, &out, &len))
        return rc;
    /* A wrapper around sbatch may speak before it and behind it, so each line is looked at; the last id
     * counts. A line without its line feed may be a part of one. */
    for (; (nl = memchr(out, '\n', len)) != NULL; len -= (size_t)(nl + 1 - out), out = nl + 1) {
        size_t digits = 0, line_len = (size_t)(nl - out);
        while (digits < line_len && isdigit((unsigned char)out[digits]))
            digits++;
        bool ends_well = digits == line_len ||
                         (out[digits] == ';' && line_len > digits + 1 && !memchr(out, ' ', line_len));
        if (digits == 0 || digits >= SLURM_ID_SIZE || out[0] == '0' || !ends_well)
            continue;
        memcpy(id, out, digits);
        id[digits] = '\0';
        rc = 0;
    }
    return rc;
}

/* ---- Rows */

/* Where a row of this id belongs: behind the others, in the place of a former row, or nowhere (jobs->n + 1).
 * Ids of job arrays ("12_3", "12_[4-9%2]") and of heterogeneous jobs ("12+0") stand for what sbatch calls 12.
 * The script we submit is one job unless extra_args say otherwise; then the row that runs tells of it, and of
 * a heterogeneous job component 0, where the script runs. */
static size_t place_of(const struct slurm_jobs *jobs, char *id, enum sched_state state)
{
    size_t digits = strspn(id, "0123456789"), nowhere = jobs->n + 1;
    char mark = id[digits];

    if (digits == 0 || digits >= SLURM_ID_SIZE || (mark != '\0' && mark != '_' && mark != '+') ||
        (mark == '+' && strcmp(id + digits, "+0") != 0))
        return nowhere;
    if (mark == '\0')
        return jobs->n;
    id[digits] = '\0';
    for (size_t i = 0; i < jobs->n; i++)
        if (strcmp(jobs->v[i].id, id) == 0)
            return state == SCHED_RUNNING ? i : nowhere;
    return jobs->n;
}

static const char *unless(const char *s, const char *none)
{
    return strcmp(s, none) == 0 || strcmp(s, "(null)") == 0 || strcmp(s, "n/a") == 0 || strcmp(s, "N/A") == 0
               ? ""
               : s;
}

static struct job_info read_row(char *f[SLURM_N_FIELDS], const int64_t login_now[2], time_t now)
{
    enum sched_state state = sched_state_parse(f[FIELD_STATE]);
    int64_t left = slurm_parse_elapsed(f[FIELD_LEFT]);
    bool waits = state == SCHED_PENDING || state == SCHED_CONFIGURING;
    bool runs = state == SCHED_RUNNING || state == SCHED_SUSPENDED;

    return (struct job_info){
        .id = f[FIELD_ID],
        .name = f[FIELD_NAME],
        .state = state,
        .word = f[FIELD_STATE],
        .reason = unless(f[FIELD_REASON], "None"),
        .nodes = unless(f[FIELD_NODES], ""),
        .comment = unless(f[FIELD_COMMENT], ""),
        .expected_start = waits ? moment_here(f[FIELD_START], login_now, now) : 0,
        .left_s = runs ? left : -1,
        .elapsed_s = slurm_parse_elapsed(f[FIELD_ELAPSED]),
        .exit_status = -1, /* squeue -o has no field for it */
    };
}

/* Services of the user's own: more than this many are not what a person keeps. */
#define MAX_OTHERS 256

/* One that runs and says where it serves, and whose name says that no mount has submitted it. */
static void add_other(struct slurm_jobs *jobs, char *f[SLURM_N_FIELDS], const int64_t login_now[2],
                      time_t now)
{
    if (jobs->n_others == MAX_OTHERS || strncmp(f[FIELD_COMMENT], "traefik,", 8) != 0 ||
        strncmp(f[FIELD_NAME], "sfs-", 4) == 0 || sched_state_parse(f[FIELD_STATE]) != SCHED_RUNNING)
        return;
    if (jobs->n_others % 16 == 0)
        jobs->others = xrealloc(jobs->others, (jobs->n_others + 16) * sizeof(*jobs->others));
    jobs->others[jobs->n_others++] = read_row(f, login_now, now);
}

static void add_row(struct slurm_jobs *jobs, char *f[SLURM_N_FIELDS], const int64_t login_now[2], time_t now)
{
    size_t at = place_of(jobs, f[FIELD_ID], sched_state_parse(f[FIELD_STATE]));
    if (at > jobs->n)
        return;
    if (at == jobs->n && jobs->n++ % 64 == 0) {
        jobs->v = xrealloc(jobs->v, (at + 64) * sizeof(*jobs->v));
        jobs->partitions = xrealloc(jobs->partitions, (at + 64) * sizeof(*jobs->partitions));
    }
    jobs->partitions[at] = f[FIELD_PARTITION];
    jobs->v[at] = read_row(f, login_now, now);
}

/* Cut a row into its fields. Returns how many there are. */
static size_t split_row(char *row, char *end, const char *sep, char *f[SLURM_N_FIELDS])
{
    size_t n = 0, sep_len = strlen(sep);

    *end = '\0';
    for (char *at = row; at; n++) {
        char *next = memmem(at, (size_t)(end - at), sep, sep_len);
        if (n < SLURM_N_FIELDS)
            f[n] = at;
        if (next) {
            *next = '\0';
            next += sep_len;
        }
        at = next;
    }
    return n;
}

static int parse_rows(char *s, char *end, const char *tag, const char *prefix, const int64_t login_now[2],
                      time_t now, struct slurm_jobs *jobs, struct err *e)
{
    char open[64], close[64], sep[64], *f[SLURM_N_FIELDS];
    const char *first = next_line(s, end);
    bool headed = false;

    snprintf(open, sizeof(open), "%s[", tag);
    snprintf(close, sizeof(close), "]%s\n", tag);
    snprintf(sep, sizeof(sep), "|%s|", tag);
    while ((s = find_line(s, end, open, "")) != NULL) {
        char *row = s + strlen(open);
        char *row_end = memmem(row, (size_t)(end - row), close, strlen(close));
        if (!row_end || find_line(next_line(row, row_end), row_end, open, ""))
            return err_set(e, -EPROTO, "squeue printed a row that is cut: \"%.*s\"", (int)strcspn(row, "\n"),
                           row);
        s = row_end + strlen(close);
        size_t n = split_row(row, row_end, sep, f);
        if (n != SLURM_N_FIELDS)
            return err_set(e, -EPROTO, "squeue printed a row of %zu fields, not %d: \"%s\"", n,
                           SLURM_N_FIELDS, row);
        headed |= strcmp(f[FIELD_ID], SLURM_HEADING) == 0;
        if (strncmp(f[FIELD_NAME], prefix, strlen(prefix)) == 0)
            add_row(jobs, f, login_now, now);
        else
            add_other(jobs, f, login_now, now);
    }
    if (!headed)
        return err_set(e, -EPROTO, "squeue printed no heading but \"%.*s\"",
                       first ? (int)strcspn(first, "\n") : 0, first ? first : "");
    return 0;
}

static void parse_places(char *s, const char *end, const char *tag, struct slurm_jobs *jobs)
{
    static const char word[] = " place ";
    char id[SLURM_ID_SIZE];
    int position;

    while ((s = find_line(s, end, tag, word)) != NULL) {
        s += strlen(tag) + sizeof(word) - 1;
        if (!memchr(s, '\n', (size_t)(end - s)) || sscanf(s, "%8d:%11[0-9]", &position, id) != 2)
            continue;
        for (size_t i = 0; i < jobs->n; i++)
            if (strcmp(jobs->v[i].id, id) == 0)
                jobs->v[i].queue_position = position;
    }
}

int slurm_parse_queue(const char *out, size_t len, const char *tag, const char *prefix, time_t now,
                      struct slurm_jobs *jobs, int *status, struct err *e)
{
    struct slurm_jobs found = { .text = xstrndup("", 0) };
    char epoch[16] = "", local[32] = "";
    int64_t login_now[2] = { 0 }; /* by is_epoch */
    bool is_epoch;
    int rc = 0;

    found.text = xrealloc(found.text, len + 1);
    memcpy(found.text, out, len);
    found.text[len] = '\0';
    char *limit = found.text + len;
    char *begin = find_line(found.text, limit, tag, " now ");
    char *end = begin ? find_line(begin, limit, tag, " end ") : NULL;

    if (!end || !memchr(end, '\n', (size_t)(limit - end)) ||
        sscanf(end + strlen(tag), " end %3d", status) != 1) {
        rc = err_set(e, -EPROTO, "the output of squeue has no %s", begin ? "end" : "beginning");
        goto out;
    }
    if (*status != 0) {
        rc = err_set(e, -EIO, "squeue exited with status %d", *status);
        goto out;
    }
    if (sscanf(begin + strlen(tag), " now %15s %31s", epoch, local) == 2) {
        parse_moment(epoch, &is_epoch, &login_now[1]);
        parse_moment(local, &is_epoch, &login_now[0]);
    }
    rc = parse_rows(begin, end, tag, prefix, login_now, now, &found, e);
    if (rc == 0)
        parse_places(end, limit, tag, &found);
out:
    if (rc == 0)
        *jobs = found;
    else
        slurm_jobs_free(&found);
    return rc;
}

void slurm_jobs_free(struct slurm_jobs *jobs)
{
    free(jobs->v);
    free(jobs->partitions);
    free(jobs->others);
    free(jobs->text);
    *jobs = (struct slurm_jobs){ 0 };
}
