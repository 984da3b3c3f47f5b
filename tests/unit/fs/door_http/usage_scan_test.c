/* SPDX-License-Identifier: MIT */
#include "fs/door_http/usage_scan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct {
    const char *answer;
    int64_t prompt, completion;
} rows[] = {
    { "{\"usage\":{\"prompt_tokens\":12,\"completion_tokens\": 40,\"total_tokens\":52}}", 12, 40 },
    { "data: {\"x\":1}\n\ndata: {\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\ndata: "
      "[DONE]\n\n",
      1, 2 },
    { "{\"prompt_eval_count\":7,\"eval_count\":9}\n", 7, 9 },
    { "data: {\"message\":{\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}\n\n"
      "data: {\"usage\":{\"output_tokens\":30}}\n\n",
      5, 30 },
    { "{\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":3},\"timings\":{\"prompt_n\":2,\"predicted_"
      "n\":4}}",
      100, 3 },
    { "{\"timings\":{\"prompt_n\":2,\"predicted_n\":4}}", 2, 4 },
    { "{\"timings\":{\"cache_n\":32,\"prompt_n\":1,\"prompt_ms\":0.3,\"predicted_n\":5}}", 33, 5 },
    { "{\"usage\":{\"prompt_tokens\":33,\"completion_tokens\":5},\"timings\":{\"cache_n\":32,\"prompt_n\":1}"
      "}",
      33, 5 },
    { "data: {\"a\":1}\n\ndata: {\"a\":2}\n\n: comment\n\nevent: data:\n", 0, 2 },
    { "{\"content\":\"\\\"completion_tokens\\\":0\",\"usage\":{\"completion_tokens\":8}}", 0, 8 },
    { "{\"usage\":{\"completion_tokens\":8},\"content\":\"x\\\\\\\"completion_tokens\\\":0\"}", 0, 8 },
    { "{\"completion_tokens\":null,\"prompt_tokens\":\"7\"}", 0, 0 },
    { "{\"completion_tokens\":99999999999999999999999}", 0, 0 },
    { "{\"completion_tokens\":-4}", 0, 0 },
    { "", 0, 0 },
};

/* However the answer is cut into pieces. */
static void counts_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t step = 1; step < 40; step += step < 4 ? 1 : 12) {
            struct usage_scan u = { 0 };
            int64_t prompt, completion;
            size_t len = strlen(rows[i].answer);
            for (size_t at = 0; at < len; at += step)
                usage_scan_feed(&u, rows[i].answer + at, len - at < step ? len - at : step);
            usage_scan_result(&u, &prompt, &completion);
            if (prompt != rows[i].prompt || completion != rows[i].completion)
                fail_msg("row %zu: %ld, %ld", i, (long)prompt, (long)completion);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(counts_are_found) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
