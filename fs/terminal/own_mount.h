/* SPDX-License-Identifier: MIT */
#ifndef FS_TERMINAL_OWN_MOUNT_H
#define FS_TERMINAL_OWN_MOUNT_H
#include <sys/types.h>
#include "backend/base/err.h"
/* A mount of a program's own, in the runtime directory, for as long as the program lives. Blocking. */

struct own_mount {
    char *path;
    pid_t pid; /* of its daemon, our child: it ends when we do, however we end */
};

/* Mount a configuration for the session called name, which is also its identity: the next session of that name takes up
 * what a killed one left.
 * dir     that configuration's runtime_dir
 * config  its file; NULL = the usual one
 * Returns 0, or a negative errno with a sentence; -EBUSY where a session of that name lives. */
int own_mount_begin(struct own_mount *m, const char *dir, const char *config, const char *name,
                    struct err *e);
void own_mount_end(struct own_mount *m); /* waits until all is ended in order, 12 s at most */

#endif
