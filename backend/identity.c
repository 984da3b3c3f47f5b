/* SPDX-License-Identifier: MIT */
#include "backend/identity.h"
#include "backend/base/alloc.h"
#include "backend/base/hash.h"
#include "backend/base/random.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

void identity_folder(const char *config_file, const char *mountpoint, char out[17])
{
    char machine[64] = "", uid[16];
    FILE *f = fopen("/etc/machine-id", "re");

    if (f) {
        if (!fgets(machine, sizeof machine, f))
            machine[0] = '\0';
        fclose(f);
    }
    snprintf(uid, sizeof uid, "%u", (unsigned)geteuid());
    uint64_t h = hash_add(hash_add(hash_add(hash_add(HASH_BEGIN, machine), uid), config_file), mountpoint);
    snprintf(out, 17, "%016" PRIx64, h);
}

static bool is_identity(const char *s)
{
    for (int i = 0; i < IDENTITY_LEN; i++)
        if (!isxdigit((unsigned char)s[i]))
            return false;
    return true;
}

static int make(const char *path, char out[IDENTITY_LEN + 1], struct err *e)
{
    char *fresh = xasprintf("%s.new", path);
    int rc = 0;

    random_hex(out, IDENTITY_LEN);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || write(fd, out, IDENTITY_LEN) != IDENTITY_LEN || fsync(fd) < 0 || rename(fresh, path) < 0)
        rc = err_set(e, errno ? -errno : -EIO, "%s cannot be written: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    free(fresh);
    return rc;
}

int identity_load(const char *dir, char out[IDENTITY_LEN + 1], struct err *e)
{
    char *path = xasprintf("%s/identity", dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc = 0;

    out[IDENTITY_LEN] = '\0';
    /* One that is there and cannot be read is not replaced: the jobs on the cluster carry it. */
    if (fd < 0 && errno != ENOENT)
        rc = err_set(e, -errno, "%s cannot be read: %s", path, strerror(errno));
    else if (fd < 0 || read(fd, out, IDENTITY_LEN) != IDENTITY_LEN || !is_identity(out))
        rc = make(path, out, e);
    if (fd >= 0)
        close(fd);
    free(path);
    return rc;
}

int identity_lock(const char *dir, struct err *e)
{
    char *path = xasprintf("%s/lock", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        err_set(e, fd = -errno, "%s cannot be opened: %s", path, strerror(errno));
    else if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        close(fd);
        fd = err_set(e, -EBUSY, "another daemon of this configuration and mount point has this identity (%s)",
                     path);
    }
    free(path);
    return fd;
}
