/* SPDX-License-Identifier: MIT */
#include "backend/base/utf8.h"

#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void valid_text_is_valid_to_its_end(void **state)
{
    static const char *const rows[] = { "", "plain", "\xC2\x80\xDF\xBF",
                                        "\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF",
                                        "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF" };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(utf8_valid_len(rows[i], strlen(rows[i])), strlen(rows[i]));
    assert_int_equal(utf8_valid_len("a\0b", 3), 3);
}

static void the_valid_part_ends_before_the_first_wrong_character(void **state)
{
    static const char *const rows[] = {
        "ab\x80",         "ab\xC0\x80",         "ab\xC1\xBF",         "ab\xC3",      "ab\xC3x",
        "ab\xE0\x9F\xBF", "ab\xED\xA0\x80",     "ab\xE2\x82",         "ab\xE2\x82x", "ab\xF0\x8F\xBF\xBF",
        "ab\xF0\x9F\x98", "ab\xF4\x90\x80\x80", "ab\xF5\x80\x80\x80", "ab\xFF",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (utf8_valid_len(rows[i], strlen(rows[i])) != 2)
            fail_msg("row %zu", i);
}

static void every_scalar_value_survives_encoding(void **state)
{
    char out[4];

    (void)state;
    for (uint32_t c = 0; c <= 0x110000; c++) {
        size_t n = utf8_encode(c, out), wanted = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        if ((c >= 0xD800 && c < 0xE000) || c > 0x10FFFF)
            wanted = 0;
        if (n != wanted || utf8_valid_len(out, n) != n)
            fail_msg("U+%04X", (unsigned)c);
    }
    assert_int_equal(utf8_encode(0x20AC, out), 3);
    assert_memory_equal(out, "\xE2\x82\xAC", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_text_is_valid_to_its_end),
        cmocka_unit_test(the_valid_part_ends_before_the_first_wrong_character),
        cmocka_unit_test(every_scalar_value_survives_encoding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
