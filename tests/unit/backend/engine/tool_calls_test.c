/* SPDX-License-Identifier: MIT */
/* Calls of tools, in the pieces of different engines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "backend/engine/tool_calls.h"

static int take(struct tool_calls *t, const char *pieces, struct err *e)
{
    json_t *v = json_loads(pieces, 0, NULL);
    int rc = tool_calls_take(t, v, e);

    json_decref(v);
    return rc;
}

/* pieces: arrays one behind the other, ending with NULL. */
static void expect(const char *const *pieces, const char *want)
{
    struct tool_calls t = { 0 };

    for (; *pieces; pieces++)
        assert_int_equal(take(&t, *pieces, NULL), 0);
    json_t *calls = tool_calls_json(&t);
    char *text = json_dumps(calls, JSON_COMPACT);
    assert_string_equal(text, want);
    free(text);
    json_decref(calls);
    tool_calls_finish(&t);
}

#define CALL(id, name, arguments)                                                                            \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name                                \
    "\",\"arguments\":\"" arguments "\"}}"

static void pieces_of_a_stream_become_whole_calls(void **state)
{
    (void)state;
    expect((const char *[]){ "[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\","
                             "\"arguments\":\"\"}}]",
                             "[{\"index\":0,\"function\":{\"arguments\":\"1\"}}]",
                             "[{\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"g\",\"arguments\":\"2\"}}]",
                             "[{\"index\":0,\"function\":{\"arguments\":\"3\"}},{\"index\":1,\"function\":{"
                             "\"arguments\":\"4\"}}]",
                             NULL },
           "[" CALL("a", "f", "13") "," CALL("b", "g", "24") "]");
}

static void a_whole_answer_has_them_without_an_index(void **state)
{
    (void)state;
    expect((const char *[]){ "[" CALL("a", "f", "1") "," CALL("b", "f", "2") "]", NULL },
           "[" CALL("a", "f", "1") "," CALL("b", "f", "2") "]");
}

static void another_id_is_another_call_whatever_its_index(void **state)
{
    (void)state;
    expect((const char *[]){ "[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"1\"}}]",
                             "[{\"index\":0,\"id\":\"b\",\"function\":{\"name\":\"f\",\"arguments\":\"2\"}}]",
                             "[{\"index\":0,\"id\":\"b\",\"function\":{\"arguments\":\"3\"}}]", NULL },
           "[" CALL("a", "f", "1") "," CALL("b", "f", "23") "]");
}

static void what_an_engine_leaves_out_is_there_all_the_same(void **state)
{
    (void)state;
    expect((const char *[]){ "[{\"index\":4,\"function\":{\"name\":\"f\",\"arguments\":{\"x\":1}}}]",
                             "[{\"index\":5,\"id\":null,\"function\":{\"name\":\"g\"}}]", NULL },
           "[" CALL("call_1", "f", "{\\\"x\\\":1}") "," CALL("call_2", "g", "{}") "]");
    expect((const char *[]){ "[7,null,{\"function\":3}]", NULL },
           "[" CALL("call_1", "", "{}") "," CALL("call_2", "", "{}") "," CALL("call_3", "", "{}") "]");
}

static void none_is_null(void **state)
{
    struct tool_calls t = { 0 };
    struct buf out = { 0 };

    (void)state;
    assert_int_equal(tool_calls_take(&t, NULL, NULL), 0);
    assert_int_equal(take(&t, "{\"a\":1}", NULL), 0);
    assert_null(tool_calls_json(&t));
    tool_calls_lines(NULL, &out);
    assert_int_equal(out.len, 0);
    tool_calls_finish(&t);
}

static void each_is_a_line_behind_the_text(void **state)
{
    json_t *calls = json_loads("[" CALL("a", "f", "1") "," CALL("b", "f", "2") "]", 0, NULL);
    struct buf out = { 0 };

    (void)state;
    buf_adds(&out, "I look.");
    tool_calls_lines(calls, &out);
    assert_string_equal(out.data, "I look.\n" CALL("a", "f", "1") "\n" CALL("b", "f", "2") "\n");
    buf_free(&out);
    json_decref(calls);
}

static void an_engine_without_end_is_told(void **state)
{
    struct tool_calls t = { 0 };
    struct err e = { "" };
    json_t *piece = json_pack("[{s:i,s:{s:o}}]", "index", 0, "function", "arguments", json_string(""));
    char *megabyte = calloc(1, (1 << 20) + 1);
    int rc = 0;

    (void)state;
    for (int i = 0; rc == 0 && i < 1000; i++) {
        char one[64];
        snprintf(one, sizeof one, "[{\"index\":%d}]", i);
        rc = take(&t, one, &e);
    }
    assert_int_equal(rc, -EFBIG);
    assert_int_equal(t.n, TOOL_CALLS_MAX);
    assert_non_null(strstr(e.text, "more than 128 tools"));
    memset(megabyte, 'x', 1 << 20);
    json_string_set(json_object_get(json_object_get(json_array_get(piece, 0), "function"), "arguments"),
                    megabyte);
    for (int i = rc = 0; rc == 0 && i < 100; i++)
        rc = tool_calls_take(&t, piece, &e);
    assert_int_equal(rc, -EFBIG);
    assert_non_null(strstr(e.text, "16777216 bytes of arguments"));
    free(megabyte);
    json_decref(piece);
    tool_calls_finish(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_a_stream_become_whole_calls),
        cmocka_unit_test(a_whole_answer_has_them_without_an_index),
        cmocka_unit_test(another_id_is_another_call_whatever_its_index),
        cmocka_unit_test(what_an_engine_leaves_out_is_there_all_the_same),
        cmocka_unit_test(none_is_null),
        cmocka_unit_test(each_is_a_line_behind_the_text),
        cmocka_unit_test(an_engine_without_end_is_told),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
