/* SPDX-License-Identifier: MIT */
/* A house that was killed, and the next one of the same identity. */
#include "tests/unit/backend/rig.h"
#include "backend/job/job_record.h"
#include "backend/job/recover.h"

static char *local(void)
{
    return xasprintf("kind = \"local\"\nworkdir = \"%s/work\"\n", rig.dir);
}

/* The house is gone at once, as when its daemon was killed. */
static void crash(void)
{
    for (size_t i = 0; i < rig.h->cfg->n_models; i++)
        model_cancel_all(rig.h->models[i], (uid_t)-1);
    while (rig.n_prompts > 0)
        exchange_unref(&rig.prompts[--rig.n_prompts]->x);
    house_destroy(rig.h);
    rig.h = NULL;
}

static void open_local(const char *mount, const char *model)
{
    char *cluster = local();

    rig_open_with(mount, cluster, model);
    free(cluster);
}

static size_t records(void)
{
    struct job_record *v;
    size_t n = job_records_load(rig.h->jobs_dir, the_cluster()->prefix, &v);

    job_records_free(v, n);
    return n;
}

/* A record of the house that was opened last, as if another daemon of it had left it. */
static void leave_record(const char *name, const char *model, const char *cluster, char *id, bool ending)
{
    struct job_record r = {
        .unique_name = xasprintf("%s%s", the_cluster()->prefix, name),
        .model = (char *)model,
        .cluster = (char *)cluster,
        .workdir = "/nowhere/at-all",
        .script = "",
        .id = id,
        .submitted = wall_now().tv_sec,
        .ending = ending,
    };
    struct err e = { "" };

    memset(r.secret, 'a', 64);
    if (job_record_write(rig.h->jobs_dir, &r, &e) < 0)
        fail_msg("%s", e.text);
    free(r.unique_name);
}

static void there_is_a_record_from_before_the_submission_until_the_end(void **state)
{
    (void)state;
    rig_open("\"queue=0.2\", \"query-slow=0.2\"", "");
    struct prompt *p = ask("a");
    assert_int_equal(records(), 0);
    WAIT(inner(nth_job(1))->sent);
    assert_int_equal(records(), 1);
    expect_answer(p, "a");
    assert_int_equal(records(), 1);
    job_cancel(nth_job(1), "test");
    WAIT(job_is(1, JOB_ENDED));
    assert_int_equal(records(), 0);
}

static void a_refused_job_leaves_none(void **state)
{
    (void)state;
    rig_open("\"refuse=no\"", "");
    expect_end(ask("a"), EXCHANGE_FAILED, -ECONNREFUSED, "no");
    assert_int_equal(records(), 0);
}

static void nothing_is_submitted_where_it_cannot_be_stored(void **state)
{
    (void)state;
    rig_open("", "");
    char *path = xasprintf("%s/gone", rig.dir);
    assert_int_equal(rename(rig.h->jobs_dir, path), 0);
    struct prompt *p = ask("a");
    expect_end(p, EXCHANGE_FAILED, -ENOENT, "record");
    assert_false(inner(nth_job(1))->sent);
    assert_int_equal(rename(path, rig.h->jobs_dir), 0);
    free(path);
}

static void a_running_job_is_taken_up_and_answers(void **state)
{
    (void)state;
    open_local("", "");
    expect_answer(ask("a"), "a");
    char *id = xstrdup(nth_job(1)->id), *name = xstrdup(nth_job(1)->unique_name);
    crash();
    open_local("", "");
    WAIT(model_is(MODEL_READY));
    assert_int_equal(count_jobs(), 1);
    assert_string_equal(nth_job(1)->id, id);
    assert_string_equal(nth_job(1)->unique_name, name);
    assert_non_null(strstr(nth_job(1)->script, "***"));
    assert_int_equal(records(), 1);
    expect_answer(ask("b"), "b");
    assert_int_equal(count_jobs(), 1);
    free(id);
    free(name);
}

static void its_idle_clock_runs_from_then(void **state)
{
    (void)state;
    open_local("", "idle_timeout = \"1s\"");
    expect_answer(ask("a"), "a");
    crash();
    open_local("", "idle_timeout = \"1s\"");
    WAIT(model_is(MODEL_READY));
    WAIT(model_is(MODEL_ASLEEP));
    WAIT(records() == 0);
}

static void a_job_that_is_gone_is_told_and_its_model_sleeps(void **state)
{
    (void)state;
    rig_open("", "");
    leave_record("m-1", "m", "c", "7", false);
    crash();
    rig_open("", "");
    assert_true(job_is(1, JOB_PENDING));
    assert_true(model_is(MODEL_QUEUED));
    WAIT(model_is(MODEL_ASLEEP));
    expect_words(nth_job(1)->error, "does not know job");
    assert_int_equal(records(), 0);
}

