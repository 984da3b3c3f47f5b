/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "backend/house.h"
#include "backend/quota.h"

static struct config cfg;
static struct house house = { .cfg = &cfg };
static struct err e;

static int set_up(void **state)
{
    (void)state;
    cfg = (struct config){ .limit_waiting = 2, .limit_requests_per_minute = 3 };
    house.quotas = quotas_create();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    quotas_destroy(house.quotas);
    return 0;
}

static void a_user_who_waits_too_often_is_busy_and_others_are_not(void **state)
{
    (void)state;
    assert_int_equal(quota_may_ask(&house, 1000, &e), 0);
    quota_waits(&house, 1000, 1);
    quota_waits(&house, 1000, 1);
    assert_int_equal(quota_may_ask(&house, 1000, &e), -EBUSY);
    assert_non_null(strstr(e.text, "2 questions of yours"));
    assert_int_equal(quota_may_ask(&house, 1001, &e), 0);
    quota_waits(&house, 1000, -1);
    assert_int_equal(quota_may_ask(&house, 1000, &e), 0);
}

static void a_minute_has_so_many_requests(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(quota_may_ask(&house, 1000, &e), 0);
        quota_asked(&house, 1000);
    }
    assert_int_equal(quota_may_ask(&house, 1000, &e), -EDQUOT);
    assert_non_null(strstr(e.text, "requests_per_minute"));
    assert_int_equal(quota_may_ask(&house, 1001, &e), 0);
}

static void a_batch_leaves_some_of_a_minute_and_none_is_more_than_it(void **state)
{
    (void)state;
    cfg.limit_requests_per_minute = 8;
    assert_int_equal(quota_batch_wait_ms(&house, 1000), 0);
    uint64_t minute = quota_asked(&house, 1000);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(quota_batch_wait_ms(&house, 1000), 0);
        quota_asked(&house, 1000);
    }
    assert_in_range(quota_batch_wait_ms(&house, 1000), 1, 60000);
    quota_not_asked(&house, 1000, minute - 1); /* of another minute */
    assert_int_not_equal(quota_batch_wait_ms(&house, 1000), 0);
    quota_not_asked(&house, 1000, minute);
    assert_int_equal(quota_batch_wait_ms(&house, 1000), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(quota_may_ask(&house, 1000, &e), 0);
        quota_asked(&house, 1000);
    }
    assert_int_equal(quota_may_ask(&house, 1000, &e), -EDQUOT);
    cfg.limit_requests_per_minute = 1;
    assert_int_equal(quota_batch_wait_ms(&house, 1001), 0);
}

static void questions_without_an_answer_hold_so_many_bytes(void **state)
{
    (void)state;
    cfg.limit_stored = 100;
    quota_holds(&house, 1000, 60);
    assert_int_equal(quota_may_hold(&house, 1000, 40, &e), 0);
    assert_int_equal(quota_may_hold(&house, 1000, 41, &e), -EDQUOT);
    assert_non_null(strstr(e.text, "hold 60 bytes, and 41 more"));
    assert_int_equal(quota_may_hold(&house, 1001, 100, &e), 0);
    quota_holds(&house, 1000, -60);
    assert_int_equal(quota_may_hold(&house, 1000, 100, &e), 0);
    quota_holds(&house, 1000, 200); /* the limit was lowered since */
    assert_int_equal(quota_may_hold(&house, 1000, 0, &e), 0);
}

static void zero_is_no_limit(void **state)
{
    (void)state;
    cfg = (struct config){ 0 };
    quota_waits(&house, 1000, 1000000);
    quota_asked(&house, 1000);
    assert_int_equal(quota_may_ask(&house, 1000, &e), 0);
    assert_int_equal(quota_may_store(&house, 1000, INT64_MAX / 2, &e), 0);
    assert_int_equal(quota_may_hold(&house, 1000, INT64_MAX / 2, &e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_user_who_waits_too_often_is_busy_and_others_are_not, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_minute_has_so_many_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_batch_leaves_some_of_a_minute_and_none_is_more_than_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(questions_without_an_answer_hold_so_many_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(zero_is_no_limit, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
