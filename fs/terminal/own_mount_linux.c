/* SPDX-License-Identifier: MIT */
#include "fs/terminal/own_mount.h"
#include "backend/base/alloc.h"
#include "backend/base/private_dir.h"
#include "backend/base/timer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BEGIN_MS 20000 /* a mount takes milliseconds; a starved machine takes its time */
#define END_MS   12000 /* the daemon ends all within 10 s */
#define LOOK_MS  50

/* ---- The child */

static void become_mount(const char *path, const char *config, const char *log, pid_t parent)
{
    char *argv[] = { "slullamafs", "mount", (char *)path, "-f", config ? "-c" : NULL, (char *)config, NULL };
    int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    /* A Ctrl-C is for the program at the terminal, which ends this one in order. */
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(1);
    if (fd >= 0)
        dup2(fd, STDERR_FILENO);
    execv("/proc/self/exe", argv);
    _exit(127);
}

/* ---- The parent */

static void last_line(const char *log, char *out, size_t size)
{
    FILE *f = fopen(log, "re");

    out[0] = '\0';
    while (f && fgets(out, (int)size, f))
        ;
    if (f)
        fclose(f);
    out[strcspn(out, "\n")] = '\0';
}

static bool answers(const char *path)
{
    char *name = xasprintf("%s/status", path);
    bool there = access(name, R_OK) == 0;

    free(name);
    return there;
}

/* Wait for the mount to answer. The daemon's own words say why it does not. */
static int wait_for_it(struct own_mount *m, const char *log, struct err *e)
{
    char words[400];
    int status;

    for (uint64_t end = mono_ms() + BEGIN_MS; mono_ms() < end; poll(NULL, 0, LOOK_MS)) {
        if (answers(m->path))
            return 0;
        if (waitpid(m->pid, &status, WNOHANG) != m->pid)
            continue;
        m->pid = 0;
        last_line(log, words, sizeof words);
        const char *text = strncmp(words, "slullamafs: ", 12) == 0 ? words + 12 : words;
        return err_set(e, -EIO, "%s", *text ? text : "the mount could not be made");
    }
    return err_set(e, -ETIMEDOUT, "the mount at %s does not answer; its log is %s", m->path, log);
}

/* The directory of a session that was killed is there still. */
static int make_mountpoint(const char *path, const char *name, struct err *e)
{
    if (answers(path))
        return err_set(e, -EBUSY, "another session runs %s already", name);
    if (mkdir(path, 0700) < 0 && errno != EEXIST && errno != ENOTCONN)
        return err_set(e, -errno, "%s: %s", path, strerror(errno));
    return 0;
}

int own_mount_begin(struct own_mount *m, const char *dir, const char *config, const char *name, struct err *e)
{
    pid_t parent = getpid();
    int rc = private_dir_make(dir, e);

    *m = (struct own_mount){ .path = xasprintf("%s/run-%s", dir, name) };
    char *log = xasprintf("%s.log", m->path);
    if (rc == 0)
        rc = make_mountpoint(m->path, name, e);
    if (rc == 0 && (m->pid = fork()) == 0)
        become_mount(m->path, config, log, parent);
    if (rc == 0)
        rc = m->pid < 0 ? err_set(e, -errno, "no process could be started: %s", strerror(errno))
                        : wait_for_it(m, log, e);
    free(log);
    if (rc < 0)
        own_mount_end(m);
    return rc;
}

void own_mount_end(struct own_mount *m)
{
    if (m->pid > 0) {
        kill(m->pid, SIGTERM);
        for (uint64_t end = mono_ms() + END_MS; mono_ms() < end && waitpid(m->pid, NULL, WNOHANG) == 0;)
            poll(NULL, 0, LOOK_MS);
    }
    free(m->path);
    *m = (struct own_mount){ 0 };
}
