/* SPDX-License-Identifier: MIT */
#include "fs/door_http/access.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char *listed_hosts[] = { "gpu.example.org", NULL },
            *listed_origins[] = { "https://chat.example.org", NULL };
static const struct config cfg = { .hosts = { listed_hosts, 1 }, .cors_origins = { listed_origins, 1 } };

struct row {
    const char *host, *origin, *site; /* NULL: the field is not there */
    int rc;
};

static int check(const struct row *row, int minor, struct err *e)
{
    struct http_field fields[3];
    size_t n = 0;

    if (row->host)
        fields[n++] = (struct http_field){ "host", row->host };
    if (row->origin)
        fields[n++] = (struct http_field){ "origin", row->origin };
    if (row->site)
        fields[n++] = (struct http_field){ "sec-fetch-site", row->site };
    struct http_head head = {
        .method = "POST", .target = "/", .minor = minor, .fields = fields, .n_fields = n
    };
    return access_check(&cfg, &head, e);
}

static const struct row rows[] = {
    { "127.0.0.1:11434", NULL, NULL, 0 },
    { "127.0.0.1", NULL, NULL, 0 },
    { "127.8.9.10:1", NULL, NULL, 0 },
    { "localhost:11434", NULL, NULL, 0 },
    { "LocalHost", NULL, NULL, 0 },
    { "localhost.:80", NULL, NULL, 0 },
    { "ollama.localhost", NULL, NULL, 0 },
    { "[::1]:11434", NULL, NULL, 0 },
    { "[::1]", NULL, NULL, 0 },
    { "gpu.example.org:443", NULL, NULL, 0 },
    { "GPU.example.org", NULL, NULL, 0 },
    { "evil.example.org", NULL, NULL, -EACCES },
    { "localhost.evil.example.org", NULL, NULL, -EACCES },
    { "notlocalhost", NULL, NULL, -EACCES },
    { "127.0.0.1.evil.example.org", NULL, NULL, -EACCES },
    { "128.0.0.1", NULL, NULL, -EACCES },
    { "localhost:80@evil.example.org", NULL, NULL, -EACCES },
    { "evil.example.org@localhost", NULL, NULL, -EACCES },
    { "localhost:x", NULL, NULL, -EACCES },
    { "[::1", NULL, NULL, -EACCES },
    { "[::1]x", NULL, NULL, -EACCES },
    { "", NULL, NULL, -EACCES },
    { ":80", NULL, NULL, -EACCES },
    { ".", NULL, NULL, -EACCES },
    { NULL, NULL, NULL, -EINVAL },
    { "localhost:1", "http://localhost:1", NULL, 0 },
    { "localhost:1", "http://localhost:1", "same-origin", 0 },
    { "localhost:1", "http://localhost:2", NULL, -EACCES },
    { "localhost:1", "http://127.0.0.1:1", NULL, -EACCES },
    { "localhost:1", "null", NULL, -EACCES },
    { "localhost:1", "https://evil.example.org", "cross-site", -EACCES },
    { "localhost:1", "https://chat.example.org", NULL, 0 },
    { "localhost:1", "https://chat.example.org", "cross-site", 0 },
    { "localhost:1", "https://chat.example.org.evil.org", NULL, -EACCES },
    { "localhost:1", NULL, "cross-site", -EACCES },
    { "localhost:1", NULL, "Cross-Site", -EACCES },
    { "localhost:1", NULL, "same-site", 0 },
    { "localhost:1", NULL, "none", 0 },
};

static void hosts_and_origins_decide(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err e = { "" };
        int rc = check(&rows[i], 1, &e);
        if (rc != rows[i].rc || (rc < 0 && !e.text[0]))
            fail_msg("row %zu, Host \"%s\": %d, \"%s\"", i, rows[i].host ? rows[i].host : "-", rc, e.text);
    }
}

static void our_own_names_are_taken(void **state)
{
    char name[256];

    (void)state;
    assert_int_equal(gethostname(name, sizeof name), 0);
    assert_int_equal(check(&(struct row){ .host = name }, 1, NULL), 0);
    assert_int_equal(check(&(struct row){ .host = "0.0.0.0" }, 1, NULL), -EACCES);
    assert_int_equal(check(&(struct row){ .host = "[fe80::dead:beef]" }, 1, NULL), -EACCES);
}

static void http_1_0_needs_no_host(void **state)
{
    (void)state;
    assert_int_equal(check(&(struct row){ .host = NULL }, 0, NULL), 0);
    assert_int_equal(check(&(struct row){ .origin = "http://evil.example.org" }, 0, NULL), -EACCES);
}

static void two_hosts_are_refused(void **state)
{
    struct http_field fields[] = { { "Host", "localhost" }, { "Host", "localhost" } };
    struct http_head head = { .method = "GET", .target = "/", .minor = 1, .fields = fields, .n_fields = 2 };

    (void)state;
    assert_int_equal(access_check(&cfg, &head, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_and_origins_decide),
        cmocka_unit_test(our_own_names_are_taken),
        cmocka_unit_test(http_1_0_needs_no_host),
        cmocka_unit_test(two_hosts_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
