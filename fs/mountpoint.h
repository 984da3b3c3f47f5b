/* SPDX-License-Identifier: MIT */
#ifndef FS_MOUNTPOINT_H
#define FS_MOUNTPOINT_H
#include "backend/base/err.h"
/* Is this a directory to mount on? Looked at before the loop exists: the daemon never touches its own
 * mount. */

/* A dead mount of an earlier daemon (ENOTCONN) is detached first. *path is then absolute, without links;
 * the caller frees it. Errors, each with a sentence: it does not exist, is a file, is not empty, is not
 * ours, is mounted already; /dev/fuse or fusermount3 is missing or closed to us. Source: FACTS A.6, B. */
int mountpoint_prepare(const char *dir, char **path, struct err *e);

#endif
