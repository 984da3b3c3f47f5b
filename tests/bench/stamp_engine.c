/* SPDX-License-Identifier: MIT */
/* A stand-in for an engine whose every token is the time at which it was sent, in nanoseconds of
 * CLOCK_MONOTONIC, so that whoever reads it knows how long it took. It serves what the daemon's health look,
 * proof and prompt need, and nothing more.
 *
 *   bench-stamp-engine --host H --port N --api-key-file FILE --at FILE [--control FIFO] [--log FILE]
 * [--startup SECONDS]
 *
 * --at       where it listens and its key are written there: "HOST PORT KEY"
 * --control  a letter in this FIFO sends a token: `t` to each stream that came through the daemon, `d` to the
 * direct ones; `e` ends all
 * --log      lines "healthy NANOSECONDS" (when /health first would say 200) and "prompt NANOSECONDS" (a
 * question was read)
 * --startup  /health says 503 for so long
 *
 * Without --control a prompt is answered with one token at once. A request is taken to come whole in one
 * read, as those of the daemon and of this folder do. */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS 1024

struct client {
    int fd;
    bool streams, direct;
};

static struct client clients[CLIENTS];
static size_t n_clients;
static struct engine self = { .host = "127.0.0.1" };
static uint64_t healthy_at;
static FILE *events;
static int control = -1;

static void note(const char *what, uint64_t ns)
{
    if (!events)
        return;
    fprintf(events, "%s %llu\n", what, (unsigned long long)ns);
    fflush(events);
}

static void put(int fd, const char *s, size_t len)
{
    if (send(fd, s, len, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
        die("send");
}

static void put_chunk(int fd, const char *data)
{
    char out[512];

    put(fd, out, (size_t)snprintf(out, sizeof out, "%zx\r\n%s\r\n", strlen(data), data));
}

static void put_token(int fd)
{
    char event[256];

    snprintf(
        event, sizeof event,
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%020llu \"},\"finish_reason\":null}]}\n\n",
        (unsigned long long)now_ns());
    put_chunk(fd, event);
}

static void put_end(struct client *c)
{
    put_chunk(
        c->fd,
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n");
    put(c->fd, "0\r\n\r\n", 5);
    c->streams = false;
}

static void respond(int fd, const char *status, const char *body)
{
    char out[512];

    put(fd, out,
        (size_t)snprintf(out, sizeof out,
                         "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                         status, strlen(body), body));
}

static void begin_stream(struct client *c, const char *request)
{
    static const char head[] =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

    note("prompt", now_ns());
    c->direct = strstr(request, "X-Bench: direct") != NULL;
    put(c->fd, head, sizeof head - 1);
    put_chunk(c->fd,
              "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n");
    c->streams = true;
    if (control >= 0)
        return;
    put_token(c->fd);
    put_end(c);
}

static void answer(struct client *c, const char *request)
{
    char bearer[160];

    snprintf(bearer, sizeof bearer, "Bearer %s\r\n", self.key);
    if (strncmp(request, "GET", 3) == 0)
        respond(c->fd, now_ns() < healthy_at ? "503 Service Unavailable" : "200 OK", "{\"status\":\"ok\"}");
    else if (!strstr(request, bearer))
        respond(c->fd, "401 Unauthorized", "{\"error\":{\"message\":\"Invalid API Key\"}}");
    else if (!strstr(request, "\"messages\""))
        respond(c->fd, "400 Bad Request", "{\"error\":{\"message\":\"messages is required\"}}");
    else
        begin_stream(c, request);
}

static bool serve(struct client *c)
{
    static char request[65536];
    ssize_t n = recv(c->fd, request, sizeof request - 1, 0);

    if (n <= 0)
        return false;
    request[n] = '\0';
    answer(c, request);
    return true;
}

static void obey(void)
{
    char letters[64];
    ssize_t n = read(control, letters, sizeof letters);

    for (ssize_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n_clients; k++) {
            struct client *c = &clients[k];
            if (!c->streams)
                continue;
            if (letters[i] == 'e')
                put_end(c);
            else if ((letters[i] == 'd') == c->direct)
                put_token(c->fd);
        }
    }
}

static int listen_at(int port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    inet_pton(AF_INET, self.host, &at.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 64) < 0)
        die("%s:%d", self.host, port);
    return fd;
}

static void take_client(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), one = 1;

    if (fd < 0)
        return;
    if (n_clients == CLIENTS)
        die("too many connections");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    clients[n_clients++] = (struct client){ .fd = fd };
}

static void loop(int listener)
{
    static struct pollfd p[CLIENTS + 2];

    for (;;) {
        size_t n = n_clients;
        p[0] = (struct pollfd){ .fd = listener, .events = POLLIN };
        p[1] = (struct pollfd){ .fd = control, .events = POLLIN };
        for (size_t i = 0; i < n; i++)
            p[2 + i] = (struct pollfd){ .fd = clients[i].fd, .events = POLLIN };
        if (poll(p, n + 2, -1) < 0 && errno != EINTR)
            die("poll");
        if (p[1].revents)
            obey();
        for (size_t i = n; i-- > 0;) {
            if (!p[2 + i].revents || serve(&clients[i]))
                continue;
            close(clients[i].fd);
            clients[i] = clients[--n_clients];
        }
        if (p[0].revents)
            take_client(listener);
    }
}

static void write_place(const char *file)
{
    char *next;

    if (asprintf(&next, "%s.new", file) < 0)
        die("no memory");
    FILE *f = fopen(next, "we");
    if (!f || fprintf(f, "%s %d %s\n", self.host, self.port, self.key) < 0 || fclose(f) != 0 ||
        rename(next, file) < 0)
        die("%s", file);
    free(next);
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "host", 1, NULL, 'h' },         { "port", 1, NULL, 'p' },
                                             { "api-key-file", 1, NULL, 'k' }, { "at", 1, NULL, 'a' },
                                             { "control", 1, NULL, 'c' },      { "log", 1, NULL, 'l' },
                                             { "startup", 1, NULL, 's' },      { 0 } };
    const char *at = NULL;
    FILE *key;
    int c;

    healthy_at = now_ns();
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'h')
            snprintf(self.host, sizeof self.host, "%s", optarg);
        else if (c == 'p')
            self.port = atoi(optarg);
        else if (c == 'k' && (!(key = fopen(optarg, "re")) || fscanf(key, "%127s", self.key) != 1))
            die("%s", optarg);
        else if (c == 'a')
            at = optarg;
        else if (c == 'c') /* kept open for writing too, or it would be at its end between two writers */
            control = open_file(optarg, O_RDWR | O_NONBLOCK);
        else if (c == 'l')
            events = fopen(optarg, "ae");
        else if (c == 's')
            healthy_at += (uint64_t)(atof(optarg) * 1e9);
        else if (c == '?')
            return 2;
    }
    int listener = listen_at(self.port);
    if (at)
        write_place(at);
    note("healthy", healthy_at);
    loop(listener);
}
