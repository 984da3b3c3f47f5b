/* SPDX-License-Identifier: MIT */
#include "fs/door_http/model_field.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct row {
    const char *body;
    int rc;
    const char *model; /* NULL: none */
    bool stream;
};

static const struct row rows[] = {
    { "{\"model\":\"qwen\"}", 0, "qwen", false },
    { " { \"messages\" : [ { \"role\":\"user\", \"content\":\"model\" } ] , \"model\" : \"q\" , \"stream\" : "
      "true } \n",
      0, "q", true },
    { "{\"stream\":false,\"model\":\"q\"}", 0, "q", false },
    { "{\"metadata\":{\"model\":\"inner\",\"stream\":true}}", 0, NULL, false },
    { "{\"a\":[[],{},[{}],\"]}\",-1.5e+3,true,null],\"model\":\"q\"}", 0, "q", false },
    { "{\"model\":\"\\u0071\\ud83d\\ude00\\n\\\"\"}", 0, "q\xF0\x9F\x98\x80\n\"", false },
    { "{\"\\u006dodel\":\"escaped key\"}", 0, "escaped key", false },
    { "{\"model\":\"a\\ud83dz\\ud83d\\n\\ud83d\"}", 0, "a\xEF\xBF\xBDz\xEF\xBF\xBD\n\xEF\xBF\xBD", false },
    { "{\"a\":[0,-0.5,10E2,1e-7, [ ] , { } ],\"stream\":true}", 0, NULL, true },
    { "{\"a\":-}", -EINVAL, NULL, false },
    { "{\"a\":--1}", -EINVAL, NULL, false },
    { "{\"a\":1.}", -EINVAL, NULL, false },
    { "{\"a\":1e}", -EINVAL, NULL, false },
    { "{\"a\":1e+}", -EINVAL, NULL, false },
    { "{\"a\":[1}}", -EINVAL, NULL, false },
    { "{\"a\":{\"b\":1]}", -EINVAL, NULL, false },
    { "{}", 0, NULL, false },
    { "{\"model\":\"a\",\"model\":\"b\"}", -EINVAL, NULL, false },
    { "{\"model\":\"a\",\"\\u006dodel\":\"b\"}", -EINVAL, NULL, false },
    { "{\"model\":7}", -EINVAL, NULL, false },
    { "{\"model\":null}", -EINVAL, NULL, false },
    { "", -EINVAL, NULL, false },
    { "[]", -EINVAL, NULL, false },
    { "hello", -EINVAL, NULL, false },
    { "{\"model\":\"a\"", -EINVAL, NULL, false },
    { "{\"model\":\"a\"} x", -EINVAL, NULL, false },
    { "{\"model\":\"a\",}", -EINVAL, NULL, false },
    { "{\"a\":[1,],\"model\":\"a\"}", -EINVAL, NULL, false },
    { "{\"a\":[1 2]}", -EINVAL, NULL, false },
    { "{\"a\":{\"b\"}}", -EINVAL, NULL, false },
    { "{\"a\":{1:2}}", -EINVAL, NULL, false },
    { "{\"a\":01}", -EINVAL, NULL, false },
    { "{\"a\":tru}", -EINVAL, NULL, false },
    { "{\"a\":[}]}", -EINVAL, NULL, false },
    { "{\"a\":\"line\nfeed\"}", -EINVAL, NULL, false },
    { "{\"a\":\"\\x\"}", -EINVAL, NULL, false },
    { "{\"a\":\"\\u12\"}", -EINVAL, NULL, false },
    { "{\"a\" \"b\"}", -EINVAL, NULL, false },
    { "{,}", -EINVAL, NULL, false },
};

static void test_the_model_and_the_wish_for_a_stream_are_found_at_the_top_level(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct body_facts f;
        struct err e = { 0 };
        char *exact = malloc(strlen(rows[i].body) + 1); /* so that a sanitizer sees a read behind the end */
        memcpy(exact, rows[i].body, strlen(rows[i].body) + 1);
        exact = xrealloc(exact, strlen(rows[i].body) ? strlen(rows[i].body) : 1);
        int rc = model_field_scan(exact, strlen(rows[i].body), &f, &e);
        free(exact);
        if (rc != rows[i].rc || (rc < 0 && !e.text[0]))
            fail_msg("%s: %d %s", rows[i].body, rc, e.text);
        if (rc < 0)
            continue;
        if (f.has_model != (rows[i].model != NULL) ||
            (rows[i].model && strcmp(rows[i].model, buf_str(&f.model)) != 0) || f.stream != rows[i].stream)
            fail_msg("%s: model %s, stream %d", rows[i].body, buf_str(&f.model), f.stream);
        buf_free(&f.model);
    }
}

