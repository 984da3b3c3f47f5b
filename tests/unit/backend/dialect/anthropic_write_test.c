/* SPDX-License-Identifier: MIT */
#include "dialect_fixture.h"

#define M "/v1/messages"
#define O DIALECT_OPENAI
#define ASK                                                                                                  \
    "{\"model\":\"q\",\"max_tokens\":9,\"thinking\":{\"type\":\"adaptive\"},\"messages\":[{\"role\":"        \
    "\"user\",\"content\":\"Hi\"}]}"
#define ASK_S                                                                                                \
    "{\"model\":\"q\",\"max_tokens\":9,\"thinking\":{\"type\":\"adaptive\"},\"stream\":true,\"messages\":[{" \
    "\"role\":\"user\",\"content\":\"Hi\"}]}"
#define START START_OF("0", "0")
#define START_OF(IN, OUT)                                                                                    \
    "event: message_start\ndata: "                                                                           \
    "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_chatcmpl-1\",\"type\":\"message\","               \
    "\"role\":\"assistant\",\"model\":\"q\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"     \
    "\"usage\":{\"input_tokens\":" IN ","                                                                    \
    "\"cache_read_input_tokens\":0,\"cache_creation_input_tokens\":0,\"output_tokens\":" OUT "}}}\n\n"       \
    "event: ping\ndata: {\"type\":\"ping\"}\n\n"
#define BEGIN(I, BLOCK)                                                                                      \
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":" I                       \
    ",\"content_block\":{" BLOCK "}}\n\n"
#define DELTA(I, D)                                                                                          \
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":" I ",\"delta\":{" D      \
    "}}\n\n"
#define STOP(I) "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":" I "}\n\n"
#define USAGE                                                                                                \
    "{\"input_tokens\":12,\"cache_read_input_tokens\":0,\"cache_creation_input_tokens\":0,\"output_"         \
    "tokens\":4}"
#define END(REASON)                                                                                          \
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"" REASON           \
    "\",\"stop_sequence\":null},\"usage\":" USAGE                                                            \
    "}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"

