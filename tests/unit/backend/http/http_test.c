/* SPDX-License-Identifier: MIT */
/* The reader and writer of HTTP messages. A reader's callbacks are written down as text, so that a test
 * compares one string, and each message is read whole, byte by byte and in every split of two. */
#include "backend/http/http.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define TEST(sentence, f)                                                                                    \
    {                                                                                                        \
        sentence, f, NULL, NULL, NULL                                                                        \
    }

struct record {
    struct buf text;
    bool in_body; /* pieces of one body are written as one */
    bool fields;  /* write the fields too */
    int stop_at;  /* the callback that stops: 1 head, 2 body, 3 complete, 0 none */
};

static int head_cb(void *arg, const struct http_head *h)
{
    struct record *rec = arg;

    if (h->method)
        buf_addf(&rec->text, "%s %s", h->method, h->target);
    else
        buf_addf(&rec->text, "%d", h->status);
    buf_addf(&rec->text, " 1.%d%s%s%s%s%s %lld", h->minor, h->keep_alive ? " keep" : " close",
             h->upgrade ? " upgrade" : "", h->chunked ? " chunked" : "", h->has_body ? " body" : "",
             h->expect_continue ? " expect" : "", (long long)h->content_length);
    for (size_t i = 0; rec->fields && i < h->n_fields; i++)
        buf_addf(&rec->text, "|%s=%s", h->fields[i].name, h->fields[i].value);
    buf_adds(&rec->text, "\n");
    return rec->stop_at == 1;
}

static int body_cb(void *arg, const char *data, size_t len)
{
    struct record *rec = arg;

    assert_true(len > 0);
    if (!rec->in_body)
        buf_adds(&rec->text, "body ");
    rec->in_body = true;
    buf_add(&rec->text, data, len);
    return rec->stop_at == 2;
}

static int complete_cb(void *arg)
{
    struct record *rec = arg;

    buf_adds(&rec->text, rec->in_body ? "\ncomplete\n" : "complete\n");
    rec->in_body = false;
    return rec->stop_at == 3;
}

static const struct http_reader_callbacks callbacks = { head_cb, body_cb, complete_cb };

/* Read text in two pieces (or with step 1 byte by byte) and, if eof, the end of the file. Returns 0 or the
 * error; the record is added to rec. Every piece is in memory of its own, so that the sanitizer sees a read
 * beyond it. */
static int read_pieces(struct record *rec, bool responses, bool head_request, const char *text, size_t len,
                       size_t first, size_t step, bool eof)
{
    struct http_reader *r = http_reader_create(responses, &callbacks, rec);
    const char *why = NULL;
    ssize_t n = 0;

    http_reader_expect(r, head_request);
    for (size_t at = 0, piece = first; at < len && n >= 0; at += piece, piece = step) {
        if (piece == 0)
            piece = step;
        if (piece > len - at)
            piece = len - at;
        char *copy = xcalloc(1, piece);
        memcpy(copy, text + at, piece);
        n = http_reader_feed(r, copy, piece, &why);
        free(copy);
    }
    if (n >= 0 && eof)
        n = http_reader_feed(r, NULL, 0, &why);
    if (n < 0) {
        assert_non_null(why);
        assert_int_equal(http_reader_feed(r, "x", 1, NULL), n);
    }
    http_reader_destroy(r);
    return n < 0 ? (int)n : 0;
}

static void check(bool responses, bool head_request, const char *text, size_t len, bool eof, const char *want,
                  int want_rc)
{
    size_t steps[] = { len, 1 };

    for (size_t s = 0; s < 2; s++) {
        for (size_t split = 0; split < len; split++) {
            struct record rec = { .fields = true };
            int rc = read_pieces(&rec, responses, head_request, text, len, split, steps[s], eof);
            if (rc != want_rc || (want && strcmp(buf_str(&rec.text), want)))
                print_message("split at %zu, step %zu of %s\n", split, steps[s], text);
            assert_int_equal(rc, want_rc);
            if (want)
                assert_string_equal(buf_str(&rec.text), want);
            buf_free(&rec.text);
            if (steps[s] == 1)
                break;
        }
    }
}

