/* SPDX-License-Identifier: MIT */
#ifndef BASE_PROC_STAT_LINUX_H
#define BASE_PROC_STAT_LINUX_H
#include <stdint.h>
#include <sys/types.h>
/* What Linux tells about one process. Source: proc(5), /proc/pid/stat. */

struct proc_stat {
    char state; /* 'R', 'S', ...; 'Z' and 'X': only what is left of one until its parent looks */
    pid_t parent, session;
    uint64_t start; /* clock ticks since the machine started: with the pid a name that is not used again */
};

/* 0; -ENOENT or -ESRCH where there is no such process, -EIO where the kernel writes something else. */
int proc_stat_read(pid_t pid, struct proc_stat *out);

/* The text of such a file. The name in parentheses, its second field, may hold anything. 0 or -EIO. */
int proc_stat_parse(const char *text, struct proc_stat *out);

#endif
