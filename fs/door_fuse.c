/* SPDX-License-Identifier: MIT */
/* The session with the kernel, in the loop: requests are read from /dev/fuse when there are some, up to a
 * number at a time, and answered by the files beside this one. It also notices how a mount ends: unmounted,
 * aborted, or gone from our mount namespace while a copy elsewhere keeps the connection up. */
#include "fs/door_fuse_inside.h"
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "fs/mounts_linux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Requests in one turn of the loop: draining is what makes one loop as fast as libfuse's own (FACTS.md A.8),
 * and the limit lets the engines' bytes through when many clients are busy. */
#define REQUESTS_PER_TURN 64

/* RELEASE is a background request; with the kernel's default of 12 its queue fills up, and the next OPEN of a
 * process may overtake the RELEASE of its `ask` (FACTS.md A.2). */
#define MAX_BACKGROUND       1024
#define CONGESTION_THRESHOLD 768

static void init(void *userdata, struct fuse_conn_info *conn)
{
    (void)userdata;
    conn->max_background = MAX_BACKGROUND;
    conn->congestion_threshold = CONGESTION_THRESHOLD;
}

/* No file is made here by a caller: whatever makes one is refused alike. Directories may be, where tree.c says so. */
static void refuse_new(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    (void)parent, (void)name, (void)mode;
    fuse_reply_err(req, EPERM);
}

static void refuse_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
    (void)rdev;
    refuse_new(req, parent, name, mode);
}

static void refuse_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
                          struct fuse_file_info *fi)
{
    (void)fi;
    refuse_new(req, parent, name, mode);
}

static void refuse_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
    (void)target;
    refuse_new(req, parent, name, 0);
}

static void refuse_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
    (void)ino;
    refuse_new(req, parent, name, 0);
}

/* getxattr, listxattr, access, lseek, copy_file_range and fallocate are left out on purpose: the kernel
 * remembers the first ENOSYS, while an answer would cost further requests for each `ls -l` and each write. */
static const struct fuse_lowlevel_ops operations = {
    .init = init,
    .lookup = door_lookup,
    .forget = door_forget,
    .forget_multi = door_forget_multi,
    .getattr = door_getattr,
    .setattr = door_setattr,
    .readlink = door_readlink,
    .statfs = door_statfs,
    .opendir = door_opendir,
    .readdir = door_readdir,
    .releasedir = door_releasedir,
    .open = door_open,
    .read = door_read,
    .write = door_write,
    .flush = door_flush,
    .fsync = door_fsync,
    .release = door_release,
    .poll = door_poll,
    .create = refuse_create,
    .mknod = refuse_mknod,
    .mkdir = door_mkdir,
    .unlink = door_unlink,
    .rmdir = door_rmdir,
    .symlink = refuse_symlink,
    .link = refuse_link,
    .rename = door_rename,
};

/* ---- The loop */

static void end(struct door_fuse *d, const char *why)
{
    if (d->ended)
        return;
    d->ended = true;
    log_info("%s: ending", why);
    door_drain(d, -ECANCELED);
    d->p.ended(d->p.arg);
}

/* Unmounted for good, or aborted: in the second case a dead entry stays, which is ours to take away. */
static void connection_over(struct door_fuse *d)
{
    uv_poll_stop(&d->device);
    d->gone = true;
    if (door_still_mounted(d)) {
        door_detach_dead(d);
        end(d, "the connection to the kernel was aborted");
    } else {
        end(d, "unmounted");
    }
}

static void device_cb(uv_poll_t *handle, int status, int events)
{
    struct door_fuse *d = handle->data;

    (void)events;
    for (int i = 0; i < REQUESTS_PER_TURN; i++) {
        int n = fuse_session_receive_buf(d->session, &d->request);
        if (n == -EAGAIN || n == -EINTR) {
            if (status < 0)
                connection_over(d); /* libuv has stopped the handle: EPOLLERR */
            return;
        }
        if (n <= 0 || fuse_session_exited(d->session)) {
            connection_over(d);
            return;
        }
        fuse_session_process_buf(d->session, &d->request);
    }
}

static void mountinfo_cb(uv_poll_t *handle, int status, int events)
{
    struct door_fuse *d = handle->data;

    (void)status, (void)events;
    if (d->gone || door_still_mounted(d))
        return;
    d->gone = true;
    uv_poll_stop(&d->mountinfo);
    end(d, "unmounted");
}

static void free_door(struct door_fuse *d)
{
    if (d->mountinfo_fd >= 0)
        close(d->mountinfo_fd);
    free(d->request.mem);
    free(d->mountpoint);
    free(d);
}

static void closed_cb(uv_handle_t *handle)
{
    struct door_fuse *d = handle->data;

    if (--d->open_handles == 0)
        free_door(d);
}

static int begin_polling(struct door_fuse *d)
{
    int rc = uv_poll_init(d->p.loop, &d->device, fuse_session_fd(d->session)); /* sets O_NONBLOCK too */

    if (rc < 0)
        return rc;
    d->device.data = d;
    d->open_handles++;
    if ((rc = uv_poll_start(&d->device, UV_READABLE, device_cb)) < 0 || d->mountinfo_fd < 0)
        return rc;
    if ((rc = uv_poll_init(d->p.loop, &d->mountinfo, d->mountinfo_fd)) < 0)
        return rc;
    d->mountinfo.data = d;
    d->open_handles++;
    return uv_poll_start(&d->mountinfo, UV_PRIORITIZED, mountinfo_cb);
}

/* Before Linux 5.11 close_range(2) knows no such flag, or does not exist. */
static void keep_descriptors_from_children(void)
{
    struct dirent *entry;

    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    DIR *d = opendir("/proc/self/fd");
    while (d && (entry = readdir(d))) {
        int fd = atoi(entry->d_name); /* "." and ".." read as 0 */
        if (fd >= 3)
            fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    if (d)
        closedir(d);
    else
        log_warning("children may inherit descriptors: /proc/self/fd: %s", strerror(errno));
}

int door_fuse_create(struct door_fuse **out, const struct door_fuse_params *p, struct err *e)
{
    struct door_fuse *d = NEW(struct door_fuse);
    int rc;

    d->p = *p;
    d->mountpoint = xstrdup(p->mountpoint);
    list_init(&d->files);
    list_init(&d->dirs);
    d->mountinfo_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    door_park_start(d);
    d->session = door_mount(d, &operations, sizeof operations, e);
    /* A child of ours that held libfuse's socket to fusermount3 would keep a dead mount from being taken away
     * (FACTS.md A.6). */
    keep_descriptors_from_children();
    unsetenv("_FUSE_COMMFD");
    if (!d->session) {
        door_fuse_destroy(d);
        return -EIO;
    }
    d->mount_id = mounts_find(d->mountpoint);
    tree_set_mount_id(p->tree, d->mount_id);
    if ((rc = begin_polling(d)) < 0) {
        door_fuse_destroy(d);
        return err_set(e, rc, "the loop cannot watch /dev/fuse: %s", uv_strerror(rc));
    }
    *out = d;
    return 0;
}

void door_fuse_destroy(struct door_fuse *d)
{
    if (!d)
        return;
    door_drain(d, -ECANCELED);
    timer_destroy(d->park_timer);
    int handles = d->open_handles;
    if (handles > 0)
        uv_close((uv_handle_t *)&d->device, closed_cb);
    if (handles > 1)
        uv_close((uv_handle_t *)&d->mountinfo, closed_cb);
    if (d->session)
        door_unmount(d);
    door_close_files(d);
    door_close_dirs(d);
    if (handles == 0)
        free_door(d);
}
