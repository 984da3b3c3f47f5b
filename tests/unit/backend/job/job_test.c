/* SPDX-License-Identifier: MIT */
/* A job from its submission to its end, with everything that a scheduler and a node can do to it. */
#include "tests/unit/backend/rig.h"

/* ---- The table */

static bool has_row(int s, int ev)
{
    for (size_t i = 0; i < job_n_transitions; i++)
        if ((int)job_transitions[i].state == s && (int)job_transitions[i].event == ev)
            return true;
    return false;
}

static void no_state_and_event_have_two_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < job_n_transitions; i++)
        for (size_t k = 0; k < i; k++)
            assert_false(job_transitions[i].state == job_transitions[k].state &&
                         job_transitions[i].event == job_transitions[k].event);
}

/* What has no row is ignored, and for these reasons alone. */
static void each_state_and_event_has_a_row_or_a_reason_to_be_ignored(void **state)
{
    static const struct {
        int state, event;
    } ignored[] = {
        /* No address, no engine, nothing to give up. */
        { JOB_SUBMITTING, JOB_EV_ADDRESS },
        { JOB_SUBMITTING, JOB_EV_HEALTHY },
        { JOB_SUBMITTING, JOB_EV_SICK },
        { JOB_SUBMITTING, JOB_EV_GIVE_UP },
        { JOB_PENDING, JOB_EV_ADDRESS },
        { JOB_PENDING, JOB_EV_HEALTHY },
        { JOB_PENDING, JOB_EV_SICK },
        { JOB_PENDING, JOB_EV_GIVE_UP },
        { JOB_RUNNING, JOB_EV_HEALTHY },
        { JOB_RUNNING, JOB_EV_GIVE_UP },
        { JOB_FOUND, JOB_EV_GIVE_UP },
        { JOB_HEALTHY, JOB_EV_GIVE_UP },
        /* No news. */
        { JOB_PENDING, JOB_EV_QUEUED },
        { JOB_RUNNING, JOB_EV_RUNS },
        { JOB_FOUND, JOB_EV_RUNS },
        { JOB_HEALTHY, JOB_EV_RUNS },
        { JOB_HEALTHY, JOB_EV_HEALTHY },
        { JOB_HEALTHY, JOB_EV_ADDRESS },
        { JOB_ENDING, JOB_EV_CANCEL },
        /* Once submitted it cannot be refused any more. */
        { JOB_PENDING, JOB_EV_REFUSED },
        { JOB_RUNNING, JOB_EV_REFUSED },
        { JOB_FOUND, JOB_EV_REFUSED },
        { JOB_HEALTHY, JOB_EV_REFUSED },
        /* Only its end counts; a submission that was refused is one. */
        { JOB_ENDING, JOB_EV_QUEUED },
        { JOB_ENDING, JOB_EV_RUNS },
        { JOB_ENDING, JOB_EV_ADDRESS },
        { JOB_ENDING, JOB_EV_HEALTHY },
        { JOB_ENDING, JOB_EV_SICK },
        { JOB_ENDING, JOB_EV_REFUSED },
    };

    (void)state;
    for (int s = JOB_SUBMITTING; s <= JOB_ENDED; s++) {
        for (int ev = 0; ev < JOB_EVENTS; ev++) {
            bool known = has_row(s, ev) || s == JOB_ENDED; /* nothing happens to what ended */
            for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
                known |= ignored[i].state == s && ignored[i].event == ev;
            if (!known)
                fail_msg("%s and event %d: neither in the table nor ignored",
                         job_state_name((enum job_state)s), ev);
            assert_false(s == JOB_ENDED && has_row(s, ev));
        }
    }
}

static void each_state_can_be_reached_cancelled_and_ended(void **state)
{
    bool reached[JOB_ENDED + 1] = { [JOB_SUBMITTING] = true };

    (void)state;
    for (int round = 0; round <= JOB_ENDED; round++)
        for (size_t i = 0; i < job_n_transitions; i++)
            if (reached[job_transitions[i].state])
                reached[job_transitions[i].next] = true;
    for (int s = JOB_SUBMITTING; s <= JOB_ENDED; s++) {
        assert_true(reached[s]);
        assert_true(s == JOB_ENDED || has_row(s, JOB_EV_OVER));
        assert_true(s >= JOB_ENDING || has_row(s, JOB_EV_CANCEL));
    }
    assert_true(has_row(JOB_ENDING, JOB_EV_GIVE_UP));
}

/* ---- Submissions that are lost on the way */

