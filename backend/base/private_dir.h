/* SPDX-License-Identifier: MIT */
#ifndef BASE_PRIVATE_DIR_H
#define BASE_PRIVATE_DIR_H
#include "backend/base/err.h"
/* Directories that hold sockets, keys and identities: ours, for us alone, and no link to somewhere else. */

/* Make path, with the parents that are missing, and check it: a directory itself (no symlink), owned by us,
 * mode 0700 at the most. One that is ours and merely too open is an error too: somebody may have put
 * something into it. 0, or -ENOTDIR, -EACCES, -EROFS, -ENOSPC, .. with a sentence. */
int private_dir_make(const char *path, struct err *e);

#endif
