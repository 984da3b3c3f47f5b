/* SPDX-License-Identifier: MIT */
/* Time limits of jobs: they are told, more time is asked for, or a successor takes over in time. */
#include "tests/unit/backend/rig.h"
#include "backend/model/model_private.h"
#include <sys/syscall.h>
#include <time.h>

static time_t clock_set_s; /* by how much the wall clock was set, in this process alone */

/* In place of the C library's, for libuv too. The other clocks cannot be set. */
int clock_gettime(clockid_t id, struct timespec *ts)
{
    long rc = syscall(SYS_clock_gettime, id, ts);

    if (rc == 0 && id == CLOCK_REALTIME)
        ts->tv_sec += clock_set_s;
    return (int)rc;
}

static bool event_says(const char *words)
{
    char *all = growing_tail(rig.h->events, 1000);
    bool found = strstr(all, words) != NULL;

    free(all);
    return found;
}

static int events_that_say(const char *words)
{
    char *all = growing_tail(rig.h->events, 1000);
    int n = 0;

    for (const char *p = all; (p = strstr(p, words)); p++)
        n++;
    free(all);
    return n;
}

/* Ask one question after the other until `until` holds: none may be lost, or cut. */
#define STREAM_UNTIL(until)                                                                                  \
    do {                                                                                                     \
        uint64_t stream_end_ = mono_ms() + 60000;                                                            \
        while (!(until)) {                                                                                   \
            if (mono_ms() >= stream_end_)                                                                    \
                fail_msg("not within 60 s: %s", #until);                                                     \
            expect_answer(ask("one two three"), "one two three");                                            \
            exchange_unref(&rig.prompts[--rig.n_prompts]->x);                                                \
        }                                                                                                    \
    } while (0)

static bool took_over(int nth)
{
    struct job *j = nth_job(nth);

    return j && j->state == JOB_HEALTHY && model_job(the_model()) == j;
}

static void a_successor_takes_over_under_a_stream_of_questions(void **state)
{
    (void)state;
    rig_open("\"limit=10\", \"parrot=--rate 20\"", "keep_alive = \"relay\"\nslots = 2");
    STREAM_UNTIL(took_over(2));
    STREAM_UNTIL(job_is(1, JOB_ENDED));
    assert_string_equal(nth_job(1)->word, "CANCELLED"); /* before its limit */
    STREAM_UNTIL(took_over(3));
    assert_true(event_says("a successor is begun before its time limit"));
    assert_true(event_says("its time limit is in "));
}

/* The old job's engine says as many words as the gate has bytes. */
static void open_gate(const char *path, const char *bytes)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(bytes, f);
    fclose(f);
}

static void an_answer_under_way_is_finished_by_the_old_one(void **state)
{
    char *gate = xasprintf("%s/gate", rig.dir),
         *words = xasprintf("\"limit=20\", \"parrot=--gate %s@1\"", gate);

    (void)state;
    open_gate(gate, "1");
    rig_open(words, "keep_alive = \"relay\"\nrelay_lead = \"12s\"");
    expect_answer(ask("x"), "x");
    struct prompt *p = ask("one two three four");
    WAIT(p->x.state == EXCHANGE_STREAMING);
    WAIT(took_over(2));
    assert_true(nth_job(1)->retiring);
    expect_answer(ask("to the new one"), "to the new one");
    assert_int_equal(p->x.state, EXCHANGE_STREAMING);
    open_gate(gate, "0123456789");
    expect_answer(p, "one two three four");
    assert_string_equal(p->x.job_name, "c.1");
    WAIT(job_is(1, JOB_ENDED));
    free(gate);
    free(words);
}

static void a_model_that_nobody_asks_has_no_successor(void **state)
{
    (void)state;
    rig_open("\"limit=6\"", "keep_alive = \"relay\"");
    expect_answer(ask("x"), "x");
    WAIT(job_is(1, JOB_ENDED));
    WAIT(model_is(MODEL_ASLEEP));
    assert_int_equal(count_jobs(), 1);
    assert_true(event_says("its time limit is in "));
}

static void one_that_is_to_stay_up_or_pinned_has_one(void **state)
{
    static const char *const models[] = { "keep_alive = \"relay\"\nmin = 1", "keep_alive = \"relay\"" };

    for (size_t i = 0; i < 2; i++) {
        rig_open("\"limit=8\"", models[i]);
        model_wake(the_model());
        if (i == 1)
            model_pin(the_model(), 600);
        WAIT(took_over(2));
        rig_teardown(state);
        rig_setup(state);
    }
}

