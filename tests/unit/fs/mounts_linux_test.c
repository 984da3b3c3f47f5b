/* SPDX-License-Identifier: MIT */
#include "fs/mounts_linux.h"

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

static void a_mount_is_found_by_path_and_by_number(void **state)
{
    int id = mounts_find("/proc");

    (void)state;
    if (!id)
        skip(); /* no /proc is mounted here, and so there is no table */
    assert_true(mounts_has(id));
    assert_int_equal(mounts_find("/proc/"), 0); /* as the table writes it, or not at all */
    assert_int_equal(mounts_find("/pro"), 0);
    assert_int_equal(mounts_find("/nothing/is/here"), 0);
    assert_false(mounts_has(INT32_MAX));
}

/* A PATH with a fusermount3 of ours; where the machine has one of its own, that one is found too. */
static void fusermount_is_looked_for_in_path(void **state)
{
    char dir[] = "/tmp/slullamafs-mounts-XXXXXX", program[64], path[128];

    (void)state;
    setenv("PATH", "/nonexistent", 1);
    bool usual = fusermount_exists();
    assert_non_null(mkdtemp(dir));
    snprintf(program, sizeof program, "%s/fusermount3", dir);
    snprintf(path, sizeof path, "/nonexistent::%s:relative", dir);
    setenv("PATH", path, 1);
    assert_int_equal(fusermount_exists(), usual);
    FILE *f = fopen(program, "w");
    assert_non_null(f);
    fclose(f);
    chmod(program, 0700);
    assert_true(fusermount_exists());
    unlink(program);
    unsetenv("PATH");
    assert_int_equal(fusermount_exists(), usual);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mount_is_found_by_path_and_by_number),
        cmocka_unit_test(fusermount_is_looked_for_in_path),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
