/* SPDX-License-Identifier: MIT */
/* Directories that are made or refused: what is right is used as it is, what is wrong is named in a sentence.
 */
#include "backend/base/private_dir.h"
#include "backend/base/alloc.h"
#include "tests/unit/own_dir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char *path_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void expect_made(const char *name)
{
    struct err e = { "" };
    struct stat st;

    if (private_dir_make(path_of(name), &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(stat(path_of(name), &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0700);
}

/* Refused with this errno, and a sentence that names the path and holds these words. */
static void expect_refused(const char *path, int rc, const char *words)
{
    struct err e = { "" };

    assert_int_equal(private_dir_make(path, &e), rc);
    if (!strstr(e.text, words) || (*path && !strstr(e.text, path[1] == 't' ? dir : path)))
        fail_msg("\"%s\" does not say \"%s\"", e.text, words);
}

static void a_directory_is_made_for_its_owner_alone(void **state)
{
    (void)state;
    umask(0);
    expect_made("a");
    umask(022);
}

static void one_that_is_right_is_taken_as_it_is(void **state)
{
    (void)state;
    expect_made("a");
    expect_made("a");
}

static void missing_parents_are_made_for_the_owner_alone(void **state)
{
    struct stat st;

    (void)state;
    expect_made("a/b/c");
    assert_int_equal(stat(path_of("a/b"), &st), 0);
    assert_int_equal(st.st_mode & 077, 0);
}

static void parents_that_are_there_may_be_open(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path_of("open"), 0755), 0);
    expect_made("open/mine");
}

static void a_slash_at_the_end_changes_nothing(void **state)
{
    (void)state;
    expect_made("a/");
    expect_made("a//");
}

static void a_link_to_a_directory_is_refused_with_and_without_a_slash(void **state)
{
    (void)state;
    expect_made("real");
    assert_int_equal(symlink("real", path_of("link")), 0);
    expect_refused(path_of("link"), -ENOTDIR, "symbolic link");
    expect_refused(path_of("link/"), -ENOTDIR, "symbolic link");
}

static void a_dangling_link_is_refused_and_nothing_is_made_behind_it(void **state)
{
    (void)state;
    assert_int_equal(symlink("nowhere", path_of("link")), 0);
    expect_refused(path_of("link"), -ENOTDIR, "symbolic link");
    assert_int_equal(access(path_of("nowhere"), F_OK), -1);
}

static void a_file_is_refused(void **state)
{
    (void)state;
    fclose(fopen(path_of("file"), "w"));
    expect_refused(path_of("file"), -ENOTDIR, "not a directory");
    expect_refused(path_of("file/below"), -ENOTDIR, "file");
}

static void one_that_others_may_enter_is_refused_with_its_mode_and_the_way_out(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path_of("wide"), 0700), 0);
    chmod(path_of("wide"), 01777);
    expect_refused(path_of("wide"), -EACCES, "1777");
    expect_refused(path_of("wide"), -EACCES, "chmod 700");
    chmod(path_of("wide"), 0710);
    expect_refused(path_of("wide"), -EACCES, "0710");
}

static void one_of_another_user_is_refused(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path_of("theirs"), 0700), 0);
    if (chown(path_of("theirs"), 12345, (gid_t)-1) < 0)
        expect_refused("/proc/1", -EACCES, "belongs to user 0"); /* only root can make one */
    else
        expect_refused(path_of("theirs"), -EACCES, "12345");
}

/* Root may write to it all the same, so the look is that of a process that is not root. */
static void one_that_cannot_be_written_is_refused(void **state)
{
    int status;

    (void)state;
    if (geteuid() == 0)
        assert_int_equal(chown(dir, 12345, (gid_t)-1), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct err e = { "" }, below = { "" };
        if (geteuid() == 0 && setuid(12345) < 0)
            _exit(1);
        mkdir(path_of("fixed"), 0500);
        bool good = private_dir_make(path_of("fixed"), &e) == -EACCES &&
                    strstr(e.text, "cannot be written") &&
                    private_dir_make(path_of("fixed/below"), &below) == -EACCES &&
                    strstr(below.text, "cannot be made");
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void a_place_where_nothing_can_be_made_is_refused_with_its_errno(void **state)
{
    struct err e = { "" };

    (void)state;
    assert_true(private_dir_make("/proc/self/nothing/here", &e) < 0);
    assert_non_null(strstr(e.text, "/proc/self/nothing"));
}

static void an_empty_path_is_refused(void **state)
{
    (void)state;
    expect_refused("", -ENOENT, "cannot be made");
}

#define SENTENCE(test) cmocka_unit_test_setup_teardown(test, own_dir_begin, own_dir_finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SENTENCE(a_directory_is_made_for_its_owner_alone),
        SENTENCE(one_that_is_right_is_taken_as_it_is),
        SENTENCE(missing_parents_are_made_for_the_owner_alone),
        SENTENCE(parents_that_are_there_may_be_open),
        SENTENCE(a_slash_at_the_end_changes_nothing),
        SENTENCE(a_link_to_a_directory_is_refused_with_and_without_a_slash),
        SENTENCE(a_dangling_link_is_refused_and_nothing_is_made_behind_it),
        SENTENCE(a_file_is_refused),
        SENTENCE(one_that_others_may_enter_is_refused_with_its_mode_and_the_way_out),
        SENTENCE(one_of_another_user_is_refused),
        SENTENCE(one_that_cannot_be_written_is_refused),
        SENTENCE(a_place_where_nothing_can_be_made_is_refused_with_its_errno),
        SENTENCE(an_empty_path_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
