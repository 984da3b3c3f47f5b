/* SPDX-License-Identifier: MIT */
/* Bodies of requests: what may be written, what is added to it, and what an answer of vectors gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "backend/engine/body.h"

#define HELLO "{\"role\":\"user\",\"content\":\"hello\"}"

static const struct request_defaults plain = { .model = "m", .system = "" };

static void body_is(void (*body)(const char *, size_t, const struct request_defaults *, struct buf *),
                    const char *text, const struct request_defaults *d, const char *expected)
{
    struct buf out = { 0 };

    body(text, strlen(text), d, &out);
    assert_string_equal(buf_str(&out), expected);
    buf_free(&out);
}

static void check_is(int (*check)(const char *, size_t, struct err *), const char *text, int rc,
                     const char *says)
{
    struct err e = { "" };

    assert_int_equal(check(text, strlen(text), &e), rc);
    if (rc < 0 && !strstr(e.text, says))
        fail_msg("\"%s\" does not say \"%s\"", e.text, says);
}

/* ---- request */

static void what_is_no_request_is_refused(void **state)
{
    (void)state;
    check_is(request_check, "hello", -EINVAL, "no JSON");
    check_is(request_check, "{\"messages\":[" HELLO "]} x", -EINVAL, "no JSON: line 1, column");
    check_is(request_check, "[]", -EINVAL, "must be a JSON object");
    check_is(request_check, "\"text\"", -EINVAL, "must be a JSON object");
    check_is(request_check, "{}", -EINVAL, "no \"messages\"");
    check_is(request_check, "{\"messages\":\"hello\"}", -EINVAL, "array");
    check_is(request_check, "{\"messages\":[]}", -EINVAL, "at least one");
    check_is(request_check, "{\"messages\":[" HELLO ",3]}", -EINVAL, "message 1");
    check_is(request_check, "{\"messages\":[" HELLO "],\"stream\":\"yes\"}", -EINVAL, "\"stream\"");
    check_is(request_check, "{\"seed\":99999999999999999999,\"messages\":[" HELLO "]}", -EINVAL, "no JSON");
}

static void what_stops_short_may_still_become_one(void **state)
{
    static const char whole[] =
        "{\"messages\":[" HELLO "],\"n\":-1.5e+3,\"user\":\"\\u00e4 \\\" \",\"stream\":true}\n";

    (void)state;
    for (size_t n = 1; n < sizeof whole - 2; n++)
        assert_int_equal(request_check(whole, n, NULL), -ENODATA);
    assert_int_equal(request_check(whole, sizeof whole - 2, NULL), 0);
    assert_int_equal(request_check(whole, sizeof whole - 1, NULL), 0);
}

static void the_model_is_set_and_all_else_stays(void **state)
{
    static const struct request_defaults unnamed = { .model = "", .system = "" };

    (void)state;
    body_is(request_body, "{ \"messages\": [" HELLO "], \"temperature\": 0.7, \"odd\": null }", &plain,
            "{\"messages\":[" HELLO "],\"temperature\":0.7,\"odd\":null,\"model\":\"m\"}");
    body_is(request_body, "{\"model\":\"other\",\"messages\":[" HELLO "]}", &plain,
            "{\"model\":\"m\",\"messages\":[" HELLO "]}");
    body_is(request_body, "{\"messages\":[" HELLO "]}", &unnamed, "{\"messages\":[" HELLO "]}");
}

static void defaults_fill_only_what_is_missing(void **state)
{
    json_t *params = json_pack("{s:i,s:f}", "seed", 7, "temperature", 0.5);
    struct request_defaults d = { .model = "", .system = "be brief", .params = params };

    (void)state;
    body_is(request_body, "{\"messages\":[" HELLO "],\"temperature\":0}", &d,
            "{\"messages\":[{\"role\":\"system\",\"content\":\"be brief\"}," HELLO
            "],\"temperature\":0,\"seed\":7}");
    d.params = NULL;
    body_is(request_body, "{\"messages\":[{\"role\":\"system\",\"content\":\"x\"}]}", &d,
            "{\"messages\":[{\"role\":\"system\",\"content\":\"x\"}]}");
    body_is(request_body, "{\"messages\":[{\"role\":\"developer\",\"content\":\"x\"}]}", &d,
            "{\"messages\":[{\"role\":\"developer\",\"content\":\"x\"}]}");
    json_decref(params);
}

