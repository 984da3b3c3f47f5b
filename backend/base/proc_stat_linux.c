/* SPDX-License-Identifier: MIT */
/* See proc_stat_linux.h. Linux alone has these files; another system gets a file of its own. */
#include "backend/base/proc_stat_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Fields of /proc/pid/stat, counted as proc(5) does. */
enum { FIELD_STATE = 3, FIELD_PARENT = 4, FIELD_SESSION = 6, FIELD_START = 22 };

int proc_stat_parse(const char *text, struct proc_stat *out)
{
    struct proc_stat st = { 0 };
    const char *at = strrchr(text, ')');

    for (int field = FIELD_STATE; at && field <= FIELD_START; field++) {
        at = strchr(at + 1, ' ');
        if (!at)
            break;
        if (field == FIELD_STATE)
            st.state = at[1];
        else if (field == FIELD_PARENT)
            st.parent = (pid_t)strtol(at, NULL, 10);
        else if (field == FIELD_SESSION)
            st.session = (pid_t)strtol(at, NULL, 10);
        else if (field == FIELD_START)
            st.start = strtoull(at, NULL, 10);
    }
    if (!at)
        return -EIO;
    *out = st;
    return 0;
}

int proc_stat_read(pid_t pid, struct proc_stat *out)
{
    char path[64], text[1024];

    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, text, sizeof text - 1);
    int rc = n < 0 ? -errno : 0;
    close(fd);
    if (rc < 0)
        return rc;
    text[n] = '\0';
    return proc_stat_parse(text, out);
}
