/* SPDX-License-Identifier: MIT */
#include "backend/balance.h"
#include "backend/base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define GATEWAY "http://127.0.0.1:11434"

static struct config *cfg;

static int load(void **state)
{
    static const char text[] = "[cluster.a]\nkind = 'local'\n"
                               "[model.keyed]\nengine = 'parrot'\n"
                               "[model.'open+1']\nengine = 'command'\ncommand = ['x']\nexpose = true\nhealth "
                               "= \"/te'st\"\nhealth_status = [204, 200]\n"
                               "[model.plain]\nengine = 'command'\ncommand = ['x']\nexpose = true\n"
                               "[model.relayed]\nengine = 'http'\ncommand = ['x']\nexpose = true\n";
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

static void add(struct balance *b, const char *model, const char *host, int port)
{
    balance_add(b, config_model(cfg, model), GATEWAY, host, port);
}

static void who_asks_for_a_key_is_behind_the_gateway(void **state)
{
    struct balance b = { 0 };

    (void)state;
    add(&b, "keyed", "n1", 1000);
    add(&b, "keyed", "n2", 1000);
    add(&b, "relayed", "n1", 1001);
    add(&b, "plain", "n1", 1002);
    assert_int_equal(b.n, 3);
    assert_true(b.v[0].through_gateway);
    assert_int_equal(b.v[0].urls.n, 1);
    assert_string_equal(b.v[0].urls.v[0], GATEWAY);
    assert_false(b.v[1].through_gateway);
    assert_string_equal(b.v[1].urls.v[0], "http://n1:1002");
    assert_true(b.v[2].through_gateway);
    balance_free(&b);
}

static void servers_are_sorted_and_none_is_there_twice(void **state)
{
    struct balance b = { 0 };

    (void)state;
    add(&b, "plain", "n2", 1);
    add(&b, "plain", "n1", 1);
    add(&b, "plain", "::1", 1);
    add(&b, "plain", "n2", 1);
    assert_int_equal(b.n, 1);
    assert_int_equal(b.v[0].urls.n, 3);
    assert_string_equal(b.v[0].urls.v[0], "http://[::1]:1");
    assert_string_equal(b.v[0].urls.v[1], "http://n1:1");
    assert_string_equal(b.v[0].urls.v[2], "http://n2:1");
    assert_null(b.v[0].urls.v[3]);
    balance_free(&b);
}

static void what_cannot_be_reached_is_left_out(void **state)
{
    struct balance b = { 0 };

    (void)state;
    add(&b, "plain", "", 1);
    add(&b, "plain", "n1", 0);
    add(&b, "plain", "n1\nbackend x", 1);
    add(&b, "plain", "n1 n2", 1);
    add(&b, "plain", "n[1-2]", 1);
    balance_add(&b, config_model(cfg, "keyed"), "unix:/x", "n1", 1);
    balance_add(&b, config_model(cfg, "keyed"), "", "n1", 1);
    assert_int_equal(b.n, 0);
    json_t *all = balance_traefik(&b);
    assert_int_equal(json_object_size(all), 0);
    json_decref(all);
    balance_free(&b);
}

/* ---- Formats */

static void yaml_has_the_shape_of_forever_slurm(void **state)
{
    static const char want[] =
        "# Written by `slullamafs traefik`, which writes it anew: for Traefik's file provider.\n"
        "http:\n"
        "  routers:\n"
        "    plain-router:\n"
        "      entryPoints:\n"
        "        - \"web\"\n"
        "      service: \"plain\"\n"
        "      rule: \"Path(`/plain`) || PathPrefix(`/plain/`)\"\n"
        "      middlewares:\n"
        "        - \"retry\"\n"
        "        - \"strip-plain-prefix\"\n"
        "  middlewares:\n"
        "    retry:\n"
        "      retry:\n"
        "        attempts: 3\n"
        "        initialInterval: \"500ms\"\n"
        "    strip-plain-prefix:\n"
        "      stripPrefix:\n"
        "        prefixes:\n"
        "          - \"/plain\"\n"
        "  services:\n"
        "    plain:\n"
        "      loadBalancer:\n"
        "        healthCheck:\n"
        "          path: \"/health\"\n"
        "          interval: \"10s\"\n"
        "          timeout: \"5s\"\n"
        "        servers:\n"
        "          - url: \"http://n1:1\"\n"
        "          - url: \"http://n2:1\"\n";
    struct balance b = { 0 };
    struct buf out = { 0 };

    (void)state;
    add(&b, "plain", "n2", 1);
    add(&b, "plain", "n1", 1);
    balance_traefik_yaml(&b, &out);
    assert_string_equal(buf_str(&out), want);
    buf_free(&out);
    balance_free(&b);
}

static json_t *at(json_t *v, const char *a, const char *b, const char *c)
{
    return json_object_get(json_object_get(json_object_get(v, a), b), c);
}

static void the_gateway_keeps_the_prefix_and_its_own_name(void **state)
{
    struct balance b = { 0 };

    (void)state;
    add(&b, "keyed", "n1", 1);
    json_t *all = balance_traefik(&b), *router = at(all, "http", "routers", "keyed-router"),
           *balancer = json_object_get(at(all, "http", "services", "keyed"), "loadBalancer");
    assert_int_equal(json_array_size(json_object_get(router, "middlewares")), 1);
    assert_null(at(all, "http", "middlewares", "strip-keyed-prefix"));
    assert_true(json_is_false(json_object_get(balancer, "passHostHeader")));
    assert_null(json_object_get(json_object_get(balancer, "healthCheck"), "status"));
    json_decref(all);
    balance_free(&b);
}

static void an_engine_is_healthy_as_its_configuration_says(void **state)
{
    struct balance b = { 0 };
    struct buf out = { 0 };

    (void)state;
    add(&b, "open+1", "n1", 1);
    add(&b, "open+1", "localhost", 2);
    json_t *all = balance_traefik(&b),
           *check = json_object_get(json_object_get(at(all, "http", "services", "open+1"), "loadBalancer"),
                                    "healthCheck");
    assert_string_equal(json_string_value(json_object_get(check, "path")), "/te'st");
    assert_int_equal(json_integer_value(json_object_get(check, "status")), 204);
    json_decref(all);
    balance_haproxy(&b, &out);
    assert_non_null(strstr(buf_str(&out), "\nbackend open:1\n"));
    assert_non_null(strstr(buf_str(&out), " uri /te\\'st ver "));
    assert_non_null(strstr(buf_str(&out), "expect status 204\n"));
    assert_non_null(strstr(buf_str(&out), "    server 2 n1:1 check "));
    assert_non_null(strstr(buf_str(&out), "    server 1 ipv4@localhost:2 check "));
    buf_free(&out);
    balance_free(&b);
}

static void an_imported_service_has_no_health_path(void **state)
{
    struct balance b = { 0 };
    struct buf out = { 0 };

    (void)state;
    balance_add_other(&b, "hello", "n2", 2);
    balance_add_other(&b, "hello", "n1", 2);
    balance_add_other(&b, "a b", "n1", 2);
    balance_add_other(&b, "x", "n1;", 2);
    assert_int_equal(b.n, 1);
    assert_int_equal(b.v[0].urls.n, 2);
    json_t *all = balance_traefik(&b),
           *balancer = json_object_get(at(all, "http", "services", "hello"), "loadBalancer");
    assert_int_equal(json_object_size(balancer), 1);
    json_decref(all);
    balance_haproxy(&b, &out);
    assert_null(strstr(buf_str(&out), "httpchk"));
    assert_non_null(strstr(buf_str(&out), "    server 2 n2:2 check "));
    buf_free(&out);
    balance_free(&b);
}

static void nothing_healthy_is_an_empty_file_of_either(void **state)
{
    struct balance b = { 0 };
    struct buf out = { 0 };

    (void)state;
    balance_traefik_yaml(&b, &out);
    assert_non_null(strstr(buf_str(&out), "provider.\n{}\n"));
    buf_reset(&out);
    balance_haproxy(&b, &out);
    assert_null(strstr(buf_str(&out), "\nbackend"));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_asks_for_a_key_is_behind_the_gateway),
        cmocka_unit_test(servers_are_sorted_and_none_is_there_twice),
        cmocka_unit_test(what_cannot_be_reached_is_left_out),
        cmocka_unit_test(yaml_has_the_shape_of_forever_slurm),
        cmocka_unit_test(the_gateway_keeps_the_prefix_and_its_own_name),
        cmocka_unit_test(an_engine_is_healthy_as_its_configuration_says),
        cmocka_unit_test(an_imported_service_has_no_health_path),
        cmocka_unit_test(nothing_healthy_is_an_empty_file_of_either),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
