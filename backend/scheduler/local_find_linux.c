/* SPDX-License-Identifier: MIT */
#include "backend/scheduler/local_find_linux.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/base/proc_stat_linux.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ENVIRON_MAX  (4u << 20) /* bytes; the kernel takes no more at execve(2) by default */
#define EXECVE_WAITS 50         /* of 2 ms: as long as a busy machine leaves a process there */

/* By their numbers: the library has had these calls only for a while. */
static int open_pidfd(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

bool pidfd_ended(int pidfd)
{
    struct pollfd p = { .fd = pidfd, .events = POLLIN };

    return poll(&p, 1, 0) > 0;
}

void pidfd_signal(int pidfd, int signal)
{
    syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

/* What execve(2) was given: strings, each with its NUL. The file is "environ" or "cmdline". */
static bool read_strings(pid_t pid, const char *file, struct buf *out)
{
    char path[40], chunk[8192];
    ssize_t n;

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    while ((n = read(fd, chunk, sizeof chunk)) > 0 && out->len < ENVIRON_MAX)
        buf_add(out, chunk, (size_t)n);
    close(fd);
    return n == 0 && out->len > 0;
}

/* In the midst of execve(2), as in a script's `exec`, a process has neither arguments nor an environment for a moment. */
static bool read_environ(pid_t pid, struct buf *out)
{
    struct buf arguments = { 0 };

    for (int i = 0; i < EXECVE_WAITS; i++) {
        if (read_strings(pid, "environ", out))
            return true;
        if (read_strings(pid, "cmdline", &arguments))
            break;
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    }
    buf_free(&arguments);
    return read_strings(pid, "environ", out);
}

/* The value of NAME=, or NULL. */
static const char *value_of(const struct buf *env, const char *name)
{
    size_t len = strlen(name);

    for (const char *s = env->data; s < env->data + env->len; s += strlen(s) + 1)
        if (strncmp(s, name, len) == 0)
            return s + len;
    return NULL;
}

/* The shell of a job of ours, or a program that took its place; not one of its children. */
static bool is_job(pid_t pid, const struct buf *env, const char *prefix)
{
    const char *name = value_of(env, "SLURM_JOB_NAME="), *id = value_of(env, "SLURM_JOB_ID=");

    return name && strncmp(name, prefix, strlen(prefix)) == 0 && (!id || atol(id) == (long)pid);
}

static uint64_t elapsed_ms(const struct proc_stat *st)
{
    struct timespec now;
    uint64_t began = st->start * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);

    clock_gettime(CLOCK_BOOTTIME, &now);
    uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    return ms > began ? ms - began : 0;
}

/* The descriptor is opened first: if the process behind it lives at the end, all that was read is of it. */
static void look_at(pid_t pid, const char *prefix, void (*found)(void *arg, const struct found_job *j),
                    void *arg)
{
    struct proc_stat st;
    struct buf env = { 0 };
    int pidfd;

    if (proc_stat_read(pid, &st) < 0 || st.session != pid || st.state == 'Z' || (pidfd = open_pidfd(pid)) < 0)
        return;
    if (read_environ(pid, &env) && proc_stat_read(pid, &st) == 0 && !pidfd_ended(pidfd)) {
        if (is_job(pid, &env, prefix)) {
            struct found_job j = { .pid = pid,
                                   .pidfd = pidfd,
                                   .name = value_of(&env, "SLURM_JOB_NAME="),
                                   .elapsed_ms = elapsed_ms(&st) };
            found(arg, &j);
            pidfd = -1;
        }
    }
    if (pidfd >= 0)
        close(pidfd);
    buf_free(&env);
}

void local_find(const char *prefix, void (*found)(void *arg, const struct found_job *j), void *arg)
{
    DIR *dir = opendir("/proc");

    for (struct dirent *d; dir && (d = readdir(dir));) {
        pid_t pid = (pid_t)atoi(d->d_name); /* 0: not a process */
        if (pid > 0)
            look_at(pid, prefix, found, arg);
    }
    if (dir)
        closedir(dir);
}
