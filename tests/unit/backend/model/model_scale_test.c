/* SPDX-License-Identifier: MIT */
/* How many jobs: more when questions wait for slots, fewer when those would have been enough. */
#include "tests/unit/backend/rig.h"
#include "backend/model/model_private.h"

static int healthy_jobs(void)
{
    int n = 0;

    list_for_each(j, &rig.h->jobs, struct job, link) n += j->state == JOB_HEALTHY && !j->retiring;
    return n;
}

static void questions_that_wait_for_slots_bring_more_jobs_up_to_max(void **state)
{
    struct prompt *p[6];

    (void)state;
    rig_open("\"parrot=--delay 12\"", "slots = 1\nmax = 2");
    for (int i = 0; i < 6; i++)
        p[i] = ask("x");
    WAIT(healthy_jobs() == 1);
    HOLDS(3000, count_jobs() == 1); /* some seconds are no queue */
    WAIT(healthy_jobs() == 2);
    HOLDS(7000, count_jobs() == 2);
    for (int i = 0; i < 6; i++)
        exchange_cancel(&p[i]->x, "enough");
}

static void one_at_a_time_goes_while_fewer_are_enough(void **state)
{
    struct err e = { "" };
    uint64_t begin;

    (void)state;
    rig_open("", "min = 1\nmax = 3\nidle_timeout = 1");
    assert_int_equal(model_set_replicas(the_model(), 3, &e), 0);
    WAIT(healthy_jobs() == 3);
    begin = mono_ms();
    while (healthy_jobs() > 1) {
        expect_answer(ask("x"), "x");
        exchange_unref(&rig.prompts[--rig.n_prompts]->x);
        if (mono_ms() - begin > 60000)
            fail_msg("%d jobs are there still", healthy_jobs());
    }
    assert_true(model_is(MODEL_READY));
}

/* The rule alone, without time: how many it wants, from what was asked in the window. */
static void the_busiest_moment_of_the_window_counts(void **state)
{
    struct model *m;

    (void)state;
    rig_open("", "min = 1\nmax = 4\nslots = 2\nidle_timeout = 600");
    m = the_model();
    WAIT(model_is(MODEL_READY));
    m->target = 3;
    model_scale(m);
    assert_true(m->window_since > 0);
    m->most_asked = 5; /* more than two jobs have slots for */
    m->window_since -= 600 * 1000;
    model_scale(m);
    assert_int_equal(m->target, 3);
    m->most_asked = 4;
    m->window_since -= 600 * 1000;
    model_scale(m);
    assert_int_equal(m->target, 2);
    m->window_since -= 600 * 1000;
    model_scale(m);
    assert_int_equal(m->target, 1);
    m->window_since = 1;
    model_scale(m);
    assert_int_equal(m->target, 1);
}

static void replicas_without_min_and_max_stay_while_it_is_awake(void **state)
{
    (void)state;
    rig_open("", "replicas = 2\nidle_timeout = 600");
    model_wake(the_model());
    WAIT(healthy_jobs() == 2);
    model_scale(the_model());
    assert_int_equal(the_model()->window_since, 0);
}

static const struct CMUnitTest tests[] = {
    SENTENCE(questions_that_wait_for_slots_bring_more_jobs_up_to_max),
    SENTENCE(one_at_a_time_goes_while_fewer_are_enough),
    SENTENCE(the_busiest_moment_of_the_window_counts),
    SENTENCE(replicas_without_min_and_max_stay_while_it_is_awake),
};

RIG_MAIN(tests)
