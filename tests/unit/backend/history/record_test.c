/* SPDX-License-Identifier: MIT */
/* What the store knows of a question at each moment of its life, as the next mount finds it. */
#include "tests/unit/backend/rig.h"
#include "backend/history/history.h"
#include "backend/history/record.h"

static struct {
    int calls, rc;
    char why[480];
} told;

static void stored(void *arg, int rc, const char *why)
{
    (void)arg;
    told.calls++;
    told.rc = rc;
    snprintf(told.why, sizeof told.why, "%s", why);
}

static struct record *draft(const char *text)
{
    struct record *r = record_create(rig.h, "m", 1000, &pair_ask, "7/7/70 1/1/1 ");
    struct buf b = { 0 };
    int before = told.calls;

    buf_adds(&b, text);
    record_draft(r, &b, stored, &told);
    buf_free(&b);
    WAIT(told.calls > before);
    assert_int_equal(told.rc, 0);
    return r;
}

/* A prompt as the door makes it from a draft. */
static struct prompt *submitted(struct record *r, const char *text)
{
    struct prompt *p = question(text, 1000);
    struct err e = { "" };

    if (model_submit(the_model(), &p->x, &e) < 0)
        fail_msg("%s", e.text);
    record_prompt(r, p, NULL, NULL);
    record_unref(r);
    return p;
}

/* The house ends and another one begins with what it left. */
static void next_mount(void)
{
    rig_close();
    rig_open("", "");
}

static struct recovered *left(size_t nth)
{
    list_for_each(v, &rig.h->recovered, struct recovered, link)
    {
        if (nth-- == 0)
            return v;
    }
    return NULL;
}

static struct history_entry *latest(void)
{
    return history_latest(rig.h, "m", 1000);
}

static void a_flushed_draft_is_found_by_the_next_mount(void **state)
{
    (void)state;
    rig_open("", "");
    record_unref(draft("hello\n"));
    next_mount();
    struct recovered *v = left(0);
    assert_non_null(v);
    assert_int_equal(v->state, RECORD_DRAFT);
    assert_string_equal(buf_str(&v->text), "hello\n");
    assert_string_equal(v->asker, "7/7/70 1/1/1 ");
    assert_string_equal(v->model, "m");
    assert_int_equal(v->uid, 1000);
    assert_non_null(v->record);
    assert_null(left(1));
    assert_null(latest()); /* a draft is no exchange yet */
}

static void a_draft_that_was_written_on_is_told_apart(void **state)
{
    (void)state;
    rig_open("", "");
    struct record *r = draft("hello");
    record_written(r);
    record_unref(r);
    next_mount();
    assert_int_equal(left(0)->state, RECORD_WRITING);
}

static void a_draft_that_is_taken_back_leaves_no_trace(void **state)
{
    (void)state;
    rig_open("", "");
    struct record *r = draft("hello");
    record_drop(r);
    record_unref(r);
    next_mount();
    assert_null(left(0));
}

static void who_was_forgotten_is_not_told(void **state)
{
    struct buf b = { 0 };

    (void)state;
    rig_open("", "");
    struct record *r = record_create(rig.h, "m", 1000, &pair_ask, "");
    int before = told.calls;
    buf_adds(&b, "x");
    record_draft(r, &b, stored, &told);
    record_forget(r, &told);
    buf_free(&b);
    record_unref(draft("another")); /* behind it */
    record_unref(r);
    assert_int_equal(told.calls, before + 1);
}

static void an_answer_is_in_history_and_given_back_to_its_asker(void **state)
{
    (void)state;
    rig_open("", "");
    struct prompt *p = submitted(draft("why"), "why");
    assert_non_null(latest()->live);
    expect_answer(p, "why");
    WAIT(!latest()->live);
    assert_int_equal(latest()->prompt_len, 4);
    assert_int_equal(latest()->reply_len, 3);
    assert_int_equal(latest()->error_len, 0);
    int64_t id = latest()->id;
    next_mount();
    assert_int_equal(latest()->id, id);
    assert_int_equal(latest()->reply_len, 3);
    struct recovered *v = left(0);
    assert_int_equal(v->state, RECORD_DONE);
    assert_string_equal(buf_str(&v->reply), "why");
    assert_null(v->record);
}

