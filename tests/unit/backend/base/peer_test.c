/* SPDX-License-Identifier: MIT */
#include "backend/base/peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* A listener on loopback of this family and a client of it (AF_INET of a dual one comes as a mapped address).
 * Returns the accepted end, or -1 where this machine has no such family. */
static int pair(int listen_family, int client_family, int *client)
{
    struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
    struct sockaddr_in four = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    bool is_six = listen_family == AF_INET6;
    socklen_t len = is_six ? sizeof six : sizeof four;
    struct sockaddr *at = is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four;
    int zero = 0, fd = socket(listen_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (is_six)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    assert_int_equal(bind(fd, at, len), 0);
    assert_int_equal(listen(fd, 10), 0);
    assert_int_equal(getsockname(fd, at, &len), 0);
    *client = socket(client_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (is_six && client_family == AF_INET) {
        four.sin_port = six.sin6_port;
        assert_int_equal(connect(*client, (struct sockaddr *)&four, sizeof four), 0);
    } else {
        six.sin6_addr = in6addr_loopback;
        if (connect(*client, at, len) < 0) {
            close(*client);
            close(fd);
            return -1;
        }
    }
    int end = accept(fd, NULL, NULL);
    assert_true(end >= 0);
    close(fd);
    return end;
}

static const int families[][2] = { { AF_INET, AF_INET }, { AF_INET6, AF_INET6 }, { AF_INET6, AF_INET } };

static void a_live_client_is_ours(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        uid_t uid = 12345;
        int client, end = pair(families[i][0], families[i][1], &client);
        if (end < 0)
            continue;
        assert_int_equal(peer_uid(end, &uid), 0);
        assert_int_equal(uid, getuid());
        close(client);
        close(end);
    }
}

/* The kernel would name root. */
static void a_client_that_closed_is_nobody(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        uid_t uid = 12345;
        int client, end = pair(families[i][0], families[i][1], &client);
        if (end < 0)
            continue;
        assert_int_equal(write(client, "x", 1), 1);
        close(client);
        assert_int_equal(peer_uid(end, &uid), -ENOTCONN);
        assert_int_equal(uid, 12345);
        close(end);
    }
}

static void a_client_that_was_reset_is_nobody(void **state)
{
    struct linger now = { .l_onoff = 1 };
    uid_t uid = 12345;
    int client, end = pair(AF_INET, AF_INET, &client);

    (void)state;
    setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(client);
    assert_int_equal(peer_uid(end, &uid), -ENOTCONN);
    assert_int_equal(uid, 12345);
    close(end);
}

static void a_client_that_only_ended_writing_is_ours(void **state)
{
    uid_t uid = 12345;
    int client, end = pair(AF_INET, AF_INET, &client);

    (void)state;
    shutdown(client, SHUT_WR);
    assert_int_equal(peer_uid(end, &uid), 0);
    assert_int_equal(uid, getuid());
    close(client);
    close(end);
}

static void another_users_client_is_his(void **state)
{
    uid_t uid = 12345;
    int client, end, status, told[2];

    (void)state;
    if (getuid() != 0)
        skip();
    assert_int_equal(pipe(told), 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 10), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        close(told[1]);
        if (setuid(65534) < 0)
            _exit(1);
        client = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(client, (struct sockaddr *)&a, sizeof a) < 0)
            _exit(1);
        _exit(read(told[0], &c, 1) == 0 ? 0 : 1); /* until the end of file */
    }
    end = accept(fd, NULL, NULL);
    assert_int_equal(peer_uid(end, &uid), 0);
    assert_int_equal(uid, 65534);
    close(told[0]);
    close(told[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(end);
    close(fd);
}

static void a_unix_client_is_ours(void **state)
{
    uid_t uid = 12345;
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(peer_uid(fds[0], &uid), 0);
    assert_int_equal(uid, getuid());
    close(fds[0]);
    close(fds[1]);
}

/* A listener of this user at any address of this machine, or at loopback; -1 where there is no such family. */
static int listener(uid_t uid, in_addr_t host, struct sockaddr_storage *at)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(host) };
    socklen_t len = sizeof a;

    assert_int_equal(seteuid(uid), 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(seteuid(getuid()), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 10), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memset(at, 0, sizeof *at);
    memcpy(at, &a, sizeof a);
    return fd;
}

static void who_listens_is_told(void **state)
{
    static const in_addr_t hosts[] = { INADDR_LOOPBACK, INADDR_ANY };
    struct sockaddr_storage at;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uid_t uid = 12345;
        int fd = listener(getuid(), hosts[i], &at);
        assert_int_equal(listener_uid(&at, &uid), 0);
        assert_int_equal(uid, getuid());
        close(fd);
        uid = 12345;
        assert_int_equal(listener_uid(&at, &uid), -ENOTCONN);
        assert_int_equal(uid, 12345);
    }
}

static void another_users_listener_is_his(void **state)
{
    struct sockaddr_storage at;
    uid_t uid = 12345;

    (void)state;
    if (getuid() != 0)
        skip();
    int fd = listener(65534, INADDR_LOOPBACK, &at);
    assert_int_equal(listener_uid(&at, &uid), 0);
    assert_int_equal(uid, 65534);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_live_client_is_ours),
        cmocka_unit_test(a_client_that_closed_is_nobody),
        cmocka_unit_test(a_client_that_was_reset_is_nobody),
        cmocka_unit_test(a_client_that_only_ended_writing_is_ours),
        cmocka_unit_test(another_users_client_is_his),
        cmocka_unit_test(a_unix_client_is_ours),
        cmocka_unit_test(who_listens_is_told),
        cmocka_unit_test(another_users_listener_is_his),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
