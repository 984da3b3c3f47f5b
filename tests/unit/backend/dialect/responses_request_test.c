/* SPDX-License-Identifier: MIT */
/* Bodies as the package `openai` sends them. */
#include "dialect_fixture.h"

#define R    "/v1/responses"
#define O    DIALECT_OPENAI
#define CHAT "/v1/chat/completions"

static void input(void **state)
{
    (void)state;
    becomes(R, O,
            "{\"model\":\"q\",\"input\":\"Hi\",\"instructions\":\"Be "
            "short.\",\"max_output_tokens\":9,\"stream\":true,\"store\":false}",
            CHAT,
            "{\"model\":\"q\",\"messages\":[{\"role\":\"system\",\"content\":\"Be "
            "short.\"},{\"role\":\"user\",\"content\":\"Hi\"}],"
            "\"max_tokens\":9,\"stream\":true,\"stream_options\":{\"include_usage\":true}}");
    becomes(R, O,
            "{\"model\":\"q\",\"input\":[{\"role\":\"developer\",\"content\":\"D\"},{\"type\":\"message\","
            "\"role\":\"user\",\"content\":[{"
            "\"type\":\"input_text\",\"text\":\"What?\"},{\"type\":\"input_image\",\"image_url\":\"data:"
            "image/png;base64,iVBO\","
            "\"detail\":\"auto\"}]},{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[]},{\"type\":"
            "\"message\",\"role\":\"assistant\","
            "\"content\":[{\"type\":\"output_text\",\"text\":\"A\",\"annotations\":[]}]}]}",
            CHAT,
            "{\"model\":\"q\",\"stream\":false,\"messages\":[{\"role\":\"system\",\"content\":\"D\"},{"
            "\"role\":\"user\",\"content\":[{"
            "\"type\":\"text\",\"text\":\"What?\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:"
            "image/png;base64,iVBO\"}}]},"
            "{\"role\":\"assistant\",\"content\":\"A\"}]}");
}

static void tools(void **state)
{
    (void)state;
    becomes(R, O,
            "{\"model\":\"q\",\"input\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"type\":\"function_call\","
            "\"call_id\":\"c1\",\"name\":\"a\","
            "\"arguments\":\"{}\"},{\"type\":\"function_call\",\"call_id\":\"c2\",\"name\":\"b\","
            "\"arguments\":\"{}\"},{\"type\":"
            "\"function_call_output\",\"call_id\":\"c1\",\"output\":\"11\"},{\"type\":\"function_call_"
            "output\",\"call_id\":\"c2\","
            "\"output\":[{\"type\":\"input_text\",\"text\":\"22\"}]}],\"tools\":[{\"type\":\"function\","
            "\"name\":\"a\",\"description\":"
            "\"d\",\"parameters\":{\"type\":\"object\"},\"strict\":true}],\"tool_choice\":{\"type\":"
            "\"function\",\"name\":\"a\"},"
            "\"parallel_tool_calls\":false}",
            CHAT,
            "{\"model\":\"q\",\"stream\":false,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{"
            "\"role\":\"assistant\",\"content\":null,"
            "\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"a\",\"arguments\":"
            "\"{}\"}},{\"id\":\"c2\","
            "\"type\":\"function\",\"function\":{\"name\":\"b\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\","
            "\"tool_call_id\":\"c1\","
            "\"content\":\"11\"},{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":\"22\"}],\"tools\":[{"
            "\"type\":\"function\","
            "\"function\":{\"name\":\"a\",\"description\":\"d\",\"parameters\":{\"type\":\"object\"},"
            "\"strict\":true}}],\"tool_choice\":{"
            "\"type\":\"function\",\"function\":{\"name\":\"a\"}},\"parallel_tool_calls\":false}");
}

static void form(void **state)
{
    (void)state;
    becomes(R, O,
            "{\"model\":\"q\",\"input\":\"Hi\",\"reasoning\":{\"effort\":\"low\"},\"text\":{\"format\":{"
            "\"type\":\"json_schema\",\"name\":"
            "\"n\",\"strict\":false,\"schema\":{\"type\":\"object\"}}},\"tool_choice\":\"none\"}",
            CHAT,
            "{\"model\":\"q\",\"stream\":false,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],"
            "\"reasoning_effort\":\"low\","
            "\"tool_choice\":\"none\",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"
            "\"name\":\"n\",\"strict\":false,"
            "\"schema\":{\"type\":\"object\"}}}}");
    becomes(R, O, "{\"model\":\"q\",\"input\":\"Hi\",\"text\":{\"format\":{\"type\":\"json_object\"}}}", CHAT,
            "{\"model\":\"q\",\"stream\":false,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],"
            "\"response_format\":{\"type\":"
            "\"json_object\"}}");
}

static void odd_ones_are_refused(void **state)
{
    (void)state;
    refused(R, O, "{}", "input");
    refused(R, O, "{\"input\":[]}", "input");
    refused(R, O, "{\"input\":[7]}", "role");
    refused(R, O, "{\"input\":[{\"role\":\"user\"}]}", "content");
    refused(R, O,
            "{\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_file\",\"file_id\":\"f\"}]}]}",
            "input_file");
    refused(R, O,
            "{\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"file_id\":\"f\"}]}]}",
            "input_image");
    refused(R, O, "{\"input\":[{\"type\":\"item_reference\",\"id\":\"x\"}]}", "item_reference");
    refused(R, O, "{\"input\":[{\"type\":\"function_call\",\"name\":\"a\"}]}", "function_call");
    refused(R, O, "{\"input\":\"x\",\"previous_response_id\":\"r\"}", "previous_response_id");
    refused(R, O, "{\"input\":\"x\",\"background\":true}", "background");
    refused(R, O, "{\"input\":\"x\",\"tools\":[{\"type\":\"web_search\"}]}", "web_search");
    refused(R, O, "{\"input\":\"x\",\"tool_choice\":{\"type\":\"web_search\"}}", "tool_choice");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(input),
        cmocka_unit_test(tools),
        cmocka_unit_test(form),
        cmocka_unit_test(odd_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
