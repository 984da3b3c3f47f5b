/* SPDX-License-Identifier: MIT */
#ifndef FS_TERMINAL_MOUNT_OF_H
#define FS_TERMINAL_MOUNT_OF_H
#include "backend/base/err.h"
/* Which mount a program at a terminal means. Blocking; for short-lived programs, not for the daemon. */

/* Find the caller's mount: the one that the working directory lies in, else the only one.
 * model  NULL, or a name that must be in it
 * out    its absolute path, without a slash at the end; the caller frees it
 * The working directory is left, so that it does not keep the mount from being unmounted.
 * Returns 0; -ENOENT where there is none (or none with that model), -EEXIST where several could be meant; with a sentence. */
int mount_of_caller(const char *model, char **out, struct err *e);

#endif
