/* SPDX-License-Identifier: MIT */
/* Which of several jobs a question goes to. */
#include "tests/unit/backend/rig.h"
#include "backend/model/model_private.h"

static int healthy_jobs(void)
{
    int n = 0;

    list_for_each(j, &rig.h->jobs, struct job, link) n += j->state == JOB_HEALTHY;
    return n;
}

static void open_two(const char *words, const char *model)
{
    rig_open(words, model);
    model_wake(the_model());
    WAIT(healthy_jobs() == 2);
}

static void the_least_active_is_first(void **state)
{
    char text[8];

    (void)state;
    open_two("\"parrot=--delay 5\"", "replicas = 2\nslots = 4");
    for (int i = 0; i < 6; i++) {
        snprintf(text, sizeof text, "q%d", i);
        ask(text);
    }
    WAIT(nth_job(1)->n_active + nth_job(2)->n_active == 6);
    assert_int_equal(nth_job(1)->n_active, 3);
    assert_int_equal(nth_job(2)->n_active, 3);
}

static void no_job_gets_more_than_it_has_slots(void **state)
{
    (void)state;
    open_two("\"parrot=--delay 5\"", "replicas = 2\nslots = 2");
    for (int i = 0; i < 6; i++)
        ask("the same beginning");
    WAIT(nth_job(1)->n_active + nth_job(2)->n_active == 4);
    HOLDS(300, nth_job(1)->n_active == 2 && nth_job(2)->n_active == 2);
    assert_false(model_has_slot(the_model()));
}

/* A text of n bytes of one letter, and an end. */
static struct prompt *ask_long(char letter, size_t n, const char *end)
{
    char *text = xcalloc(n + strlen(end) + 1, 1);

    memset(text, letter, n);
    strcpy(text + n, end);
    struct prompt *p = ask(text);
    free(text);
    return p;
}

static void questions_that_begin_alike_go_to_the_same_job(void **state)
{
    (void)state;
    open_two("\"parrot=--delay 0.5\"", "replicas = 2\nslots = 4");
    struct prompt *a = ask_long('a', 1100, "one"), *b = ask_long('b', 1100, "two");
    WAIT(ended(a) && ended(b));
    assert_string_not_equal(a->x.job_name, b->x.job_name);
    /* In the other order, so that the least active would be the wrong one. */
    struct prompt *d = ask_long('b', 1100, "three"), *c = ask_long('a', 1100, "four");
    WAIT(ended(c) && ended(d));
    assert_string_equal(c->x.job_name, a->x.job_name);
    assert_string_equal(d->x.job_name, b->x.job_name);
}

static void a_conversation_that_grows_stays_where_it_is(void **state)
{
    (void)state;
    open_two("\"parrot=--delay 0.5\"", "replicas = 2\nslots = 4");
    struct prompt *other = ask_long('b', 300, "x"), *first = ask_long('a', 300, "hello");
    WAIT(ended(first) && ended(other));
    struct prompt *second = ask_long('a', 300, "hello and more of it");
    WAIT(ended(second));
    assert_string_equal(second->x.job_name, first->x.job_name);
    assert_string_not_equal(other->x.job_name, first->x.job_name);
}

static void load_counts_for_more_than_a_beginning(void **state)
{
    (void)state;
    open_two("\"parrot=--delay 5\"", "replicas = 2\nslots = 4");
    for (int i = 0; i < 4; i++)
        ask("the same beginning");
    WAIT(nth_job(1)->n_active + nth_job(2)->n_active == 4);
    assert_true(nth_job(1)->n_active >= 1 && nth_job(2)->n_active >= 1);
}

static void a_lost_question_is_sent_to_its_job_again_only_where_there_is_no_other(void **state)
{
    (void)state;
    open_two("", "replicas = 2\nslots = 4");
    struct prompt *p = question("x", 1000);
    p->x.losses = 1;
    p->x.lost_by[0] = nth_job(1)->number;
    assert_ptr_equal(model_pick(the_model(), &p->x), nth_job(2));
    nth_job(2)->n_active = 4; /* it is full: the question waits for it */
    assert_null(model_pick(the_model(), &p->x));
    nth_job(2)->n_active = 0;
    nth_job(2)->retiring = true;
    assert_ptr_equal(model_pick(the_model(), &p->x), nth_job(1));
    nth_job(2)->retiring = false;
}

static struct prompt *ask_one(int nth)
{
    struct prompt *p = question("x", 1000);
    struct err e = { "" };

    p->x.only = nth_job(nth)->number;
    assert_int_equal(model_submit(the_model(), &p->x, &e), 0);
    return p;
}

static void a_job_that_is_asked_itself_answers_itself_or_nobody_does(void **state)
{
    struct prompt *p[3];

    (void)state;
    open_two("\"parrot=--delay 1\"", "replicas = 2\nslots = 1");
    for (int i = 0; i < 3; i++)
        p[i] = ask_one(2);
    expect_answer(p[0], "x");
    expect_answer(p[1], "x");
    assert_string_equal(p[0]->x.job_name, "c.2");
    assert_string_equal(p[1]->x.job_name, "c.2");
    job_cancel(nth_job(2), "by hand");
    expect_end(p[2], EXCHANGE_FAILED, -ECANCELED, "takes no more questions");
}

static const struct CMUnitTest tests[] = {
    SENTENCE(a_job_that_is_asked_itself_answers_itself_or_nobody_does),
    SENTENCE(the_least_active_is_first),
    SENTENCE(no_job_gets_more_than_it_has_slots),
    SENTENCE(questions_that_begin_alike_go_to_the_same_job),
    SENTENCE(a_conversation_that_grows_stays_where_it_is),
    SENTENCE(load_counts_for_more_than_a_beginning),
    SENTENCE(a_lost_question_is_sent_to_its_job_again_only_where_there_is_no_other),
};

RIG_MAIN(tests)
