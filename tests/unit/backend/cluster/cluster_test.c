/* SPDX-License-Identifier: MIT */
/* When a cluster is asked about its jobs, and what its answers do. */
#include "tests/unit/backend/rig.h"

#include <sys/stat.h>

static unsigned queries(void)
{
    return the_cluster()->queries;
}

static void nothing_is_asked_before_there_is_a_job(void **state)
{
    (void)state;
    rig_open("", "");
    cluster_look(the_cluster());
    HOLDS(400, queries() == 0);
}

static void a_ready_model_costs_no_queries_while_nothing_happens(void **state)
{
    (void)state;
    rig_open("", "");
    expect_answer(ask("a"), "a");
    WAIT(model_is(MODEL_READY));
    pass(200); /* what was asked before it was ready is answered */
    unsigned before = queries();
    HOLDS(1500, queries() == before);
    expect_answer(ask("b"), "b");
    assert_int_equal(queries(), before);
}

/* The loop of a house with one ready job hardly wakes: at most once a second by itself. */
static void a_ready_model_lets_the_loop_sleep(void **state)
{
    int turns = 0;

    (void)state;
    rig_open("", "");
    expect_answer(ask("a"), "a");
    pass(500);
    uint64_t end = mono_ms() + 2000;
    timer_start_ms(rig.tick, 2000);
    while (mono_ms() < end) {
        uv_run(&rig.loop, UV_RUN_ONCE);
        turns++;
    }
    if (turns > 4)
        fail_msg("%d turns in 2 s", turns);
}

static void no_query_is_made_while_one_is_under_way(void **state)
{
    (void)state;
    rig_open("\"query-slow=0.4\", \"queue=0.1\"", "");
    struct prompt *p = ask("a");
    uint64_t begin = mono_ms();
    expect_answer(p, "a");
    assert_true(queries() <= (mono_ms() - begin) / 400 + 1);
}

static void a_query_that_hangs_loses_nothing(void **state)
{
    (void)state;
    rig_open("\"query-hangs=0.8@2\", \"start=0.5\"", "");
    struct prompt *p = ask("a");
    expect_answer(p, "a");
    assert_int_equal(count_jobs(), 1);
    expect_words(the_cluster()->last_error, "did not answer");
}

static void failed_queries_come_later_and_later(void **state)
{
    (void)state;
    rig_open("\"query-fails=1000\"", "");
    model_wake(the_model());
    WAIT(queries() >= 4);
    unsigned before = queries();
    /* After n failures the next comes 2^n steps later. */
    HOLDS(500, queries() <= before + 1);
    assert_true(job_is(1, JOB_PENDING));
}

static void all_jobs_are_covered_by_one_query(void **state)
{
    (void)state;
    rig_open("\"queue=0.4\"", "[model.other]\nengine = \"parrot\"\n");
    model_wake(the_model());
    model_wake(house_model(rig.h, "other"));
    WAIT(model_is(MODEL_READY) && model_state(house_model(rig.h, "other")) == MODEL_READY);
    assert_int_equal(count_jobs(), 2);
    assert_true(queries() < 40);
}

static void submitted_cb(void *arg, int rc, const char *id, const char *err)
{
    (void)err;
    assert_int_equal(rc, 0);
    snprintf(arg, 16, "%s", id);
}

static char listed_word[32];

static void listed_cb(void *arg, int rc, const struct job_info *v, size_t n, const char *err)
{
    (void)err;
    assert_int_equal(rc, 0);
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i].id, arg) == 0)
            snprintf(listed_word, sizeof listed_word, "%s", v[i].word);
}

/* A late duplicate of a submission, or what a daemon of the same identity has left. */
static void a_job_with_our_name_that_is_nobodys_is_cancelled(void **state)
{
    struct scheduler *s;
    char id[16] = "";

    (void)state;
    rig_open("\"queue=never@1\"", "");
    s = the_cluster()->sched;
    char *name = xasprintf("%sm-stray", the_cluster()->prefix);
    struct job_spec spec = { .name = name, .script = "", .secret = "" };
    s->ops->submit(s, &spec, submitted_cb, id);
    WAIT(id[0]);
    free(name);
    struct prompt *p = ask("a");
    expect_answer(p, "a");
    assert_string_not_equal(nth_job(1)->id, id);
    WAIT(!model_is(MODEL_QUEUED));
    s->ops->query(s, listed_cb, id);
    WAIT(listed_word[0]);
    assert_string_equal(listed_word, "CANCELLED");
}

static void what_was_lost_and_came_all_the_same_is_cancelled(void **state)
{
    (void)state;
    /* The reply is lost, and two whole queries miss the job: it is submitted again, and both exist. */
    rig_open("\"lose-reply@1\", \"queue=0.2\"", "");
    struct prompt *p = ask("a");
    expect_answer(p, "a");
    assert_int_equal(count_jobs(), 1);
}

static void its_status_has_the_fields_of_the_contract(void **state)
{
    static const char fields[] = "cluster kind host state since reason transport tunnel queries last_error";

    (void)state;
    rig_open("", "");
    expect_fields(cluster_status(the_cluster()), fields);
    expect_answer(ask("a"), "a");
    json_t *s = cluster_status(the_cluster());
    assert_string_equal(json_string_value(json_object_get(s, "cluster")), "c");
    assert_string_equal(json_string_value(json_object_get(s, "kind")), "fake");
    assert_true(json_is_null(json_object_get(s, "host")));
    assert_string_equal(json_string_value(json_object_get(s, "transport")), "local");
    assert_int_equal(json_integer_value(json_object_get(s, "queries")), queries());
    json_decref(s);
    expect_fields(cluster_status(the_cluster()), fields);
}

