/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_TRANSPORT_SSH_SAID_H
#define BACKEND_TRANSPORT_SSH_SAID_H
#include <uv.h>
#include "backend/base/buf.h"
/* What one ssh says on its standard error, of which the end is kept. Zeroes are one that nobody listens to. */

struct ssh_said {
    uv_pipe_t *pipe; /* NULL: closed */
    struct buf text;
    char chunk[2048];
};

/* Begin to listen. The descriptor for it, which is the caller's, or -1. */
int ssh_said_listen(struct ssh_said *s, uv_loop_t *loop);
void ssh_said_stop(struct ssh_said *s);  /* after what is there has been taken in */
void ssh_said_reset(struct ssh_said *s); /* forget it, and listen on */
void ssh_said_finish(struct ssh_said *s);

/* Lines, with what came by now; valid until the next call. */
const char *ssh_said_text(struct ssh_said *s);

/* Take the oldest line about a channel that could not be opened; the caller frees it. NULL if there is none. */
char *ssh_said_take_open_failure(struct ssh_said *s);

#endif
