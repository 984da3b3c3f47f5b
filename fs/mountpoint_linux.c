/* SPDX-License-Identifier: MIT */
#include "fs/mountpoint.h"
#include "fs/mounts_linux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_fuse(struct err *e)
{
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

    if (fd < 0 && errno == EACCES)
        return err_set(e, -EACCES,
                       "/dev/fuse is closed to you; its mode should be 0666: ask for `chmod 0666 /dev/fuse`");
    if (fd < 0)
        return err_set(e, -errno, "/dev/fuse cannot be opened: %s; load the module with `modprobe fuse`",
                       strerror(errno));
    close(fd);
    return fusermount_exists()
               ? 0
               : err_set(e, -ENOENT, "the program fusermount3 is missing; install the package fuse3");
}

/* Its parent directory can be resolved when the mount itself cannot be touched. */
static int detach_if_dead(const char *dir)
{
    struct stat st;

    if (stat(dir, &st) == 0 || (errno != ENOTCONN && errno != ECONNABORTED))
        return 0;
    fusermount_detach(dir);
    return stat(dir, &st) == 0 ? 0 : -errno;
}

static bool is_empty(const char *path)
{
    DIR *d = opendir(path);
    int n = 0;

    if (!d)
        return true;
    while (n <= 2 && readdir(d))
        n++;
    closedir(d);
    return n <= 2;
}

static int check_dir(const char *path, struct err *e)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return err_set(e, -errno, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return err_set(e, -ENOTDIR, "%s is not a directory; make one with `mkdir` and mount there", path);
    if (mounts_find(path))
        return err_set(e, -EBUSY, "%s is mounted already; a mount of ours ends with `fusermount3 -u`", path);
    if (st.st_uid != geteuid() && geteuid() != 0)
        return err_set(e, -EACCES, "%s is not yours; mount on a directory of your own", path);
    if (!is_empty(path))
        return err_set(e, -ENOTEMPTY, "%s is not empty; mount on an empty directory", path);
    return 0;
}

int mountpoint_prepare(const char *dir, char **path, struct err *e)
{
    int rc = check_fuse(e);

    if (rc < 0)
        return rc;
    if ((rc = detach_if_dead(dir)) < 0)
        return err_set(e, rc, "%s: a dead mount is there that cannot be detached; try `fusermount3 -uz %s`",
                       dir, dir);
    char *real = realpath(dir, NULL);
    if (!real && errno == ENOENT)
        return err_set(e, -ENOENT, "%s does not exist; make it with `mkdir -p %s`", dir, dir);
    if (!real)
        return err_set(e, -errno, "%s: %s", dir, strerror(errno));
    if ((rc = check_dir(real, e)) < 0) {
        free(real);
        return rc;
    }
    *path = real;
    return 0;
}
