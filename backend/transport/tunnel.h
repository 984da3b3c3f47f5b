/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_TRANSPORT_TUNNEL_H
#define BACKEND_TRANSPORT_TUNNEL_H
#include "backend/transport/transport_private.h"
/* Which way a stream to HOST:PORT takes, for the kinds that lead to a login node (`tunnel` in the configuration):
 *
 * login   the login node connects: a forward of sshd's
 * exec    a program on the login node connects (pipe.sh), where sshd forwards nothing; costs a session each
 *         or the same program as a step of the job on HOST (srun), where the login node reaches no node
 * node    sshd on HOST itself, reached through the login node, connects: a transport of its own for each host
 *
 * "auto" takes them in this order, and remembers the one that worked. The step comes where the login node, by its
 * sshd or a program, never reached a node yet, and at most once a minute while that fails. dial.c calls these at the turns of a
 * dial's life. */

/* d->host and d->port: begin. */
void tunnel_start(struct dial *d);

/* The kind has opened something for it. False: that is the stream; true: it is taken, there is more to do. */
bool tunnel_opened(struct dial *d, int fd);

/* The kind has failed. False: so has the dial, with *rc and e, which may be changed; true: something else is
 * tried. */
bool tunnel_failed(struct dial *d, int *rc, struct err *e);

/* There was no session for it: what the try holds goes; and the same way once more. */
void tunnel_clear(struct dial *d);
void tunnel_again(struct dial *d);

void tunnel_let_go(struct dial *d); /* it is over */

void tunnel_finish(struct transport *t);

/* The command line that connects, with a program of `tools`, words of "python3 bash socat nc", on the login node
 * or, unless job is NULL, in a step of that job; NULL where host is no name or address, or job no number. It
 * prints the line mark first. The caller frees it. */
char *tunnel_pipe_line(const char *host, int port, const char *mark, const char *tools, const char *job);
bool tunnel_is_host(const char *s); /* a name or address that no shell takes for something else */

#endif
