/* SPDX-License-Identifier: MIT */
#include "rig.h"
#include <sys/stat.h>
#include <sys/wait.h>

#define NAME "sfs-0badcafe-m-1"

/* A program that answers to `parrot --port 0` as the real one does, and writes down what it was started with.
 */
static const char stand_in[] = "#!/bin/sh\n"
                               "cd \"$(dirname \"$0\")\"\n"
                               "echo $$ > pid\n"
                               "echo \"$LLAMA_API_KEY $*\" > args\n"
                               "[ ! -e broken ] || { echo 'parrot: no such option'; exit 2; }\n"
                               "[ ! -e deaf ] || trap '' TERM\n"
                               "trap 'echo > ended; exit 0' TERM\n"
                               "echo warming up\n"
                               "echo listening http://127.0.0.1:40$(cat runs 2> /dev/null | wc -l)2\n"
                               "echo >> runs\n"
                               "while :; do sleep 0.05; done\n";

static char program[128];

static void make_fake(const char *a, const char *b, const char *c)
{
    struct err e = { "" };

    snprintf(program, sizeof(program), "%s/program", rig.dir);
    FILE *f = fopen(program, "w");
    assert_non_null(f);
    fputs(stand_in, f);
    fclose(f);
    chmod(program, 0700);
    rig.fake[0] = (char *)a;
    rig.fake[1] = (char *)b;
    rig.fake[2] = (char *)c;
    int rc = rig_create("fake", NULL, program, &e);
    if (rc != 0)
        fail_msg("%s", e.text);
}

static void submit(void)
{
    assert_int_equal(rig_submit(NAME, "#!/bin/bash\n"), 0);
}

static struct seen *wait_comment(const char *id, const char *comment)
{
    uint64_t end = mono_ms() + 10000;

    for (;;) {
        struct seen *j = rig_job(id);
        if (j && strcmp(j->comment, comment) == 0)
            return j;
        assert_true(mono_ms() < end);
        turn(20);
    }
}

static pid_t wait_pid(void)
{
    uint64_t end = mono_ms() + 10000;

    while (strchr(rig_read("pid"), '\n') == NULL) {
        assert_true(mono_ms() < end);
        turn(20);
    }
    return (pid_t)atoi(rig_read("pid"));
}

static void wait_gone(pid_t pid)
{
    uint64_t end = mono_ms() + 10000;

    while (kill(pid, 0) == 0 && !is_zombie(pid)) {
        assert_true(mono_ms() < end);
        turn(20);
    }
}

static void a_job_queues_for_the_time_it_was_told(void **state)
{
    (void)state;
    make_fake("queue=0.3", "reason=Resources", "engine=none");
    submit();
    struct seen *j = rig_job("1");
    assert_string_equal(j->word, "PENDING");
    assert_string_equal(j->reason, "Resources");
    assert_string_equal(j->nodes, "");
    assert_string_equal(j->name, NAME);
    assert_int_equal(j->queue_position, 1);
    assert_true(j->expected_start > 0);
    j = wait_word("1", "RUNNING");
    assert_string_equal(j->reason, "");
    assert_string_equal(j->nodes, "127.0.0.1");
    assert_int_equal(j->queue_position, 0);
    assert_string_equal(j->comment, "");
}

static void a_given_address_is_published_after_start(void **state)
{
    (void)state;
    make_fake("engine=10.0.0.7:8080", "start=0.2", NULL);
    submit();
    struct seen *j = wait_word("1", "RUNNING");
    assert_string_equal(j->comment, "");
    assert_string_equal(j->nodes, "10.0.0.7");
    wait_comment("1", "traefik,fake,http://10.0.0.7:8080");
}

static void a_parrot_gets_the_secret_and_its_options_and_its_address_is_published(void **state)
{
    (void)state;
    make_fake("parrot=--rate 10", "parrot=--load-time 2", NULL);
    submit();
    wait_comment("1", "traefik,fake,http://127.0.0.1:4002");
    assert_string_equal(rig_read("args"), "5ec2e7 parrot --port 0 --rate 10 --load-time 2\n");
}

static void cancelling_ends_the_parrot_in_order(void **state)
{
    (void)state;
    make_fake(NULL, NULL, NULL);
    submit();
    wait_comment("1", "traefik,fake,http://127.0.0.1:4002");
    pid_t pid = wait_pid();
    assert_int_equal(rig_cancel("1"), 0);
    assert_int_equal(rig_job("1")->state, SCHED_ENDING);
    assert_int_equal(wait_word("1", "CANCELLED")->state, SCHED_ENDED);
    assert_string_equal(rig_read("ended"), "\n");
    wait_gone(pid);
    assert_int_equal(rig_cancel("1"), 0);
    assert_int_equal(rig_cancel("2"), -ENOENT);
}