static void a_prompt_takes_the_defaults_too(void **state)
{
    json_t *params = json_pack("{s:f}", "temperature", 0.7);
    struct request_defaults d = { .model = "m", .system = "be \"brief\"", .params = params };

    (void)state;
    body_is(prompt_body, "hello", &d,
            "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"be \\\"brief\\\"\"}," HELLO
            "],\"temperature\":0.7,\"stream\":true,\"stream_options\":{\"include_usage\":true}}");
    json_decref(params);
}

/* ---- embed */

static void a_text_or_an_array_of_texts_is_embedded(void **state)
{
    (void)state;
    body_is(embed_body, "a \"b\"\nc", &plain, "{\"model\":\"m\",\"input\":\"a \\\"b\\\"\\nc\"}");
    body_is(embed_body, "[\"a\", \"b\"]", &plain, "{\"model\":\"m\",\"input\":[\"a\",\"b\"]}");
    body_is(embed_body, "[1] is a footnote", &plain, "{\"model\":\"m\",\"input\":\"[1] is a footnote\"}");
    check_is(embed_check, "any text", 0, "");
    check_is(embed_check, "[\"a\", \"b\"]", 0, "");
    check_is(embed_check, "[1] is a footnote", 0, "");
    check_is(embed_check, "[]", -EINVAL, "empty");
    check_is(embed_check, "[\"a\", 3]", -EINVAL, "element 1");
    check_is(embed_check, "[\"\"]", -EINVAL, "element 0");
}

static int answer(const char *text, const char *object, struct buf *out)
{
    struct buf t = { 0 };
    json_t *v = json_loads(object, 0, NULL);

    buf_adds(&t, text);
    int rc = embed_answer(&t, v, out);
    buf_free(&t);
    json_decref(v);
    return rc;
}

static void answer_is(const char *text, const char *object, const char *expected)
{
    struct buf out = { 0 };

    assert_int_equal(answer(text, object, &out), 0);
    assert_string_equal(buf_str(&out), expected);
    buf_free(&out);
}

static void vectors_have_the_shape_of_the_texts(void **state)
{
    (void)state;
    answer_is("a", "{\"data\":[{\"index\":0,\"embedding\":[0.1,-2,3e-5]}]}", "[0.1,-2,3e-5]\n");
    answer_is("[\"a\"]", "{\"data\":[{\"embedding\":[0.1]}]}", "[[0.1]]\n");
    answer_is("[\"a\",\"b\"]", "{\"data\":[{\"index\":1,\"embedding\":[1]},{\"index\":0,\"embedding\":[0]}]}",
              "[[0],[1]]\n");
}

static void what_is_no_vector_is_no_answer(void **state)
{
    static const char *const bad[] = {
        "{}",
        "[]",
        "{\"data\":[]}",
        "{\"data\":[{\"embedding\":\"AAAA\"}]}",
        "{\"data\":[{\"embedding\":[]}]}",
        "{\"data\":[{\"embedding\":[0,null]}]}",
        "{\"data\":[{\"index\":1,\"embedding\":[0]}]}",
        "{\"data\":[{\"index\":-1,\"embedding\":[0]}]}",
    };
    struct buf out = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(answer("a", bad[i], &out), -EPROTO);
    assert_int_equal(answer("[\"a\",\"b\"]", "{\"data\":[{\"embedding\":[0]}]}", &out), -EPROTO);
    assert_int_equal(out.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_request_is_refused),
        cmocka_unit_test(what_stops_short_may_still_become_one),
        cmocka_unit_test(the_model_is_set_and_all_else_stays),
        cmocka_unit_test(defaults_fill_only_what_is_missing),
        cmocka_unit_test(a_prompt_takes_the_defaults_too),
        cmocka_unit_test(a_text_or_an_array_of_texts_is_embedded),
        cmocka_unit_test(vectors_have_the_shape_of_the_texts),
        cmocka_unit_test(what_is_no_vector_is_no_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
