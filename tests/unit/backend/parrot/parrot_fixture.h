/* SPDX-License-Identifier: MIT */
#ifndef TESTS_PARROT_FIXTURE_H
#define TESTS_PARROT_FIXTURE_H
/* The parrot as its users meet it: a process that is started with arguments, spoken to over TCP, and ended by a
 * signal. Included once by each test. */
#include "backend/parrot/parrot.h"
#include "backend/parrot/tokens.h"
#include "backend/base/alloc.h"
#include "backend/base/timer.h"
#include "backend/http/http.h"
#include "backend/http/sse.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <jansson.h>
#include <cmocka.h>

#define DEADLINE_MS 10000

static pid_t pid; /* the parrot of the running test, 0 = none */
static int port;

/* ---- The process. */

/* Start with the arguments, which end in NULL. Returns false where it ended without listening. */
static inline bool start(char *first, ...)
{
    char *argv[16] = { (char *)"parrot", first }, line[128] = "";
    int argc = first ? 2 : 1, out[2];
    va_list ap;

    va_start(ap, first);
    while (first && argc < 15 && (argv[argc] = va_arg(ap, char *)))
        argc++;
    va_end(ap);
    assert_int_equal(pipe(out), 0);
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        freopen("/dev/null", "w", stderr);
        exit(parrot_main(argc, argv));
    }
    close(out[1]);
    for (size_t n = 0; n + 1 < sizeof line && !strchr(line, '\n');) {
        ssize_t got = read(out[0], line + n, sizeof line - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    close(out[0]);
    port = 0;
    return sscanf(line, "listening http://127.0.0.1:%d\n", &port) == 1;
}

static inline int wait_end(void)
{
    int status = -1;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline int stop(void **state)
{
    (void)state;
    if (!pid)
        return 0;
    kill(pid, SIGTERM);
    return wait_end(); /* 0, unless the sanitizer found something */
}

/* ---- A client. */

static inline int dial(void)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0) {
        close(fd);
        return -errno;
    }
    return fd;
}

static inline void say(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        assert_true(n > 0);
        data += n;
        len -= (size_t)n;
    }
}

/* Read once. Returns the bytes, 0 for the end, or -1 where ms passed or the connection was reset. */
static inline ssize_t hear(int fd, struct buf *out, int ms)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    char data[65536];

    if (poll(&p, 1, ms) <= 0)
        return -1;
    ssize_t n = recv(fd, data, sizeof data, 0);
    if (n > 0)
        buf_add(out, data, (size_t)n);
    return n;
}

static inline void hear_until(int fd, struct buf *out, const char *text)
{
    while (!strstr(buf_str(out), text))
        assert_true(hear(fd, out, DEADLINE_MS) > 0);
}

static inline void say_post(int fd, const char *path, const char *fields, const char *json)
{
    struct buf b = { 0 };

    buf_addf(&b, "POST %s HTTP/1.1\r\nHost: parrot\r\nContent-Length: %zu\r\n%s\r\n", path, strlen(json),
             fields);
    buf_adds(&b, json);
    say(fd, b.data, b.len);
    buf_free(&b);
}

/* One request on a connection of its own; everything that comes until the end. */
static inline void fetch(struct buf *out, const char *method, const char *path, const char *fields,
                         const char *json)
{
    int fd = dial();
    struct buf b = { 0 };

    assert_true(fd >= 0);
    buf_free(out);
    buf_addf(&b, "%s %s HTTP/1.1\r\nHost: parrot\r\nConnection: close\r\n%s", method, path, fields);
    if (json)
        buf_addf(&b, "Content-Length: %zu\r\n\r\n%s", strlen(json), json);
    else
        buf_adds(&b, "\r\n");
    say(fd, b.data, b.len);
    while (hear(fd, out, DEADLINE_MS) > 0)
        ;
    close(fd);
    buf_free(&b);
}

static inline int status_of(const struct buf *raw)
{
    int status = 0;

    sscanf(buf_str(raw), "HTTP/1.1 %d", &status);
    return status;
}

static inline int get(const char *path)
{
    struct buf raw = { 0 };

    fetch(&raw, "GET", path, "", NULL);
    int status = status_of(&raw);
    buf_free(&raw);
    return status;
}

static inline int chat(struct buf *raw, const char *json)
{
    fetch(raw, "POST", "/v1/chat/completions", "", json);
    return status_of(raw);
}

/* ---- What a stream said. */

struct heard {
    struct sse_reader *sse;
    struct buf text, body;
    char finish[16];
    bool done, complete, error;
    long long completion_tokens;
    unsigned tokens;
};

static inline int event_cb(void *arg, const struct sse_event *e)
{
    struct heard *h = arg;
    json_t *choice, *delta, *root = json_loadb(e->data, e->len, JSON_ALLOW_NUL, NULL);

    if (!strcmp(e->data, "[DONE]")) {
        h->done = true;
        return 0;
    }
    assert_non_null(root);
    h->error = h->error || json_object_get(root, "error");
    choice = json_array_get(json_object_get(root, "choices"), 0);
    delta = json_object_get(json_object_get(choice, "delta"), "content");
    if (!delta)
        delta = json_object_get(choice, "text");
    if (json_string_length(delta)) {
        buf_add(&h->text, json_string_value(delta), json_string_length(delta));
        h->tokens++;
    }
    if (json_is_string(json_object_get(choice, "finish_reason")))
        snprintf(h->finish, sizeof h->finish, "%s",
                 json_string_value(json_object_get(choice, "finish_reason")));
    json_t *usage = json_object_get(root, "usage");
    if (usage)
        h->completion_tokens = json_integer_value(json_object_get(usage, "completion_tokens"));
    json_decref(root);
    return 0;
}

static inline int body_cb(void *arg, const char *data, size_t len)
{
    struct heard *h = arg;

    buf_add(&h->body, data, len);
    return 0;
}

static inline int complete_cb(void *arg)
{
    ((struct heard *)arg)->complete = true;
    return 0;
}

static inline void read_stream(struct heard *h, const struct buf *raw)
{
    static const struct http_reader_callbacks callbacks = { .body = body_cb, .complete = complete_cb };
    struct http_reader *r = http_reader_create(true, &callbacks, h);

    *h = (struct heard){ .completion_tokens = -1 };
    h->sse = sse_reader_create(event_cb, h);
    assert_true(http_reader_feed(r, raw->data, raw->len, NULL) > 0);
    if (h->body.len && h->body.data[0] == 'd')
        sse_reader_feed(h->sse, h->body.data, h->body.len);
    http_reader_destroy(r);
}

static inline void forget(struct heard *h)
{
    sse_reader_destroy(h->sse);
    buf_free(&h->text);
    buf_free(&h->body);
}

static inline char *question(const char *text, const char *more)
{
    json_t *root =
        json_pack("{s:b, s:[{s:s, s:s}]}", "stream", 1, "messages", "role", "user", "content", text);
    char *json = json_dumps(root, JSON_COMPACT);

    json_decref(root);
    char *with = xasprintf("%.*s%s}", (int)strlen(json) - 1, json, more);
    free(json);
    return with;
}

#endif