static void with_cancel_the_job_ends_and_the_limit_is_told_once(void **state)
{
    (void)state;
    rig_open("\"limit=6\"", "");
    expect_answer(ask("x"), "x");
    WAIT(job_is(1, JOB_ENDED)); /* a question at that moment would be cut */
    expect_answer(ask("y"), "y");
    assert_int_equal(count_jobs(), 2);
    assert_string_equal(nth_job(1)->word, "TIMEOUT");
    assert_int_equal(events_that_say("its time limit is in "), 1);
    assert_false(event_says("a successor"));
}

static void more_time_is_asked_for_once_and_no_successor_comes(void **state)
{
    (void)state;
    rig_open("\"limit=6\"", "keep_alive = \"extend\"\ntime = \"1h\"");
    expect_answer(ask("x"), "x");
    time_t first = nth_job(1)->ends_at;
    STREAM_UNTIL(nth_job(1)->ends_at > first + 3000);
    HOLDS(5000, job_is(1, JOB_HEALTHY) && count_jobs() == 1);
    assert_int_equal(events_that_say("its time limit was extended"), 1);
}

static void a_refused_extension_is_told_once_and_a_successor_comes(void **state)
{
    (void)state;
    rig_open("\"limit=8\", \"refuse-extend=Access/permission denied\"", "keep_alive = \"extend\"");
    STREAM_UNTIL(took_over(2));
    assert_int_equal(events_that_say("was not extended: Access/permission denied"), 1);
    STREAM_UNTIL(took_over(3));
    assert_int_equal(events_that_say("was not extended"), 1);
}

static void a_refusal_is_the_last_error(void **state)
{
    struct err e = { "" };

    (void)state;
    rig_open("\"limit=60\", \"refuse-extend=Access/permission denied\"", "");
    expect_answer(ask("x"), "x");
    assert_int_equal(model_extend(the_model(), 60, &e), 0);
    WAIT(the_model()->last_error);
    json_t *s = model_status(the_model());
    expect_words(json_string_value(json_object_get(s, "last_error")), "Access/permission denied");
    json_decref(s);
    assert_true(model_is(MODEL_READY));
}

static void what_has_no_limit_or_does_not_run_cannot_be_extended(void **state)
{
    struct err e = { "" };

    (void)state;
    rig_open("\"queue=never\"", "");
    assert_int_equal(model_extend(the_model(), 60, &e), -EINVAL);
    expect_words(e.text, "no job of m runs");
    model_wake(the_model());
    WAIT(nth_job(1) && nth_job(1)->id);
    assert_int_equal(model_extend_job(nth_job(1), 60, &e), -EINVAL);
    expect_words(e.text, "does not run");
}

static void a_pin_outlasts_idle_time_and_its_end_is_seen(void **state)
{
    (void)state;
    rig_open("", "idle_timeout = 1");
    expect_answer(ask("x"), "x");
    model_pin(the_model(), 3);
    json_t *s = model_status(the_model());
    assert_true(json_is_string(json_object_get(s, "pinned_until")));
    json_decref(s);
    HOLDS(2000, model_is(MODEL_READY));
    WAIT(model_is(MODEL_ASLEEP));
    assert_int_equal(the_model()->pinned_until.tv_sec, 0);
}

static void without_the_pin_it_falls_asleep(void **state)
{
    (void)state;
    rig_open("", "idle_timeout = 1");
    expect_answer(ask("x"), "x");
    model_pin(the_model(), 600);
    HOLDS(1500, model_is(MODEL_READY));
    model_pin(the_model(), 0);
    WAIT(model_is(MODEL_ASLEEP));
}

static void ends_in(struct job *j, uint64_t seconds)
{
    j->ends_ms = awake_or_not_ms() + seconds * 1000;
}

