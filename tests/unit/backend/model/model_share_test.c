/* SPDX-License-Identifier: MIT */
/* Models of one share: one set of jobs, each its own questions. */
#include "tests/unit/backend/rig.h"
#include "backend/job/job_ask.h"
#include "backend/model/model_private.h"

static void open_shared(const char *words, const char *model, const char *other)
{
    char *lines = xasprintf("share = \"s\"\n%s\n[model.n]\nshare = \"s\"\n%s\n", model, other);

    rig_open(words, lines);
    free(lines);
}

static struct model *other(void)
{
    return rig.h->models[1];
}

static struct prompt *ask_other(const char *text, uid_t uid)
{
    struct prompt *p = question(text, uid);
    struct err e = { "" };

    if (model_submit(other(), &p->x, &e) < 0)
        fail_msg("%s", e.text);
    return p;
}

static json_int_t counted(const struct model *m, const char *what)
{
    json_t *s = model_status(m);
    json_int_t n = json_integer_value(json_object_get(json_object_get(s, "requests"), what));

    json_decref(s);
    return n;
}

static void two_that_are_asked_wake_one_job(void **state)
{
    (void)state;
    open_shared("", "", "");
    struct prompt *a = ask("one"), *b = ask_other("two", 1000), *c = ask_other("three", 1000);
    expect_answer(a, "one");
    expect_answer(b, "two");
    expect_answer(c, "three");
    assert_int_equal(count_jobs(), 1);
    assert_int_equal(model_state(other()), MODEL_READY);
    assert_ptr_equal(model_job(other()), nth_job(1));
    assert_true(model_has_job(other(), nth_job(1)) && model_lets_in(other(), nth_job(1)));
    assert_int_equal(counted(the_model(), "done"), 1);
    assert_int_equal(counted(other(), "done"), 2);
    json_t *names = job_models(nth_job(1));
    assert_int_equal(json_array_size(names), 2);
    assert_string_equal(json_string_value(json_array_get(names, 1)), "n");
    json_decref(names);
}

static void the_other_alone_wakes_it_too(void **state)
{
    (void)state;
    open_shared("", "", "");
    expect_answer(ask_other("two", 1000), "two");
    assert_int_equal(counted(the_model(), "done"), 0);
    assert_true(model_is(MODEL_READY));
}

static void each_queue_has_its_own_limit(void **state)
{
    struct err e = { "" };

    (void)state;
    open_shared("\"queue=never\"", "", "max_queue = 1");
    ask_other("a", 1000);
    assert_int_equal(model_may_ask(other(), &e), -EBUSY);
    expect_words(e.text, "n: 1 questions wait already");
    assert_int_equal(model_may_ask(the_model(), &e), 0);
    ask("b");
    assert_int_equal(counted(the_model(), "waiting"), 1);
    assert_int_equal(counted(other(), "waiting"), 1);
}

static void cancelling_all_of_one_leaves_the_other(void **state)
{
    (void)state;
    open_shared("\"queue=never\"", "", "");
    struct prompt *a = ask("a"), *b = ask_other("b", 1000);
    assert_int_equal(model_cancel_all(other(), 1000), 1);
    expect_end(b, EXCHANGE_CANCELLED, -ECANCELED, "cancel all");
    assert_false(ended(a));
    assert_int_equal(counted(the_model(), "waiting"), 1);
}

static void a_stop_of_one_ends_the_job_of_all(void **state)
{
    (void)state;
    open_shared("\"queue=never\"", "", "");
    struct prompt *a = ask("a"), *b = ask_other("b", 1000);
    WAIT(job_is(1, JOB_PENDING));
    model_stop(other(), "the model was stopped");
    expect_end(a, EXCHANGE_CANCELLED, -ECANCELED, "stopped");
    expect_end(b, EXCHANGE_CANCELLED, -ECANCELED, "stopped");
    WAIT(model_is(MODEL_ASLEEP) && model_state(other()) == MODEL_ASLEEP);
    WAIT(job_is(1, JOB_ENDED));
}

