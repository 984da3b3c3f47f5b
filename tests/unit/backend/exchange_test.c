/* SPDX-License-Identifier: MIT */
/* What a report about an exchange means, told by a kind of exchange that reports what the test wants. */
#include "rig.h"
#include "backend/exchange.h"

struct puppet {
    struct exchange x;
    int sends, drops, changes, destroys;
    enum exchange_state seen; /* at the last change */
    void (*on_send)(struct puppet *p);
    struct exchange *cancels; /* another one, when this one ends */
};

static struct puppet *of(struct exchange *x)
{
    return container_of(x, struct puppet, x);
}

static void puppet_send(struct exchange *x)
{
    struct puppet *p = of(x);

    assert_non_null(x->job);
    assert_non_null(x->job->client);
    assert_int_equal(x->state, EXCHANGE_SENT);
    p->sends++;
    if (p->on_send)
        p->on_send(p);
}

static void puppet_drop(struct exchange *x)
{
    of(x)->drops++;
}

static void puppet_changed(struct exchange *x)
{
    struct puppet *p = of(x);

    p->changes++;
    p->seen = x->state;
    if (exchange_ended(x) && p->cancels)
        exchange_cancel(p->cancels, "its brother ended");
}

static void puppet_destroy(struct exchange *x)
{
    of(x)->destroys++;
}

static const struct exchange_ops puppet_ops = { .kind = "puppet",
                                                .send = puppet_send,
                                                .drop = puppet_drop,
                                                .changed = puppet_changed,
                                                .destroy = puppet_destroy };

static void puppet_begin(struct puppet *p)
{
    *p = (struct puppet){ 0 };
    exchange_init(&p->x, &puppet_ops, 1000);
}

static void puppet_ask(struct puppet *p)
{
    puppet_begin(p);
    assert_int_equal(model_submit(the_model(), &p->x, NULL), 0);
}

/* It ended so, was told once, and is nowhere linked; our reference is the last. */
static void puppet_end(struct puppet *p, enum exchange_state state, int rc)
{
    assert_int_equal(p->x.state, state);
    assert_int_equal(p->seen, state);
    assert_int_equal(p->x.rc, rc);
    assert_null(p->x.model);
    assert_null(p->x.job);
    assert_false(list_linked(&p->x.link));
    assert_true(p->x.ended.tv_sec > 0);
    assert_int_equal(p->x.refs, 1);
    assert_int_equal(p->destroys, 0);
    exchange_unref(&p->x);
    assert_int_equal(p->destroys, 1);
}

static void wait_sent(struct puppet *p)
{
    WAIT(p->x.state == EXCHANGE_SENT);
    assert_int_equal(p->sends, 1);
    assert_string_equal(p->x.job_name, "c.1");
}

static void a_new_one_waits_and_belongs_to_its_maker(void **state)
{
    struct puppet p;

    (void)state;
    puppet_begin(&p);
    assert_int_equal(p.x.state, EXCHANGE_WAITING);
    assert_int_equal(p.x.uid, 1000);
    assert_true(p.x.asked.tv_sec > 0);
    assert_false(exchange_ended(&p.x));
    exchange_ref(&p.x);
    exchange_unref(&p.x);
    assert_int_equal(p.destroys, 0);
    exchange_unref(&p.x);
    assert_int_equal(p.destroys, 1);
    exchange_unref(NULL);
}

static void an_answer_begins_and_ends_once(void **state)
{
    struct puppet p;

    (void)state;
    rig_open("", "");
    puppet_ask(&p);
    wait_sent(&p);
    exchange_begun(&p.x);
    struct timespec begun = p.x.begun;
    assert_int_equal(p.x.state, EXCHANGE_STREAMING);
    exchange_begun(&p.x);
    assert_int_equal(p.x.begun.tv_nsec, begun.tv_nsec);
    exchange_done(&p.x);
    int changes = p.changes;
    exchange_done(&p.x);
    exchange_failed(&p.x, -EIO, "too late");
    exchange_lost(&p.x, "too late");
    exchange_cancel(&p.x, "too late");
    exchange_alive(&p.x);
    exchange_begun(&p.x);
    assert_int_equal(p.changes, changes);
    assert_int_equal(p.drops, 0);
    puppet_end(&p, EXCHANGE_DONE, 0);
}

