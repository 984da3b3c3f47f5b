/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "backend/config/batch_hours.h"

static bool holds(const char *text, int hour, int minute)
{
    struct tm t = { .tm_hour = hour, .tm_min = minute };

    return batch_hours_hold(text, &t);
}

static void hours_are_two_times_of_the_day(void **state)
{
    static const char *const good[] = { "", "20:00-06:00", "00:00-24:00", "08:30-17:15" };
    static const char *const bad[] = { "20-6",        "8:00-17:00",  "25:00-06:00",  "20:60-06:00",
                                       "20:00-24:01", "20:00 06:00", "20:00-06:00x", "06:00-06:00",
                                       "-1:00-06:00", "night" };
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(batch_hours_check(good[i], &e), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_true(batch_hours_check(bad[i], &e) < 0);
}

static void the_first_minute_is_in_and_the_last_is_not(void **state)
{
    (void)state;
    assert_false(holds("08:30-17:15", 8, 29));
    assert_true(holds("08:30-17:15", 8, 30));
    assert_true(holds("08:30-17:15", 17, 14));
    assert_false(holds("08:30-17:15", 17, 15));
}

static void hours_go_over_midnight(void **state)
{
    (void)state;
    assert_true(holds("20:00-06:00", 20, 0));
    assert_true(holds("20:00-06:00", 0, 0));
    assert_true(holds("20:00-06:00", 5, 59));
    assert_false(holds("20:00-06:00", 6, 0));
    assert_false(holds("20:00-06:00", 12, 0));
    assert_true(holds("00:00-24:00", 23, 59));
    assert_true(holds("", 12, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hours_are_two_times_of_the_day),
        cmocka_unit_test(the_first_minute_is_in_and_the_last_is_not),
        cmocka_unit_test(hours_go_over_midnight),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
