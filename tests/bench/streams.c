/* SPDX-License-Identifier: MIT */
/* Clients of streamed answers, and of none, at a proxy or at the engine itself (upstream.c). PLACE is the file of
 * an engine, "HOST PORT KEY" (bench.h); PATH is of the request.
 *
 *   bench-streams load PLACE PATH STREAMS TOKENS PERIOD PID    one line: how many tokens came; how long after they were
 *       sent, from when all streams had begun (median, p99 and the most, in microseconds); by how much the memory of PID grew, in
 *       KiB a stream; how long it took until all had begun, in milliseconds
 *   bench-streams idle PLACE PATH CLIENTS PID                  one line: by how much it grew for each connection that has asked
 *       once and then stays, in KiB
 *   bench-streams gone PLACE PATH STREAMS TOKENS PERIOD        closes one after the other in mid-stream; a line "ID NANOSECONDS" for
 *       each */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MARK    "\"content\":\""
#define DIGITS  20
#define GONE_US 5000   /* between two that leave */
#define SILENCE 20000  /* milliseconds without any byte: what has not come is lost */
#define AT_ONCE 8      /* requests of connections that will rest */
#define SETTLE  300000 /* microseconds after the last opening, before memory is looked at */

struct stream {
    int fd;
    size_t matched; /* of MARK, or of MARK and the digits behind it */
    uint64_t stamp;
    unsigned tokens;
};

static struct engine place;
static const char *path;
static struct stream *streams;
static double *late_us;
static size_t n_late, most_late, heard;
static size_t to_begin; /* streams without a token */
static uint64_t begun;  /* when the last one had its first */

/* ---- Asking */

static void ask(int fd, unsigned id, unsigned tokens, unsigned period)
{
    static const char body[] =
        "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}";
    char wish[96] = "", request[1024];

    if (tokens)
        snprintf(wish, sizeof wish, "X-Bench: %u %u %u\r\n", id, tokens, period);
    int n = snprintf(request, sizeof request,
                     "POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
                     "Content-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n%s",
                     path, place.key, wish, sizeof body - 1, body);
    if (send(fd, request, (size_t)n, MSG_NOSIGNAL) != n)
        die("no request can be sent");
}

/* KiB of PID that are its own. */
static double memory_of(int pid)
{
    char file[64];
    unsigned long all, resident, shared;

    if (!pid)
        return 0;
    snprintf(file, sizeof file, "/proc/%d/statm", pid);
    FILE *f = fopen(file, "re");
    if (!f || fscanf(f, "%lu %lu %lu", &all, &resident, &shared) != 3)
        die("%s", file);
    fclose(f);
    return (double)(resident - shared) * (double)sysconf(_SC_PAGESIZE) / 1024;
}

/* ---- Hearing */

static void hear_token(struct stream *s, uint64_t now)
{
    heard++;
    if (s->tokens++ == 0 && --to_begin == 0)
        begun = now;
    if (to_begin == 0 && n_late < most_late)
        late_us[n_late++] = ((double)now - (double)s->stamp) / 1000;
}

/* The stamps in a piece of a stream, which may be cut anywhere. */
static void scan(struct stream *s, const char *data, size_t n, uint64_t now)
{
    const size_t mark = sizeof MARK - 1;

    for (size_t i = 0; i < n; i++) {
        if (s->matched < mark) {
            s->matched = data[i] == MARK[s->matched] ? s->matched + 1 : data[i] == MARK[0];
            s->stamp = 0;
            continue;
        }
        s->stamp = s->stamp * 10 + (uint64_t)(data[i] - '0');
        if (++s->matched == mark + DIGITS) {
            hear_token(s, now);
            s->matched = 0;
        }
    }
}

static void hear(struct stream *s)
{
    static char data[65536];
    ssize_t n = recv(s->fd, data, sizeof data, MSG_DONTWAIT);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        die("a stream ended early");
    if (s->tokens == 0 && memmem(data, (size_t)n, "HTTP/1.1 ", 9) && strncmp(data + 9, "200", 3) != 0)
        die("%.*s", (int)n, data);
    scan(s, data, (size_t)n, now_ns());
}

