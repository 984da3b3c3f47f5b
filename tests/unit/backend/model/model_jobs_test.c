/* SPDX-License-Identifier: MIT */
/* A model with several jobs: begun together, kept apart, replaced, let go. */
#include "tests/unit/backend/rig.h"
#include "backend/model/model_private.h"

static int count(enum job_state s)
{
    int n = 0;

    list_for_each(j, &rig.h->jobs, struct job, link) n += j->state == s;
    return n;
}

static bool none_is_held(void)
{
    return !model_holds_any(the_model());
}

static void a_question_begins_as_many_jobs_as_replicas_says(void **state)
{
    (void)state;
    rig_open("", "replicas = 3");
    expect_answer(ask("a"), "a");
    WAIT(count(JOB_HEALTHY) == 3);
    HOLDS(300, count_jobs() == 3);
    assert_ptr_equal(model_job(the_model()), nth_job(1));
    json_t *s = model_status(the_model());
    assert_int_equal(json_array_size(json_object_get(s, "jobs")), 3);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(json_object_get(s, "jobs"), 0), "id")), "1");
    json_decref(s);
}

static void it_is_ready_when_the_first_is_healthy(void **state)
{
    (void)state;
    rig_open("\"nodes=n1,n2\", \"start=never@1\"", "replicas = 2");
    expect_answer(ask("a"), "a");
    assert_true(model_is(MODEL_READY));
    assert_true(job_is(1, JOB_RUNNING));
    assert_ptr_equal(model_job(the_model()), nth_job(2));
}

static void each_gets_a_node_of_its_own(void **state)
{
    (void)state;
    rig_open("\"nodes=n1,n2,n3\", \"queue=0.2\"", "replicas = 3");
    model_wake(the_model());
    WAIT(count(JOB_HEALTHY) == 3);
    assert_string_equal(nth_job(1)->nodes, "n1");
    assert_string_equal(nth_job(2)->exclude, "n1");
    assert_string_equal(nth_job(2)->nodes, "n2");
    assert_string_equal(nth_job(3)->nodes, "n3");
}

static void where_there_is_one_node_the_wish_is_dropped_after_a_refusal(void **state)
{
    (void)state;
    rig_open("\"nodes=n1\"", "replicas = 3");
    model_wake(the_model());
    WAIT(count(JOB_HEALTHY) == 3);
    assert_int_equal(count_jobs(), 3);
    assert_true(the_model()->same_node);
    assert_string_equal(nth_job(3)->exclude, ""); /* it was not asked again */
}

static void a_refusal_for_another_reason_is_one_with_and_without_the_wish(void **state)
{
    (void)state;
    rig_open("\"nodes=n1,n2\", \"refuse=no@2\", \"refuse=no@3\"", "replicas = 2");
    model_wake(the_model());
    WAIT(job_is(2, JOB_ENDED));
    expect_words(nth_job(2)->error, "no");
    assert_false(the_model()->same_node);
    WAIT(count(JOB_HEALTHY) == 2);
    assert_int_equal(count_jobs(), 3);
}

static void a_job_that_waits_for_a_node_that_is_not_there_is_begun_again_without_the_wish(void **state)
{
    (void)state;
    rig_open("\"nodes=n1\", \"wait-for-node\"", "replicas = 2");
    model_wake(the_model());
    WAIT(count(JOB_HEALTHY) == 2);
    assert_int_equal(count_jobs(), 3);
    assert_string_equal(nth_job(2)->exclude, "n1");
    assert_true(nth_job(2)->let_go);
}

static void one_that_is_lost_is_replaced_while_the_others_answer(void **state)
{
    (void)state;
    rig_open("\"preempt=1.5@1\"", "replicas = 2");
    expect_answer(ask("a"), "a");
    WAIT(count(JOB_HEALTHY) == 2);
    pass(1500);
    job_suspect(nth_job(1), "the calm interval is too long for a test");
    WAIT(job_is(1, JOB_ENDED));
    assert_true(model_is(MODEL_READY));
    WAIT(job_is(3, JOB_HEALTHY));
    expect_answer(ask("b"), "b");
    assert_true(model_is(MODEL_READY));
    assert_null(the_model()->last_error);
}

