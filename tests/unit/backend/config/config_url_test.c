/* SPDX-License-Identifier: MIT */
#include "config_fixture.h"

#include <errno.h>
#include <stdlib.h>

static void urls_have_a_host_and_a_port(void **state)
{
    static const struct {
        const char *text, *host;
        bool tls;
        int port;
    } rows[] = {
        { "http://h", "h", false, 80 },
        { "https://llm.example.org", "llm.example.org", true, 443 },
        { "http://127.0.0.1:11435/", "127.0.0.1", false, 11435 },
        { "https://[::1]:8443", "::1", true, 8443 },
        { "http://[fe80::1]", "fe80::1", false, 80 },
    };
    struct url_parts u;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(url_parse(rows[i].text, &u, NULL), 0);
        assert_string_equal(u.host, rows[i].host);
        assert_int_equal(u.tls, rows[i].tls);
        assert_int_equal(u.port, rows[i].port);
    }
}

static void what_is_no_url_is_refused(void **state)
{
    static const char *const texts[] = {
        "",           "h:80",       "ftp://h",        "http://",         "http://:80",
        "http://h:",  "http://h:0", "http://h:65536", "http://h:123456", "http://h:8x",
        "http://h/p", "http://u@h", "http://h?q",     "http://[::1",     "http://a b"
    };
    struct url_parts u = { .port = 7 };
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(url_parse(texts[i], &u, &e), -EINVAL);
        assert_int_equal(u.port, 7);
        assert_non_null(strstr(e.text, "must be http://HOST:PORT"));
    }
}

/* ---- Clusters of that kind */

static void a_gateway_needs_no_models(void **state)
{
    struct config *c = parse("[cluster.team]\nkind = 'gateway'\nhost = 'login'\n");

    (void)state;
    assert_int_equal(c->n_models, 0);
    assert_true(cluster_is_gateway(c->clusters[0]));
    assert_string_equal(c->clusters[0]->url, "http://127.0.0.1:11435");
    config_free(c);
}

static void a_model_of_it_needs_no_engine(void **state)
{
    struct config *c =
        parse("[cluster.team]\nkind = 'gateway'\nurl = 'https://h'\n[cluster.here]\nkind = 'local'\n"
              "[model.far]\ncluster = 'team'\n[model.q]\ncluster = 'team'\nmodel = 'q:1'\nslots = 2\n"
              "[model.p]\ncluster = 'here'\nengine = 'parrot'\n");

    (void)state;
    assert_string_equal(c->models[0]->engine, "gateway");
    assert_string_equal(c->models[0]->model, "far");
    assert_int_equal(c->models[0]->slots, 256);
    assert_string_equal(c->models[1]->model, "q:1");
    assert_int_equal(c->models[1]->slots, 2);
    assert_string_equal(c->models[2]->engine, "parrot");

    /* The file `config` gives the same again. */
    char *text = config_to_toml(c);
    struct config *again = parse(text);
    assert_string_equal(again->models[0]->engine, "gateway");
    assert_string_equal(again->clusters[0]->url, "https://h");
    config_free(again);
    free(text);
    config_free(c);
}

static void found_ones_are_not_mixed_up_with_our_own(void **state)
{
    struct config *c =
        parse("[cluster.team]\nkind = 'gateway'\nurl = 'https://h'\n[cluster.here]\nkind = 'local'\n"
              "[model.q]\ncluster = 'here'\nengine = 'parrot'\n[model.far]\ncluster = 'team'\n");
    json_t *q = json_pack("{s:s,s:s}", "engine", "gateway", "model", "q");
    json_t *far = json_pack("{s:s,s:s}", "engine", "gateway", "model", "far");
    struct err e;

    (void)state;
    assert_int_equal(config_add_found(c, "team", "q", q, &e), 0);
    assert_string_equal(c->models[2]->name, "q-2");
    assert_int_equal(config_add_found(c, "team", "q", q, &e), -EEXIST);
    assert_int_equal(config_add_found(c, "team", "far", far, &e), -EEXIST);
    json_decref(q);
    json_decref(far);
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_have_a_host_and_a_port),
        cmocka_unit_test(what_is_no_url_is_refused),
        cmocka_unit_test(a_gateway_needs_no_models),
        cmocka_unit_test(a_model_of_it_needs_no_engine),
        cmocka_unit_test(found_ones_are_not_mixed_up_with_our_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
