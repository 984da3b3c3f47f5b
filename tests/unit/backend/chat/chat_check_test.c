/* SPDX-License-Identifier: MIT */
/* What may be written as a transcript, and as what tools said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "backend/chat/chat_messages.h"

#define USER     "{\"role\":\"user\",\"content\":\"x\"}"
#define FUNCTION "\"function\":{\"name\":\"sum\",\"arguments\":\"{}\"}"
#define CALL(id) "{\"id\":\"" id "\",\"type\":\"function\"," FUNCTION "}"
#define CALLS(v) "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":" v "}"
#define TOOL(id) "{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"42\"}"

struct row {
    const char *text;
    int rc;
    const char *words;
};

static void expect(int rc, const struct err *e, const struct row *row)
{
    if (rc != row->rc || !strstr(e->text, row->words))
        fail_msg("%s: %d, \"%s\", instead of %d, \"%s\"", row->text, rc, e->text, row->rc, row->words);
}

static void what_is_no_transcript_is_refused_with_a_sentence(void **state)
{
    static const struct row bad[] = {
        { "{}", -EINVAL, "array" },
        { "nonsense", -EINVAL, "no JSON" },
        { "[", -ENODATA, "no JSON" },
        { "[1]", -EINVAL, "message 0 is no object" },
        { "[{\"content\":\"x\"}]", -EINVAL, "no \"role\"" },
        { "[{\"role\":7,\"content\":\"x\"}]", -EINVAL, "no \"role\"" },
        { "[{\"role\":\"king\",\"content\":\"x\"}]", -EINVAL, "the role \"king\"" },
        { "[{\"role\":\"user\"}]", -EINVAL, "no \"content\"" },
        { "[{\"role\":\"user\",\"content\":7}]", -EINVAL, "no \"content\"" },
        { "[{\"role\":\"assistant\",\"content\":null}]", -EINVAL, "no \"content\"" },
        { "[" USER ",{\"role\":\"system\",\"content\":\"y\"}]", -EINVAL,
          "message 1 has the role of the system" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct messages m = { 0 };
        struct err e = { "" };
        expect(messages_parse(&m, bad[i].text, strlen(bad[i].text), &e), &e, &bad[i]);
        assert_int_equal(m.n, 0);
    }
}

static void a_call_of_a_tool_has_its_result_behind_it(void **state)
{
    static const struct row rows[] = {
        { "[" USER "," CALLS("[" CALL("a") "]") "," TOOL("a") "," USER "]", 0, "" },
        { "[" USER "," CALLS("[" CALL("a") "," CALL("b") "]") "," TOOL("b") "," TOOL("a") "]", 0, "" },
        { "[" USER "," CALLS("[" CALL("a") "]") "]", 0, "" },
        { "[" CALLS("[" CALL("a") "]") "," TOOL("a") "," CALLS("[" CALL("a") "]") "," TOOL("a") "]", 0, "" },
        { "[" CALLS("[{\"id\":\"a\",\"type\":\"custom\",\"custom\":{}}]") "]", 0, "" },
        { "[{\"role\":\"assistant\",\"content\":\"x\",\"tool_calls\":null}]", 0, "" },
        { "[" TOOL("a") "]", -EINVAL, "message 0 is a tool's, and nobody has called one as \"a\"" },
        { "[" USER "," CALLS("[" CALL("a") "]") "," TOOL("b") "]", -EINVAL, "called one as \"b\"" },
        { "[" CALLS("[" CALL("a") "]") "," TOOL("a") "," TOOL("a") "]", -EINVAL, "or it has its result" },
        { "[" CALLS("[" CALL("a") "]") "," USER "]", -EINVAL,
          "call \"a\" of message 0 has no result, a message of the role tool, before message 1" },
        { "[" CALLS("[" CALL("a") "," CALL("b") "]") "," TOOL("a") "]", -EINVAL, "call \"b\" of message 0" },
        { "[" CALLS("[" CALL("a") "," CALL("a") "]") "]", -EINVAL, "the id \"a\" of another one" },
        { "[" CALLS("[{\"type\":\"function\"," FUNCTION "}]") "]", -EINVAL,
          "call 0 of message 0 has no \"id\"" },
        { "[" CALLS("[{\"id\":\"a\",\"function\":{\"name\":\"sum\"}}]") "]", -EINVAL, "has no \"function\"" },
        { "[" CALLS("[{\"id\":\"a\",\"function\":{\"arguments\":\"{}\"}}]") "]", -EINVAL,
          "has no \"function\"" },
        { "[{\"role\":\"assistant\",\"content\":\"x\",\"tool_calls\":[]}]", -EINVAL, "no array of calls" },
        { "[{\"role\":\"assistant\",\"content\":\"x\",\"tool_calls\":7}]", -EINVAL, "no array of calls" },
        { "[{\"role\":\"user\",\"content\":\"x\",\"tool_calls\":[" CALL("a") "]}]", -EINVAL,
          "an assistant's" },
        { "[" CALLS("[" CALL("a") "]") ",{\"role\":\"tool\",\"content\":\"x\"}]", -EINVAL,
          "message 1 is a tool's, and has no \"tool_call_id\"" },
        { "[" CALLS("[" CALL("a") "]") ",{\"role\":\"tool\",\"tool_call_id\":\"a\"}]", -EINVAL,
          "no \"content\"" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err e = { "" };
        expect(messages_parse(NULL, rows[i].text, strlen(rows[i].text), &e), &e, &rows[i]);
    }
}

static void results_are_known_behind_calls_alone(void **state)
{
    static const char calls[] = "[" USER "," CALLS("[" CALL("a") "," CALL("b") "]") "]";
    static const struct row rows[] = {
        { TOOL("a") "\n" TOOL("b"), 1, "" },
        { " [" TOOL("b") "," TOOL("a") "]\n", 1, "" },
        { TOOL("a") "[" TOOL("b") "]", 1, "" },
        { "what did they say?", 0, "" },
        { "[INST] what did they say?", 0, "" },
        { "", 0, "" },
        { TOOL("a"), -ENODATA, "call \"b\" has no result yet" },
        { "{\"role\":\"tool\",\"tool_call", -ENODATA, "no JSON" },
        { TOOL("a") "\n{", -ENODATA, "no JSON" },
        { TOOL("c"), -EINVAL, "called one as \"c\"" },
        { TOOL("a") TOOL("a"), -EINVAL, "called one as \"a\", or it has its result" },
        { "[{]", -EINVAL, "the result of a tool is no JSON" },
        { "{\"answer\":42}", -EINVAL, "no \"role\"" },
        { USER, -EINVAL, "must be a result" },
        { TOOL("a") "\n7", -EINVAL, "no object" },
        { "{\"role\":\"tool\",\"tool_call_id\":7,\"content\":\"x\"}", -EINVAL, "no \"tool_call_id\"" },
    };
    struct messages m = { 0 }, out = { 0 };
    struct err e = { "" };

    (void)state;
    assert_int_equal(messages_results(&m, TOOL("a"), strlen(TOOL("a")), &out, &e), 0);
    assert_int_equal(messages_parse(&m, calls, strlen(calls), &e), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        e.text[0] = '\0';
        expect(messages_results(&m, rows[i].text, strlen(rows[i].text), &out, &e), &e, &rows[i]);
        assert_int_equal(out.n, rows[i].rc == 1 ? 2 : 0);
        messages_finish(&out);
    }
    messages_add_text(&m, ROLE_USER, "x", 1);
    assert_int_equal(messages_results(&m, TOOL("a"), strlen(TOOL("a")), NULL, &e), 0);
    messages_finish(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_transcript_is_refused_with_a_sentence),
        cmocka_unit_test(a_call_of_a_tool_has_its_result_behind_it),
        cmocka_unit_test(results_are_known_behind_calls_alone),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
