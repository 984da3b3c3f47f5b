/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "backend/base/nearest.h"

static void the_nearest_name_is_near(void **state)
{
    static const char *const names[] = {
        "partition", "gres", "time", "setup", "idle_timeout", "stall_timeout"
    };
    static const struct {
        const char *word, *nearest;
    } rows[] = {
        { "partitoin", "partition" },
        { "Partition", "partition" },
        { "gers", "gres" },
        { "tme", "time" },
        { "idletimeout", "idle_timeout" },
        { "stal_timeout", "stall_timeout" },
        { "colour", NULL },
        { "", NULL },
        { "x", NULL },
        { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *near = nearest_name(rows[i].word, names, 6);
        if (!near != !rows[i].nearest || (near && strcmp(near, rows[i].nearest)))
            fail_msg("%s: %s", rows[i].word, near ? near : "none");
    }
    assert_null(nearest_name("x", NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_name_is_near),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
