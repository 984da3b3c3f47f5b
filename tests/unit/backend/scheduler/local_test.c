/* SPDX-License-Identifier: MIT */
#include "rig.h"

/* Jobs are found in /proc by their names: another run of this test, at the same time or before, has others. */
static char prefix[24];

static const char *named(const char *rest)
{
    static char name[64];

    snprintf(name, sizeof(name), "%s%s", prefix, rest);
    return name;
}

static const char *wait_file(const char *name)
{
    uint64_t end = mono_ms() + 10000;

    while (strchr(rig_read(name), '\n') == NULL) {
        assert_true(mono_ms() < end);
        turn(20);
    }
    return rig_read(name);
}

static void make_local(void)
{
    struct err e = { "" };

    snprintf(prefix, sizeof(prefix), "sfs-%08x-", (unsigned)getpid());
    rig.prefix = prefix;
    assert_int_equal(rig_create("local", NULL, "", &e), 0);
}

static void a_job_runs_at_once_and_its_id_is_the_pid_of_its_shell(void **state)
{
    char expected[128];

    (void)state;
    make_local();
    assert_int_equal(
        rig_submit(named("m-1"),
                   "#!/bin/bash\necho $$ $SLURM_JOB_ID $SLURM_JOB_NAME > id\nread -t 30 < <(sleep 30)\n"),
        0);
    struct seen *j = rig_job(rig.id);
    assert_non_null(j);
    assert_string_equal(j->word, "RUNNING");
    assert_int_equal(j->state, SCHED_RUNNING);
    assert_string_equal(j->name, named("m-1"));
    assert_string_equal(j->nodes, "localhost");
    assert_int_equal(j->exit_status, -1);
    snprintf(expected, sizeof(expected), "%s %s %s\n", rig.id, rig.id, named("m-1"));
    assert_string_equal(wait_file("id"), expected);
    rig_cancel(rig.id);
    wait_word(rig.jobs[0].id, "CANCELLED");
}

static void the_node_in_the_script_is_in_the_node_list(void **state)
{
    char node[256];

    (void)state;
    make_local();
    assert_int_equal(
        rig_submit(named("m-1"), "#!/bin/bash\necho \"${SLURMD_NODENAME:-$(hostname)}\" > node\n"), 0);
    snprintf(node, sizeof(node), "%s", wait_file("node"));
    node[strcspn(node, "\n")] = '\0';
    assert_true(nodelist_contains(rig_job(rig.id)->nodes, node));
}

static void exit_statuses_become_states(void **state)
{
    char good[24], bad[24];

    (void)state;
    make_local();
    assert_int_equal(rig_submit(named("a"), "#!/bin/bash\nexit 0\n"), 0);
    strcpy(good, rig.id);
    assert_int_equal(rig_submit(named("b"), "#!/bin/bash\necho first >&2\necho 'no room left' >&2\nexit 3\n"),
                     0);
    strcpy(bad, rig.id);
    assert_int_equal(wait_word(good, "COMPLETED")->state, SCHED_ENDED);
    struct seen *j = wait_word(bad, "FAILED");
    assert_int_equal(j->state, SCHED_FAILED);
    assert_int_equal(j->exit_status, 3);
    assert_string_equal(j->reason, "no room left");
}

static void a_shell_ended_by_a_signal_counts_as_128_and_more(void **state)
{
    (void)state;
    make_local();
    assert_int_equal(rig_submit(named("a"), "#!/bin/bash\nkill -KILL $$\n"), 0);
    assert_int_equal(wait_word(rig.id, "FAILED")->exit_status, 128 + SIGKILL);
}

static void line_numbers_in_the_script_are_its_own(void **state)
{
    (void)state;
    make_local();
    assert_int_equal(rig_submit(named("a"), "#!/bin/bash\n\necho $LINENO > line\n"), 0);
    assert_string_equal(wait_file("line"), "3\n");
}

static void the_script_is_not_on_disk_nor_in_its_children(void **state)
{
    (void)state;
    make_local();
    assert_int_equal(rig_submit(named("a"),
                                "#!/bin/bash\n"
                                "echo $(ls -A | wc -l) $(bash -c '[ -e /dev/fd/3 ] && echo open') > seen\n"),
                     0);
    assert_string_equal(wait_file("seen"), "0\n");
}

static void a_script_beyond_a_pipe_is_whole(void **state)
{
    struct {
        char text[400000];
    } *big = xcalloc(1, sizeof(*big));
    size_t n = (size_t)sprintf(big->text, "#!/bin/bash\n");

    (void)state;
    while (n < 390000)
        n += (size_t)sprintf(big->text + n, ": %060d\n", 7);
    sprintf(big->text + n, "echo whole > end\n");
    make_local();
    assert_int_equal(rig_submit(named("a"), big->text), 0);
    free(big);
    assert_string_equal(wait_file("end"), "whole\n");
}

