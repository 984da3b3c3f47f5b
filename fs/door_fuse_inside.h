/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_FUSE_INSIDE_H
#define FS_DOOR_FUSE_INSIDE_H
#ifndef FUSE_USE_VERSION
#define FUSE_USE_VERSION 35
#endif
#include <fuse_lowlevel.h>
#include "backend/base/timer.h"
#include "fs/door_fuse.h"
/* What the files of the door share: door_fuse.c (the session in the loop), door_fuse_node.c (requests
 * about names and nodes), door_fuse_file.c (requests about open files), door_fuse_park.c (reads and polls
 * that wait), door_fuse_mount.c (mounting). */

struct door_fuse {
    struct door_fuse_params p;
    char *mountpoint;
    struct fuse_session *session;
    struct fuse_buf request; /* memory of libfuse for one request; kept */
    uv_poll_t device, mountinfo;
    int mountinfo_fd;
    int mount_id; /* in /proc/self/mountinfo; 0 = not found */
    int open_handles;
    bool ended;              /* told to the program */
    bool gone;               /* the mount is not there any more */
    bool draining;           /* nothing is parked any more: -ECANCELED instead */
    struct list files, dirs; /* open ones: struct open_file.link, struct open_dir.link */
    struct list parks;       /* all of them, oldest first */
    uint64_t park_limit_ms;  /* a park is answered with EINTR after it; 0 = never */
    struct timer *park_timer;
};

/* ---- door_fuse_node.c, door_fuse_file.c: rows of the table of operations. */
void door_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void door_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void door_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void door_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void door_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t to_parent, const char *to,
                 unsigned int flags);
void door_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count);
void door_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *v);
void door_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void door_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int what, struct fuse_file_info *fi);
void door_readlink(fuse_req_t req, fuse_ino_t ino);
void door_statfs(fuse_req_t req, fuse_ino_t ino);
void door_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void door_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void door_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void door_close_dirs(struct door_fuse *d);

void door_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void door_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void door_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t len, off_t off,
                struct fuse_file_info *fi);
void door_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void door_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void door_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void door_close_files(struct door_fuse *d);
void door_answered(struct open_file *f, int rc); /* the hook of file_answer() */
void door_wrote(struct open_file *f, int rc);    /* the hook of file_wrote() */

struct caller door_caller(fuse_req_t req);
double door_attr_timeout(const struct node *n);

/* ---- door_fuse_park.c */
void door_park_start(struct door_fuse *d);
void door_serve_read(fuse_req_t req, struct open_file *f, size_t size, off_t off); /* answers now, or parks */
void door_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *ph);
void door_forget_poll(struct open_file *f);   /* the file is about to be released */
void door_drain(struct door_fuse *d, int rc); /* every parked read is answered with rc, and later ones too */

/* ---- door_fuse_mount.c */
struct fuse_session *door_mount(struct door_fuse *d, const struct fuse_lowlevel_ops *ops, size_t ops_size,
                                struct err *e);
void door_unmount(struct door_fuse *d);     /* lazily; only what is ours. Ends the session */
void door_detach_dead(struct door_fuse *d); /* the connection was aborted: takes the dead entry away */
bool door_still_mounted(const struct door_fuse *d);

#endif
