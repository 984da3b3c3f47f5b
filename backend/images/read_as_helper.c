/* SPDX-License-Identifier: MIT */
/* The child that reads a file as another user: our own program, in this role. See read_as.h. It has nothing of the daemon but
 * three descriptors; once it is that user the kernel decides what may be read. */
#include "backend/images/read_as_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

/* It ends by itself although the daemon was killed: longer than any limit that the daemon sets. */
#define LIFE_S 60

static bool become(const struct rights *who)
{
    if (geteuid() != 0)
        return geteuid() == who->uid;
    if (who->uid == 0)
        return true;
    return setgroups(who->n_groups, who->groups) == 0 && setresgid(who->gid, who->gid, who->gid) == 0 &&
           setresuid(who->uid, who->uid, who->uid) == 0 && setuid(0) < 0;
}

/* Opening must do nothing but open: no terminal is taken, no FIFO waits. */
static int open_regular(const char *path, uint64_t max)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    /* Our own tree has files of no size whose reads wait. */
    if (!S_ISREG(st.st_mode) || st.st_size == 0)
        return -EINVAL;
    return (uint64_t)st.st_size > max ? -EFBIG : fd;
}

static int copy(int fd, uint64_t max)
{
    static char piece[1 << 16];
    uint64_t total = 0;
    ssize_t n;

    while ((n = read(fd, piece, sizeof piece)) > 0) {
        if ((total += (uint64_t)n) > max)
            return EFBIG;
        for (ssize_t done = 0, k; done < n; done += k)
            if ((k = write(STDOUT_FILENO, piece + done, (size_t)(n - done))) <= 0)
                return EIO;
    }
    return n < 0 ? errno : 0;
}

int read_as_helper_main(void)
{
    struct read_as_wish wish;
    char path[PATH_MAX];

    alarm(LIFE_S);
    if (read(STDIN_FILENO, &wish, sizeof wish) != sizeof wish)
        _exit(EIO);
    ssize_t n = read(STDIN_FILENO, path, sizeof path);
    if (n < 2 || path[n - 1] != '\0' || wish.who.n_groups > READ_AS_GROUPS)
        _exit(EIO);
    if (!become(&wish.who))
        _exit(EPERM);
    int fd = open_regular(path, wish.max);
    _exit(fd < 0 ? -fd : copy(fd, wish.max));
}
