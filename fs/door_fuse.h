/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_FUSE_H
#define FS_DOOR_FUSE_H
#include <uv.h>
#include "backend/base/err.h"
#include "fs/tree.h"
/* The kernel's door: FUSE requests in, answers out, from the one loop. Only READ waits (FACTS A.3 to A.7). */

struct door_fuse;

struct door_fuse_params {
    uv_loop_t *loop;
    struct tree *tree;
    const char *mountpoint; /* absolute, resolved before mounting */
    const char *options;    /* fuse options, "a,b=c", checked by mount_args.c; "" = none */
    bool debug;
    /* Unmounted, aborted, or the mount is gone from our namespace: the program should end. */
    void (*ended)(void *arg);
    void *arg;
};

/* Mounts (fsname=slullamafs,subtype=slullamafs,auto_unmount) and begins to answer. A failed mount leaves
 * nothing behind. After it no descriptor of ours is inherited by a child. */
int door_fuse_create(struct door_fuse **out, const struct door_fuse_params *p, struct err *e);

/* Parked readers get -ECANCELED, the mount is taken away (lazily where it is busy). NULL is allowed. */
void door_fuse_destroy(struct door_fuse *d);

#endif
