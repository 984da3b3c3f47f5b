/* SPDX-License-Identifier: MIT */
/* The command lines of the way `exec`: see tunnel.h. */
#include "backend/transport/tunnel.h"
#include "backend/base/buf.h"

#include <string.h>

extern const char text_pipe[]; /* pipe.sh */

bool tunnel_is_host(const char *s)
{
    return s[0] && s[0] != '-' &&
           s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:")] == '\0';
}

/* srun(1) 22.05: its output is that of the task as it comes only with -u, which makes a terminal of it in other
 * versions; a step shares what its job has with --overlap (20.11). */
#define STEP                                                                                                 \
    "exec srun --overlap --jobid=%s -N 1 -n 1 -Q -u sh -c '[ ! -t 0 ] || stty raw -echo; exec \"$@\"' step "

char *tunnel_pipe_line(const char *host, int port, const char *mark, const char *tools, const char *job)
{
    struct buf line = { 0 };

    if (!tunnel_is_host(host) || (job && job[strspn(job, "0123456789")] != '\0'))
        return NULL;
    if (job)
        buf_addf(&line, STEP, job);
    buf_adds(&line, job ? "sh -c '" : "exec sh -c '");
    for (const char *p = text_pipe; *p; p++) {
        if (*p == '\'')
            buf_adds(&line, "'\\''");
        else
            buf_add(&line, p, 1);
    }
    buf_addf(&line, "' pipe %s %d %s '%s'", host, port, mark, tools);
    return buf_take(&line);
}
