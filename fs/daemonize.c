/* SPDX-License-Identifier: MIT */
#include "fs/daemonize.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int report_fd = -1; /* the child's end; -1 in the foreground */

/* The child writes one byte of status and perhaps a line; end-of-file without them means that it died. */
static void wait_for_child(int fd, pid_t child)
{
    char text[1024];
    size_t len = 0;
    ssize_t n;

    while (len < sizeof text - 1 &&
           ((n = read(fd, text + len, sizeof text - 1 - len)) > 0 || (n < 0 && errno == EINTR)))
        len += n > 0 ? (size_t)n : 0;
    if (len == 0) {
        waitpid(child, NULL, WNOHANG);
        fputs("slullamafs: the daemon ended before it was ready\n", stderr);
        _exit(32);
    }
    text[len] = '\0';
    if (text[1])
        fprintf(stderr, "slullamafs: %s\n", text + 1);
    _exit((unsigned char)text[0] - 1); /* a status of 0 travels as 1: the text is NUL-terminated */
}

/* Whatever else the caller had open (a lock, the end of a pipe) is not ours to hold for the life of the mount. */
static void keep_alone(int fd)
{
    report_fd = fd == 3 ? fd : dup3(fd, 3, O_CLOEXEC);
    close_range(4, ~0U, 0);
}

int daemon_begin(void)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    pid_t child = fork();
    if (child < 0) {
        int rc = -errno;
        close(fds[0]);
        close(fds[1]);
        return rc;
    }
    if (child > 0) {
        close(fds[1]);
        wait_for_child(fds[0], child);
    }
    setsid();
    keep_alone(fds[1]);
    return 0;
}

static void report(int status, const char *text)
{
    char line[1024];
    int n = snprintf(line, sizeof line, "%c%s", status + 1, text);

    if (n > 0 && write(report_fd, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1) < 0)
        fprintf(stderr, "slullamafs: %s\n", text);
    close(report_fd);
    report_fd = -1;
}

void daemon_ready(void)
{
    int null;

    if (report_fd < 0)
        return;
    /* Before the report: a pipeline that waits for the end of our output must not wait for the daemon. */
    if ((null = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0) {
        for (int fd = 0; fd <= 2; fd++)
            dup2(null, fd);
        if (null > 2)
            close(null);
    }
    report(0, "");
}

int daemon_failed(int status, const char *text)
{
    if (report_fd >= 0)
        report(status, text);
    else
        fprintf(stderr, "slullamafs: %s\n", text);
    return status;
}
