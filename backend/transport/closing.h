/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_TRANSPORT_CLOSING_H
#define BACKEND_TRANSPORT_CLOSING_H
#include <uv.h>
/* Sees that whoever holds the other end of a socket pair closed it. The end that is watched is a copy of what
 * a program (ssh, a shell) has as its input and output, so it has to go as soon as the program let go of its
 * own: until then the holder of the other end does not read end of file. */

struct closing;

/* fd  one end of a socket pair; taken. It keeps its mode, which it shares with the program's
 * cb  called once, from the loop; it may call closing_destroy() */
struct closing *closing_create(uv_loop_t *loop, int fd, void (*cb)(void *arg), void *arg);
void closing_destroy(struct closing *c); /* NULL is allowed */

#endif
