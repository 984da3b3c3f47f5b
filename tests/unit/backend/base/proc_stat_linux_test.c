/* SPDX-License-Identifier: MIT */
/* Lines of /proc/pid/stat, and the test's own process. The line is a capture (Linux 6.1) under another name. */
#include "backend/base/proc_stat_linux.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define BEHIND                                                                                               \
    " S 41 4242 43 34816 4242 4194304 101 0 0 0 0 0 0 0 20 0 1 0 987654 2617344 233 18446744073709551615 1"

static void a_name_may_hold_blanks_and_parentheses(void **state)
{
    static const char *const names[] = { "4242 (cat)" BEHIND, "4242 (a) R 1 2 3 (b)" BEHIND, "4242 ( ))" BEHIND };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct proc_stat st = { 0 };
        assert_int_equal(proc_stat_parse(names[i], &st), 0);
        assert_int_equal(st.state, 'S');
        assert_int_equal(st.parent, 41);
        assert_int_equal(st.session, 43);
        assert_int_equal(st.start, 987654);
    }
}

static void another_text_is_an_error(void **state)
{
    static const char *const odd[] = { "", "4242", "4242 (cat)", "4242 (cat) S 41 4242 43", "no parenthesis at all" };

    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct proc_stat st = { .parent = 7 };
        assert_int_equal(proc_stat_parse(odd[i], &st), -EIO);
        assert_int_equal(st.parent, 7);
    }
}

static void a_living_process_is_read_and_a_dead_one_seen(void **state)
{
    struct proc_stat st, again;
    siginfo_t info;

    (void)state;
    assert_int_equal(proc_stat_read(getpid(), &st), 0);
    assert_int_equal(st.state, 'R');
    assert_int_equal(st.parent, getppid());
    assert_int_equal(st.session, getsid(0));
    assert_true(st.start > 0);
    assert_int_equal(proc_stat_read(getpid(), &again), 0);
    assert_int_equal(again.start, st.start);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(proc_stat_read(child, &st), 0);
    assert_int_equal(st.state, 'Z');
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(proc_stat_read(child, &st), -ENOENT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_may_hold_blanks_and_parentheses),
        cmocka_unit_test(another_text_is_an_error),
        cmocka_unit_test(a_living_process_is_read_and_a_dead_one_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
