/* SPDX-License-Identifier: MIT */
/* What an address says of a model; what is known of a long body is seen in relay_body_test.c. */
#include "fs/door_http/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void an_address_may_name_the_model(void **state)
{
    static const struct {
        const char *path, *want; /* NULL: none */
    } rows[] = {
        { "/v1/realtime?model=qwen", "qwen" },
        { "/v1/realtime?intent=x&model=a%2Fb&y", "a/b" },
        { "/v1/realtime?model=a&model=b", "a" },
        { "/v1/realtime?model=%zz&model=b", "b" },
        { "/v1/realtime?model=", "" },
        { "/v1/realtime?models=a", NULL },
        { "/v1/realtime?a_model=a", NULL },
        { "/v1/realtime?model", NULL },
        { "/v1/realtime?", NULL },
        { "/v1/realtime?&&", NULL },
        { "/v1/model=a", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct body_facts facts = { 0 };
        route_scan_query(rows[i].path, &facts);
        if (facts.has_model != (rows[i].want != NULL) ||
            (rows[i].want && strcmp(buf_str(&facts.model), rows[i].want) != 0))
            fail_msg("%s: %s", rows[i].path, buf_str(&facts.model));
        buf_free(&facts.model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_may_name_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
