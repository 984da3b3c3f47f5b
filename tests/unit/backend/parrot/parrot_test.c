/* SPDX-License-Identifier: MIT */
/* What the parrot answers. */
#include "parrot_fixture.h"

static void tokens(void **state)
{
    static const char *const texts[] = {
        "",
        "a",
        "Hello, world!",
        "  two  blanks  ",
        "tabs\t\tand\r\nlines\n\n",
        "päö€😀 ünd 日本語日本語日本語日本語日本語",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "                                        x",
        "x😀😀😀😀😀😀😀😀😀😀",
        "xx😀😀😀😀😀😀😀😀",
        "xxx😀😀😀😀😀😀😀😀",
        "\x01\x02{\"}\\",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *s = texts[i], *end = s + strlen(s);
        uint64_t n = 0;
        while (s < end) {
            size_t len = parrot_token(s, (size_t)(end - s));
            assert_in_range(len, 1, PARROT_TOKEN_MAX);
            s += len;
            assert_true(((unsigned char)*s & 0xc0) != 0x80); /* no sequence is cut */
            n++;
        }
        assert_ptr_equal(s, end);
        assert_int_equal(parrot_count_tokens(texts[i], strlen(texts[i])), n);
        struct buf json = { 0 };
        parrot_json_add(&json, texts[i], strlen(texts[i]));
        assert_int_equal(json.len, parrot_json_length(texts[i], strlen(texts[i])));
        buf_free(&json);
    }
    assert_int_equal(parrot_count_tokens("Why is the sky blue?", 20), 6);
}

static void repeats(void **state)
{
    static const char *const texts[] = { "", "one", "Hello, \"world\"\n", "päö€😀 日本語\t\\ \x01\x7f",
                                         "  a  b  " };
    struct buf raw = { 0 };
    struct heard h;

    (void)state;
    assert_true(start(NULL));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *json = question(texts[i], ",\"stream_options\":{\"include_usage\":true}");
        assert_int_equal(chat(&raw, json), 200);
        read_stream(&h, &raw);
        assert_string_equal(buf_str(&h.text), texts[i]);
        assert_true(h.done && h.complete);
        assert_string_equal(h.finish, "stop");
        assert_int_equal(h.completion_tokens, h.tokens);
        assert_non_null(strstr(raw.data, "\"role\":\"assistant\""));
        forget(&h);
        free(json);
    }
    assert_int_equal(
        chat(&raw, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\\u0000b\"}],\"stream\":true}"), 200);
    read_stream(&h, &raw);
    assert_int_equal(h.text.len, 3);
    forget(&h);
    buf_free(&raw);
}

static void whole_answers(void **state)
{
    struct buf raw = { 0 };

    (void)state;
    assert_true(start(NULL));
    chat(&raw, "{\"messages\":[{\"role\":\"user\",\"content\":\"no\"},{\"role\":\"user\",\"content\":[{"
               "\"type\":\"text\",\"text\":"
               "\"a b\"},{\"type\":\"image_url\"},{\"type\":\"text\",\"text\":\" "
               "c\"}]},{\"role\":\"assistant\",\"content\":null}]}");
    json_t *root = json_loads(strstr(raw.data, "\r\n\r\n") + 4, 0, NULL);
    const char *content = NULL, *finish = NULL;
    int prompt, completion, total;
    assert_int_equal(json_unpack(root, "{s:[{s:{s:s},s:s}],s:{s:i,s:i,s:i}}", "choices", "message", "content",
                                 &content, "finish_reason", &finish, "usage", "prompt_tokens", &prompt,
                                 "completion_tokens", &completion, "total_tokens", &total),
                     0);
    assert_string_equal(content, "a b c");
    assert_string_equal(finish, "stop");
    assert_true(prompt == 5 && completion == 3 && total == 8); /* the image counts as one */
    json_decref(root);
    fetch(&raw, "POST", "/v1/completions", "",
          "{\"prompt\":\"one two three\",\"max_tokens\":2,\"model\":\"m\"}");
    assert_non_null(strstr(raw.data, "\"text\":\"one two\",\"finish_reason\":\"length\""));
    assert_non_null(strstr(raw.data, "\"model\":\"m\""));
    buf_free(&raw);
}

/* The JSON of an answer to a request of this body. */
static json_t *answer_to(const char *path, const char *body)
{
    struct buf raw = { 0 };

    fetch(&raw, "POST", path, "", body);
    json_t *root = json_loads(strstr(raw.data, "\r\n\r\n") + 4, 0, NULL);
    buf_free(&raw);
    assert_non_null(root);
    return root;
}

#define WEATHER                                                                                              \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"parameters\":{\"type\":"         \
    "\"object\","                                                                                            \
    "\"properties\":{\"city\":{\"type\":\"string\"},\"days\":{\"type\":\"integer\"}}}}}]"

