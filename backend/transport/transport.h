/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_TRANSPORT_H
#define BACKEND_TRANSPORT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "backend/base/err.h"
#include "backend/config/config.h"
/* The way to a login node: commands and byte streams, over one connection that is opened by the first need,
 * kept, and opened again by itself. A new kind is one file and one row in transport_kinds[] (transport.c;
 * what a kind implements stands in transport_private.h). All calls and callbacks on the loop thread; no
 * call waits, and no callback is called inside the call that caused it, except that transport_destroy()
 * answers what is still owed. The program ignores SIGPIPE. */

struct transport;

enum transport_state {
    TRANSPORT_IDLE,       /* nothing was needed yet */
    TRANSPORT_CONNECTING, /* also: waits before the next attempt, see reason */
    TRANSPORT_AUTH,       /* the login waits for transport_answer(); the reason is what is asked */
    TRANSPORT_UP,
    TRANSPORT_DOWN, /* refused in a way that another attempt alone will not cure (key, host key); the
                             next need tries again, at most every 10 s */
};

/* state_cb is called whenever state or reason changed; the sentence is in transport_reason(). */
typedef void (*transport_state_f)(void *arg, enum transport_state state);

struct transport_params {
    uv_loop_t *loop;
    const struct cluster_config *cluster; /* borrowed for the life of the transport */
    const char *runtime_dir;              /* 0700, ours: the control socket goes here; copied */
    const char *program;   /* our own, whose main() calls askpass_helper_main(); copied. NULL: a
                                             login that needs an answer fails */
    struct transport *via; /* NULL, or one of the same kind that outlives it: host is what a
                                             machine beyond that one's host calls it */
    uint64_t answer_ms;    /* how long a question waits for its answer; 0: 5 min */
    transport_state_f state_cb;
    void *arg;
};

/* Choose by cluster->transport ("auto": "local" where host is empty, else "openssh") and make one; nothing is
 * opened. -EINVAL with a sentence (unknown kind; no host, or one that ssh would take for an option). */
int transport_create(struct transport **out, const struct transport_params *p, struct err *e);

/* Ends commands and streams in order; callbacks still owed are called before it returns (-ECANCELED where the
 * outcome is not known yet); calls made from these get NULL, and no callback. Child processes get TERM, and
 * KILL 2 s later from the loop, which therefore runs until it has no handles left; nothing is left on disk.
 * NULL is allowed. */
void transport_destroy(struct transport *t);

enum transport_state transport_state(const struct transport *t);

/* Why it is not UP (or was lost last), one sentence; "" else; borrowed until the next turn of the loop. */
const char *transport_reason(const struct transport *t);

/* What the login asks the user (a password, a passphrase, a second factor), one line of UTF-8; NULL in every
 * state but AUTH. Borrowed until the next turn of the loop. *number is another for each question. Questions
 * about trust in a host key are never asked. Who waits for the link goes on waiting meanwhile; a question that
 * nobody answers ends the login, and what waits for it, after answer_ms. */
const char *transport_question(const struct transport *t, unsigned *number);

/* The answer to that question: one line without its end, of at most ASKPASS_ANSWER_MAX bytes. It is passed on
 * and not kept; the caller wipes his own. -EINVAL with a sentence where this question is not (any more) asked,
 * or is a notice that takes no answer ("touch your key"). */
int transport_answer(struct transport *t, unsigned number, const char *answer, size_t len, struct err *e);

const char *transport_kind(const struct transport *t); /* "openssh", "ssh2" or "local", as `status` shows it */
/* How streams to HOST:PORT go: "login" (forwarded by the login node's sshd), "exec" (a program there connects),
 * "node" (through sshd on HOST). NULL: not known yet, where the configuration says "auto", or this machine. */
const char *transport_tunnel(const struct transport *t);

unsigned transport_logins(const struct transport *t); /* how many connections were made so far */

/* ---- Commands. The command line is given to the user's login shell there (any shell: keep to words, single
 * quotes and `exec sh -c '...'`); it must hold no secret, ps shows it. At most 4 run at once (sshd's
 * MaxSessions is 10 by default, and the user may have sessions of their own); more wait in order. */

