/* SPDX-License-Identifier: MIT */
#include "backend/base/private_file.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is open is looked at, so that nothing can be put in its place meanwhile. */
static int check(int fd, const char *path, size_t max, struct err *e)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return err_set(e, -errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(e, -EACCES, "%s is not a regular file", path);
    if (st.st_uid != geteuid())
        return err_set(e, -EACCES, "%s belongs to user %u, not to you", path, (unsigned)st.st_uid);
    if (st.st_mode & 077)
        return err_set(e, -EACCES,
                       "%s is open to others (mode %04o): what is in it may be known to them; "
                       "`chmod 600 %s` after a look at it",
                       path, st.st_mode & 07777, path);
    if ((size_t)st.st_size > max)
        return err_set(e, -EFBIG, "%s is larger than %zu bytes", path, max);
    return 0;
}

static int read_all(int fd, const char *path, size_t max, struct buf *out, struct err *e)
{
    struct buf all = { 0 };
    char piece[4096];
    ssize_t n;

    while ((n = read(fd, piece, sizeof piece)) > 0 && all.len <= max)
        buf_add(&all, piece, (size_t)n);
    int rc = n < 0           ? err_set(e, -errno, "%s cannot be read: %s", path, strerror(errno))
             : all.len > max ? err_set(e, -EFBIG, "%s is larger than %zu bytes", path, max)
                             : 0;
    if (rc == 0 && all.len > 0)
        buf_add(out, all.data, all.len);
    explicit_bzero(piece, sizeof piece);
    if (all.data)
        explicit_bzero(all.data, all.cap);
    buf_free(&all);
    return rc;
}

int private_file_read(const char *path, size_t max, struct buf *out, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a FIFO would be waited for */

    if (fd < 0)
        return err_set(e, -errno, "%s cannot be read: %s", path, strerror(errno));
    int rc = check(fd, path, max, e);
    if (rc == 0)
        rc = read_all(fd, path, max, out, e);
    close(fd);
    return rc;
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno != EINTR)
            return -errno;
        data += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

/* The rename is on disk when the directory is. */
static int sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash ? xstrndup(path, (size_t)(slash + 1 - path)) : xstrdup(".");
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) < 0 ? -errno : 0;

    if (fd >= 0)
        close(fd);
    free(dir);
    return rc;
}

int private_file_write(const char *path, const void *data, size_t len, struct err *e)
{
    char *fresh = xasprintf("%s.XXXXXX" PRIVATE_FILE_FRESH, path);
    int fd = mkostemps(fresh, sizeof PRIVATE_FILE_FRESH - 1, O_CLOEXEC); /* mode 0600 */
    int rc = fd < 0 ? -errno : 0;

    if (rc == 0)
        rc = write_all(fd, data, len);
    if (rc == 0 && rename(fresh, path) < 0)
        rc = -errno;
    if (rc == 0)
        rc = sync_directory(path);
    if (rc < 0) {
        err_set(e, rc, "%s cannot be written: %s", path, strerror(-rc));
        if (fd >= 0)
            unlink(fresh);
    }
    if (fd >= 0)
        close(fd);
    free(fresh);
    return rc;
}
