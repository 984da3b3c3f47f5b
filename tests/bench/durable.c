/* SPDX-License-Identifier: MIT */
/* What it costs that a prompt is on disk when close(2) returns: bench-durable ask MODEL-DIR ENGINE-FILE ROUNDS [DIR] |
 * writers MODEL-DIR WRITERS SECONDS.
 * ask      one client, in turns through the files, over HTTP to the same engine, and with what fdatasync(2) takes in DIR:
 *          the parts of a question
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

struct disk {
    int fd;
    char *path;
    size_t turn;
};

/* As a write-ahead log does: a few pages over blocks that are there already. */
#define COMMIT 16384

static double sync_once(struct disk *d)
{
    static const char pages[COMMIT];
    uint64_t begin = now_ns();

    if (pwrite(d->fd, pages, sizeof pages, (off_t)(d->turn++ % 16) * COMMIT) < 0 || fdatasync(d->fd) < 0)
        die("%s", d->path);
    return (double)(now_ns() - begin) / 1e6;
}

static struct disk disk_open(const char *dir)
{
    struct disk d = { .path = path_join(dir, "fsync.tmp") };

    d.fd = open(d.path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (d.fd < 0)
        die("%s", d.path);
    for (int i = 0; i < 16; i++)
        sync_once(&d);
    return d;
}

static void disk_close(struct disk *d)
{
    unlink(d->path);
    close(d->fd);
    free(d->path);
}

/* ---- One question */

enum { OPEN, WRITE, CLOSE, FIRST, ALL, HTTP, MORE, SYNC, BEYOND, PARTS };

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

/* A durable question waits for two fsyncs: of the question, and that its answer has begun. */
static void bench_ask(const char *model, const char *engine_file, size_t rounds, const char *dir)
{
    static const char *const names[PARTS] = {
        [OPEN] = "open",
        [WRITE] = "write",
        [CLOSE] = "close (on disk)",
        [FIRST] = "open reply, first byte",
        [ALL] = "all of it",
        [HTTP] = "over HTTP",
        [MORE] = "difference, of each pair",
        [SYNC] = "an fdatasync, then and there",
        [BEYOND] = "difference beyond two of them",
    };
    char *ask = path_join(model, "ask"), *reply = path_join(model, "reply");
    struct disk disk = { .fd = -1 };
    double *v[PARTS], one[PARTS];
    struct engine e;

    if (dir)
        disk = disk_open(dir);
    engine_read(&e, engine_file);
    int fd = engine_connect(&e);
    for (int p = 0; p < PARTS; p++)
        v[p] = calloc(rounds, sizeof **v);
    for (size_t i = 0; i < rounds + 5; i++) {
        one[SYNC] = dir ? sync_once(&disk) : 0;
        through_files(ask, reply, one);
        sleep_us(3000); /* what the turn left behind is on disk */
        one[HTTP] = engine_first_text(fd, &e, PROMPT);
        sleep_us(1000);
        one[MORE] = one[ALL] - one[HTTP];
        one[BEYOND] = one[MORE] - 2 * one[SYNC];
        for (int p = 0; i >= 5 && p < PARTS; p++)
            v[p][i - 5] = one[p];
    }
    for (int p = 0; p < (dir ? PARTS : SYNC); p++)
        printf("  %-29s %.3f ms\n", names[p], percentile(v[p], rounds, 0.5));
    if (dir)
        disk_close(&disk);
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
    if ((argc == 5 || argc == 6) && strcmp(argv[1], "ask") == 0)
        bench_ask(argv[2], argv[3], strtoul(argv[4], NULL, 10), argv[5]); /* or NULL */
    else if (argc == 5 && strcmp(argv[1], "writers") == 0)
        bench_writers(argv[2], strtoul(argv[3], NULL, 10), strtod(argv[4], NULL));
    else
        die("usage: bench-durable ask MODEL-DIR ENGINE-FILE ROUNDS [DIR] | writers MODEL-DIR N SECONDS");
    return 0;
}
