/* SPDX-License-Identifier: MIT */
/* Requests that an engine answers, as its clients and its engines see them. */
#include "gateway_fixture.h"

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}"
#define EVENTS "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

static void a_request_is_held_until_the_engine_is_healthy(void **state)
{
    struct peer *c = client();

    (void)state;
    rig.healthy = false;
    ask(c, QUESTION);
    UNTIL(model_state(rig.house->models[0]) == MODEL_STARTING);
    for (int i = 0; i < 50; i++)
        turn();
    assert_int_equal(c->in.len, 0);
    assert_int_equal(waiting(), 1);
    rig.healthy = true;
    UNTIL(question());
    assert_true(has(question(), "POST /v1/chat/completions HTTP/1.1\r\n"));
    assert_true(shows_secret(&question()->in));
    assert_true(has(question(), QUESTION));
    answer(question(), ANSWER);
    UNTIL(has(c, "{\"a\":1}"));
    assert_true(has(c, "HTTP/1.1 200 OK\r\n"));
    assert_true(has(c, "X-Slullama-Job: fake.1\r\n"));
    assert_true(has(c, "Connection: keep-alive\r\n"));
    UNTIL(active() == 0);
}

static void pieces_are_passed_on_as_they_come(void **state)
{
    struct peer *c = client();

    (void)state;
    ask(c, STREAM_QUESTION);
    UNTIL(question());
    struct peer *engine = question();
    say(engine, EVENTS "8\r\ndata: 1\n\r\n");
    UNTIL(has(c, "data: 1\n"));
    assert_true(has(c, "Transfer-Encoding: chunked\r\n"));
    assert_false(has(c, "data: 2"));
    say(engine, "9\r\n\ndata: 2\n\r\n");
    UNTIL(has(c, "data: 2\n"));
    answer(engine, "1\r\n\n\r\n0\r\n\r\n");
    UNTIL(has(c, "\r\n0\r\n\r\n"));
    buf_reset(&c->in);
    get(c, "/health"); /* the connection goes on */
    UNTIL(has(c, "\"status\":\"ok\""));
}

static void an_engine_lost_before_its_answer_is_no_loss(void **state)
{
    struct peer *c = client();

    (void)state;
    ask(c, QUESTION);
    UNTIL(question());
    drop_peer(question());
    UNTIL(question()); /* again, on a fresh connection to the same engine, which is healthy */
    say(question(), "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n");
    for (int i = 0; i < 20; i++)
        turn();
    drop_peer(question()); /* a head alone is no answer yet */
    UNTIL(question());
    assert_int_equal(c->in.len, 0);
    answer(question(), ANSWER);
    UNTIL(has(c, "{\"a\":1}"));
}

static void an_engine_lost_thrice_is_an_error(void **state)
{
    struct peer *c = client();

    (void)state;
    ask(c, QUESTION);
    int lost = 0; /* the HTTP client repeats what a kept connection lost: that is no loss yet */
    for (; lost < 8 && !has(c, "\"code\":502"); lost++) {
        UNTIL(question() || has(c, "\"code\":502"));
        if (question())
            drop_peer(question());
    }
    UNTIL(has(c, "\"code\":502"));
    assert_true(has(c, "HTTP/1.1 502 "));
    assert_int_equal(active() + waiting(), 0);
}