static void those_that_fail_again_and_again_are_begun_ever_later(void **state)
{
    struct model *m;
    uint64_t last = 0, ms;

    (void)state;
    rig_open("\"queue=never\"", "");
    m = the_model();
    model_wake(m);
    for (int i = 0; i < 30; i++) {
        model_job_ended(m, nth_job(1));
        ms = m->may_begin_ms - mono_ms();
        if (i == 0)
            assert_true(m->may_begin_ms <= mono_ms());
        else
            assert_true(ms + 100 >= last && ms <= 5 * 60 * 1000);
        last = i == 0 ? 0 : ms;
    }
    assert_true(last > 4 * 60 * 1000);
    nth_job(1)->counted = false;
}

static void questions_of_a_lost_engine_go_to_another_one_at_once(void **state)
{
    struct prompt *p[8];
    char text[8][8];

    (void)state;
    rig_open("\"parrot=--fail die-before-first-byte@2\"", "replicas = 2\nslots = 8");
    model_wake(the_model());
    WAIT(count(JOB_HEALTHY) == 2);
    for (int i = 0; i < 8; i++) {
        snprintf(text[i], sizeof text[i], "x%d", i);
        p[i] = ask(text[i]);
    }
    for (int i = 0; i < 8; i++) {
        expect_answer(p[i], text[i]);
        assert_true(p[i]->x.losses <= 1); /* the one that lost it was passed over */
    }
    assert_true(model_is(MODEL_READY));
}

static void fewer_jobs_let_the_surplus_finish_what_it_has(void **state)
{
    struct prompt *p[2];
    struct err e = { "" };

    (void)state;
    rig_open("\"parrot=--delay 1.5\"", "replicas = 2\nslots = 1\nmin = 1");
    model_wake(the_model());
    WAIT(count(JOB_HEALTHY) == 2);
    p[0] = ask("a");
    p[1] = ask("b");
    WAIT(p[0]->x.state == EXCHANGE_SENT && p[1]->x.state == EXCHANGE_SENT);
    assert_int_equal(model_set_replicas(the_model(), 1, &e), 0);
    WAIT(nth_job(1)->retiring || nth_job(2)->retiring);
    assert_int_equal(count(JOB_HEALTHY), 2);
    expect_answer(p[0], "a");
    expect_answer(p[1], "b");
    WAIT(count(JOB_ENDED) == 1);
    HOLDS(300, count(JOB_HEALTHY) == 1 && count_jobs() == 2);
    assert_true(model_is(MODEL_READY));
}

static void surplus_ends_when_the_model_sleeps_meanwhile(void **state)
{
    (void)state;
    rig_open("\"parrot=--delay 3\"", "replicas = 2\nslots = 1");
    model_wake(the_model());
    WAIT(count(JOB_HEALTHY) == 2);
    struct prompt *p = ask("a");
    WAIT(nth_job(1)->n_active == 1);
    nth_job(1)->retiring = true;
    job_cancel(nth_job(2), "by hand");
    expect_answer(p, "a");
    WAIT(job_is(1, JOB_ENDED) && job_is(2, JOB_ENDED));
    assert_string_equal(p->x.job_name, "c.1");
}

static void a_number_of_jobs_that_cannot_be_had_is_refused_with_the_limit(void **state)
{
    struct err e = { "" };

    (void)state;
    rig_open("", "min = 2\nmax = 3");
    assert_int_equal(model_set_replicas(the_model(), 0, &e), -EINVAL);
    assert_int_equal(model_set_replicas(the_model(), 99, &e), -EINVAL);
    expect_words(e.text, "max_jobs");
    assert_int_equal(model_set_replicas(the_model(), 1, &e), -EINVAL);
    expect_words(e.text, "min");
}

static void a_number_of_jobs_wakes_and_is_remembered(void **state)
{
    struct err e = { "" };

    (void)state;
    rig_open("", "");
    assert_int_equal(model_set_replicas(the_model(), 3, &e), 0);
    WAIT(count(JOB_HEALTHY) == 3);
    model_stop(the_model(), "enough");
    WAIT(model_is(MODEL_ASLEEP) && none_is_held());
    model_wake(the_model());
    WAIT(count(JOB_HEALTHY) == 3);
}

