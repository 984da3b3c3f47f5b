/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "backend/engine/engine.h"

static void test_rows(void **state)
{
    static const char *const names[] = { "llamacpp", "vllm", "ollama", "http", "command", "parrot" };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct engine *en = engine_find(names[i]);

        assert_non_null(en);
        assert_string_equal(en->name, names[i]);
        assert_non_null(strstr(en->script, "\nengine() {\n"));
        assert_non_null(strstr(en->script, "exec "));
        assert_int_equal(en->health_path[0], '/');
        assert_int_equal(en->proof_path[0], '/');
        assert_true(en->has_key);
        assert_true(en->apis & API_OPENAI);
    }
}

static void test_served_names(void **state)
{
    static const char *const rows[][2] = {
        { "qwen3.5:9b", "qwen3.5:9b" },
        { "openai/gpt-oss-20b", "openai/gpt-oss-20b" },
        { "/mimer/hub/models--openai--gpt-oss-20b/snapshots/0ab1", "openai/gpt-oss-20b" },
        { "~/hub/models--openai--gpt-oss-20b", "openai/gpt-oss-20b" },
        { "/hub/models--gpt2/snapshots/607a", "gpt2" },
        { "/hub/models--a--b--c", "a/b--c" },
        { "models--a--b", "models--a--b" },
        { "", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct model_config m = { .model = (char *)rows[i][0] };
        struct buf name = { 0 };

        engine_served_name(&m, &name);
        assert_string_equal(buf_str(&name), rows[i][1]);
        buf_free(&name);
    }
}

static void test_unknown(void **state)
{
    (void)state;
    assert_null(engine_find("llama"));
    assert_null(engine_find(""));
}

static void test_proof(void **state)
{
    struct model_config m = { .job.expose = false };

    (void)state;
    assert_true(engine_wants_proof(engine_find("command"), &m));
    assert_true(engine_wants_proof(engine_find("llamacpp"), &m));
    m.job.expose = true;
    assert_false(engine_wants_proof(engine_find("command"), &m));
    assert_true(engine_wants_proof(engine_find("llamacpp"), &m));
    assert_true(engine_wants_proof(engine_find("parrot"), &m));
    assert_true(engine_wants_proof(engine_find("vllm"), &m));
    assert_false(engine_wants_proof(engine_find("ollama"), &m));
    assert_false(engine_wants_proof(engine_find("http"), &m));
}

static void test_context(void **state)
{
    static const struct {
        const char *said;
        int64_t context;
    } rows[] = {
        { "{\"data\":[{\"id\":\"m\",\"max_model_len\":131072}],\"object\":\"list\"}", 131072 },
        { "{\"data\":[{\"id\":\"m\"}]}", 0 },
        { "{\"data\":[]}", 0 },
        { "{\"default_generation_settings\":{\"n_ctx\":-1}}", 0 },
        { "{\"default_generation_settings\":{\"n_ctx\":\"8192\"}}", 0 },
        { "{\"error\":{\"code\":401}}", 0 },
    };
    json_t *v = json_load_file(TEST_DATA "/llamacpp-props.json", 0, NULL);

    (void)state;
    assert_int_equal(engine_context(v), 2048);
    json_decref(v);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        v = json_loads(rows[i].said, 0, NULL);
        assert_non_null(v);
        assert_int_equal(engine_context(v), rows[i].context);
        json_decref(v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        { "every engine has shell lines that end in exec, and paths to look at", test_rows, NULL, NULL,
          NULL },
        { "a path of a Hugging Face cache is served by the model's name", test_served_names, NULL, NULL,
          NULL },
        { "only an exposed program of the user's need not prove itself", test_proof, NULL, NULL, NULL },
        { "an engine tells how many tokens it takes, or does not", test_context, NULL, NULL, NULL },
        { "an unknown engine is not found", test_unknown, NULL, NULL, NULL },
    };

    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
