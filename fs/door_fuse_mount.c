/* SPDX-License-Identifier: MIT */
/* Mounting and unmounting, with libfuse's and fusermount3's words turned into one sentence. */
#include "fs/door_fuse_inside.h"
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "fs/mounts_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

bool door_still_mounted(const struct door_fuse *d)
{
    return !d->mount_id || mounts_has(d->mount_id); /* 0: no /proc, and only the device tells */
}

/* ---- What libfuse and fusermount3 say while they mount. */

static struct buf *mount_words; /* while door_mount() runs */

static void fuse_log_cb(enum fuse_log_level level, const char *fmt, va_list ap)
{
    struct buf line = { 0 };

    if (mount_words) {
        buf_vaddf(mount_words, fmt, ap);
        return;
    }
    buf_vaddf(&line, fmt, ap);
    while (line.len && line.data[line.len - 1] == '\n')
        line.data[--line.len] = '\0';
    log_at(level <= FUSE_LOG_WARNING ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG, "%s", buf_str(&line));
    buf_free(&line);
}

static int mount_and_listen(struct fuse_session *se, const char *mountpoint, struct buf *words)
{
    int said = memfd_create("fusermount3", MFD_CLOEXEC), saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    char text[2048];
    ssize_t n;

    if (said >= 0 && saved >= 0)
        dup2(said, STDERR_FILENO);
    int rc = fuse_session_mount(se, mountpoint);
    if (saved >= 0)
        dup2(saved, STDERR_FILENO);
    if (said >= 0 && (n = pread(said, text, sizeof text, 0)) > 0)
        buf_add(words, text, (size_t)n);
    close(said);
    close(saved);
    return rc;
}

static bool has_option(const char *options, const char *name)
{
    size_t len = strlen(name);

    for (const char *o = options; *o; o += strcspn(o, ","), o += *o == ',')
        if (strncmp(o, name, len) == 0 && (o[len] == ',' || o[len] == '\0'))
            return true;
    return false;
}

static void explain(const struct door_fuse *d, const struct buf *words, struct err *e)
{
    const char *last = buf_str(words);

    /* The first line names the cause; the others follow from it. */
    int len = (int)strcspn(last, "\n");
    err_set(e, -EIO, "%s cannot be mounted: %.*s", d->mountpoint, len ? len : 40,
            len ? last : "FUSE did not say why");
}

/* With allow_other the kernel has to look at owners and modes itself, because it answers from its caches. */
static struct fuse_session *new_session(struct door_fuse *d, const struct fuse_lowlevel_ops *ops,
                                        size_t ops_size)
{
    bool shared = has_option(d->p.options, "allow_other");
    struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
    struct buf options = { 0 };

    buf_adds(&options, "fsname=slullamafs,subtype=slullamafs,auto_unmount");
    buf_addf(&options, "%s%s", shared ? ",default_permissions" : "", d->p.debug ? ",debug" : "");
    buf_addf(&options, "%s%s", *d->p.options ? "," : "", d->p.options);
    fuse_opt_add_arg(&args, "slullamafs");
    fuse_opt_add_arg(&args, "-o");
    fuse_opt_add_arg(&args, options.data);
    tree_set_shared(d->p.tree, shared);
    struct fuse_session *se = fuse_session_new(&args, ops, ops_size, d);
    fuse_opt_free_args(&args);
    buf_free(&options);
    return se;
}

struct fuse_session *door_mount(struct door_fuse *d, const struct fuse_lowlevel_ops *ops, size_t ops_size,
                                struct err *e)
{
    struct buf words = { 0 };

    mount_words = &words;
    fuse_set_log_func(fuse_log_cb);
    struct fuse_session *se = new_session(d, ops, ops_size);
    if (se && mount_and_listen(se, d->mountpoint, &words) < 0) {
        fuse_session_destroy(se);
        se = NULL;
    }
    mount_words = NULL;
    if (!se)
        explain(d, &words, e);
    buf_free(&words);
    return se;
}

/* ---- Unmounting */

void door_detach_dead(struct door_fuse *d)
{
    if (d->mount_id && mounts_find(d->mountpoint) != d->mount_id)
        return; /* another mount lies on it */
    if (umount2(d->mountpoint, MNT_DETACH) < 0)
        fusermount_detach(d->mountpoint);
}

/* libfuse unmounts by path unless the device says that it is over. When our mount is gone already, the path
 * may be somebody else's: the device is then replaced by something that says so, a pipe without a reader. */
static void disarm(struct door_fuse *d)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return;
    close(ends[0]);
    dup2(ends[1], fuse_session_fd(d->session));
    close(ends[1]);
}

void door_unmount(struct door_fuse *d)
{
    if (d->gone || !door_still_mounted(d))
        disarm(d);
    fuse_session_unmount(d->session);
    fuse_session_destroy(d->session);
    d->session = NULL;
}
