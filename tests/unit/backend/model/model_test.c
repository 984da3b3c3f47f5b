/* SPDX-License-Identifier: MIT */
/* The life of a model, from the first question to sleep, on a cluster that does as it is told. */
#include "tests/unit/backend/rig.h"
#include "backend/model/model_table.h"

/* ---- The table */

static bool has_row(enum model_state s, enum model_event ev)
{
    for (size_t i = 0; i < model_n_transitions; i++)
        if (model_transitions[i].state == s && model_transitions[i].event == ev)
            return true;
    return false;
}

static void no_state_and_event_have_two_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < model_n_transitions; i++)
        for (size_t k = 0; k < i; k++)
            assert_false(model_transitions[i].state == model_transitions[k].state &&
                         model_transitions[i].event == model_transitions[k].event);
}

/* What has no row is ignored, and for these reasons alone. */
static void each_state_and_event_has_a_row_or_a_reason_to_be_ignored(void **state)
{
    static const struct {
        enum model_state state;
        enum model_event from, to; /* of the events that may not be in the table */
    } ignored[] = {
        { MODEL_ASLEEP, MODEL_JOB_QUEUED, MODEL_DEADLINE }, /* it has no job and no clock */
        { MODEL_FAILED, MODEL_JOB_QUEUED, MODEL_DEADLINE }, /* likewise */
        { MODEL_DRAINING, MODEL_JOB_QUEUED,
          MODEL_JOB_CANCELLED },                        /* the job that is let go: only its end counts */
        { MODEL_DRAINING, MODEL_IDLE, MODEL_DEADLINE }, /* its end is under way already */
        { MODEL_QUEUED, MODEL_WANTED, MODEL_ADOPTED },  /* one wake for all; an adopted job joins it */
        { MODEL_STARTING, MODEL_WANTED, MODEL_ADOPTED },
        { MODEL_READY, MODEL_WANTED, MODEL_ADOPTED },
        { MODEL_QUEUED, MODEL_JOB_QUEUED, MODEL_JOB_QUEUED }, /* no news */
        { MODEL_STARTING, MODEL_JOB_RUNS, MODEL_JOB_RUNS },
        { MODEL_READY, MODEL_JOB_HEALTHY, MODEL_JOB_HEALTHY },
        { MODEL_QUEUED, MODEL_JOB_GONE, MODEL_JOB_GONE }, /* only of a job that was let go */
        { MODEL_STARTING, MODEL_JOB_GONE, MODEL_JOB_GONE },
        { MODEL_READY, MODEL_JOB_GONE, MODEL_JOB_GONE },
        { MODEL_QUEUED, MODEL_IDLE, MODEL_IDLE }, /* the clock runs while it is ready */
        { MODEL_STARTING, MODEL_IDLE, MODEL_IDLE },
        { MODEL_READY, MODEL_DEADLINE, MODEL_DEADLINE }, /* the clock runs until it is ready */
    };

    (void)state;
    for (int s = MODEL_ASLEEP; s <= MODEL_FAILED; s++) {
        for (int ev = 0; ev < MODEL_EVENTS; ev++) {
            int reasons = has_row((enum model_state)s, (enum model_event)ev);
            for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
                reasons +=
                    (int)ignored[i].state == s && (int)ignored[i].from <= ev && ev <= (int)ignored[i].to;
            if (reasons != 1)
                fail_msg("%s and event %d: %s", model_state_name((enum model_state)s), ev,
                         reasons ? "both in the table and ignored" : "neither in the table nor ignored");
        }
    }
}

/* It has a timer, or a job that reports: all but those that a question alone leaves. */
static bool waits(enum model_state s)
{
    return s != MODEL_ASLEEP && s != MODEL_FAILED;
}

static void each_state_that_waits_has_a_way_out_on_failure(void **state)
{
    (void)state;
    for (int s = MODEL_ASLEEP; s <= MODEL_FAILED; s++) {
        if (!waits((enum model_state)s))
            continue;
        bool ends =
            has_row((enum model_state)s, MODEL_JOB_FAILED) || has_row((enum model_state)s, MODEL_JOB_GONE);
        if (!ends)
            fail_msg("%s waits for ever", model_state_name((enum model_state)s));
    }
    assert_true(has_row(MODEL_QUEUED, MODEL_DEADLINE));
    assert_true(has_row(MODEL_STARTING, MODEL_DEADLINE));
}

