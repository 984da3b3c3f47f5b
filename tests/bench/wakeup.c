/* SPDX-License-Identifier: MIT */
/* How long a token takes from the engine's send() to a reader: bench-wakeup NAME MODEL-DIR FIFO ENGINE-FILE
 * TOKENS. The engine is stamp_engine.c, whose tokens tell when they were sent. Two readers take turns at a
 * token: one parked in a read of `reply`, one that reads from the engine's socket itself; what lies between
 * the two is the daemon's. Prints one row, in microseconds. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GAP_US 2000 /* between two tokens: far longer than one takes */

struct reader {
    int fd;
    const char *before; /* what stands before the number */
    double *us;
    atomic_size_t n;
    size_t want;
};

static void *read_tokens(void *arg)
{
    struct reader *r = arg;
    char text[4096];

    while (r->n < r->want) {
        ssize_t n = read(r->fd, text, sizeof text - 1);
        uint64_t now = now_ns();
        if (n <= 0)
            die("a reader got %zd", n);
        text[n] = '\0';
        const char *at = strstr(text, r->before);
        uint64_t sent = at ? strtoull(at + strlen(r->before), NULL, 10) : 0;
        if (sent && sent <= now)
            r->us[r->n++] = (double)(now - sent) / 1000;
    }
    return NULL;
}

static void ask(const char *dir)
{
    int fd = open_file(path_join(dir, "ask"), O_WRONLY | O_TRUNC);

    if (write(fd, "go", 2) != 2 || close(fd) < 0)
        die("ask");
}

static void print(const char *name, struct reader *ours, struct reader *direct)
{
    double p50 = percentile(ours->us, ours->n, 0.5), p99 = percentile(ours->us, ours->n, 0.99);
    double d50 = percentile(direct->us, direct->n, 0.5), d99 = percentile(direct->us, direct->n, 0.99);

    printf("%-26s %6.1f %7.1f   %6.1f %7.1f   %6.1f\n", name, p50, p99, d50, d99, p50 - d50);
}

int main(int argc, char **argv)
{
    struct engine e;
    pthread_t threads[2];

    if (argc != 6)
        die("usage: bench-wakeup NAME MODEL-DIR FIFO ENGINE-FILE TOKENS");
    size_t tokens = strtoul(argv[5], NULL, 10);
    int fifo = open_file(argv[3], O_WRONLY);
    ask(argv[2]);
    struct reader readers[2] = { { open_file(path_join(argv[2], "reply"), O_RDONLY), "", NULL, 0, tokens },
                                 { -1, "\"content\":\"0", NULL, 0, tokens } };
    engine_read(&e, argv[4]);
    readers[1].fd = engine_connect(&e);
    engine_ask(readers[1].fd, &e, "go", 1);
    for (int i = 0; i < 2; i++) {
        readers[i].us = calloc(tokens, sizeof(double));
        if (!readers[i].us || (errno = pthread_create(&threads[i], NULL, read_tokens, &readers[i])))
            die("a reader cannot be started");
    }
    sleep_us(200000);
    /* One read may bring two tokens where a reader was late: it counts the older one, and gets others
     * instead. */
    for (size_t i = 0; readers[0].n < tokens || readers[1].n < tokens; i++) {
        for (int k = 0; k < 2; k++) {
            if (write(fifo, k == (int)(i & 1) ? "t" : "d", 1) != 1)
                die("%s", argv[3]);
            sleep_us(GAP_US);
        }
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    if (write(fifo, "e", 1) != 1)
        die("%s", argv[3]);
    print(argv[1], &readers[0], &readers[1]);
    return 0;
}