static void request(const char *text, const char *want)
{
    check(false, false, text, strlen(text), false, want, 0);
}

static void response(const char *text, const char *want)
{
    check(true, false, text, strlen(text), false, want, 0);
}

static void head_response(const char *text, const char *want) /* the answer to a HEAD */
{
    check(true, true, text, strlen(text), false, want, 0);
}

static void bad_request(const char *text)
{
    check(false, false, text, strlen(text), false, NULL, -EPROTO);
}

static void bad_response(const char *text)
{
    check(true, false, text, strlen(text), false, NULL, -EPROTO);
}

static void requests(void **state)
{
    (void)state;
    request("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / 1.1 keep -1|Host=a\ncomplete\n");
    request("GET /x?y=%20z HTTP/1.0\r\n\r\n", "GET /x?y=%20z 1.0 close -1\ncomplete\n");
    request("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
            "GET / 1.0 keep -1|Connection=Keep-Alive\ncomplete\n");
    request("GET / HTTP/1.1\r\nConnection: foo, close\r\n\r\n",
            "GET / 1.1 close -1|Connection=foo, close\ncomplete\n");
    request("POST /v1 HTTP/1.1\r\nHost:a\r\nX:\r\nY: \t b c \t\r\nContent-Length: 5\r\n\r\nhello",
            "POST /v1 1.1 keep body 5|Host=a|X=|Y=b c|Content-Length=5\nbody hello\ncomplete\n");
    request("POST /v1 HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
            "POST /v1 1.1 keep 0|Content-Length=0\ncomplete\n");
    request("POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
            "POST / 1.1 keep body expect 1|Expect=100-Continue|Content-Length=1\nbody x\ncomplete\n");
    request("\r\n\r\nGET / HTTP/1.1\r\n\r\n", "GET / 1.1 keep -1\ncomplete\n");
    request("GET http://h/x HTTP/1.1\r\nHost: h\r\n\r\n", "GET http://h/x 1.1 keep -1|Host=h\ncomplete\n");
    request("CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n",
            "CONNECT h:80 1.1 keep upgrade -1|Host=h\ncomplete\n");
    request("GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            "GET / 1.1 keep upgrade -1|Upgrade=websocket|Connection=Upgrade\ncomplete\n");
    request("GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n", "GET / 1.1 keep -1|Upgrade=h2c\ncomplete\n");
}

static void pipelined(void **state)
{
    (void)state;
    request("POST /1 HTTP/1.1\r\nContent-Length: 2\r\n\r\nabGET /2 HTTP/1.1\r\n\r\n\r\nPOST /3 HTTP/1.1\r\n"
            "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
            "POST /1 1.1 keep body 2|Content-Length=2\nbody ab\ncomplete\n"
            "GET /2 1.1 keep -1\ncomplete\n"
            "POST /3 1.1 keep chunked body -1|Transfer-Encoding=chunked\nbody x\ncomplete\n");
}

static void chunked_bodies(void **state)
{
    (void)state;
    request(
        "POST / HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n5\r\nhello\r\n0B;name=\"v;1\"\r\n "
        "big\r\nworld\r\n"
        "1 ; x\r\n!\r\n000\r\nTrailer: 1\r\nOther:\r\n\r\n",
        "POST / 1.1 keep chunked body -1|transfer-encoding=Chunked\nbody hello big\r\nworld!\ncomplete\n");
    response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
             "200 1.1 keep chunked body -1|Transfer-Encoding=chunked\ncomplete\n");
}

