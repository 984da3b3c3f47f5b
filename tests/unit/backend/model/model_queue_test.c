/* SPDX-License-Identifier: MIT */
/* Who is answered first, where several ask one model that has fewer slots. */
#include "tests/unit/backend/rig.h"
#include "backend/model/model_private.h"

static bool ended_before(const struct prompt *a, const struct prompt *b)
{
    const struct timespec *x = &a->x.ended, *y = &b->x.ended;

    return x->tv_sec != y->tv_sec ? x->tv_sec < y->tv_sec : x->tv_nsec < y->tv_nsec;
}

static void one_who_asks_much_does_not_keep_another_waiting(void **state)
{
    struct prompt *much[6], *one;

    (void)state;
    rig_open("", "slots = 1");
    for (int i = 0; i < 6; i++)
        much[i] = ask_as("much", 1000);
    one = ask_as("one", 1001);
    expect_answer(one, "one");
    for (int i = 0; i < 6; i++)
        expect_answer(much[i], "much");
    assert_true(ended_before(much[0], one));
    assert_true(ended_before(one, much[1]));
    for (int i = 1; i < 5; i++)
        assert_true(ended_before(much[i], much[i + 1]));
}

static void work_in_the_background_goes_last(void **state)
{
    struct prompt *work, *asked[3];
    struct err e;

    (void)state;
    rig_open("", "slots = 1");
    work = question("work", 1001);
    work->x.priority = EXCHANGE_BACKGROUND;
    assert_int_equal(model_submit(the_model(), &work->x, &e), 0);
    for (int i = 0; i < 3; i++)
        asked[i] = ask("asked");
    expect_answer(work, "work");
    for (int i = 0; i < 3; i++) {
        expect_answer(asked[i], "asked");
        assert_true(ended_before(asked[i], work));
    }
}

static const struct CMUnitTest tests[] = {
    SENTENCE(one_who_asks_much_does_not_keep_another_waiting),
    SENTENCE(work_in_the_background_goes_last),
};

RIG_MAIN(tests)
