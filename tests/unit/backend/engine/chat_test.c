/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/alloc.h"
#include "backend/engine/body.h"
#include "backend/engine/engine.h"

#define STREAM "text/event-stream"
#define JSON   "application/json; charset=utf-8"
#define ANSWER "The sky is bl\xc3\xbc\n\xe2\x98\x80\xef\xb8\x8f \"light\" scatters.\t\\end"

struct seen {
    struct chat_reader *r;
    struct buf text;
    int begun;
    struct err err;
};

static void text_cb(void *arg, const char *s, size_t len)
{
    struct seen *seen = arg;

    assert_int_equal(seen->begun, 1);
    buf_add(&seen->text, s, len);
}

static void begun_cb(void *arg)
{
    ((struct seen *)arg)->begun++;
}

static void begin(struct seen *s, int status, const char *type)
{
    const struct chat_events events = { .text = text_cb, .begun = begun_cb };
    const struct http_field field = { "content-type", type };
    struct http_head head = { .status = status, .fields = &field, .n_fields = type ? 1 : 0 };

    memset(s, 0, sizeof *s);
    s->r = chat_reader_create(&events, s);
    chat_reader_head(s->r, &head);
}

static void finish(struct seen *s)
{
    chat_reader_destroy(s->r);
    buf_free(&s->text);
}

/* Read a whole body in two pieces and give its result; finish() is still to be called. */
static int read_split(struct seen *s, int status, const char *type, const char *body, size_t len,
                      size_t split)
{
    begin(s, status, type);
    chat_reader_body(s->r, body, split);
    chat_reader_body(s->r, body + split, len - split);
    return chat_reader_result(s->r, &s->err);
}

static int read_text(struct seen *s, int status, const char *type, const char *body)
{
    return read_split(s, status, type, body, strlen(body), strlen(body) / 2);
}

static char *capture(const char *name, size_t *len)
{
    char *path = xasprintf("%s/%s", TEST_DATA, name), piece[4096];
    FILE *in = fopen(path, "r");
    struct buf b = { 0 };
    size_t n;

    assert_non_null(in);
    while ((n = fread(piece, 1, sizeof piece, in)))
        buf_add(&b, piece, n);
    fclose(in);
    free(path);
    *len = b.len;
    return buf_take(&b);
}

/* ---- Answers. */

static void test_stream(void **state)
{
    size_t len;
    char *body = capture("llamacpp-stream.txt", &len);
    int64_t prompt;

    (void)state;
    for (size_t split = 0; split <= len; split++) {
        struct seen s;

        assert_int_equal(read_split(&s, 200, STREAM, body, len, split), 0);
        assert_string_equal(buf_str(&s.text), ANSWER);
        assert_string_equal(chat_reader_finish(s.r), "stop");
        assert_int_equal(chat_reader_tokens(s.r, &prompt), 5);
        assert_int_equal(prompt, 12);
        finish(&s);
    }
    free(body);
}

static void test_bytewise(void **state)
{
    size_t len;
    char *body = capture("llamacpp-stream.txt", &len);
    struct seen s;

    (void)state;
    begin(&s, 200, STREAM);
    for (size_t i = 0; i < len; i++)
        chat_reader_body(s.r, body + i, 1);
    assert_int_equal(chat_reader_result(s.r, &s.err), 0);
    assert_string_equal(buf_str(&s.text), ANSWER);
    finish(&s);
    free(body);
}

static void test_cached(void **state)
{
    size_t len;
    char *body = capture("llamacpp-cached.txt", &len);
    int64_t prompt;
    struct seen s;

    (void)state;
    assert_int_equal(read_split(&s, 200, STREAM, body, len, len / 2), 0);
    assert_int_equal(chat_reader_tokens(s.r, &prompt), 3);
    assert_int_equal(prompt, 33);
    finish(&s);
    free(body);
}

static void test_reasoning(void **state)
{
    size_t len;
    char *body = capture("llamacpp-reasoning.txt", &len), *at = strstr(body, "Hm.");
    struct seen s;

    (void)state;
    begin(&s, 200, STREAM);
    chat_reader_body(s.r, body, (size_t)(at - body));
    assert_int_equal(s.begun, 0);
    chat_reader_body(s.r, at, 200);
    assert_int_equal(s.begun, 1);
    assert_int_equal(s.text.len, 0);
    chat_reader_body(s.r, at + 200, len - 200 - (size_t)(at - body));
    assert_int_equal(chat_reader_result(s.r, &s.err), 0);
    assert_string_equal(buf_str(&s.text), "Blue");
    assert_string_equal(chat_reader_finish(s.r), "length");
    assert_int_equal(chat_reader_tokens(s.r, NULL), 5);
    finish(&s);
    free(body);
}

static void test_tool_call(void **state)
{
    static const char call[] = "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{}]}}]}\n\n";
    struct seen s;

    (void)state;
    begin(&s, 200, STREAM);
    chat_reader_body(s.r, call, sizeof call - 1);
    assert_int_equal(s.begun, 1);
    finish(&s);
}