static void a_lost_reply_is_found_by_the_name_and_nothing_is_submitted_twice(void **state)
{
    (void)state;
    rig_open("\"lose-reply\", \"queue=0.5\"", "");
    struct prompt *p = ask("a");
    expect_answer(p, "a");
    assert_int_equal(count_jobs(), 1);
    assert_string_equal(nth_job(1)->id, "1");
}

static void a_lost_command_is_submitted_again(void **state)
{
    (void)state;
    rig_open("\"lose-command@1\"", "");
    struct prompt *p = ask("a");
    expect_answer(p, "a");
    assert_int_equal(count_jobs(), 1);
    assert_string_equal(nth_job(1)->id, "2");
    assert_int_equal(nth_job(1)->missing, 0);
}

static void commands_that_are_lost_again_and_again_are_a_refusal(void **state)
{
    (void)state;
    rig_open("\"lose-command\"", "");
    expect_end(ask("a"), EXCHANGE_FAILED, -ECONNREFUSED, "could not be submitted");
    assert_true(job_is(1, JOB_ENDED));
}

static void a_failed_query_never_means_that_a_job_is_gone(void **state)
{
    (void)state;
    rig_open("\"query-fails=2@2\", \"start=0.6\"", "");
    struct prompt *p = ask("a");
    expect_answer(p, "a");
    assert_int_equal(count_jobs(), 1);
    assert_int_equal(p->x.losses, 0);
    json_t *s = cluster_status(the_cluster());
    expect_words(json_string_value(json_object_get(s, "last_error")), "the query failed");
    json_decref(s);
}

/* ---- Cancelling */

static void cancelled_in_each_phase_it_ends_and_its_question_hears_of_it(void **state)
{
    static const struct {
        const char *words;
        enum job_state when;
    } phases[] = {
        { "\"queue=never\"", JOB_SUBMITTING }, /* the command is under way */
        { "\"queue=never\"", JOB_PENDING },
        { "\"start=never\"", JOB_RUNNING },
        { "\"parrot=--startup 1000\"", JOB_FOUND },
    };

    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
        rig_open(phases[i].words, "");
        struct prompt *p = ask("a");
        WAIT(job_is(1, phases[i].when));
        job_cancel(nth_job(1), "by hand");
        job_cancel(nth_job(1), "twice does no harm");
        expect_end(p, EXCHANGE_FAILED, -ECANCELED, "cancelled");
        WAIT(job_is(1, JOB_ENDED));
        assert_int_equal(count_jobs(), 1);
        rig_teardown(state);
        rig_setup(state);
    }
}

static void one_cancelled_while_healthy_and_idle_leaves_the_model_asleep(void **state)
{
    (void)state;
    rig_open("", "");
    expect_answer(ask("a"), "a");
    job_cancel(nth_job(1), "by hand");
    WAIT(job_is(1, JOB_ENDED));
    WAIT(model_is(MODEL_ASLEEP));
    assert_null(nth_job(1)->error);
    expect_answer(ask("b"), "b");
    assert_int_equal(count_jobs(), 2);
}

static void a_question_after_a_cancel_is_answered_by_another_job_at_once(void **state)
{
    (void)state;
    rig_open("\"parrot=--delay 20@1\", \"query-fails=1@100000\"", "slots = 1");
    struct prompt *under_way = ask("a"), *waits = ask("b");
    WAIT(under_way->x.state == EXCHANGE_SENT);
    /* From now on the scheduler tells nothing, so that the first job is ENDING for long. */
    strcpy(rig.h->clusters[0]->cfg->fake.v[1], "query-fails=100000@1");
    job_cancel(nth_job(1), "by hand");
    struct prompt *after = ask("c"); /* before the model has heard of it */
    expect_end(under_way, EXCHANGE_FAILED, -ECANCELED, "the job was cancelled");
    expect_end(waits, EXCHANGE_FAILED, -ECANCELED, "the job was cancelled");
    WAIT(count_jobs() == 2);
    assert_true(model_is(MODEL_QUEUED));
    assert_ptr_equal(model_job(the_model()), nth_job(2));
    assert_false(ended(after));
}

static void a_model_lets_go_of_a_job_that_is_cancelled(void **state)
{
    (void)state;
    rig_open("", "");
    expect_answer(ask("a"), "a");
    job_cancel(nth_job(1), "by hand");
    WAIT(model_is(MODEL_DRAINING));
    expect_answer(ask("b"), "b");
    assert_int_equal(count_jobs(), 2);
    WAIT(job_is(1, JOB_ENDED));
    assert_true(model_is(MODEL_READY));
}

