/* SPDX-License-Identifier: MIT */
#ifndef BASE_PEER_H
#define BASE_PEER_H
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>
/* Which user is at the other end of a connection that was just accepted, as the kernel says. Ask once, before
 * a byte is read: after the client has closed, the kernel names root. */

/* Takes some 20 us and waits for nothing. 0 and the uid; -ENOTCONN when the client is gone already or is
 * not of this machine; else a negative errno (-EAGAIN: the kernel gave no answer), and the client is not
 * to be let in. Source: sock_diag(7); SO_PEERCRED in unix(7). */
int peer_uid(int fd, uid_t *uid);

/* Which user listens at an address of this machine, by TCP. 0 and the uid; -ENOTCONN where nobody does; else a negative
 * errno. */
int listener_uid(const struct sockaddr_storage *where, uid_t *uid);

/* Is the other end on this machine: a Unix socket, or TCP from an address of its own? */
bool peer_is_here(int fd);

#endif
