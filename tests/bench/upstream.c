/* SPDX-License-Identifier: MIT */
/* A trivial HTTP server for the benchmarks of proxies, itself no bottleneck: one thread, epoll, keep-alive.
 *
 *   bench-upstream --host H --port N --api-key-file FILE --at FILE
 *
 * --at  where it listens and its key are written there: "HOST PORT KEY"
 *
 * GET /health is 200 for everybody, and what has no key is 401, as the daemon's proof wants it. /big/BYTES answers with so many, everything
 * else with 256 in JSON; the body of a request is read and dropped. */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS   4096 /* the largest descriptor */
#define HEAD_MAX  8192
#define BODY_SIZE 256

struct client {
    char head[HEAD_MAX];
    size_t n;
    size_t skip;        /* of a request's body, still to come */
    size_t owed;        /* of an answer's, still to send */
    const char *status; /* of the answer that is due when the body was read; NULL = none */
    size_t length;
};

static struct client *clients[CLIENTS];
static int poller;
static char key[256], zeroes[1 << 16];

static void drop(int fd)
{
    close(fd);
    free(clients[fd]);
    clients[fd] = NULL;
}

static void watch(int fd, uint32_t events, int how)
{
    struct epoll_event e = { .events = events, .data.fd = fd };

    if (epoll_ctl(poller, how, fd, &e) < 0)
        die("epoll_ctl");
}

/* False: the socket takes no more for now, or the client is gone. */
static bool pay(int fd)
{
    struct client *c = clients[fd];

    while (c->owed > 0) {
        ssize_t n = send(fd, zeroes, c->owed < sizeof zeroes ? c->owed : sizeof zeroes, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n <= 0) {
            drop(fd);
            return false;
        }
        c->owed -= (size_t)n;
    }
    return true;
}

static bool respond(int fd, const char *status, size_t len)
{
    char head[256];
    int n =
        snprintf(head, sizeof head,
                 "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", status, len);

    /* A head always fits where the last answer was sent whole. */
    if (send(fd, head, (size_t)n, MSG_NOSIGNAL | (len ? MSG_MORE : 0)) != n) {
        drop(fd);
        return false;
    }
    clients[fd]->owed = len;
    return pay(fd);
}

static const char *judge(const char *head, size_t *length)
{
    const char *authorization = strcasestr(head, "Authorization: Bearer ");
    bool known = authorization && strncmp(authorization + 22, key, strlen(key)) == 0;

    *length = 2;
    if (strncmp(head, "GET /health", 11) == 0)
        return "200 OK";
    if (!known)
        return "401 Unauthorized";
    if (strcasestr(head, "Content-Length: 2\r\n")) /* the proof's "{}" */
        return "400 Bad Request";
    const char *big = strstr(head, "/big/");
    *length = big ? strtoul(big + 5, NULL, 10) : BODY_SIZE;
    return "200 OK";
}

/* What was read, into requests. False: no more now. */
static bool serve(int fd)
{
    struct client *c = clients[fd];

    for (;;) {
        size_t eaten = c->skip < c->n ? c->skip : c->n;
        c->skip -= eaten;
        c->n -= eaten;
        memmove(c->head, c->head + eaten, c->n);
        c->head[c->n] = '\0';
        if (c->skip == 0 && c->status) {
            const char *status = c->status;
            c->status = NULL;
            if (!respond(fd, status, c->length))
                return false;
        }
        char *end = strstr(c->head, "\r\n\r\n");
        if (c->skip || !end)
            return true;
        const char *length = strcasestr(c->head, "Content-Length: ");
        size_t head = (size_t)(end - c->head) + 4;
        c->skip = head + (length && length < end ? strtoul(length + 16, NULL, 10) : 0);
        end[2] = '\0';
        c->status = judge(c->head, &c->length);
    }
}

static void hear(int fd)
{
    struct client *c = clients[fd];
    ssize_t n;

    while ((n = recv(fd, c->head + c->n, HEAD_MAX - 1 - c->n, 0)) > 0) {
        c->n += (size_t)n;
        if (!serve(fd))
            return;
        if (c->n == HEAD_MAX - 1)
            break;
    }
    if (n == 0 || (n < 0 && errno != EAGAIN) || c->n == HEAD_MAX - 1)
        drop(fd);
}

static void welcome(int listener)
{
    int fd, one = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= CLIENTS) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        clients[fd] = calloc(1, sizeof *clients[fd]);
        watch(fd, EPOLLIN | EPOLLOUT | EPOLLET, EPOLL_CTL_ADD);
    }
}

static int listen_at(const char *host, int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

    inet_pton(AF_INET, host, &a.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 4096) < 0)
        die("%s:%d", host, port);
    return fd;
}

static void read_key(const char *path)
{
    FILE *f = fopen(path, "r");

    if (!f || !fgets(key, sizeof key, f))
        die("%s", path);
    key[strcspn(key, "\r\n")] = '\0';
    fclose(f);
}

static void tell(const char *path, const char *host, int port)
{
    FILE *f = fopen(path, "w");

    if (!f || fprintf(f, "%s %d %s\n", host, port, key) < 0 || fclose(f) < 0)
        die("%s", path);
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "host", required_argument, NULL, 'h' },
                                             { "port", required_argument, NULL, 'p' },
                                             { "api-key-file", required_argument, NULL, 'k' },
                                             { "at", required_argument, NULL, 'a' },
                                             { 0 } };
    const char *host = "127.0.0.1", *at = NULL;
    int port = 0;

    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'h')
            host = optarg;
        else if (o == 'p')
            port = atoi(optarg);
        else if (o == 'k')
            read_key(optarg);
        else if (o == 'a')
            at = optarg;
        else
            die("unknown option");
    }
    if (!at || !key[0])
        die("--api-key-file and --at are needed");
    int listener = listen_at(host, port);
    poller = epoll_create1(EPOLL_CLOEXEC);
    watch(listener, EPOLLIN, EPOLL_CTL_ADD);
    tell(at, host, port);
    for (;;) {
        struct epoll_event events[256];
        int n = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                welcome(fd);
            else if (clients[fd] && pay(fd))
                hear(fd);
        }
    }
}
