/* SPDX-License-Identifier: MIT */
#include "backend/base/private_file.h"
#include "backend/base/alloc.h"
#include "tests/unit/own_dir.h"

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

static char *path;

static int begin(void **state)
{
    int rc = own_dir_begin(state);

    path = xasprintf("%s/f", dir);
    return rc;
}

static int finish(void **state)
{
    free(path);
    return own_dir_finish(state);
}

static void what_is_written_is_read(void **state)
{
    struct buf out = { 0 };
    struct stat st;

    (void)state;
    assert_int_equal(private_file_write(path, "one", 3, NULL), 0);
    assert_int_equal(private_file_write(path, "a\0b", 3, NULL), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(private_file_read(path, 3, &out, NULL), 0);
    assert_int_equal(out.len, 3);
    assert_memory_equal(out.data, "a\0b", 3);
    buf_free(&out);
}

static void what_may_be_known_to_others_is_refused(void **state)
{
    struct buf out = { 0 };
    struct err e = { "" };

    (void)state;
    assert_int_equal(private_file_read(path, 9, &out, &e), -ENOENT);
    assert_non_null(strstr(e.text, path));
    assert_int_equal(private_file_write(path, "one", 3, NULL), 0);
    assert_int_equal(private_file_read(path, 2, &out, &e), -EFBIG);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(private_file_read(path, 9, &out, &e), -EACCES);
    assert_non_null(strstr(e.text, "chmod 600"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(private_file_read(path, 9, &out, &e), -EACCES);
    assert_int_equal(private_file_read(dir, 9, &out, &e), -EACCES);
    assert_int_equal(out.len, 0);
}

static void what_cannot_be_written_leaves_nothing(void **state)
{
    char *inside = xasprintf("%s/none/f", dir);
    struct err e = { "" };

    (void)state;
    assert_int_equal(private_file_write(inside, "one", 3, &e), -ENOENT);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(private_file_write(path, "one", 3, &e), -EISDIR);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(dir), 0); /* it is empty */
    assert_int_equal(mkdir(dir, 0700), 0);
    free(inside);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read, begin, finish),
        cmocka_unit_test_setup_teardown(what_may_be_known_to_others_is_refused, begin, finish),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_leaves_nothing, begin, finish),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