static int watch_all(size_t n)
{
    int poller = epoll_create1(EPOLL_CLOEXEC);

    for (size_t i = 0; i < n; i++) {
        struct epoll_event e = { .events = EPOLLIN, .data.ptr = &streams[i] };
        if (epoll_ctl(poller, EPOLL_CTL_ADD, streams[i].fd, &e) < 0)
            die("epoll_ctl");
    }
    return poller;
}

static void load(size_t n, unsigned tokens, unsigned period, int pid)
{
    double before = memory_of(pid), grown = 0;

    most_late = n * tokens;
    to_begin = n;
    late_us = calloc(most_late, sizeof *late_us);
    uint64_t start = now_ns();
    for (size_t i = 0; i < n; i++)
        streams[i].fd = engine_connect(&place);
    int poller = watch_all(n);
    for (size_t i = 0; i < n; i++)
        ask(streams[i].fd, (unsigned)i, tokens, period);
    bool looked = false;
    while (heard < most_late) {
        struct epoll_event events[256];
        int ready = epoll_wait(poller, events, 256, SILENCE);
        if (ready <= 0)
            break;
        for (int i = 0; i < ready; i++)
            hear(events[i].data.ptr);
        if (!looked && heard >= most_late / 2) {
            looked = true;
            grown = (memory_of(pid) - before) / (double)n;
        }
    }
    printf("%zu %.0f %.0f %.0f %.1f %.0f\n", heard, percentile(late_us, n_late, 0.5),
           percentile(late_us, n_late, 0.99), percentile(late_us, n_late, 1), grown,
           (double)(begun - start) / 1e6);
}

static void hear_answer(int fd)
{
    char answer[4096];
    ssize_t got = recv(fd, answer, sizeof answer, 0);

    if (got < 12 || strncmp(answer + 9, "200", 3) != 0)
        die("%.*s", got > 0 ? (int)got : 0, answer);
}

static void idle(size_t n, int pid)
{
    double before = memory_of(pid);

    for (size_t i = 0; i < n; i++) {
        streams[i].fd = engine_connect(&place);
        ask(streams[i].fd, 0, 0, 0);
        if (i >= AT_ONCE)
            hear_answer(streams[i - AT_ONCE].fd);
    }
    for (size_t i = n > AT_ONCE ? n - AT_ONCE : 0; i < n; i++)
        hear_answer(streams[i].fd);
    sleep_us(SETTLE);
    printf("%.2f\n", (memory_of(pid) - before) / (double)n);
}

static void leave(size_t n, unsigned tokens, unsigned period)
{
    for (size_t i = 0; i < n; i++)
        streams[i].fd = engine_connect(&place);
    for (size_t i = 0; i < n; i++)
        ask(streams[i].fd, (unsigned)i, tokens, period);
    for (size_t i = 0; i < n; i++)
        for (streams[i].tokens = 0; !streams[i].tokens;) {
            hear(&streams[i]);
            sleep_us(500);
        }
    for (size_t i = 0; i < n; i++) {
        printf("%zu %llu\n", i, (unsigned long long)now_ns());
        close(streams[i].fd);
        sleep_us(GONE_US);
    }
}

int main(int argc, char **argv)
{
    if (argc < 6)
        die("see the head of streams.c");
    engine_read(&place, argv[2]);
    path = argv[3];
    size_t n = strtoul(argv[4], NULL, 10);
    streams = calloc(n, sizeof *streams);
    if (strcmp(argv[1], "load") == 0 && argc == 8)
        load(n, (unsigned)atoi(argv[5]), (unsigned)atoi(argv[6]), atoi(argv[7]));
    else if (strcmp(argv[1], "gone") == 0 && argc == 7)
        leave(n, (unsigned)atoi(argv[5]), (unsigned)atoi(argv[6]));
    else if (strcmp(argv[1], "idle") == 0)
        idle(n, atoi(argv[5]));
    else
        die("see the head of streams.c");
    return 0;
}
