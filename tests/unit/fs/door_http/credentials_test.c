/* SPDX-License-Identifier: MIT */
#include "fs/door_http/credentials.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void each_way_to_show_a_secret_is_read(void **state)
{
    static const struct {
        const char *field, *value, *secret; /* NULL: none */
    } rows[] = {
        { "Authorization", "Bearer abc", "abc" },
        { "authorization", "bearer   abc", "abc" },
        { "Authorization", "Basic eDphYmM=", "abc" }, /* x:abc */
        { "Authorization", "Basic OmE6Yg==", "a:b" }, /* :a:b */
        { "X-Api-Key", "abc", "abc" },
        { "api-key", "abc", "abc" },
        { "Authorization", "abc", NULL },
        { "Authorization", "Bearer", NULL },
        { "Authorization", "Bearer ", NULL },
        { "Authorization", "Bearerabc", NULL },
        { "Authorization", "Digest abc", NULL },
        { "Authorization", "Basic", NULL },
        { "Authorization", "Basic eA==", NULL }, /* x */
        { "Authorization", "Basic eDo=", NULL }, /* x: */
        { "Authorization", "Basic eDphYmM", NULL },
        { "Authorization", "Basic !!!!", NULL },
        { "Cookie", "abc", NULL },
        { "x-api-key", "", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_field field = { rows[i].field, rows[i].value };
        struct http_head head = { .method = "GET", .fields = &field, .n_fields = 1 };
        struct credentials c;
        credentials_read(&c, &head);
        if (c.n != (rows[i].secret != NULL) || (c.n && strcmp(c.v[0], rows[i].secret) != 0))
            fail_msg("row %zu: %zu, \"%s\"", i, c.n, c.n ? c.v[0] : "");
        credentials_wipe(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_way_to_show_a_secret_is_read) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