/* However it is cut. */
static void test_a_body_may_come_in_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *body = rows[i].body;
        size_t len = strlen(body);
        for (size_t step = 1; step < len && step < 8; step++) {
            struct model_scan s;
            struct err e = { 0 };
            int rc = 0;
            model_scan_init(&s);
            for (size_t at = 0; rc == 0 && at < len; at += step) {
                char *exact = malloc(step);
                size_t n = len - at < step ? len - at : step;
                memcpy(exact, body + at, n);
                rc = model_scan_feed(&s, exact, n, &e);
                free(exact);
            }
            rc = rc ? rc : model_scan_end(&s, &e);
            if (rc != rows[i].rc || (rc < 0 && !e.text[0]))
                fail_msg("%s by %zu: %d %s", body, step, rc, e.text);
            if (rc == 0 && rows[i].model)
                assert_string_equal(buf_str(&s.facts.model), rows[i].model);
            model_scan_finish(&s);
        }
    }
}

static void test_a_beginning_tells_what_it_has(void **state)
{
    (void)state;
    static const char body[] = "{\"stream\":true,\"model\":\"qwen\",\"messages\":[\"abc";
    struct model_scan s;
    struct err e = { 0 };
    model_scan_init(&s);
    assert_int_equal(model_scan_feed(&s, body, 20, &e), 0);
    assert_true(s.facts.has_stream && s.facts.stream && !s.facts.has_model);
    assert_int_equal(model_scan_feed(&s, body + 20, sizeof body - 1 - 20, &e), 0);
    assert_true(s.facts.has_model);
    assert_memory_equal(body + s.facts.model_at, "\"qwen\"", s.facts.model_len);
    assert_int_equal(model_scan_end(&s, &e), -EINVAL);
    assert_non_null(strstr(e.text, "at byte 47"));
    assert_int_equal(model_scan_feed(&s, "\"],\"model\"", 10, &e), -EINVAL);
    assert_non_null(strstr(e.text, "twice"));
    model_scan_finish(&s);
}

static void test_a_name_is_not_kept_beyond_its_limit(void **state)
{
    (void)state;
    struct model_scan s;
    struct err e = { 0 };
    char piece[1000];
    memset(piece, 'x', sizeof piece);
    model_scan_init(&s);
    assert_int_equal(model_scan_feed(&s, "{\"model\":\"", 10, &e), 0);
    assert_int_equal(model_scan_feed(&s, piece, sizeof piece, &e), 0);
    assert_int_equal(model_scan_feed(&s, piece, sizeof piece, &e), -EINVAL);
    assert_non_null(strstr(e.text, "longer"));
    model_scan_finish(&s);
}

static void test_deep_nesting_is_refused_without_costing_stack(void **state)
{
    (void)state;
    struct buf b = { 0 };
    struct body_facts f;
    struct err e;
    buf_adds(&b, "{\"a\":");
    for (int i = 0; i < 100000; i++)
        buf_adds(&b, "[");
    assert_int_equal(model_field_scan(b.data, b.len, &f, &e), -EINVAL);
    buf_free(&b);
}

static void test_the_model_at_the_end_of_a_large_body_is_found(void **state)
{
    (void)state;
    struct buf b = { 0 };
    struct body_facts f;
    struct err e;
    buf_adds(&b, "{\"image\":\"");
    for (int i = 0; i < 1000000; i++)
        buf_adds(&b, "abcdefghij");
    buf_adds(&b, "\",\"model\":\"last\"}");
    assert_int_equal(model_field_scan(b.data, b.len, &f, &e), 0);
    assert_string_equal(buf_str(&f.model), "last");
    buf_free(&f.model);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_model_and_the_wish_for_a_stream_are_found_at_the_top_level),
        cmocka_unit_test(test_a_body_may_come_in_pieces),
        cmocka_unit_test(test_a_beginning_tells_what_it_has),
        cmocka_unit_test(test_a_name_is_not_kept_beyond_its_limit),
        cmocka_unit_test(test_deep_nesting_is_refused_without_costing_stack),
        cmocka_unit_test(test_the_model_at_the_end_of_a_large_body_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
