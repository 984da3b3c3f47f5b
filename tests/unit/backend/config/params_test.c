/* SPDX-License-Identifier: MIT */
/* The table of parameters: what each may be, and what is said of the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "backend/config/params.h"

static int check(const char *text, struct err *e)
{
    json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);

    assert_non_null(v);
    int rc = params_check(v, e);
    json_decref(v);
    return rc;
}

/* A value of each type, in JSON. */
static const struct {
    char letter;
    const char *value;
} values[] = {
    { 'b', "true" }, { 'i', "1" },    { 'r', "0.5" },  { 's', "\"x\"" }, { 'S', "[\"x\",\"y\"]" },
    { 'o', "{}" },   { 'O', "[{}]" }, { 'z', "null" }, { 'e', "[]" },    { 'm', "[\"x\",1]" },
    { 'a', "[[]]" },
};
#define N_VALUES (sizeof values / sizeof values[0])

/* Which of them each parameter takes. */
static const struct {
    const char *name, *takes;
} rows[] = {
    { "temperature", "ir" },
    { "top_p", "ir" },
    { "top_k", "i" },
    { "min_p", "ir" },
    { "typical_p", "ir" },
    { "max_tokens", "i" },
    { "max_completion_tokens", "i" },
    { "seed", "i" },
    { "stop", "sS" },
    { "presence_penalty", "ir" },
    { "frequency_penalty", "ir" },
    { "repeat_penalty", "ir" },
    { "repetition_penalty", "ir" },
    { "logit_bias", "oa" },
    { "logprobs", "b" },
    { "top_logprobs", "i" },
    { "n", "i" },
    { "tools", "O" },
    { "tool_choice", "so" },
    { "parallel_tool_calls", "b" },
    { "response_format", "o" },
    { "reasoning_effort", "s" },
    { "chat_template_kwargs", "o" },
    { "user", "s" },
    { "model", "" },
    { "messages", "" },
    { "stream", "" },
    { "stream_options", "" },
};
#define N_ROWS (sizeof rows / sizeof rows[0])

static void each_takes_its_types_and_no_others(void **state)
{
    char text[128], quoted[64];

    (void)state;
    for (size_t i = 0; i < N_ROWS; i++) {
        for (size_t k = 0; k < N_VALUES; k++) {
            struct err e = { "" };
            snprintf(text, sizeof text, "{\"%s\":%s}", rows[i].name, values[k].value);
            snprintf(quoted, sizeof quoted, "\"%s\"", rows[i].name);
            int expected = strchr(rows[i].takes, values[k].letter) ? 0 : -EINVAL;
            if (check(text, &e) != expected)
                fail_msg("%s: not %d (%s)", text, expected, e.text);
            if (expected < 0 && !strstr(e.text, quoted))
                fail_msg("%s: \"%s\" does not name it", text, e.text);
        }
    }
}

static void numbers_have_ranges(void **state)
{
    static const char *const good[] = {
        "{\"temperature\":0}",
        "{\"temperature\":2}",
        "{\"top_p\":1}",
        "{\"top_k\":-1}",
        "{\"max_tokens\":1}",
        "{\"seed\":-9223372036854775807}",
        "{\"presence_penalty\":-2}",
        "{\"top_logprobs\":20}",
        "{}",
    };
    static const char *const bad[] = {
        "{\"temperature\":-0.1}",
        "{\"temperature\":2.1}",
        "{\"top_p\":1.01}",
        "{\"top_k\":-2}",
        "{\"max_tokens\":0}",
        "{\"max_tokens\":2147483648}",
        "{\"n\":2}",
        "{\"frequency_penalty\":2.5}",
        "{\"top_logprobs\":21}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(check(good[i], NULL), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(check(bad[i], NULL), -EINVAL);
}

static void the_sentence_says_what_and_what_not(void **state)
{
    struct err e;

    (void)state;
    check("{\"temperature\":9}", &e);
    assert_string_equal(e.text, "\"temperature\" must be a number between 0 and 2, not 9");
    check("{\"stop\":[1]}", &e);
    assert_string_equal(e.text, "\"stop\" must be a text or an array of texts, not [1]");
    check("{\"max_tokens\":0.5}", &e);
    assert_string_equal(e.text, "\"max_tokens\" must be an integer of 1 or more, not 0.5");
    check("{\"stream\":true}", &e);
    assert_non_null(strstr(e.text, "set by each request"));
    check("[]", &e);
    assert_non_null(strstr(e.text, "must be a JSON object"));
}

static void unknown_names_pass_and_are_told(void **state)
{
    json_t *v = json_pack("{s:f,s:i,s:n}", "temperature", 0.5, "tempreature", 1, "xyzzy");
    struct buf out = { 0 };

    (void)state;
    assert_int_equal(params_check(v, NULL), 0);
    params_unknown(v, &out);
    assert_string_equal(out.data, "\"tempreature\" (did you mean \"temperature\"?), \"xyzzy\"");
    buf_free(&out);
    json_decref(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_takes_its_types_and_no_others),
        cmocka_unit_test(numbers_have_ranges),
        cmocka_unit_test(the_sentence_says_what_and_what_not),
        cmocka_unit_test(unknown_names_pass_and_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