static void bad_chunks(void **state)
{
    static const char *const bodies[] = {
        "\r\n",                   /* no size */
        ";x\r\n",                 /* likewise */
        "x\r\n",                  /* not a number */
        "-1\r\n",                 /* not a number */
        "0x5\r\nhello\r\n",       /* C's form */
        "5 \r\nhello\r\n",        /* a blank, and no extension */
        "5\nhello\r\n",           /* bare LF */
        "5\r hello\r\n",          /* bare CR: the packaged parser takes it */
        "5;a\rb\r\nhello\r\n",    /* in an extension */
        "5;a\x01\r\nhello\r\n",   /* control character */
        "5\r\nhelloXX0\r\n\r\n",  /* longer than its size: the packaged parser takes it */
        "5\r\nhello\n0\r\n\r\n",  /* bare LF behind the data */
        "5\r\nhell\r\n0\r\n\r\n", /* shorter */
        "1000000000000000\r\n",   /* 2^60 */
        "fffffffffffffffff\r\n",  /* beyond 64 bits */
        "0\r\nX: 1\n\r\n",        /* bare LF in the trailers */
        "0\r\n X: 1\r\n\r\n",     /* no field */
        "0\r\nX: \x01\r\n\r\n",   /* control character */
        "0\r\n\rX",               /* bare CR */
    };

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char *text = xasprintf("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n%s", bodies[i]);
        bad_request(text);
        free(text);
    }
}

static void smuggling(void **state)
{
    static const char *const heads[] = {
        "GET / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 5, 6\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: +5\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 0x5\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 5 5\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length:\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding:\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding\x0b: chunked\r\n\r\n",
        "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n",              /* obs-fold */
        "GET / HTTP/1.1\r\nX: a\r\n\tb\r\n\r\n",             /* obs-fold */
        "GET / HTTP/1.1\r\n X: a\r\n\r\n",                   /* fold of nothing */
        "GET / HTTP/1.1\r\nX : a\r\n\r\n",                   /* blank before the colon */
        "GET / HTTP/1.1\r\nX Y: a\r\n\r\n",                  /* blank in the name */
        "GET / HTTP/1.1\r\n: a\r\n\r\n",                     /* no name */
        "GET / HTTP/1.1\r\nX\r\n\r\n",                       /* no colon */
        "GET / HTTP/1.1\r\nX(: a\r\n\r\n",                   /* no token */
        "GET / HTTP/1.1\r\nX: a\x01\r\n\r\n",                /* control character */
        "GET / HTTP/1.1\r\nX: a\x7f\r\n\r\n",                /* likewise */
        "GET / HTTP/1.1\r\nX: a\rY: b\r\n\r\n",              /* bare CR */
        "GET / HTTP/1.1\r\nX: a\nContent-Length: 5\r\n\r\n", /* bare LF */
        "GET / HTTP/1.1\nHost: a\n\n",                       /* bare LF */
        "GET / HTTP/1.1\r\nX: a\r\r\n\r\n",                  /* CR CR LF */
        "GET / HTTP/1.1\r\n\r\r\n\r\n",                      /* likewise */
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /\r\n\r\n", /* HTTP/0.9 */
        "GET / HTTP/0.9\r\n\r\n",
        "GET / HTTP/1.2\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET / HTTP/1.10\r\n\r\n",
        "GET / http/1.1\r\n\r\n",
        "GET /  HTTP/1.1\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "GET / x HTTP/1.1\r\n\r\n",
        " GET / HTTP/1.1\r\n\r\n",
        "GET\t/ HTTP/1.1\r\n\r\n",
        "\rGET / HTTP/1.1\r\n\r\n",
        "\nGET / HTTP/1.1\r\n\r\n",
        "get / HTTP/1.1\r\n\r\n",
        "NONSENSE / HTTP/1.1\r\n\r\n",
        "GET /\x01 HTTP/1.1\r\n\r\n",
        "GET x HTTP/1.1\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "\x16\x03\x01\x02\r\n\r\n", /* TLS */
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    };
    static const char nul_value[] = "GET / HTTP/1.1\r\nX: a\0b\r\n\r\n";
    static const char nul_name[] = "GET / HTTP/1.1\r\nX\0Y: a\r\n\r\n";
    static const char nul_target[] = "GET /\0 HTTP/1.1\r\n\r\n";

    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        bad_request(heads[i]);
    check(false, false, nul_value, sizeof nul_value - 1, false, NULL, -EPROTO);
    check(false, false, nul_name, sizeof nul_name - 1, false, NULL, -EPROTO);
    check(false, false, nul_target, sizeof nul_target - 1, false, NULL, -EPROTO);
}

