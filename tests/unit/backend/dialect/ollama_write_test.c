/* SPDX-License-Identifier: MIT */
#include "dialect_fixture.h"

#define O    DIALECT_OPENAI
#define ASK  "{\"model\":\"q\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"
#define ASK1 "{\"model\":\"q\",\"stream\":false,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"
#define HEAD "{\"model\":\"q\",\"created_at\":\"0\",\"done\":false,"
#define DONE "{\"model\":\"q\",\"created_at\":\"0\",\"done\":true,"
#define FIGURES                                                                                              \
    "\"total_duration\":0,\"load_duration\":0,\"prompt_eval_count\":12,\"prompt_eval_duration\":0,"          \
    "\"eval_count\":4,\"eval_duration\":0}"

static void a_stream_is_lines(void **state)
{
    (void)state;
    answered("/api/chat", O, ASK, EVENTS,
             CHUNK("{\"role\":\"assistant\",\"content\":null}") CHUNK("{\"reasoning_content\":\"Hm.\"}")
                 CHUNK("{\"content\":\"The\"}") CHUNK("{\"content\":\" sky\"}") LAST("length"),
             HEAD "\"message\":{\"role\":\"assistant\",\"content\":\"\",\"thinking\":\"Hm.\"}}\n" HEAD
                  "\"message\":{\"role\":\"assistant\",\"content\":\"The\"}}\n" HEAD
                  "\"message\":{\"role\":\"assistant\",\"content\":\" sky\"}}\n" DONE
                  "\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done_reason\":\"length\"," FIGURES
                  "\n");
    answered("/api/generate", O, "{\"model\":\"q\",\"prompt\":\"Hi\"}", EVENTS,
             CHUNK("{\"content\":\"The\"}") LAST("stop"),
             HEAD "\"response\":\"The\"}\n" DONE "\"response\":\"\",\"done_reason\":\"stop\"," FIGURES "\n");
}

static void thinking_that_was_not_wanted_is_left_out(void **state)
{
    (void)state;
    answered("/api/chat", O,
             "{\"model\":\"q\",\"think\":false,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}",
             EVENTS, CHUNK("{\"reasoning_content\":\"Hm.\"}") CHUNK("{\"content\":\"A\"}") LAST("stop"),
             HEAD "\"message\":{\"role\":\"assistant\",\"content\":\"A\"}}\n" DONE
                  "\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done_reason\":\"stop\"," FIGURES
                  "\n");
}

static void a_tool_call_goes_out_whole(void **state)
{
    (void)state;
    answered("/api/chat", O, ASK, EVENTS,
             CHUNK("{\"tool_calls\":[{\"index\":0,\"id\":\"x1\",\"type\":\"function\",\"function\":{\"name\":"
                   "\"a\",\"arguments\":\"{\\\"c\"}}]}")
                 CHUNK("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\\\":1}\"}}]}")
                     CHUNK("{\"tool_calls\":[{\"index\":1,\"id\":\"x2\",\"type\":\"function\",\"function\":{"
                           "\"name\":\"b\",\"arguments\":\"\"}}]}") LAST("tool_calls"),
             HEAD "\"message\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"x1\","
                  "\"function\":{\"index\":0,\"name\":"
                  "\"a\",\"arguments\":{\"c\":1}}}]}}\n" HEAD
                  "\"message\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"x2\","
                  "\"function\":{\"index\":1,\"name\":"
                  "\"b\",\"arguments\":{}}}]}}\n" DONE
                  "\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done_reason\":\"stop\"," FIGURES
                  "\n");
}

static void one_object(void **state)
{
    (void)state;
    answered("/api/chat", O, ASK1, JSON,
             "{\"choices\":[{\"finish_reason\":\"tool_calls\",\"index\":0,\"message\":{\"role\":"
             "\"assistant\",\"content\":\"T\","
             "\"reasoning_content\":\"R\",\"tool_calls\":[{\"id\":\"x\",\"type\":\"function\",\"function\":{"
             "\"name\":\"a\",\"arguments\":"
             "\"{\\\"c\\\":1}\"}}]}}],\"usage\":{\"completion_tokens\":4,\"prompt_tokens\":12,\"total_"
             "tokens\":16}}",
             DONE "\"message\":{\"role\":\"assistant\",\"content\":\"T\",\"thinking\":\"R\",\"tool_calls\":[{"
                  "\"id\":\"x\",\"function\":{"
                  "\"index\":0,\"name\":\"a\",\"arguments\":{\"c\":1}}}]},\"done_reason\":\"stop\"," FIGURES);
}

static void figures_of_the_engine_are_taken(void **state)
{
    struct dialect *d = asked("/api/chat", O, ASK1);
    struct buf out = { 0 };
    static const char said[] = "{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":\"T\"}}],"
                               "\"timings\":{\"prompt_n\":12,"
                               "\"prompt_ms\":20.5,\"predicted_n\":5,\"predicted_ms\":30.25}}";

    (void)state;
    dialect_sent(d);
    dialect_head(d, JSON);
    assert_int_equal(dialect_feed(d, said, sizeof said - 1, &out, &err), 0);
    assert_int_equal(dialect_end(d, &out, &err), 0);
    assert_non_null(strstr(out.data,
                           "\"prompt_eval_count\":12,\"prompt_eval_duration\":20500000,\"eval_count\":5,"
                           "\"eval_duration\":30250000"));
    buf_free(&out);
    dialect_destroy(d);
}