static void one_is_kept_while_its_scheduler_owes_an_answer(void **state)
{
    (void)state;
    rig_open("", "");
    expect_answer(ask("a"), "a");
    model_stop(the_model(), "enough");
    WAIT(model_is(MODEL_ASLEEP));
    WAIT(inner(nth_job(1))->calls == 0);
    inner(nth_job(1))->calls++;
    timer_start_ms(inner(nth_job(1))->retry, 0);
    HOLDS(200, count_jobs() == 1);
    inner(nth_job(1))->calls--;
    timer_start_ms(inner(nth_job(1))->retry, 0);
    WAIT(count_jobs() == 0);
}

static void its_status_says_who_can_reach_an_exposed_engine(void **state)
{
    (void)state;
    rig_open("\"queue=never\"", "[model.w]\nengine = \"command\"\ncommand = [\"x\"]\nexpose = true\n");
    ask("a");
    model_wake(house_model(rig.h, "w"));
    WAIT(count_jobs() == 2);
    json_t *s = job_status(nth_job(1));
    assert_true(json_is_null(json_object_get(s, "exposed")));
    json_decref(s);
    s = job_status(nth_job(2));
    assert_string_equal(json_string_value(json_object_get(s, "exposed")), "node");
    json_decref(s);
}

static void one_cancelled_while_its_submission_is_lost_ends_all_the_same(void **state)
{
    (void)state;
    rig_open("\"lose-reply\", \"queue=never\"", "");
    ask("a");
    WAIT(nth_job(1) && inner(nth_job(1))->unsure);
    model_stop(the_model(), "enough");
    WAIT(model_is(MODEL_ASLEEP));
    /* It was found by its name and cancelled: nothing is left behind. */
    assert_string_equal(nth_job(1)->word, "CANCELLED");
}

/* ---- What a cluster does to jobs */

static void one_that_vanishes_is_replaced_while_somebody_waits(void **state)
{
    (void)state;
    rig_open("\"queue=never@1\", \"vanish=0.3@1\"", "");
    struct prompt *p = ask("a");
    expect_answer(p, "a");
    assert_string_equal(p->x.job_name, "c.2");
    expect_words(nth_job(1)->error, "does not know job");
}

static void one_that_vanishes_while_it_answers_is_replaced_too(void **state)
{
    (void)state;
    rig_open("\"vanish=1.5@1\", \"parrot=--delay 30@1\"", "");
    struct prompt *p = ask("a");
    WAIT(p->x.state == EXCHANGE_SENT);
    expect_answer(p, "a");
    assert_string_equal(p->x.job_name, "c.2");
    assert_int_equal(p->x.losses, 1);
}

static void taken_away(const char *word, const char *says)
{
    char *words = xasprintf("\"%s=1.5@1\", \"parrot=--delay 30@1\"", word);

    rig_open(words, "");
    struct prompt *p = ask("a");
    WAIT(p->x.state == EXCHANGE_SENT);
    expect_answer(p, "a");
    assert_int_equal(p->x.losses, 1);
    assert_string_equal(p->x.job_name, "c.2");
    WAIT(job_is(1, JOB_ENDED));
    expect_words(nth_job(1)->error, says);
    assert_int_equal(count_jobs(), 2);
    free(words);
}

static void one_that_is_preempted_is_replaced(void **state)
{
    (void)state;
    taken_away("preempt", "PREEMPTED");
}

static void one_whose_node_fails_is_replaced(void **state)
{
    (void)state;
    taken_away("nodefail", "NODE_FAIL");
}

static void one_that_fails_after_it_was_healthy_is_replaced(void **state)
{
    (void)state;
    taken_away("fail", "FAILED");
}

static void one_that_reaches_its_time_limit_is_replaced(void **state)
{
    (void)state;
    taken_away("limit", "time limit");
}

static void one_lost_in_the_middle_of_an_answer_leaves_its_text(void **state)
{
    (void)state;
    rig_open("\"nodefail=1.5@1\", \"parrot=--rate 10@1\"", "");
    char text[600] = "";
    for (int i = 0; i < 100; i++)
        strcat(text, "word ");
    struct prompt *p = ask(text);
    WAIT(p->x.state == EXCHANGE_STREAMING);
    expect_end(p, EXCHANGE_FAILED, -ECONNRESET, "in the middle of the answer");
    assert_true(p->reply.len > 0 && p->reply.len < strlen(text));
    assert_memory_equal(p->reply.data, text, p->reply.len);
    WAIT(model_is(MODEL_ASLEEP));
    assert_int_equal(count_jobs(), 1);
}

