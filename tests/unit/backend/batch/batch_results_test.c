/* SPDX-License-Identifier: MIT */
/* Results on disk, and what is left of them after a crash at any place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "backend/batch/batch_line.h"
#include "backend/batch/batch_results.h"

#define TOTAL 6

static struct batch_files files;
static struct batch_results results;

static int setup(void **state)
{
    (void)state;
    files = (struct batch_files){ fileno(tmpfile()), fileno(tmpfile()), fileno(tmpfile()), true };
    batch_results_init(&results, TOTAL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    batch_results_finish(&results);
    close(files.out);
    close(files.errors);
    close(files.marks);
    return 0;
}

static void add(struct batch_group *g, uint32_t number, bool good)
{
    struct batch_request r = { .custom_id = "x" };
    struct batch_answer a = { .number = number, .code = good ? NULL : "EIO", .wrong = "why" };
    struct buf line = { 0 };

    batch_result_write(&r, &a, &line);
    batch_group_add(g, number, good, &line);
    buf_free(&line);
}

/* The numbers of a group; those below 0 are bad: -n is line n. */
static void write_group(const int *numbers, size_t n)
{
    struct batch_group g = { 0 };
    struct err e = { "" };

    batch_group_begin(&g, &results);
    for (size_t i = 0; i < n; i++)
        add(&g, (uint32_t)abs(numbers[i]), numbers[i] >= 0);
    if (batch_group_write(&files, &g, &e) < 0)
        fail_msg("%s", e.text);
    batch_results_take(&results, &g);
    batch_group_finish(&g);
}

static off_t size_of(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    return st.st_size;
}

/* As the next mount finds it: each line's result, '.', 'g' or 'b'. */
static void expect_after_crash(const char *want)
{
    struct batch_results r;
    struct err e = { "" };
    char got[TOTAL + 1] = "";

    for (int i = 0; i < 2; i++) { /* and the one after that alike */
        batch_results_init(&r, TOTAL);
        if (batch_results_load(&files, &r, &e) < 0)
            fail_msg("%s", e.text);
        for (int k = 0; k < TOTAL; k++)
            got[k] = ".gb"[r.of[k]];
        assert_string_equal(got, want);
        assert_int_equal(size_of(files.out), r.out_end);
        assert_int_equal(size_of(files.errors), r.errors_end);
        assert_int_equal(size_of(files.marks), r.marks_end);
        batch_results_finish(&r);
    }
}

static void results_are_found_again(void **state)
{
    (void)state;
    expect_after_crash("......");
    write_group((int[]){ 2, -1, 0 }, 3);
    write_group((int[]){ 5 }, 1);
    assert_int_equal(results.good, 3);
    assert_int_equal(results.bad, 1);
    expect_after_crash("gbg..g");
}

static void those_without_a_mark_count_and_half_a_one_does_not(void **state)
{
    (void)state;
    write_group((int[]){ 2, -1 }, 2);
    off_t marks = size_of(files.marks);
    write_group((int[]){ 3, -4, 5 }, 3);
    assert_int_equal(ftruncate(files.marks, marks), 0);
    expect_after_crash(".bggbg");
    off_t out = size_of(files.out);
    assert_int_equal(ftruncate(files.marks, marks), 0);
    assert_int_equal(ftruncate(files.out, out - 1), 0); /* the newline is missing */
    expect_after_crash(".bggb.");
    assert_int_equal(ftruncate(files.marks, marks + 5), 0); /* half a mark */
    expect_after_crash(".bggb.");
}

static void a_cut_at_any_place_doubles_and_invents_nothing(void **state)
{
    struct batch_results r;

    (void)state;
    write_group((int[]){ 0, 1, 2 }, 3);
    for (off_t out = size_of(files.out); out >= 0; out--) {
        assert_int_equal(ftruncate(files.out, out), 0);
        batch_results_init(&r, TOTAL);
        assert_int_equal(batch_results_load(&files, &r, NULL), 0);
        assert_int_equal(size_of(files.out), r.out_end);
        assert_true(r.out_end <= (uint64_t)out);
        assert_int_equal(r.good, r.of[0] + r.of[1] + r.of[2]);
        batch_results_finish(&r);
    }
}

static void zeroes_that_a_loss_of_power_leaves_are_no_marks(void **state)
{
    static const char zeroes[64];

    (void)state;
    write_group((int[]){ 2, 3 }, 2);
    assert_int_equal(pwrite(files.marks, zeroes, sizeof zeroes, size_of(files.marks)), sizeof zeroes);
    assert_int_equal(pwrite(files.out, zeroes, sizeof zeroes, size_of(files.out)), sizeof zeroes);
    expect_after_crash("..gg..");
}

static void failed_ones_can_be_made_anew(void **state)
{
    (void)state;
    write_group((int[]){ 0, -1, -2 }, 3);
    assert_int_equal(batch_results_retry(&files, results.marks_end, NULL), 0);
    batch_results_retried(&results);
    assert_int_equal(results.bad, 0);
    expect_after_crash("g.....");
    write_group((int[]){ 1, -2 }, 2);
    expect_after_crash("ggb...");
}

static void a_crash_in_the_middle_of_that_is_that(void **state)
{
    (void)state;
    write_group((int[]){ 0, -1, -2 }, 3);
    assert_int_equal(ftruncate(files.errors, 0), 0); /* the mark was not written */
    expect_after_crash("g.....");
}

static void what_is_written_again_stands_once(void **state)
{
    struct batch_group g = { 0 };

    (void)state;
    batch_group_begin(&g, &results);
    add(&g, 0, true);
    assert_int_equal(batch_group_write(&files, &g, NULL), 0);
    off_t out = size_of(files.out);
    assert_int_equal(batch_group_write(&files, &g, NULL), 0); /* the first time the disk said no at the end */
    assert_int_equal(size_of(files.out), out);
    batch_group_finish(&g);
    expect_after_crash("g.....");
}

static void a_full_disk_is_told(void **state)
{
    struct batch_group g = { 0 };
    struct err e = { "" };
    struct batch_files full = files;

    (void)state;
    full.out = open("/dev/full", O_RDWR);
    batch_group_begin(&g, &results);
    add(&g, 0, true);
    assert_int_equal(batch_group_write(&full, &g, &e), -ENOSPC);
    assert_non_null(strstr(e.text, "out.jsonl"));
    close(full.out);
    batch_group_finish(&g);
    expect_after_crash("......");
}

int main(void)
{
#define SENTENCE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        SENTENCE(results_are_found_again),
        SENTENCE(those_without_a_mark_count_and_half_a_one_does_not),
        SENTENCE(a_cut_at_any_place_doubles_and_invents_nothing),
        SENTENCE(zeroes_that_a_loss_of_power_leaves_are_no_marks),
        SENTENCE(failed_ones_can_be_made_anew),
        SENTENCE(a_crash_in_the_middle_of_that_is_that),
        SENTENCE(what_is_written_again_stands_once),
        SENTENCE(a_full_disk_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
