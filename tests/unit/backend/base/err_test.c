/* SPDX-License-Identifier: MIT */
#include "backend/base/err.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void setting_an_error_returns_its_number_and_writes_the_sentence(void **state)
{
    struct err e = { "old" };

    (void)state;
    assert_int_equal(err_set(&e, -EBUSY, "%s is %d", "queue", 3), -EBUSY);
    assert_string_equal(e.text, "queue is 3");
    assert_int_equal(err_set(NULL, -EIO, "nobody reads this"), -EIO);
}

static void an_error_is_one_printable_line(void **state)
{
    struct err e;

    (void)state;
    err_set(&e, -EIO, "a\nb\r\nc\033[31m\177\t.");
    assert_string_equal(e.text, "a b  c [31m  .");
}

static void an_error_is_utf8_whatever_a_program_said(void **state)
{
    struct err e;

    (void)state;
    err_set(&e, -EIO, "%s", "caf\xC3\xA9 \xFF\xC3x \xED\xA0\x80");
    assert_string_equal(e.text, "caf\xC3\xA9 ??x ???");
}

static void a_long_text_is_cut_between_characters(void **state)
{
    struct err e;
    char text[2001];

    (void)state;
    memset(text, 'x', 2000);
    text[2000] = '\0';
    memcpy(text + sizeof e.text - 2, "\xC3\xA9", 2);
    err_set(&e, -EIO, "%s", text);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    assert_int_equal(e.text[sizeof e.text - 2], '?');
}

static void errors_and_http_agree_with_the_contract(void **state)
{
    static const struct {
        int errnum, http;
        const char *name;
    } rows[] = {
        { ENOENT, 404, "ENOENT" },
        { EINVAL, 400, "EINVAL" },
        { EFBIG, 413, "EFBIG" },
        { EBUSY, 429, "EBUSY" },
        { EDQUOT, 429, "EDQUOT" },
        { EACCES, 403, "EACCES" },
        { EHOSTUNREACH, 503, "EHOSTUNREACH" },
        { EKEYREJECTED, 502, "EKEYREJECTED" },
        { ETIMEDOUT, 504, "ETIMEDOUT" },
        { ECONNREFUSED, 503, "ECONNREFUSED" },
        { ECONNRESET, 502, "ECONNRESET" },
        { ENOSPC, 503, "ENOSPC" },
        { ECANCELED, 503, "ECANCELED" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_string_equal(err_name(rows[i].errnum), rows[i].name);
        assert_string_equal(err_name(-rows[i].errnum), rows[i].name);
        assert_int_equal(err_http_status(rows[i].errnum), rows[i].http);
        assert_int_equal(err_http_status(-rows[i].errnum), rows[i].http);
    }
}

static void an_unknown_error_is_eio_and_500(void **state)
{
    (void)state;
    assert_string_equal(err_name(-EXDEV), "EIO");
    assert_int_equal(err_http_status(-EXDEV), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_an_error_returns_its_number_and_writes_the_sentence),
        cmocka_unit_test(an_error_is_one_printable_line),
        cmocka_unit_test(an_error_is_utf8_whatever_a_program_said),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
        cmocka_unit_test(errors_and_http_agree_with_the_contract),
        cmocka_unit_test(an_unknown_error_is_eio_and_500),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
