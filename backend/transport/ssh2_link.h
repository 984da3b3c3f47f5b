/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_TRANSPORT_SSH2_LINK_H
#define BACKEND_TRANSPORT_SSH2_LINK_H
#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "backend/base/err.h"
#include "backend/base/list.h"
#include "backend/config/config.h"
/* One connection through libssh2, in a thread of its own: login, then channels, then its end. The thread owns the
 * session wholly; it and the loop only pass each other messages. All calls below on the loop thread, none waits. */

/* Where to, and how to log in. */
struct ssh2_goal {
    char *name; /* the destination as the user calls it */
    char *hostname, *port, *user;
    char *known_name;  /* what known_hosts calls it */
    int known_port;    /* -1: the name stands there alone */
    char *known_hosts; /* files, separated by blanks; new keys go to the first */
    char *agent;       /* its socket; NULL: none */
    char **identities; /* files of private keys, ended by NULL */
    bool identities_only, accept_new;
    bool asks; /* somebody answers questions */
    uint64_t answer_ms;
    struct addrinfo *addresses;
};

/* What `ssh -G` printed, as a goal. -ENOTSUP with a sentence that names what libssh2 cannot do. The caller fills in
 * asks, answer_ms and addresses. */
int ssh2_goal_create(struct ssh2_goal **out, const struct cluster_config *c, const char *settings,
                     struct err *e);
void ssh2_goal_destroy(struct ssh2_goal *g); /* NULL is allowed */

enum ssh2_word {
    /* to the thread */
    SSH2_OPEN,   /* a channel, id: text is a command, or host and port are where to */
    SSH2_STOP,   /* let go of channel id */
    SSH2_ANSWER, /* text, to what was asked last */
    SSH2_QUIT,
    /* from it */
    SSH2_ASKED,   /* text is the question */
    SSH2_WENT_ON, /* with the answer */
    SSH2_UP,
    SSH2_OPENED,  /* channel id */
    SSH2_EXITED,  /* the command of channel id, with rc as its status; its output was passed on wholly */
    SSH2_REFUSED, /* channel id: rc is a negative errno, text the sentence */
    SSH2_ENDED,   /* rc 0: text is what ssh would have said (see ssh_explain.h); else an errno that
                       another attempt does not cure, and the sentence */
};

struct ssh2_message {
    struct list link;
    enum ssh2_word word;
    unsigned id;
    bool command; /* OPEN: its end is told; else it is a stream */
    int fds[3];   /* OPEN: input, output, errors; -1: none. The thread's own */
    char *text, *host;
    int port, rc;
};

/* text is copied; NULL is allowed. */
struct ssh2_message *ssh2_message(enum ssh2_word word, unsigned id, int rc, const char *text);

struct ssh2_link;

/* m is borrowed for the call. After ENDED nothing comes any more, and the link is gone. */
typedef void (*ssh2_link_f)(void *arg, const struct ssh2_message *m);

/* The goal is taken. -EIO with a sentence: there is no thread. */
int ssh2_link_start(struct ssh2_link **out, uv_loop_t *loop, struct ssh2_goal *goal, ssh2_link_f cb,
                    void *arg, struct err *e);
void ssh2_link_tell(struct ssh2_link *l, struct ssh2_message *m); /* m is taken */

/* It ends soon, by itself: the loop has a handle until then. cb is not called any more. NULL is allowed. */
void ssh2_link_leave(struct ssh2_link *l);

#endif
