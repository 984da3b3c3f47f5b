/* SPDX-License-Identifier: MIT */
/* A conversation: its questions in their order, what of them becomes messages, and what the next mount has of it. */
#include "../rig.h"
#include "backend/chat/chat.h"
#include "backend/history/record.h"
#include "backend/settings.h"

static struct chat *chat(const char *name)
{
    struct chat *c = chat_find(rig.h, the_model(), 1000, name);

    if (!c)
        assert_int_equal(chat_create(rig.h, the_model(), 1000, name, &c, NULL), 0);
    return c;
}

/* As the door asks. */
static struct prompt *ask_in(struct chat *c, const char *text)
{
    struct prompt *p = question(text, 1000);
    struct record *r = record_create(rig.h, "m", 1000, &pair_ask, "");
    struct err e = { "" };

    if (chat_take(c, p, &e) < 0 || model_submit(the_model(), &p->x, &e) < 0)
        fail_msg("%s", e.text);
    record_set_chat(r, c->id);
    record_prompt(r, p, NULL, NULL);
    record_unref(r);
    return p;
}

static void answered(struct chat *c, const char *text)
{
    struct prompt *p = ask_in(c, text);

    WAIT(prompt_over(p));
    expect_answer(p, text);
}

static void expect_said(const struct chat *c, const char *markdown)
{
    struct buf out = { 0 };

    messages_markdown(&c->messages, &out);
    assert_string_equal(buf_str(&out), markdown);
    buf_free(&out);
}

#define ONE "## User\n\none\n\n## Assistant\n\none\n\n"
#define TWO "## User\n\ntwo\n\n## Assistant\n\ntwo\n\n"

static void next_mount(void)
{
    rig_close();
    rig_open("", "");
}

static void a_turn_is_there_when_its_reader_may_see_the_end(void **state)
{
    (void)state;
    rig_open("", "");
    struct chat *c = chat("a");
    struct prompt *p = ask_in(c, "one");
    assert_int_equal(c->state, CHAT_WAITING);
    WAIT(prompt_over(p) || c->messages.n == 0);
    while (!prompt_over(p)) {
        assert_int_equal(c->messages.n, 0);
        turn(50);
    }
    expect_said(c, ONE);
    assert_int_equal(c->state, CHAT_IDLE);
    assert_null(p->chat);
    expect_fields(chat_status(c), "chat model state since turns tokens context last_error");
}

static void questions_are_answered_one_at_a_time_in_their_order(void **state)
{
    (void)state;
    rig_open("", "slots = 4");
    struct chat *c = chat("a");
    struct prompt *one = ask_in(c, "one"), *two = ask_in(c, "two");
    assert_false(one->x.held);
    assert_true(two->x.held);
    assert_int_equal(one->x.prefixes[1],
                     two->x.prefixes[1]); /* both go to the job that has it in its cache */
    assert_int_not_equal(one->x.prefixes[1], ask_in(chat("b"), "one")->x.prefixes[1]);
    WAIT(prompt_over(one));
    assert_int_not_equal(two->x.state, EXCHANGE_DONE);
    WAIT(prompt_over(two));
    expect_said(c, ONE TWO);
    assert_true(two->x.prompt_tokens > one->x.prompt_tokens); /* it saw the other */
}

static void a_failed_one_lets_the_next_go_and_can_be_asked_again(void **state)
{
    struct buf text = { 0 };

    (void)state;
    rig_open("", "slots = 4");
    struct chat *c = chat("a");
    struct prompt *one = ask_in(c, "one"), *two = ask_in(c, "two");
    assert_int_equal(chat_undo(c, NULL), -EBUSY);
    assert_int_equal(chat_again(c, &text, NULL), -EBUSY);
    assert_int_equal(chat_destroy(c), -EBUSY);
    exchange_cancel(&one->x, "enough");
    WAIT(prompt_over(two));
    expect_said(c, TWO);
    assert_int_equal(c->state, CHAT_IDLE);
    one = ask_in(c, "one");
    exchange_cancel(&one->x, "enough");
    assert_int_equal(c->state, CHAT_FAILED);
    assert_string_equal(c->error, "enough");
    assert_int_equal(chat_again(c, &text, NULL), 0);
    assert_string_equal(buf_str(&text), "one");
    buf_free(&text);
    assert_int_equal(chat_undo(c, NULL), 0); /* the failure alone */
    assert_int_equal(c->state, CHAT_IDLE);
    expect_said(c, TWO);
    assert_int_equal(chat_undo(c, NULL), 0);
    expect_said(c, "");
    assert_int_equal(chat_undo(c, NULL), -ENOENT);
    assert_int_equal(chat_again(c, &text, NULL), -ENOENT);
}