static void tools_are_called(void **state)
{
    const char *name, *arguments, *finish, *content;
    struct buf raw = { 0 };

    (void)state;
    assert_true(start(NULL));
    json_t *v = answer_to("/v1/chat/completions",
                          "{\"messages\":[{\"role\":\"user\",\"content\":\"the weather\"}]," WEATHER "}");
    assert_int_equal(json_unpack(v, "{s:[{s:{s:[{s:{s:s,s:s}}]},s:s}]}", "choices", "message", "tool_calls",
                                 "function", "name", &name, "arguments", &arguments, "finish_reason",
                                 &finish),
                     0);
    assert_string_equal(name, "weather");
    assert_string_equal(arguments, "{\"city\":\"the weather\",\"days\":0}");
    assert_string_equal(finish, "tool_calls");
    json_decref(v);
    v = answer_to("/v1/chat/completions",
                  "{\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]," WEATHER "}");
    assert_int_equal(json_unpack(v, "{s:[{s:{s:s}}]}", "choices", "message", "content", &content), 0);
    assert_string_equal(content, "Hello"); /* it says no tool's name */
    json_decref(v);
    v = answer_to("/v1/chat/completions",
                  "{\"messages\":[{\"role\":\"user\",\"content\":\"the weather\"},{\"role\":\"tool\","
                  "\"tool_call_id\":\"x\",\"content\":\"rain\"}]," WEATHER "}");
    assert_int_equal(json_unpack(v, "{s:[{s:{s:s}}]}", "choices", "message", "content", &content), 0);
    assert_string_equal(content, "rain"); /* it knows */
    json_decref(v);
    fetch(&raw, "POST", "/v1/chat/completions", "",
          "{\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Go\"}],\"tool_choice\":"
          "\"required\"," WEATHER "}");
    assert_non_null(strstr(raw.data, "\"name\":\"weather\",\"arguments\":\"\"}"));
    assert_non_null(
        strstr(raw.data, "\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\"}}]}"));
    assert_non_null(strstr(raw.data, "\"finish_reason\":\"tool_calls\""));
    buf_free(&raw);
}

static void json_and_thinking(void **state)
{
    const char *content, *thinking;

    (void)state;
    assert_true(start(NULL));
    json_t *v =
        answer_to("/v1/chat/completions",
                  "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"response_format\":{\"type\":"
                  "\"json_schema\",\"json_schema\":{\"schema\":{\"type\":\"object\",\"properties\":{\"a\":{"
                  "\"type\":\"array\",\"minItems\":2,\"items\":{\"$ref\":\"#/$defs/b\"}},\"c\":{\"enum\":["
                  "\"x\",\"y\"]},\"d\":{\"anyOf\":[{\"type\":\"boolean\"}]},\"e\":{\"minimum\":3,"
                  "\"type\":\"number\"}},\"$defs\":{\"b\":{\"type\":\"string\"}}}}}}");
    assert_int_equal(json_unpack(v, "{s:[{s:{s:s}}]}", "choices", "message", "content", &content), 0);
    assert_string_equal(content, "{\"a\":[\"Hi\",\"Hi\"],\"c\":\"x\",\"d\":true,\"e\":3}");
    json_decref(v);
    v = answer_to("/v1/chat/completions",
                  "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"response_format\":{\"type\":"
                  "\"json_schema\","
                  "\"json_schema\":{\"schema\":{\"$ref\":\"#\"}}}}"); /* itself, without an end */
    json_decref(v);
    v = answer_to("/v1/chat/completions", "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],"
                                          "\"chat_template_kwargs\":{\"enable_thinking\":true}}");
    assert_int_equal(json_unpack(v, "{s:[{s:{s:s,s:s}}]}", "choices", "message", "reasoning_content",
                                 &thinking, "content", &content),
                     0);
    assert_string_equal(content, "Hi");
    json_decref(v);
}

static void embeddings(void **state)
{
    json_t *a, *b, *c;

    (void)state;
    assert_true(start(NULL));
    json_t *v = answer_to("/v1/embeddings", "{\"input\":[\"one\",\"two\",\"one\"],\"dimensions\":3}");
    assert_int_equal(
        json_unpack(v, "{s:[{s:o},{s:o},{s:o}]}", "data", "embedding", &a, "embedding", &b, "embedding", &c),
        0);
    assert_int_equal(json_array_size(a), 3);
    assert_true(json_equal(a, c));
    assert_false(json_equal(a, b));
    json_decref(v);
    v = answer_to("/v1/embeddings", "{\"input\":\"one\",\"encoding_format\":\"base64\"}");
    assert_int_equal(json_unpack(v, "{s:[{s:o}]}", "data", "embedding", &a), 0);
    assert_int_equal(json_string_length(a), 44); /* 8 floats */
    json_decref(v);
    v = answer_to("/v1/embeddings", "{\"input\":7}");
    assert_non_null(json_object_get(v, "error"));
    json_decref(v);
}

