/* SPDX-License-Identifier: MIT */
/* Bodies as the `ollama` packages of npm and PyPI send them. */
#include "dialect_fixture.h"

#define O    DIALECT_OPENAI
#define CHAT "/v1/chat/completions"
#define TAIL ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}"

static void chat(void **state)
{
    (void)state;
    becomes("/api/chat", O,
            "{\"model\":\"qwen\",\"messages\":[{\"role\":\"system\",\"content\":\"Be "
            "short.\"},{\"role\":\"user\",\"content\":\"Hi\"}]}",
            CHAT,
            "{\"model\":\"qwen\",\"messages\":[{\"role\":\"system\",\"content\":\"Be "
            "short.\"},{\"role\":\"user\",\"content\":\"Hi\"}]" TAIL);
    becomes("/api/chat", O,
            "{\"model\":\"qwen\",\"stream\":false,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}",
            CHAT,
            "{\"model\":\"qwen\",\"stream\":false,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}");
}

static void options(void **state)
{
    (void)state;
    becomes("/api/chat", O,
            "{\"model\":\"q\",\"keep_alive\":\"5m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],"
            "\"options\":{\"num_predict\":7,"
            "\"temperature\":0.5,\"top_k\":40,\"top_p\":0.9,\"seed\":1,\"stop\":[\"a\",\"b\"],\"repeat_"
            "penalty\":1.1,\"num_ctx\":4096,"
            "\"num_gpu\":1}}",
            CHAT,
            "{\"model\":\"q\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"max_tokens\":7,"
            "\"temperature\":0.5,\"top_k\":40,"
            "\"top_p\":0.9,\"seed\":1,\"stop\":[\"a\",\"b\"],\"repeat_penalty\":1.1,\"repetition_penalty\":1."
            "1" TAIL);
    becomes("/api/chat", O,
            "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"options\":{\"num_predict\":-1}}", CHAT,
            "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]" TAIL);
}

static void formats(void **state)
{
    (void)state;
    becomes("/api/chat", O,
            "{\"model\":\"q\",\"format\":\"json\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}",
            CHAT,
            "{\"model\":\"q\",\"response_format\":{\"type\":\"json_object\"},\"messages\":[{\"role\":"
            "\"user\",\"content\":\"Hi\"}]" TAIL);
    becomes("/api/generate", O,
            "{\"model\":\"q\",\"format\":{\"type\":\"object\"},\"prompt\":\"Hi\",\"system\":\"S\",\"think\":"
            "\"high\"}",
            CHAT,
            "{\"model\":\"q\",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":"
            "\"answer\",\"schema\":{\"type\":"
            "\"object\"},\"strict\":true}},\"messages\":[{\"role\":\"system\",\"content\":\"S\"},{\"role\":"
            "\"user\",\"content\":\"Hi\"}],"
            "\"reasoning_effort\":\"high\",\"chat_template_kwargs\":{\"enable_thinking\":true}" TAIL);
    becomes("/api/chat", O,
            "{\"model\":\"q\",\"think\":false,\"format\":\"\",\"messages\":[{\"role\":\"user\",\"content\":"
            "\"Hi\"}]}",
            CHAT,
            "{\"model\":\"q\",\"chat_template_kwargs\":{\"enable_thinking\":false},\"messages\":[{\"role\":"
            "\"user\",\"content\":\"Hi\"}]" TAIL);
}

static void images(void **state)
{
    (void)state;
    becomes("/api/chat", O,
            "{\"model\":\"q\",\"messages\":[{\"role\":\"user\",\"content\":\"What?\",\"images\":["
            "\"iVBORw0KGgo=\",\"/9j/4AAQ\"]}]}",
            CHAT,
            "{\"model\":\"q\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
            "\"What?\"},{\"type\":\"image_url\","
            "\"image_url\":{\"url\":\"data:image/"
            "png;base64,iVBORw0KGgo=\"}},{\"type\":\"image_url\",\"image_url\":{\"url\":"
            "\"data:image/jpeg;base64,/9j/4AAQ\"}}]}]" TAIL);
    refused("/api/generate", O, "{\"prompt\":\"x\",\"images\":[7]}", "images");
    refused("/api/generate", O, "{\"prompt\":\"x\",\"images\":\"iVBORw0KGgo=\"}", "images");
}

