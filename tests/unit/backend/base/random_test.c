/* SPDX-License-Identifier: MIT */
#include "backend/base/random.h"

#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void digits_are_hexadecimal_and_as_many_as_were_asked_for(void **state)
{
    static const size_t lengths[] = { 0, 1, 7, 32, 64, 65, 129 };
    char text[140];

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        memset(text, 'x', sizeof text);
        random_hex(text, lengths[i]);
        assert_int_equal(strlen(text), lengths[i]);
        assert_int_equal(strspn(text, "0123456789abcdef"), lengths[i]);
        assert_int_equal(text[lengths[i] + 1], 'x');
    }
}

static void no_two_are_the_same(void **state)
{
    char a[129], b[65];

    (void)state;
    random_hex(a, 128);
    random_hex(b, 64);
    assert_memory_not_equal(a, a + 64, 64);
    assert_memory_not_equal(a, b, 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_are_hexadecimal_and_as_many_as_were_asked_for),
        cmocka_unit_test(no_two_are_the_same),
    };

    return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
