/* SPDX-License-Identifier: MIT */
#ifndef FS_CALLER_H
#define FS_CALLER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "backend/images/read_as.h"
/* Who is calling, and whose child it is: the facts that bind a reader of `reply` to what it asked
 * (CONTRACT.md 4.1). */

struct caller {
    pid_t pid; /* as the kernel says: a thread's id; 0 = it lives in a pid namespace that we do not see */
    uid_t uid;
    gid_t gid;
};

#define ANCESTRY_MAX 64 /* deeper chains are cut at the far end; real ones are 5 to 20 */

struct ancestor {
    pid_t pid;
    pid_t sid;      /* its session */
    uint64_t start; /* clock ticks after boot: a reused pid has another */
};

/* From the process itself (chain[0]) up towards init. n = 0: it cannot be seen at all. */
struct ancestry {
    size_t n;
    struct ancestor chain[ANCESTRY_MAX];
};

/* Read /proc now; of the ancestors that are still there what was read in the last 100 ms is taken for it. A
 * thread is mapped to its process; an ancestor that cannot be read (hidepid) ends the chain there. Loop thread.
 * 0, or -EMFILE, -ENFILE or -ENOMEM: we could not look, which says nothing about the caller. */
int ancestry_read(pid_t pid, struct ancestry *out);

/* What the caller may read: its user and groups, while it waits for us. Groups that cannot be seen are none. */
void caller_rights(const struct caller *c, struct rights *out);

/* Does the process hold a file open for writing whose inode number on this file system is ino (fdinfo's
 * "ino:" and "flags:")? dev_mount_id is the mount's id in /proc/self/mountinfo, 0 = do not compare it.
 * False where its descriptors cannot be read. */
bool process_holds_for_writing(pid_t pid, uint64_t ino, int dev_mount_id);

#endif