static void responses(void **state)
{
    (void)state;
    response("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500\r\nContent-Length: 0\r\n\r\n",
             "200 1.1 keep body 2|Content-Length=2\nbody ok\ncomplete\n500 1.1 keep "
             "0|Content-Length=0\ncomplete\n");
    response("HTTP/1.0 404 Not Found\r\nContent-Length: 1\r\n\r\nx",
             "404 1.0 close body 1|Content-Length=1\nbody x\ncomplete\n");
    response("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 \r\nContent-Length: 5\r\n\r\n",
             "204 1.1 keep -1\ncomplete\n304 1.1 keep 5|Content-Length=5\ncomplete\n");
    head_response("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
                  "200 1.1 keep 9|Content-Length=9\ncomplete\n"
                  "200 1.1 keep body 1|Content-Length=1\nbody x\ncomplete\n");
    head_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                  "200 1.1 keep chunked -1|Transfer-Encoding=chunked\ncomplete\n");
}

static void interim_responses(void **state)
{
    (void)state;
    response(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 "
        "OK\r\nContent-Length: 1\r\n"
        "\r\nx",
        "100 1.1 keep -1\n103 1.1 keep -1|Link=x\n200 1.1 keep body 1|Content-Length=1\nbody x\ncomplete\n");
    head_response("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n",
                  "100 1.1 keep -1\n200 1.1 keep 1|Content-Length=1\ncomplete\n");
    const char *alone = "HTTP/1.1 100 Continue\r\n\r\n";
    check(true, false, alone, strlen(alone), true, "100 1.1 keep -1\n", -ECONNRESET);
}

