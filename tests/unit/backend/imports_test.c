/* SPDX-License-Identifier: MIT */
#include "backend/imports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct config *cfg;

static int load(void **state)
{
    static const char text[] = "[model.mine]\nengine = 'parrot'\naliases = ['other']\n";
    struct err e;

    (void)state;
    return config_parse(text, strlen(text), "f", &cfg, &e);
}

static int unload(void **state)
{
    (void)state;
    config_free(cfg);
    return 0;
}

static const struct {
    const char *nodes, *comment;
    const char *service, *host; /* NULL: it is left out */
    int port;
} rows[] = {
    { "n1", "traefik,hello,http://n1:8000", "hello", "n1", 8000 },
    { "n[1-3]", "traefik,hello,http://n2.cluster:8001,further,fields", "hello", "n2.cluster", 8001 },
    /* another machine than its own */
    { "n1", "traefik,hello,http://n2:8000", NULL, NULL, 0 },
    { "", "traefik,hello,http://n1:8000", NULL, NULL, 0 },
    { "n[1-3]", "traefik,hello,http://n11:8000", NULL, NULL, 0 },
    /* loopback is nobody's, whatever the node list says */
    { "localhost", "traefik,hello,http://localhost:8000", NULL, NULL, 0 },
    { "127.0.0.1", "traefik,hello,http://127.0.0.1:8000", NULL, NULL, 0 },
    { "127.9.9.9", "traefik,hello,http://127.9.9.9:8000", NULL, NULL, 0 },
    { "0.0.0.0", "traefik,hello,http://0.0.0.0:8000", NULL, NULL, 0 },
    { "localhost", "traefik,hello,http://localhost.localdomain:8000", NULL, NULL, 0 },
    /* no such Comment */
    { "n1", "", NULL, NULL, 0 },
    { "n1", "traefik", NULL, NULL, 0 },
    { "n1", "traefik,", NULL, NULL, 0 },
    { "n1", "traefik,,http://n1:8000", NULL, NULL, 0 },
    { "n1", "traefik,hello", NULL, NULL, 0 },
    { "n1", "traefik,hello,https://n1:8000", NULL, NULL, 0 },
    { "n1", "traefik,hello,http://n1", NULL, NULL, 0 },
    { "n1", "traefik,hello,http://n1:0", NULL, NULL, 0 },
    { "n1", "traefik,hello,http://n1:99999", NULL, NULL, 0 },
    { "n1", "traefik,hello,http://n1:80/path", NULL, NULL, 0 },
    { "n1", "other,hello,http://n1:8000", NULL, NULL, 0 },
    /* names that are none, or somebody's */
    { "n1", "traefik,a b,http://n1:8000", NULL, NULL, 0 },
    { "n1", "traefik,../x,http://n1:8000", NULL, NULL, 0 },
    { "n1", "traefik,a`) || Path(`/,http://n1:8000", NULL, NULL, 0 },
    { "n1", "traefik,api,http://n1:8000", NULL, NULL, 0 },
    { "n1", "traefik,mine,http://n1:8000", NULL, NULL, 0 },
    { "n1", "traefik,other,http://n1:8000", NULL, NULL, 0 },
};

static void a_comment_counts_for_a_node_of_its_job_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct job_info job = { .nodes = rows[i].nodes, .comment = rows[i].comment };
        struct imports im = { 0 };
        imports_set(&im, cfg, &job, 1);
        if (im.n != (rows[i].service != NULL))
            fail_msg("%s on %s: %zu", rows[i].comment, rows[i].nodes, im.n);
        if (im.n) {
            assert_string_equal(im.v[0].service, rows[i].service);
            assert_string_equal(im.v[0].host, rows[i].host);
            assert_int_equal(im.v[0].port, rows[i].port);
        }
        imports_free(&im);
    }
}

static void each_query_takes_the_place_of_the_one_before(void **state)
{
    struct job_info jobs[] = { { .nodes = "n1", .comment = "traefik,a,http://n1:1" },
                               { .nodes = "n2", .comment = "traefik,a,http://n1:1" },
                               { .nodes = "n2", .comment = "traefik,a,http://n2:1" } };
    struct imports im = { 0 };

    (void)state;
    imports_set(&im, cfg, jobs, 3);
    assert_int_equal(im.n, 2);
    json_t *all = imports_json(&im);
    assert_int_equal(json_array_size(all), 2);
    json_decref(all);
    imports_set(&im, cfg, NULL, 0);
    assert_int_equal(im.n, 0);
    imports_free(&im);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_comment_counts_for_a_node_of_its_job_alone),
        cmocka_unit_test(each_query_takes_the_place_of_the_one_before),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