static void the_lead_is_learnt_from_slow_starts_and_at_most_half_of_the_time(void **state)
{
    struct model *m;
    struct job *j;

    (void)state;
    rig_open("\"limit=4000\"", "keep_alive = \"relay\"");
    m = the_model();
    expect_answer(ask("x"), "x");
    WAIT(nth_job(1)->ends_at);
    j = nth_job(1);
    m->queue_s = 300;
    m->start_s = 200;
    j->all_s = 6100;
    ends_in(j, 1100); /* twice 500 s and a little more than 20 s */
    model_limits(m);
    assert_false(j->ageing);
    m->n_waiting++;
    ends_in(j, 1000);
    model_limits(m);
    assert_true(j->ageing);
    ends_in(j, 2000); /* somebody gave it more time */
    model_limits(m);
    assert_false(j->ageing);
    m->queue_s = 100000;
    j->all_s = 1000;
    ends_in(j, 900); /* half are 500 s */
    model_limits(m);
    assert_false(j->ageing);
    m->n_waiting--;
}

/* ---- The wall clock is set, by a person or by the time service */

/* As after a query that did not list the job: another is due soon. */
static void query_now(void)
{
    nth_job(1)->missing = 1;
    cluster_look(the_cluster());
}

static void a_clock_that_is_set_forward_begins_no_successor(void **state)
{
    (void)state;
    rig_open("\"limit=4000\"", "keep_alive = \"relay\"\nrelay_lead = \"100s\"\nmin = 1");
    expect_answer(ask("x"), "x");
    WAIT(nth_job(1)->ends_at);
    time_t shown = nth_job(1)->ends_at;
    clock_set_s = 7200;
    expect_answer(ask("after the jump"), "after the jump");
    model_limits(the_model());
    assert_false(nth_job(1)->ageing);
    query_now();
    WAIT(nth_job(1)->ends_at > shown + 7000); /* what is shown goes by the clock that people read */
    HOLDS(500, !nth_job(1)->ageing && count_jobs() == 1);
    assert_false(event_says("time limit"));
    clock_set_s = 0;
}

static void one_that_is_set_back_misses_no_limit(void **state)
{
    (void)state;
    rig_open("\"limit=10\", \"parrot=--rate 20\"", "keep_alive = \"relay\"\nslots = 2");
    expect_answer(ask("x"), "x");
    WAIT(nth_job(1)->ends_at);
    clock_set_s = -7200;
    STREAM_UNTIL(took_over(2));
    STREAM_UNTIL(job_is(1, JOB_ENDED));
    assert_string_equal(nth_job(1)->word, "CANCELLED"); /* before its limit */
    clock_set_s = 0;
}

static void one_that_was_set_at_its_start_changes_no_lead(void **state)
{
    (void)state;
    rig_open("\"limit=4000\"", "keep_alive = \"relay\"\nrelay_lead = \"1h\"\nmin = 1");
    model_wake(the_model());
    WAIT(nth_job(1) && nth_job(1)->started.tv_sec);
    clock_set_s = 7200; /* the half of 4000 s, not of 11200 s, is the most that a lead can be */
    WAIT(job_is(1, JOB_HEALTHY) && nth_job(1)->ends_ms);
    query_now();
    WAIT(nth_job(1)->missing == 0);
    HOLDS(500, !nth_job(1)->ageing && count_jobs() == 1);
    clock_set_s = 0;
}

static const struct CMUnitTest tests[] = {
    SENTENCE(a_successor_takes_over_under_a_stream_of_questions),
    SENTENCE(an_answer_under_way_is_finished_by_the_old_one),
    SENTENCE(a_model_that_nobody_asks_has_no_successor),
    SENTENCE(one_that_is_to_stay_up_or_pinned_has_one),
    SENTENCE(with_cancel_the_job_ends_and_the_limit_is_told_once),
    SENTENCE(more_time_is_asked_for_once_and_no_successor_comes),
    SENTENCE(a_refused_extension_is_told_once_and_a_successor_comes),
    SENTENCE(a_refusal_is_the_last_error),
    SENTENCE(what_has_no_limit_or_does_not_run_cannot_be_extended),
    SENTENCE(a_pin_outlasts_idle_time_and_its_end_is_seen),
    SENTENCE(without_the_pin_it_falls_asleep),
    SENTENCE(the_lead_is_learnt_from_slow_starts_and_at_most_half_of_the_time),
    SENTENCE(a_clock_that_is_set_forward_begins_no_successor),
    SENTENCE(one_that_is_set_back_misses_no_limit),
    SENTENCE(one_that_was_set_at_its_start_changes_no_lead),
};

RIG_MAIN(tests)
