/* SPDX-License-Identifier: MIT */
#ifndef TESTS_TRANSPORT_WAITING_H
#define TESTS_TRANSPORT_WAITING_H
/* What the transport's tests share: waiting for an event with a deadline, and catching results. Deadlines are
 * generous, because they only matter where something is broken. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>
#include <cmocka.h>
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/base/timer.h"
#include "backend/transport/transport.h"

#define PATIENCE_MS 60000
#define UNUSED      __attribute__((unused))

UNUSED static void wake_cb(uv_timer_t *t)
{
    (void)t;
}

/* Run the loop until *flag is at least n; false at the deadline. */
UNUSED static bool wait_within(uv_loop_t *loop, const int *flag, int n, uint64_t ms)
{
    uint64_t end = mono_ms() + ms;
    uv_timer_t tick; /* turns the loop over where nothing else does */

    uv_timer_init(loop, &tick);
    uv_timer_start(&tick, wake_cb, 20, 20);
    while (*flag < n && mono_ms() < end)
        uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
    return *flag >= n;
}

#define wait_for(loop, flag, n) assert_true(wait_within(loop, flag, n, PATIENCE_MS))

/* Everything is closed: the loop runs empty and holds nothing. */
UNUSED static void finish_loop(uv_loop_t *loop)
{
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
}

struct outcome {
    int done; /* how many callbacks came */
    int rc, exit_status;
    struct buf out, errout;
    char err[512];
};

UNUSED static void command_cb(void *arg, const struct command_result *r)
{
    struct outcome *o = arg;

    o->done++;
    o->rc = r->rc;
    o->exit_status = r->exit_status;
    buf_reset(&o->out);
    buf_reset(&o->errout);
    buf_add(&o->out, r->out, r->out_len);
    buf_add(&o->errout, r->errout, r->errout_len);
    snprintf(o->err, sizeof o->err, "%s", r->err);
}

UNUSED static void outcome_free(struct outcome *o)
{
    buf_free(&o->out);
    buf_free(&o->errout);
    *o = (struct outcome){ 0 };
}

struct dialled {
    int done;
    int fd;
    char err[512];
};

UNUSED static void dial_cb(void *arg, int fd, const char *err)
{
    struct dialled *d = arg;

    d->done++;
    d->fd = fd;
    snprintf(d->err, sizeof d->err, "%s", err);
}

struct states {
    int calls, up, down;
    enum transport_state last;
};

UNUSED static void state_cb(void *arg, enum transport_state state)
{
    struct states *s = arg;

    s->calls++;
    s->last = state;
    s->up += state == TRANSPORT_UP;
    s->down += state == TRANSPORT_DOWN;
}

/* Read from fd until what came is want, or the end of file where want is NULL; the loop runs meanwhile. */
UNUSED static char *read_until(uv_loop_t *loop, int fd, const char *want)
{
    struct buf b = { 0 };
    uint64_t end = mono_ms() + PATIENCE_MS;
    char chunk[4096];

    while (mono_ms() < end) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n > 0)
            buf_add(&b, chunk, (size_t)n);
        else if (n == 0)
            break;
        else if (errno != EAGAIN)
            break;
        if (want && strcmp(buf_str(&b), want) == 0)
            break;
        if (n < 0) {
            int never = 0;
            wait_within(loop, &never, 1, 5);
        }
    }
    assert_true(mono_ms() < end);
    return buf_take(&b);
}

/* A listening socket on the loopback address; its port. */
UNUSED static int listen_here(int *port, int backlog)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

/* An echo server as a child; it ends a connection when the client sent "bye". Returns its pid. */
UNUSED static pid_t echo_server(int *port)
{
    int fd = listen_here(port, 300);
    pid_t pid = fork();

    if (pid != 0) {
        close(fd);
        return pid;
    }
    struct pollfd p[512] = { { .fd = fd, .events = POLLIN } };
    nfds_t n = 1;
    for (;;) {
        poll(p, n, -1);
        for (nfds_t i = n; i-- > 1;) {
            char chunk[65536];
            if (!p[i].revents)
                continue;
            ssize_t got = read(p[i].fd, chunk, sizeof chunk);
            bool over = got <= 0 || (got >= 3 && memcmp(chunk + got - 3, "bye", 3) == 0);
            for (ssize_t off = 0; off < got;) {
                ssize_t put = send(p[i].fd, chunk + off, (size_t)(got - off), MSG_NOSIGNAL);
                if (put <= 0)
                    break;
                off += put;
            }
            if (over) {
                close(p[i].fd);
                p[i] = p[--n];
            }
        }
        if (p[0].revents && n < 512)
            p[n++] = (struct pollfd){ .fd = accept(fd, NULL, NULL), .events = POLLIN };
    }
}

UNUSED static void end_child(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

UNUSED static char *fresh_dir(void)
{
    char path[] = "/tmp/slullamafs-test-XXXXXX";

    assert_non_null(mkdtemp(path));
    return xstrdup(path);
}

UNUSED static void remove_dir(char *path)
{
    char *line = xasprintf("rm -rf -- %s", path);

    assert_int_equal(system(line), 0);
    free(line);
    free(path);
}

#endif
