/* SPDX-License-Identifier: MIT */
#include "fs/door_http/target.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void only_plain_paths_pass(void **state)
{
    static const struct {
        const char *target, *path; /* NULL: refused */
    } rows[] = {
        { "/", "/" },
        { "/v1/models", "/v1/models" },
        { "/v1/models/", "/v1/models/" },
        { "/v1/models?a=//..%00", "/v1/models?a=//..%00" },
        { "/a%20b/%C3%A9", "/a%20b/%C3%A9" },
        { "/...", "/..." },
        { "/.a/a.", "/.a/a." },
        { "/%252e%252e/", "/%252e%252e/" },
        { "http://localhost/a?b", "/a?b" },
        { "HTTPS://localhost:1/a", "/a" },
        { "http://localhost", "/" },
        { "http://localhost?x", "/" },
        { "", NULL },
        { "*", NULL },
        { "v1", NULL },
        { "localhost:80", NULL },
        { "ftp://localhost/", NULL },
        { "//", NULL },
        { "//evil.example.org/x", NULL },
        { "/a//b", NULL },
        { "http://localhost//a", NULL },
        { "/.", NULL },
        { "/..", NULL },
        { "/a/../b", NULL },
        { "/a/..?x", NULL },
        { "/a/%2e%2E/b", NULL },
        { "/a/.%2e", NULL },
        { "/a%2f..%2fb", NULL },
        { "/a%5c..%5cb", NULL },
        { "/a\\..\\b", NULL },
        { "/a%2f%2fb", NULL },
        { "/a#b", NULL },
        { "/a%00", NULL },
        { "/a%0d%0aX:", NULL },
        { "/a%7f", NULL },
        { "/a\x7f", NULL },
        { "/\xc3\xa9", NULL },
        { "/%ff", NULL },
        { "/%c0%ae%c0%ae/", NULL },
        { "/%ed%a0%80", NULL },
        { "/%", NULL },
        { "/%4", NULL },
        { "/%4g", NULL },
        { "/%+1", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *path = NULL;
        int rc = target_path(rows[i].target, &path, NULL);
        if (rc != (rows[i].path ? 0 : -EINVAL) || (rc == 0 && strcmp(path, rows[i].path) != 0))
            fail_msg("%s: %d, %s", rows[i].target, rc, path ? path : "-");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(only_plain_paths_pass) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
