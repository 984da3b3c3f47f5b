/* SPDX-License-Identifier: MIT */
#include "dialect_fixture.h"

static void a_path_tells_its_api(void **state)
{
    static const struct {
        const char *path;
        enum dialect_api api;
    } all[] = {
        { "/v1/chat/completions", DIALECT_OPENAI },
        { "/v1/messages", DIALECT_ANTHROPIC },
        { "/v1/messages/count_tokens", DIALECT_ANTHROPIC },
        { "/qwen/v1/messages?beta=true", DIALECT_ANTHROPIC },
        { "/jobs/a.1/v1/messages", DIALECT_ANTHROPIC },
        { "/v1/messagesx", DIALECT_OPENAI },
        { "/v1/responses", DIALECT_RESPONSES },
        { "/api/chat", DIALECT_OLLAMA },
        { "/api", DIALECT_OLLAMA },
        { "/qwen/api/chat", DIALECT_OLLAMA },
        { "/jobs/a.1/api/chat", DIALECT_OLLAMA },
        { "/a/b/api/chat", DIALECT_OPENAI },
        { "/nobody/v1?/api/", DIALECT_OPENAI },
        { "/", DIALECT_OPENAI },
        { NULL, DIALECT_OPENAI },
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_int_equal(dialect_api_of(all[i].path), all[i].api);
}

static void says(enum dialect_api api, int status, const char *text, const char *want)
{
    struct buf out = { 0 };

    dialect_error(&out, api, status, text);
    assert_string_equal(out.data, want);
    buf_free(&out);
}

static void each_api_has_its_shape(void **state)
{
    (void)state;
    says(DIALECT_OPENAI, 404, "no",
         "{\"error\":{\"message\":\"no\",\"type\":\"not_found_error\",\"code\":404}}");
    says(DIALECT_RESPONSES, 503, "no",
         "{\"error\":{\"message\":\"no\",\"type\":\"server_error\",\"code\":503}}");
    says(DIALECT_OLLAMA, 404, "no", "{\"error\":\"no\"}");
    says(DIALECT_ANTHROPIC, 503, "no",
         "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"no\"}}");
    says(DIALECT_ANTHROPIC, 400, "no",
         "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"no\"}}");
    says(DIALECT_ANTHROPIC, 500, "no",
         "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"no\"}}");
    says(DIALECT_OPENAI, 400, "\xff", "{\"error\":\"unknown\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_path_tells_its_api),
                                        cmocka_unit_test(each_api_has_its_shape) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
