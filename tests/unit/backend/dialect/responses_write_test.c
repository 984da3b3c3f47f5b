/* SPDX-License-Identifier: MIT */
#include "dialect_fixture.h"

#define R     "/v1/responses"
#define O     DIALECT_OPENAI
#define ASK   "{\"model\":\"q\",\"input\":\"Hi\",\"temperature\":0.5}"
#define ASK_S "{\"model\":\"q\",\"input\":\"Hi\",\"stream\":true}"

/* The events of a stream, by their type and what tells them apart; each is checked to be numbered and named. */
static char *outline(const char *events)
{
    struct buf out = { 0 };
    const char *p = events;

    for (int n = 0; *p; n++) {
        char name[80];
        assert_int_equal(sscanf(p, "event: %79s\n", name), 1);
        p = strstr(p, "\ndata: ") + 7;
        size_t len = strcspn(p, "\n");
        json_t *v = json_loadb(p, len, 0, NULL);
        assert_string_equal(json_string_value(json_object_get(v, "type")), name);
        assert_int_equal(json_integer_value(json_object_get(v, "sequence_number")), n);
        json_t *text = json_object_get(v, "delta"), *at = json_object_get(v, "output_index");
        if (!text)
            text = json_object_get(v, json_object_get(v, "arguments") ? "arguments" : "text");
        buf_addf(&out, "%s", name + (strncmp(name, "response.", 9) ? 0 : 9));
        if (at)
            buf_addf(&out, " %d", (int)json_integer_value(at));
        if (text)
            buf_addf(&out, " %s", json_string_value(text));
        buf_adds(&out, "\n");
        json_decref(v);
        p += len + 2;
    }
    return buf_take(&out);
}

/* The stream that `said` becomes, as its outline; *whole is the response of the last event. */
static void streamed(const char *said, const char *want, json_t **whole)
{
    struct dialect *d = asked(R, O, ASK_S);
    int rc;
    char *events = heard(d, EVENTS, said, 9, &rc), *lines = outline(events);

    assert_string_equal(lines, want);
    char *p = events;
    for (char *next = events; (next = strstr(next, "\ndata: ")); next += 7)
        p = next + 7;
    json_t *v = json_loadb(p, strcspn(p, "\n"), 0, NULL);
    *whole = json_incref(json_object_get(v, "response"));
    json_decref(v);
    free(lines);
    free(events);
    dialect_destroy(d);
}

static const char *text_at(const json_t *whole, size_t i, const char *name)
{
    return json_string_value(json_object_get(json_array_get(json_object_get(whole, "output"), i), name));
}

static void items_follow_each_other(void **state)
{
    json_t *whole;

    (void)state;
    streamed(CHUNK("{\"role\":\"assistant\",\"content\":null}") CHUNK("{\"reasoning_content\":\"Hm.\"}")
                 CHUNK("{\"content\":\"The\"}") CHUNK("{\"content\":\" sky\"}")
                     CHUNK("{\"tool_calls\":[{\"index\":0,\"id\":\"x1\",\"type\":\"function\",\"function\":{"
                           "\"name\":\"a\",\"arguments\":\"{\"}}]}")
                         CHUNK("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"}\"}}]}")
                             LAST("tool_calls"),
             "created\nin_progress\n"
             "output_item.added 0\ncontent_part.added 0\nreasoning_text.delta 0 Hm.\nreasoning_text.done 0 "
             "Hm.\ncontent_part.done 0\n"
             "output_item.done 0\n"
             "output_item.added 1\ncontent_part.added 1\noutput_text.delta 1 The\noutput_text.delta 1  "
             "sky\noutput_text.done 1 The sky\n"
             "content_part.done 1\noutput_item.done 1\n"
             "output_item.added 2\nfunction_call_arguments.delta 2 {\nfunction_call_arguments.delta 2 }\n"
             "function_call_arguments.done 2 {}\noutput_item.done 2\ncompleted\n",
             &whole);
    assert_string_equal(json_string_value(json_object_get(whole, "status")), "completed");
    assert_string_equal(text_at(whole, 0, "type"), "reasoning");
    assert_string_equal(text_at(whole, 1, "type"), "message");
    assert_string_equal(text_at(whole, 2, "arguments"), "{}");
    assert_string_equal(text_at(whole, 2, "call_id"), "x1");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(whole, "usage"), "input_tokens")),
                     12);
    json_decref(whole);
}

static void one_that_is_cut_is_incomplete(void **state)
{
    json_t *whole;

    (void)state;
    streamed(CHUNK("{\"content\":\"The\"}") LAST("length"),
             "created\nin_progress\noutput_item.added 0\ncontent_part.added 0\noutput_text.delta 0 "
             "The\noutput_text.done 0 The\n"
             "content_part.done 0\noutput_item.done 0\nincomplete\n",
             &whole);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(whole, "incomplete_details"), "reason")),
        "max_output_tokens");
    json_decref(whole);
}

static void one_object(void **state)
{
    (void)state;
    answered(
        R, O, ASK, JSON,
        "{\"id\":\"chatcmpl-1\",\"choices\":[{\"finish_reason\":\"stop\",\"index\":0,\"message\":{\"role\":"
        "\"assistant\","
        "\"content\":\"T\"}}],\"usage\":{\"completion_tokens\":4,\"prompt_tokens\":12,\"total_tokens\":16}}",
        "{\"id\":\"resp_chatcmpl-1\",\"object\":\"response\",\"created_at\":0,\"status\":\"completed\","
        "\"error\":null,"
        "\"incomplete_details\":null,\"previous_response_id\":null,\"background\":false,\"store\":false,"
        "\"truncation\":"
        "\"disabled\",\"model\":\"q\",\"output\":[{\"id\":\"msg_chatcmpl-1_0\",\"type\":\"message\","
        "\"status\":\"completed\","
        "\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"T\",\"annotations\":[],"
        "\"logprobs\":[]}]}],"
        "\"instructions\":null,\"max_output_tokens\":null,\"metadata\":{},\"parallel_tool_calls\":true,"
        "\"reasoning\":{\"effort\":"
        "null,\"summary\":null},\"temperature\":0.5,\"text\":{\"format\":{\"type\":\"text\"}},\"tool_"
        "choice\":\"auto\",\"tools\":[],"
        "\"top_p\":null,\"user\":null,\"usage\":{\"input_tokens\":12,\"input_tokens_details\":{\"cached_"
        "tokens\":0},"
        "\"output_tokens\":4,\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":16}}");
}

static void a_failure_is_an_event(void **state)
{
    struct dialect *d = asked(R, O, ASK_S);
    int rc;
    char *got =
        heard(d, EVENTS, CHUNK("{\"content\":\"T\"}") "data: {\"error\":{\"message\":\"out of it\"}}\n\n",
              1000, &rc);
    char *lines = outline(got);

    (void)state;
    assert_int_equal(rc, -EIO);
    assert_non_null(strstr(lines, "\nerror\n"));
    assert_non_null(strstr(got, "event: error\ndata: {\"error\":{\"message\":\"the engine ended"));
    free(lines);
    free(got);
    dialect_destroy(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_follow_each_other),
        cmocka_unit_test(one_that_is_cut_is_incomplete),
        cmocka_unit_test(one_object),
        cmocka_unit_test(a_failure_is_an_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
