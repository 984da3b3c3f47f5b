/* SPDX-License-Identifier: MIT */
/* From a question to the first byte of its answer: bench-ask MODEL-DIR ENGINE-FILE ROUNDS.
 * One client asks in turns through the files (open `ask`, write, close, open `reply`, first read) and over
 * HTTP to the same engine on a connection that it keeps. Prints the medians and the median of the pairs'
 * differences, in milliseconds. */
#include "bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROMPT "Why is the sky blue?"

static double through_files(const char *ask, const char *reply)
{
    char text[4096];
    uint64_t begin = now_ns();
    int fd = open_file(ask, O_WRONLY | O_TRUNC);

    if (write(fd, PROMPT, strlen(PROMPT)) < 0 || close(fd) < 0)
        die("%s", ask);
    fd = open_file(reply, O_RDONLY);
    ssize_t n = read(fd, text, sizeof text);
    uint64_t end = now_ns();
    if (n <= 0)
        die("%s: the first read gave %zd", reply, n);
    while ((n = read(fd, text, sizeof text)) > 0)
        ;
    close(fd);
    return (double)(end - begin) / 1e6;
}

int main(int argc, char **argv)
{
    struct engine e;

    if (argc != 4)
        die("usage: bench-ask MODEL-DIR ENGINE-FILE ROUNDS");
    size_t rounds = strtoul(argv[3], NULL, 10);
    char *ask = path_join(argv[1], "ask"), *reply = path_join(argv[1], "reply");
    engine_read(&e, argv[2]);
    int fd = engine_connect(&e);
    double *v[2] = { calloc(rounds, sizeof **v), calloc(rounds, sizeof **v) },
           *more = calloc(rounds, sizeof *more);
    for (int i = 0; i < 5; i++) {
        through_files(ask, reply);
        engine_first_text(fd, &e, PROMPT);
    }
    for (size_t i = 0; i < rounds; i++) {
        for (size_t k = 0; k < 2; k++) {
            if (((i + k) & 1) == 0)
                v[0][i] = through_files(ask, reply);
            else
                v[1][i] = engine_first_text(fd, &e, PROMPT);
            sleep_us(2000); /* what the last turn left behind is done */
        }
        more[i] = v[0][i] - v[1][i];
    }
    printf("ask .. first byte of reply   %.3f ms\nthe same over HTTP           %.3f ms\n",
           percentile(v[0], rounds, 0.5), percentile(v[1], rounds, 0.5));
    printf("difference, of each pair     %.3f ms (quartiles %.3f .. %.3f)\n", percentile(more, rounds, 0.5),
           percentile(more, rounds, 0.25), percentile(more, rounds, 0.75));
    return 0;
}
