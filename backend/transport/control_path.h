/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_TRANSPORT_CONTROL_PATH_H
#define BACKEND_TRANSPORT_CONTROL_PATH_H
#include <stdbool.h>
#include "backend/base/err.h"
#include "backend/config/config.h"
/* Where ssh's control sockets lie, and whose they are. A name is KEY.PID.START.N: what it leads to (a hash),
 * the daemon that made it (its process and that process's start time, so that a number used again is not
 * taken for it), and a number of its own for each login. So no ssh that is just ending can remove the socket
 * of the next one, two daemons never mix theirs up, and one that nobody owns any more is recognised. */

struct control_dir {
    char *path;    /* "" until control_dir_find() */
    char key[17];  /* of runtime_dir and of what the connection depends on */
    bool borrowed; /* the runtime directory itself: not ours to remove */
};

void control_dir_init(struct control_dir *d, const char *runtime_dir, const struct cluster_config *c);
void control_dir_finish(struct control_dir *d); /* removes a directory of ours that is empty */

/* Choose the directory: runtime_dir, or a private one in /tmp where the path would be too long for a socket
 * or holds characters that ssh would read as something else. Made where missing. May be repeated. -EIO with a
 * sentence. */
int control_dir_find(struct control_dir *d, const char *runtime_dir, struct err *e);

/* A new path of our own; the caller frees it. */
char *control_path_new(struct control_dir *d);

/* A socket in the directory, with our key, whose daemon is gone: it becomes ours by renaming, so that no two
 * daemons take the same. Its new path, which the caller frees, or NULL. */
char *control_path_adopt(struct control_dir *d);

#endif