static void test_whole(void **state)
{
    size_t len;
    char *body = capture("llamacpp-whole.txt", &len);

    (void)state;
    for (size_t split = 0; split <= len; split++) {
        struct seen s;

        assert_int_equal(read_split(&s, 200, JSON, body, len, split), 0);
        assert_string_equal(buf_str(&s.text), "Blue {\"}]\\ sky");
        assert_int_equal(chat_reader_tokens(s.r, NULL), 4);
        finish(&s);
        assert_int_equal(read_split(&s, 200, NULL, body, len, split), 0);
        assert_string_equal(buf_str(&s.text), "Blue {\"}]\\ sky");
        finish(&s);
        begin(&s, 200, JSON);
        chat_reader_body(s.r, " \r\n", 3);
        assert_int_equal(chat_reader_result(s.r, &s.err), -ECONNRESET);
        chat_reader_body(s.r, body, split < len ? split : len - 1);
        assert_int_equal(chat_reader_result(s.r, &s.err), -ECONNRESET);
        finish(&s);
    }
    free(body);
}

static void test_cut(void **state)
{
    size_t len;
    char *body = capture("llamacpp-stream.txt", &len);
    size_t whole = (size_t)(strstr(body, "\"finish_reason\":\"stop\"") - body);
    struct seen s;

    (void)state;
    for (size_t cut = 0; cut < whole; cut += 7) {
        begin(&s, 200, STREAM);
        chat_reader_body(s.r, body, cut);
        assert_int_equal(chat_reader_result(s.r, &s.err), -ECONNRESET);
        assert_non_null(strstr(s.err.text, s.begun ? "in the middle" : "before its answer"));
        finish(&s);
    }
    free(body);
}

/* ---- Errors. */

static void test_stream_error(void **state)
{
    static const char after[] = "data: {\"choices\":[{\"delta\":{\"content\":\"more\"}}]}\n\n";
    size_t len;
    char *body = capture("llamacpp-stream-error.txt", &len);
    struct seen s;

    (void)state;
    assert_int_equal(read_split(&s, 200, STREAM, body, len, len / 3), -EIO);
    assert_non_null(strstr(s.err.text, "Context size has been exceeded."));
    chat_reader_body(s.r, after, sizeof after - 1);
    assert_string_equal(buf_str(&s.text), "The");
    assert_int_equal(chat_reader_result(s.r, &s.err), -EIO);
    finish(&s);
    free(body);
    assert_int_equal(read_text(&s, 200, STREAM, "event: error\ndata: out of memory\n\n"), -EIO);
    assert_non_null(strstr(s.err.text, "out of memory"));
    finish(&s);
    /* llama-server b4748, word for word */
    assert_int_equal(read_text(&s, 200, STREAM,
                               "error: {\"code\":400,\"message\":\"the request exceeds the available context "
                               "size. try increasing the context size or enable context shift\",\"type\":"
                               "\"invalid_request_error\"}\n\ndata: [DONE]\n\n"),
                     -EIO);
    assert_non_null(strstr(s.err.text, "exceeds the available context size"));
    finish(&s);
    assert_int_equal(read_text(&s, 200, STREAM, "data: {\"object\":\"error\",\"message\":\"old vLLM\"}\n\n"),
                     -EIO);
    assert_non_null(strstr(s.err.text, "old vLLM"));
    finish(&s);
}

