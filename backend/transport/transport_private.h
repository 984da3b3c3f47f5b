/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_TRANSPORT_PRIVATE_H
#define BACKEND_TRANSPORT_PRIVATE_H
#include "backend/base/buf.h"
#include "backend/base/list.h"
#include "backend/base/mailbox.h"
#include "backend/base/timer.h"
#include "backend/transport/transport.h"
/* What the kinds of transport share. transport.c keeps state and reason, command.c the queue of commands with
 * their deadlines and output, dial.c the streams being opened. A kind brings the link up and starts things on
 * it, no more.
 *
 * Outcomes are posted to the mailbox, so that no function here calls its caller back: a kind may call any of
 * them from anywhere, command_finish() inside command_start() too. */

/* sshd's MaxSessions is 10 by default, and the user may have sessions of their own. */
#define COMMANDS_AT_ONCE 4

struct transport_ops {
    const char *name;
    bool has_tunnels; /* it leads to a login node: streams to HOST:PORT take the ways of tunnel.h */
    bool leads_on;    /* it can be the way to another of its kind: transport_params.via */

    /* Allocate the kind's struct, whose first member is a struct transport, with transport_init() called on
     * it. */
    int (*create)(struct transport **out, const struct transport_params *p, struct err *e);

    /* No command and no dial is left. Ends with transport_finish(); may free the memory later. */
    void (*destroy)(struct transport *t);

    /* Somebody needs the link, and it is not up. Called for each new need. The outcome is told by
     * transport_set(). */
    void (*connect)(struct transport *t);

    /* The control socket that leads through it; NULL while it is not up. Only where leads_on. */
    const char *(*control_path)(const struct transport *t);

    /* Pass on the answer to what is asked: see transport_answer(). NULL: it never asks. */
    int (*answer)(struct transport *t, const char *answer, size_t len, struct err *e);

    /* The link is up: run c->line. fds are the command's standard input, output and error; the kind closes
     * them, whatever it returns. c->kind is the kind's own. A failure ends the command with rc and e. */
    int (*command_start)(struct command *c, const int fds[3], struct err *e);

    /* End it, without a word, and let go of c->kind. Called once for each command that was started. */
    void (*command_stop)(struct command *c);

    /* The link is up: open the stream d->line (its standard error goes to dial_take_errors()), or d->host and d->port; the kind calls dial_done() or
     * dial_failed(). */
    void (*dial_start)(struct dial *d);

    /* Give up, and let go of d->kind. Called exactly once for each dial that was started, the successful ones
     * too. */
    void (*dial_stop)(struct dial *d);
};

extern const struct transport_ops openssh_ops, ssh2_ops, local_ops;

enum tunnel_way { TUNNEL_UNKNOWN, TUNNEL_LOGIN, TUNNEL_EXEC, TUNNEL_NODE, TUNNEL_STEP };
struct tunnel_try;

struct transport {
    const struct transport_ops *ops;
    uv_loop_t *loop;
    const struct cluster_config *cluster;
    transport_state_f state_cb;
    void *arg;
    struct mailbox *mail;

    enum transport_state state;
    int rc; /* why it is not UP: -EHOSTUNREACH or -EKEYREJECTED; 0 before the first failure */
    struct err reason;
    char *question; /* AUTH: what is asked; NULL else */
    unsigned question_number;
    bool answerable;
    bool told;  /* a call of state_cb is in the mail */
    bool dying; /* inside transport_destroy() */
    unsigned logins;

    /* commands (command.c) */
    struct list waiting, running, ended; /* ended: result is in the mail */
    int n_running;
    bool pumping;       /* a look at the queue is in the mail */
    struct timer *hold; /* active: the far side opened no session; the queue rests */
    char chunk[16384];  /* where output is read to */
    bool crowded;       /* one was refused a session since the link came up */
    void (*crowded_cb)(void *arg);
    void *crowded_arg;

    /* tunnels (tunnel.c) */
    enum tunnel_way way;    /* the one that worked last */
    bool step_next;         /* the login node heard nothing from a node: the next stream begins with a step */
    uint64_t no_step_until; /* mono_ms(); one failed */
    struct list nodes;      /* struct tunnel_node: sshds of compute nodes */
    char *runtime_dir;

    /* dials (dial.c) */
    struct list dials_waiting, dials_open, dials_ended; /* open: being opened */
};