static void tools(void **state)
{
    (void)state;
    becomes("/api/chat", O,
            "{\"model\":\"q\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":\"assistant\","
            "\"content\":\"\",\"thinking\":\"T\","
            "\"tool_calls\":[{\"function\":{\"name\":\"a\",\"arguments\":{\"x\":1}}},{\"function\":{\"name\":"
            "\"b\",\"arguments\":{}}}]},"
            "{\"role\":\"tool\",\"tool_name\":\"a\",\"content\":\"11\"},{\"role\":\"tool\",\"tool_name\":"
            "\"b\",\"content\":\"22\"}],"
            "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"}}]}",
            CHAT,
            "{\"model\":\"q\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":\"assistant\","
            "\"content\":\"\","
            "\"reasoning_content\":\"T\",\"tool_calls\":[{\"id\":\"call_0\",\"type\":\"function\","
            "\"function\":{\"name\":\"a\",\"arguments\":"
            "\"{\\\"x\\\":1}\"}},{\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"b\","
            "\"arguments\":\"{}\"}}]},{\"role\":"
            "\"tool\",\"tool_call_id\":\"call_0\",\"content\":\"11\"},{\"role\":\"tool\",\"tool_call_id\":"
            "\"call_1\",\"content\":\"22\"}],"
            "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"}}]" TAIL);
}

static void raw_and_vectors(void **state)
{
    (void)state;
    becomes("/api/generate", O,
            "{\"model\":\"q\",\"prompt\":\"def f(\",\"suffix\":\"return x\",\"stream\":false}",
            "/v1/completions",
            "{\"model\":\"q\",\"prompt\":\"def f(\",\"suffix\":\"return x\",\"stream\":false}");
    becomes("/api/generate", O, "{\"model\":\"q\",\"prompt\":\"[INST]\",\"raw\":true,\"stream\":false}",
            "/v1/completions", "{\"model\":\"q\",\"prompt\":\"[INST]\",\"stream\":false}");
    becomes("/api/embed", O, "{\"model\":\"q\",\"input\":[\"a\",\"b\"],\"truncate\":true,\"dimensions\":8}",
            "/v1/embeddings",
            "{\"model\":\"q\",\"input\":[\"a\",\"b\"],\"dimensions\":8,\"encoding_format\":\"float\"}");
    becomes("/api/embeddings?x=1", O, "{\"model\":\"q\",\"prompt\":\"a\"}", "/v1/embeddings",
            "{\"model\":\"q\",\"input\":\"a\",\"encoding_format\":\"float\"}");
}

static void no_question_loads(void **state)
{
    struct dialect *d = asked("/api/generate", O, "{\"model\":\"q\"}");
    struct buf out = { 0 };

    (void)state;
    assert_true(dialect_only_loads(d) && !dialect_unloads(d));
    dialect_loaded(d, &out);
    char *text = steady(out.data);
    assert_string_equal(
        text,
        "{\"model\":\"q\",\"created_at\":\"0\",\"done\":true,\"response\":\"\",\"done_reason\":\"load\"}\n");
    free(text);
    buf_free(&out);
    dialect_destroy(d);
    d = asked("/api/chat", O, "{\"model\":\"q\",\"messages\":[],\"keep_alive\":0}");
    assert_true(dialect_only_loads(d) && dialect_unloads(d));
    dialect_destroy(d);
}

static void odd_ones_are_refused(void **state)
{
    (void)state;
    refused("/api/chat", O, "[]", "JSON object");
    refused("/api/chat", O, "{\"messages\":\"x\"}", "messages");
    refused("/api/chat", O, "{\"messages\":[7]}", "role");
    refused("/api/chat", O, "{\"messages\":[{\"role\":\"user\",\"content\":7}]}", "string");
    refused("/api/chat", O, "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{}]}]}", "tool call");
    refused("/api/chat", O, "{\"stream\":\"yes\",\"messages\":[]}", "stream");
    refused("/api/chat", O, "{\"options\":7,\"messages\":[]}", "options");
    refused("/api/chat", O, "{\"options\":{\"num_predict\":\"x\"},\"messages\":[]}", "num_predict");
    refused("/api/chat", O, "{\"format\":\"xml\",\"messages\":[]}", "format");
    refused("/api/chat", O, "{\"think\":7,\"messages\":[]}", "think");
    refused("/api/generate", O, "{\"prompt\":7}", "prompt");
    refused("/api/embed", O, "{\"input\":7}", "input");
    refused("/api/embeddings", O, "{\"prompt\":[]}", "prompt");
}

static void what_the_engine_speaks_is_left_alone(void **state)
{
    struct dialect *d = (void *)1;

    (void)state;
    assert_int_equal(dialect_create(&d, "/api/chat", DIALECT_OLLAMA, "{", 1, NULL), 0);
    assert_null(d);
    assert_int_equal(dialect_create(&d, "/api/tags", DIALECT_OPENAI, "{", 1, NULL), 0);
    assert_null(d);
    assert_int_equal(dialect_create(&d, "/v1/chat/completions", DIALECT_OPENAI, "{", 1, NULL), 0);
    assert_null(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chat),
        cmocka_unit_test(options),
        cmocka_unit_test(formats),
        cmocka_unit_test(images),
        cmocka_unit_test(tools),
        cmocka_unit_test(raw_and_vectors),
        cmocka_unit_test(no_question_loads),
        cmocka_unit_test(odd_ones_are_refused),
        cmocka_unit_test(what_the_engine_speaks_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
