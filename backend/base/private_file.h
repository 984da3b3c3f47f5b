/* SPDX-License-Identifier: MIT */
#ifndef BASE_PRIVATE_FILE_H
#define BASE_PRIVATE_FILE_H
#include "backend/base/buf.h"
#include "backend/base/err.h"
/* Small files with secrets, or with what decides who gets in: ours, and closed to others. */

/* Append the file to out. A link is followed; what it leads to must be a regular file of ours with mode 0600
 * at the most and max bytes at the most. 0, or -ENOENT, -EACCES (not ours, open to others, unreadable),
 * -EFBIG, .. with a sentence that names the file; out is then left alone. */
int private_file_read(const char *path, size_t max, struct buf *out, struct err *e);

/* Put data there, mode 0600, whole or not at all; it is on disk when this returns. The directory exists. A crash may
 * leave a file of another name beside it, which ends in PRIVATE_FILE_FRESH. */
#define PRIVATE_FILE_FRESH ".new"
int private_file_write(const char *path, const void *data, size_t len, struct err *e);

#endif
