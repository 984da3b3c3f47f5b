/* SPDX-License-Identifier: MIT */
/* Reads what a job tells about itself: the lines of its file `state`, and its Comment. Called by job_watch.c
 * and job_seen.c. Both come from outside, so nothing is taken that is not exactly of the form that job.sh
 * writes; the caller still compares the host with the job's node list. */
#include "backend/engine/engine.h"
#include "backend/engine/message.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Decimal digits alone, at most max. Returns 0 or -EINVAL. */
static int parse_number(const char *s, size_t len, int min, int max, int *out)
{
    int n = 0;

    if (!len || len > 9)
        return -EINVAL;
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)s[i]))
            return -EINVAL;
        n = n * 10 + (s[i] - '0');
    }
    if (n < min || n > max)
        return -EINVAL;
    *out = n;
    return 0;
}

/* A host name or an address: it goes into log lines and to the transport, never to a shell. */
static int parse_host(const char *s, size_t len, char *out, size_t size)
{
    if (!len || len >= size || s[0] == '-')
        return -EINVAL;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)s[i]) && !strchr("._-:", s[i]))
            return -EINVAL;
    memcpy(out, s, len);
    out[len] = '\0';
    return 0;
}

/* The value of " key=" in a line; -EINVAL if there is none. */
static int find_value(const char *line, const char *key, const char **value, size_t *len)
{
    size_t n = strlen(key);

    for (const char *at = line; (at = strchr(at, ' ')); at++) {
        if (strncmp(at + 1, key, n) || at[1 + n] != '=')
            continue;
        *value = at + n + 2;
        *len = strcspn(*value, " ");
        return 0;
    }
    return -EINVAL;
}

static int find_number(const char *line, const char *key, int min, int max, int *out)
{
    const char *value;
    size_t len;
    int rc = find_value(line, key, &value, &len);

    return rc ? rc : parse_number(value, len, min, max, out);
}

static int find_host(const char *line, const char *key, char *out, size_t size)
{
    const char *value;
    size_t len;
    int rc = find_value(line, key, &value, &len);

    return rc ? rc : parse_host(value, len, out, size);
}

/* One row per word; each function fills what its kind has. */
static int read_job(const char *line, struct job_notice *n)
{
    return find_host(line, "node", n->host, sizeof n->host);
}

static int read_listening(const char *line, struct job_notice *n)
{
    const char *value;
    size_t len;
    int rc = find_host(line, "host", n->host, sizeof n->host);

    if (!rc)
        rc = find_number(line, "port", 1, 65535, &n->port);
    if (!rc && !find_value(line, "addr", &value, &len))
        rc = parse_host(value, len, n->addr, sizeof n->addr);
    return rc;
}

static int read_signal(const char *line, struct job_notice *n)
{
    return find_number(line, "number", 1, 127, &n->status);
}

static int read_exit(const char *line, struct job_notice *n)
{
    return find_number(line, "status", 0, 255, &n->status);
}

static int read_lease(const char *line, struct job_notice *n)
{
    (void)line;
    (void)n;
    return 0;
}

static int read_error(const char *line, struct job_notice *n)
{
    const char *text = line + strlen("error text=");
    struct buf b = { 0 };

    if (strncmp(line, "error text=", strlen("error text=")))
        return -EINVAL;
    message_quote(text, strlen(text), &b);
    memcpy(n->text, buf_str(&b), b.len + 1);
    buf_free(&b);
    return 0;
}

/* The text goes to the end of the line, so it comes last. */
static int read_progress(const char *line, struct job_notice *n)
{
    const char *text = strstr(line, " text="), *value;
    struct buf b = { 0 };
    size_t len;
    char *end;

    if (!text)
        return -EINVAL;
    n->value = -1;
    if (!find_value(line, "value", &value, &len) && value < text) {
        n->value = strtod(value, &end);
        if (!isdigit((unsigned char)*value) || end != value + len || !(n->value >= 0 && n->value <= 1))
            return -EINVAL;
    }
    message_quote(text + 6, strlen(text + 6), &b);
    memcpy(n->text, buf_str(&b), b.len + 1);
    buf_free(&b);
    return 0;
}