static void an_answer_that_breaks_off_is_seen_to_be_broken(void **state)
{
    struct peer *c = client(), *s = client();

    (void)state;
    ask(c, QUESTION);
    UNTIL(question());
    say(question(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    UNTIL(has(c, "abc"));
    drop_peer(question());
    UNTIL(c->eof);
    assert_false(has(c, "0\r\n\r\n"));

    ask(s, STREAM_QUESTION);
    UNTIL(question());
    say(question(), EVENTS "a\r\ndata: {}\n\n\r\nb\r\ndata: {\"cu\r\n");
    UNTIL(has(s, "{\"cu"));
    drop_peer(question());
    UNTIL(s->eof);
    assert_true(has(s, "\n\nevent: error\ndata: {\"error\":{\"message\":"));
    assert_true(has(s, "\r\n0\r\n\r\n"));
}

static void what_is_not_http_is_an_error(void **state)
{
    struct peer *c = client();

    (void)state;
    ask(c, QUESTION);
    UNTIL(question());
    answer(question(), "SSH-2.0-OpenSSH\r\n\r\n");
    UNTIL(has(c, "HTTP/1.1 502 "));
    UNTIL(has(c, "not HTTP"));
}

static void an_engines_own_error_is_passed_on(void **state)
{
    struct peer *c = client();

    (void)state;
    ask(c, QUESTION);
    UNTIL(question());
    answer(question(),
           "HTTP/1.1 429 Slow down\r\nRetry-After: 77\r\nContent-Length: 18\r\n\r\n{\"error\":\"too hot\"}");
    UNTIL(has(c, "{\"error\":\"too hot\""));
    assert_true(has(c, "HTTP/1.1 429 "));
    assert_true(has(c, "Retry-After: 77\r\n"));
    UNTIL(active() == 0);
}

static void http_1_0_ends_with_the_connection(void **state)
{
    struct peer *c = client();

    (void)state;
    say(c, "POST /parrot/v1/completions HTTP/1.0\r\nContent-Length: 12\r\n\r\n{\"prompt\":1}");
    UNTIL(question());
    assert_true(has(question(), "POST /v1/completions HTTP/1.1\r\n"));
    answer(question(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    UNTIL(c->eof);
    assert_false(has(c, "chunked"));
    assert_string_equal(c->in.data + c->in.len - 7, "\r\n\r\nabc");
}

static void chunked_uploads_and_expectations_are_taken(void **state)
{
    struct peer *c = client();

    (void)state;
    say(c, "POST /p/v1/completions HTTP/1.1\r\nHost: [::1]\r\nExpect: 100-continue\r\nTransfer-Encoding: "
           "chunked\r\n\r\n");
    UNTIL(has(c, "HTTP/1.1 100 Continue\r\n\r\n"));
    say(c, "6\r\n{\"a\": \r\n2\r\n1}\r\n0\r\n\r\n");
    UNTIL(question());
    assert_true(has(question(), "Content-Length: 8\r\n\r\n{\"a\": 1}"));
    assert_false(has(question(), "xpect"));
    answer(question(), ANSWER);
    UNTIL(has(c, "{\"a\":1}"));
}

static void other_requests_pass_beside_the_queue(void **state)
{
    struct peer *c = client();

    (void)state;
    get(c, "/parrot/props");
    UNTIL(has(c, "HTTP/1.1 503 "));
    UNTIL(has(c, "asleep"));
    assert_null(model_job(rig.house->models[0]));
    model_wake(rig.house->models[0]);
    UNTIL(model_state(rig.house->models[0]) == MODEL_READY);
    buf_reset(&c->in);
    get(c, "/jobs/fake.1/props?x=1");
    UNTIL(question());
    assert_true(has(question(), "GET /props?x=1 HTTP/1.1\r\n"));
    assert_int_equal(active(), 0);
    answer(question(), ANSWER);
    UNTIL(has(c, "{\"a\":1}"));
    buf_reset(&c->in);
    say(c, "HEAD /parrot/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
    UNTIL(question());
    answer(question(), "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    UNTIL(has(c, "Content-Length: 1000\r\n"));
    buf_reset(&c->in);
    get(c, "/parrot/slow");
    UNTIL(question());
    drop_peer(c);
    UNTIL(question()->eof);
}

/* Some engines have it and some have not, which only they know. */
static void counting_tokens_is_the_engines_to_answer(void **state)
{
    static const char ask_count[] = "POST /v1/messages/count_tokens HTTP/1.1\r\nHost: localhost\r\n"
                                    "Content-Length: 18\r\n\r\n{\"model\":\"parrot\"}",
                      counted[] = "HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{\"input_tokens\":17}",
                      unknown[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 42\r\n\r\n"
                                  "{\"error\":{\"code\":404,\"message\":\"No File\"}}";
    struct peer *c = client();

    (void)state;
    say(c, ask_count);
    UNTIL(has(c, "HTTP/1.1 503 ") && has(c, "{\"type\":\"error\","));
    assert_null(model_job(rig.house->models[0]));
    model_wake(rig.house->models[0]);
    UNTIL(model_state(rig.house->models[0]) == MODEL_READY);
    buf_reset(&c->in);
    say(c, ask_count);
    UNTIL(question());
    assert_true(has(question(), "POST /v1/messages/count_tokens HTTP/1.1\r\n"));
    assert_int_equal(active(), 0);
    answer(question(), counted);
    UNTIL(has(c, "\r\n\r\n{\"input_tokens\":17}"));
    buf_reset(&c->in);
    say(c, ask_count);
    UNTIL(question());
    answer(question(), unknown);
    UNTIL(has(c, "HTTP/1.1 404 "));
    UNTIL(has(c, "\r\n\r\n{\"type\":\"error\",\"error\":{\"type\":\"not_found_error\","
                 "\"message\":\"the engine answered 404: No File\"}}"));
}

static void a_model_that_does_not_wake_in_time_is_503(void **state)
{
    struct peer *c = client();

    (void)state;
    rig.healthy = false;
    ask(c, QUESTION);
    UNTIL(has(c, "wake_timeout"));
    assert_true(has(c, "HTTP/1.1 503 "));
    assert_true(has(c, "Retry-After: "));
    assert_int_equal(waiting(), 0);
}

static void a_silent_stream_hears_comments(void **state)
{
    struct peer *late = client(), *bad = client(), *plain = client();

    (void)state;
    rig.healthy = false;
    ask(late, STREAM_QUESTION);
    ask(plain, QUESTION);
    UNTIL(has(late, ": waiting\n\n"));
    assert_true(has(late, "HTTP/1.1 200 OK\r\n"));
    assert_true(has(late, "Content-Type: text/event-stream"));
    assert_int_equal(plain->in.len, 0);
    drop_peer(plain);
    UNTIL(waiting() == 1);
    rig.healthy = true;
    UNTIL(question());
    answer(question(), EVENTS "9\r\ndata: 1\n\n\r\n0\r\n\r\n");
    UNTIL(has(late, "0\r\n\r\n"));
    assert_true(has(late, "9\r\ndata: 1\n\n\r\n"));
    assert_null(strstr(strstr(late->in.data, "HTTP/1.1") + 1, "HTTP/1.1"));

    ask(bad, STREAM_QUESTION);
    UNTIL(question());
    UNTIL(has(bad, ": waiting\n\n"));
    answer(question(), "HTTP/1.1 500 No\r\nContent-Length: 32\r\n\r\n{\"error\":{\"message\":\"too warm\"}}");
    UNTIL(bad->eof);
    assert_true(
        has(bad, "event: error\ndata: {\"error\":{\"message\":\"the engine answered 500: too warm\""));
    assert_true(has(bad, "0\r\n\r\n"));
    UNTIL(active() == 0);
}

static int begin_impatient(void **state)
{
    (void)state;
    begin_with("wake_timeout = \"1s\"", "");
    return 0;
}

#define WITH(test, setup) cmocka_unit_test_setup_teardown(test, setup, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(a_request_is_held_until_the_engine_is_healthy, begin),
        WITH(pieces_are_passed_on_as_they_come, begin),
        WITH(an_engine_lost_before_its_answer_is_no_loss, begin),
        WITH(an_engine_lost_thrice_is_an_error, begin),
        WITH(an_answer_that_breaks_off_is_seen_to_be_broken, begin),
        WITH(what_is_not_http_is_an_error, begin),
        WITH(an_engines_own_error_is_passed_on, begin),
        WITH(http_1_0_ends_with_the_connection, begin),
        WITH(chunked_uploads_and_expectations_are_taken, begin),
        WITH(other_requests_pass_beside_the_queue, begin),
        WITH(counting_tokens_is_the_engines_to_answer, begin),
        WITH(a_model_that_does_not_wake_in_time_is_503, begin_impatient),
        WITH(a_silent_stream_hears_comments, begin),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
