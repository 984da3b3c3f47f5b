/* SPDX-License-Identifier: MIT */
#ifndef FS_PROCESS_H
#define FS_PROCESS_H

/* What every daemon of ours does first: no SIGPIPE, files for us alone, many descriptors, no core dumps, and 0, 1 and 2
 * are taken. */
void process_prepare(void);

#endif
