/* SPDX-License-Identifier: MIT */
/* Who is next, of those who wait for one model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "backend/model/line.h"

#define MANY 64

static struct line line;
static struct exchange all[MANY];
static int n;

static int setup(void **state)
{
    (void)state;
    line_init(&line);
    memset(all, 0, sizeof all);
    n = 0;
    return 0;
}

static struct exchange *add_with(char asker, int priority)
{
    struct exchange *x = &all[n++];

    assert_true(n <= MANY);
    x->asker = (uint64_t)asker;
    x->priority = priority;
    list_init(&x->link);
    line_add(&line, x);
    return x;
}

static struct exchange *add(char asker)
{
    return add_with(asker, 0);
}

static void add_all(const char *askers)
{
    for (; *askers; askers++)
        add(*askers);
}

/* The askers of those that go out next, as one word. */
static void expect(const char *askers)
{
    char got[MANY + 1] = "";

    for (size_t i = 0; i < strlen(askers); i++) {
        struct exchange *x = list_first(&line.waiting, struct exchange, link);
        if (!x)
            break;
        got[i] = (char)x->asker;
        line_take(&line, x);
    }
    assert_string_equal(got, askers);
}

static void one_asker_is_served_in_order(void **state)
{
    struct exchange *x[3] = { add('a'), add('a'), add('a') };

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(list_first(&line.waiting, struct exchange, link), x[i]);
        line_take(&line, x[i]);
    }
    assert_true(list_empty(&line.waiting));
}

static void askers_take_turns(void **state)
{
    (void)state;
    add_all("aaaabbc");
    expect("abcabaa");
}

static void who_comes_late_does_not_wait_for_all_of_another(void **state)
{
    (void)state;
    add_all("aaaaaaaa");
    expect("aa");
    add_all("bb");
    expect("ababaaaa");
}

static void who_asks_again_and_again_starves_nobody(void **state)
{
    (void)state;
    add_all("aaab");
    expect("ab");
    add('b');
    expect("ab");
    add('b');
    expect("ab");
}

static void one_that_cannot_go_holds_up_no_turn(void **state)
{
    struct exchange *stuck = add('s');

    (void)state;
    stuck->only = 7;
    add_all("aaa");
    for (int i = 0; i < 3; i++) { /* the stuck one is passed over each time */
        add('b');
        list_remove(&stuck->link);
        expect("ab");
        line_put_back(&line, stuck);
    }
    expect("s");
}

static void who_has_taken_back_is_not_punished(void **state)
{
    struct exchange *mine[5];

    (void)state;
    for (int i = 0; i < 5; i++)
        mine[i] = add('a');
    add_all("bbb");
    for (int i = 0; i < 5; i++)
        list_remove(&mine[i]->link);
    add('a');
    expect("babb");
}

static void a_lost_one_goes_back_to_its_place(void **state)
{
    struct exchange *x[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        x[i] = add('a');
    add_all("b");
    expect("aba"); /* the second of a's last */
    line_put_back(&line, x[1]);
    line_put_back(&line, x[0]);
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(list_first(&line.waiting, struct exchange, link), x[i]);
        line_take(&line, x[i]);
    }
}

static void a_higher_priority_goes_first_and_has_turns_of_its_own(void **state)
{
    (void)state;
    add_all("aa");
    add_with('x', -1);
    add_with('z', 5);
    add_with('z', 5);
    add_with('a', 5);
    add('b');
    expect("zaz");
    add_with('y', -1);
    add_with('x', -1);
    expect("abaxyx");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_asker_is_served_in_order, setup),
        cmocka_unit_test_setup(askers_take_turns, setup),
        cmocka_unit_test_setup(who_comes_late_does_not_wait_for_all_of_another, setup),
        cmocka_unit_test_setup(who_asks_again_and_again_starves_nobody, setup),
        cmocka_unit_test_setup(one_that_cannot_go_holds_up_no_turn, setup),
        cmocka_unit_test_setup(who_has_taken_back_is_not_punished, setup),
        cmocka_unit_test_setup(a_lost_one_goes_back_to_its_place, setup),
        cmocka_unit_test_setup(a_higher_priority_goes_first_and_has_turns_of_its_own, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
