/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_STORE_JOURNAL_LINUX_H
#define BACKEND_STORE_JOURNAL_LINUX_H
#include <stdbool.h>
/* Which journal a database may have, by its file system. A write-ahead log wants memory that all who open the
 * file share, and locks that hold: file systems of a network, and those behind a program, do not give that
 * (sqlite.org/wal.html, "WAL does not work over a network filesystem"). */

/* Is f_type of statfs(2) a file system for a write-ahead log? Those that are not known to fail are. */
bool journal_may_be_log(long f_type);

/* The same for the file system of a directory; false where it cannot be asked. */
bool journal_may_be_log_in(const char *dir);

#endif