static void reports_before_it_was_sent_mean_nothing(void **state)
{
    struct puppet p;

    (void)state;
    rig_open("\"queue=never\"", "");
    puppet_ask(&p);
    exchange_alive(&p.x);
    exchange_begun(&p.x);
    exchange_done(&p.x);
    exchange_lost(&p.x, "what?");
    assert_int_equal(p.x.state, EXCHANGE_WAITING);
    assert_int_equal(p.x.losses, 0);
    exchange_cancel(&p.x, "enough");
    assert_string_equal(p.x.error, "enough");
    assert_int_equal(p.drops, 0); /* nothing was under way */
    puppet_end(&p, EXCHANGE_CANCELLED, -ECANCELED);
}

static void a_failure_has_its_sentence_on_one_line(void **state)
{
    struct puppet p;

    (void)state;
    rig_open("", "");
    puppet_ask(&p);
    wait_sent(&p);
    exchange_failed(&p.x, -EIO, "the engine said %s", "line one\nline two\xff");
    assert_string_equal(p.x.error, "the engine said line one line two?");
    puppet_end(&p, EXCHANGE_FAILED, -EIO);
}

static void cancelled_under_way_it_is_dropped_first(void **state)
{
    struct puppet p;

    (void)state;
    rig_open("", "");
    puppet_ask(&p);
    wait_sent(&p);
    exchange_cancel(&p.x, "enough");
    exchange_cancel(&p.x, "twice");
    assert_int_equal(p.drops, 1);
    assert_string_equal(p.x.error, "enough");
    puppet_end(&p, EXCHANGE_CANCELLED, -ECANCELED);
}

static void lost_before_its_first_text_it_is_sent_again_once_the_engine_is_proven(void **state)
{
    struct puppet p;

    (void)state;
    rig_open("", "");
    puppet_ask(&p);
    wait_sent(&p);
    exchange_lost(&p.x, "the connection was reset");
    assert_int_equal(p.x.state, EXCHANGE_WAITING);
    assert_null(p.x.job);
    assert_int_equal(p.x.losses, 1);
    assert_false(job_has_slot(nth_job(1))); /* nobody goes there before it has shown that it is well */
    WAIT(p.sends == 2);
    assert_int_equal(count_jobs(), 1);
    exchange_begun(&p.x);
    exchange_done(&p.x);
    puppet_end(&p, EXCHANGE_DONE, 0);
}

static void the_third_loss_is_an_error(void **state)
{
    struct puppet p;

    (void)state;
    rig_open("", "");
    puppet_ask(&p);
    for (int i = 1; i <= 3; i++) {
        WAIT(p.sends == i);
        exchange_lost(&p.x, "the connection was reset");
    }
    expect_words(p.x.error, "3 engines");
    expect_words(p.x.error, "the connection was reset");
    puppet_end(&p, EXCHANGE_FAILED, -EIO);
}

static void lost_after_its_first_text_it_ends(void **state)
{
    struct puppet p;

    (void)state;
    rig_open("", "");
    puppet_ask(&p);
    wait_sent(&p);
    exchange_begun(&p.x);
    exchange_lost(&p.x, "the connection was reset");
    expect_words(p.x.error, "in the middle of the answer");
    puppet_end(&p, EXCHANGE_FAILED, -ECONNRESET);
    assert_int_equal(p.sends, 1);
}