static void a_queued_job_is_cancelled_at_once(void **state)
{
    (void)state;
    make_fake("queue=never", NULL, NULL);
    submit();
    assert_int_equal(rig_job("1")->expected_start, 0);
    assert_int_equal(rig_cancel("1"), 0);
    assert_string_equal(rig_job("1")->word, "CANCELLED");
}

static void the_parrot_ends_with_the_scheduler(void **state)
{
    (void)state;
    make_fake(NULL, NULL, NULL);
    submit();
    wait_comment("1", "traefik,fake,http://127.0.0.1:4002");
    pid_t pid = wait_pid();
    rig_destroy();
    wait_gone(pid);
}

/* The daemon is played by a child of this test, which is killed. */
static void the_parrot_ends_with_a_daemon_that_is_killed(void **state)
{
    (void)state;
    pid_t daemon = fork();
    assert_true(daemon >= 0);
    if (daemon == 0) {
        uv_loop_fork(&rig.loop);
        make_fake(NULL, NULL, NULL);
        submit();
        for (;;)
            turn(1000);
    }
    pid_t pid = wait_pid();
    while (strchr(rig_read("runs"), '\n') == NULL)
        turn(20);
    assert_int_equal(kill(pid, 0), 0);
    kill(daemon, SIGKILL);
    waitpid(daemon, NULL, 0);
    wait_gone(pid);
}

static void a_parrot_that_exits_fails_the_job_with_its_last_line(void **state)
{
    char path[128];

    (void)state;
    make_fake(NULL, NULL, NULL);
    snprintf(path, sizeof(path), "%s/broken", rig.dir);
    fclose(fopen(path, "w"));
    submit();
    struct seen *j = wait_word("1", "FAILED");
    assert_int_equal(j->exit_status, 2);
    assert_string_equal(j->reason, "parrot: no such option");
}

static void a_program_that_is_missing_fails_the_job(void **state)
{
    struct err e = { "" };

    (void)state;
    assert_int_equal(rig_create("fake", NULL, "/nonexistent/program", &e), 0);
    submit();
    struct seen *j = wait_word("1", "FAILED");
    assert_int_equal(j->exit_status, 127);
}

static void ends_of_all_kinds_have_their_words(void **state)
{
    static const struct {
        const char *word, *state;
        enum sched_state sched;
    } ends[] = {
        { "fail=0.05", "FAILED", SCHED_FAILED },
        { "limit=0.05", "TIMEOUT", SCHED_FAILED },
        { "preempt=0.05", "PREEMPTED", SCHED_LOST },
        { "nodefail=0.05", "NODE_FAIL", SCHED_LOST },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        make_fake(ends[i].word, NULL, NULL);
        submit();
        assert_int_equal(wait_word("1", ends[i].state)->state, ends[i].sched);
        rig_destroy();
    }
}

static void the_limit_is_known_while_the_job_runs(void **state)
{
    (void)state;
    make_fake("limit=100", "engine=none", NULL);
    submit();
    struct seen *j = wait_word("1", "RUNNING");
    assert_true(j->left_s >= 60 && j->left_s <= 100);
}

static void the_limit_can_be_extended_or_not_as_told(void **state)
{
    (void)state;
    make_fake("limit=100", "engine=none", "refuse-extend=denied@2");
    submit();
    submit();
    wait_word("2", "RUNNING");
    assert_int_equal(rig_extend("1", 1000), 0);
    assert_true(rig_job("1")->left_s >= 1000);
    assert_int_equal(rig_extend("2", 1000), -EACCES);
    assert_string_equal(rig.err, "denied");
    assert_int_equal(rig_extend("3", 1000), -EINVAL);
}

static void jobs_have_nodes_and_keep_off_those_they_are_told(void **state)
{
    (void)state;
    make_fake("nodes=n1,n2", "engine=none", "wait-for-node@5");
    submit();
    assert_string_equal(wait_word("1", "RUNNING")->nodes, "n1");
    submit(); /* the other one is free */
    assert_string_equal(wait_word("2", "RUNNING")->nodes, "n2");
    rig.exclude = "n1";
    submit();
    assert_string_equal(wait_word("3", "RUNNING")->nodes, "n2");
    rig.exclude = "n[1-2]";
    assert_int_equal(rig_submit(NAME, "#!/bin/bash\n"), -ECONNREFUSED);
    submit();
    assert_string_equal(wait_word("5", "PENDING")->reason, "BadConstraints");
}

static void a_job_vanishes_queued_or_not(void **state)
{
    (void)state;
    make_fake("vanish=0.1", "queue=never@2", NULL);
    submit();
    submit();
    assert_non_null(rig_job("2"));
    assert_int_equal(rig.n, 2);
    while (rig.n > 0) {
        turn(20);
        assert_int_equal(rig_query(), 0);
    }
    assert_int_equal(rig_cancel("1"), -ENOENT);
}

