/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "backend/base/base64.h"

/* RFC 4648, section 10. */
static void the_vectors_of_the_rfc(void **state)
{
    static const char *const rows[][2] = { { "", "" },
                                           { "f", "Zg==" },
                                           { "fo", "Zm8=" },
                                           { "foo", "Zm9v" },
                                           { "foob", "Zm9vYg==" },
                                           { "fooba", "Zm9vYmE=" },
                                           { "foobar", "Zm9vYmFy" } };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out = { 0 };
        base64_add(&out, rows[i][0], strlen(rows[i][0]));
        assert_string_equal(buf_str(&out), rows[i][1]);
        buf_free(&out);
    }
}

static void bytes_above_127(void **state)
{
    struct buf out = { 0 };

    (void)state;
    base64_add(&out, "\xff\xfe\x00\xfb", 4);
    assert_string_equal(out.data, "//4A+w==");
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_rfc),
        cmocka_unit_test(bytes_above_127),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
