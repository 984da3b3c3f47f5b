/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void sleep_us(unsigned us)
{
    struct timespec ts = { .tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000 };

    while (nanosleep(&ts, &ts) < 0)
        ;
}

void die(const char *fmt, ...)
{
    int error = errno;
    va_list ap;

    fprintf(stderr, "%s: ", program_invocation_short_name);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "%s%s\n", error ? ": " : "", error ? strerror(error) : "");
    exit(1);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double percentile(double *v, size_t n, double p)
{
    if (n == 0)
        return 0;
    qsort(v, n, sizeof *v, compare);
    size_t i = (size_t)(p * (double)n);
    return v[i < n ? i : n - 1];
}

char *path_join(const char *dir, const char *name)
{
    char *path;

    if (asprintf(&path, "%s/%s", dir, name) < 0)
        die("no memory");
    return path;
}

int open_file(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);

    if (fd < 0)
        die("%s", path);
    return fd;
}

void engine_read(struct engine *e, const char *file)
{
    FILE *f = fopen(file, "re");

    if (!f || fscanf(f, "%63s %d %127s", e->host, &e->port, e->key) != 3)
        die("%s does not say where the engine is", file);
    fclose(f);
}

int engine_connect(const struct engine *e)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)e->port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    inet_pton(AF_INET, e->host, &at.sin_addr);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) < 0)
        die("%s:%d", e->host, e->port);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

void engine_ask(int fd, const struct engine *e, const char *prompt, int direct)
{
    char body[1024], request[2048];
    int len = snprintf(body, sizeof body,
                       "{\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}],\"stream\":true}", prompt);
    int n = snprintf(
        request, sizeof request,
        "POST /v1/chat/completions HTTP/1.1\r\nHost: %s:%d\r\nAuthorization: Bearer %s\r\n"
        "Content-Type: application/json\r\nAccept: text/event-stream\r\n%sContent-Length: %d\r\n\r\n%s",
        e->host, e->port, e->key, direct ? "X-Bench: direct\r\n" : "", len, body);

    if (send(fd, request, (size_t)n, MSG_NOSIGNAL) != n)
        die("the engine takes no request");
}

double engine_first_text(int fd, const struct engine *e, const char *prompt)
{
    char text[65536];
    size_t len = 0;
    uint64_t begin = now_ns(), end = 0;

    engine_ask(fd, e, prompt, 1);
    do {
        ssize_t n = read(fd, text + len, sizeof text - 1 - len);
        if (n <= 0)
            die("the engine's answer ended early");
        len += (size_t)n;
        text[len] = '\0';
        if (!end && strstr(text, "\"content\":\"W")) /* the empty content of the first event is none */
            end = now_ns();
    } while (!strstr(text, "\r\n0\r\n\r\n"));
    if (!end)
        die("the engine gave no text: %s", text);
    return (double)(end - begin) / 1e6;
}