static void each_state_can_be_reached_and_left_by_a_question(void **state)
{
    bool reached[MODEL_FAILED + 1] = { [MODEL_ASLEEP] = true };

    (void)state;
    for (int round = 0; round <= MODEL_FAILED; round++)
        for (size_t i = 0; i < model_n_transitions; i++)
            if (reached[model_transitions[i].state])
                reached[model_transitions[i].next] = true;
    for (int s = MODEL_ASLEEP; s <= MODEL_FAILED; s++)
        assert_true(reached[s]);
    assert_true(has_row(MODEL_ASLEEP, MODEL_WANTED));
    assert_true(has_row(MODEL_DRAINING, MODEL_WANTED));
    assert_true(has_row(MODEL_FAILED, MODEL_WANTED));
}

/* ---- Waking */

static void a_cold_question_wakes_the_model_and_is_answered(void **state)
{
    (void)state;
    rig_open("\"queue=0.3\", \"start=0.3\"", "");
    assert_true(model_is(MODEL_ASLEEP));
    struct prompt *p = ask("Why is the sky blue?");
    assert_true(model_is(MODEL_QUEUED));
    WAIT(model_is(MODEL_STARTING));
    WAIT(model_is(MODEL_READY));
    expect_answer(p, "Why is the sky blue?");
    assert_string_equal(p->x.job_name, "c.1");
    assert_int_equal(count_jobs(), 1);
}

static void ten_questions_are_joined_in_one_wake(void **state)
{
    struct prompt *p[10];
    char text[32];

    (void)state;
    rig_open("\"queue=0.2\"", "");
    for (int i = 0; i < 10; i++) {
        snprintf(text, sizeof text, "question %d", i);
        p[i] = ask(text);
        if (i % 3 == 0)
            turn(10);
    }
    for (int i = 0; i < 10; i++) {
        snprintf(text, sizeof text, "question %d", i);
        expect_answer(p[i], text);
    }
    assert_int_equal(count_jobs(), 1);
    /* The scheduler has seen one submission: its ids count them. */
    assert_string_equal(nth_job(1)->id, "1");
}

static void a_wake_without_a_question_makes_it_ready(void **state)
{
    (void)state;
    rig_open("", "");
    model_wake(the_model());
    model_wake(the_model());
    WAIT(model_is(MODEL_READY));
    assert_int_equal(count_jobs(), 1);
}

static void what_only_looks_wakes_nothing(void **state)
{
    struct err e = { "" };

    (void)state;
    rig_open("", "");
    json_decref(model_status(the_model()));
    json_decref(house_status(rig.h, rig.h->uid));
    json_decref(cluster_status(the_cluster()));
    assert_int_equal(model_may_ask(the_model(), &e), 0);
    HOLDS(200, model_is(MODEL_ASLEEP) && count_jobs() == 0);
    assert_int_equal(the_cluster()->queries, 0);
}

/* ---- The line */

static void no_more_go_out_than_there_are_slots_and_in_their_order(void **state)
{
    struct prompt *p[5];
    int waiting, active;

    (void)state;
    rig_open("\"parrot=--delay 0.3\"", "slots = 2");
    for (int i = 0; i < 5; i++)
        p[i] = ask("x");
    WAIT(p[0]->x.state != EXCHANGE_WAITING);
    while (!ended(p[4])) {
        model_counts(the_model(), &waiting, &active);
        assert_true(active <= 2);
        /* Nobody goes out before one who came before. */
        for (int i = 1; i < 5; i++)
            assert_true(p[i]->x.state == EXCHANGE_WAITING || p[i - 1]->x.state != EXCHANGE_WAITING);
        turn(20);
    }
    for (int i = 0; i < 5; i++)
        expect_answer(p[i], "x");
    model_counts(the_model(), &waiting, &active);
    assert_int_equal(waiting + active, 0);
}

