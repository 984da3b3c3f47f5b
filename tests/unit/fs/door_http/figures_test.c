/* SPDX-License-Identifier: MIT */
#include "fs/door_http/figures.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void has(const struct figures *f, const char *line, bool wanted)
{
    struct buf text = { 0 };

    figures_text(f, NULL, &text);
    if ((strstr(buf_str(&text), line) != NULL) != wanted)
        fail_msg("%s %s in\n%s", line, wanted ? "is not" : "is", buf_str(&text));
    buf_free(&text);
}

static void requests_tokens_and_times_are_counted(void **state)
{
    struct figures *f = figures_create();
    struct figures_request r = { .model = "qwen",
                                 .key = "ann",
                                 .asked = true,
                                 .status = 200,
                                 .first_ms = 60,
                                 .total_ms = 700000,
                                 .prompt_tokens = 3,
                                 .completion_tokens = 4 };

    (void)state;
    has(f, "# TYPE slullamafs_gateway_duration_seconds histogram\n", true);
    figures_add(f, &r);
    r.status = 502;
    r.first_ms = -1;
    figures_add(f, &r);
    figures_add(f, &(struct figures_request){ .model = "qwen", .key = "ann", .status = 429, .first_ms = 0 });
    figures_add(f, &(struct figures_request){ .model = "", .key = "", .status = 401, .first_ms = 0 });
    has(f, "requests_total{model=\"qwen\",key=\"ann\",code=\"200\"} 1\n", true);
    has(f, "requests_total{model=\"qwen\",key=\"ann\",code=\"429\"} 1\n", true);
    has(f, "requests_total{model=\"\",key=\"\",code=\"401\"} 1\n", true);
    has(f, "tokens_total{model=\"qwen\",key=\"ann\",kind=\"prompt\"} 6\n", true);
    has(f, "tokens_total{model=\"\"", false);
    has(f, "first_byte_seconds_bucket{model=\"qwen\",le=\"0.05\"} 0\n", true);
    has(f, "first_byte_seconds_bucket{model=\"qwen\",le=\"0.1\"} 1\n", true);
    has(f, "first_byte_seconds_count{model=\"qwen\"} 1\n", true);
    has(f, "duration_seconds_bucket{model=\"qwen\",le=\"600\"} 0\n", true);
    has(f, "duration_seconds_bucket{model=\"qwen\",le=\"+Inf\"} 2\n", true);
    has(f, "duration_seconds_sum{model=\"qwen\"} 1400\n", true);
    figures_destroy(f);
}

static void one_key_sees_its_own(void **state)
{
    static const char *const keys[] = { "ann", "anna", "token", "" };
    struct figures *f = figures_create();
    struct buf text = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        figures_add(f,
                    &(struct figures_request){
                        .model = "qwen", .key = keys[i], .asked = true, .status = 200, .prompt_tokens = 3 });
    figures_text(f, "ann", &text);
    assert_non_null(strstr(text.data, "requests_total{model=\"qwen\",key=\"ann\",code=\"200\"} 1\n"));
    assert_non_null(strstr(text.data, "tokens_total{model=\"qwen\",key=\"ann\",kind=\"prompt\"} 3\n"));
    assert_non_null(strstr(text.data, "duration_seconds_count{model=\"qwen\"} 4\n"));
    for (size_t i = 1; i < sizeof keys / sizeof keys[0]; i++) {
        char label[32];
        snprintf(label, sizeof label, "key=\"%s\"", keys[i]);
        assert_null(strstr(text.data, label));
    }
    buf_free(&text);
    figures_destroy(f);
}

static void there_are_not_too_many_of_them(void **state)
{
    struct figures *f = figures_create();
    char key[16];

    (void)state;
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        figures_add(f, &(struct figures_request){ .model = "m", .key = key, .status = 200, .first_ms = -1 });
    }
    has(f, "key=\"k4095\"", true);
    has(f, "key=\"k4096\"", false);
    has(f, "requests_total{model=\"\",key=\"other\",code=\"200\"} 904\n", true);
    figures_destroy(f);
    figures_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_tokens_and_times_are_counted),
        cmocka_unit_test(one_key_sees_its_own),
        cmocka_unit_test(there_are_not_too_many_of_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
