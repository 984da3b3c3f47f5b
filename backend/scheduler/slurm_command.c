/* SPDX-License-Identifier: MIT */
/* A command of kind "slurm" on the login node.
 *
 * A command is one line for the user's login shell, whichever it is: `exec sh -c '...'` with neither single
 * quotes nor backslashes, exclamation marks or line feeds inside, over which bash, zsh, dash, tcsh and fish
 * agree. It is refused rather than quoted if a word of ours does not fit. It holds no secret; the script of a
 * job goes to standard input. The first thing it prints, on both outputs, is a tag of random letters, so that
 * start-up files may print what they like. */
#include "backend/scheduler/slurm_inside.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The link may have to be opened for the command: an SSH login with its checks takes seconds, not minutes. */
#define CONNECT_MS 30000

bool slurm_plain_words(const char *s)
{
    return s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.,:/=+@%-")] == '\0';
}

/* The tag is printed behind a line feed: what was printed before it need not have ended its line. A command that
 * hangs would keep one of the few sessions of our connection long after we stopped waiting, since sshd ends
 * nobody: $T ends it there. */
void slurm_begin(struct buf *b, const struct slurm *s, const char *unset)
{
    buf_addf(b,
             "exec sh -c 'unset %s; T=; command -v timeout >/dev/null && T=\"timeout -s KILL 90\"; "
             "echo; echo %s; echo >&2; echo %s >&2; ",
             unset, s->tag, s->tag);
}

void slurm_run_on(struct call *c, struct buf *line, const char *input, uint64_t timeout_ms, command_f cb)
{
    c->command = transport_run(c->owner->transport, buf_str(line), input, input ? strlen(input) : 0,
                               CONNECT_MS, timeout_ms, cb, c);
    buf_free(line);
}

struct call *slurm_run(struct slurm *s, struct buf *line, const char *input, uint64_t timeout_ms,
                       command_f cb)
{
    struct call *c = NEW(struct call);

    c->owner = s;
    list_append(&s->calls, &c->link);
    slurm_run_on(c, line, input, timeout_ms, cb);
    return c;
}

void slurm_call_free(struct call *c)
{
    list_remove(&c->link);
    slurm_jobs_free(&c->jobs);
    slurm_known_free(&c->lacking);
    free(c);
}

int slurm_shell_error(const struct slurm *s, const char *program, int exit_status, struct err *e)
{
    if (exit_status == 127 && s->is_here)
        return err_set(e, -ENOENT, "%s was not found on this machine: its directory must be in PATH",
                       program);
    if (exit_status == 127)
        return err_set(e, -ENOENT,
                       "%s was not found on %s: its directory must be in the PATH that `ssh %s env` shows",
                       program, s->host, s->host);
    if (exit_status == 126)
        return err_set(e, -EACCES, "%s on %s may not be run", program, s->host);
    return 0;
}

int slurm_not_reached(const struct slurm *s, const char *program, const struct command_result *r,
                      struct err *e)
{
    const char *rest;
    size_t len;

    bool no_shell =
        s->is_here && r->exit_status == 127; /* PATH has no sh, which is for slurm_shell_error() */
    if (no_shell || slurm_behind_tag(r->out, r->out_len, s->tag, &rest, &len))
        return 0;
    char *words = slurm_words(r->errout, r->errout_len, s->tag);
    err_set(e, -EIO, "the login shell on %s did not get as far as %s (status %d)%s%s", s->host, program,
            r->exit_status, *words ? ": " : "; do its start-up files end in exit or exec?", words);
    free(words);
    return -EIO;
}
