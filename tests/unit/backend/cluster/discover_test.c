/* SPDX-License-Identifier: MIT */
#include "backend/cluster/found.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void a_context_follows_from_the_size_in_the_name(void **state)
{
    static const struct {
        const char *name;
        long most;
        int want;
    } rows[] = {
        { "x-1b", 0, 4096 },      { "x-7B", 0, 4096 },
        { "x-8b", 0, 8192 },      { "Qwen/Qwen3.5-9B", 0, 8192 },
        { "x-13b", 0, 8192 },     { "gpt-oss-20b", 131072, 10000 },
        { "x-21b-it", 0, 16384 }, { "x-34b", 0, 16384 },
        { "x-70b", 0, 32768 },    { "x-405b", 0, 32768 },
        { "gpt2", 0, 8192 },      { "gpt2", 1024, 1024 },
        { "x-70b", 8192, 8192 },  { "v2-3-x-20b", 0, 10000 },
        { "", 0, 8192 },          { "x-99999999999999b", 0, 4096 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(discover_context(rows[i].name, rows[i].most), rows[i].want);
}

static const char *text_of(const json_t *list, size_t i, const char *key)
{
    const json_t *one = json_array_get(list, i), *v = json_object_get(json_object_get(one, "table"), key);

    return json_string_value(v ? v : json_object_get(one, key));
}

static void a_list_becomes_tables(void **state)
{
    json_t *list = NULL;
    struct err e;

    (void)state;
    assert_int_equal(discover_parse("Welcome to the cluster\nsfs-found at\t\t/h/hub\n"
                                    "sfs-found hf\t2048\topenai--gpt-oss-20b\nmodule: not found\n"
                                    "sfs-found hf\t\tgpt2\n"
                                    "sfs-found ollama\t\tlibrary/llama3/8b\n"
                                    "sfs-found ollama\t\tlibrary/llama3/latest\n"
                                    "sfs-found ollama\t\tme/mine/latest\nsfs-found end\n",
                                    &list, &e),
                     0);
    assert_int_equal(json_array_size(list), 5);
    assert_string_equal(text_of(list, 0, "name"), "openai/gpt-oss-20b");
    assert_string_equal(text_of(list, 0, "model"), "/h/hub/models--openai--gpt-oss-20b");
    assert_string_equal(text_of(list, 0, "engine"), "vllm");
    assert_string_equal(text_of(list, 1, "name"), "gpt2");
    assert_string_equal(text_of(list, 2, "name"), "llama3:8b");
    assert_string_equal(text_of(list, 2, "engine"), "ollama");
    assert_string_equal(text_of(list, 2, "models_dir"), "/h/hub");
    assert_string_equal(text_of(list, 3, "name"), "llama3");
    assert_string_equal(text_of(list, 4, "name"), "me/mine");
    json_decref(list);
}

static void what_is_no_list_is_refused(void **state)
{
    static const struct {
        const char *text, *words;
        int rc;
    } rows[] = {
        { "", "stopped short", -EPROTO },
        { "sfs-found end\n", "stopped short", -EPROTO },
        { "sfs-found at\t\t/h\nsfs-found hf\t\tgpt2\n", "stopped short", -EPROTO },
        { "hello\nsfs-found none\n", "no such directory", -ENOENT },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *list = NULL;
        struct err e;
        assert_int_equal(discover_parse(rows[i].text, &list, &e), rows[i].rc);
        assert_non_null(strstr(e.text, rows[i].words));
        assert_null(list);
    }
}

static void lines_that_are_cut_or_odd_are_skipped(void **state)
{
    json_t *list = NULL;
    struct err e;

    (void)state;
    assert_int_equal(
        discover_parse("sfs-found hf\t\tbefore\nsfs-found at\t\t/h\nsfs-found hf\nsfs-found hf\t\t\n"
                       "sfs-found other\t\tx\nsfs-found hf\t\t\xff\xfe\nsfs-found hf\tx\tok\n"
                       "sfs-found end\n",
                       &list, &e),
        0);
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(text_of(list, 0, "name"), "ok");
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_context_follows_from_the_size_in_the_name),
        cmocka_unit_test(a_list_becomes_tables),
        cmocka_unit_test(what_is_no_list_is_refused),
        cmocka_unit_test(lines_that_are_cut_or_odd_are_skipped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
