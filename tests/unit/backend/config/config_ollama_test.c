/* SPDX-License-Identifier: MIT */
#include "backend/config/config_ollama.h"
#include "backend/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void it_is_asked_on_loopback_alone(void **state)
{
    static const struct {
        const char *host;
        int port;
    } rows[] = {
        { "", 11434 },
        { ":1234", 1234 },
        { "127.0.0.1", 11434 },
        { "localhost:80", 80 },
        { "0.0.0.0:99", 99 },
        { "http://127.0.0.1:7", 7 },
        { "http://localhost/", 11434 },
        { "192.0.2.1:1", 0 },
        { "example.org", 0 },
        { "127.0.0.1:0", 0 },
        { "127.0.0.1:70000", 0 },
        { "127.0.0.1:x", 0 },
        { "localhost.example:1", 0 },
        { "https://127.0.0.1", 0 },
        { "[::1]:1", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (ollama_port(rows[i].host) != rows[i].port)
            fail_msg("%s gives %d", rows[i].host, ollama_port(rows[i].host));
}

static void its_list_becomes_a_configuration(void **state)
{
    struct buf out = { 0 };
    struct config *c = NULL;
    struct err e = { "" };

    (void)state;
    setenv("HOME", "/h", 1);
    assert_true(
        ollama_config("{\"models\":[{\"name\":\"llama3:latest\"},{\"name\":\"qwen3.5:9b\"},{\"x\":1},7,"
                      "{\"name\":\"qwen3.5-9b\"},{\"name\":\"a\\nb\"},{\"name\":\"\"}]}",
                      "/models \"of\" mine", &out));
    if (config_parse(buf_str(&out), out.len, "", &c, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(c->n_models, 3);
    assert_string_equal(c->models[0]->name, "llama3");
    assert_string_equal(c->models[0]->model, "llama3");
    assert_string_equal(c->models[1]->name, "qwen3.5-9b");
    assert_string_equal(c->models[1]->model, "qwen3.5:9b");
    assert_string_equal(c->models[2]->name, "qwen3.5-9b-2");
    assert_string_equal(c->models[2]->share, "ollama");
    assert_string_equal(c->models[2]->models_dir, "/models \"of\" mine");
    assert_string_equal(c->clusters[0]->kind, "local");
    config_free(c);
    buf_free(&out);
}

static void what_lists_nothing_is_none(void **state)
{
    static const char *const texts[] = {
        "", "no JSON", "[]", "{}", "{\"models\":[]}", "{\"models\":7}", "{\"models\":[{}]}"
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct buf out = { 0 };
        assert_false(ollama_config(texts[i], "", &out));
        assert_int_equal(out.len, 0);
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_asked_on_loopback_alone),
        cmocka_unit_test(its_list_becomes_a_configuration),
        cmocka_unit_test(what_lists_nothing_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
