/* SPDX-License-Identifier: MIT */
#include "backend/base/buf.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void an_empty_buffer_is_a_zeroed_struct_and_reads_as_an_empty_string(void **state)
{
    struct buf b = { 0 };

    (void)state;
    assert_string_equal(buf_str(&b), "");
    buf_reset(&b);
    buf_consume(&b, 0);
    buf_free(&b);
    char *s = buf_take(&b);
    assert_string_equal(s, "");
    free(s);
}

static void what_is_added_is_followed_by_a_nul_that_does_not_count(void **state)
{
    struct buf b = { 0 };

    (void)state;
    buf_add(&b, "a\0b", 3);
    assert_int_equal(b.len, 3);
    assert_memory_equal(b.data, "a\0b", 4);
    buf_adds(&b, "cd");
    assert_int_equal(b.len, 5);
    assert_int_equal(b.data[5], 0);
    buf_add(&b, NULL, 0);
    assert_int_equal(b.len, 5);
    buf_free(&b);
    assert_null(b.data);
    assert_int_equal(b.len + b.cap, 0);
}

static void adding_nothing_to_an_empty_buffer_gives_it_a_string(void **state)
{
    struct buf b = { 0 };

    (void)state;
    buf_adds(&b, "");
    assert_non_null(b.data);
    assert_int_equal(b.len, 0);
    buf_free(&b);
}

static void reserved_room_is_behind_what_stays_and_does_not_count(void **state)
{
    struct buf b = { 0 };

    (void)state;
    char *room = buf_reserve(&b, 1000);
    assert_string_equal(buf_str(&b), "");
    memset(room, 'x', 1000); /* the sanitizer tells */
    buf_reset(&b);
    buf_adds(&b, "abc");
    room = buf_reserve(&b, 5000);
    assert_ptr_equal(room, b.data + 3);
    assert_string_equal(b.data, "abc");
    assert_int_equal(b.len, 3);
    buf_free(&b);
}

static void formatted_text_of_any_length_is_appended(void **state)
{
    struct buf b = { 0 };

    (void)state;
    buf_adds(&b, "x");
    buf_addf(&b, "%d-%s", 42, "y");
    assert_string_equal(b.data, "x42-y");
    buf_addf(&b, "%5000d", 7);
    assert_int_equal(b.len, 5005);
    assert_string_equal(b.data + 5003, " 7");
    buf_free(&b);
}

static void many_small_pieces_cost_few_allocations(void **state)
{
    struct buf b = { 0 };
    size_t grown = 0, cap = 0;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        buf_add(&b, "x", 1);
        grown += b.cap != cap;
        cap = b.cap;
    }
    assert_int_equal(b.len, 100000);
    assert_true(grown < 20);
    buf_free(&b);
}

static void consuming_drops_the_first_bytes(void **state)
{
    struct buf b = { 0 };

    (void)state;
    buf_adds(&b, "hello");
    buf_consume(&b, 2);
    assert_string_equal(b.data, "llo");
    buf_consume(&b, 3);
    assert_string_equal(b.data, "");
    assert_int_equal(b.len, 0);
    buf_free(&b);
}

static void a_reset_keeps_the_memory(void **state)
{
    struct buf b = { 0 };

    (void)state;
    buf_adds(&b, "hello");
    size_t cap = b.cap;
    buf_reset(&b);
    assert_int_equal(b.len, 0);
    assert_int_equal(b.cap, cap);
    assert_string_equal(buf_str(&b), "");
    buf_free(&b);
}

static void taking_leaves_an_empty_buffer_that_can_be_used_again(void **state)
{
    struct buf b = { 0 };

    (void)state;
    buf_adds(&b, "one");
    char *s = buf_take(&b);
    buf_adds(&b, "two");
    assert_string_equal(s, "one");
    assert_string_equal(b.data, "two");
    free(s);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_buffer_is_a_zeroed_struct_and_reads_as_an_empty_string),
        cmocka_unit_test(what_is_added_is_followed_by_a_nul_that_does_not_count),
        cmocka_unit_test(adding_nothing_to_an_empty_buffer_gives_it_a_string),
        cmocka_unit_test(reserved_room_is_behind_what_stays_and_does_not_count),
        cmocka_unit_test(formatted_text_of_any_length_is_appended),
        cmocka_unit_test(many_small_pieces_cost_few_allocations),
        cmocka_unit_test(consuming_drops_the_first_bytes),
        cmocka_unit_test(a_reset_keeps_the_memory),
        cmocka_unit_test(taking_leaves_an_empty_buffer_that_can_be_used_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
