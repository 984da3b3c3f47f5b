/* SPDX-License-Identifier: MIT */
/* Requests in JSON over real HTTP: the engine's bytes, once, and its words where it says no. */
#include "rig.h"

#define EIGHT "one two three four five six seven eight"

static struct prompt *request(const char *content, const char *fields)
{
    struct buf b = { 0 };
    struct err e = { "" };

    buf_addf(&b, "{\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]%s}", content, fields);
    struct prompt *p = prompt_create(rig.h, 1000, &pair_request, &b);
    rig.prompts[rig.n_prompts++] = p;
    if (model_submit(the_model(), &p->x, &e) < 0)
        fail_msg("%s", e.text);
    return p;
}

static int count(const struct prompt *p, const char *what)
{
    int n = 0;

    for (const char *at = buf_str(&p->reply); (at = strstr(at, what)); at++)
        n++;
    return n;
}

static void expect_failure(struct prompt *p, int rc)
{
    WAIT(ended(p));
    assert_int_equal(p->x.state, EXCHANGE_FAILED);
    assert_int_equal(p->x.rc, rc);
}

static void a_whole_response_is_json_on_a_line(void **state)
{
    (void)state;
    rig_open("", "");
    struct prompt *p = request("hello", "");
    WAIT(ended(p));
    json_t *v = json_loadb(p->reply.data, p->reply.len, 0, NULL);
    const json_t *choice = json_array_get(json_object_get(v, "choices"), 0);
    assert_string_equal(json_string_value(json_object_get(v, "model")), "m");
    assert_string_equal(json_string_value(json_object_get(json_object_get(choice, "message"), "content")),
                        "hello");
    assert_int_equal(count(p, "\n"), 1);
    assert_true(p->x.completion_tokens > 0);
    assert_string_equal(p->x.finish_reason, "stop");
    json_decref(v);
}

static void a_stream_is_the_engines_events(void **state)
{
    (void)state;
    rig_open("\"parrot=--rate 40\"", "");
    struct prompt *p = request(EIGHT, ",\"stream\":true");
    WAIT(p->reply.len > 0);
    assert_false(ended(p));
    assert_int_equal(p->x.state, EXCHANGE_STREAMING);
    assert_int_equal(count(p, "\"role\":\"assistant\""), 1);
    WAIT(ended(p));
    assert_int_equal(p->x.state, EXCHANGE_DONE);
    assert_int_equal(count(p, "\"content\":\""), 9); /* the first is empty */
    assert_string_equal(p->reply.data + p->reply.len - 14, "data: [DONE]\n\n");
}

static void nothing_is_seen_of_a_stream_without_text(void **state)
{
    (void)state;
    rig_open("\"parrot=--delay 3600\"", "");
    struct prompt *p = request(EIGHT, ",\"stream\":true");
    WAIT(p->held.len > 0); /* its first event came, and may be followed by a loss */
    assert_int_equal(p->reply.len, 0);
    assert_int_equal(p->x.state, EXCHANGE_SENT);
    exchange_cancel(&p->x, "enough");
    assert_int_equal(p->held.len, 0);
}

static void an_engine_that_dies_first_is_replaced(void **state)
{
    (void)state;
    rig_open("\"parrot=--fail die-before-first-byte@1\"", "");
    struct prompt *p = request(EIGHT, ",\"stream\":true");
    WAIT(ended(p));
    assert_int_equal(p->x.state, EXCHANGE_DONE);
    assert_int_equal(p->x.losses, 1);
    assert_int_equal(count(p, "[DONE]"), 1);
}

static void one_that_dies_in_the_middle_leaves_the_events_so_far(void **state)
{
    (void)state;
    rig_open("\"parrot=--fail die-mid-stream\"", "");
    struct prompt *p = request(EIGHT, ",\"stream\":true");
    expect_failure(p, -ECONNRESET);
    assert_true(count(p, "\"content\":\"") > 1);
    assert_int_equal(count(p, "[DONE]"), 0);
}

static void the_engines_no_is_told_in_its_json(void **state)
{
    (void)state;
    rig_open("\"parrot=--fail http-500\"", "");
    struct prompt *p = request("hello", "");
    expect_failure(p, -EIO);
    assert_string_equal(p->x.error, "{\"error\":{\"message\":\"the parrot was told to fail\",\"type\":"
                                    "\"server_error\",\"code\":500}}");
    assert_int_equal(p->reply.len, 0);
}

static void so_is_one_in_the_middle_of_a_stream(void **state)
{
    (void)state;
    rig_open("\"parrot=--fail error-in-stream\"", "");
    struct prompt *p = request(EIGHT, ",\"stream\":true");
    expect_failure(p, -EIO);
    assert_non_null(strstr(p->x.error, "{\"error\":{"));
    assert_true(count(p, "\"content\":\"") > 1);
}

static void a_response_beyond_the_limit_is_ended(void **state)
{
    (void)state;
    rig_open("", "");
    struct prompt *p = request(EIGHT, ",\"stream\":true");
    p->reply_max = 400;
    expect_failure(p, -EFBIG);
    assert_true(p->reply.len <= 400);
}

static const struct CMUnitTest tests[] = {
    SENTENCE(a_whole_response_is_json_on_a_line),
    SENTENCE(a_stream_is_the_engines_events),
    SENTENCE(nothing_is_seen_of_a_stream_without_text),
    SENTENCE(an_engine_that_dies_first_is_replaced),
    SENTENCE(one_that_dies_in_the_middle_leaves_the_events_so_far),
    SENTENCE(the_engines_no_is_told_in_its_json),
    SENTENCE(so_is_one_in_the_middle_of_a_stream),
    SENTENCE(a_response_beyond_the_limit_is_ended),
};

RIG_MAIN(tests)