static void max_tokens(void **state)
{
    struct buf raw = { 0 };
    struct heard h;
    static const struct {
        const char *more, *text, *finish;
    } cases[] = {
        { ",\"max_tokens\":2", "one two", "length" },
        { ",\"max_tokens\":1,\"max_completion_tokens\":3", "one two three", "stop" },
        { ",\"max_tokens\":0", "", "length" },
        { ",\"max_tokens\":-1", "one two three", "stop" },
        { ",\"max_tokens\":null", "one two three", "stop" },
    };

    (void)state;
    assert_true(start(NULL));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *json = question("one two three", cases[i].more);
        chat(&raw, json);
        read_stream(&h, &raw);
        assert_string_equal(buf_str(&h.text), cases[i].text);
        assert_string_equal(h.finish, cases[i].finish);
        forget(&h);
        free(json);
    }
    buf_free(&raw);
}

static void errors(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "null",
        "{}",
        "{\"messages\":{}}",
        "{\"messages\":[]}",
        "{\"messages\":[{\"content\":\"x\"}]}",
        "{\"messages\":[{\"role\":\"user\"}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":7}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":[{}]}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}",
        "{\"stream\":1,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
        "{\"max_tokens\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
        "{\"n\":2,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
    };
    struct buf raw = { 0 };

    (void)state;
    assert_true(start(NULL));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(chat(&raw, bad[i]), 400);
        json_t *root = json_loads(strstr(raw.data, "\r\n\r\n") + 4, 0, NULL);
        const char *message, *type;
        int code;
        assert_int_equal(json_unpack(root, "{s:{s:s,s:s,s:i}}", "error", "message", &message, "type", &type,
                                     "code", &code),
                         0);
        assert_true(strlen(message) > 5 && code == 400);
        json_decref(root);
    }
    assert_int_equal(get("/nothing"), 404);
    assert_int_equal(get("/v1/chat/completions"), 405);
    assert_int_equal(get("/health?x"), 200);
    assert_int_equal(get("http://parrot/v1/models"), 200);
    fetch(&raw, "DELETE", "/health", "", NULL);
    assert_int_equal(status_of(&raw), 405);
    fetch(&raw, "HEAD", "/health", "", NULL);
    assert_int_equal(status_of(&raw), 200);
    assert_string_equal(strstr(raw.data, "\r\n\r\n"), "\r\n\r\n");
    fetch(&raw, "GET", "/health", "Bad Field: x\r\n", NULL);
    assert_int_equal(status_of(&raw), 400);
    fetch(&raw, "POST", "/v1/completions", "Content-Length: 268435457\r\n", NULL);
    assert_int_equal(status_of(&raw), 413);
    buf_free(&raw);
}

static void keys(void **state)
{
    char path[] = "/tmp/parrot-keys-XXXXXX";
    int fd = mkstemp(path);
    struct buf raw = { 0 };
    const char *body = "{\"prompt\":\"x\"}";

    (void)state;
    assert_int_equal(write(fd, "first\n\nsecond\r\n", 15), 15);
    close(fd);
    setenv("LLAMA_API_KEY", "third", 1);
    assert_true(start((char *)"--api-key-file", path, NULL));
    unsetenv("LLAMA_API_KEY");
    unlink(path);
    assert_int_equal(get("/health"), 200);
    assert_int_equal(get("/v1/models"), 401);
    assert_int_equal(get("/nothing"), 401);
    static const struct {
        const char *field;
        int status;
    } cases[] = {
        { "", 401 },
        { "Authorization: Bearer wrong\r\n", 401 },
        { "Authorization: Bearer \r\n", 401 },
        { "Authorization: Bearer firs\r\n", 401 },
        { "Authorization: first\r\n", 401 },
        { "Authorization: Bearer first\r\n", 200 },
        { "Authorization: bearer second\r\n", 200 },
        { "X-Api-Key: third\r\n", 200 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fetch(&raw, "POST", "/v1/completions", cases[i].field, body);
        assert_int_equal(status_of(&raw), cases[i].status);
    }
    buf_free(&raw);
}

int main(void)
{
#define CASE(sentence, f)                                                                                    \
    {                                                                                                        \
        sentence, f, NULL, stop, NULL                                                                        \
    }
    static const struct CMUnitTest tests[] = {
        CASE("tokens put together are the text, and cut no character", tokens),
        CASE("a stream repeats the last user message byte for byte", repeats),
        CASE("a whole answer has content, usage and finish_reason", whole_answers),
        CASE("a tool is called where its name is said, or has to be", tools_are_called),
        CASE("JSON fits its schema, thinking comes first", json_and_thinking),
        CASE("embeddings depend on the text alone", embeddings),
        CASE("max_tokens ends the answer with finish_reason length", max_tokens),
        CASE("bad requests are answered with errors of OpenAI's shape", errors),
        CASE("a wrong or missing key is 401 everywhere but for /health", keys),
    };

    unsetenv("LLAMA_API_KEY");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