static void test_statuses(void **state)
{
    static const struct {
        int status;
        const char *type, *body, *said;
    } rows[] = {
        { 500, JSON, "{\"error\":{\"code\":500,\"message\":\"it\\nbroke\"}}",
          "500 Internal Server Error: it broke" },
        { 503, JSON, "{\"error\":{\"message\":\"Loading model\"}}",
          "503 Service Unavailable: Loading model" },
        { 404, JSON, "{\"error\":\"model 'x' not found\"}", "404 Not Found: model 'x' not found" },
        { 422, JSON, "{\"detail\":[{\"msg\":\"field required\"}]}", "[{\"msg\":\"field required\"}]" },
        { 429, "text/plain", "slow down\r\n", "429 Too Many Requests: slow down" },
        { 500, "text/html", "<h1>\xff\x01", "<h1>?" },
        { 502, NULL, "", "502 Bad Gateway" },
        { 302, NULL, "", "302" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct seen s;

        assert_int_equal(read_text(&s, rows[i].status, rows[i].type, rows[i].body), -EIO);
        if (!strstr(s.err.text, rows[i].said))
            fail_msg("%s\nis not in\n%s", rows[i].said, s.err.text);
        assert_int_equal(s.begun, 0);
        finish(&s);
    }
}

static void test_garbage(void **state)
{
    static const struct {
        const char *type, *body;
    } rows[] = {
        { STREAM, "data: not json\n\n" },
        { STREAM, "data: [1,2]\n\n" },
        { STREAM, "data: {\"choices\":[{\"delta\":{\"content\":\"\\ud800\"}}]}\n\n" },
        { STREAM, "data: {\"choices\":[{\"delta\":{\"content\":\"\xff\"}}]}\n\n" },
        { JSON, "null" },
        { JSON, "]" },
        { JSON, "{\"answer\":42}" },
        { JSON, "{]" },
        { "text/html", "<html>Welcome</html>" },
        { "text/event-streams", "data: [DONE]\n\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct seen s;
        int rc = read_text(&s, 200, rows[i].type, rows[i].body);

        if (rc != -EPROTO)
            fail_msg("%s: %d %s", rows[i].body, rc, s.err.text);
        assert_int_equal(s.begun, 0);
        finish(&s);
    }
}

static void test_endless(void **state)
{
    char *line = xcalloc(1, 65536);
    struct seen s;

    (void)state;
    memset(line, 'x', 65535);
    memcpy(line, "data: ", 6);
    begin(&s, 200, STREAM);
    for (int i = 0; i < 20; i++)
        chat_reader_body(s.r, line, 65535);
    assert_int_equal(chat_reader_result(s.r, &s.err), -EPROTO);
    assert_non_null(strstr(s.err.text, "1 MiB"));
    finish(&s);
    memset(line, 'x', 65535);
    begin(&s, 500, NULL);
    for (int i = 0; i < 20; i++)
        chat_reader_body(s.r, line, 65535);
    assert_int_equal(chat_reader_result(s.r, &s.err), -EIO);
    finish(&s);
    begin(&s, 200, JSON);
    chat_reader_body(s.r, "{\"", 2);
    for (int i = 0; i < 1100; i++)
        chat_reader_body(s.r, line, 65535);
    assert_int_equal(chat_reader_result(s.r, &s.err), -EPROTO);
    assert_non_null(strstr(s.err.text, "64 MiB"));
    finish(&s);
    free(line);
}

static void test_empty(void **state)
{
    struct seen s;

    (void)state;
    assert_int_equal(
        read_text(&s, 200, STREAM, ": ping\n\ndata:\n\ndata: {\"choices\":[]}\n\ndata: [DONE]\n\n"), 0);
    assert_int_equal(s.begun, 0);
    finish(&s);
    chat_reader_destroy(NULL);
}

/* ---- Requests. */

static void test_request(void **state)
{
    static const char prompt[] = "a\"b\\c\nd\te\x01\x7f \xc3\xa4\xf0\x9f\xa6\x9c</script>\0z";
    struct buf head = { 0 }, body = { 0 };
    json_t *v;
    const char *content, *model;
    size_t len;
    char length[48];
    struct request_defaults d = { .model = "qw\"en", .system = "" };

    (void)state;
    prompt_body(prompt, sizeof prompt - 1, &d, &body);
    engine_post(&head, "/v1/chat/completions", "n1:20001", "s3cret", body.len);
    assert_ptr_equal(strstr(head.data, "POST /v1/chat/completions HTTP/1.1\r\n"), head.data);
    assert_non_null(strstr(head.data, "\r\nHost: n1:20001\r\n"));
    assert_non_null(strstr(head.data, "\r\nAuthorization: Bearer s3cret\r\n"));
    snprintf(length, sizeof length, "\r\nContent-Length: %zu\r\n", body.len);
    assert_non_null(strstr(head.data, length));
    assert_string_equal(head.data + head.len - 4, "\r\n\r\n");
    v = json_loadb(body.data, body.len, JSON_ALLOW_NUL, NULL);
    assert_int_equal(json_unpack(v, "{s:s, s:[{s:s%}], s:b, s:{s:b}}", "model", &model, "messages", "content",
                                 &content, &len, "stream", &(int){ 0 }, "stream_options", "include_usage",
                                 &(int){ 0 }),
                     0);
    assert_string_equal(model, "qw\"en");
    assert_int_equal(len, sizeof prompt - 1);
    assert_memory_equal(content, prompt, len);
    json_decref(v);
    buf_reset(&head);
    buf_reset(&body);
    d.model = "";
    prompt_body("x", 1, &d, &body);
    engine_post(&head, "/v1/chat/completions", "h", "", body.len);
    assert_null(strstr(head.data, "Authorization"));
    assert_null(strstr(body.data, "model"));
    buf_free(&head);
    buf_free(&body);
}

#define TEST(sentence, function)                                                                             \
    {                                                                                                        \
        sentence, function, NULL, NULL, NULL                                                                 \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("a stream gives its text wherever it is split", test_stream),
        TEST("a stream gives its text byte by byte", test_bytewise),
        TEST("tokens that the engine had in its cache count", test_cached),
        TEST("reasoning begins an answer and is no text of it", test_reasoning),
        TEST("a tool call begins an answer", test_tool_call),
        TEST("an answer of one object is read wherever it is split, and is none while cut", test_whole),
        TEST("a stream that stops short is a lost engine", test_cut),
        TEST("an error in the stream is final and no text", test_stream_error),
        TEST("an error status gives the engine's words in one line", test_statuses),
        TEST("what is no answer is not shown as one", test_garbage),
        TEST("an endless line, error or object ends at its limit", test_endless),
        TEST("an empty answer is whole", test_empty),
        TEST("a prompt arrives byte for byte", test_request),
    };

    return cmocka_run_group_tests_name("chat", tests, NULL, NULL);
}
