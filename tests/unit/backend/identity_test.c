/* SPDX-License-Identifier: MIT */
/* Who a mount is to the cluster: a number that stays, and one daemon alone that has it. */
#include "backend/identity.h"
#include "tests/unit/own_dir.h"

#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static const char *path_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void load(char out[IDENTITY_LEN + 1])
{
    struct err e = { "" };

    if (identity_load(dir, out, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(strlen(out), IDENTITY_LEN);
    for (int i = 0; i < IDENTITY_LEN; i++)
        assert_true(isxdigit((unsigned char)out[i]));
}

static void write_file(const char *text)
{
    FILE *f = fopen(path_of("identity"), "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void an_identity_is_made_once_and_read_from_then_on(void **state)
{
    char first[IDENTITY_LEN + 1], second[IDENTITY_LEN + 1];

    (void)state;
    load(first);
    load(second);
    assert_string_equal(first, second);
}

static void two_places_have_different_identities(void **state)
{
    char first[IDENTITY_LEN + 1], second[IDENTITY_LEN + 1];

    (void)state;
    load(first);
    unlink(path_of("identity"));
    load(second);
    assert_string_not_equal(first, second);
}

static void its_file_is_for_its_owner_alone_and_nothing_else_is_left(void **state)
{
    char id[IDENTITY_LEN + 1];
    struct stat st;

    (void)state;
    umask(0);
    load(id);
    umask(022);
    assert_int_equal(stat(path_of("identity"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, IDENTITY_LEN);
    assert_int_equal(access(path_of("identity.new"), F_OK), -1);
}

static void half_a_file_or_one_of_garbage_is_made_anew(void **state)
{
    char id[IDENTITY_LEN + 1], again[IDENTITY_LEN + 1];

    (void)state;
    write_file("0123");
    load(id);
    write_file("this is no identity but long enough");
    load(id);
    load(again);
    assert_string_equal(id, again);
}

static void a_file_that_cannot_be_read_is_an_error_and_is_kept(void **state)
{
    char id[IDENTITY_LEN + 1];
    struct err e = { "" };

    (void)state;
    assert_int_equal(mkdir(path_of("identity"), 0700), 0);
    assert_true(identity_load(dir, id, &e) < 0);
    assert_non_null(strstr(e.text, "identity"));
    assert_int_equal(rmdir(path_of("identity")), 0);
}

static void a_link_in_its_place_is_not_followed(void **state)
{
    char id[IDENTITY_LEN + 1];
    struct err e = { "" };

    (void)state;
    assert_int_equal(symlink("elsewhere", path_of("identity")), 0);
    if (identity_load(dir, id, &e) < 0)
        assert_non_null(strstr(e.text, "identity"));
    assert_int_equal(access(path_of("elsewhere"), F_OK), -1);
}

static void a_directory_that_takes_no_file_is_an_error_with_a_sentence(void **state)
{
    char id[IDENTITY_LEN + 1];
    struct err e = { "" };

    (void)state;
    assert_true(identity_load("/proc/self", id, &e) < 0);
    assert_non_null(strstr(e.text, "/proc/self/identity"));
}

static void the_folder_tells_configurations_and_mount_points_apart(void **state)
{
    char a[17], b[17], c[17], d[17];

    (void)state;
    identity_folder("/etc/a.toml", "/mnt/llm", a);
    identity_folder("/etc/a.toml", "/mnt/other", b);
    identity_folder("/etc/b.toml", "/mnt/llm", c);
    identity_folder("/etc/a.toml", "/mnt/llm", d);
    assert_int_equal(strlen(a), 16);
    assert_string_equal(a, d);
    assert_string_not_equal(a, b);
    assert_string_not_equal(a, c);
    /* The border between the two counts. */
    identity_folder("/etc/a", "b", a);
    identity_folder("/etc/ab", "", b);
    assert_string_not_equal(a, b);
}

static void the_lock_is_had_by_one_daemon_at_a_time(void **state)
{
    struct err e = { "" };

    (void)state;
    int fd = identity_lock(dir, &e);
    assert_true(fd >= 0);
    assert_int_equal(identity_lock(dir, &e), -EBUSY);
    assert_non_null(strstr(e.text, "another daemon"));
    close(fd);
    fd = identity_lock(dir, &e);
    assert_true(fd >= 0);
    close(fd);
}

static void a_daemon_that_was_killed_leaves_no_lock(void **state)
{
    struct err e = { "" };

    (void)state;
    pid_t pid = fork();
    if (pid == 0)
        _exit(identity_lock(dir, NULL) < 0); /* its descriptor goes with the process */
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    int fd = identity_lock(dir, &e);
    assert_true(fd >= 0);
    close(fd);
}

static void a_lock_that_cannot_be_opened_is_an_error_with_a_sentence(void **state)
{
    struct err e = { "" };

    (void)state;
    assert_true(identity_lock(path_of("missing"), &e) < 0);
    assert_non_null(strstr(e.text, "missing/lock"));
    assert_int_equal(symlink("elsewhere", path_of("lock")), 0);
    assert_true(identity_lock(dir, &e) < 0);
    assert_int_equal(access(path_of("elsewhere"), F_OK), -1);
}

#define SENTENCE(test) cmocka_unit_test_setup_teardown(test, own_dir_begin, own_dir_finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SENTENCE(an_identity_is_made_once_and_read_from_then_on),
        SENTENCE(two_places_have_different_identities),
        SENTENCE(its_file_is_for_its_owner_alone_and_nothing_else_is_left),
        SENTENCE(half_a_file_or_one_of_garbage_is_made_anew),
        SENTENCE(a_file_that_cannot_be_read_is_an_error_and_is_kept),
        SENTENCE(a_link_in_its_place_is_not_followed),
        SENTENCE(a_directory_that_takes_no_file_is_an_error_with_a_sentence),
        SENTENCE(the_folder_tells_configurations_and_mount_points_apart),
        SENTENCE(the_lock_is_had_by_one_daemon_at_a_time),
        SENTENCE(a_daemon_that_was_killed_leaves_no_lock),
        SENTENCE(a_lock_that_cannot_be_opened_is_an_error_with_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
