/* SPDX-License-Identifier: MIT */
/* A conversation: its questions in their order, what of them becomes messages, and what the next mount has of it. */
#include "tests/unit/backend/rig.h"
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

static void a_user_has_so_many_of_all_models_together(void **state)
{
    struct chat *c;
    struct err e = { "" };
    char name[16];

    (void)state;
    rig_open_with("durable = false", "", "[model.n]\nengine = \"parrot\"");
    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_int_equal(chat_create(rig.h, rig.h->models[i % 2], 1000, name, &c, &e), 0);
    }
    assert_int_equal(chat_create(rig.h, rig.h->models[0], 1000, "x", &c, &e), -EDQUOT);
    expect_words(e.text, "10000 conversations");
    assert_int_equal(chat_fork(c, "x", &e), -EDQUOT);
    assert_int_equal(chat_create(rig.h, rig.h->models[0], 1001, "x", &c, &e), 0);
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
    chat_learn_limit(c, nth_job(1)->name, "n_ctx: 12");
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
    rig_open("", "max_model_len = 100");
    struct chat *c = chat("a");
    answered(c, "one");
    const char *job = nth_job(1)->name;
    assert_int_equal(chat_limit(c), 100);
    assert_true(chat_learn_limit(
        c, job, "the engine answered 400: This model's maximum context length is 8192 tokens. However, .."));
    assert_int_equal(chat_limit(c), 8192);
    assert_true(chat_learn_limit(
        c, job, "the request exceeds the available context size (4096 tokens), try increasing it"));
    assert_int_equal(chat_limit(c), 4096);
    assert_false(chat_learn_limit(c, job, "something else about 7 tokens"));
    assert_false(chat_learn_limit(c, job, NULL));
    assert_int_equal(chat_limit(c), 4096);
}

static void a_limit_counts_for_the_engine_that_told_it(void **state)
{
    (void)state;
    rig_open("", "max_model_len = 100");
    struct chat *c = chat("a");
    answered(c, "one");
    chat_learn_limit(c, nth_job(1)->name, "n_ctx 20");
    assert_int_equal(chat_limit(c), 20);
    assert_int_equal(chat_fits(c, 200, NULL), -EFBIG);
    job_cancel(nth_job(1), "enough");
    WAIT(job_is(1, JOB_ENDED));
    assert_int_equal(chat_limit(c), 100); /* the next one may have more */
    assert_int_equal(chat_fits(c, 200, NULL), 0);
    answered(c, "two");
    chat_learn_limit(c, nth_job(2)->name, "n_ctx 20");
    assert_int_equal(chat_limit(c), 20);
    c->used = 1;
    c->used_bytes = 1000;
    answered(c, "a b c d e f g h i j k l m n o p q r s t u v w x y z"); /* it takes more than it said */
    assert_int_equal(chat_limit(c), 100);
}

static void an_engine_that_tells_its_context_refuses_by_itself(void **state)
{
    (void)state;
    rig_open("", "max_model_len = 100");
    struct chat *c = chat("a");
    answered(c, "one");
    nth_job(1)->context = 20;
    assert_int_equal(chat_limit(c), 20);
    assert_int_equal(chat_fits(c, 200, NULL), 0);
    chat_learn_limit(c, nth_job(1)->name, "n_ctx 16");
    assert_int_equal(chat_limit(c), 16);
    job_cancel(nth_job(1), "enough");
    WAIT(job_is(1, JOB_ENDED));
    assert_int_equal(chat_limit(c), 100);
}

static void an_engine_without_room_is_asked_again_with_less(void **state)
{
    static const char full[] = "This model's maximum context length is 1000 tokens.";
    struct request_defaults d = { .model = "" };
    struct buf before = { 0 };

    (void)state;
    rig_open("", "on_full = \"drop_oldest\"");
    struct chat *c = chat("a");
    answered(c, "one");
    c->used = c->used_bytes = 0;
    for (int i = 0; i < 7; i++) {
        messages_add_text(&c->messages, ROLE_USER, "0123456789", 10);
        messages_add_text(&c->messages, ROLE_ASSISTANT, "0123456789", 10);
    }
    struct prompt *p = question("x", 1000);
    snprintf(p->x.job_name, sizeof p->x.job_name, "%s", nth_job(1)->name);
    chat_request(c, p, &d, &before);
    assert_int_equal(p->chat_first, 0);
    assert_false(chat_shortens(c, p, "it is out of order"));
    static const size_t wants[] = { 10, 14, 16 }; /* half of what is left, and up to the next question */
    for (size_t i = 0; i < sizeof wants / sizeof wants[0]; i++) {
        assert_true(chat_shortens(c, p, full)); /* guessed to have room, and has not */
        assert_int_equal(chat_goes_from(c, p), wants[i]);
        chat_request(c, p, &d, &before);
    }
    assert_false(chat_shortens(c, p, full));
    assert_int_equal(chat_limit(c), 1000);
    buf_free(&before);
}

#define TOOLS                                                                                                \
    "{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"sum\",\"parameters\":{\"type\":\"object\"}" \
    "}}]}"

