/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_LISTENER_H
#define FS_DOOR_HTTP_LISTENER_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "backend/base/err.h"
/* Sockets that listen, from the strings of the key `listen`. */

struct listen_socket {
    int fd;     /* non-blocking, close-on-exec, listening */
    char *path; /* of a Unix socket, owned; NULL for TCP */
    dev_t dev;  /* of the Unix socket's file, so that only our own is removed */
    ino_t ino;
    char *url; /* as `endpoint` shows it, owned */
    bool far;  /* it was listened on already, where others than this machine's programs can connect */
};

/* where   "127.0.0.1:11434", "[::1]:1", "localhost:0" or "unix:/PATH"; "fd:N" is a socket that listens already
 * asked   false: a TCP port that is taken gives way to the next free one
 * Returns 0, -EADDRINUSE, -EINVAL, .. with a sentence; *out is filled on success only. */
int listen_open(const char *where, bool asked, struct listen_socket *out, struct err *e);

/* Closes it; the Unix socket's file goes if it is still ours. */
void listen_close(struct listen_socket *s);

#endif
