/* SPDX-License-Identifier: MIT */
/* A trivial HTTP server for the benchmarks of proxies, itself no bottleneck: one thread, epoll, keep-alive.
 *
 *   bench-upstream --host H --port N --api-key-file FILE --at FILE [--log FILE]
 *
 * --at   where it listens and its key are written there: "HOST PORT KEY"
 * --log  a line "ID NANOSECONDS" for each stream whose client is gone before its end
 *
 * GET /health is 200 for everybody, and what has no key is 401, as the daemon's proof wants it. /big/BYTES answers with so many, everything
 * else with 256 in JSON; the body of a request is read and dropped. With the field "X-Bench: ID TOKENS PERIOD" the answer is a stream of
 * events, each a token that is the time of its sending, one every PERIOD microseconds, which all streams of a time have in common. */
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
#include <time.h>
#include <unistd.h>

#define CLIENTS   8192 /* the largest descriptor */
#define HEAD_MAX  8192
#define BODY_SIZE 256

struct client {
    char head[HEAD_MAX];
    size_t n;
    size_t skip; /* of a request's body, still to come */
    size_t owed; /* of an answer's, still to send */
    /* The answer that is due when the body was read; NULL = none. */
    const char *status;
    size_t length;
    /* Of a stream: */
    char wish[64];     /* "ID TOKENS MICROSECONDS", of the one that is due */
    unsigned id, left; /* tokens still to send; 0: there is no stream */
    uint64_t due;      /* the next one, now_ns() */
    int next, before;  /* in the line of streams, by descriptor; 0 = none */
};

static struct client *clients[CLIENTS];
static int poller;
static int first, last; /* of the streams, the one that is due first in front: they have one period */
static uint64_t period;
static FILE *gone;
static char key[256], zeroes[1 << 16];

static void line_up(int fd)
{
    struct client *c = clients[fd];

    c->next = 0;
    c->before = last;
    *(last ? &clients[last]->next : &first) = fd;
    last = fd;
}

static void leave_line(int fd)
{
    struct client *c = clients[fd];

    *(c->before ? &clients[c->before]->next : &first) = c->next;
    *(c->next ? &clients[c->next]->before : &last) = c->before;
}

static void drop(int fd)
{
    if (clients[fd]->left) {
        leave_line(fd);
        if (gone)
            fprintf(gone, "%u %llu\n", clients[fd]->id, (unsigned long long)now_ns());
    }
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

/* ---- Streams */

static bool begin_stream(int fd, const char *wish)
{
    static const char head[] =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    struct client *c = clients[fd];
    unsigned long period_us;

    if (sscanf(wish, "%u %u %lu", &c->id, &c->left, &period_us) != 3 || !c->left)
        die("X-Bench: %.40s", wish);
    period = period_us * 1000;
    c->due = now_ns() + period;
    line_up(fd);
    if (send(fd, head, sizeof head - 1, MSG_NOSIGNAL) == sizeof head - 1)
        return true;
    drop(fd);
    return false;
}

/* One token, and with the last one the end. False: the client takes none for now. */
static bool send_token(int fd)
{
    struct client *c = clients[fd];
    char event[256], out[512];
    int n = snprintf(
        event, sizeof event,
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%020llu \"},\"finish_reason\":null}]}\n\n",
        (unsigned long long)now_ns());

    n = snprintf(out, sizeof out, "%x\r\n%s\r\n%s", (unsigned)n, event,
                 c->left == 1 ? "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n" : "");
    ssize_t sent = send(fd, out, (size_t)n, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN)
        return false;
    if (sent != n) {
        drop(fd);
        return true;
    }
    leave_line(fd);
    c->due += period;
    if (--c->left)
        line_up(fd);
    return true;
}

static void send_tokens(void)
{
    while (first && clients[first]->due <= now_ns() && send_token(first))
        ;
}

/* Until a token is due; NULL: for ever. */
static struct timespec *until_due(struct timespec *t)
{
    if (!first)
        return NULL;
    uint64_t now = now_ns(), due = clients[first]->due, ns = due > now ? due - now : 100000;
    *t = (struct timespec){ .tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000) };
    return t;
}

/* ---- Requests */

/* What its head says is answered behind the body. */
static void judge(struct client *c, const char *head)
{
    const char *authorization = strcasestr(head, "Authorization: Bearer ");
    const char *wish = strcasestr(head, "X-Bench: "), *big = strstr(head, "/big/");
    bool known = authorization && strncmp(authorization + 22, key, strlen(key)) == 0;

    c->length = 2;
    c->wish[0] = '\0';
    if (strncmp(head, "GET /health", 11) == 0) {
        c->status = "200 OK";
    } else if (!known) {
        c->status = "401 Unauthorized";
    } else if (strcasestr(head, "Content-Length: 2\r\n")) { /* the proof's "{}" */
        c->status = "400 Bad Request";
    } else {
        c->status = "200 OK";
        c->length = big ? strtoul(big + 5, NULL, 10) : BODY_SIZE;
        snprintf(c->wish, sizeof c->wish, "%s", wish ? wish + 9 : "");
    }
}

static bool answer(int fd)
{
    struct client *c = clients[fd];
    const char *status = c->status;

    c->status = NULL;
    return c->wish[0] ? begin_stream(fd, c->wish) : respond(fd, status, c->length);
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
        if (c->skip == 0 && c->status && !answer(fd))
            return false;
        char *end = strstr(c->head, "\r\n\r\n");
        if (c->skip || !end)
            return true;
        const char *length = strcasestr(c->head, "Content-Length: ");
        size_t head = (size_t)(end - c->head) + 4;
        c->skip = head + (length && length < end ? strtoul(length + 16, NULL, 10) : 0);
        end[2] = '\0';
        judge(c, c->head);
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
    static const struct option options[] = {
        { "host", required_argument, NULL, 'h' },         { "port", required_argument, NULL, 'p' },
        { "api-key-file", required_argument, NULL, 'k' }, { "at", required_argument, NULL, 'a' },
        { "log", required_argument, NULL, 'l' },          { 0 }
    };
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
        else if (o == 'l' && (gone = fopen(optarg, "ae")))
            setvbuf(gone, NULL, _IOLBF, 0);
        else
            die("an option");
    }
    if (!at || !key[0])
        die("--api-key-file and --at are needed");
    int listener = listen_at(host, port);
    poller = epoll_create1(EPOLL_CLOEXEC);
    watch(listener, EPOLLIN, EPOLL_CTL_ADD);
    tell(at, host, port);
    for (;;) {
        struct epoll_event events[256];
        struct timespec wait;
        int n = epoll_pwait2(poller, events, 256, until_due(&wait), NULL);
        send_tokens();
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                welcome(fd);
            else if (clients[fd] && pay(fd))
                hear(fd);
        }
    }
}
