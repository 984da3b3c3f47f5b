/* SPDX-License-Identifier: MIT */
#include "fs/door_http/listener.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/slullamafs-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    return rmdir(dir); /* nothing may be left in it */
}

static void an_address_becomes_a_url(void **state)
{
    struct listen_socket s;
    struct err e = { "" };
    unsigned port;

    (void)state;
    assert_int_equal(listen_open("127.0.0.1:0", true, &s, &e), 0);
    assert_int_equal(sscanf(s.url, "http://127.0.0.1:%u", &port), 1);
    assert_true(port > 0);
    listen_close(&s);
    assert_int_equal(listen_open("localhost:0", true, &s, &e), 0);
    assert_int_equal(sscanf(s.url, "http://127.0.0.1:%u", &port), 1);
    listen_close(&s);
    if (listen_open("[::1]:0", true, &s, &e) == 0) { /* not everywhere */
        assert_int_equal(sscanf(s.url, "http://[::1]:%u", &port), 1);
        listen_close(&s);
    }
}

static void a_taken_port_gives_way_or_is_an_error(void **state)
{
    struct listen_socket first, second;
    struct err e = { "" };

    (void)state;
    assert_int_equal(listen_open("127.0.0.1:0", true, &first, &e), 0);
    const char *where = first.url + strlen("http://");
    assert_int_equal(listen_open(where, true, &second, &e), -EADDRINUSE);
    assert_non_null(strstr(e.text, where));
    assert_int_equal(listen_open(where, false, &second, &e), 0);
    assert_string_not_equal(first.url, second.url);
    listen_close(&second);
    listen_close(&first);
}

static void what_is_no_address_is_refused(void **state)
{
    static const char *const rows[] = {
        "",        "127.0.0.1",    "127.0.0.1:",   "127.0.0.1:x", "127.0.0.1:65536", ":80",          "[::1]",
        "[::1:80", "host.name:80", "127.0.0.1:-1", "unix:",       "unix:x/y.s",      "127.0.0.1:80 "
    };
    struct listen_socket s;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err e = { "" };
        if (listen_open(rows[i], true, &s, &e) != -EINVAL || !e.text[0])
            fail_msg("\"%s\": \"%s\"", rows[i], e.text);
    }
}

static void a_unix_socket_is_its_owners_alone(void **state)
{
    char *where = xasprintf("unix:%s/a b.sock", dir);
    const char *path = where + 5;
    struct listen_socket s, other;
    struct err e = { "" };
    struct stat st;

    (void)state;
    assert_int_equal(listen_open(where, true, &s, &e), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_non_null(strstr(s.url, "%2Fa%20b.sock"));
    assert_int_equal(listen_open(where, true, &other, &e), -EADDRINUSE);
    close(s.fd); /* as if the program had died: the file is dead */
    s.fd = -1;
    assert_int_equal(listen_open(where, true, &other, &e), 0);
    free(s.path);
    free(s.url);
    assert_int_equal(unlink(path), 0);
    fclose(fopen(path, "w"));
    listen_close(&other); /* what is there now is not its own */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(listen_open(where, true, &s, &e), 0);
    listen_close(&s);
    assert_int_equal(access(path, F_OK), -1);
    free(where);
}

static void a_file_in_the_way_stays(void **state)
{
    char *where = xasprintf("unix:%s/file", dir);
    struct listen_socket s;
    struct err e = { "" };

    (void)state;
    fclose(fopen(where + 5, "w"));
    assert_int_equal(listen_open(where, true, &s, &e), -EEXIST);
    assert_int_equal(unlink(where + 5), 0);
    free(where);
    where = xasprintf("unix:%s/%0120d", dir, 1);
    assert_int_equal(listen_open(where, true, &s, &e), -ENAMETOOLONG);
    free(where);
}

static void a_socket_that_listens_already_is_taken_as_it_is(void **state)
{
    struct listen_socket first, second;
    struct err e = { "" };

    (void)state;
    assert_int_equal(listen_open("127.0.0.1:0", true, &first, &e), 0);
    char *where = xasprintf("fd:%d", dup(first.fd));
    assert_int_equal(listen_open(where, true, &second, &e), 0);
    assert_string_equal(second.url, first.url);
    listen_close(&second);
    listen_close(&first);
    assert_int_equal(listen_open(where, true, &second, &e), -EINVAL);
    assert_non_null(strstr(e.text, "is no socket that listens"));
    free(where);
}

static void a_unix_socket_of_somebody_else_stays(void **state)
{
    struct listen_socket first, second;
    struct err e = { "" };
    char *path = xasprintf("unix:%s/s", dir), *where;

    (void)state;
    assert_int_equal(listen_open(path, true, &first, &e), 0);
    where = xasprintf("fd:%d", dup(first.fd));
    assert_int_equal(listen_open(where, true, &second, &e), 0);
    assert_string_equal(second.path, path + 5);
    listen_close(&second);
    assert_int_equal(access(path + 5, F_OK), 0);
    listen_close(&first);
    free(where);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_becomes_a_url),
        cmocka_unit_test(a_taken_port_gives_way_or_is_an_error),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(a_socket_that_listens_already_is_taken_as_it_is),
        cmocka_unit_test_setup_teardown(a_unix_socket_of_somebody_else_stays, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_unix_socket_is_its_owners_alone, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_file_in_the_way_stays, make_dir, remove_dir),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
