/* SPDX-License-Identifier: MIT */
/* What it costs that a prompt is on disk when close(2) returns: bench-durable fsync DIR ROUNDS | ask MODEL-DIR ENGINE-FILE
 * ROUNDS | writers MODEL-DIR WRITERS SECONDS.
 * fsync    writes of 4 KiB to a file that is there, each with fdatasync(2): what the disk alone takes
 * ask      one client, in turns through the files and over HTTP to the same engine: the parts of a question
 * writers  many that write and close as fast as they can, and read nothing: prompts per second */
#include "bench.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROMPT "Why is the sky blue?"

/* ---- The disk alone */

static void bench_fsync(const char *dir, size_t rounds)
{
    char *path = path_join(dir, "fsync.tmp"), block[4096] = { 0 };
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    double *v = calloc(rounds, sizeof *v);

    if (fd < 0)
        die("%s", path);
    for (size_t i = 0; i < rounds + 16; i++) {
        uint64_t begin = now_ns();
        /* As a write-ahead log does: over blocks that are there already. */
        if (pwrite(fd, block, sizeof block, (off_t)(i % 16) * 4096) < 0 || fdatasync(fd) < 0)
            die("%s", path);
        if (i >= 16)
            v[i - 16] = (double)(now_ns() - begin) / 1e6;
    }
    printf("fdatasync of 4 KiB, the disk alone   %.3f ms (99%%: %.3f)\n", percentile(v, rounds, 0.5),
           percentile(v, rounds, 0.99));
    unlink(path);
    close(fd);
}

/* ---- One question */

enum { OPEN, WRITE, CLOSE, FIRST, ALL, HTTP, MORE, PARTS };

static void through_files(const char *ask, const char *reply, double v[PARTS])
{
    char text[4096];
    uint64_t t[5];

    t[0] = now_ns();
    int fd = open_file(ask, O_WRONLY | O_TRUNC);
    t[1] = now_ns();
    if (write(fd, PROMPT, strlen(PROMPT)) < 0)
        die("%s", ask);
    t[2] = now_ns();
    if (close(fd) < 0)
        die("%s", ask);
    t[3] = now_ns();
    fd = open_file(reply, O_RDONLY);
    ssize_t n = read(fd, text, sizeof text);
    t[4] = now_ns();
    if (n <= 0)
        die("%s: the first read gave %zd", reply, n);
    while ((n = read(fd, text, sizeof text)) > 0)
        ;
    close(fd);
    for (int i = 0; i < 4; i++)
        v[i] = (double)(t[i + 1] - t[i]) / 1e6;
    v[ALL] = (double)(t[4] - t[0]) / 1e6;
}

static void bench_ask(const char *model, const char *engine_file, size_t rounds)
{
    static const char *const names[PARTS] = {
        [OPEN] = "open",
        [WRITE] = "write",
        [CLOSE] = "close (on disk)",
        [FIRST] = "open reply, first byte",
        [ALL] = "all of it",
        [HTTP] = "over HTTP",
        [MORE] = "difference, of each pair",
    };
    char *ask = path_join(model, "ask"), *reply = path_join(model, "reply");
    double *v[PARTS], one[PARTS];
    struct engine e;

    engine_read(&e, engine_file);
    int fd = engine_connect(&e);
    for (int p = 0; p < PARTS; p++)
        v[p] = calloc(rounds, sizeof **v);
    for (size_t i = 0; i < rounds + 5; i++) {
        through_files(ask, reply, one);
        sleep_us(3000); /* what the turn left behind is on disk */
        one[HTTP] = engine_first_text(fd, &e, PROMPT);
        sleep_us(1000);
        one[MORE] = one[ALL] - one[HTTP];
        for (int p = 0; i >= 5 && p < PARTS; p++)
            v[p][i - 5] = one[p];
    }
    for (int p = 0; p < PARTS; p++)
        printf("  %-26s %.3f ms\n", names[p], percentile(v[p], rounds, 0.5));
}

/* ---- Many writers */

static struct {
    const char *ask;
    uint64_t end;
} writers;

static void *write_prompts(void *arg)
{
    size_t *n = arg;

    while (now_ns() < writers.end) {
        int fd = open_file(writers.ask, O_WRONLY | O_TRUNC);
        if (write(fd, PROMPT, strlen(PROMPT)) < 0 || close(fd) < 0)
            die("%s", writers.ask);
        ++*n;
    }
    return NULL;
}

static void bench_writers(const char *model, size_t n, double seconds)
{
    pthread_t *threads = calloc(n, sizeof *threads);
    size_t *count = calloc(n, sizeof *count), all = 0;

    writers.ask = path_join(model, "ask");
    uint64_t begin = now_ns();
    writers.end = begin + (uint64_t)(seconds * 1e9);
    for (size_t i = 0; i < n; i++)
        if (pthread_create(&threads[i], NULL, write_prompts, &count[i]) != 0)
            die("a thread");
    for (size_t i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        all += count[i];
    }
    printf("%.0f\n", (double)all / ((double)(now_ns() - begin) / 1e9));
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "fsync") == 0)
        bench_fsync(argv[2], strtoul(argv[3], NULL, 10));
    else if (argc == 5 && strcmp(argv[1], "ask") == 0)
        bench_ask(argv[2], argv[3], strtoul(argv[4], NULL, 10));
    else if (argc == 5 && strcmp(argv[1], "writers") == 0)
        bench_writers(argv[2], strtoul(argv[3], NULL, 10), strtod(argv[4], NULL));
    else
        die("usage: bench-durable fsync DIR ROUNDS | ask MODEL-DIR ENGINE-FILE ROUNDS | writers MODEL-DIR N "
            "SECONDS");
    return 0;
}