static void stop_ends_all_of_them_and_what_they_have(void **state)
{
    (void)state;
    rig_open("\"parrot=--delay 20\"", "replicas = 3\nslots = 1");
    model_wake(the_model());
    WAIT(count(JOB_HEALTHY) == 3);
    struct prompt *p[3] = { ask("a"), ask("b"), ask("c") };
    WAIT(p[2]->x.state == EXCHANGE_SENT);
    model_stop(the_model(), "enough");
    for (int i = 0; i < 3; i++)
        expect_end(p[i], EXCHANGE_CANCELLED, -ECANCELED, "enough");
    WAIT(model_is(MODEL_ASLEEP));
    assert_int_equal(count(JOB_ENDED), 3);
    assert_int_equal(count_jobs(), 3);
}

static void one_that_a_person_cancels_beside_others_costs_no_question(void **state)
{
    (void)state;
    rig_open("\"parrot=--delay 1\"", "replicas = 2\nslots = 1");
    model_wake(the_model());
    WAIT(count(JOB_HEALTHY) == 2);
    struct prompt *a = ask("a"), *b = ask("b"), *c = ask("c");
    WAIT(a->x.state == EXCHANGE_SENT && b->x.state == EXCHANGE_SENT);
    job_cancel(nth_job(1), "by hand");
    expect_answer(a, "a");
    expect_answer(b, "b");
    expect_answer(c, "c");
    assert_true(model_is(MODEL_READY));
    WAIT(job_is(3, JOB_HEALTHY));
}

static void one_that_does_not_get_ready_beside_others_is_replaced(void **state)
{
    (void)state;
    rig_open("\"start=never@2\"", "replicas = 2\nready_timeout = 1");
    model_wake(the_model());
    WAIT(job_is(1, JOB_HEALTHY));
    WAIT(job_is(2, JOB_ENDED));
    expect_words(nth_job(2)->error, "ready_timeout");
    assert_true(model_is(MODEL_READY));
    WAIT(job_is(3, JOB_HEALTHY));
}

static void min_is_up_without_a_question_and_outlasts_idle_time(void **state)
{
    struct err e = { "" };

    (void)state;
    rig_open("", "min = 1\nmax = 3\nidle_timeout = 6");
    WAIT(model_is(MODEL_READY));
    assert_int_equal(model_set_replicas(the_model(), 3, &e), 0);
    WAIT(count(JOB_HEALTHY) == 3);
    WAIT(count(JOB_ENDED) == 2);
    HOLDS(1500, model_is(MODEL_READY) && count_jobs() == 3);
    job_cancel(model_job(the_model()), "by hand");
    WAIT(count(JOB_ENDED) == 3);
    WAIT(model_is(MODEL_READY));
    model_stop(the_model(), "enough");
    WAIT(model_is(MODEL_ASLEEP));
    HOLDS(500, model_is(MODEL_ASLEEP));
    expect_answer(ask("a"), "a");
}

static void min_tries_again_after_a_refusal(void **state)
{
    (void)state;
    rig_open("\"refuse=no@1\", \"refuse=no@2\", \"refuse=no@3\"", "min = 1");
    WAIT(model_is(MODEL_FAILED));
    WAIT(model_is(MODEL_READY));
    assert_int_equal(count_jobs(), 4);
}

static struct job *job_of_an_earlier_mount(void)
{
    struct job *j = job_create(the_cluster(), the_model());

    j->model = NULL;
    return j;
}

static void an_adopted_job_is_one_of_its_jobs_and_no_other_is_begun(void **state)
{
    (void)state;
    rig_open("", "replicas = 3");
    model_adopt(the_model(), job_of_an_earlier_mount());
    assert_true(model_is(MODEL_QUEUED));
    WAIT(model_is(MODEL_READY));
    HOLDS(300, count_jobs() == 1);
    expect_answer(ask("a"), "a");
    assert_int_equal(count_jobs(), 1);
}

static void adopted_jobs_count_for_min(void **state)
{
    (void)state;
    rig_open("", "min = 2");
    model_adopt(the_model(), job_of_an_earlier_mount());
    WAIT(count(JOB_HEALTHY) == 2);
    HOLDS(300, count_jobs() == 2);
}