static void a_requeued_job_runs_again_with_another_engine(void **state)
{
    (void)state;
    make_fake("requeue=0.5", "queue=0.3", NULL);
    submit();
    wait_comment("1", "traefik,fake,http://127.0.0.1:4002");
    pid_t pid = wait_pid();
    struct seen *j = wait_word("1", "PENDING");
    assert_string_equal(j->reason, "BeginTime");
    assert_string_equal(j->nodes, "");
    assert_string_equal(j->comment, "traefik,fake,http://127.0.0.1:4002");
    wait_gone(pid);
    wait_comment("1", "traefik,fake,http://127.0.0.1:4012");
    turn(700);
    assert_string_equal(rig_job("1")->word, "RUNNING"); /* once only */
}

static void a_suspended_job_comes_back(void **state)
{
    (void)state;
    make_fake("suspend=0.2:0.4", NULL, NULL);
    submit();
    wait_word("1", "RUNNING");
    assert_int_equal(wait_word("1", "SUSPENDED")->state, SCHED_SUSPENDED);
    wait_word("1", "RUNNING");
}

static void a_refusal_is_told_in_its_words(void **state)
{
    (void)state;
    make_fake("refuse=Invalid account or account/partition combination specified@1", "engine=none", NULL);
    assert_int_equal(rig_submit(NAME, ""), -ECONNREFUSED);
    assert_string_equal(rig.err, "Invalid account or account/partition combination specified");
    assert_int_equal(rig_submit(NAME, ""), 0);
    assert_string_equal(rig.id, "2");
    assert_null(rig_job("1"));
}

static void a_lost_reply_leaves_a_job_and_a_lost_command_none(void **state)
{
    (void)state;
    make_fake("lose-reply@1", "lose-command@2", "engine=none");
    assert_int_equal(rig_submit(NAME, ""), -ETIMEDOUT);
    assert_int_equal(rig_submit(NAME, ""), -ETIMEDOUT);
    assert_non_null(rig_job("1"));
    assert_int_equal(rig.n, 1);
    assert_string_equal(rig.jobs[0].name, NAME);
}

static void queries_fail_and_hang_as_told(void **state)
{
    (void)state;
    make_fake("query-fails=2", "query-hangs=0.2@4", "query-slow=0.2@5");
    assert_int_equal(rig_query(), -EIO);
    assert_int_equal(rig_query(), -EIO);
    assert_int_equal(rig_query(), 0);
    uint64_t begin = mono_ms();
    assert_int_equal(rig_query(), -ETIMEDOUT);
    assert_true(mono_ms() - begin >= 190);
    begin = mono_ms();
    assert_int_equal(rig_query(), 0);
    assert_true(mono_ms() - begin >= 190);
}

static void words_that_are_not_understood_are_quoted(void **state)
{
    static const char *const bad[] = { "queue",
                                       "queue=",
                                       "queue=x",
                                       "queue=-1",
                                       "quue=1",
                                       "engine=somewhere",
                                       "engine=h:0",
                                       "suspend=1",
                                       "query-fails=x",
                                       "query-hangs=never",
                                       "lose-reply=1",
                                       "fail=x@7",
                                       "" };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err e = { "" };
        rig.fake[0] = (char *)bad[i];
        rig.fake[1] = NULL;
        assert_int_equal(rig_create("fake", NULL, "x", &e), -EINVAL);
        assert_non_null(strstr(e.text, bad[i]));
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(a_job_queues_for_the_time_it_was_told),
        T(a_given_address_is_published_after_start),
        T(a_parrot_gets_the_secret_and_its_options_and_its_address_is_published),
        T(cancelling_ends_the_parrot_in_order),
        T(a_queued_job_is_cancelled_at_once),
        T(the_parrot_ends_with_the_scheduler),
        T(the_parrot_ends_with_a_daemon_that_is_killed),
        T(a_parrot_that_exits_fails_the_job_with_its_last_line),
        T(a_program_that_is_missing_fails_the_job),
        T(ends_of_all_kinds_have_their_words),
        T(the_limit_is_known_while_the_job_runs),
        T(jobs_have_nodes_and_keep_off_those_they_are_told),
        T(the_limit_can_be_extended_or_not_as_told),
        T(a_job_vanishes_queued_or_not),
        T(a_requeued_job_runs_again_with_another_engine),
        T(a_suspended_job_comes_back),
        T(a_refusal_is_told_in_its_words),
        T(a_lost_reply_leaves_a_job_and_a_lost_command_none),
        T(queries_fail_and_hang_as_told),
        T(words_that_are_not_understood_are_quoted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