static void only_so_many_wait(void **state)
{
    struct err e = { "" };

    (void)state;
    rig_open("\"engine=none\"", "");
    struct chat *c = chat("a");
    for (int i = 0; i < 64; i++)
        ask_in(c, "one");
    struct prompt *p = question("one", 1000);
    assert_int_equal(chat_take(c, p, &e), -EBUSY);
    expect_words(e.text, "64 questions");
    assert_null(p->chat);
    model_cancel_all(the_model(), (uid_t)-1);
    assert_true(list_empty(&c->queue));
}

static void the_next_mount_has_it_all(void **state)
{
    (void)state;
    rig_open("", "");
    struct chat *c = chat("a");
    c->changed.tv_sec = 0;
    answered(c, "one");
    next_mount();
    c = chat("a");
    assert_true(c->changed.tv_sec > 0); /* when it was answered */
    assert_int_equal(settings_set(chat_settings(c), SETTING_SYSTEM, "be brief\n", 9, NULL), 0);
    struct prompt *p = ask_in(c, "two");
    exchange_cancel(&p->x, "enough");
    chat_rename(c, "b");
    int64_t tokens = c->prompt_tokens, used = c->used, id = c->id;
    assert_int_equal(chat_destroy(chat("gone")), 0);
    next_mount();
    assert_null(chat_find(rig.h, the_model(), 1000, "a"));
    assert_null(chat_find(rig.h, the_model(), 1000, "gone"));
    assert_null(chat_find(rig.h, the_model(), 1001, "b"));
    c = chat_find(rig.h, the_model(), 1000, "b");
    assert_non_null(c);
    assert_ptr_equal(chat_numbered(rig.h, id), c);
    expect_said(c, ONE);
    assert_int_equal(c->state, CHAT_FAILED);
    assert_string_equal(c->failed, "two");
    assert_string_equal(c->error, "enough");
    assert_true(tokens > 0 && used > 0);
    assert_int_equal(c->prompt_tokens, tokens);
    assert_int_equal(c->used, used);
    assert_string_equal(settings_text(chat_settings(c), SETTING_SYSTEM), "be brief\n");
    assert_null(settings_own_text(chat_settings(c), SETTING_PARAMS));
    assert_true(chat("new")->id > id);
}

static void a_fork_has_what_was_said_and_goes_its_own_way(void **state)
{
    (void)state;
    rig_open("", "");
    struct chat *c = chat("a");
    answered(c, "one");
    assert_int_equal(chat_fork(c, "f", NULL), 0);
    answered(chat("f"), "two");
    assert_int_equal(chat_undo(c, NULL), 0);
    next_mount();
    expect_said(chat("a"), "");
    expect_said(chat("f"), ONE TWO);
}

static void it_begins_with_given_messages_before_its_first_question_alone(void **state)
{
    static const char given[] =
        "[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"one\"},"
        "{\"role\":\"assistant\",\"content\":\"one\"}]";
    struct err e = { "" };

    (void)state;
    rig_open("", "");
    struct chat *c = chat("a");
    assert_int_equal(chat_begin(c, given, strlen(given), &e), 0);
    assert_int_equal(chat_begin(c, "[", 1, &e), -EINVAL);
    assert_int_equal(c->messages.n, 3);
    assert_int_equal(chat_begin(c, given, strlen(given), &e), 0);
    answered(c, "two");
    assert_int_equal(chat_begin(c, "[]", 2, &e), -EPERM);
    expect_words(e.text, "has begun");
    expect_said(c, "## System\n\ns\n\n" ONE TWO);
    next_mount();
    expect_said(chat("a"), "## System\n\ns\n\n" ONE TWO);
}