static void what_tools_said_is_written_as_a_question(void **state)
{
    static const char other[] = "{\"role\":\"tool\",\"tool_call_id\":\"x\",\"content\":\"\"}";
    struct err e = { "" };
    struct buf text = { 0 };

    (void)state;
    rig_open("", "");
    struct chat *c = chat("a");
    assert_int_equal(settings_set(chat_settings(c), SETTING_PARAMS, TOOLS, strlen(TOOLS), &e), 0);
    assert_int_equal(chat_check(c, "{\"role\":\"tool\"}", 15, &e), 0); /* a text as any */
    struct prompt *p = ask_in(c, "the sum?");
    WAIT(prompt_over(p));
    assert_int_equal(c->messages.n, 2);
    assert_true(c->messages.v[1].calls);
    json_t *line = json_loads(buf_str(&p->reply), JSON_DISABLE_EOF_CHECK, NULL);
    char *id = xstrdup(json_string_value(json_object_get(line, "id")));
    assert_string_equal(json_string_value(json_object_get(json_object_get(line, "function"), "name")), "sum");
    json_decref(line);

    /* Others are no result, and the next mount knows the same. */
    assert_int_equal(chat_check(c, other, strlen(other), &e), -EINVAL);
    next_mount();
    c = chat("a");
    p = question("{\"a\":1}", 1000);
    assert_int_equal(chat_take(c, p, &e), -EINVAL);
    expect_words(e.text, "no \"role\"");
    assert_true(list_empty(&c->queue));
    char *result = xasprintf("{\"role\":\"tool\",\"tool_call_id\":\"%s\",\"content\":\"42\"}", id);
    assert_int_equal(chat_check(c, result, strlen(result), &e), 0);
    p = ask_in(c, result);
    WAIT(prompt_over(p));
    expect_answer(p, "42");
    assert_int_equal(c->messages.n, 4);
    assert_int_equal(c->messages.v[2].role, ROLE_TOOL);
    assert_string_equal(c->messages.v[2].json, result);
    next_mount();
    c = chat("a");
    assert_int_equal(c->messages.n, 4);
    assert_int_equal(messages_turns(&c->messages), 1);
    assert_int_equal(chat_again(c, &text, &e), 0); /* the question, and all that came of it */
    assert_string_equal(buf_str(&text), "the sum?");
    assert_int_equal(c->messages.n, 0);
    buf_free(&text);
    free(result);
    free(id);
}

static void results_keep_the_question_that_they_belong_to(void **state)
{
    struct request_defaults d = { .model = "" };
    struct buf before = { 0 };
    struct err e = { "" };
    static const char given[] =
        "[{\"role\":\"user\",\"content\":\"old\"},{\"role\":\"assistant\",\"content\":\"old\"},"
        "{\"role\":\"user\",\"content\":\"sum?\"},{\"role\":\"assistant\",\"content\":null,"
        "\"tool_calls\":[{\"id\":\"1\",\"function\":{\"name\":\"sum\",\"arguments\":\"{}\"}}]}]";

    (void)state;
    rig_open("\"engine=none\"", "on_full = \"drop_oldest\"\nmax_model_len = 10");
    struct chat *c = chat("a");
    assert_int_equal(chat_begin(c, given, strlen(given), &e), 0);
    struct prompt *p = question("{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":\"42\"}", 1000);
    assert_int_equal(chat_take(c, p, &e), 0);
    chat_request(c, p, &d, &before);
    assert_true(d.text_is_before);
    assert_null(strstr(before.data, "old"));
    expect_words(before.data, "sum?");
    expect_words(before.data, "},{\"role\":\"tool\"");
    buf_free(&before);
}

static void all_that_is_kept_of_it_counts(void **state)
{
    (void)state;
    rig_open("\"engine=none\"", "");
    struct chat *c = chat("a");
    assert_int_equal(chats_stored(rig.h, 1000), 0);
    assert_int_equal(settings_set(chat_settings(c), SETTING_SYSTEM, "be brief\n", 9, NULL), 0);
    assert_int_equal(settings_set(chat_settings(c), SETTING_PARAMS, "{}\n", 3, NULL), 0);
    assert_int_equal(chats_stored(rig.h, 1000), 12);
    struct prompt *p = ask_in(c, "hello");
    assert_int_equal(chats_stored(rig.h, 1000), 17); /* while it waits */
    exchange_cancel(&p->x, "enough");
    assert_int_equal(chats_stored(rig.h, 1000), 17); /* it can be asked again */
    assert_int_equal(chat_copied(c), 12);
    assert_int_equal(chats_stored(rig.h, 1001), 0);
    assert_int_equal(settings_reset(chat_settings(c), SETTING_SYSTEM, NULL), 0);
    assert_int_equal(chat_undo(c, NULL), 0);
    assert_int_equal(chats_stored(rig.h, 1000), 3);
}

static const struct CMUnitTest tests[] = {
    SENTENCE(a_turn_is_there_when_its_reader_may_see_the_end),
    SENTENCE(questions_are_answered_one_at_a_time_in_their_order),
    SENTENCE(a_failed_one_lets_the_next_go_and_can_be_asked_again),
    SENTENCE(only_so_many_wait),
    SENTENCE(a_user_has_so_many_of_all_models_together),
    SENTENCE(the_next_mount_has_it_all),
    SENTENCE(a_fork_has_what_was_said_and_goes_its_own_way),
    SENTENCE(it_begins_with_given_messages_before_its_first_question_alone),
    SENTENCE(a_full_context_is_told_with_its_figures),
    SENTENCE(the_oldest_turns_are_dropped_where_that_is_wanted),
    SENTENCE(an_engines_refusal_tells_its_limit),
    SENTENCE(a_limit_counts_for_the_engine_that_told_it),
    SENTENCE(an_engine_that_tells_its_context_refuses_by_itself),
    SENTENCE(an_engine_without_room_is_asked_again_with_less),
    SENTENCE(what_tools_said_is_written_as_a_question),
    SENTENCE(results_keep_the_question_that_they_belong_to),
    SENTENCE(all_that_is_kept_of_it_counts),
};

RIG_MAIN(tests)
