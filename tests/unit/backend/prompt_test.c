/* SPDX-License-Identifier: MIT */
/* One prompt and its answer, over real HTTP with an engine that fails as it is told. */
#include "rig.h"

/* What happened to a prompt, as the door hears it. */
struct heard {
    int times;
};

static void heard_cb(void *arg)
{
    struct heard *h = arg;

    h->times++;
}

static void the_answer_is_the_question_byte_for_byte(void **state)
{
    static const char text[] = "tabs\tand \"quotes\" \\ and\nlines\r\n\xc3\xa4\xf0\x9f\xa6\x9c \x7f  end  ";

    (void)state;
    rig_open("", "");
    struct prompt *p = ask(text);
    expect_answer(p, text);
    assert_string_equal(buf_str(&p->text), text);
    assert_string_equal(p->x.finish_reason, "stop");
    assert_true(p->x.completion_tokens > 0 && p->x.prompt_tokens > 0);
    assert_true(p->x.begun.tv_sec && p->x.ended.tv_sec);
    assert_int_equal(p->x.losses, 0);
}

static void a_long_answer_is_whole(void **state)
{
    size_t len = 1 << 20;
    char *text = xcalloc(1, len + 1);

    (void)state;
    for (size_t i = 0; i < len; i++)
        text[i] = i % 7 == 6 ? ' ' : (char)('a' + i % 26);
    rig_open("", "");
    struct prompt *p = ask(text);
    WAIT(ended(p));
    assert_int_equal(p->x.state, EXCHANGE_DONE);
    assert_int_equal(p->reply.len, len);
    assert_memory_equal(p->reply.data, text, len);
    free(text);
}

static void an_answer_beyond_the_limit_is_ended_and_its_text_so_far_stays(void **state)
{
    (void)state;
    rig_open("", "");
    struct prompt *p = question("one two three four five six seven eight", 1000);
    p->reply_max = 12;
    assert_int_equal(model_submit(the_model(), &p->x, NULL), 0);
    expect_end(p, EXCHANGE_FAILED, -EFBIG, "longer than 12 bytes");
    assert_true(p->reply.len > 0 && p->reply.len <= 12);
    assert_memory_equal(p->reply.data, p->text.data, p->reply.len);
    /* The engine has done nothing wrong. */
    expect_answer(ask("again"), "again");
    assert_int_equal(count_jobs(), 1);
}

static void text_is_told_as_it_comes_and_once_a_turn(void **state)
{
    struct heard h = { 0 };

    (void)state;
    rig_open("\"parrot=--rate 20\"", "");
    struct prompt *p = question("one two three four five six seven eight", 1000);
    p->changed = heard_cb;
    p->arg = &h;
    assert_int_equal(model_submit(the_model(), &p->x, NULL), 0);
    WAIT(p->reply.len > 0);
    assert_int_equal(p->x.state, EXCHANGE_STREAMING);
    assert_false(ended(p));
    struct timespec first = p->grew;
    assert_true(first.tv_sec > 0);
    int before = h.times;
    expect_answer(p, "one two three four five six seven eight");
    WAIT(h.times > before);
    /* Sent, begun, eight words and the end: each at most once. */
    assert_true(h.times >= 4 && h.times <= 24);
}

static void an_ended_prompt_never_was_sent(void **state)
{
    struct buf b = { 0 };

    (void)state;
    rig_open("", "");
    buf_adds(&b, "  \n");
    struct prompt *p = prompt_ended(rig.h, 1000, &pair_ask, &b, 0, "nothing but blanks was asked");
    assert_true(ended(p));
    assert_int_equal(p->x.state, EXCHANGE_DONE);
    assert_int_equal(p->reply.len, 0);
    assert_int_equal(b.len, 0);
    exchange_unref(&p->x);
    p = prompt_ended(rig.h, 1000, &pair_ask, &b, -EFBIG, "too large");
    assert_int_equal(p->x.state, EXCHANGE_FAILED);
    assert_int_equal(p->x.rc, -EFBIG);
    assert_string_equal(p->x.error, "too large");
    exchange_unref(&p->x);
    assert_int_equal(count_jobs(), 0);
}

static void it_may_be_let_go_while_it_is_under_way(void **state)
{
    (void)state;
    rig_open("\"parrot=--delay 0.3\"", "");
    struct prompt *p = ask("a");
    WAIT(p->x.state == EXCHANGE_SENT);
    exchange_unref(&p->x); /* the door has closed; the model goes on */
    rig.n_prompts--;
    struct prompt *q = ask("b");
    expect_answer(q, "b");
}

/* ---- Errors of the engine: its own words, and no other job */

static void expect_error(const char *fail, const char *words)
{
    /* "@1" is for the parrot: its first answer; "@0" for the fake: each job. */
    char *word = xasprintf("\"parrot=--fail %s@1@0\"", fail);

    rig_open(word, "");
    struct prompt *p = ask("one two three four five six");
    expect_end(p, EXCHANGE_FAILED, -EIO, words);
    /* The next one is served by the same job. */
    expect_answer(ask("again"), "again");
    assert_int_equal(count_jobs(), 1);
    json_t *s = model_status(the_model());
    assert_int_equal(json_integer_value(json_object_get(json_object_get(s, "requests"), "failed")), 1);
    json_decref(s);
    free(word);
}

