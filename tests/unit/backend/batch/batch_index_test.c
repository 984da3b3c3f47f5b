/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "backend/base/alloc.h"
#include "backend/batch/batch_index.h"

#define LINE_MAX_HERE 100

static int in = -1, index_fd = -1;

static int setup(void **state)
{
    (void)state;
    in = fileno(tmpfile());
    index_fd = fileno(tmpfile());
    return in >= 0 && index_fd >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    close(in);
    close(index_fd);
    return 0;
}

static void put(const char *text)
{
    assert_int_equal(write(in, text, strlen(text)), strlen(text));
}

static uint32_t scan(bool *json)
{
    struct batch_scan *s = batch_scan_create(in, index_fd, LINE_MAX_HERE);
    struct err e = { "" };
    int rc;

    while ((rc = batch_scan_step(s, &e)) == 0)
        ;
    if (rc < 0)
        fail_msg("%s", e.text);
    uint32_t total = batch_scan_total(s);
    *json = batch_scan_json(s);
    batch_scan_destroy(s);
    return total;
}

/* The line is called so, and can (code NULL) or cannot be asked. */
static void expect(uint32_t number, bool json, const char *custom_id, const char *code)
{
    struct batch_request r;
    struct err e = { "" };
    size_t size;

    if (batch_line_read(in, index_fd, number, json, LINE_MAX_HERE, &r, &size, &e) < 0)
        fail_msg("%s", e.text);
    assert_string_equal(r.custom_id, custom_id);
    if (code)
        assert_string_equal(r.code, code);
    else
        assert_non_null(r.path);
    batch_request_finish(&r);
}

static void expect_text(uint32_t number, const char *want)
{
    struct batch_request r;
    size_t size;

    assert_int_equal(batch_line_read(in, index_fd, number, false, LINE_MAX_HERE, &r, &size, NULL), 0);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(json_object_get(r.body, "messages"), 0), "content")),
        want);
    assert_int_equal(size, strlen(want));
    batch_request_finish(&r);
}

static void lines_end_as_they_like_and_empty_ones_are_none(void **state)
{
    bool json;

    (void)state;
    put("\xef\xbb\xbf"
        "one\r\n\n \t\r\ntwo  \n\nthree");
    assert_int_equal(scan(&json), 3);
    assert_false(json);
    expect_text(0, "one");
    expect_text(1, "two  ");
    expect_text(2, "three");
    expect(2, false, "line-6", NULL);
}

static void an_empty_file_has_no_lines(void **state)
{
    bool json;

    (void)state;
    assert_int_equal(scan(&json), 0);
    put("\n\r\n  \n");
    assert_int_equal(scan(&json), 0);
}

static void a_custom_id_that_was_there_is_told(void **state)
{
    bool json;

    (void)state;
    put("{\"custom_id\":\"a\",\"body\":{\"messages\":[{}]}}\n");
    put("{\"body\":{\"messages\":[{}]}}\n");
    put("{\"custom_id\":\"a\",\"body\":{\"messages\":[{}]}}\n");
    put("{\"custom_id\":\"line-2\",\"body\":{\"messages\":[{}]}}\n");
    put("broken\n");
    assert_int_equal(scan(&json), 5);
    assert_true(json);
    expect(0, true, "a", NULL);
    expect(1, true, "line-2", NULL);
    expect(2, true, "a", "repeated_custom_id");
    expect(3, true, "line-2", "repeated_custom_id");
    expect(4, true, "line-5", "invalid_json");
}

static void a_line_that_is_too_long_has_its_place(void **state)
{
    char text[LINE_MAX_HERE + 3];
    bool json;

    (void)state;
    memset(text, 'x', sizeof text);
    strcpy(text + LINE_MAX_HERE, "\r\n"); /* just short enough */
    put(text);
    memset(text, 'y', sizeof text);
    strcpy(text + LINE_MAX_HERE + 1, "\n");
    put(text);
    put("short\n");
    assert_int_equal(scan(&json), 3);
    expect(0, false, "line-1", NULL);
    expect(1, false, "line-2", "too_large");
    expect_text(2, "short");
}

static void many_lines_take_many_steps(void **state)
{
    const uint32_t n = 300000;
    char line[128];
    bool json;

    (void)state;
    FILE *f = fdopen(dup(in), "w");
    for (uint32_t i = 0; i < n; i++)
        fprintf(f, "{\"custom_id\":\"id-%u\",\"body\":{\"messages\":[{}]}}\n", i);
    fclose(f);
    assert_int_equal(scan(&json), n);
    snprintf(line, sizeof line, "id-%u", n - 1);
    expect(n - 1, true, line, NULL);
    expect(123456, true, "id-123456", NULL);
}

int main(void)
{
#define SENTENCE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        SENTENCE(lines_end_as_they_like_and_empty_ones_are_none),
        SENTENCE(an_empty_file_has_no_lines),
        SENTENCE(a_custom_id_that_was_there_is_told),
        SENTENCE(a_line_that_is_too_long_has_its_place),
        SENTENCE(many_lines_take_many_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
