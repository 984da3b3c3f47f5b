/* SPDX-License-Identifier: MIT */
/* Bodies as the package @anthropic-ai/sdk sends them. */
#include "dialect_fixture.h"

#define M    "/v1/messages"
#define O    DIALECT_OPENAI
#define CHAT "/v1/chat/completions"

static void text(void **state)
{
    (void)state;
    becomes(
        M, O,
        "{\"model\":\"q\",\"max_tokens\":9,\"system\":[{\"type\":\"text\",\"text\":\"A\",\"cache_control\":{"
        "\"type\":"
        "\"ephemeral\"}},{\"type\":\"text\",\"text\":\"B\"}],\"messages\":[{\"role\":\"user\",\"content\":"
        "\"Hi\"},{\"role\":"
        "\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"T\",\"signature\":\"s\"},{\"type\":"
        "\"text\",\"text\":"
        "\"Yes\"}]},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"More\"}]}],\"stop_"
        "sequences\":[\"x\"],"
        "\"temperature\":1,\"top_k\":5,\"top_p\":0.5,\"metadata\":{\"user_id\":\"u\"},\"stream\":true}",
        CHAT,
        "{\"model\":\"q\",\"max_tokens\":9,\"messages\":[{\"role\":\"system\",\"content\":\"A\\nB\"},{"
        "\"role\":\"user\","
        "\"content\":\"Hi\"},{\"role\":\"assistant\",\"content\":\"Yes\",\"reasoning_content\":\"T\"},{"
        "\"role\":\"user\","
        "\"content\":\"More\"}],\"stop\":[\"x\"],\"temperature\":1,\"top_k\":5,\"top_p\":0.5,\"stream\":true,"
        "\"stream_options\":{\"include_usage\":true}}");
}

static void images(void **state)
{
    (void)state;
    becomes(
        M, O,
        "{\"model\":\"q\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\","
        "\"source\":{\"type\":"
        "\"base64\",\"media_type\":\"image/"
        "png\",\"data\":\"iVBO\"}},{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":"
        "\"https://example.org/a.png\"}},{\"type\":\"text\",\"text\":\"What?\"}]}]}",
        CHAT,
        "{\"model\":\"q\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_"
        "url\",\"image_url\":{"
        "\"url\":\"data:image/png;base64,iVBO\"}},{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://"
        "example.org/a.png\"}},"
        "{\"type\":\"text\",\"text\":\"What?\"}]}],\"stream\":false}");
}

static void tools(void **state)
{
    (void)state;
    becomes(M, O,
            "{\"model\":\"q\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{"
            "\"role\":\"assistant\",\"content\":["
            "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"a\",\"input\":{\"x\":1}}]},{\"role\":\"user\","
            "\"content\":[{\"type\":"
            "\"tool_result\",\"tool_use_id\":\"t1\",\"content\":[{\"type\":\"text\",\"text\":\"11\"}]},{"
            "\"type\":\"text\",\"text\":"
            "\"So?\"}]}],\"tools\":[{\"name\":\"a\",\"description\":\"d\",\"input_schema\":{\"type\":"
            "\"object\"}}],\"tool_choice\":{"
            "\"type\":\"any\",\"disable_parallel_tool_use\":true}}",
            CHAT,
            "{\"model\":\"q\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{"
            "\"role\":\"assistant\",\"content\":"
            "null,\"tool_calls\":[{\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"a\","
            "\"arguments\":\"{\\\"x\\\":1}\"}}]},"
            "{\"role\":\"tool\",\"tool_call_id\":\"t1\",\"content\":\"11\"},{\"role\":\"user\",\"content\":"
            "\"So?\"}],\"tools\":[{"
            "\"type\":\"function\",\"function\":{\"name\":\"a\",\"description\":\"d\",\"parameters\":{"
            "\"type\":\"object\"}}}],"
            "\"tool_choice\":\"required\",\"parallel_tool_calls\":false,\"stream\":false}");
    becomes(M, O,
            "{\"model\":\"q\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
            "\"tool_result\",\"tool_use_id\":"
            "\"t1\"}]}],\"tool_choice\":{\"type\":\"tool\",\"name\":\"a\"}}",
            CHAT,
            "{\"model\":\"q\",\"max_tokens\":9,\"messages\":[{\"role\":\"tool\",\"tool_call_id\":\"t1\","
            "\"content\":\"\"}],"
            "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"a\"}},\"stream\":false}");
}

static void thinking_and_form(void **state)
{
    (void)state;
    becomes(M, O,
            "{\"model\":\"q\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],"
            "\"thinking\":{\"type\":\"enabled\","
            "\"budget_tokens\":1024},\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{"
            "\"type\":\"object\"}}}}",
            CHAT,
            "{\"model\":\"q\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"chat_"
            "template_kwargs\":{"
            "\"enable_thinking\":true},\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"
            "\"name\":\"answer\",\"schema\":{"
            "\"type\":\"object\"},\"strict\":true}},\"stream\":false}");
}

static void for_an_engine_of_ollama(void **state)
{
    (void)state;
    becomes(M, DIALECT_OLLAMA,
            "{\"model\":\"q\",\"max_tokens\":9,\"system\":\"S\",\"messages\":[{\"role\":\"user\",\"content\":"
            "\"Hi\"}],\"stream\":true}",
            "/api/chat",
            "{\"model\":\"q\",\"messages\":[{\"role\":\"system\",\"content\":\"S\"},{\"role\":\"user\","
            "\"content\":\"Hi\"}],"
            "\"options\":{\"num_predict\":9},\"stream\":true}");
}

#define ODD(MESSAGES) "{\"model\":\"q\",\"max_tokens\":9,\"messages\":" MESSAGES "}"
#define HI            "[{\"role\":\"user\",\"content\":\"Hi\"}]"

static void odd_ones_are_refused(void **state)
{
    (void)state;
    refused(M, O, "{\"messages\":" HI "}", "max_tokens");
    refused(M, O, "{\"max_tokens\":0,\"messages\":" HI "}", "max_tokens");
    refused(M, O, ODD("[]"), "messages");
    refused(M, O, ODD("7"), "messages");
    refused(M, O, ODD("[7]"), "role");
    refused(M, O, ODD("[{\"role\":\"tool\",\"content\":\"x\"}]"), "role");
    refused(M, O, ODD("[{\"role\":\"user\"}]"), "content");
    refused(M, O, ODD("[{\"role\":\"user\",\"content\":[{\"type\":\"video\"}]}]"), "video");
    refused(M, O,
            ODD("[{\"role\":\"user\",\"content\":[{\"type\":\"document\",\"source\":{\"type\":\"base64\","
                "\"data\":\"x\"}}]}]"),
            "document");
    refused(M, O,
            ODD("[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"file\"}}]}]"),
            "image");
    refused(M, O,
            "{\"max_tokens\":9,\"messages\":" HI
            ",\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}]}",
            "web_search");
    refused(M, O, "{\"max_tokens\":9,\"messages\":" HI ",\"tool_choice\":{\"type\":\"tool\"}}",
            "tool_choice");
    refused(M, O, "{\"max_tokens\":9,\"system\":7,\"messages\":" HI "}", "content");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text),
        cmocka_unit_test(images),
        cmocka_unit_test(tools),
        cmocka_unit_test(thinking_and_form),
        cmocka_unit_test(for_an_engine_of_ollama),
        cmocka_unit_test(odd_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
