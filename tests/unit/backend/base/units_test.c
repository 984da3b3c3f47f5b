/* SPDX-License-Identifier: MIT */
#include "backend/base/units.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void durations_are_read_in_every_form(void **state)
{
    static const struct {
        const char *text;
        int64_t unit_s, s;
    } rows[] = {
        { "0", 1, 0 },
        { "0s", 1, 0 },
        { "90s", 1, 90 },
        { "30m", 1, 1800 },
        { "4h", 60, 14400 },
        { "30d", 1, 2592000 },
        { "36500d", 1, INT64_C(3153600000) },
        { "90", 1, 90 },
        { "30", 60, 1800 },
        { "007", 1, 7 },
        { "4:00:00", 1, 14400 },
        { "04:05:06", 60, 14706 },
        { "100:00:00", 1, 360000 },
        { "30:00", 60, 1800 },
        { "90:15", 1, 5415 },
        { "0:59", 1, 59 },
        { "1-00:00:00", 1, 86400 },
        { "2-03:04:05", 1, 183845 },
        { "1-12", 1, 129600 },
        { "1-12:30", 1, 131400 },
        { "0-0", 1, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t s = -1;
        struct err e;
        if (parse_duration(rows[i].text, rows[i].unit_s, &s, &e) != 0)
            fail_msg("%s: %s", rows[i].text, e.text);
        if (s != rows[i].s)
            fail_msg("%s: %lld s", rows[i].text, (long long)s);
    }
}

static void what_is_no_duration_is_refused_and_quoted(void **state)
{
    static const char *const rows[] = {
        "",
        "-1",
        "s",
        "1w",
        "1.5h",
        "1 h",
        " 1",
        "1h ",
        "1h30m",
        "30M",
        "4:60:00",
        "4:00:60",
        "1:60",
        "1:2:3:4",
        "1:",
        ":1",
        "1::2",
        "1-",
        "1-24:00:00",
        "-00:00",
        "1-0:60",
        "1-2-3",
        "+1",
        "0x10",
        "36501d",
        "876001:00:00",
        "99999999999999999999",
        "9223372036854775807h",
        "106751991167301-00:00:00",
        "infinite",
        "\xC3\xA9",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t s = 42;
        struct err e = { "" };
        if (parse_duration(rows[i], 1, &s, &e) != -EINVAL)
            fail_msg("read: %s", rows[i]);
        assert_int_equal(s, 42);
        assert_non_null(strstr(e.text, rows[i]));
        assert_non_null(strstr(e.text, "is no duration: write \"90s\""));
        assert_int_equal(parse_duration(rows[i], 1, &s, NULL), -EINVAL);
    }
}

static void sizes_are_read_with_binary_and_decimal_units(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } rows[] = {
        { "0", 0 },
        { "1234", 1234 },
        { "100B", 100 },
        { "512k", 524288 },
        { "512K", 524288 },
        { "16M", 16777216 },
        { "2G", INT64_C(2147483648) },
        { "1T", INT64_C(1099511627776) },
        { "1KiB", 1024 },
        { "16MiB", 16777216 },
        { "1GiB", 1073741824 },
        { "1TiB", INT64_C(1099511627776) },
        { "1kB", 1000 },
        { "1KB", 1000 },
        { "1MB", 1000000 },
        { "1GB", 1000000000 },
        { "1TB", INT64_C(1000000000000) },
        { "9223372036854775807", INT64_MAX },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t bytes = -1;
        struct err e;
        if (parse_size(rows[i].text, &bytes, &e) != 0)
            fail_msg("%s: %s", rows[i].text, e.text);
        if (bytes != rows[i].bytes)
            fail_msg("%s: %lld", rows[i].text, (long long)bytes);
    }
}

static void what_is_no_size_is_refused_and_quoted(void **state)
{
    static const char *const rows[] = {
        "", "-1", "1.5G", "MiB", "1 MiB", "1PiB", "1MiBs", "0x10", "9223372036854775808", "8388608TiB", "1e6"
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t bytes = 42;
        struct err e = { "" };
        if (parse_size(rows[i], &bytes, &e) != -EINVAL)
            fail_msg("read: %s", rows[i]);
        assert_int_equal(bytes, 42);
        assert_non_null(strstr(e.text, rows[i]));
    }
}

static void times_are_rfc_3339_in_utc(void **state)
{
    char out[TIME_TEXT];

    (void)state;
    assert_string_equal(format_time(0, out), "1970-01-01T00:00:00Z");
    assert_string_equal(format_time(1795219803, out), "2026-11-21T00:10:03Z");
    assert_string_equal(format_time(951782400, out), "2000-02-29T00:00:00Z");
    assert_ptr_equal(format_time(0, out), out);
}

static void a_time_out_of_range_becomes_the_nearest_that_can_be_written(void **state)
{
    char out[TIME_TEXT];

    (void)state;
    assert_string_equal(format_time(-5, out), "1970-01-01T00:00:00Z");
    assert_string_equal(format_time((time_t)INT64_MAX, out), "9999-12-31T23:59:59Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read_in_every_form),
        cmocka_unit_test(what_is_no_duration_is_refused_and_quoted),
        cmocka_unit_test(sizes_are_read_with_binary_and_decimal_units),
        cmocka_unit_test(what_is_no_size_is_refused_and_quoted),
        cmocka_unit_test(times_are_rfc_3339_in_utc),
        cmocka_unit_test(a_time_out_of_range_becomes_the_nearest_that_can_be_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