static void questions_that_were_lost_go_back_to_their_places(void **state)
{
    struct prompt *p[6];

    (void)state;
    /* Two are under way when the first job is taken away. */
    rig_open("\"parrot=--delay 0.6\", \"preempt=1.5@1\"", "slots = 2");
    for (int i = 0; i < 6; i++)
        p[i] = ask("x");
    WAIT(count_jobs() == 2);
    while (!ended(p[5])) {
        for (int i = 1; i < 6; i++)
            assert_true(p[i]->x.state == EXCHANGE_WAITING || p[i - 1]->x.state != EXCHANGE_WAITING);
        turn(20);
    }
    for (int i = 0; i < 6; i++)
        expect_answer(p[i], "x");
}

static void a_full_queue_refuses_and_leaves_the_question_alone(void **state)
{
    struct err e = { "" };

    (void)state;
    rig_open("\"queue=never\"", "max_queue = 2");
    ask("a");
    ask("b");
    struct prompt *p = question("c", 1000);
    assert_int_equal(model_may_ask(the_model(), &e), -EBUSY);
    assert_int_equal(model_submit(the_model(), &p->x, &e), -EBUSY);
    expect_words(e.text, "2 questions wait");
    assert_int_equal(p->x.refs, 1);
    assert_null(p->x.model);
    assert_int_equal(p->x.state, EXCHANGE_WAITING);
    assert_int_equal(model_cancel_all(the_model(), 1000), 2);
    assert_int_equal(model_may_ask(the_model(), &e), 0);
}

static void those_for_whom_a_slot_is_free_do_not_count_as_waiting(void **state)
{
    struct err e = { "" };

    (void)state;
    rig_open("\"parrot=--delay 0.5\"", "max_queue = 1\nslots = 2");
    expect_answer(ask("warm"), "warm");
    struct prompt *p[3] = { ask("a"), ask("b"), ask("c") };
    assert_int_equal(model_may_ask(the_model(), &e), -EBUSY);
    for (int i = 0; i < 3; i++)
        WAIT(ended(p[i]));
}

static void where_none_may_wait_a_question_still_wakes_it(void **state)
{
    (void)state;
    rig_open("", "max_queue = 0\nslots = 1");
    struct prompt *p = ask("a");
    assert_int_equal(model_may_ask(the_model(), NULL), -EBUSY);
    expect_answer(p, "a");
    expect_answer(ask("b"), "b");
}

/* ---- Sleeping */

static void idle_time_counts_from_the_end_of_the_last_answer_and_cuts_nothing(void **state)
{
    (void)state;
    /* The answer takes longer than the idle time. */
    rig_open("\"parrot=--delay 1.6\"", "idle_timeout = 1");
    struct prompt *p = ask("slow");
    WAIT(p->x.state == EXCHANGE_SENT);
    expect_answer(p, "slow");
    assert_true(model_is(MODEL_READY));
    uint64_t end = mono_ms();
    WAIT(model_is(MODEL_DRAINING));
    assert_true(mono_ms() - end >= 900);
    WAIT(model_is(MODEL_ASLEEP));
    assert_true(job_is(1, JOB_ENDED));
    assert_null(nth_job(1)->error);
    assert_null(model_job(the_model()));
}

static void a_question_winds_the_idle_clock_up_again(void **state)
{
    (void)state;
    rig_open("", "idle_timeout = 1");
    expect_answer(ask("a"), "a");
    uint64_t begin = mono_ms();
    while (mono_ms() - begin < 1500) {
        expect_answer(ask("b"), "b");
        assert_true(model_is(MODEL_READY));
        turn(200);
    }
    assert_int_equal(count_jobs(), 1);
}

static void an_idle_time_of_0_is_never(void **state)
{
    (void)state;
    rig_open("", "idle_timeout = 0");
    expect_answer(ask("a"), "a");
    HOLDS(700, model_is(MODEL_READY));
}

static void a_question_to_one_that_drains_begins_another_job(void **state)
{
    (void)state;
    rig_open("", "");
    expect_answer(ask("a"), "a");
    model_stop(the_model(), "enough");
    assert_true(model_is(MODEL_DRAINING));
    struct prompt *p = ask("b");
    assert_true(model_is(MODEL_QUEUED));
    expect_answer(p, "b");
    assert_string_equal(p->x.job_name, "c.2");
    WAIT(job_is(1, JOB_ENDED));
}

/* ---- Stopping and cancelling */