static void one_that_is_requeued_runs_again_under_its_id(void **state)
{
    (void)state;
    rig_open("\"requeue=1.5\", \"parrot=--delay 1\"", "");
    struct prompt *p = ask("a");
    WAIT(p->x.state == EXCHANGE_SENT);
    struct prompt *q = ask("b");
    expect_answer(p, "a");
    expect_answer(q, "b");
    WAIT(model_is(MODEL_READY));
    assert_int_equal(count_jobs(), 1);
    assert_string_equal(p->x.job_name, "c.1");
}

static void one_that_is_requeued_while_it_is_idle_becomes_ready_again(void **state)
{
    (void)state;
    rig_open("\"requeue=0.8\", \"queue=1.5\"", "");
    model_wake(the_model());
    WAIT(job_is(1, JOB_HEALTHY));
    int port = nth_job(1)->port;
    pass(1000);
    job_suspect(nth_job(1), "the calm interval is too long for a test");
    WAIT(job_is(1, JOB_PENDING));
    WAIT(model_is(MODEL_QUEUED));
    assert_int_equal(nth_job(1)->port, 0);
    WAIT(model_is(MODEL_READY));
    assert_int_not_equal(nth_job(1)->port, port);
    assert_int_equal(count_jobs(), 1);
}

static void a_suspended_one_gets_no_questions_until_it_runs_again(void **state)
{
    (void)state;
    rig_open("\"suspend=0.8:1\"", "");
    model_wake(the_model());
    WAIT(job_is(1, JOB_HEALTHY));
    pass(1000);
    job_suspect(nth_job(1), "the calm interval is too long for a test");
    WAIT(nth_job(1)->sched == SCHED_SUSPENDED);
    assert_false(job_has_slot(nth_job(1)));
    struct prompt *p = ask("a");
    assert_string_equal(nth_job(1)->word, "SUSPENDED");
    expect_answer(p, "a");
    assert_int_equal(count_jobs(), 1);
    assert_int_equal(p->x.losses, 0);
}

/* ---- Engines */

static void an_impostor_is_refused_and_never_gets_a_question(void **state)
{
    (void)state;
    rig_open("\"parrot=--fail always-200\"", "");
    struct prompt *p = ask("a");
    expect_end(p, EXCHANGE_FAILED, -EIO, "is not the engine of job");
    assert_string_equal(p->x.job_name, "");
    WAIT(job_is(1, JOB_ENDED));
}

static void an_engine_that_loads_is_waited_for_and_its_words_are_shown(void **state)
{
    (void)state;
    rig_open("\"parrot=--startup 1.5\"", "");
    struct prompt *p = ask("a");
    WAIT(job_is(1, JOB_FOUND));
    WAIT(job_reason(nth_job(1)));
    expect_words(job_reason(nth_job(1)), "oading");
    assert_true(model_is(MODEL_STARTING));
    expect_answer(p, "a");
    assert_null(job_reason(nth_job(1)));
}

static void an_engine_that_falls_silent_but_lives_is_kept(void **state)
{
    (void)state;
    rig_open("\"parrot=--fail silent@1@0\"", "stall_timeout = 1");
    expect_end(ask("a"), EXCHANGE_FAILED, -ETIMEDOUT, "stall_timeout");
    expect_answer(ask("b"), "b");
    assert_int_equal(count_jobs(), 1);
}

static void an_answer_under_way_is_not_cut_when_another_is_lost(void **state)
{
    (void)state;
    /* The second answer stops short; the first goes on speaking. */
    rig_open("\"parrot=--rate 8\", \"parrot=--fail half-event@2@0\"", "slots = 2");
    struct prompt *p = ask("a b c d e f g h i j k l");
    WAIT(p->x.state == EXCHANGE_STREAMING);
    struct prompt *q = ask("a b c d");
    expect_end(q, EXCHANGE_FAILED, -ECONNRESET, "in the middle");
    expect_answer(p, "a b c d e f g h i j k l");
    assert_int_equal(count_jobs(), 1);
}

static void an_engine_that_ends_is_seen_by_its_questions_before_the_scheduler_tells(void **state)
{
    (void)state;
    rig_open("\"parrot=--fail refuse-after@1@0\"", "");
    expect_answer(ask("a"), "a");
    /* Its process has ended by now or will within this question. */
    expect_answer(ask("b"), "b");
}

/* ---- Status */

