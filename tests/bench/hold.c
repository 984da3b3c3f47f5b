/* SPDX-License-Identifier: MIT */
/* How long one user's command holds up the others: bench-hold FILE COMMAND... looks at FILE again and again while the command
 * runs, and prints how long the command took, and the median and the longest of those looks, in milliseconds. */
#include "bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOKS_MAX 1000000

static pid_t start(char **argv)
{
    pid_t pid = fork();

    if (pid < 0)
        die("fork");
    if (pid == 0) {
        int null = open_file("/dev/null", O_WRONLY);
        dup2(null, STDOUT_FILENO);
        execvp(argv[0], argv);
        _exit(127);
    }
    return pid;
}

int main(int argc, char **argv)
{
    double *looks = calloc(LOOKS_MAX, sizeof *looks);
    struct stat st;
    size_t n = 0;
    int status = 0;

    if (argc < 3)
        die("usage: bench-hold FILE COMMAND...");
    uint64_t begin = now_ns();
    pid_t pid = start(argv + 2);
    while (n < LOOKS_MAX && waitpid(pid, &status, WNOHANG) == 0) {
        uint64_t at = now_ns();
        if (stat(argv[1], &st) < 0)
            die("%s", argv[1]);
        looks[n++] = (double)(now_ns() - at) / 1e6;
        sleep_us(200);
    }
    if (status != 0)
        die("%s failed", argv[2]);
    printf("%8.0f ms, others wait %.2f ms at the median, %.1f at the longest\n",
           (double)(now_ns() - begin) / 1e6, percentile(looks, n, 0.5), percentile(looks, n, 1));
    free(looks);
    return 0;
}