static void stop_ends_what_waits_and_what_is_under_way_and_the_job(void **state)
{
    (void)state;
    rig_open("\"parrot=--delay 20\"", "slots = 1");
    struct prompt *under_way = ask("a"), *waits = ask("b");
    WAIT(under_way->x.state == EXCHANGE_SENT);
    model_stop(the_model(), "stopped by hand");
    expect_end(under_way, EXCHANGE_CANCELLED, -ECANCELED, "stopped by hand");
    expect_end(waits, EXCHANGE_CANCELLED, -ECANCELED, "stopped by hand");
    WAIT(model_is(MODEL_ASLEEP));
    assert_true(job_is(1, JOB_ENDED));
    assert_string_equal(nth_job(1)->word, "CANCELLED");
}

static void stop_in_each_phase_leads_to_sleep(void **state)
{
    static const struct {
        const char *words;
        enum model_state when;
    } phases[] = {
        { "\"queue=never\"", MODEL_QUEUED },
        { "\"start=never\"", MODEL_STARTING },
        { "\"parrot=--startup 1000\"", MODEL_STARTING },
        { "", MODEL_READY },
    };

    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
        rig_open(phases[i].words, "");
        struct prompt *p = phases[i].when == MODEL_READY ? NULL : ask("x");
        if (!p)
            model_wake(the_model());
        WAIT(model_is(phases[i].when));
        if (i == 2)
            WAIT(job_is(1, JOB_FOUND));
        model_stop(the_model(), "enough");
        assert_true(model_is(MODEL_DRAINING));
        if (p)
            expect_end(p, EXCHANGE_CANCELLED, -ECANCELED, "enough");
        WAIT(model_is(MODEL_ASLEEP));
        assert_int_equal(count_jobs(), 1);
        rig_teardown(state);
        rig_setup(state);
    }
}

static void stop_before_anything_was_submitted_submits_nothing(void **state)
{
    (void)state;
    rig_open("", "");
    struct prompt *p = ask("x");
    model_stop(the_model(), "at once");
    expect_end(p, EXCHANGE_CANCELLED, -ECANCELED, "at once");
    WAIT(model_is(MODEL_ASLEEP));
    assert_null(nth_job(1)->id);
    /* The next submission is the scheduler's first. */
    expect_answer(ask("y"), "y");
    assert_string_equal(nth_job(2)->id, "1");
}

static void one_user_cancels_only_his_own(void **state)
{
    (void)state;
    rig_open("\"queue=0.5\"", "");
    struct prompt *mine = ask_as("mine", 1000), *yours = ask_as("yours", 1001);
    assert_int_equal(model_cancel_all(the_model(), 1000), 1);
    expect_end(mine, EXCHANGE_CANCELLED, -ECANCELED, "cancel");
    expect_answer(yours, "yours");
}

static void a_question_that_is_cancelled_frees_its_slot_for_the_next(void **state)
{
    (void)state;
    rig_open("\"parrot=--delay 1\"", "slots = 1");
    struct prompt *a = ask("a"), *b = ask("b");
    WAIT(a->x.state == EXCHANGE_SENT);
    exchange_cancel(&a->x, "not wanted");
    expect_end(a, EXCHANGE_CANCELLED, -ECANCELED, "not wanted");
    expect_answer(b, "b");
    assert_int_equal(count_jobs(), 1);
}

static void a_wake_goes_on_when_its_question_was_cancelled(void **state)
{
    (void)state;
    rig_open("\"queue=0.3\"", "");
    exchange_cancel(&ask("a")->x, "not wanted");
    WAIT(model_is(MODEL_READY));
}

/* ---- Failing */

/* A program that asks in a loop does not become a loop of sbatch; a person's next try comes at once. */
static void a_scheduler_that_refuses_again_is_spared(void **state)
{
    (void)state;
    rig_open("\"refuse=no@1\", \"refuse=no@2\"", "");
    uint64_t begin = mono_ms();
    expect_end(ask("a"), EXCHANGE_FAILED, -ECONNREFUSED, "no");
    expect_end(ask("b"), EXCHANGE_FAILED, -ECONNREFUSED, "no");
    struct prompt *p = ask("c");
    WAIT(nth_job(3) && strstr(nth_job(3)->reason, "spared"));
    assert_false(inner(nth_job(3))->sent);
    expect_answer(p, "c");
    assert_true(mono_ms() - begin >= 1900);
    job_cancel(nth_job(3), "test");
    WAIT(job_is(3, JOB_ENDED));
    expect_answer(ask("d"), "d"); /* and that is over with the first success */
}