void transport_init(struct transport *t, const struct transport_ops *ops, const struct transport_params *p);
void transport_finish(struct transport *t);

/* There is a host, and ssh would take it for one. */
int transport_check_host(const struct transport_params *p, const char *kind, struct err *e);

/* Change state and reason, tell the owner, and let what waits go on or fail: UP starts it, DOWN fails it with
 * rc, and what is running fails with -ECONNRESET unless UP. rc and text say why it is not UP; text may be
 * NULL. */
void transport_set(struct transport *t, enum transport_state state, int rc, const char *text);

/* The login waits for an answer: state AUTH, until transport_set() says another. */
void transport_ask(struct transport *t, const char *prompt, bool answerable);

/* Something of it that `status` shows is another. */
void transport_changed(struct transport *t);

bool transport_needed(const struct transport *t); /* something waits for the link */

/* ---- command.c */

enum phase { WAITING, STARTED, ENDED };

struct command {
    struct list link;
    struct transport *t; /* valid until ENDED */
    enum phase phase;
    char *line;
    char *input; /* NULL: none */
    size_t input_len;
    uint64_t connect_ms, timeout_ms;
    /* mono_ms(): a refused session is tried again until then; 0 before the first refusal. */
    uint64_t give_up_at;
    command_f cb;
    void *arg;
    void *kind; /* owned by the kind between command_start and command_stop */

    struct timer *timer; /* the wait for the link, then the deadline */
    uv_pipe_t in, out, err;
    uv_write_t write;
    bool in_open, out_open, err_open; /* the handle is initialised and not being closed */
    int handles; /* not yet closed; the memory lives as long, and no new start happens before */
    bool released;

    bool exited;
    int rc, exit_status;
    struct buf outbuf, errbuf;
    struct err why;
};

/* The program has ended; its output may not have been read yet. */
void command_exited(struct command *c, int exit_status);

/* The far side opened no session for it, with its words: back to the head of the queue, or an error. */
void command_refused(struct command *c, const char *text);

/* The end with an error. */
void command_finish(struct command *c, int rc, const char *text);

void command_pump(struct transport *t); /* start what may start, soon */
void command_end_all(struct transport *t, bool waiting_too, int rc, const char *text);
void command_deliver_all(struct transport *t);           /* for destroy: callbacks now */
void command_link_changed(struct transport *t, bool up); /* connect_ms counts while it is not up */

/* ---- dial.c */

struct dial {
    struct list link;
    struct transport *t; /* valid until ENDED */
    enum phase phase;
    char *line; /* a program's command line; NULL: host and port */
    char *host;
    int port;
    char *job;                 /* that runs on host; NULL: none is known */
    struct tunnel_try *tunnel; /* STARTED, with a host, where the kind has tunnels; tunnel.c's own */
    bool unexplained;          /* the kind does not know why it was refused: forbidden, or nobody listens */
    int errors;                /* where a program's standard error goes; -1: nowhere */
    uint64_t timeout_ms;
    dial_f cb;
    void *arg;
    void *kind; /* owned by the kind between dial_start and dial_stop */
    struct timer *timer;
    struct timer *again; /* the next try to get a session; NULL until it was needed */
    struct err refused;  /* why there was none at the last try */
    int fd;              /* the outcome: a descriptor, or a negative errno */
    struct err why;
};

/* For the kinds: what dial_start() was asked for is there (fd is taken), or cannot be had. -EUSERS: the far side
 * opens no further session; -EACCES: it forbids the forward. */
void dial_done(struct dial *d, int fd);
void dial_failed(struct dial *d, int rc, const char *text);

/* The descriptor for a program's standard error; the caller's from now on. -1 where there are no more. */
int dial_take_errors(struct dial *d);

void dial_opened(struct dial *d, int fd); /* the dial has come to its good end; fd is taken */
void dial_start_waiting(struct transport *t);
void dial_wait_anew(struct transport *t); /* those that wait for the link get their whole time again */
void dial_end_all(struct transport *t, bool waiting_too, int rc, const char *text);
void dial_deliver_all(struct transport *t);

/* ---- Descriptors. Both give close-on-exec ones, and -1 where there are no more. */
int pipe_pair(int fds[2]);   /* 0 read, 1 write */
int stream_pair(int fds[2]); /* a non-blocking stream socket pair */
void close_fd(int *fd);      /* and set it to -1; -1 is allowed */

#endif
