/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>
#include "fs/terminal/view.h"

static void says(const char *json, time_t now, bool traffic, const char *want)
{
    json_t *status = json_loads(json, 0, NULL);
    struct buf text = { 0 };

    assert_non_null(status);
    view_describe(status, now, traffic, &text);
    assert_string_equal(buf_str(&text), want);
    buf_free(&text);
    json_decref(status);
}

static void a_model_that_waits_tells_why_and_until_when(void **state)
{
    const char *json = "{\"state\":\"queued\",\"reason\":\"Resources\",\"queue_position\":3,"
                       "\"expected_start\":\"2026-11-21T00:25:00Z\"}";
    const time_t start = 1795220700;

    (void)state;
    says(json, start - 90, false, "queued: Resources, position 3, expected start 00:25 (in 90 s)");
    says(json, start - 720, false, "queued: Resources, position 3, expected start 00:25 (in 12 min)");
    says(json, start - 4 * 3600, false, "queued: Resources, position 3, expected start 00:25 (in 4 h)");
    says(json, start + 60, false, "queued: Resources, position 3, expected start 00:25");
    says(json, 0, false, "queued: Resources, position 3, expected start 00:25");
}

static void a_model_that_loads_tells_how_far_it_is(void **state)
{
    (void)state;
    says("{\"state\":\"starting\",\"reason\":\"loading weights\",\"progress\":0.43}", 0, true,
         "starting: loading weights, 43 %");
}

static void a_model_that_is_ready_tells_where_and_how_fast(void **state)
{
    const char *json = "{\"state\":\"ready\",\"jobs\":[{\"node\":\"n1\",\"ready\":true},{\"node\":null,\"ready\":false}],"
                       "\"requests\":{\"waiting\":2,\"active\":1},\"tokens\":{\"per_s\":31.54}}";

    (void)state;
    says(json, 0, true, "ready on n1, 1 of 2 replicas ready, 2 waiting, 1 answering, 31.5 tokens/s");
    says(json, 0, false, "ready on n1, 1 of 2 replicas ready");
}

static void a_status_without_anything_is_described_all_the_same(void **state)
{
    (void)state;
    says("{}", 0, true, "unknown");
    says("{\"state\":7,\"jobs\":3,\"tokens\":null,\"expected_start\":\"soon\"}", 0, true, "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_that_waits_tells_why_and_until_when),
        cmocka_unit_test(a_model_that_loads_tells_how_far_it_is),
        cmocka_unit_test(a_model_that_is_ready_tells_where_and_how_fast),
        cmocka_unit_test(a_status_without_anything_is_described_all_the_same),
    };

    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