struct command_result {
    /* 0: it ran and ended; -ETIMEDOUT, -ECANCELED, -EHOSTUNREACH, -EKEYREJECTED, -ECONNRESET (link lost in
     * the middle: whether it ran is not known), -EFBIG (output beyond 4 MiB, or a line beyond 64 KiB, which
     * is then not run), -EIO else, with err. */
    int rc;
    int exit_status; /* 0..255; 128+n for signal n (openssh does not learn n: 255); valid with rc 0 */
    const char *out; /* NUL-terminated beside its length; what came until then also where rc < 0 */
    size_t out_len;
    const char *errout; /* at most the last 64 KiB */
    size_t errout_len;
    const char *err; /* the sentence where rc < 0, "" else */
};
typedef void (*command_f)(void *arg, const struct command_result *r); /* r is borrowed for the call */

struct command; /* valid until its callback was called */

/* timeout_ms counts from the moment that the command starts; while the link is not up a command waits up to
 * connect_ms for it (0: fails at once with the reason unless the link is up) and connects by that need. Where
 * the far side opens no further session just now, the command tries again for up to connect_ms.
 * A command has ended when its shell has and nobody holds its output open any more: what stays in the
 * background redirects it. At the deadline and by command_cancel() the local kind ends the whole process
 * group where the shell still runs. sshd signals nobody: there the program goes on, and holds one of the
 * MaxSessions, until it ends by itself, so give what may hang a timeout(1) of its own.
 * input may be NULL; it is copied. */
struct command *transport_run(struct transport *t, const char *line, const void *input, size_t input_len,
                              uint64_t connect_ms, uint64_t timeout_ms, command_f cb, void *arg);
void command_cancel(struct command *c); /* cb is not called any more; NULL is allowed */

/* ---- Streams to host:port as the login node sees them (openssh and ssh2: the ways of tunnel.h; local: connect). */

struct dial; /* valid until its callback was called */

/* fd  a connected, non-blocking, close-on-exec stream socket that the callee now owns; or a negative errno
 *     (-ECONNREFUSED: nobody listens there, or the node is not reachable from the login node; -EACCES:
 *     forwarding is not permitted; -EHOSTUNREACH, -EKEYREJECTED, -ETIMEDOUT, -ECONNRESET, -ECANCELED) with
 *     the sentence in err.
 * timeout_ms counts from the call and includes the login, where that is needed first. shutdown(fd, SHUT_WR)
 * ends our half alone. The far side's end of file reads as ours and, with openssh, ends both halves;
 * closing fd ends the stream there too. */
typedef void (*dial_f)(void *arg, int fd, const char *err);
struct dial *transport_dial(struct transport *t, const char *host, int port, uint64_t timeout_ms, dial_f cb,
                            void *arg);
/* The same where a job of ours runs on host: a step of it may be the way. job is the scheduler's number. */
struct dial *transport_dial_job(struct transport *t, const char *host, int port, const char *job,
                                uint64_t timeout_ms, dial_f cb, void *arg);
void dial_cancel(struct dial *d); /* cb is not called any more; NULL is allowed */

/* ---- A program that stays: its standard input and output as one stream (the files service talks to a
 * shell on the login node). Not counted among the 4. fd is as in dial_f: what is written goes to its input,
 * what it prints is read, its standard error is dropped; the far end closes when it ends, closing fd ends
 * it. */
struct dial *transport_pipe(struct transport *t, const char *line, uint64_t timeout_ms, dial_f cb, void *arg);

/* What a script on the standard input of a shell begins with: start-up files of the login shell may ask, and take a line
 * each. */
#define TRANSPORT_ANSWERS "\n\n\n\n\n\n\n\n"

/* Where the login node opens few sessions (MaxSessions 1), programs that stay make room. crowded: since the link
 * came up a command was refused a session. cb comes from the loop for each such refusal, for the one who keeps
 * a program (there is one at most, cb NULL: none any more). A program that is refused tries again until its
 * deadline, as commands do. */
bool transport_crowded(const struct transport *t);
void transport_when_crowded(struct transport *t, void (*cb)(void *arg), void *arg);

#endif
