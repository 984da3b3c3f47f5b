/* SPDX-License-Identifier: MIT */
#include "fs/door_http/slullama_status.h"
#include "gateway_fixture.h"

static char *dump(const json_t *v)
{
    return json_dumps(v, JSON_COMPACT);
}

static void before_any_question_it_has_the_fields_of_slullama(void **state)
{
    json_t *s = slullama_status(rig.house);
    char *text;

    (void)state;
    json_object_set_new(s, "uptime_seconds", json_integer(0));
    text = dump(s);
    assert_string_equal(
        text,
        "{\"version\":\"0.1.0\",\"uptime_seconds\":0,\"request_count\":0,\"idle_seconds\":-1,"
        "\"idle_timeout_minutes\":30,\"tunnel_alive\":false,"
        "\"job\":{\"id\":null,\"state\":\"none\",\"node\":null,\"time_left\":null},"
        "\"config\":{\"partition\":\"\",\"gres\":\"\",\"ollama_port\":11434,\"keep_alive\":\"cancel\"}}");
    free(text);
    json_decref(s);
}

static void without_a_model_it_has_the_same_fields(void **state)
{
    struct config none = *rig.house->cfg, *kept = rig.house->cfg;
    json_t *with = slullama_status(rig.house), *without, *v;
    const char *name;

    (void)state;
    none.n_models = 0;
    rig.house->cfg = &none;
    without = slullama_status(rig.house);
    rig.house->cfg = kept;
    json_object_foreach(with, name, v)
    {
        assert_int_equal(json_typeof(json_object_get(without, name)), json_typeof(v));
    }
    assert_true(json_equal(json_object_get(without, "job"), json_object_get(with, "job")));
    json_decref(with);
    json_decref(without);
}

static void keep_alive_is_that_of_the_model(void **state)
{
    char extend[] = "extend", *kept = rig.house->cfg->models[0]->job.keep_alive;

    (void)state;
    rig.house->cfg->models[0]->job.keep_alive = extend;
    json_t *s = slullama_status(rig.house);
    assert_string_equal(json_string_value(json_object_get(json_object_get(s, "config"), "keep_alive")),
                        "extend");
    rig.house->cfg->models[0]->job.keep_alive = kept;
    json_decref(s);
}

static void a_question_shows_its_job_and_counts(void **state)
{
    struct peer *c = client();

    (void)state;
    ask(c, QUESTION);
    UNTIL(active() == 1);
    json_t *s = slullama_status(rig.house), *job = json_object_get(s, "job");
    assert_int_equal(json_integer_value(json_object_get(s, "request_count")), 1);
    assert_int_equal(json_integer_value(json_object_get(s, "idle_seconds")), 0);
    assert_true(json_is_true(json_object_get(s, "tunnel_alive")));
    assert_string_equal(json_string_value(json_object_get(job, "id")), model_job(rig.house->models[0])->id);
    assert_string_equal(json_string_value(json_object_get(job, "state")), "running");
    assert_true(json_is_string(json_object_get(job, "node")));
    assert_true(json_is_string(json_object_get(job, "time_left")));
    json_decref(s);
}

static void states_are_the_words_of_slullama(void **state)
{
    static const char *const rows[][2] = {
        { "PENDING", "pending" },      { "RUNNING", "running" },       { "COMPLETING", "completing" },
        { "COMPLETED", "completed" },  { "FAILED", "failed" },         { "CANCELLED by 1000", "cancelled" },
        { "CANCELLED+", "cancelled" }, { "TIMEOUT", "timeout" },       { "NODE_FAIL", "unknown" },
        { "CONFIGURING", "unknown" },  { "OUT_OF_MEMORY", "unknown" }, { "", "unknown" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(slullama_state(rows[i][0]), rows[i][1]);
}

static void time_left_is_written_as_squeue_does(void **state)
{
    static const struct {
        int64_t s;
        const char *text;
    } rows[] = {
        { -5, "0:00" }, { 0, "0:00" }, { 61, "1:01" }, { 3600, "1:00:00" }, { 90061, "1-01:01:01" }
    };
    char text[32];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        slullama_time_left(rows[i].s, text);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(before_any_question_it_has_the_fields_of_slullama, begin, finish),
        cmocka_unit_test_setup_teardown(without_a_model_it_has_the_same_fields, begin, finish),
        cmocka_unit_test_setup_teardown(keep_alive_is_that_of_the_model, begin, finish),
        cmocka_unit_test_setup_teardown(a_question_shows_its_job_and_counts, begin, finish),
        cmocka_unit_test(states_are_the_words_of_slullama),
        cmocka_unit_test(time_left_is_written_as_squeue_does),
    };

    return cmocka_run_group_tests_name("slullama_status", tests, NULL, NULL);
}