static void who_asks_for_one_that_is_gone_gets_another(void **state)
{
    (void)state;
    rig_open("", "");
    leave_record("m-1", "m", "c", NULL, false);
    crash();
    rig_open("\"query-slow=0.3\"", "");
    assert_true(job_is(1, JOB_SUBMITTING));
    expect_answer(ask("a"), "a");
    assert_int_equal(count_jobs(), 2);
    expect_words(nth_job(1)->error, "left no trace");
    assert_null(nth_job(1)->id);
}

static void one_that_was_being_ended_is_not_taken_up(void **state)
{
    (void)state;
    open_local("", "");
    expect_answer(ask("a"), "a");
    char *id = xstrdup(nth_job(1)->id);
    job_cancel(nth_job(1), "test");
    crash();
    open_local("", "");
    assert_true(model_is(MODEL_ASLEEP));
    WAIT(job_is(1, JOB_ENDED));
    assert_string_equal(nth_job(1)->id, id);
    assert_true(model_is(MODEL_ASLEEP));
    assert_int_equal(records(), 0);
    free(id);
}

static void jobs_of_models_that_are_no_more_are_cancelled(void **state)
{
    (void)state;
    open_local("", "[model.other]\nengine = \"parrot\"\n");
    struct prompt *p = question("a", 1000);
    struct err e = { "" };
    assert_int_equal(model_submit(house_model(rig.h, "other"), &p->x, &e), 0);
    expect_answer(p, "a");
    pid_t pid = (pid_t)atoi(nth_job(1)->id);
    crash();
    open_local("", "");
    assert_int_equal(count_jobs(), 0);
    WAIT(records() == 0);
    assert_false(recover_waits(the_cluster()));
    /* It is our child all the same, whom nobody has asked how it ended. */
    int status;
    WAIT(waitpid(pid, &status, WNOHANG) == pid || errno == ECHILD);
}

static void a_record_of_a_cluster_that_is_no_more_stays(void **state)
{
    (void)state;
    rig_open("", "");
    leave_record("m-1", "m", "elsewhere", "7", false);
    crash();
    rig_open("", "");
    assert_int_equal(count_jobs(), 0);
    HOLDS(300, records() == 1);
}

static void of_two_jobs_of_one_model_one_is_taken_up(void **state)
{
    (void)state;
    open_local("", "");
    expect_answer(ask("a"), "a");
    leave_record("m-late", "m", "c", NULL, false);
    char *id = xstrdup(nth_job(1)->id);
    crash();
    open_local("", "");
    WAIT(model_is(MODEL_READY));
    assert_string_equal(model_job(the_model())->id, id);
    WAIT(records() == 1);
    free(id);
}

static void a_job_that_is_left_lives_and_is_taken_up(void **state)
{
    (void)state;
    open_local("on_unmount = \"leave\"", "idle_timeout = \"20m\"");
    expect_answer(ask("a"), "a");
    char *id = xstrdup(nth_job(1)->id), text[64] = "";
    char *lease = xasprintf("%s/lease", nth_job(1)->workdir);
    rig_close();
    FILE *f = fopen(lease, "r");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof text, f));
    fclose(f);
    expect_words(text, " lease=1200\n");
    open_local("", "");
    WAIT(model_is(MODEL_READY));
    assert_string_equal(nth_job(1)->id, id);
    expect_answer(ask("b"), "b");
    free(lease);
    free(id);
}

static const struct CMUnitTest tests[] = {
    SENTENCE(there_is_a_record_from_before_the_submission_until_the_end),
    SENTENCE(a_refused_job_leaves_none),
    SENTENCE(nothing_is_submitted_where_it_cannot_be_stored),
    SENTENCE(a_running_job_is_taken_up_and_answers),
    SENTENCE(its_idle_clock_runs_from_then),
    SENTENCE(a_job_that_is_gone_is_told_and_its_model_sleeps),
    SENTENCE(who_asks_for_one_that_is_gone_gets_another),
    SENTENCE(one_that_was_being_ended_is_not_taken_up),
    SENTENCE(jobs_of_models_that_are_no_more_are_cancelled),
    SENTENCE(a_record_of_a_cluster_that_is_no_more_stays),
    SENTENCE(of_two_jobs_of_one_model_one_is_taken_up),
    SENTENCE(a_job_that_is_left_lives_and_is_taken_up),
};

RIG_MAIN(tests)