static void the_use_of_one_keeps_it_awake_for_all(void **state)
{
    (void)state;
    open_shared("\"parrot=--delay 0.2\"", "idle_timeout = 3", "");
    expect_answer(ask("a"), "a");
    uint64_t end = mono_ms() + 4000;
    while (mono_ms() < end) {
        struct prompt *p = ask_other("b", 1000);
        expect_answer(p, "b");
    }
    assert_int_equal(count_jobs(), 1);
    WAIT(model_is(MODEL_ASLEEP));
    assert_int_equal(model_state(other()), MODEL_ASLEEP);
}

static void replicas_are_those_of_the_share(void **state)
{
    struct err e = { "" };

    (void)state;
    open_shared("", "", "replicas = 2");
    model_wake(other());
    WAIT(job_is(1, JOB_HEALTHY) && job_is(2, JOB_HEALTHY));
    assert_int_equal(model_set_replicas(other(), 1, &e), 0);
    WAIT(job_is(1, JOB_ENDED) || job_is(2, JOB_ENDED));
    assert_true(model_is(MODEL_READY));
    assert_int_equal(count_jobs(), 2);
}

static void a_lost_question_comes_back_to_its_own_model(void **state)
{
    (void)state;
    open_shared("\"parrot=--delay 3\"", "slots = 1", "");
    struct prompt *a = ask_other("a", 1000), *b = ask("b");
    WAIT(a->x.job);
    model_requeue(other(), &a->x);
    assert_int_equal(counted(other(), "waiting"), 1);
    assert_int_equal(counted(the_model(), "waiting"), 1);
    assert_ptr_equal(list_first(&the_model()->line.waiting, struct exchange, link), &a->x);
    model_cancel_all(other(), (uid_t)-1);
    expect_end(a, EXCHANGE_CANCELLED, -ECANCELED, "cancel all");
    expect_answer(b, "b");
}

static int healthy(void)
{
    int n = 0;

    list_for_each(j, &rig.h->jobs, struct job, link) n += j->state == JOB_HEALTHY;
    return n;
}

static void the_replica_that_has_it_loaded_is_preferred(void **state)
{
    (void)state;
    open_shared("", "replicas = 2\nslots = 2\nmodel = \"a\"", "model = \"b:latest\"");
    model_wake(the_model());
    WAIT(healthy() == 2);
    loaded_mark(nth_job(2), model_config(other()));
    struct prompt *p = question("x", 1000);
    p->x.model = other();
    nth_job(2)->n_active = 1;
    assert_ptr_equal(model_pick(the_model(), &p->x), nth_job(2));
    nth_job(2)->n_active = 2; /* it is full: then one with a slot */
    assert_ptr_equal(model_pick(the_model(), &p->x), nth_job(1));
    nth_job(1)->n_active = 2; /* then the soonest */
    assert_null(model_pick(the_model(), &p->x));
    nth_job(1)->n_active = nth_job(2)->n_active = 0;
    p->x.model = the_model(); /* which nobody has loaded */
    assert_ptr_equal(model_pick(the_model(), &p->x), nth_job(1));
    p->x.model = NULL;
    expect_answer(ask_other("y", 1000), "y");
    assert_true(loaded_has(nth_job(2), model_config(other())));
    assert_false(loaded_has(nth_job(2), model_config(the_model())));
}

static const struct CMUnitTest tests[] = {
    SENTENCE(the_replica_that_has_it_loaded_is_preferred),
    SENTENCE(two_that_are_asked_wake_one_job),
    SENTENCE(the_other_alone_wakes_it_too),
    SENTENCE(each_queue_has_its_own_limit),
    SENTENCE(cancelling_all_of_one_leaves_the_other),
    SENTENCE(a_stop_of_one_ends_the_job_of_all),
    SENTENCE(the_use_of_one_keeps_it_awake_for_all),
    SENTENCE(replicas_are_those_of_the_share),
    SENTENCE(a_lost_question_comes_back_to_its_own_model),
};

RIG_MAIN(tests)