static void nothing_is_seen_before_its_beginning_is_on_disk(void **state)
{
    bool was_sealed = false;

    (void)state;
    rig_open("", "");
    struct prompt *p = submitted(draft("why"), "why");
    uint64_t end = mono_ms() + WAIT_MS;
    while (!prompt_over(p) && mono_ms() < end) {
        if (p->sealed) {
            was_sealed = true;
            assert_int_equal(prompt_shown(p), 0);
        }
        turn(1);
    }
    assert_true(was_sealed);
    assert_int_equal(prompt_shown(p), 3);
}

static void a_prompt_that_cannot_be_kept_fails_and_shows_nothing(void **state)
{
    (void)state;
    rig_open("", "");
    struct prompt *p = submitted(draft("why"), "why");
    WAIT(p->sealed);
    prompt_stored(p, -ENOSPC, "the disk is full");
    expect_end(p, EXCHANGE_FAILED, -ENOSPC, "full");
    assert_int_equal(prompt_shown(p), 0);
    assert_true(prompt_over(p));
}

static void what_waits_at_an_unmount_waits_for_the_next_mount(void **state)
{
    (void)state;
    rig_open("\"queue=600\"", "");
    struct prompt *p = submitted(draft("why\n"), "why");
    next_mount();
    assert_int_equal(left(0)->state, RECORD_DRAFT);
    (void)p;
}

static void a_prompt_that_was_cancelled_is_over(void **state)
{
    (void)state;
    rig_open("\"queue=600\"", "");
    struct prompt *p = submitted(draft("why\n"), "why");
    exchange_cancel(&p->x, "cancelled through `ctl`");
    WAIT(!latest()->live);
    next_mount();
    assert_int_equal(left(0)->state, RECORD_CANCELLED);
    assert_int_equal(left(0)->rc, -ECANCELED);
    assert_string_equal(left(0)->error, "cancelled through `ctl`");
    assert_int_equal(latest()->error_len, strlen("cancelled through `ctl`\n"));
}

static void engines_that_were_lost_are_counted_over_mounts(void **state)
{
    (void)state;
    rig_open("\"queue=600\"", "");
    struct prompt *p = submitted(draft("why\n"), "why");
    p->x.losses = 1;
    record_moved(p->record);
    next_mount();
    assert_int_equal(left(0)->losses, 1);
}

static void without_durability_history_is_in_memory_and_nobody_waits(void **state)
{
    (void)state;
    rig_open_with("durable = false", "", "");
    struct prompt *p = submitted(record_create(rig.h, "m", 1000, &pair_ask, ""), "why");
    while (!prompt_over(p)) {
        assert_false(p->sealed);
        turn(5);
    }
    expect_answer(p, "why");
    WAIT(!latest()->live);
    assert_int_equal(latest()->reply_len, 3);
    assert_false(history_is_durable(rig.h));
    rig_close();
    rig_open("", "");
    assert_null(latest());
}

static void the_status_has_the_fields_of_the_contract(void **state)
{
    (void)state;
    rig_open("\"queue=600\"", "");
    struct prompt *p = submitted(draft("why\n"), "why");
    json_t *s = record_status(p->record, false);
    assert_string_equal(json_string_value(json_object_get(s, "state")), "waiting");
    expect_fields(s, "id model state asked begun ended job tokens finish_reason errno error");
}

static const struct CMUnitTest tests[] = {
    SENTENCE(a_flushed_draft_is_found_by_the_next_mount),
    SENTENCE(a_draft_that_was_written_on_is_told_apart),
    SENTENCE(a_draft_that_is_taken_back_leaves_no_trace),
    SENTENCE(who_was_forgotten_is_not_told),
    SENTENCE(an_answer_is_in_history_and_given_back_to_its_asker),
    SENTENCE(nothing_is_seen_before_its_beginning_is_on_disk),
    SENTENCE(a_prompt_that_cannot_be_kept_fails_and_shows_nothing),
    SENTENCE(what_waits_at_an_unmount_waits_for_the_next_mount),
    SENTENCE(a_prompt_that_was_cancelled_is_over),
    SENTENCE(engines_that_were_lost_are_counted_over_mounts),
    SENTENCE(without_durability_history_is_in_memory_and_nobody_waits),
    SENTENCE(the_status_has_the_fields_of_the_contract),
};

RIG_MAIN(tests)