static int read_exposed(const char *line, struct job_notice *n)
{
    const char *value;
    size_t len;

    if (find_value(line, "to", &value, &len))
        return -EINVAL;
    if ((len != 4 || memcmp(value, "node", 4)) && (len != 7 || memcmp(value, "cluster", 7)))
        return -EINVAL;
    memcpy(n->text, value, len);
    return 0;
}

_Static_assert(sizeof((struct job_notice *)0)->text > MESSAGE_MAX + 8, "a quoted message fits into a notice");

static const struct {
    const char *word;
    int kind;
    int (*read)(const char *line, struct job_notice *n);
} words[] = {
    { "job", NOTICE_JOB, read_job },
    { "listening", NOTICE_LISTENING, read_listening },
    { "signal", NOTICE_SIGNAL, read_signal },
    { "exit", NOTICE_EXIT, read_exit },
    { "lease", NOTICE_LEASE, read_lease },
    { "error", NOTICE_ERROR, read_error },
    { "progress", NOTICE_PROGRESS, read_progress },
    { "exposed", NOTICE_EXPOSED, read_exposed },
};

int job_notice_parse(const char *line, struct job_notice *out)
{
    size_t len = strcspn(line, " ");

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct job_notice n = { 0 };
        int rc;

        if (strlen(words[i].word) != len || memcmp(words[i].word, line, len))
            continue;
        n.kind = words[i].kind;
        rc = words[i].read(line, &n);
        if (!rc)
            *out = n;
        return rc;
    }
    return -EINVAL;
}

bool comment_is_verified(const char *comment)
{
    const char *url = strchr(comment, ',');
    const char *rest = url ? strchr(url + 1, ',') : NULL;

    rest = rest ? strchr(rest + 1, ',') : NULL;
    return rest && (!strcmp(rest, ",sfs") || !strncmp(rest, ",sfs,", 5));
}

/* traefik,<service>,http://<host>:<port>[,sfs[,<addr>]][,...] */
int comment_parse(const char *comment, char host[256], int *port, char addr[64])
{
    static const char http[] = "http://", ours[] = ",sfs,";
    const char *s, *colon, *end;
    char found_host[256], found_addr[64] = "";
    int found_port;

    if (strncmp(comment, "traefik,", 8) || !(s = strchr(comment + 8, ',')))
        return -EINVAL;
    s++;
    if (strncmp(s, http, sizeof http - 1))
        return -EINVAL;
    s += sizeof http - 1;
    end = s + strcspn(s, ",");
    colon = memchr(s, ':', (size_t)(end - s));
    if (!colon || parse_host(s, (size_t)(colon - s), found_host, sizeof found_host) ||
        parse_number(colon + 1, (size_t)(end - colon - 1), 1, 65535, &found_port))
        return -EINVAL;
    if (!strncmp(end, ours, sizeof ours - 1)) {
        end += sizeof ours - 1;
        if (!memchr(end, '=', strcspn(end, ",")) &&
            parse_host(end, strcspn(end, ","), found_addr, sizeof found_addr))
            return -EINVAL;
    }
    strcpy(host, found_host);
    strcpy(addr, found_addr);
    *port = found_port;
    return 0;
}

bool comment_has(const char *comment, const char *field)
{
    size_t len = strlen(field);
    bool ours = false;

    for (const char *s = comment; s; s = strchr(s, ',') ? strchr(s, ',') + 1 : NULL) {
        size_t n = strcspn(s, ",");
        if (ours && n == len && memcmp(s, field, n) == 0)
            return true;
        ours |= n == 3 && memcmp(s, "sfs", 3) == 0;
    }
    return false;
}
