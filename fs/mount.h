/* SPDX-License-Identifier: MIT */
#ifndef FS_MOUNT_H
#define FS_MOUNT_H
/* `slullamafs mount` and `mount.slullamafs`: arguments -> configuration -> wiring -> loop -> unwinding.
 * Returns the exit status: 0, 1 for usage, 32 for a mount that failed (mount(8), EXIT STATUS). */
int mount_main(int argc, char **argv);
#endif
