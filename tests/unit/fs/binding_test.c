/* SPDX-License-Identifier: MIT */
/* Whose answer a reader gets: a row for each shape of ancestry, told as pids and sessions. The same shapes
 * stand as real processes in tests/system/ancestry.t. */
#include "fs/binding.h"

#include <fcntl.h>
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

/* "30/10 20/10 1/1": pid/session from the process up to init; "30/10#7" has start time 7 (else the pid
 * serves). */
static struct ancestry chain(const char *text)
{
    struct ancestry a = { 0 };
    int pid, sid, used;

    while (sscanf(text, " %d/%d%n", &pid, &sid, &used) == 2) {
        unsigned start = (unsigned)pid;
        text += used;
        if (*text == '#' && sscanf(text, "#%u%n", &start, &used) == 1)
            text += used;
        a.chain[a.n++] = (struct ancestor){ .pid = pid, .sid = sid, .start = start };
    }
    return a;
}

struct row {
    const char *what, *asker, *reader;
    size_t depth;
};

static const struct row rows[] = {
    { "a builtin echo and a cat below the same shell", "20/20 1/1", "30/20 20/20 1/1", 2 },
    { "two commands of one shell", "29/20 20/20 1/1", "30/20 20/20 1/1", 2 },
    { "a subshell asks, its shell's child reads", "29/20 20/20 1/1", "31/20 30/20 20/20 1/1", 2 },
    { "a process that asks and reads itself", "30/20 20/20 1/1", "30/20 20/20 1/1", 3 },
    { "a script that its shell started, read by the shell", "40/20 30/20 20/20 1/1", "31/20 20/20 1/1", 2 },
    { "xargs -P: two workers meet at xargs, which is further than their own", "41/20 40/20 35/20 20/20 1/1",
      "51/20 50/20 35/20 20/20 1/1", 3 },
    { "two terminals of one emulator", "21/21 15/15 1/1", "22/22 15/15 1/1", 0 },
    { "two services of one init", "21/21 1/1", "22/22 1/1", 0 },
    { "two `ssh host` commands below one sshd", "21/21 12/12 1/1", "23/23 12/12 1/1", 0 },
    { "setsid for each command of a script", "31/31 20/20 1/1", "32/32 20/20 1/1", 0 },
    { "a second session that its parent's session reads", "31/31 20/20 1/1", "32/20 20/20 1/1", 2 },
    { "a daemonised reader below init", "29/20 20/20 1/1", "50/50 1/1", 0 },
    { "a daemonised reader that kept its session", "29/20 20/20 1/1", "50/20 1/1", 0 },
    { "a shell that is init itself (a container)", "1/1", "30/1 1/1", 1 },
    { "an ancestor that cannot be read ends the chain (hidepid)", "29/20 20/20", "30/20 20/20", 1 },
    { "nothing but the unreadable in common", "29/20 20/20", "40/40", 0 },
    { "a caller that cannot be seen", "", "30/20 20/20 1/1", 0 },
    { "a reader that cannot be seen", "30/20 20/20 1/1", "", 0 },
    { "the pid of the asker's shell was used again", "29/20 20/20#5 1/1#1", "30/20 20/20#9 1/1#1", 0 },
    { "below an init without a session: two commands of one script", "29/0 20/0 1/0", "30/0 20/0 1/0", 2 },
    { "below an init without a session: two scripts", "29/0 20/0 1/0", "40/0 39/0 1/0", 0 },
    { "below an init without a session: a daemonised reader", "29/20 20/20 1/0", "50/50 1/0", 0 },
    { "below an init without a session: a daemonised reader of no session", "29/0 20/0 1/0", "50/0 1/0", 0 },
    { "below an init without a session: a second session that its parent's session reads", "31/31 20/0 1/0",
      "32/0 20/0 1/0", 2 },
    { "below an init without a session: two terminals of one emulator", "21/21 15/0 1/0", "22/22 15/0 1/0",
      0 },
    { "init without a session reads what a second session asked", "31/31 1/0", "1/0", 1 },
    { "init without a session asks itself", "1/0", "30/0 1/0", 1 },
};

static void test_every_shape_of_ancestry_binds_as_the_contract_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ancestry asker = chain(rows[i].asker), reader = chain(rows[i].reader);
        size_t got = binding_depth(&asker, &reader);
        if (got != rows[i].depth)
            fail_msg("%s: depth %zu, expected %zu", rows[i].what, got, rows[i].depth);
    }
}

