/* SPDX-License-Identifier: MIT */
#include "fs/door_http/relay_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define HEAD(...)                                                                                            \
    .fields = (const struct http_field[]){ __VA_ARGS__ },                                                    \
    .n_fields = sizeof((const struct http_field[]){ __VA_ARGS__ }) / sizeof(struct http_field)

static const struct relay_target target = {
    .path = "/v1/chat/completions", .host = "node1:8000", .secret = "s3cret", .body_len = 7, .plain = true
};

static void the_engine_gets_its_own_head(void **state)
{
    const struct http_head h = {
        .method = "POST",
        .target = "/qwen/v1/chat/completions",
        .minor = 1,
        .content_length = -1,
        .chunked = true,
        HEAD({ "Host", "127.0.0.1:11434" }, { "Authorization", "Bearer sk-mine" }, { "X-API-Key", "mine" },
             { "api-key", "mine" }, { "Proxy-Authorization", "Basic x" }, { "Connection", "close, X-Mine" },
             { "X-Mine", "1" }, { "Connection", "X-Other" }, { "x-other", "1" }, { "Keep-Alive", "5" },
             { "TE", "trailers" }, { "Trailer", "X" }, { "Transfer-Encoding", "chunked" },
             { "Upgrade", "websocket" }, { "Expect", "100-continue" }, { "Accept-Encoding", "gzip" },
             { "Cookie", "a=b" }, { "Origin", "http://127.0.0.1:11434" }, { "Sec-Fetch-Site", "same-origin" },
             { "Content-Type", "application/json" }, { "User-Agent", "test" },
             { "Accept", "text/event-stream" })
    };
    struct buf out = { 0 };

    (void)state;
    relay_request_head(&out, &h, &target);
    assert_string_equal(buf_str(&out), "POST /v1/chat/completions HTTP/1.1\r\n"
                                       "Host: node1:8000\r\n"
                                       "Authorization: Bearer s3cret\r\n"
                                       "Content-Type: application/json\r\n"
                                       "User-Agent: test\r\n"
                                       "Accept: text/event-stream\r\n"
                                       "Content-Length: 7\r\n\r\n");
    buf_free(&out);
}

static void a_body_of_unknown_length_goes_in_chunks(void **state)
{
    const struct http_head h = { .method = "POST",
                                 .target = "/",
                                 .minor = 1,
                                 .content_length = -1,
                                 .chunked = true,
                                 HEAD({ "Host", "x" }, { "Transfer-Encoding", "chunked" }) };
    struct buf out = { 0 };

    (void)state;
    relay_request_head(&out, &h, &(struct relay_target){ .path = "/", .host = "a:1", .body_len = -1 });
    assert_string_equal(buf_str(&out), "POST / HTTP/1.1\r\nHost: a:1\r\nTransfer-Encoding: chunked\r\n\r\n");
    buf_free(&out);
}

static void a_request_without_a_body_has_no_length(void **state)
{
    const struct http_head h = { .method = "GET",
                                 .target = "/",
                                 .minor = 1,
                                 .content_length = -1,
                                 HEAD({ "Host", "x" }, { "Accept-Encoding", "gzip" }) };
    struct buf out = { 0 };

    (void)state;
    relay_request_head(&out, &h, &(struct relay_target){ .path = "/props?x=1", .host = "[::1]:1" });
    assert_string_equal(buf_str(&out),
                        "GET /props?x=1 HTTP/1.1\r\nHost: [::1]:1\r\nAccept-Encoding: gzip\r\n\r\n");
    buf_free(&out);
}

