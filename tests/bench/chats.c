/* SPDX-License-Identifier: MIT */
/* Conversations by the thousand: bench-chats CHATS-DIR N READERS LOOKS.
 * It makes N of them, looks at LOOKS by their names in an order that no cache knows, lists them all, and prints one row of
 * microseconds. Then it asks in READERS of them, reads each answer in a thread of its own, says "parked" and stays until
 * its standard input ends, for others to measure beside it. */
#include "bench.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STACK   65536
#define PARK_US 500000 /* all of them have entered read(2) by then */

static const char *dir;

static char *chat_file(size_t i, const char *name)
{
    char *path = NULL;

    if (asprintf(&path, "%s/c%zu%s", dir, i, name) < 0)
        die("no memory");
    return path;
}

static void make_all(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *path = chat_file(i, "");
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
            die("mkdir %s", path);
        free(path);
    }
}

static double look(size_t i)
{
    char *path = chat_file(i, "/status");
    struct stat st;
    uint64_t begin = now_ns();

    if (stat(path, &st) < 0)
        die("stat %s", path);
    free(path);
    return (double)(now_ns() - begin) / 1000;
}

static double list_all(size_t *n)
{
    uint64_t begin = now_ns();
    DIR *d = opendir(dir);

    if (!d)
        die("opendir %s", dir);
    for (*n = 0; readdir(d); ++*n)
        ;
    closedir(d);
    return (double)(now_ns() - begin) / 1000;
}

static void *read_answer(void *arg)
{
    char text[64];

    while (read((int)(intptr_t)arg, text, sizeof text) > 0)
        ;
    return NULL;
}

static void park(size_t i, pthread_attr_t *attr)
{
    char *ask = chat_file(i, "/ask"), *reply = chat_file(i, "/reply");
    int fd = open_file(ask, O_WRONLY);
    pthread_t thread;

    if (write(fd, "a question", 10) != 10 || close(fd) < 0)
        die("ask %s", ask);
    fd = open_file(reply, O_RDONLY);
    if (pthread_create(&thread, attr, read_answer, (void *)(intptr_t)fd) != 0)
        die("thread");
    free(ask);
    free(reply);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        die("usage: bench-chats CHATS-DIR N READERS LOOKS");
    size_t n = strtoul(argv[2], NULL, 10), readers = strtoul(argv[3], NULL, 10),
           looks = strtoul(argv[4], NULL, 10);
    double *us = calloc(looks, sizeof *us);
    pthread_attr_t attr;
    size_t entries;
    char c;

    dir = argv[1];
    make_all(n);
    for (size_t i = 0; i < n; i++)
        look(i); /* the first look at each makes its text */
    for (size_t i = 0; i < looks; i++)
        us[i] = look(i * 7919 % n);
    double listed = list_all(&entries);
    printf("%6zu chats: lookup and stat %7.1f us (median), list %8.1f us, an entry %5.2f us\n", n,
           percentile(us, looks, 0.5), listed, listed / (double)entries);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    for (size_t i = 0; i < readers; i++)
        park(i, &attr);
    sleep_us(PARK_US);
    puts("parked");
    fflush(stdout);
    while (read(0, &c, 1) > 0)
        ;
    _exit(0);
}