static void a_refused_job_fails_those_who_wait_with_the_schedulers_words(void **state)
{
    (void)state;
    rig_open("\"refuse=Invalid account or account/partition combination@1\"", "");
    struct prompt *a = ask("a"), *b = ask("b");
    expect_end(a, EXCHANGE_FAILED, -ECONNREFUSED, "Invalid account");
    expect_end(b, EXCHANGE_FAILED, -ECONNREFUSED, "Invalid account");
    assert_true(model_is(MODEL_FAILED));
    json_t *s = model_status(the_model());
    assert_string_equal(json_string_value(json_object_get(s, "state")), "failed");
    expect_words(json_string_value(json_object_get(s, "last_error")), "Invalid account");
    expect_words(json_string_value(json_object_get(s, "reason")), "Invalid account");
    json_decref(s);
    /* The next question tries again. */
    expect_answer(ask("c"), "c");
    assert_true(model_is(MODEL_READY));
}

static void a_wake_leaves_failure_too(void **state)
{
    (void)state;
    rig_open("\"refuse=no@1\"", "");
    model_wake(the_model());
    WAIT(model_is(MODEL_FAILED));
    model_wake(the_model());
    WAIT(model_is(MODEL_READY));
}

static void a_job_that_does_not_start_in_time_is_cancelled_and_its_reason_told(void **state)
{
    (void)state;
    rig_open("\"queue=never\", \"reason=Resources\"", "start_timeout = 1");
    struct prompt *p = ask("a");
    expect_end(p, EXCHANGE_FAILED, -ETIMEDOUT, "start_timeout");
    expect_words(p->x.error, "Resources");
    expect_words(nth_job(1)->error, "start_timeout");
    assert_true(model_is(MODEL_FAILED));
    WAIT(job_is(1, JOB_ENDED));
    assert_string_equal(nth_job(1)->word, "CANCELLED");
}

static void an_engine_that_is_not_healthy_in_time_is_ended(void **state)
{
    (void)state;
    rig_open("\"parrot=--fail never-healthy\"", "ready_timeout = 1");
    struct prompt *p = ask("a");
    expect_end(p, EXCHANGE_FAILED, -ETIMEDOUT, "ready_timeout");
    assert_true(model_is(MODEL_FAILED));
    WAIT(job_is(1, JOB_ENDED));
}

/* As if it had begun an hour ago. */
static void a_start_that_gets_on_is_not_late(void **state)
{
    (void)state;
    rig_open("\"parrot=--fail never-healthy\"", "ready_timeout = \"10m\"");
    struct prompt *p = ask("a");
    WAIT(job_is(1, JOB_FOUND));
    struct job *j = nth_job(1);
    inner(j)->progress = (struct progress){ .value = 0.3, .text = "pulling" };
    job_tell(j);
    assert_true(j->progress_ms > 0);
    j->running_ms -= 3600 * 1000;
    j->progress_ms -= 500 * 1000;
    HOLDS(300, job_is(1, JOB_FOUND));
    job_tell(j); /* the same number again is none */
    j->progress_ms -= 200 * 1000;
    job_tell(j);
    expect_end(p, EXCHANGE_FAILED, -ETIMEDOUT, "ready_timeout (600 s) of the last progress");
}

static void an_engine_that_never_tells_its_address_is_ended_too(void **state)
{
    (void)state;
    rig_open("\"engine=none\"", "ready_timeout = 1");
    expect_end(ask("a"), EXCHANGE_FAILED, -ETIMEDOUT, "ready_timeout");
    WAIT(job_is(1, JOB_ENDED));
}

static void times_of_0_are_no_limits(void **state)
{
    (void)state;
    rig_open("\"queue=1.2\", \"start=1.2\"", "start_timeout = 0\nready_timeout = 0\nstall_timeout = 0");
    expect_answer(ask("a"), "a");
}