static void tokens_of_a_cache_are_counted(void **state)
{
    struct dialect *d = asked("/api/chat", O, ASK1);
    struct buf out = { 0 };
    static const char said[] = "{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":\"T\"}}],"
                               "\"timings\":{\"cache_n\":32,\"prompt_n\":1,\"predicted_n\":5}}";

    (void)state;
    dialect_sent(d);
    dialect_head(d, JSON);
    assert_int_equal(dialect_feed(d, said, sizeof said - 1, &out, &err), 0);
    assert_int_equal(dialect_end(d, &out, &err), 0);
    assert_non_null(strstr(out.data, "\"prompt_eval_count\":33,"));
    buf_free(&out);
    dialect_destroy(d);
}

static void vectors(void **state)
{
    static const char said[] = "{\"object\":\"list\",\"data\":[{\"embedding\":[3.0,4.0],\"index\":0},{"
                               "\"embedding\":[0,0],\"index\":1}],"
                               "\"usage\":{\"prompt_tokens\":2,\"total_tokens\":2}}";

    (void)state;
    answered("/api/embed", O, "{\"model\":\"q\",\"input\":[\"a\",\"b\"]}", JSON, said,
             "{\"model\":\"q\",\"embeddings\":[[0.59999999999999998,0.80000000000000004],[0.0,0.0]],\"total_"
             "duration\":0,"
             "\"load_duration\":0,\"prompt_eval_count\":2}");
    answered("/api/embeddings", O, "{\"model\":\"q\",\"prompt\":\"a\"}", JSON, said,
             "{\"embedding\":[3.0,4.0]}");
    fails("/api/embeddings", O, "{\"model\":\"q\",\"prompt\":\"a\"}", JSON,
          "{\"data\":[{\"embedding\":\"AAAA\"}]}", -EPROTO, "");
    fails("/api/embeddings", O, "{\"model\":\"q\",\"prompt\":\"a\"}", JSON, "{\"data\":[]}", -EPROTO, "");
}

static void failures_are_lines_too(void **state)
{
    (void)state;
    fails("/api/chat", O, ASK, EVENTS,
          CHUNK("{\"content\":\"T\"}") "data: {\"error\":{\"message\":\"out of it\"}}\n\n", -EIO,
          HEAD "\"message\":{\"role\":\"assistant\",\"content\":\"T\"}}\n"
               "{\"error\":\"the engine ended its answer with an error: out of it\"}\n");
    fails("/api/chat", O, ASK, EVENTS, CHUNK("{\"content\":\"T\"}"), -ECONNRESET,
          HEAD "\"message\":{\"role\":\"assistant\",\"content\":\"T\"}}\n"
               "{\"error\":\"the engine's answer stops short\"}\n");
    fails("/api/chat", O, ASK, EVENTS, "data: {\"error\":{\"message\":\"no\"}}\n\n", -EIO, "");
    fails("/api/chat", O, ASK, EVENTS, "data: what\n\n", -EPROTO, "");
    fails("/api/chat", O, ASK1, JSON, "{\"choices\":[]}", -EPROTO, "");
    fails("/api/chat", O, ASK1, JSON, "", -ECONNRESET, "");
    fails("/api/chat", O, ASK1, JSON,
          "{\"choices\":[{\"finish_reason\":\"tool_calls\",\"message\":{\"tool_calls\":[{\"function\":{"
          "\"name\":\"a\",\"arguments\":\"{\"}}]}}]}",
          -EIO, "");
    fails("/api/chat", O, ASK, EVENTS,
          CHUNK("{\"tool_calls\":[{\"index\":7,\"function\":{\"name\":\"a\"}}]}"), -EPROTO, "");
    fails("/api/chat", O, ASK, EVENTS,
          CHUNK("{\"tool_calls\":[{\"index\":-1,\"function\":{\"name\":\"a\"}}]}"), -EPROTO, "");
}

static void an_answer_has_a_limit(void **state)
{
    struct dialect *d = asked("/api/chat", O, ASK);
    char *piece = malloc(1 << 20);
    struct buf out = { 0 };
    int rc = 0;

    (void)state;
    memset(piece, 'x', 1 << 20);
    dialect_sent(d);
    dialect_head(d, EVENTS);
    assert_int_equal(dialect_feed(d, "data: ", 6, &out, &err), 0);
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = dialect_feed(d, piece, 1 << 20, &out, &err);
    assert_int_equal(rc, -EPROTO);
    dialect_sent(d); /* afresh */
    dialect_head(d, JSON);
    rc = 0;
    for (int i = 0; i < 65 && rc == 0; i++)
        rc = dialect_feed(d, piece, 1 << 20, &out, &err);
    assert_int_equal(rc, -EFBIG);
    assert_int_equal(out.len, 0);
    free(piece);
    dialect_destroy(d);
}

static void a_loss_begins_anew(void **state)
{
    struct dialect *d = asked("/api/chat", O, ASK1);
    int rc;
    char *got = heard(d, JSON, "{\"choices\":[{\"fini", 4, &rc);

    (void)state;
    assert_int_equal(rc, -EPROTO);
    free(got);
    got = heard(d, JSON, "{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":\"T\"}}]}", 4,
                &rc);
    assert_int_equal(rc, 0);
    assert_non_null(strstr(got, "\"content\":\"T\""));
    free(got);
    dialect_destroy(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_is_lines),
        cmocka_unit_test(thinking_that_was_not_wanted_is_left_out),
        cmocka_unit_test(a_tool_call_goes_out_whole),
        cmocka_unit_test(one_object),
        cmocka_unit_test(figures_of_the_engine_are_taken),
        cmocka_unit_test(tokens_of_a_cache_are_counted),
        cmocka_unit_test(vectors),
        cmocka_unit_test(failures_are_lines_too),
        cmocka_unit_test(an_answer_has_a_limit),
        cmocka_unit_test(a_loss_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