static void bad_responses(void **state)
{
    (void)state;
    bad_response("HTTP/1.1 20 OK\r\n\r\n");
    bad_response("HTTP/1.1 2000 OK\r\n\r\n");
    bad_response("HTTP/1.1 099 OK\r\n\r\n");
    bad_response("HTTP/1.1 600 OK\r\n\r\n");
    bad_response("HTTP/1.1 2x0 OK\r\n\r\n");
    bad_response("HTTP/1.1  200 OK\r\n\r\n");
    bad_response("HTTP/2.0 200 OK\r\n\r\n");
    bad_response("HTTP/1.1 200 O\x01K\r\n\r\n");
    bad_response("HTTP/1.1 200 OK\n\r\n");
    bad_response("ICY 200 OK\r\n\r\n");
    bad_response("SSH-2.0-OpenSSH_9.2\r\n\r\n");
    bad_response("\r\nHTTP/1.1 200 OK\r\n\r\n");
    bad_response("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
    bad_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n");
}

static void eof_bodies(void **state)
{
    const char *text = "HTTP/1.1 200 OK\r\n\r\nall of this\r\n\r\n";

    (void)state;
    check(true, false, text, strlen(text), true,
          "200 1.1 close body -1\nbody all of this\r\n\r\n\ncomplete\n", 0);
    text = "HTTP/1.1 200 OK\r\n\r\n";
    check(true, false, text, strlen(text), true, "200 1.1 close body -1\ncomplete\n", 0);
}

static void cut_messages(void **state)
{
    const char *text = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd";
    const char *chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n";

    (void)state;
    for (size_t cut = 1; cut < strlen(text); cut++)
        check(true, false, text, cut, true, NULL, -ECONNRESET);
    for (size_t cut = 1; cut < strlen(chunked); cut++)
        check(true, false, chunked, cut, true, NULL, -ECONNRESET);
    check(true, false, text, strlen(text), true, NULL, 0);
}

static void upgrades(void **state)
{
    const char *text = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n\x01\x02";
    struct record rec = { 0 };
    struct http_reader *r = http_reader_create(true, &callbacks, &rec);

    (void)state;
    assert_int_equal(http_reader_feed(r, text, strlen(text), NULL), strlen(text) - 2);
    assert_string_equal(rec.text.data, "101 1.1 keep upgrade -1\n");
    assert_int_equal(http_reader_feed(r, "xx", 2, NULL), 0);
    assert_int_equal(http_reader_feed(r, NULL, 0, NULL), 0);
    http_reader_destroy(r);
    buf_free(&rec.text);
}

static void stopping(void **state)
{
    const char *text =
        "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n";
    size_t head = 38, first = head + 3, second = first + 19;
    struct record rec = { .stop_at = 1 };
    struct http_reader *r = http_reader_create(false, &callbacks, &rec);

    (void)state;
    assert_int_equal(http_reader_feed(r, text, strlen(text), NULL), head);
    assert_true(http_reader_in_message(r));
    rec.stop_at = 2;
    assert_int_equal(http_reader_feed(r, text + head, strlen(text) - head, NULL), 3);
    assert_string_equal(rec.text.data, "POST / 1.1 keep body 3\nbody abc\ncomplete\n");
    assert_false(http_reader_in_message(r));
    rec.stop_at = 1;
    buf_reset(&rec.text);
    assert_int_equal(http_reader_feed(r, text + first, strlen(text) - first, NULL), second - first);
    assert_string_equal(rec.text.data, "GET /2 1.1 keep -1\ncomplete\n");
    assert_string_equal(http_reader_head(r)->target, "/2"); /* lives until the next message begins */
    http_reader_forget(r);
    rec.stop_at = 3;
    assert_int_equal(http_reader_feed(r, text + second, strlen(text) - second, NULL), strlen(text) - second);
    http_reader_destroy(r);
    buf_free(&rec.text);
}

/* Feed text n times; returns the error, or 0. *eaten_at counts the bytes up to it. */
static int feed_repeated(struct http_reader *r, const char *text, size_t n)
{
    const char *why;

    for (size_t i = 0; i < n; i++) {
        ssize_t rc = http_reader_feed(r, text, strlen(text), &why);
        if (rc < 0)
            return (int)rc;
    }
    return 0;
}

static struct http_reader *begin(bool is_response, const char *text, struct record *rec)
{
    struct http_reader *r = http_reader_create(is_response, &callbacks, rec);

    assert_int_equal(http_reader_feed(r, text, strlen(text), NULL), strlen(text));
    return r;
}

static void limits(void **state)
{
    struct record rec = { 0 };
    struct http_reader *r;
    static const char *const endless[] = { "GET /",
                                           "GET / HTTP/1.1\r\nX: ", "GET / HTTP/1.1\r\nXXXXXXXXXXXX" };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        r = begin(false, endless[i], &rec);
        assert_int_equal(feed_repeated(r, "xxxxxxxx", HTTP_HEAD_MAX / 8), -EPROTO);
        http_reader_destroy(r);
    }
    r = begin(true, "HTTP/1.1 200 ", &rec);
    assert_int_equal(feed_repeated(r, "xxxxxxxx", HTTP_HEAD_MAX / 8), -EPROTO);
    http_reader_destroy(r);

    r = begin(false, "GET / HTTP/1.1\r\n", &rec);
    assert_int_equal(feed_repeated(r, "X: y\r\n", HTTP_FIELDS_MAX), 0);
    assert_int_equal(feed_repeated(r, "\r\n", 1), 0);
    assert_string_equal(rec.text.data, "GET / 1.1 keep -1\ncomplete\n");
    http_reader_destroy(r);
    r = begin(false, "GET / HTTP/1.1\r\n", &rec);
    assert_int_equal(feed_repeated(r, "X: y\r\n", HTTP_FIELDS_MAX + 1), -EPROTO);
    http_reader_destroy(r);

    r = begin(false, "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;", &rec);
    assert_int_equal(feed_repeated(r, "xxxxxxxx", 40), -EPROTO);
    http_reader_destroy(r);
    r = begin(false, "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", &rec);
    assert_int_equal(feed_repeated(r, "xxxxxxxx", HTTP_HEAD_MAX / 8 + 1), -EPROTO);
    http_reader_destroy(r);
    r = begin(false, "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", &rec);
    assert_int_equal(feed_repeated(r, "X: y\r\n", HTTP_FIELDS_MAX + 1), -EPROTO);
    http_reader_destroy(r);
    buf_free(&rec.text);
}