static void test_the_nearer_asker_wins(void **state)
{
    (void)state;
    struct ancestry reader = chain("41/20 40/20 30/20 20/20 1/1");
    struct ancestry near = chain("42/20 40/20 30/20 20/20 1/1"), far = chain("50/20 20/20 1/1");
    assert_true(binding_depth(&near, &reader) > binding_depth(&far, &reader));
}

static void test_an_ancestor_is_known_by_pid_and_start_time(void **state)
{
    (void)state;
    struct ancestry a = chain("30/20 20/20 1/1");
    assert_true(ancestry_has(&a, &(struct ancestor){ .pid = 20, .sid = 20, .start = 20 }));
    assert_false(ancestry_has(&a, &(struct ancestor){ .pid = 20, .sid = 20, .start = 21 }));
}

static void test_our_own_chain_begins_with_this_process(void **state)
{
    (void)state;
    struct ancestry a;
    ancestry_read(getpid(), &a);
    assert_true(a.n >= 1);
    assert_int_equal(a.chain[0].pid, getpid());
    assert_int_equal(a.chain[0].sid, getsid(0));
    if (a.n >= 2)
        assert_int_equal(a.chain[1].pid, getppid());
}

/* In a child, which can begin a session. What was read of it just before must not count. */
static void test_a_new_session_of_the_caller_counts_at_once(void **state)
{
    (void)state;
    struct ancestry a;
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        ancestry_read(getpid(), &a);
        pid_t before = a.chain[0].sid;
        setsid();
        ancestry_read(getpid(), &a);
        _exit(before != getpid() && a.chain[0].sid == getpid() ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_what_cannot_be_seen_has_no_chain(void **state)
{
    (void)state;
    struct ancestry a;
    ancestry_read(0, &a);
    assert_int_equal(a.n, 0);
    ancestry_read(0x3ffffffe, &a); /* above pid_max */
    assert_int_equal(a.n, 0);
}

static void test_a_file_held_for_writing_is_found_by_its_inode(void **state)
{
    (void)state;
    char path[] = "/tmp/binding-test.XXXXXX";
    int fd = mkstemp(path);
    struct stat st;
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_true(process_holds_for_writing(getpid(), st.st_ino, 0));
    assert_false(process_holds_for_writing(getpid(), st.st_ino + 1, 0));
    close(fd);
    fd = open(path, O_RDONLY);
    assert_false(process_holds_for_writing(getpid(), st.st_ino, 0));
    close(fd);
    unlink(path);
}

static void test_a_chain_is_written_and_read_back(void **state)
{
    static const char *const none[] = { "", "x", "1/2", "1/2/", "/1/1/1 " };
    struct ancestry own, back;
    struct buf text = { 0 };

    (void)state;
    ancestry_read(getpid(), &own);
    binding_write(&own, &text);
    binding_read(buf_str(&text), &back);
    assert_int_equal(back.n, own.n);
    for (size_t i = 0; i < own.n; i++) {
        assert_int_equal(back.chain[i].pid, own.chain[i].pid);
        assert_int_equal(back.chain[i].sid, own.chain[i].sid);
        assert_int_equal(back.chain[i].start, own.chain[i].start);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        binding_read(none[i], &back);
        assert_int_equal(back.n, 0);
    }
    buf_reset(&text);
    for (int i = 0; i < 2 * ANCESTRY_MAX; i++)
        buf_adds(&text, "1/1/1 ");
    binding_read(buf_str(&text), &back);
    assert_int_equal(back.n, ANCESTRY_MAX);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_shape_of_ancestry_binds_as_the_contract_says),
        cmocka_unit_test(test_the_nearer_asker_wins),
        cmocka_unit_test(test_an_ancestor_is_known_by_pid_and_start_time),
        cmocka_unit_test(test_our_own_chain_begins_with_this_process),
        cmocka_unit_test(test_a_new_session_of_the_caller_counts_at_once),
        cmocka_unit_test(test_what_cannot_be_seen_has_no_chain),
        cmocka_unit_test(test_a_chain_is_written_and_read_back),
        cmocka_unit_test(test_a_file_held_for_writing_is_found_by_its_inode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
