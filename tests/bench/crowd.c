/* SPDX-License-Identifier: MIT */
/* Many readers parked at one answer: bench-crowd MODEL-DIR READERS [FIFO ROUNDS].
 * It asks, opens `reply` once for each reader and reads it in as many threads. Without FIFO it says "parked"
 * and stays until its standard input ends, for others to measure beside it. With it, it lets stamp_engine.c
 * send ROUNDS tokens through FIFO, and prints one row: from the engine's send() until the first, the median
 * and the last reader have each token, and the last one's divided by their number, in microseconds. Between
 * two tokens the readers rest, so that what is measured is their waking alone. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STACK   65536
#define PARK_US 100000 /* all of them have entered read(2) by then */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t next_round = PTHREAD_COND_INITIALIZER;
static int round_no;
static atomic_size_t n_read;
static double *us; /* of this round, one for each reader */

struct reader {
    int fd, round;
    size_t number;
};

static void rest(struct reader *r)
{
    pthread_mutex_lock(&lock);
    while (round_no <= r->round)
        pthread_cond_wait(&next_round, &lock);
    r->round = round_no;
    pthread_mutex_unlock(&lock);
}

static void *read_tokens(void *arg)
{
    struct reader *r = arg;
    char text[64];

    for (;;) {
        rest(r);
        ssize_t n = read(r->fd, text, sizeof text - 1);
        uint64_t now = now_ns();
        if (n <= 0)
            return NULL;
        text[n] = '\0';
        us[r->number] = (double)(now - strtoull(text, NULL, 10)) / 1000;
        atomic_fetch_add(&n_read, 1);
    }
}

static void start_round(void)
{
    pthread_mutex_lock(&lock);
    round_no++;
    pthread_cond_broadcast(&next_round);
    pthread_mutex_unlock(&lock);
}

static void start_readers(const char *dir, size_t n)
{
    pthread_attr_t attr;
    int fd = open_file(path_join(dir, "ask"), O_WRONLY | O_TRUNC);

    if (write(fd, "go", 2) != 2 || close(fd) < 0)
        die("ask");
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    for (size_t i = 0; i < n; i++) {
        struct reader *r = calloc(1, sizeof *r);
        pthread_t thread;
        if (!r)
            die("no memory");
        *r = (struct reader){ .fd = open_file(path_join(dir, "reply"), O_RDONLY), .number = i };
        if ((errno = pthread_create(&thread, &attr, read_tokens, r)))
            die("thread %zu", i);
    }
}

static void one_token(int fifo, size_t n)
{
    start_round();
    sleep_us(PARK_US);
    atomic_store(&n_read, 0);
    if (write(fifo, "t", 1) != 1)
        die("the engine's FIFO");
    for (int i = 0; atomic_load(&n_read) < n; i++) {
        if (i == 10000)
            die("%zu of %zu readers got the token", atomic_load(&n_read), n);
        sleep_us(1000);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 5)
        die("usage: bench-crowd MODEL-DIR READERS [FIFO ROUNDS]");
    size_t n = strtoul(argv[2], NULL, 10), rounds = argc == 5 ? strtoul(argv[4], NULL, 10) : 0;
    us = calloc(n, sizeof *us);
    start_readers(argv[1], n);
    if (argc == 3) {
        start_round();
        sleep_us(PARK_US * 3);
        puts("parked");
        fflush(stdout);
        while (getchar() != EOF)
            ;
        return 0;
    }
    double *v[3];
    for (int k = 0; k < 3; k++)
        v[k] = calloc(rounds, sizeof(double));
    int fifo = open_file(argv[3], O_WRONLY);
    for (size_t i = 0; i < rounds; i++) {
        one_token(fifo, n);
        v[1][i] = percentile(us, n, 0.5); /* sorts */
        v[0][i] = us[0];
        v[2][i] = us[n - 1];
    }
    if (write(fifo, "e", 1) != 1)
        die("the engine's FIFO");
    double last = percentile(v[2], rounds, 0.5);
    printf("%5zu readers: first %.0f, median %.0f, last %.0f: %.2f us each\n", n,
           percentile(v[0], rounds, 0.5), percentile(v[1], rounds, 0.5), last, last / (double)n);
    return 0;
}