static void an_error_500_is_an_io_error_with_its_message(void **state)
{
    (void)state;
    expect_error("http-500", "the engine answered 500");
}

static void an_error_429_is_one_too(void **state)
{
    (void)state;
    expect_error("http-429", "the engine answered 429");
}

static void an_error_in_the_stream_is_one_too(void **state)
{
    (void)state;
    expect_error("error-in-stream", "the engine ended its answer with an error");
}

static void garbage_is_one_too(void **state)
{
    (void)state;
    expect_error("garbage", "not HTTP");
}

static void a_line_without_end_is_one_too(void **state)
{
    (void)state;
    expect_error("infinite-line", "more than 1 MiB");
}

/* ---- Losses */

static void an_engine_that_dies_before_the_first_byte_is_replaced(void **state)
{
    (void)state;
    rig_open("\"parrot=--fail die-before-first-byte@1\"", "");
    struct prompt *p = ask("a");
    expect_answer(p, "a");
    assert_int_equal(p->x.losses, 1);
    assert_string_equal(p->x.job_name, "c.2");
    assert_int_equal(count_jobs(), 2);
}

static void three_engines_that_die_of_it_are_enough(void **state)
{
    (void)state;
    rig_open("\"parrot=--fail die-before-first-byte\"", "");
    struct prompt *p = ask("a");
    expect_end(p, EXCHANGE_FAILED, -EIO, "3 engines");
    assert_int_equal(p->reply.len, 0);
    assert_int_equal(count_jobs(), 3);
}

static void an_engine_that_dies_in_the_middle_leaves_the_text_so_far(void **state)
{
    (void)state;
    rig_open("\"parrot=--fail die-mid-stream\"", "");
    struct prompt *p = ask("one two three four five six seven eight");
    expect_end(p, EXCHANGE_FAILED, -ECONNRESET, "in the middle of the answer");
    assert_true(p->reply.len > 0 && p->reply.len < p->text.len);
    assert_memory_equal(p->reply.data, p->text.data, p->reply.len);
    WAIT(model_is(MODEL_ASLEEP));
}

static void a_stream_that_ends_inside_an_event_is_lost_in_the_middle(void **state)
{
    (void)state;
    rig_open("\"parrot=--fail half-event\"", "");
    struct prompt *p = ask("one two three four five six seven eight");
    expect_end(p, EXCHANGE_FAILED, -ECONNRESET, "in the middle of");
    assert_true(p->reply.len > 0 && p->reply.len < p->text.len);
    /* The engine lives: nobody replaces it. */
    HOLDS(500, model_is(MODEL_READY));
    assert_int_equal(count_jobs(), 1);
}

static void an_engine_that_says_nothing_times_out(void **state)
{
    (void)state;
    rig_open("\"parrot=--fail silent\"", "stall_timeout = 1");
    struct prompt *p = ask("a");
    expect_end(p, EXCHANGE_FAILED, -ETIMEDOUT, "stall_timeout");
    assert_int_equal(p->reply.len, 0);
}

static void one_that_falls_silent_times_out_with_the_text_so_far(void **state)
{
    (void)state;
    rig_open("\"parrot=--fail hang-mid-stream\"", "stall_timeout = 1");
    struct prompt *p = ask("one two three four five six seven eight");
    expect_end(p, EXCHANGE_FAILED, -ETIMEDOUT, "stall_timeout");
    assert_true(p->reply.len > 0 && p->reply.len < p->text.len);
}

static void one_that_speaks_slowly_does_not(void **state)
{
    (void)state;
    rig_open("\"parrot=--rate 3\"", "stall_timeout = 1");
    expect_answer(ask("a b c d e f"), "a b c d e f");
}

static const struct CMUnitTest tests[] = {
    SENTENCE(the_answer_is_the_question_byte_for_byte),
    SENTENCE(a_long_answer_is_whole),
    SENTENCE(an_answer_beyond_the_limit_is_ended_and_its_text_so_far_stays),
    SENTENCE(text_is_told_as_it_comes_and_once_a_turn),
    SENTENCE(an_ended_prompt_never_was_sent),
    SENTENCE(it_may_be_let_go_while_it_is_under_way),
    SENTENCE(an_error_500_is_an_io_error_with_its_message),
    SENTENCE(an_error_429_is_one_too),
    SENTENCE(an_error_in_the_stream_is_one_too),
    SENTENCE(garbage_is_one_too),
    SENTENCE(a_line_without_end_is_one_too),
    SENTENCE(an_engine_that_dies_before_the_first_byte_is_replaced),
    SENTENCE(three_engines_that_die_of_it_are_enough),
    SENTENCE(an_engine_that_dies_in_the_middle_leaves_the_text_so_far),
    SENTENCE(a_stream_that_ends_inside_an_event_is_lost_in_the_middle),
    SENTENCE(an_engine_that_says_nothing_times_out),
    SENTENCE(one_that_falls_silent_times_out_with_the_text_so_far),
    SENTENCE(one_that_speaks_slowly_does_not),
};

RIG_MAIN(tests)
