/* SPDX-License-Identifier: MIT */
#include "backend/base/growing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void adds(struct growing *g, const char *s)
{
    growing_add(g, s, strlen(s));
}

static void what_is_added_is_read_at_its_offset(void **state)
{
    struct growing *g = growing_create(1000);
    char out[16];

    (void)state;
    assert_int_equal(growing_size(g), 0);
    assert_int_equal(growing_read(g, 0, out, sizeof out), 0);
    adds(g, "hello ");
    adds(g, "world");
    assert_int_equal(growing_size(g), 11);
    assert_int_equal(growing_read(g, 4, out, 4), 4);
    assert_memory_equal(out, "o wo", 4);
    assert_int_equal(growing_read(g, 8, out, sizeof out), 3);
    assert_int_equal(growing_read(g, 11, out, sizeof out), 0);
    assert_int_equal(growing_read(g, UINT64_MAX, out, sizeof out), 0);
    growing_destroy(g);
    growing_destroy(NULL);
}

static void past_its_cap_the_oldest_half_goes_at_a_line(void **state)
{
    struct growing *g = growing_create(100);
    char out[200];

    (void)state;
    for (int i = 0; i < 30; i++) {
        char line[16];
        snprintf(line, sizeof line, "line %03d\n", i);
        adds(g, line);
        assert_true(growing_size(g) <= 100);
        assert_true(i < 6 || growing_size(g) >= 41); /* half, to a whole line */
    }
    size_t n = growing_read(g, 0, out, sizeof out);
    assert_memory_equal(out, "line ", 5);
    assert_memory_equal(out + n - 9, "line 029\n", 9);
    growing_destroy(g);
}

static void while_somebody_holds_it_an_offset_means_the_same_byte(void **state)
{
    struct growing *g = growing_create(100);
    char out[400];

    (void)state;
    growing_hold(g);
    for (int i = 0; i < 40; i++)
        adds(g, "123456789\n"); /* 400 bytes: 4 caps */
    assert_int_equal(growing_size(g), 400);
    assert_int_equal(growing_read(g, 0, out, sizeof out), 400);
    assert_memory_equal(out, "123456789\n", 10);

    adds(g, "abcdefghi\n"); /* more than a reader that never leaves may keep */
    assert_int_equal(growing_size(g), 410);
    assert_int_equal(growing_read(g, 0, out, 5), 5);
    assert_memory_equal(out, "\n\n\n\n\n", 5);
    assert_int_equal(growing_read(g, 400, out, 10), 10);
    assert_memory_equal(out, "abcdefghi\n", 10);

    growing_unhold(g);
    assert_true(growing_size(g) <= 100);
    growing_destroy(g);
}

static void an_open_file_keeps_the_text_of_a_destroyed_owner(void **state)
{
    struct growing *g = growing_create(100);
    struct growing_watch w = { .grew = NULL };
    char out[8];

    (void)state;
    adds(g, "hello");
    growing_watch(g, &w);
    growing_hold(g);
    growing_destroy(g);
    growing_unwatch(&w); /* forgotten already */
    assert_int_equal(growing_read(g, 0, out, sizeof out), 5);
    growing_unhold(g); /* frees it: the leak sanitizer knows */
}

struct counter {
    struct growing_watch w;
    int calls;
};

static void grew_cb(struct growing_watch *w)
{
    container_of(w, struct counter, w)->calls++;
}

static void watchers_hear_of_each_growth_until_they_leave(void **state)
{
    struct growing *g = growing_create(100);
    struct counter a = { .w.grew = grew_cb }, b = { .w.grew = grew_cb };

    (void)state;
    growing_watch(g, &a.w);
    growing_watch(g, &b.w);
    adds(g, "x");
    adds(g, "");
    growing_unwatch(&a.w);
    growing_unwatch(&a.w);
    adds(g, "y");
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 2);
    growing_unwatch(&b.w);
    growing_destroy(g);
}

static void the_tail_is_the_last_whole_lines(void **state)
{
    static const struct {
        const char *text;
        int lines;
        const char *tail;
    } rows[] = {
        { "", 3, "" },
        { "one\n", 3, "one" },
        { "one\ntwo\nthree\n", 1, "three" },
        { "one\ntwo\nthree\n", 2, "two\nthree" },
        { "one\ntwo", 1, "two" },
        { "one\ntwo\n\n\n", 1, "two" },
        { "one\ntwo\n", 9, "one\ntwo" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct growing *g = growing_create(100);
        adds(g, rows[i].text);
        char *tail = growing_tail(g, rows[i].lines);
        assert_string_equal(tail, rows[i].tail);
        free(tail);
        growing_destroy(g);
    }
}

static void its_time_is_when_it_last_grew(void **state)
{
    struct growing *g = growing_create(100);
    struct timespec made = growing_mtime(g);

    (void)state;
    assert_true(made.tv_sec > 1600000000);
    adds(g, "");
    assert_int_equal(growing_mtime(g).tv_nsec, made.tv_nsec);
    adds(g, "x");
    struct timespec grown = growing_mtime(g);
    assert_true(grown.tv_sec > made.tv_sec || (grown.tv_sec == made.tv_sec && grown.tv_nsec >= made.tv_nsec));
    growing_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_added_is_read_at_its_offset),
        cmocka_unit_test(past_its_cap_the_oldest_half_goes_at_a_line),
        cmocka_unit_test(while_somebody_holds_it_an_offset_means_the_same_byte),
        cmocka_unit_test(an_open_file_keeps_the_text_of_a_destroyed_owner),
        cmocka_unit_test(watchers_hear_of_each_growth_until_they_leave),
        cmocka_unit_test(the_tail_is_the_last_whole_lines),
        cmocka_unit_test(its_time_is_when_it_last_grew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
