/* SPDX-License-Identifier: MIT */
#ifndef TESTS_DIALECT_FIXTURE_H
#define TESTS_DIALECT_FIXTURE_H
/* A request and its answer through one translation, compared as text. Times are written as 0. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/base/alloc.h"
#include "backend/dialect/dialect.h"

#define UNUSED __attribute__((unused))
#define EVENTS "text/event-stream"
#define JSON   "application/json"

/* One chunk of a chat completion as llama-server b4748 sends it; D is its delta. */
#define CHUNK(D)                                                                                             \
    "data: {\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":" D "}],\"id\":\"chatcmpl-1\"}\n\n"
#define LAST(REASON)                                                                                         \
    "data: {\"choices\":[{\"finish_reason\":\"" REASON                                                       \
    "\",\"index\":0,\"delta\":{}}],\"id\":\"chatcmpl-1\"}\n\n"                                               \
    "data: {\"choices\":[],\"id\":\"chatcmpl-1\",\"usage\":{\"completion_tokens\":4,\"prompt_tokens\":12,"   \
    "\"total_tokens\":16}}\n\ndata: [DONE]\n\n"

static struct err err; /* of the last failure */

UNUSED static struct dialect *asked(const char *path, unsigned speaks, const char *body)
{
    struct dialect *d;

    err.text[0] = '\0';
    int rc = dialect_create(&d, path, speaks, body, strlen(body), &err);
    if (rc < 0)
        print_error("%s\n", err.text);
    assert_int_equal(rc, 0);
    assert_non_null(d);
    return d;
}

/* The request for the engine is the JSON `want`, in any order of fields. */
UNUSED static void becomes(const char *path, unsigned speaks, const char *body, const char *to,
                           const char *want)
{
    struct dialect *d = asked(path, speaks, body);
    struct buf made = { 0 };
    json_error_t where;
    json_t *a, *b = json_loads(want, 0, &where);

    if (!b)
        fail_msg("the test's own JSON: %s", where.text);
    assert_string_equal(dialect_path(d), to);
    dialect_take_body(d, &made);
    a = json_loadb(made.data, made.len, 0, &where);
    if (!json_equal(a, b))
        fail_msg("got %s\nwant %s", made.data, want);
    json_decref(a);
    json_decref(b);
    buf_free(&made);
    dialect_destroy(d);
}

/* It is refused, and the sentence holds `word`. */
UNUSED static void refused(const char *path, unsigned speaks, const char *body, const char *word)
{
    struct dialect *d;

    assert_int_equal(dialect_create(&d, path, speaks, body, strlen(body), &err), -EINVAL);
    if (!strstr(err.text, word))
        fail_msg("\"%s\" does not hold \"%s\"", err.text, word);
}

/* Numbers and times that differ from run to run become 0. */
static char *steady(const char *s)
{
    static const char *const names[] = { "_duration\":", "created_at\":\"",    "created_at\":",
                                         "\"created\":", "\"id\":\"chatcmpl-", "\"id\":\"cmpl-" };
    struct buf out = { 0 };

    while (*s) {
        size_t i = 0, n = sizeof names / sizeof *names;
        while (i < n && strncmp(s, names[i], strlen(names[i])) != 0)
            i++;
        if (i == n) {
            buf_add(&out, s++, 1);
            continue;
        }
        buf_adds(&out, names[i]);
        s += strlen(names[i]);
        if (!isdigit((unsigned char)*s))
            continue;
        buf_adds(&out, "0");
        s += strspn(s, "0123456789-:.TZ");
    }
    return buf_take(&out);
}

/* What the client gets for an answer that comes in pieces of `piece` bytes; rc of the end. Freed by the caller. */
static char *heard(struct dialect *d, const char *type, const char *body, size_t piece, int *rc)
{
    struct buf out = { 0 };
    size_t len = strlen(body);

    *rc = 0;
    dialect_sent(d);
    dialect_head(d, type);
    for (size_t at = 0; at < len && *rc == 0; at += piece)
        *rc = dialect_feed(d, body + at, len - at < piece ? len - at : piece, &out, &err);
    if (*rc == 0)
        *rc = dialect_end(d, &out, &err);
    if (*rc < 0 && out.len > 0 && dialect_streams(d))
        dialect_fail(d, 502, err.text, &out);
    char *text = steady(buf_str(&out));
    buf_free(&out);
    return text;
}

/* The client gets exactly `want`, however the answer is cut. */
UNUSED static void answered(const char *path, unsigned speaks, const char *body, const char *type,
                            const char *said, const char *want)
{
    static const size_t pieces[] = { 1000000, 1, 7 };
    struct buf made = { 0 };
    int rc;

    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct dialect *d = asked(path, speaks, body);
        dialect_take_body(d, &made);
        buf_free(&made);
        char *got = heard(d, type, said, pieces[i], &rc);
        if (rc < 0)
            print_error("%d: %s\n", rc, err.text);
        assert_string_equal(got, want);
        free(got);
        dialect_destroy(d);
    }
}

/* The answer cannot be used: rc, and what the client has got by then, with the error behind it if it is a stream. */
UNUSED static void fails(const char *path, unsigned speaks, const char *body, const char *type,
                         const char *said, int want_rc, const char *want)
{
    struct dialect *d = asked(path, speaks, body);
    int rc;
    char *got = heard(d, type, said, 1000000, &rc);

    assert_int_equal(rc, want_rc);
    assert_string_equal(got, want);
    free(got);
    dialect_destroy(d);
}

#endif