static void states_have_the_names_of_the_contract(void **state)
{
    (void)state;
    assert_string_equal(cluster_state_name(CLUSTER_IDLE), "idle");
    assert_string_equal(cluster_state_name(CLUSTER_CONNECTING), "connecting");
    assert_string_equal(cluster_state_name(CLUSTER_UP), "up");
    assert_string_equal(cluster_state_name(CLUSTER_DOWN), "down");
}

static void a_scheduler_that_is_missing_is_a_refusal(void **state)
{
    char *path = xstrdup(getenv("PATH"));

    (void)state;
    setenv("PATH", "/nowhere", 1);
    rig_open_with("", "kind = \"slurm\"\n", "");
    struct prompt *p = ask("a");
    uint64_t end = mono_ms() + WAIT_MS;
    while (!ended(p) && mono_ms() < end)
        turn(50);
    setenv("PATH", path, 1);
    free(path);
    expect_end(p, EXCHANGE_FAILED, -ECONNREFUSED, "sbatch");
}

/* A cluster whose `ssh` says this and ends, and a question to it; the question is ended when this returns. */
static struct prompt *ask_through_ssh(const char *says)
{
    char *old = xstrdup(getenv("PATH")), *path = xasprintf("%s/ssh", rig.dir);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fprintf(f, "#!/bin/sh\necho '%s' >&2\nexit 255\n", says);
    fclose(f);
    chmod(path, 0700);
    free(path);
    path = xasprintf("%s:%s", rig.dir, old);
    setenv("PATH", path, 1);
    rig_open_with("", "kind = \"slurm\"\nhost = \"alvis2\"\n", "");
    struct prompt *p = ask("a");
    uint64_t end = mono_ms() + WAIT_MS;
    while (!ended(p) && mono_ms() < end)
        turn(50);
    setenv("PATH", old, 1);
    free(old);
    free(path);
    return p;
}

static void a_login_node_that_refuses_the_key_fails_the_question_with_the_way_out(void **state)
{
    (void)state;
    struct prompt *p = ask_through_ssh("me@alvis2: Permission denied (publickey).");
    expect_end(p, EXCHANGE_FAILED, -EKEYREJECTED, "Permission denied (publickey)");
    assert_true(model_is(MODEL_FAILED));
    assert_int_equal(the_cluster()->state, CLUSTER_DOWN);
    expect_words(the_cluster()->reason, "refuses the login");
    json_t *s = cluster_status(the_cluster());
    assert_string_equal(json_string_value(json_object_get(s, "state")), "down");
    assert_true(json_is_null(json_object_get(s, "tunnel"))); /* not known yet */
    expect_words(json_string_value(json_object_get(s, "last_error")), "refuses the login");
    json_decref(s);
}

static void an_unknown_host_fails_it_with_the_command_to_run_once(void **state)
{
    (void)state;
    struct prompt *p = ask_through_ssh("Host key verification failed.");
    expect_end(p, EXCHANGE_FAILED, -EKEYREJECTED, "ssh alvis2");
}

static void one_that_never_can_be_reached_fails_it_with_the_words_of_ssh(void **state)
{
    (void)state;
    struct prompt *p = ask_through_ssh("config: line 1: Bad configuration option: nonsense");
    expect_end(p, EXCHANGE_FAILED, -EHOSTUNREACH, "Bad configuration option");
    /* Nothing was submitted: its end needs no query. */
    assert_true(job_is(1, JOB_ENDED));
}

static void this_machine_is_up_from_the_start(void **state)
{
    (void)state;
    rig_open("", "");
    assert_int_equal(the_cluster()->state, CLUSTER_UP);
}

static const struct CMUnitTest tests[] = {
    SENTENCE(a_login_node_that_refuses_the_key_fails_the_question_with_the_way_out),
    SENTENCE(an_unknown_host_fails_it_with_the_command_to_run_once),
    SENTENCE(one_that_never_can_be_reached_fails_it_with_the_words_of_ssh),
    SENTENCE(this_machine_is_up_from_the_start),
    SENTENCE(nothing_is_asked_before_there_is_a_job),
    SENTENCE(a_ready_model_costs_no_queries_while_nothing_happens),
    SENTENCE(a_ready_model_lets_the_loop_sleep),
    SENTENCE(no_query_is_made_while_one_is_under_way),
    SENTENCE(a_query_that_hangs_loses_nothing),
    SENTENCE(failed_queries_come_later_and_later),
    SENTENCE(all_jobs_are_covered_by_one_query),
    SENTENCE(a_job_with_our_name_that_is_nobodys_is_cancelled),
    SENTENCE(what_was_lost_and_came_all_the_same_is_cancelled),
    SENTENCE(its_status_has_the_fields_of_the_contract),
    SENTENCE(states_have_the_names_of_the_contract),
    SENTENCE(a_scheduler_that_is_missing_is_a_refusal),
};

RIG_MAIN(tests)