static int count_of(const struct model *m)
{
    int n = 0;

    list_for_each(j, &rig.h->jobs, struct job, link) n += j->model == m && job_live(j);
    return n;
}

static void names_that_begin_alike_are_counted_apart(void **state)
{
    (void)state;
    rig_open("", "min = 2\n[model.m-2]\nengine = \"parrot\"\nmin = 1");
    WAIT(count(JOB_HEALTHY) == 3);
    HOLDS(500, count_of(rig.h->models[0]) == 2 && count_of(rig.h->models[1]) == 1);
    model_set_replicas(rig.h->models[1], 2, &(struct err){ "" });
    WAIT(count(JOB_HEALTHY) == 4);
    HOLDS(500, count_of(rig.h->models[0]) == 2 && count_of(rig.h->models[1]) == 2);
}

/* Neither missing nor to be made once more. */
static void one_that_does_not_run_just_now_is_there(void **state)
{
    static const char *const words[] = { "\"suspend=0.5:60\"", "\"queue=never\"" };
    static const enum sched_state states[] = { SCHED_SUSPENDED, SCHED_PENDING };

    for (size_t i = 0; i < 2; i++) {
        rig_open(words[i], "min = 1");
        WAIT(nth_job(1) && nth_job(1)->id);
        pass(1000);
        nth_job(1)->missing = 1; /* the calm interval is too long for a test */
        cluster_look(the_cluster());
        WAIT(nth_job(1)->sched == states[i]);
        HOLDS(1000, count_jobs() == 1);
        rig_teardown(state);
        rig_setup(state);
    }
}

static void a_wake_may_have_a_time_limit_of_its_own(void **state)
{
    (void)state;
    rig_open("", "");
    model_wake_for(the_model(), 600);
    WAIT(model_is(MODEL_READY));
    assert_int_equal(nth_job(1)->time_s, 600);
    model_stop(the_model(), "enough");
    WAIT(model_is(MODEL_ASLEEP));
    model_wake(the_model());
    WAIT(model_is(MODEL_READY));
    assert_int_equal(nth_job(2)->time_s, 0);
}

static const struct CMUnitTest tests[] = {
    SENTENCE(a_question_begins_as_many_jobs_as_replicas_says),
    SENTENCE(it_is_ready_when_the_first_is_healthy),
    SENTENCE(each_gets_a_node_of_its_own),
    SENTENCE(where_there_is_one_node_the_wish_is_dropped_after_a_refusal),
    SENTENCE(a_refusal_for_another_reason_is_one_with_and_without_the_wish),
    SENTENCE(surplus_ends_when_the_model_sleeps_meanwhile),
    SENTENCE(a_job_that_waits_for_a_node_that_is_not_there_is_begun_again_without_the_wish),
    SENTENCE(one_that_is_lost_is_replaced_while_the_others_answer),
    SENTENCE(those_that_fail_again_and_again_are_begun_ever_later),
    SENTENCE(questions_of_a_lost_engine_go_to_another_one_at_once),
    SENTENCE(fewer_jobs_let_the_surplus_finish_what_it_has),
    SENTENCE(a_number_of_jobs_that_cannot_be_had_is_refused_with_the_limit),
    SENTENCE(a_number_of_jobs_wakes_and_is_remembered),
    SENTENCE(stop_ends_all_of_them_and_what_they_have),
    SENTENCE(one_that_a_person_cancels_beside_others_costs_no_question),
    SENTENCE(one_that_does_not_get_ready_beside_others_is_replaced),
    SENTENCE(min_is_up_without_a_question_and_outlasts_idle_time),
    SENTENCE(min_tries_again_after_a_refusal),
    SENTENCE(an_adopted_job_is_one_of_its_jobs_and_no_other_is_begun),
    SENTENCE(adopted_jobs_count_for_min),
    SENTENCE(names_that_begin_alike_are_counted_apart),
    SENTENCE(one_that_does_not_run_just_now_is_there),
    SENTENCE(a_wake_may_have_a_time_limit_of_its_own),
};

RIG_MAIN(tests)
