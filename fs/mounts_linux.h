/* SPDX-License-Identifier: MIT */
#ifndef FS_MOUNTS_LINUX_H
#define FS_MOUNTS_LINUX_H
#include <stdbool.h>
#include <sys/types.h>
/* The table of mounts of our mount namespace, and the program that takes one away for a user. Used before the
 * mount (mountpoint_linux.c) and while it lives (door_fuse_mount.c). */

/* Source: /proc/self/mountinfo, proc_pid_mountinfo(5). Each reads it anew. */
int mounts_find(const char *path); /* the id of the mount that lies on top at path; 0 = there is none */
bool mounts_has(int id);

/* Call each with the place of every mount of ours (type fuse.slullamafs) that this user made. */
void mounts_of_user(uid_t uid, void (*each)(void *arg, const char *path), void *arg);

bool fusermount_exists(void); /* in PATH, or where distributions put it */

/* `fusermount3 -uzq`, which is waited for: some ms. Whether it helped, mounts_find() tells. */
void fusermount_detach(const char *path);

#endif
