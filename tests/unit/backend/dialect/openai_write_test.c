/* SPDX-License-Identifier: MIT */
/* OpenAI's programs in front of an engine that speaks Ollama's API alone. Answers as Ollama 0.12 gives them. */
#include "dialect_fixture.h"

#define L     DIALECT_OLLAMA
#define LINES "application/x-ndjson"
#define CHAT  "/v1/chat/completions"
#define HI    "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]"
#define C(BODY)                                                                                              \
    "data: "                                                                                                 \
    "{\"id\":\"chatcmpl-0\",\"object\":\"chat.completion.chunk\",\"created\":0,\"model\":\"q\",\"choices\":" \
    "[" BODY "]"
#define D(DELTA, FINISH) C("{\"index\":0,\"delta\":" DELTA ",\"finish_reason\":" FINISH "}") "}\n\n"
#define DONE                                                                                                 \
    "{\"model\":\"q\",\"created_at\":\"2025-10-01T00:00:00Z\",\"message\":{\"role\":\"assistant\","          \
    "\"content\":\"\"},\"done\":true,"                                                                       \
    "\"done_reason\":\"stop\",\"total_duration\":9,\"load_duration\":1,\"prompt_eval_count\":12,\"prompt_"   \
    "eval_duration\":3,"                                                                                     \
    "\"eval_count\":4,\"eval_duration\":5}\n"

static void requests(void **state)
{
    (void)state;
    becomes(CHAT, L,
            "{\"model\":\"q\",\"max_tokens\":7,\"temperature\":0.5,\"stop\":[\"x\"],\"stream\":true,"
            "\"response_format\":{\"type\":"
            "\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{\"type\":\"object\"}}},\"reasoning_"
            "effort\":\"none\",\"messages\":"
            "[{\"role\":\"developer\",\"content\":\"S\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\","
            "\"text\":\"What?\"},{\"type\":"
            "\"image_url\",\"image_url\":{\"url\":\"data:image/"
            "png;base64,iVBO\"}}]},{\"role\":\"assistant\",\"content\":null,"
            "\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"a\",\"arguments\":"
            "\"{\\\"x\\\":1}\"}}]},{\"role\":"
            "\"tool\",\"tool_call_id\":\"c1\",\"content\":\"11\"}],\"tools\":[{\"type\":\"function\"}]}",
            "/api/chat",
            "{\"model\":\"q\",\"stream\":true,\"options\":{\"num_predict\":7,\"temperature\":0.5,\"stop\":["
            "\"x\"]},\"format\":{\"type\":"
            "\"object\"},\"think\":false,\"messages\":[{\"role\":\"system\",\"content\":\"S\"},{\"role\":"
            "\"user\",\"content\":\"What?\","
            "\"images\":[\"iVBO\"]},{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"function\":{"
            "\"name\":\"a\",\"arguments\":{"
            "\"x\":1}}}]},{\"role\":\"tool\",\"content\":\"11\",\"tool_name\":\"a\"}],\"tools\":[{\"type\":"
            "\"function\"}]}");
    becomes("/v1/completions", L, "{\"model\":\"q\",\"prompt\":[\"Hi\"]}", "/api/generate",
            "{\"model\":\"q\",\"prompt\":\"Hi\",\"raw\":true,\"options\":{},\"stream\":false}");
    becomes("/v1/embeddings", L, "{\"model\":\"q\",\"input\":\"Hi\",\"dimensions\":3}", "/api/embed",
            "{\"model\":\"q\",\"input\":\"Hi\",\"dimensions\":3}");
    refused(CHAT, L,
            "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
            "\"https://x.org\"}}]}]}",
            "images");
    refused(CHAT, L, "{\"messages\":[]}", "messages");
    refused(CHAT, L, "{\"n\":2," HI "}", "\"n\"");
    refused("/v1/completions", L, "{\"prompt\":[1,2]}", "prompt");
    refused("/v1/embeddings", L, "{\"input\":[1,2]}", "input");
}

