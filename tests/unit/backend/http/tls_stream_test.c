/* SPDX-License-Identifier: MIT */
#include "backend/http/tls_stream.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* That a stream is opened, and a certificate refused, tests/system/team.t shows with a server. */

struct seen {
    int calls, fd;
    char err[200];
};

static void opened_cb(void *arg, int fd, const char *err)
{
    struct seen *s = arg;

    s->calls++;
    s->fd = fd;
    snprintf(s->err, sizeof s->err, "%s", err);
}

/* The server says `answer` and closes. */
static struct seen open_to(const char *answer)
{
    struct seen s = { 0 };
    uv_loop_t loop;
    char hello[4096];
    int fds[2];

    uv_loop_init(&loop);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_non_null(tls_stream_open(&loop, fds[0], "team.example.org", opened_cb, &s));
    assert_int_equal(s.calls, 0);
    uv_run(&loop, UV_RUN_ONCE);
    assert_true(read(fds[1], hello, sizeof hello) > 5);
    assert_int_equal(hello[0], 22); /* a handshake: RFC 8446, 5.1 */
    assert_non_null(memmem(hello, sizeof hello, "team.example.org", 16));
    assert_int_equal(write(fds[1], answer, strlen(answer)), strlen(answer));
    close(fds[1]);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return s;
}

static void a_server_of_something_else_is_told(void **state)
{
    struct seen s = open_to("HTTP/1.1 400 Bad Request\r\n\r\n");

    (void)state;
    assert_int_equal(s.calls, 1);
    assert_int_equal(s.fd, -EPROTO);
    assert_non_null(strstr(s.err, "TLS could not be agreed on"));
}

static void a_server_that_closes_is_told(void **state)
{
    struct seen s = open_to("");

    (void)state;
    assert_int_equal(s.calls, 1);
    assert_true(s.fd == -ECONNRESET || s.fd == -EPROTO); /* "unexpected eof" is OpenSSL 3's word */
}

static void one_that_is_cancelled_says_nothing(void **state)
{
    struct seen s = { 0 };
    uv_loop_t loop;
    int fds[2];

    (void)state;
    uv_loop_init(&loop);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    tls_stream_cancel(tls_stream_open(&loop, fds[0], "h", opened_cb, &s));
    tls_stream_cancel(NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_int_equal(s.calls, 0);
    assert_int_equal(recv(fds[1], &s, 1, 0), 0);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_of_something_else_is_told),
        cmocka_unit_test(a_server_that_closes_is_told),
        cmocka_unit_test(one_that_is_cancelled_says_nothing),
    };

    signal(SIGPIPE, SIG_IGN); /* as the program does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