static void the_client_gets_what_goes_from_end_to_end(void **state)
{
    const struct http_head h = {
        .status = 200,
        .minor = 1,
        .content_length = -1,
        .chunked = true,
        HEAD({ "Transfer-Encoding", "chunked" }, { "Connection", "keep-alive, X-Hop" }, { "X-Hop", "1" },
             { "Keep-Alive", "timeout=5" }, { "Content-Type", "text/event-stream" }, { "x-request-id", "7" },
             { "Access-Control-Allow-Origin", "*" }, { "X-Slullama-Job", "forged" }, { "Server", "parrot" })
    };
    struct buf out = { 0 };

    (void)state;
    relay_response_head(&out, &h, relay_framing_of(&h, false, 1), "alvis.7", true);
    assert_string_equal(buf_str(&out), "HTTP/1.1 200 OK\r\n"
                                       "Content-Type: text/event-stream\r\n"
                                       "Server: parrot\r\n"
                                       "Transfer-Encoding: chunked\r\n"
                                       "X-Slullama-Job: alvis.7\r\n"
                                       "Connection: keep-alive\r\n\r\n");
    buf_reset(&out);
    relay_response_head(&out, &h, relay_framing_of(&h, false, 0), "", true);
    assert_null(strstr(buf_str(&out), "chunked"));
    assert_non_null(strstr(buf_str(&out), "Connection: close\r\n"));
    buf_free(&out);
}

static void framing_follows_the_answer_and_the_client(void **state)
{
    static const struct {
        int status;
        int64_t length;
        bool head;
        int minor;
        enum relay_framing want;
        const char *length_field; /* NULL: none */
    } rows[] = {
        { 200, 5, false, 1, RELAY_LENGTH, "Content-Length: 5\r\n" },
        { 200, 0, false, 1, RELAY_LENGTH, "Content-Length: 0\r\n" },
        { 200, 5, false, 0, RELAY_LENGTH, "Content-Length: 5\r\n" },
        { 200, -1, false, 1, RELAY_CHUNKED, NULL },
        { 200, -1, false, 0, RELAY_CLOSE, NULL },
        { 200, 5, true, 1, RELAY_NO_BODY, "Content-Length: 5\r\n" },
        { 200, -1, true, 1, RELAY_NO_BODY, NULL },
        { 204, -1, false, 1, RELAY_NO_BODY, NULL },
        { 304, 9, false, 1, RELAY_NO_BODY, "Content-Length: 9\r\n" },
        { 500, -1, false, 1, RELAY_CHUNKED, NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_head h = { .status = rows[i].status, .minor = 1, .content_length = rows[i].length };
        struct buf out = { 0 };
        enum relay_framing f = relay_framing_of(&h, rows[i].head, rows[i].minor);
        relay_response_head(&out, &h, f, "", true);
        bool right = rows[i].length_field ? strstr(out.data, rows[i].length_field) != NULL
                                          : strstr(out.data, "Content-Length") == NULL;
        if (f != rows[i].want || !right || (f == RELAY_CHUNKED) != (strstr(out.data, "chunked") != NULL))
            fail_msg("row %zu: framing %d\n%s", i, (int)f, out.data);
        buf_free(&out);
    }
}

static void event_streams_are_told_by_status_and_type(void **state)
{
    static const struct {
        int status;
        const char *type;
        bool want;
    } rows[] = {
        { 200, "text/event-stream", true },   { 200, "Text/Event-Stream; charset=utf-8", true },
        { 200, "text/event-streams", false }, { 200, "application/json", false },
        { 500, "text/event-stream", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_field f = { "Content-Type", rows[i].type };
        struct http_head h = { .status = rows[i].status, .fields = &f, .n_fields = 1 };
        assert_int_equal(relay_is_event_stream(&h), rows[i].want);
    }
    assert_false(relay_is_event_stream(&(struct http_head){ .status = 200 }));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_engine_gets_its_own_head),
        cmocka_unit_test(a_body_of_unknown_length_goes_in_chunks),
        cmocka_unit_test(a_request_without_a_body_has_no_length),
        cmocka_unit_test(the_client_gets_what_goes_from_end_to_end),
        cmocka_unit_test(framing_follows_the_answer_and_the_client),
        cmocka_unit_test(event_streams_are_told_by_status_and_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