static void cancel_sends_term_to_the_shell_alone(void **state)
{
    (void)state;
    make_local();
    assert_int_equal(
        rig_submit(named("a"), "#!/bin/bash\n"
                               "trap 'echo shell > shell; kill -USR1 $c; wait $c; exit 0' TERM\n"
                               "(trap 'echo child > child; exit' TERM; trap 'echo asked > asked; exit' USR1\n"
                               " : > child-up; while :; do sleep 0.05; done) & c=$!\n"
                               "until [ -e child-up ]; do sleep 0.05; done\n"
                               "echo up > up; wait\n"),
        0);
    wait_file("up");
    char id[24];
    strcpy(id, rig.id);
    assert_int_equal(rig_cancel(id), 0);
    assert_int_equal(wait_word(id, "CANCELLED")->state, SCHED_ENDED);
    assert_string_equal(rig_read("shell"), "shell\n");
    assert_string_equal(rig_read("asked"), "asked\n");
    assert_string_equal(rig_read("child"), "");
    assert_int_equal(rig_cancel(id), 0); /* again does no harm */
}

static void what_the_shell_leaves_is_killed_with_the_job(void **state)
{
    (void)state;
    make_local();
    assert_int_equal(rig_submit(named("a"), "#!/bin/bash\nset -m\nsleep 1000 & echo $! > pid\nexit 0\n"), 0);
    wait_word(rig.id, "COMPLETED");
    pid_t pid = (pid_t)atoi(wait_file("pid"));
    assert_true(pid > 1);
    for (int i = 0; kill(pid, 0) == 0 && !is_zombie(pid); i++) {
        assert_true(i < 3000);
        turn(20);
    }
}

static void a_shell_that_ignores_term_is_killed_after_a_while(void **state)
{
    (void)state;
    make_local();
    assert_int_equal(
        rig_submit(named("a"), "#!/bin/bash\ntrap '' TERM\necho up > up\nwhile :; do sleep 0.1; done\n"), 0);
    wait_file("up");
    char id[24];
    strcpy(id, rig.id);
    uint64_t begin = mono_ms();
    assert_int_equal(rig_cancel(id), 0);
    assert_string_equal(rig_job(id)->word, "COMPLETING");
    assert_int_equal(rig_job(id)->state, SCHED_ENDING);
    wait_word(id, "CANCELLED");
    assert_true(mono_ms() - begin >= 4900);
}

static void an_unknown_id_is_enoent(void **state)
{
    (void)state;
    make_local();
    assert_int_equal(rig_cancel("1"), -ENOENT);
    assert_non_null(strstr(rig.err, "no job 1"));
}

static void jobs_outlive_the_scheduler(void **state)
{
    (void)state;
    make_local();
    assert_int_equal(rig_submit(named("a"), "#!/bin/bash\necho up > up\nexec sleep 1000\n"), 0);
    wait_file("up");
    pid_t pid = (pid_t)atoi(rig.id);
    rig_destroy();
    turn(50);
    assert_int_equal(kill(pid, 0), 0);
    kill(pid, SIGKILL);
}

/* What the next daemon sees of them. */
static void running_jobs_are_found_by_the_next_scheduler(void **state)
{
    char id[24];

    (void)state;
    make_local();
    /* Its children bear its name too, also those that lead a session; another mount's job does not count. */
    assert_int_equal(rig_submit(named("a"), "#!/bin/bash\nsetsid sleep 20 &\necho up > up\nsleep 1000\n"), 0);
    strcpy(id, rig.id);
    assert_int_equal(rig_submit("sfs-other000-b", "#!/bin/bash\necho up > up2\nexec sleep 1000\n"), 0);
    pid_t other = (pid_t)atoi(rig.id);
    wait_file("up");
    wait_file("up2");
    rig_destroy();
    make_local();
    struct seen *j = rig_job(id);
    assert_int_equal(rig.n, 1);
    assert_non_null(j);
    assert_string_equal(j->word, "RUNNING");
    assert_string_equal(j->name, named("a"));
    assert_true(j->elapsed_s >= 0 && j->elapsed_s < 100);
    assert_int_equal(rig_cancel(id), 0);
    wait_word(id, "CANCELLED");
    kill(other, SIGKILL);
}

static void one_that_ends_behind_our_back_is_seen_to_be_over(void **state)
{
    char id[24];

    (void)state;
    make_local();
    assert_int_equal(rig_submit(named("a"), "#!/bin/bash\necho up > up\nexec sleep 1000\n"), 0);
    strcpy(id, rig.id);
    wait_file("up");
    rig_destroy();
    make_local();
    kill((pid_t)atoi(id), SIGKILL);
    struct seen *j = wait_word(id, "FAILED");
    assert_non_null(strstr(j->reason, "not known"));
    assert_int_equal(j->exit_status, -1);
    rig_destroy();
    make_local();
    assert_null(rig_job(id));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(a_job_runs_at_once_and_its_id_is_the_pid_of_its_shell),
        T(the_node_in_the_script_is_in_the_node_list),
        T(exit_statuses_become_states),
        T(a_shell_ended_by_a_signal_counts_as_128_and_more),
        T(line_numbers_in_the_script_are_its_own),
        T(the_script_is_not_on_disk_nor_in_its_children),
        T(a_script_beyond_a_pipe_is_whole),
        T(cancel_sends_term_to_the_shell_alone),
        T(what_the_shell_leaves_is_killed_with_the_job),
        T(a_shell_that_ignores_term_is_killed_after_a_while),
        T(an_unknown_id_is_enoent),
        T(jobs_outlive_the_scheduler),
        T(running_jobs_are_found_by_the_next_scheduler),
        T(one_that_ends_behind_our_back_is_seen_to_be_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
