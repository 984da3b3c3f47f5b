/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "backend/batch/batch_line.h"

static struct batch_request parse(const char *text, bool json)
{
    struct batch_request r;

    batch_request_parse(text, strlen(text), json, 7, &r);
    return r;
}

/* The body of a line, as an engine gets it from a model with a system prompt and parameters. */
static void expect_body(const char *text, bool json, const char *path, const char *want)
{
    struct batch_request r = parse(text, json);
    json_t *params = json_pack("{s:i}", "seed", 1);
    struct request_defaults d = { .model = "served", .system = "Be short.", .params = params };
    struct buf body = { 0 };

    assert_string_equal(r.path, path);
    for (int i = 0; i < 2; i++) { /* a line may be sent again */
        buf_reset(&body);
        batch_request_body(&r, &d, &body);
        assert_string_equal(buf_str(&body), want);
    }
    buf_free(&body);
    json_decref(params);
    batch_request_finish(&r);
}

static void a_line_of_text_is_a_chat(void **state)
{
    (void)state;
    expect_body(
        "say \"hi\"", false, "/v1/chat/completions",
        "{\"messages\":[{\"role\":\"system\",\"content\":\"Be short.\"},{\"role\":\"user\",\"content\":"
        "\"say \\\"hi\\\"\"}],\"model\":\"served\",\"seed\":1}");
}

static void a_line_of_json_says_what_it_asks(void **state)
{
    (void)state;
    expect_body(
        "{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":{\"model\":\"x\","
        "\"messages\":[{\"role\":\"system\",\"content\":\"s\"}],\"seed\":2,\"stream\":true}}",
        true, "/v1/chat/completions",
        "{\"model\":\"served\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"}],\"seed\":2}");
    expect_body("{\"url\":\"/v1/embeddings\",\"body\":{\"input\":[\"a\"]}}", true, "/v1/embeddings",
                "{\"input\":[\"a\"],\"model\":\"served\"}");
    expect_body("{\"body\":{\"messages\":[{}],\"model\":\"x\",\"temperature\":0.7}}", true,
                "/v1/chat/completions",
                "{\"messages\":[{\"role\":\"system\",\"content\":\"Be "
                "short.\"},{}],\"model\":\"served\",\"temperature\":"
                "0.7,\"seed\":1}");
}

static void a_line_without_a_name_is_called_by_its_number(void **state)
{
    struct batch_request a = parse("text", false), b = parse("{\"body\":{\"messages\":[{}]}}", true),
                         c = parse("{\"custom_id\":\"\\u00fc\",\"body\":{\"messages\":[{}]}}", true);

    (void)state;
    assert_string_equal(a.custom_id, "line-7");
    assert_string_equal(b.custom_id, "line-7");
    assert_string_equal(c.custom_id, "\xc3\xbc");
    batch_request_finish(&a);
    batch_request_finish(&b);
    batch_request_finish(&c);
}

static void what_cannot_be_asked_says_why(void **state)
{
    static const struct {
        const char *text, *code;
    } rows[] = {
        { "nonsense", "invalid_json" },
        { "{\"custom_id\":\"a\"", "invalid_json" },
        { "[]", "invalid_json" },
        { "{\"custom_id\":1,\"body\":{\"messages\":[{}]}}", "invalid_custom_id" },
        { "{\"method\":\"GET\",\"body\":{\"messages\":[{}]}}", "invalid_method" },
        { "{\"url\":\"/v1/files\",\"body\":{}}", "invalid_url" },
        { "{\"url\":3,\"body\":{}}", "invalid_url" },
        { "{}", "invalid_body" },
        { "{\"body\":\"x\"}", "invalid_body" },
        { "{\"body\":{\"messages\":\"x\"}}", "invalid_body" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct batch_request r = parse(rows[i].text, true);
        if (r.path || !r.wrong || strcmp(r.code, rows[i].code) != 0)
            fail_msg("%s: %s", rows[i].text, r.code ? r.code : "it can be asked");
        batch_request_finish(&r);
    }
    struct batch_request r = parse("\xff", false);
    assert_string_equal(r.code, "invalid_utf8");
    batch_request_finish(&r);
}

static void a_file_is_json_if_its_first_line_looks_so(void **state)
{
    (void)state;
    assert_true(batch_line_is_json("{\"custom_id\":\"a\"", 15));
    assert_true(batch_line_is_json("{\"body\":{}}", 11));
    assert_false(batch_line_is_json("{ say \"hi\" }", 12));
    assert_false(batch_line_is_json("what is \"body\"?", 15));
    assert_false(batch_line_is_json("", 0));
}

static void a_result_is_one_line_with_what_the_engine_said(void **state)
{
    struct batch_request r = parse("text", false);
    struct batch_answer a = {
        .number = 12, .request_id = 3, .status = 200, .body = "{\n \"x\": 0.10\r\n}", .len = 15
    };
    struct batch_answer bad = { .number = 13, .code = "EIO", .wrong = "a \"word\"" };
    struct batch_answer odd = {
        .number = 4, .status = 502, .body = "<html>", .len = 6, .code = "EIO", .wrong = ""
    };
    struct buf out = { 0 };
    uint32_t number;

    (void)state;
    batch_result_write(&r, &a, &out);
    assert_string_equal(out.data,
                        "{\"id\":\"batch_req_12\",\"custom_id\":\"line-7\",\"response\":{\"status_code\":"
                        "200,\"request_id\":\"req_3\",\"body\":{  \"x\": 0.10  }},\"error\":null}\n");
    assert_int_equal(batch_result_number(out.data, out.len - 1, &number), 0);
    assert_int_equal(number, 12);
    buf_reset(&out);
    batch_result_write(&r, &bad, &out);
    assert_string_equal(out.data,
                        "{\"id\":\"batch_req_13\",\"custom_id\":\"line-7\",\"response\":null,\"error\":"
                        "{\"code\":\"EIO\",\"message\":\"a \\\"word\\\"\"}}\n");
    buf_reset(&out);
    batch_result_write(&r, &odd, &out);
    assert_non_null(strstr(out.data, "\"body\":\"<html>\"}"));
    buf_free(&out);
    batch_request_finish(&r);
}

static void half_a_result_is_none(void **state)
{
    static const char whole[] =
        "{\"id\":\"batch_req_5\",\"custom_id\":\"a}\",\"response\":null,\"error\":null}";
    uint32_t number = 77;

    (void)state;
    for (size_t len = 0; len < sizeof whole - 1; len++)
        assert_int_equal(batch_result_number(whole, len, &number), -EPROTO);
    assert_int_equal(number, 77);
    assert_int_equal(batch_result_number(whole, sizeof whole - 1, &number), 0);
    assert_int_equal(batch_result_number("{\"id\":\"batch_req_99999999999\",\"x\":1}", 36, &number), -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_of_text_is_a_chat),
        cmocka_unit_test(a_line_of_json_says_what_it_asks),
        cmocka_unit_test(a_line_without_a_name_is_called_by_its_number),
        cmocka_unit_test(what_cannot_be_asked_says_why),
        cmocka_unit_test(a_file_is_json_if_its_first_line_looks_so),
        cmocka_unit_test(a_result_is_one_line_with_what_the_engine_said),
        cmocka_unit_test(half_a_result_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
