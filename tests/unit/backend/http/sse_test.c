/* SPDX-License-Identifier: MIT */
/* The reader of Server-Sent Events. Each stream is read whole, byte by byte and in every split of two, and
 * must read the same. Samples from WHATWG HTML, section 9.2.6. */
#include "backend/http/sse.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define TEST(sentence, f)                                                                                    \
    {                                                                                                        \
        sentence, f, NULL, NULL, NULL                                                                        \
    }

static int event_cb(void *arg, const struct sse_event *e)
{
    assert_int_equal(e->data[e->len], '\0');
    buf_addf(arg, "[%s|%zu|", e->type, e->len);
    buf_add(arg, e->data, e->len);
    buf_adds(arg, "]");
    return 0;
}

static void feed(struct sse_reader *r, const char *data, size_t len)
{
    char *copy = xcalloc(1, len); /* memory of its own: the sanitizer sees a read beyond it */

    memcpy(copy, data, len);
    assert_int_equal(sse_reader_feed(r, copy, len), len);
    free(copy);
}

static void check(const char *text, const char *want)
{
    size_t len = strlen(text);

    for (size_t split = 0; split <= len; split++) { /* split == len: byte by byte */
        struct buf got = { 0 };
        struct sse_reader *r = sse_reader_create(event_cb, &got);
        for (size_t at = 0; split == len && at < len; at++)
            feed(r, text + at, 1);
        if (split < len && split)
            feed(r, text, split);
        if (split < len)
            feed(r, text + split, len - split);
        assert_string_equal(buf_str(&got), want);
        sse_reader_destroy(r);
        buf_free(&got);
    }
}

static void fields(void **state)
{
    (void)state;
    check("data: a\n\n", "[message|1|a]");
    check("data:a\n\ndata:  b\n\n", "[message|1|a][message|2| b]");
    check("data: YHOO\ndata: +2\ndata: 10\n\n", "[message|10|YHOO\n+2\n10]");
    check("event: add\ndata: 1\n\nevent: remove\ndata: 2\n\ndata: 3\n\n",
          "[add|1|1][remove|1|2][message|1|3]");
    check(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
          "[message|11|first event][message|12|second event][message|12| third event]");
    check("data\n\ndata\ndata\n\ndata:", "[message|0|][message|1|\n]");
    check("data:test\n\ndata: test\n\n", "[message|4|test][message|4|test]");
    check("id: 7\n\ndata: x\n\n", "[message|1|x]");
    check("Data: x\ndata2: y\nnonsense\n:data: z\n\n", "");
    check("event: only\n\ndata: x\n\n", "[message|1|x]");
    check("error: {}\n\ndata: x\n\n", "[error|2|{}][message|1|x]");
    check("data: {\"a\":\"b: c\"}\n\n", "[message|12|{\"a\":\"b: c\"}]");
}

static void endings(void **state)
{
    (void)state;
    check("data: a\r\n\r\ndata: b\r\rdata: c\n\ndata: d\r\n\n",
          "[message|1|a][message|1|b][message|1|c][message|1|d]");
    check("\r\n\r\n\n\r\rdata: a\r\ndata: b\rdata: c\n\r\n", "[message|5|a\nb\nc]");
    check("data: cut\n", "");
    check("\xef\xbb\xbf"
          "data: a\n\n\xef\xbb\xbf"
          "data: b\n\n",
          "[message|1|a]");
}

static void nul_bytes(void **state)
{
    static const char data[] = "data: a\0b\n\n";

    (void)state;
    struct buf got = { 0 };
    struct sse_reader *r = sse_reader_create(event_cb, &got);
    feed(r, data, sizeof data - 1);
    assert_int_equal(got.len, strlen("[message|3|a.b]"));
    sse_reader_destroy(r);
    buf_free(&got);
}

static ssize_t feed_repeated(struct sse_reader *r, const char *text, size_t bytes)
{
    ssize_t n = 0;

    for (size_t sum = 0; sum < bytes && n >= 0; sum += strlen(text))
        n = sse_reader_feed(r, text, strlen(text));
    return n;
}

static void limits(void **state)
{
    static const char *const endless[] = { "xxxxxxxxxxxxxxxx", "data: xxxxxxxxx\n", ":xxxxxxxxxxxxxxx",
                                           "data\n" };
    struct buf got = { 0 };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct sse_reader *r = sse_reader_create(event_cb, &got);
        assert_int_equal(feed_repeated(r, endless[i], 6 * SSE_EVENT_MAX), -EFBIG);
        assert_int_equal(sse_reader_feed(r, "\n", 1), -EFBIG);
        sse_reader_destroy(r);
    }
    assert_int_equal(got.len, 0);
    /* Many events and comments may be longer than that together. */
    struct sse_reader *r = sse_reader_create(event_cb, &got);
    assert_true(feed_repeated(r, ": comment\ndata: x\n\n", 2 * SSE_EVENT_MAX) > 0);
    assert_true(feed_repeated(r, ": comment\n", 2 * SSE_EVENT_MAX) > 0);
    buf_reset(&got);
    feed(r, "data: ", 6);
    assert_true(feed_repeated(r, "0123456789abcdef", SSE_EVENT_MAX - 16) > 0);
    feed(r, "\n\n", 2);
    assert_true(got.len > SSE_EVENT_MAX - 32);
    sse_reader_destroy(r);
    buf_free(&got);
}

static struct sse_reader *doomed;

static int destroy_cb(void *arg, const struct sse_event *e)
{
    assert_string_equal(e->data, "a");
    (*(int *)arg)++;
    sse_reader_destroy(doomed);
    return 1;
}

static void stopping(void **state)
{
    int calls = 0;

    (void)state;
    doomed = sse_reader_create(destroy_cb, &calls);
    assert_int_equal(sse_reader_feed(doomed, "data: a\n\ndata: b\n\n", 18), 9);
    assert_int_equal(calls, 1);
    doomed = sse_reader_create(destroy_cb, &calls);
    assert_int_equal(sse_reader_feed(doomed, "event: x\nda", 11), 11);
    assert_int_equal(sse_reader_feed(doomed, "ta: a\n\nx", 8), 7);
    assert_int_equal(calls, 2);
}

static void carriage_returns(void **state)
{
    struct buf got = { 0 };
    struct sse_reader *r = sse_reader_create(event_cb, &got);

    (void)state;
    /* A quadratic reader would take minutes. */
    assert_true(feed_repeated(r, "\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r", 1 << 16) > 0);
    char *many = xcalloc(1, 1 << 20);
    memset(many, '\r', 1 << 20);
    assert_int_equal(sse_reader_feed(r, many, 1 << 20), 1 << 20);
    free(many);
    sse_reader_destroy(r);
    buf_free(&got);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("fields are read as the standard says", fields),
        TEST("lines end in CR, LF or CRLF, split at any byte", endings),
        TEST("NUL bytes stay in data", nul_bytes),
        TEST("an endless line, event or comment is an error", limits),
        TEST("a callback can stop and destroy the reader", stopping),
        TEST("a megabyte of carriage returns is read in linear time", carriage_returns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
