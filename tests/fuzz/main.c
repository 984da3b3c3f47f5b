/* SPDX-License-Identifier: MIT */
/* Drives a fuzz entry without libFuzzer:
 *
 *     fuzz-NAME [-n ROUNDS] FILE...
 *
 * runs every file as it is and then ROUNDS (10000) changed copies of them. The changes come from a fixed
 * seed, so that a run can be repeated; a crash leaves its input in ./fuzz-crash. */
#include "backend/base/alloc.h"
#include "backend/base/buf.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t random_state = 0x9E3779B97F4A7C15u;
static const uint8_t *current; /* the input under test, for crash_handler() */
static size_t current_len;

/* xorshift64: Marsaglia, Xorshift RNGs, 2003 */
static size_t random_below(size_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return n ? (size_t)(random_state % n) : 0;
}

static void crash_handler(int sig)
{
    int fd = open("fuzz-crash", O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (fd >= 0 && write(fd, current, current_len) >= 0)
        close(fd);
    signal(sig, SIG_DFL);
    raise(sig);
}

/* An allocation of exactly the input's size, so that a sanitizer sees a read behind its end. */
static void run(const char *data, size_t len)
{
    uint8_t *exact = malloc(len ? len : 1);

    if (!exact)
        exit(1);
    if (len)
        memcpy(exact, data, len);
    current = exact;
    current_len = len;
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
}

static void read_file(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "rb");
    char chunk[4096];
    size_t n;

    if (!f) {
        perror(path);
        exit(1);
    }
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_add(out, chunk, n);
    fclose(f);
}

static void insert(struct buf *b, size_t at, const char *data, size_t len)
{
    struct buf tail = { 0 };

    buf_add(&tail, b->data + at, b->len - at);
    b->len = at;
    buf_add(b, data, len);
    buf_add(b, tail.data, tail.len);
    buf_free(&tail);
}

static void cut(struct buf *b, size_t at, size_t len)
{
    memmove(b->data + at, b->data + at + len, b->len - at - len);
    b->len -= len;
}

/* One change; other is a seed to take a piece from. */
static void change(struct buf *b, const struct buf *other)
{
    static const char interesting[] = "\"'[]{}=.,#\\\n\r\t \0:-+_09aex~/\xff\xc3\x80";
    size_t at = random_below(b->len + 1), len;
    char c;

    switch (random_below(5)) {
    case 0: /* another byte */
        if (at < b->len)
            b->data[at] = (char)random_below(256);
        break;
    case 1:
        c = interesting[random_below(sizeof interesting - 1)];
        insert(b, at, &c, 1);
        break;
    case 2:
        len = random_below(b->len - at < 32 ? b->len - at + 1 : 32);
        cut(b, at, len);
        break;
    case 3: { /* a piece of another seed */
        size_t from = random_below(other->len);
        len = random_below(other->len - from < 64 ? other->len - from + 1 : 64);
        insert(b, at, buf_str(other) + from, len);
        break;
    }
    case 4: /* the end is missing */
        if (random_below(4) == 0)
            b->len = at;
        break;
    }
}

int main(int argc, char **argv)
{
    long rounds = 10000;
    int first = 1;

    if (argc > 2 && !strcmp(argv[1], "-n")) {
        rounds = atol(argv[2]);
        first = 3;
    }
    size_t n = (size_t)(argc - first);
    struct buf *seeds = xcalloc(n + 1, sizeof *seeds);
    signal(SIGABRT, crash_handler);
    signal(SIGSEGV, crash_handler);
    for (size_t i = 0; i < n; i++) {
        read_file(argv[first + (int)i], &seeds[i]);
        run(buf_str(&seeds[i]), seeds[i].len);
    }
    for (long i = 0; i < rounds && n > 0; i++) {
        const struct buf *seed = &seeds[random_below(n)];
        struct buf b = { 0 };
        buf_add(&b, buf_str(seed), seed->len);
        for (size_t changes = 1 + random_below(6); changes > 0; changes--)
            change(&b, &seeds[random_below(n)]);
        run(b.data, b.len);
        buf_free(&b);
    }
    for (size_t i = 0; i < n; i++)
        buf_free(&seeds[i]);
    free(seeds);
    printf("%zu files, %ld changed copies\n", n, n ? rounds : 0);
    return 0;
}
