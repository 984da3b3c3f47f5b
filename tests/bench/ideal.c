/* SPDX-License-Identifier: MIT */
/* The client that a batch is measured against: so many connections to the engine, each with the next question on its way
 * as soon as it has its answer, and nothing else to do.
 *
 *   bench-ideal ENGINE-FILE CONNECTIONS QUESTIONS    prints answers a second
 */
#include "bench.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX 65536

struct connection {
    char text[ANSWER_MAX];
    size_t len;
};

static void ask(int fd, const struct engine *e, unsigned long n)
{
    char body[256], request[1024];
    int len =
        snprintf(body, sizeof body,
                 "{\"messages\":[{\"role\":\"user\",\"content\":\"question %lu\"}],\"model\":\"m\"}", n);
    int all = snprintf(request, sizeof request,
                       "POST /v1/chat/completions HTTP/1.1\r\nHost: %s:%d\r\nAuthorization: Bearer %s\r\n"
                       "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                       e->host, e->port, e->key, len, body);

    if (send(fd, request, (size_t)all, MSG_NOSIGNAL) != all)
        die("the engine takes no request");
}

/* Is the answer whole? It has a length, and is short. */
static int is_whole(struct connection *c)
{
    c->text[c->len] = '\0';
    const char *body = strstr(c->text, "\r\n\r\n"), *length = strstr(c->text, "Content-Length: ");

    return body && length && c->len >= (size_t)(body + 4 - c->text) + strtoul(length + 16, NULL, 10);
}

static int take(int fd, struct connection *c)
{
    ssize_t n = read(fd, c->text + c->len, sizeof c->text - 1 - c->len);

    if (n <= 0)
        die("the engine's answer ended early");
    c->len += (size_t)n;
    if (!is_whole(c))
        return 0;
    if (!strstr(c->text, " 200 "))
        die("the engine said: %.60s", c->text);
    c->len = 0;
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fputs("usage: bench-ideal ENGINE-FILE CONNECTIONS QUESTIONS\n", stderr);
        return 1;
    }
    size_t n = strtoul(argv[2], NULL, 10);
    unsigned long questions = strtoul(argv[3], NULL, 10), sent = 0, answered = 0;
    struct pollfd *fds = calloc(n, sizeof *fds);
    struct connection *connections = calloc(n, sizeof *connections);
    struct engine e;

    engine_read(&e, argv[1]);
    for (size_t i = 0; i < n; i++)
        fds[i] = (struct pollfd){ .fd = engine_connect(&e), .events = POLLIN };
    uint64_t begin = now_ns();
    for (size_t i = 0; i < n && sent < questions; i++)
        ask(fds[i].fd, &e, sent++);
    while (answered < questions) {
        if (poll(fds, n, -1) < 0 && errno != EINTR)
            die("poll");
        for (size_t i = 0; i < n; i++) {
            if (!fds[i].revents || !take(fds[i].fd, &connections[i]))
                continue;
            answered++;
            if (sent < questions)
                ask(fds[i].fd, &e, sent++);
        }
    }
    printf("%.1f\n", (double)questions / ((double)(now_ns() - begin) / 1e9));
    free(fds);
    free(connections);
    return 0;
}