static void writing(void **state)
{
    struct buf b = { 0 };
    struct record rec = { .fields = true };

    (void)state;
    http_write_request(&b, "POST", "/a b\r\nX:\x7f");
    http_write_field(&b, "Host", "h");
    http_write_field(&b, "Evil", "a\r\nb: c");
    http_write_field(&b, "Evil\r\nb", "c");
    http_write_field(&b, "Tab", "a\tb");
    http_write_field(&b, "Transfer-Encoding", "chunked");
    http_write_end(&b);
    http_write_chunk(&b, "", 0);
    http_write_chunk(&b, "0123456789abcdef", 16);
    http_write_last_chunk(&b);
    assert_string_equal(
        b.data,
        "POST /a%20b%0D%0AX:%7F HTTP/1.1\r\nHost: h\r\nTab: a\tb\r\nTransfer-Encoding: chunked\r\n\r\n"
        "10\r\n0123456789abcdef\r\n0\r\n\r\n");
    assert_int_equal(read_pieces(&rec, false, false, b.data, b.len, b.len, b.len, false), 0);
    buf_reset(&b);
    http_write_response(&b, 429);
    http_write_response(&b, 299);
    assert_string_equal(b.data, "HTTP/1.1 429 Too Many Requests\r\nHTTP/1.1 299 Unknown\r\n");
    buf_free(&b);
    buf_free(&rec.text);
}

static void lists(void **state)
{
    (void)state;
    assert_true(http_list_has("close, Upgrade", "upgrade"));
    assert_true(http_list_has(" ,\tclose", "close"));
    assert_false(http_list_has("closed", "close"));
    assert_false(http_list_has(NULL, "close"));
    assert_true(http_is_hop_by_hop("keep-alive"));
    assert_false(http_is_hop_by_hop("Content-Length"));
    assert_true(http_is_token("X-a_1~", 6));
    assert_false(http_is_token("", 0));
    assert_false(http_is_token("a b", 3));
    assert_false(http_is_token("\xc3\xa4", 2));
}

static void large_bodies(void **state)
{
    struct record rec = { 0 };
    size_t len = 5 << 20;
    char *body = xcalloc(1, len);
    struct http_reader *r = begin(false, "POST / HTTP/1.1\r\nContent-Length: 5242880\r\n\r\n", &rec);

    (void)state;
    memset(body, 'x', len);
    for (size_t at = 0; at < len; at += 65536)
        assert_int_equal(http_reader_feed(r, body + at, 65536, NULL), 65536);
    assert_false(http_reader_in_message(r));
    assert_int_equal(rec.text.len, len + strlen("POST / 1.1 keep body 5242880\nbody \ncomplete\n"));
    http_reader_destroy(r);
    buf_free(&rec.text);
    free(body);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST("requests read the same however they are split", requests),
        TEST("pipelined requests follow each other", pipelined),
        TEST("chunked bodies are decoded, extensions and trailers dropped", chunked_bodies),
        TEST("chunks that are not exactly as they should be are refused", bad_chunks),
        TEST("heads that two programs could read differently are refused", smuggling),
        TEST("responses to HEAD, 204 and 304 have no body", responses),
        TEST("1xx responses are followed by another head", interim_responses),
        TEST("responses that are not HTTP/1.1 are refused", bad_responses),
        TEST("a response without a length ends with the connection", eof_bodies),
        TEST("a connection that ends within a message is an error at every byte", cut_messages),
        TEST("nothing is eaten behind a 101", upgrades),
        TEST("a callback can stop and the rest is read later", stopping),
        TEST("endless heads, fields, extensions and trailers are refused", limits),
        TEST("what is written cannot break out of its line", writing),
        TEST("lists and hop-by-hop fields are told apart", lists),
        TEST("a body of 5 MiB is passed on whole", large_bodies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
