/* SPDX-License-Identifier: MIT */
#include "fs/door_http/model_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static char *aliases[] = { "q", NULL };
static struct model_config ollama = {
    .name = "qwen", .engine = "ollama", .model = "qwen3.5:9b", .aliases = { aliases, 1 }
};

static const struct row {
    const char *before, *after; /* after NULL: as it was */
} rows[] = {
    { "{\"model\":\"qwen\"}", "{\"model\":\"qwen3.5:9b\"}" },
    { " {\"a\":{\"model\":\"qwen\"}, \"model\" : \"\\u0071\" ,\"b\":1} ",
      " {\"a\":{\"model\":\"qwen\"}, \"model\" : \"qwen3.5:9b\" ,\"b\":1} " },
    { "{}", "{\"model\":\"qwen3.5:9b\"}" },
    { "{ }", "{\"model\":\"qwen3.5:9b\" }" },
    { "{\"messages\":[]}", "{\"model\":\"qwen3.5:9b\",\"messages\":[]}" },
    { "{\"model\":\"qwen3.5:9b\"}", NULL },
    { "{\"model\":\"other\"}", NULL },
    { "--boundary\r\n", NULL },
    { "", NULL },
};

static void expect_of(const struct model_config *m, const char *type, const char *before, const char *after)
{
    struct buf body = { 0 };

    buf_adds(&body, before);
    for (int i = 0; i < 2; i++) {
        model_name_for_engine(&body, type, true, m);
        assert_string_equal(buf_str(&body), after);
    }
    buf_free(&body);
}

static void expect(const struct model_config *m, const char *before, const char *after)
{
    expect_of(m, NULL, before, after);
}

static void test_the_engine_gets_its_own_name_for_ours_and_for_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect(&ollama, rows[i].before, rows[i].after ? rows[i].after : rows[i].before);
}

static void test_a_beginning_gets_it_where_it_has_the_name(void **state)
{
    static const struct {
        const char *before, *after;
    } beginnings[] = {
        { "{\"model\":\"q\",\"messages\":[\"abc", "{\"model\":\"qwen3.5:9b\",\"messages\":[\"abc" },
        { "{\"model\":\"q", "{\"model\":\"q" },
        { "{\"messages\":[\"abc", "{\"messages\":[\"abc" },
        { "binary", "binary" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        struct buf body = { 0 };
        buf_adds(&body, beginnings[i].before);
        model_name_for_engine(&body, NULL, false, &ollama);
        assert_string_equal(buf_str(&body), beginnings[i].after);
        buf_free(&body);
    }
}

static void test_an_engine_that_takes_any_name_gets_the_clients(void **state)
{
    struct model_config vllm = ollama;

    (void)state;
    vllm.engine = "vllm";
    expect(&vllm, "{\"model\":\"q\"}", "{\"model\":\"q\"}");
}

static void test_models_of_a_share_are_told_apart_by_their_names(void **state)
{
    struct model_config one = ollama;

    (void)state;
    one.engine = "command";
    one.name = "llama3-8b";
    one.aliases = (struct strings){ 0 };
    one.model = "llama3:8b";
    expect(&one, "{\"model\":\"llama3-8b\"}", "{\"model\":\"llama3-8b\"}");
    one.share = "gpu";
    expect(&one, "{\"model\":\"llama3-8b\"}", "{\"model\":\"llama3:8b\"}");
    expect(&one, "{\"model\":\"phi4\"}", "{\"model\":\"phi4\"}"); /* a name that nobody has */
    one.model = "";
    expect(&one, "{\"messages\":[]}", "{\"messages\":[]}");
}

static void test_a_form_gets_the_name_as_well(void **state)
{
    static const char form[] = "multipart/form-data; boundary=b", other[] = "multipart/mixed; boundary=b";
#define PART(name, value) "--b\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" value "\r\n"

    (void)state;
    expect_of(&ollama, form, PART("a", "1") PART("model", "q") "--b--\r\n",
              PART("a", "1") PART("model", "qwen3.5:9b") "--b--\r\n");
    expect_of(&ollama, form, PART("a", "1") "--b--\r\n",
              PART("model", "qwen3.5:9b") PART("a", "1") "--b--\r\n");
    expect_of(&ollama, form, PART("model", "other") "--b--\r\n", PART("model", "other") "--b--\r\n");
    expect_of(&ollama, form, PART("model", "q"), PART("model", "q")); /* cut short */
    expect_of(&ollama, other, PART("model", "q") "--b--\r\n", PART("model", "q") "--b--\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_engine_gets_its_own_name_for_ours_and_for_none),
        cmocka_unit_test(test_an_engine_that_takes_any_name_gets_the_clients),
        cmocka_unit_test(test_a_beginning_gets_it_where_it_has_the_name),
        cmocka_unit_test(test_a_form_gets_the_name_as_well),
        cmocka_unit_test(test_models_of_a_share_are_told_apart_by_their_names),
    };

    return cmocka_run_group_tests_name("model_name", tests, NULL, NULL);
}