static void a_full_context_is_told_with_its_figures(void **state)
{
    struct err e = { "" };

    (void)state;
    rig_open("", "max_model_len = 100");
    struct chat *c = chat("a");
    assert_int_equal(chat_fits(c, 40, &e), 0);
    assert_int_equal(chat_fits(c, 4000, &e), -EFBIG);
    expect_words(e.text, "the engine takes 100;");
    answered(c, "one");
    c->used = 90;
    c->used_bytes = 360;
    assert_int_equal(chat_fits(c, 4, NULL), 0);
    assert_int_equal(chat_fits(c, 40, &e), -EFBIG);
    expect_words(e.text, "about 90 tokens, this question 18,");
    assert_int_equal(chat_first(c, 40), 0);
    /* What waits for its turn hears of it when that comes. */
    struct prompt *two = question("x", 1000), *three = question("0123456789012345678901234567890123456789"
                                                                "0123456789012345678901234567890123456789",
                                                                1000);
    c->used = 10;
    c->used_bytes = 40;
    assert_int_equal(chat_take(c, two, &e), 0);
    assert_int_equal(model_submit(the_model(), &two->x, &e), 0);
    assert_int_equal(chat_take(c, three, &e), 0);
    assert_int_equal(model_submit(the_model(), &three->x, &e), 0);
    c->limit = 12;
    expect_end(three, EXCHANGE_FAILED, -EFBIG, "context is full");
    assert_int_equal(two->x.state, EXCHANGE_DONE);
}

static void the_oldest_turns_are_dropped_where_that_is_wanted(void **state)
{
    (void)state;
    rig_open("", "on_full = \"drop_oldest\"\nmax_model_len = 100");
    struct chat *c = chat("a");
    for (int i = 0; i < 10; i++) {
        messages_add_text(&c->messages, ROLE_USER, "0123456789", 10);
        messages_add_text(&c->messages, ROLE_ASSISTANT, "0123456789", 10);
    }
    assert_int_equal(chat_fits(c, 4000, NULL), 0);
    size_t first = chat_first(c, 10), later = chat_first(c, 100);
    assert_true(first > 0 && first < later && later < 20);
    assert_int_equal(c->messages.v[first].role, ROLE_USER);
    assert_int_equal(chat_first(c, 4000), 20);

    /* The system's message goes along all the same, and takes its room. */
    struct chat *s = chat("s");
    char words[201] = "";
    memset(words, 'w', 200);
    messages_add_text(&s->messages, ROLE_SYSTEM, words, 200);
    messages_copy(&s->messages, &c->messages, c->messages.n);
    assert_true(chat_first(s, 10) > first + 2);
}

static void an_engines_refusal_tells_its_limit(void **state)
{
    (void)state;
    rig_open("", "");
    struct chat *c = chat("a");
    assert_int_equal(chat_limit(c), 0);
    chat_learn_limit(
        c, "the engine answered 400: This model's maximum context length is 8192 tokens. However, ..");
    assert_int_equal(chat_limit(c), 8192);
    chat_learn_limit(c, "the request exceeds the available context size (4096 tokens), try increasing it");
    assert_int_equal(chat_limit(c), 4096);
    chat_learn_limit(c, "something else about 7 tokens");
    chat_learn_limit(c, NULL);
    assert_int_equal(chat_limit(c), 4096);
}

static const struct CMUnitTest tests[] = {
    SENTENCE(a_turn_is_there_when_its_reader_may_see_the_end),
    SENTENCE(questions_are_answered_one_at_a_time_in_their_order),
    SENTENCE(a_failed_one_lets_the_next_go_and_can_be_asked_again),
    SENTENCE(only_so_many_wait),
    SENTENCE(the_next_mount_has_it_all),
    SENTENCE(a_fork_has_what_was_said_and_goes_its_own_way),
    SENTENCE(it_begins_with_given_messages_before_its_first_question_alone),
    SENTENCE(a_full_context_is_told_with_its_figures),
    SENTENCE(the_oldest_turns_are_dropped_where_that_is_wanted),
    SENTENCE(an_engines_refusal_tells_its_limit),
};

RIG_MAIN(tests)