static void its_status_has_the_fields_of_the_contract(void **state)
{
    static const char fields[] = "id name cluster models state phase since reason queue_position "
                                 "expected_start node port url workdir submitted started "
                                 "ends_at ready active exposed exit last_error";

    (void)state;
    rig_open("\"limit=500\"", "");
    ask("a");
    expect_fields(job_status(nth_job(1)), fields);
    WAIT(model_is(MODEL_READY));
    free(rig.h->endpoint);
    rig.h->endpoint = xstrdup("http://127.0.0.1:11434");
    json_t *s = job_status(nth_job(1));
    assert_string_equal(json_string_value(json_object_get(s, "name")), "c.1");
    assert_string_equal(json_string_value(json_object_get(s, "state")), "RUNNING");
    assert_string_equal(json_string_value(json_object_get(s, "phase")), "healthy");
    assert_string_equal(json_string_value(json_object_get(s, "node")), "127.0.0.1");
    assert_string_equal(json_string_value(json_object_get(s, "url")), "http://127.0.0.1:11434/jobs/c.1");
    assert_true(json_is_true(json_object_get(s, "ready")));
    assert_true(json_is_string(json_object_get(s, "ends_at")));
    assert_int_equal(json_array_size(json_object_get(s, "models")), 1);
    json_decref(s);
    model_stop(the_model(), "enough");
    WAIT(job_is(1, JOB_ENDED));
    expect_fields(job_status(nth_job(1)), fields);
}

static void an_ended_one_stays_to_be_looked_at(void **state)
{
    (void)state;
    rig_open("", "");
    expect_answer(ask("a"), "a");
    model_stop(the_model(), "enough");
    WAIT(model_is(MODEL_ASLEEP));
    assert_ptr_equal(house_job(rig.h, "c.1"), nth_job(1));
    assert_true(timer_active(inner(nth_job(1))->retry));
    assert_null(house_job(rig.h, "c.2"));
}

static void its_script_is_shown_without_the_secret(void **state)
{
    (void)state;
    rig_open("", "");
    expect_answer(ask("a"), "a");
    assert_non_null(nth_job(1)->script);
    assert_null(strstr(nth_job(1)->script, nth_job(1)->secret));
    assert_non_null(strstr(nth_job(1)->script, nth_job(1)->unique_name));
}

static const struct CMUnitTest tests[] = {
    SENTENCE(no_state_and_event_have_two_rows),
    SENTENCE(each_state_and_event_has_a_row_or_a_reason_to_be_ignored),
    SENTENCE(each_state_can_be_reached_cancelled_and_ended),
    SENTENCE(a_lost_reply_is_found_by_the_name_and_nothing_is_submitted_twice),
    SENTENCE(a_lost_command_is_submitted_again),
    SENTENCE(commands_that_are_lost_again_and_again_are_a_refusal),
    SENTENCE(a_failed_query_never_means_that_a_job_is_gone),
    SENTENCE(cancelled_in_each_phase_it_ends_and_its_question_hears_of_it),
    SENTENCE(one_cancelled_while_healthy_and_idle_leaves_the_model_asleep),
    SENTENCE(a_question_after_a_cancel_is_answered_by_another_job_at_once),
    SENTENCE(a_model_lets_go_of_a_job_that_is_cancelled),
    SENTENCE(one_is_kept_while_its_scheduler_owes_an_answer),
    SENTENCE(its_status_says_who_can_reach_an_exposed_engine),
    SENTENCE(one_cancelled_while_its_submission_is_lost_ends_all_the_same),
    SENTENCE(one_that_vanishes_is_replaced_while_somebody_waits),
    SENTENCE(one_that_vanishes_while_it_answers_is_replaced_too),
    SENTENCE(one_that_is_preempted_is_replaced),
    SENTENCE(one_whose_node_fails_is_replaced),
    SENTENCE(one_that_fails_after_it_was_healthy_is_replaced),
    SENTENCE(one_that_reaches_its_time_limit_is_replaced),
    SENTENCE(one_lost_in_the_middle_of_an_answer_leaves_its_text),
    SENTENCE(one_that_is_requeued_runs_again_under_its_id),
    SENTENCE(one_that_is_requeued_while_it_is_idle_becomes_ready_again),
    SENTENCE(a_suspended_one_gets_no_questions_until_it_runs_again),
    SENTENCE(an_impostor_is_refused_and_never_gets_a_question),
    SENTENCE(an_engine_that_loads_is_waited_for_and_its_words_are_shown),
    SENTENCE(an_engine_that_falls_silent_but_lives_is_kept),
    SENTENCE(an_answer_under_way_is_not_cut_when_another_is_lost),
    SENTENCE(an_engine_that_ends_is_seen_by_its_questions_before_the_scheduler_tells),
    SENTENCE(its_status_has_the_fields_of_the_contract),
    SENTENCE(an_ended_one_stays_to_be_looked_at),
    SENTENCE(its_script_is_shown_without_the_secret),
};

RIG_MAIN(tests)
