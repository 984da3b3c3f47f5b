/* SPDX-License-Identifier: MIT */
#include "fs/exit_status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

static void each_says_one_line_and_is_its_number(void **state)
{
    char text[128];
    int pipes[2], err = dup(STDERR_FILENO);

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    dup2(pipes[1], STDERR_FILENO);
    int failed = status_failed("no %s at %d", "mount", 7), usage = status_usage("100%%");
    dup2(err, STDERR_FILENO);
    ssize_t n = read(pipes[0], text, sizeof text - 1);
    assert_true(n > 0);
    text[n] = '\0';
    assert_string_equal(text, "slullamafs: no mount at 7\nslullamafs: 100%\n");
    assert_int_equal(failed, STATUS_FAILED);
    assert_int_equal(usage, STATUS_USAGE);
    close(pipes[0]), close(pipes[1]), close(err);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_says_one_line_and_is_its_number) };

    return cmocka_run_group_tests_name("exit_status", tests, NULL, NULL);
}
