/* SPDX-License-Identifier: MIT */
/* What a client hears of a model that is not ready. relay_test.c has the comments that a silent stream gets. */
#include "gateway_fixture.h"

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}"
#define EVENTS "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

static struct model *parrot(void)
{
    return rig.house->models[0];
}

/* A whole answer of ours has come. */
static bool refused(const struct peer *c)
{
    return has(c, "\"code\":503}}");
}

static void where_waking_refuses_the_model_is_woken_all_the_same(void **state)
{
    struct peer *c = client();

    (void)state;
    ask(c, QUESTION);
    UNTIL(refused(c));
    assert_true(has(c, "HTTP/1.1 503 ") && has(c, "is being woken") && has(c, "Retry-After: 5\r\n"));
    assert_true(has(c, "X-Slullama-State: queued\r\n") && has(c, "Connection: keep-alive\r\n"));
    assert_int_equal(waiting(), 0);
    UNTIL(model_state(parrot()) == MODEL_READY);
    buf_reset(&c->in);
    ask(c, QUESTION);
    UNTIL(question());
    answer(question(), ANSWER);
    UNTIL(has(c, "{\"a\":1}"));
    assert_true(has(c, "X-Slullama-State: ready\r\n"));
}

static void the_expected_start_says_when_to_try_again(void **state)
{
    struct peer *c = client();
    const char *field;

    (void)state;
    ask(c, QUESTION);
    UNTIL(refused(c));
    model_job(parrot())->expected_start = wall_now().tv_sec + 1000;
    buf_reset(&c->in);
    ask(c, STREAM_QUESTION); /* events that were asked for change nothing */
    UNTIL(refused(c));
    assert_non_null(field = strstr(c->in.data, "Retry-After: "));
    assert_in_range(atoi(field + 13), 900, 1000);
}

/* An engine is not asked beside the queue for what would wake it. */
static void what_wakes_nothing_is_told_the_state(void **state)
{
    struct peer *c = client();

    (void)state;
    get(c, "/parrot/props");
    UNTIL(refused(c));
    assert_true(has(c, "X-Slullama-State: asleep\r\n"));
    assert_int_equal(model_state(parrot()), MODEL_ASLEEP);
}

static void progress_is_told_as_reasoning(void **state)
{
    struct peer *chat = client(), *other = client();
    const char *body = "{\"prompt\":\"hi\",\"model\":\"parrot\",\"stream\":true}";
    char *text =
        xasprintf("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n%s",
                  strlen(body), body);

    (void)state;
    rig.healthy = false;
    ask(chat, STREAM_QUESTION);
    say(other, text);
    free(text);
    UNTIL(has(chat, "data: {"));
    assert_true(has(chat, "\"object\":\"chat.completion.chunk\""));
    assert_true(has(chat, "\"reasoning_content\":\"parrot is starting"));
    assert_true(has(chat, "\"finish_reason\":null}]}\n\n"));
    UNTIL(has(other, ": waiting\n\n")); /* completions have no field for it */
    assert_false(has(other, "reasoning"));
    drop_peer(other);
    UNTIL(waiting() == 1);
    rig.healthy = true;
    UNTIL(question());
    answer(question(), EVENTS "9\r\ndata: 1\n\n\r\n0\r\n\r\n");
    UNTIL(has(chat, "9\r\ndata: 1\n\n\r\n0\r\n\r\n"));
    assert_null(strstr(strstr(chat->in.data, "parrot is starting") + 1, "parrot is starting"));
}

static int begin_refusing(void **state)
{
    (void)state;
    begin_with("while_waking = \"refuse\"", "");
    return 0;
}

static int begin_queued(void **state)
{
    (void)state;
    fake_words = ", \"queue=never\"";
    begin_with("while_waking = \"refuse\"", "");
    fake_words = "";
    return 0;
}

static int begin_telling(void **state)
{
    (void)state;
    begin_with("hold_progress = true", "");
    return 0;
}

#define WITH(test, setup) cmocka_unit_test_setup_teardown(test, setup, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(where_waking_refuses_the_model_is_woken_all_the_same, begin_refusing),
        WITH(the_expected_start_says_when_to_try_again, begin_queued),
        WITH(what_wakes_nothing_is_told_the_state, begin),
        WITH(progress_is_told_as_reasoning, begin_telling),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