static void an_engine_that_ends_at_its_start_fails_the_model_with_its_last_line(void **state)
{
    (void)state;
    rig_open("\"parrot=--fail exit-at-start\"", "");
    struct prompt *p = ask("a");
    expect_end(p, EXCHANGE_FAILED, -EIO, "told to end at its start");
    assert_true(model_is(MODEL_FAILED));
    assert_int_equal(count_jobs(), 1);
}

static void a_model_whose_job_ends_while_nobody_asks_falls_asleep_with_the_reason(void **state)
{
    (void)state;
    rig_open("\"fail=0.8\"", "");
    model_wake(the_model());
    WAIT(model_is(MODEL_READY));
    pass(1000);
    job_suspect(nth_job(1), "the calm interval is too long for a test");
    WAIT(model_is(MODEL_ASLEEP));
    json_t *s = model_status(the_model());
    expect_words(json_string_value(json_object_get(s, "last_error")), "FAILED");
    json_decref(s);
    assert_int_equal(count_jobs(), 1);
}

static void jobs_that_are_taken_away_again_and_again_fail_the_model(void **state)
{
    (void)state;
    rig_open("\"preempt=0.1\", \"start=never\"", "");
    struct prompt *p = ask("a");
    expect_end(p, EXCHANGE_FAILED, -ECONNRESET, "PREEMPTED");
    assert_true(model_is(MODEL_FAILED));
    assert_true(count_jobs() > 1 && count_jobs() <= 5);
}

static void a_model_without_room_on_its_cluster_waits_for_it(void **state)
{
    (void)state;
    rig_open_with("", "fake = [\"queue=never@1\"]\nmax_jobs = 1\n",
                  "[model.other]\nengine = \"parrot\"\ncluster = \"c\"\n");
    /* Both at once: only one may be submitted. */
    model_wake(house_model(rig.h, "other"));
    struct prompt *p = ask("a");
    WAIT(nth_job(1)->id);
    HOLDS(300, !nth_job(2)->id);
    expect_words(nth_job(2)->reason, "max_jobs");
    model_stop(house_model(rig.h, "other"), "make room");
    expect_answer(p, "a");
}

static void a_model_of_higher_priority_gets_the_room_first(void **state)
{
    (void)state;
    rig_open_with("", "max_jobs = 1\n",
                  "[model.first]\nengine = \"parrot\"\ncluster = \"c\"\n"
                  "[model.higher]\nengine = \"parrot\"\ncluster = \"c\"\npriority = 1\n");
    model_wake(house_model(rig.h, "first"));
    WAIT(nth_job(1) && nth_job(1)->id);
    struct prompt *p = ask("a"); /* the other one comes later and has a later look */
    WAIT(nth_job(2) && strstr(nth_job(2)->reason, "max_jobs"));
    model_wake(house_model(rig.h, "higher"));
    WAIT(nth_job(3) && strstr(nth_job(3)->reason, "max_jobs"));
    model_stop(house_model(rig.h, "first"), "make room");
    WAIT(nth_job(3)->id);
    HOLDS(300, !nth_job(2)->id);
    model_stop(house_model(rig.h, "higher"), "make room");
    expect_answer(p, "a");
}

/* ---- Status */

static void its_status_has_the_fields_of_the_contract(void **state)
{
    static const char fields[] = "model description state since reason queue_position expected_start "
                                 "progress engine served_model cluster endpoint "
                                 "idle_since idle_timeout_s pinned_until requests tokens jobs last_error";

    (void)state;
    rig_open("", "description = \"a bird\"\nidle_timeout = 1800");
    expect_fields(model_status(the_model()), fields);
    expect_answer(ask("one two three"), "one two three");
    json_t *s = model_status(the_model()), *requests = json_object_get(s, "requests"),
           *jobs = json_object_get(s, "jobs");
    assert_string_equal(json_string_value(json_object_get(s, "state")), "ready");
    assert_int_equal(json_integer_value(json_object_get(requests, "done")), 1);
    assert_int_equal(json_integer_value(json_object_get(requests, "failed")), 0);
    assert_int_equal(json_integer_value(json_object_get(s, "idle_timeout_s")), 1800);
    assert_true(json_is_string(json_object_get(s, "idle_since")));
    assert_true(json_integer_value(json_object_get(json_object_get(s, "tokens"), "completion")) > 0);
    assert_int_equal(json_array_size(jobs), 1);
    assert_true(json_is_true(json_object_get(json_array_get(jobs, 0), "ready")));
    expect_fields(json_incref(requests), "waiting active done failed");
    expect_fields(json_incref(json_object_get(s, "tokens")), "prompt completion per_s");
    expect_fields(json_incref(json_array_get(jobs, 0)), "id name state node port ends_at ready");
    json_decref(s);
    expect_fields(model_status(the_model()), fields);
}

