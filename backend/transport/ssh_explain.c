/* SPDX-License-Identifier: MIT */
/* The words of ssh(1) 9.2, which have been stable for many years: sshconnect.c, sshconnect2.c, readconf.c,
 * channels.c. */
#include "backend/transport/ssh_explain.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The command that a person runs once. */
static const char *by_hand(const struct cluster_config *c, char *room, size_t size)
{
    if (c->ssh_config[0])
        snprintf(room, size, "ssh -F %s %s", c->ssh_config, c->host);
    else
        snprintf(room, size, "ssh %s", c->host);
    return room;
}

/* The last line that says something, without its end; NULL if there is none. The caller frees it. */
static char *last_line(const char *said)
{
    size_t end = strlen(said), begin;

    while (end > 0 && (said[end - 1] == '\n' || said[end - 1] == '\r' || said[end - 1] == ' '))
        end--;
    for (begin = end; begin > 0 && said[begin - 1] != '\n'; begin--)
        ;
    return end > begin ? xstrndup(said + begin, end - begin) : NULL;
}

/* The line that holds a word; the caller frees it. NULL if none does. */
static char *line_with(const char *said, const char *word)
{
    const char *p = strstr(said, word);

    if (!p)
        return NULL;
    const char *end = p + strcspn(p, "\r\n");
    while (p > said && p[-1] != '\n')
        p--;
    while (*p == ' ')
        p++;
    while (end > p && end[-1] == ' ')
        end--;
    return xstrndup(p, (size_t)(end - p));
}

/* Behind a jump host, what is said last is that the connection to it was closed, and why is said before. */
static char *telling_line(const char *said)
{
    char *line = line_with(said, "ssh: Could not resolve hostname ");

    if (!line)
        line = line_with(said, "ssh: connect to host ");
    /* The jump host's own; else it may be an engine's. */
    if (!line && strstr(said, "stdio forwarding failed"))
        line = line_with(said, ": open failed: ");
    return line ? line : last_line(said);
}

void ssh_explain(const struct cluster_config *c, const char *said, const char *what, struct ssh_failure *out)
{
    char room[512];
    const char *by = by_hand(c, room, sizeof room);
    char *line = NULL;

    *out = (struct ssh_failure){ .rc = -EKEYREJECTED, .final = true };
    if (strstr(said, "REMOTE HOST IDENTIFICATION HAS CHANGED")) {
        line = line_with(said, "ssh-keygen -f");
        err_set(&out->why, 0,
                "%s shows another host key than before; if that is expected, run once: %s && %s", c->host,
                line ? line : "ssh-keygen -R HOST", by);
    } else if (strstr(said, "Host key verification failed")) {
        err_set(&out->why, 0,
                "the host key of %s is not known; run `%s` once, compare its fingerprint and accept it",
                c->host, by);
    } else if ((line = line_with(said, "Permission denied (")) ||
               (line = line_with(said, "Too many authentication failures"))) {
        err_set(&out->why, 0,
                "%s refuses the login: %s; `%s` has to work, and what it asks is asked in clusters/%s/auth",
                c->host, line, by, c->name);
    } else {
        out->rc = -EHOSTUNREACH;
        out->final = (line = line_with(said, "Bad configuration option")) ||
                     (line = line_with(said, "Can't open user config")) ||
                     (line = line_with(said, "bad configuration option")) ||
                     (line = line_with(said, "Bad owner or permissions"));
        if (!line)
            line = telling_line(said);
        if (line)
            err_set(&out->why, 0, "%s: %s", c->host, line);
        else
            err_set(&out->why, 0, "%s: %s ended, and ssh does not say why", c->host, what);
    }
    free(line);
}

int ssh_explain_open(const struct cluster_config *c, const char *where, const char *line, struct err *why)
{
    const char *reason = line ? strstr(line, "open failed: ") : NULL;

    if (reason && strstr(reason, "administratively prohibited"))
        return err_set(why, -EACCES,
                       "%s does not permit a connection to %s (sshd's AllowTcpForwarding or PermitOpen)",
                       c->host, where);
    if (reason) {
        reason += strlen("open failed: ");
        if (strncmp(reason, "connect failed: ", 16) == 0)
            reason += 16;
    }
    return err_set(why, -ECONNREFUSED, "%s, seen from %s: %s", where, c->host,
                   reason ? reason : "Connection refused");
}
