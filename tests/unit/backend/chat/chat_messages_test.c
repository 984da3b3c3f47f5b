/* SPDX-License-Identifier: MIT */
/* The messages of a conversation: what may be one, and the forms in which they are read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include "backend/chat/chat_messages.h"

static int parse(struct messages *m, const char *text, struct err *e)
{
    return messages_parse(m, text, strlen(text), e);
}

static void texts_come_back_byte_for_byte(void **state)
{
    static const char text[] = "tabs\t\"quotes\" \\ and\nlines \xc3\xa4\xf0\x9f\xa6\x9c \x01 end";
    struct messages m = { 0 };
    struct buf out = { 0 };

    (void)state;
    messages_add_text(&m, ROLE_USER, text, strlen(text));
    messages_text(&m, 0, &out);
    assert_string_equal(buf_str(&out), text);
    buf_free(&out);
    messages_finish(&m);
}

static void the_array_is_json_of_the_length_that_is_told(void **state)
{
    struct messages m = { 0 };
    struct buf out = { 0 };

    (void)state;
    messages_array(&m, &out);
    assert_string_equal(out.data, "[]\n");
    assert_int_equal(out.len, messages_array_len(&m));
    for (size_t n = 1; n <= 3; n++) {
        messages_add_text(&m, n % 2 ? ROLE_USER : ROLE_ASSISTANT, "a \"b\"\n", 6);
        buf_reset(&out);
        messages_array(&m, &out);
        assert_int_equal(out.len, messages_array_len(&m));
        json_t *v = json_loads(out.data, 0, NULL);
        assert_int_equal(json_array_size(v), n);
        json_decref(v);
    }
    buf_free(&out);
    messages_finish(&m);
}

static void the_markdown_has_a_heading_for_each_and_the_length_that_is_told(void **state)
{
    struct messages m = { 0 };
    struct buf out = { 0 };

    (void)state;
    messages_add_text(&m, ROLE_USER, "one", 3);
    messages_add_text(&m, ROLE_ASSISTANT, "two\n", 4);
    messages_add_text(&m, ROLE_ASSISTANT, "", 0);
    messages_markdown(&m, &out);
    assert_string_equal(out.data, "## User\n\none\n\n## Assistant\n\ntwo\n\n## Assistant\n\n\n\n");
    assert_int_equal(out.len, m.text_len);
    messages_cut(&m, 1);
    buf_reset(&out);
    messages_markdown(&m, &out);
    assert_string_equal(out.data, "## User\n\none\n\n");
    assert_int_equal(out.len, m.text_len);
    buf_free(&out);
    messages_finish(&m);
}

static void what_is_no_text_is_kept_and_shown_as_it_is(void **state)
{
    static const char parts[] = "[{\"role\":\"developer\",\"content\":\"d\"},{\"role\":\"user\",\"content\":["
                                "{\"type\":\"text\",\"text\":\"x\"}]},"
                                "{\"role\":\"user\",\"name\":\"eve\",\"content\":\"hm\"}]";
    struct messages m = { 0 };
    struct buf out = { 0 };

    (void)state;
    assert_int_equal(parse(&m, parts, NULL), 0);
    assert_int_equal(m.n, 3);
    messages_join(&m, 0, &out);
    json_t *want = json_loads(parts, 0, NULL);
    char *whole = json_dumps(want, JSON_COMPACT);
    assert_int_equal(strncmp(whole + 1, out.data, out.len), 0);
    buf_reset(&out);
    messages_markdown(&m, &out);
    assert_int_equal(out.len, m.text_len);
    assert_non_null(strstr(out.data, "## System\n\nd\n"));
    assert_non_null(strstr(out.data, "```json\n{\"role\":\"user\",\"name\""));
    free(whole);
    json_decref(want);
    buf_free(&out);
    messages_finish(&m);
}

#define CALL(id)                                                                                             \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"sum\",\"arguments\":\"{}\"}}"

static void calls_of_tools_and_their_results_are_shown_as_text(void **state)
{
    struct messages m = { 0 };
    struct buf out = { 0 };
    json_t *calls = json_loads("[" CALL("a") "," CALL("b") "]", 0, NULL);

    (void)state;
    messages_add_answer(&m, "plain", 5, NULL);
    messages_add_answer(&m, "I look.", 7, calls);
    messages_add_answer(&m, "", 0, calls);
    assert_int_equal(
        messages_add_json(&m, "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"42\\n\"}"), 0);
    assert_false(m.v[0].calls || m.v[3].calls);
    assert_true(m.v[1].calls && m.v[2].calls);
    messages_markdown(&m, &out);
    assert_string_equal(out.data,
                        "## Assistant\n\nplain\n\n"
                        "## Assistant\n\nI look.\n\n```json\n" CALL("a") "\n" CALL(
                            "b") "\n```\n\n"
                                 "## Assistant\n\n```json\n" CALL("a") "\n" CALL("b") "\n```\n\n"
                                                                                      "## Tool a\n\n42\n\n");
    assert_int_equal(out.len, m.text_len);
    buf_reset(&out);
    messages_text(&m, 1, &out); /* as `reply` has it */
    assert_string_equal(out.data, "I look.\n" CALL("a") "\n" CALL("b") "\n");
    assert_string_equal(m.v[2].json, "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" CALL(
                                         "a") "," CALL("b") "]}");
    json_decref(calls);
    buf_free(&out);
    messages_finish(&m);
}

static void a_turn_begins_with_the_users_last_message(void **state)
{
    struct messages m = { 0 }, copy = { 0 };

    (void)state;
    assert_int_equal(messages_last_turn(&m), 0);
    messages_add_text(&m, ROLE_SYSTEM, "s", 1);
    assert_int_equal(messages_last_turn(&m), 1);
    messages_add_text(&m, ROLE_USER, "a", 1);
    messages_add_text(&m, ROLE_ASSISTANT, "b", 1);
    messages_add_text(&m, ROLE_USER, "c", 1);
    messages_add_text(&m, ROLE_ASSISTANT, "d", 1);
    assert_int_equal(messages_turns(&m), 2);
    assert_int_equal(messages_last_turn(&m), 3);
    messages_copy(&copy, &m, 3);
    assert_int_equal(copy.n, 3);
    assert_int_equal(messages_turns(&copy), 1);
    assert_int_equal(messages_add_json(&copy, "{\"role\":\"user\",\"content\":\"e\"}"), 0);
    assert_int_equal(messages_add_json(&copy, "{\"role\":\"nobody\"}"), -EINVAL);
    assert_int_equal(copy.n, 4);
    messages_finish(&copy);
    messages_finish(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_come_back_byte_for_byte),
        cmocka_unit_test(the_array_is_json_of_the_length_that_is_told),
        cmocka_unit_test(the_markdown_has_a_heading_for_each_and_the_length_that_is_told),
        cmocka_unit_test(what_is_no_text_is_kept_and_shown_as_it_is),
        cmocka_unit_test(calls_of_tools_and_their_results_are_shown_as_text),
        cmocka_unit_test(a_turn_begins_with_the_users_last_message),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