static void blocks_follow_each_other(void **state)
{
    (void)state;
    answered(M, O, ASK_S, EVENTS,
             CHUNK("{\"role\":\"assistant\",\"content\":null}") CHUNK("{\"reasoning_content\":\"Hm.\"}")
                 CHUNK("{\"content\":\"The\"}") CHUNK("{\"content\":\" sky\"}") LAST("length"),
             START BEGIN("0", "\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"")
                 DELTA("0", "\"type\":\"thinking_delta\",\"thinking\":\"Hm.\"")
                     DELTA("0", "\"type\":\"signature_delta\",\"signature\":\"\"") STOP("0")
                         BEGIN("1", "\"type\":\"text\",\"text\":\"\"")
                             DELTA("1", "\"type\":\"text_delta\",\"text\":\"The\"")
                                 DELTA("1", "\"type\":\"text_delta\",\"text\":\" sky\"") STOP("1")
                                     END("max_tokens"));
    answered(M, O, ASK_S, EVENTS, LAST("stop"), START_OF("12", "4") END("end_turn"));
}

static void tools(void **state)
{
    (void)state;
    answered(M, O, ASK_S, EVENTS,
             CHUNK("{\"content\":\"So\"}")
                 CHUNK("{\"tool_calls\":[{\"index\":0,\"id\":\"x1\",\"type\":\"function\",\"function\":{"
                       "\"name\":\"a\",\"arguments\":\"\"}}]}")
                     CHUNK("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]}")
                         CHUNK("{\"tool_calls\":[{\"index\":1,\"id\":\"x2\",\"function\":{\"name\":\"b\","
                               "\"arguments\":\"{}\"}}]}") LAST("tool_calls"),
             START BEGIN("0", "\"type\":\"text\",\"text\":\"\"")
                 DELTA("0", "\"type\":\"text_delta\",\"text\":\"So\"") STOP("0")
                     BEGIN("1", "\"type\":\"tool_use\",\"id\":\"x1\",\"name\":\"a\",\"input\":{}")
                         DELTA("1", "\"type\":\"input_json_delta\",\"partial_json\":\"{}\"") STOP("1")
                             BEGIN("2", "\"type\":\"tool_use\",\"id\":\"x2\",\"name\":\"b\",\"input\":{}")
                                 DELTA("2", "\"type\":\"input_json_delta\",\"partial_json\":\"{}\"") STOP("2")
                                     END("tool_use"));
}

static void one_object(void **state)
{
    (void)state;
    answered(M, O, ASK, JSON,
             "{\"id\":\"chatcmpl-1\",\"choices\":[{\"finish_reason\":\"tool_calls\",\"index\":0,\"message\":{"
             "\"role\":\"assistant\","
             "\"content\":\"T\",\"reasoning\":\"R\",\"tool_calls\":[{\"id\":\"x\",\"type\":\"function\","
             "\"function\":{\"name\":\"a\","
             "\"arguments\":\"{\\\"c\\\":1}\"}}]}}],\"usage\":{\"completion_tokens\":4,\"prompt_tokens\":12,"
             "\"total_tokens\":16}}",
             "{\"id\":\"msg_chatcmpl-1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"q\","
             "\"content\":[{\"type\":\"thinking\","
             "\"thinking\":\"R\",\"signature\":\"\"},{\"type\":\"text\",\"text\":\"T\"},{\"type\":\"tool_"
             "use\",\"id\":\"x\",\"name\":\"a\","
             "\"input\":{\"c\":1}}],\"stop_reason\":\"tool_use\",\"stop_sequence\":null,\"usage\":" USAGE
             "}");
    answered(M, O, ASK, JSON,
             "{\"id\":\"chatcmpl-1\",\"choices\":[{\"finish_reason\":\"stop\",\"stop_reason\":\"END\","
             "\"message\":{\"content\":\"T\"}}],"
             "\"usage\":{\"completion_tokens\":4,\"prompt_tokens\":15,\"prompt_tokens_details\":{\"cached_"
             "tokens\":3}}}",
             "{\"id\":\"msg_chatcmpl-1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"q\","
             "\"content\":[{\"type\":\"text\","
             "\"text\":\"T\"}],\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"END\",\"usage\":{"
             "\"input_tokens\":12,"
             "\"cache_read_input_tokens\":3,\"cache_creation_input_tokens\":0,\"output_tokens\":4}}");
}

static void from_lines_of_ollama(void **state)
{
    (void)state;
    answered(
        M, DIALECT_OLLAMA, ASK_S, "application/x-ndjson",
        "{\"model\":\"q\",\"message\":{\"role\":\"assistant\",\"content\":\"\",\"thinking\":\"Hm.\"},"
        "\"done\":false}\n"
        "{\"model\":\"q\",\"message\":{\"role\":\"assistant\",\"content\":\"The\"},\"done\":false}\n"
        "{\"model\":\"q\",\"message\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"function\":"
        "{\"name\":\"a\",\"arguments\":{"
        "\"c\":1}}}]},\"done\":false}\n"
        "{\"model\":\"q\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_"
        "reason\":\"stop\","
        "\"prompt_eval_count\":12,\"eval_count\":4}\n",
        "event: message_start\ndata: "
        "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_0\",\"type\":\"message\",\"role\":"
        "\"assistant\",\"model\":\"q\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{"
        "\"input_tokens\":0,"
        "\"cache_read_input_tokens\":0,\"cache_creation_input_tokens\":0,\"output_tokens\":0}}}\n\nevent: "
        "ping\ndata: {\"type\":"
        "\"ping\"}\n\n" BEGIN("0", "\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"")
            DELTA("0", "\"type\":\"thinking_delta\",\"thinking\":\"Hm.\"")
                DELTA("0", "\"type\":\"signature_delta\",\"signature\":\"\"") STOP("0")
                    BEGIN("1", "\"type\":\"text\",\"text\":\"\"")
                        DELTA("1", "\"type\":\"text_delta\",\"text\":\"The\"") STOP("1")
                            BEGIN("2", "\"type\":\"tool_use\",\"id\":\"call_0\",\"name\":\"a\",\"input\":{}")
                                DELTA("2", "\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"c\\\":1}\"")
                                    STOP("2") END("tool_use"));
}

static void failures_are_events(void **state)
{
    (void)state;
    fails(
        M, O, ASK_S, EVENTS, CHUNK("{\"content\":\"T\"}") "data: {\"error\":{\"message\":\"out of it\"}}\n\n",
        -EIO,
        START BEGIN("0", "\"type\":\"text\",\"text\":\"\"") DELTA(
            "0",
            "\"type\":\"text_delta\",\"text\":\"T\"") "event: error\ndata: "
                                                      "{\"type\":\"error\",\"error\":{\"type\":\"api_error\","
                                                      "\"message\":\"the engine ended its answer with "
                                                      "an error: out of it\"}}\n\n");
    fails(
        M, O, ASK_S, EVENTS,
        CHUNK("{\"tool_calls\":[{\"index\":0,\"id\":\"x\",\"function\":{\"name\":\"a\"}}]}")
            CHUNK("{\"tool_calls\":[{\"index\":1,\"id\":\"y\",\"function\":{\"name\":\"b\"}}]}")
                CHUNK("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]}"),
        -EPROTO,
        START BEGIN("0", "\"type\":\"tool_use\",\"id\":\"x\",\"name\":\"a\",\"input\":{}") STOP("0") BEGIN(
            "1",
            "\"type\":\"tool_use\",\"id\":\"y\",\"name\":\"b\",\"input\":{}") "event: error\ndata: "
                                                                              "{\"type\":\"error\",\"error\":"
                                                                              "{\"type\":\"api_error\","
                                                                              "\"message\":\"the engine "
                                                                              "writes the arguments "
                                                                              "of two tools at once\"}}\n\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_follow_each_other),
        cmocka_unit_test(tools),
        cmocka_unit_test(one_object),
        cmocka_unit_test(from_lines_of_ollama),
        cmocka_unit_test(failures_are_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
