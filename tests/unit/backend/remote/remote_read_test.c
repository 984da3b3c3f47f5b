/* SPDX-License-Identifier: MIT */
#include "backend/remote/remote_read.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static json_t *json(const char *text)
{
    json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);

    assert_non_null(v);
    return v;
}

/* What f makes of text is `want`, as JSON without blanks and in the order of keys; NULL = nothing. */
static void reads(json_t *(*f)(const json_t *v), const char *text, const char *want)
{
    json_t *v = json(text), *got = f(v);
    char *shown = got ? json_dumps(got, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

    if (want)
        assert_string_equal(shown, want);
    else
        assert_null(got);
    free(shown);
    json_decref(got);
    json_decref(v);
}

static void a_list_of_ours_has_states_and_why(void **state)
{
    (void)state;
    reads(remote_read_models,
          "{\"data\":[{\"id\":\"a\",\"state\":\"queued\",\"reason\":\"Resources\",\"queue_position\":3,"
          "\"progress\":null},"
          "{\"id\":\"b\",\"state\":\"ready\"}]}",
          "{\"a\":{\"queue_position\":3,\"reason\":\"Resources\",\"state\":\"queued\"},\"b\":{\"state\":"
          "\"ready\"}}");
    reads(remote_read_models, "{\"data\":[]}", "{}");
}

static void models_of_a_further_gateway_are_left_out(void **state)
{
    (void)state;
    reads(remote_read_models, "{\"data\":[{\"id\":\"a\",\"from_gateway\":true},{\"id\":\"\"},{\"x\":1},7]}",
          "{}");
}

static void what_is_no_list_is_none(void **state)
{
    (void)state;
    reads(remote_read_models, "{\"error\":\"x\"}", NULL);
    reads(remote_read_models, "[1]", NULL);
    reads(remote_read_status, "{\"job\":7}", NULL);
    reads(remote_read_status, "[]", NULL);
    reads(remote_read_tags, "[]", "[]");
    reads(remote_read_tags, "{\"models\":[{\"name\":\"a:latest\"},{\"name\":\"b:7b\"},{}]}",
          "[\"a\",\"b:7b\"]");
}

static void the_job_of_slullama_is_the_state_of_all_its_models(void **state)
{
    (void)state;
    reads(remote_read_status, "{\"tunnel_alive\":true,\"job\":{\"id\":\"7\",\"state\":\"running\"}}",
          "{\"state\":\"ready\"}");
    reads(remote_read_status, "{\"tunnel_alive\":false,\"job\":{\"state\":\"running\"}}",
          "{\"state\":\"starting\"}");
    reads(remote_read_status, "{\"job\":{\"id\":null,\"state\":\"none\"}}", "{\"state\":\"asleep\"}");
    reads(remote_read_status, "{\"job\":{\"state\":\"timeout\"}}", "{\"state\":\"asleep\"}");
    reads(remote_read_status, "{\"job\":{\"state\":\"pending\"}}",
          "{\"reason\":\"its job waits in the queue of the cluster\",\"state\":\"queued\"}");
}

static void a_refusal_has_the_errno_that_it_had_there(void **state)
{
    static const struct {
        int status;
        const char *text;
        int rc;
    } rows[] = {
        { 400, "", -EINVAL },
        { 401, "", -EACCES },
        { 403, "", -EACCES },
        { 404, "", -ENOENT },
        { 413, "", -EFBIG },
        { 429, "m: 1024 questions wait already (max_queue); try again later", -EBUSY },
        { 429, "the key's limit of 3 requests per minute is used up; try again in 5 s", -EDQUOT },
        { 500, "", -EIO },
        { 502, "the engine was lost in the middle", -ECONNRESET },
        { 503, "model \"m\" was not ready within 300 s (wake_timeout); it is queued", -ETIMEDOUT },
        { 503, "the model was stopped", -ECANCELED },
        { 503, "sbatch: error: invalid partition", -ECONNREFUSED },
        { 504, "", -ETIMEDOUT },
        { 599, "", -EIO },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(remote_errno(rows[i].status, rows[i].text), rows[i].rc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_of_ours_has_states_and_why),
        cmocka_unit_test(models_of_a_further_gateway_are_left_out),
        cmocka_unit_test(what_is_no_list_is_none),
        cmocka_unit_test(the_job_of_slullama_is_the_state_of_all_its_models),
        cmocka_unit_test(a_refusal_has_the_errno_that_it_had_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