static void silence_ends_it_and_each_byte_winds_the_clock_up(void **state)
{
    struct puppet p;

    (void)state;
    rig_open("", "stall_timeout = 1");
    puppet_ask(&p);
    wait_sent(&p);
    exchange_alive(&p.x);
    uint64_t begin = mono_ms();
    while (mono_ms() - begin < 1500) {
        turn(100);
        exchange_alive(&p.x);
        assert_int_equal(p.x.state, EXCHANGE_SENT);
    }
    begin = mono_ms();
    WAIT(exchange_ended(&p.x));
    assert_true(mono_ms() - begin >= 900);
    expect_words(p.x.error, "stall_timeout");
    assert_int_equal(p.drops, 1);
    puppet_end(&p, EXCHANGE_FAILED, -ETIMEDOUT);
}

static void the_clock_rests_while_we_do_not_read(void **state)
{
    struct puppet p;

    (void)state;
    rig_open("", "stall_timeout = 1");
    puppet_ask(&p);
    wait_sent(&p);
    exchange_alive(&p.x);
    exchange_paused(&p.x, true);
    HOLDS(1400, p.x.state == EXCHANGE_SENT);
    exchange_paused(&p.x, false);
    WAIT(exchange_ended(&p.x));
    puppet_end(&p, EXCHANGE_FAILED, -ETIMEDOUT);
}

static void fail_at_once(struct puppet *p)
{
    exchange_failed(&p->x, -EIO, "no way to send it");
}

static void one_that_fails_in_send_lets_the_next_go(void **state)
{
    struct puppet a, b;

    (void)state;
    rig_open("", "slots = 1");
    puppet_ask(&a);
    puppet_ask(&b);
    a.on_send = fail_at_once;
    WAIT(b.sends == 1);
    puppet_end(&a, EXCHANGE_FAILED, -EIO);
    exchange_done(&b.x);
    puppet_end(&b, EXCHANGE_DONE, 0);
}

/* Ends that cause ends, while the model walks its lists. */
static void one_may_end_others_while_all_are_ended(void **state)
{
    struct puppet p[4];

    (void)state;
    rig_open("\"queue=never\"", "");
    for (int i = 0; i < 4; i++)
        puppet_ask(&p[i]);
    p[0].cancels = &p[1].x;
    p[1].cancels = &p[0].x;
    p[2].cancels = &p[0].x;
    p[3].cancels = &p[2].x;
    model_stop(the_model(), "enough");
    for (int i = 0; i < 4; i++)
        puppet_end(&p[i], EXCHANGE_CANCELLED, -ECANCELED);
}

static void what_the_house_leaves_behind_is_cancelled(void **state)
{
    struct puppet under_way, waits;

    (void)state;
    rig_open("", "slots = 1");
    puppet_ask(&under_way);
    puppet_ask(&waits);
    wait_sent(&under_way);
    house_destroy(rig.h); /* without an end in order */
    rig.h = NULL;
    assert_int_equal(under_way.drops, 1);
    puppet_end(&under_way, EXCHANGE_CANCELLED, -ECANCELED);
    puppet_end(&waits, EXCHANGE_CANCELLED, -ECANCELED);
}

static const struct CMUnitTest tests[] = {
    SENTENCE(a_new_one_waits_and_belongs_to_its_maker),
    SENTENCE(an_answer_begins_and_ends_once),
    SENTENCE(reports_before_it_was_sent_mean_nothing),
    SENTENCE(a_failure_has_its_sentence_on_one_line),
    SENTENCE(cancelled_under_way_it_is_dropped_first),
    SENTENCE(lost_before_its_first_text_it_is_sent_again_once_the_engine_is_proven),
    SENTENCE(the_third_loss_is_an_error),
    SENTENCE(lost_after_its_first_text_it_ends),
    SENTENCE(silence_ends_it_and_each_byte_winds_the_clock_up),
    SENTENCE(the_clock_rests_while_we_do_not_read),
    SENTENCE(one_that_fails_in_send_lets_the_next_go),
    SENTENCE(one_may_end_others_while_all_are_ended),
    SENTENCE(what_the_house_leaves_behind_is_cancelled),
};

RIG_MAIN(tests)
