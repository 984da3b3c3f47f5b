/* SPDX-License-Identifier: MIT */
#include "fs/door_http/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* The list of CONTRACT.md section 7. */
static void inference_is_what_the_contract_lists(void **state)
{
    static const struct {
        const char *method, *path;
        bool want;
    } rows[] = {
        { "POST", "/v1/chat/completions", true },
        { "POST", "/v1/chat/completions?api-version=1", true },
        { "POST", "/v1/completions", true },
        { "POST", "/v1/embeddings", true },
        { "POST", "/v1/responses", true },
        { "POST", "/v1/messages", true },
        { "POST", "/v1/rerank", true },
        { "POST", "/v1/audio/speech", true },
        { "POST", "/v1/audio/transcriptions", true },
        { "POST", "/v1/images/generations", true },
        { "POST", "/api/chat", true },
        { "POST", "/api/generate", true },
        { "POST", "/api/embed", true },
        { "POST", "/api/embeddings", true },
        { "POST", "/api/pull", true },
        { "GET", "/v1/chat/completions", false },
        { "HEAD", "/v1/chat/completions", false },
        { "DELETE", "/v1/responses", false },
        { "OPTIONS", "/v1/chat/completions", false },
        { "POST", "/v1/models", false },
        { "POST", "/v1/chat/completions/", false },
        { "POST", "/v1/chat", false },
        { "POST", "/v1/messages/count_tokens", false },
        { "POST", "/v1/audio", false },
        { "POST", "/v1/files", false },
        { "POST", "/tokenize", false },
        { "POST", "/api/show", false },
        { "GET", "/api/tags", false },
        { "POST", "/qwen/v1/chat/completions", false },
        { "POST", "/", false },
        { "POST", "/?/v1/chat/completions", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (is_inference(rows[i].method, rows[i].path) != rows[i].want)
            fail_msg("%s %s", rows[i].method, rows[i].path);
}

static void names_in_paths_are_unescaped(void **state)
{
    static const struct {
        const char *in, *out; /* NULL: malformed */
    } rows[] = {
        { "qwen", "qwen" },
        { "a%2Fb", "a/b" },
        { "%71wen", "qwen" },
        { "a%2fb%3A9", "a/b:9" },
        { "", "" },
        { "%", NULL },
        { "%4", NULL },
        { "%zz", NULL },
        { "%00", NULL },
        { "%+1", NULL },
        { "a%C3%A9", "a\xC3\xA9" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out = { 0 };
        bool ok = route_unescape(&out, rows[i].in, strlen(rows[i].in));
        assert_int_equal(ok, rows[i].out != NULL);
        if (ok)
            assert_string_equal(buf_str(&out), rows[i].out);
        buf_free(&out);
    }
}

static void errors_speak_the_language_of_the_api_that_was_called(void **state)
{
    static const struct {
        const char *path, *want;
    } rows[] = {
        { "/v1/x", "{\"error\":{\"message\":\"no\",\"type\":\"not_found_error\",\"code\":404}}" },
        { "/qwen/v1/x", "{\"error\":{\"message\":\"no\",\"type\":\"not_found_error\",\"code\":404}}" },
        { "/v1/api/x", "{\"error\":\"no\"}" }, /* below a model of any name: nobody calls it so */
        { NULL, "{\"error\":{\"message\":\"no\",\"type\":\"not_found_error\",\"code\":404}}" },
        { "/api/chat", "{\"error\":\"no\"}" },
        { "/qwen/api/chat", "{\"error\":\"no\"}" },
        { "/jobs/local.7/api/chat", "{\"error\":\"no\"}" },
        { "/jobs/local.7/v1/api/x",
          "{\"error\":{\"message\":\"no\",\"type\":\"not_found_error\",\"code\":404}}" },
        { "/apish", "{\"error\":{\"message\":\"no\",\"type\":\"not_found_error\",\"code\":404}}" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out = { 0 };
        error_body(&out, rows[i].path, 404, "no");
        assert_string_equal(buf_str(&out), rows[i].want);
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inference_is_what_the_contract_lists),
        cmocka_unit_test(names_in_paths_are_unescaped),
        cmocka_unit_test(errors_speak_the_language_of_the_api_that_was_called),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
