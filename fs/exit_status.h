/* SPDX-License-Identifier: MIT */
#ifndef FS_EXIT_STATUS_H
#define FS_EXIT_STATUS_H
/* What the verbs end with, and the one line on stderr that says why. A script can tell a command line that is wrong, and stays
 * so, from what did not come about. `mount` alone has the numbers of mount(8), which calls it: see mount.c. */

enum { STATUS_FAILED = 1, STATUS_USAGE = 2 };

/* Each prints "slullamafs: " and the sentence, and returns the status. */
int status_failed(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int status_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