static void its_status_says_why_it_waits_and_for_how_long(void **state)
{
    (void)state;
    rig_open("\"queue=500\", \"reason=Resources\"", "");
    ask("a");
    WAIT(nth_job(1) && nth_job(1)->queue_position == 1);
    json_t *s = model_status(the_model());
    assert_string_equal(json_string_value(json_object_get(s, "state")), "queued");
    assert_string_equal(json_string_value(json_object_get(s, "reason")), "Resources");
    assert_int_equal(json_integer_value(json_object_get(s, "queue_position")), 1);
    assert_true(json_is_string(json_object_get(s, "expected_start")));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(s, "requests"), "waiting")), 1);
    json_decref(s);
}

static const struct CMUnitTest tests[] = {
    SENTENCE(no_state_and_event_have_two_rows),
    SENTENCE(each_state_and_event_has_a_row_or_a_reason_to_be_ignored),
    SENTENCE(each_state_that_waits_has_a_way_out_on_failure),
    SENTENCE(each_state_can_be_reached_and_left_by_a_question),
    SENTENCE(a_cold_question_wakes_the_model_and_is_answered),
    SENTENCE(ten_questions_are_joined_in_one_wake),
    SENTENCE(a_wake_without_a_question_makes_it_ready),
    SENTENCE(what_only_looks_wakes_nothing),
    SENTENCE(no_more_go_out_than_there_are_slots_and_in_their_order),
    SENTENCE(questions_that_were_lost_go_back_to_their_places),
    SENTENCE(a_full_queue_refuses_and_leaves_the_question_alone),
    SENTENCE(those_for_whom_a_slot_is_free_do_not_count_as_waiting),
    SENTENCE(where_none_may_wait_a_question_still_wakes_it),
    SENTENCE(idle_time_counts_from_the_end_of_the_last_answer_and_cuts_nothing),
    SENTENCE(a_question_winds_the_idle_clock_up_again),
    SENTENCE(an_idle_time_of_0_is_never),
    SENTENCE(a_question_to_one_that_drains_begins_another_job),
    SENTENCE(stop_ends_what_waits_and_what_is_under_way_and_the_job),
    SENTENCE(stop_in_each_phase_leads_to_sleep),
    SENTENCE(stop_before_anything_was_submitted_submits_nothing),
    SENTENCE(one_user_cancels_only_his_own),
    SENTENCE(a_question_that_is_cancelled_frees_its_slot_for_the_next),
    SENTENCE(a_wake_goes_on_when_its_question_was_cancelled),
    SENTENCE(a_scheduler_that_refuses_again_is_spared),
    SENTENCE(a_refused_job_fails_those_who_wait_with_the_schedulers_words),
    SENTENCE(a_wake_leaves_failure_too),
    SENTENCE(a_job_that_does_not_start_in_time_is_cancelled_and_its_reason_told),
    SENTENCE(an_engine_that_is_not_healthy_in_time_is_ended),
    SENTENCE(a_start_that_gets_on_is_not_late),
    SENTENCE(an_engine_that_never_tells_its_address_is_ended_too),
    SENTENCE(times_of_0_are_no_limits),
    SENTENCE(an_engine_that_ends_at_its_start_fails_the_model_with_its_last_line),
    SENTENCE(a_model_whose_job_ends_while_nobody_asks_falls_asleep_with_the_reason),
    SENTENCE(jobs_that_are_taken_away_again_and_again_fail_the_model),
    SENTENCE(a_model_without_room_on_its_cluster_waits_for_it),
    SENTENCE(a_model_of_higher_priority_gets_the_room_first),
    SENTENCE(its_status_has_the_fields_of_the_contract),
    SENTENCE(its_status_says_why_it_waits_and_for_how_long),
};

RIG_MAIN(tests)