static void a_stream(void **state)
{
    (void)state;
    answered(CHAT, L, "{\"model\":\"q\",\"stream\":true,\"stream_options\":{\"include_usage\":true}," HI "}",
             LINES,
             "{\"message\":{\"role\":\"assistant\",\"content\":\"\",\"thinking\":\"Hm.\"},\"done\":false}\n"
             "{\"message\":{\"role\":\"assistant\",\"content\":\"The\"},\"done\":false}\n"
             "{\"message\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"call_x\","
             "\"function\":{\"name\":\"a\",\"arguments\":{"
             "\"c\":1}}}]},\"done\":false}\n" DONE,
             D("{\"role\":\"assistant\",\"content\":\"\"}", "null")
                 D("{\"reasoning_content\":\"Hm.\"}", "null") D("{\"content\":\"The\"}", "null")
                     D("{\"tool_calls\":[{\"id\":\"call_x\",\"type\":\"function\",\"function\":{\"name\":"
                       "\"a\",\"arguments\":\"{\\\"c\\\":1}\"},"
                       "\"index\":0}]}",
                       "null") D("{}", "\"tool_calls\"")
                         C("") ",\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":4,\"total_tokens\":16}"
                               "}\n\ndata: [DONE]\n\n");
}

static void one_object(void **state)
{
    (void)state;
    answered(CHAT, L, "{\"model\":\"q\"," HI "}", "application/json; charset=utf-8",
             "{\"message\":{\"role\":\"assistant\",\"content\":\"The\"},\"done\":true,\"done_reason\":"
             "\"length\",\"prompt_eval_count\":12,"
             "\"eval_count\":4}",
             "{\"id\":\"chatcmpl-0\",\"object\":\"chat.completion\",\"created\":0,\"model\":\"q\","
             "\"choices\":[{\"index\":0,\"message\":{"
             "\"role\":\"assistant\",\"content\":\"The\"},\"finish_reason\":\"length\"}],\"usage\":{\"prompt_"
             "tokens\":12,"
             "\"completion_tokens\":4,\"total_tokens\":16}}");
    answered("/v1/completions", L, "{\"model\":\"q\",\"prompt\":\"Hi\"}", JSON,
             "{\"response\":\"The\",\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":12,\"eval_"
             "count\":4}",
             "{\"id\":\"cmpl-0\",\"object\":\"text_completion\",\"created\":0,\"model\":\"q\",\"choices\":[{"
             "\"index\":0,\"text\":\"The\","
             "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":4,\"total_"
             "tokens\":16}}");
}

static void vectors(void **state)
{
    static const char said[] = "{\"model\":\"q\",\"embeddings\":[[1.0,-2.5]],\"prompt_eval_count\":1}";

    (void)state;
    answered("/v1/embeddings", L, "{\"model\":\"q\",\"input\":\"a\"}", JSON, said,
             "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[1.0,-2.5]}]"
             ",\"model\":\"q\",\"usage\":{"
             "\"prompt_tokens\":1,\"total_tokens\":1}}");
    answered("/v1/embeddings", L, "{\"model\":\"q\",\"input\":\"a\",\"encoding_format\":\"base64\"}", JSON,
             said,
             "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":"
             "\"AACAPwAAIMA=\"}],\"model\":\"q\",\"usage\":{"
             "\"prompt_tokens\":1,\"total_tokens\":1}}");
}

static void failures(void **state)
{
    (void)state;
    fails(CHAT, L, "{\"model\":\"q\",\"stream\":true," HI "}", LINES,
          "{\"message\":{\"role\":\"assistant\",\"content\":\"The\"},\"done\":false}\n{\"error\":\"out of "
          "it\"}\n",
          -EIO,
          D("{\"role\":\"assistant\",\"content\":\"\"}", "null")
              D("{\"content\":\"The\"}", "null") "event: error\ndata: {\"error\":{\"message\":\"the engine "
                                                 "ended its answer with an error: out of it\",\"type\":"
                                                 "\"server_error\",\"code\":502}}\n\n");
    fails(CHAT, L, "{\"model\":\"q\",\"stream\":true," HI "}", LINES, "{\"a\":1}\n", -EPROTO, "");
    fails(CHAT, L, "{\"model\":\"q\",\"stream\":true," HI "}", LINES,
          "{\"message\":{\"role\":\"assistant\",\"content\":\"The\"},\"done\":false}", -ECONNRESET,
          D("{\"role\":\"assistant\",\"content\":\"\"}", "null")
              D("{\"content\":\"The\"}",
                "null") "event: error\ndata: {\"error\":{\"message\":\"the engine's answer stops "
                        "short\",\"type\":\"server_error\",\"code\":502}}\n\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests), cmocka_unit_test(a_stream), cmocka_unit_test(one_object),
        cmocka_unit_test(vectors),  cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
