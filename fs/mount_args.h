/* SPDX-License-Identifier: MIT */
#ifndef FS_MOUNT_ARGS_H
#define FS_MOUNT_ARGS_H
#include <stdbool.h>
#include "backend/base/buf.h"
#include "backend/base/err.h"
/* The command line of `mount.slullamafs` and `slullamafs mount`, also as mount(8) and fstab give it. */

struct mount_args {
    const char *config; /* -c, or the source; NULL = look for it */
    const char *mountpoint;
    bool foreground, verbose, help, version;
    struct buf fuse_options; /* what goes to libfuse: "ro,allow_other" */
};

/* argv[0] is skipped. Returns 0, or -EINVAL with a sentence. Strings are borrowed from argv.
 * Forms: [CONFIG] MOUNTPOINT [-o OPTS] [-f] [-v] [-s] [-n] [-N ns] [-t type]. mount(8)'s own options (user,
 * noauto, _netdev, x-*, comment=...) are dropped; those of the kernel and of libfuse are passed on; any
 * other is an error.
 * Source: FACTS on libmount 2.38.1; mount(8), EXTERNAL HELPERS. */
int mount_args_parse(int argc, char **argv, struct mount_args *out, struct err *e);
void mount_args_finish(struct mount_args *a);

#endif
