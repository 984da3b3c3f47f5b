/* SPDX-License-Identifier: MIT */
#include "backend/base/private_dir.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Parents are made like any of the user's: they may exist with other modes. */
static int make_parents(const char *path, struct err *e)
{
    char *copy = xstrdup(path);
    int rc = 0;

    for (char *p = copy; rc == 0 && *p && (p = strchr(p + 1, '/'));) {
        *p = '\0';
        rc = mkdir(copy, 0700) < 0 && errno != EEXIST ? -errno : 0;
        /* Some file systems say that they are read-only, or not ours, before they say that it is there. */
        if ((rc == -EROFS || rc == -EACCES) && access(copy, F_OK) == 0)
            rc = 0;
        if (rc < 0)
            err_set(e, rc, "the directory %s cannot be made: %s", copy, strerror(-rc));
        *p = '/';
    }
    free(copy);
    return rc;
}

/* path does not end in a slash: lstat(2) would follow a link there. */
static int make_and_check(const char *path, struct err *e)
{
    struct stat st;
    int rc = make_parents(path, e);

    if (rc < 0)
        return rc;
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_set(e, -errno, "the directory %s cannot be made: %s", path, strerror(errno));
    if (lstat(path, &st) < 0)
        return err_set(e, -errno, "%s: %s", path, strerror(errno));
    if (S_ISLNK(st.st_mode))
        return err_set(e, -ENOTDIR, "%s is a symbolic link; name the directory itself", path);
    if (!S_ISDIR(st.st_mode))
        return err_set(e, -ENOTDIR, "%s is not a directory", path);
    if (st.st_uid != geteuid())
        return err_set(e, -EACCES, "%s belongs to user %u, not to you", path, (unsigned)st.st_uid);
    if (st.st_mode & 077)
        return err_set(e, -EACCES,
                       "%s is open to others (mode %04o); look what is in it, then `chmod 700 %s`", path,
                       st.st_mode & 07777, path);
    if (access(path, W_OK | X_OK) < 0)
        return err_set(e, -errno, "%s cannot be written: %s", path, strerror(errno));
    return 0;
}

int private_dir_make(const char *path, struct err *e)
{
    char *copy = xstrdup(path);

    for (size_t n = strlen(copy); n > 1 && copy[n - 1] == '/'; n--)
        copy[n - 1] = '\0';
    int rc = make_and_check(copy, e);
    free(copy);
    return rc;
}
