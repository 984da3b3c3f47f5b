/* SPDX-License-Identifier: MIT */
#include "fs/door_http/access_log.h"
#include "backend/base/alloc.h"
#include "backend/base/mailbox.h"
#include "tests/unit/own_dir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

static char *path;
static uv_loop_t loop;
static struct mailbox *mail;

static int begin(void **state)
{
    int rc = own_dir_begin(state);

    path = xasprintf("%s/access.log", dir);
    uv_loop_init(&loop);
    mail = mailbox_create(&loop);
    return rc;
}

static int finish(void **state)
{
    free(path);
    mailbox_destroy(mail);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return own_dir_finish(state);
}

static void write_one(struct access_log *l, const char *id)
{
    access_log_write(l, &(struct access_entry){ .id = id,
                                                .key = "ann",
                                                .method = "POST",
                                                .path = "/v1/\"x\n",
                                                .model = "qwen",
                                                .status = 200,
                                                .bytes = 12,
                                                .first_ms = -1,
                                                .total_ms = 1500 });
}

static void a_line_is_one_object(void **state)
{
    struct access_log *l;
    struct stat st;

    (void)state;
    assert_int_equal(access_log_create(&l, path, mail, NULL), 0);
    write_one(l, "a");
    write_one(l, "b");
    access_log_destroy(l);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    FILE *f = fopen(path, "r");
    json_t *one = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL);
    assert_int_equal(fgetc(f), '\n');
    json_t *two = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL);
    assert_int_equal(fgetc(f), '\n');
    assert_int_equal(fgetc(f), EOF);
    fclose(f);
    assert_string_equal(json_string_value(json_object_get(one, "id")), "a");
    assert_string_equal(json_string_value(json_object_get(two, "path")), "/v1/\"x\n");
    assert_int_equal(json_integer_value(json_object_get(two, "status")), 200);
    assert_true(json_is_null(json_object_get(two, "first_byte_s")));
    assert_true(json_real_value(json_object_get(two, "duration_s")) == 1.5);
    json_decref(one);
    json_decref(two);
}

static off_t size_of(const char *file)
{
    struct stat st;

    assert_int_equal(stat(file, &st), 0);
    return st.st_size;
}

static void the_lines_of_a_turn_are_written_together_at_its_end(void **state)
{
    struct access_log *l;

    (void)state;
    assert_int_equal(access_log_create(&l, path, mail, NULL), 0);
    write_one(l, "a");
    write_one(l, "b");
    assert_int_equal(size_of(path), 0);
    uv_run(&loop, UV_RUN_NOWAIT);
    off_t two = size_of(path);
    assert_true(two > 0);
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(size_of(path), two);
    for (int i = 0; i < 1000; i++)
        write_one(l, "c");
    assert_true(size_of(path) > two); /* not all of a busy turn is held */
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(size_of(path), two / 2 * 1002);
    access_log_destroy(l);
}

static void it_goes_on_in_a_new_file(void **state)
{
    char *old = xasprintf("%s.1", path);
    struct access_log *l;

    (void)state;
    assert_int_equal(access_log_create(&l, path, mail, NULL), 0);
    write_one(l, "a");
    assert_int_equal(rename(path, old), 0);
    access_log_reopen(l);
    assert_true(size_of(old) > 0);
    assert_int_equal(size_of(path), 0);
    write_one(l, "b");
    access_log_destroy(l);
    assert_int_equal(size_of(path), size_of(old));
    access_log_reopen(NULL);
    free(old);
}

static void one_that_cannot_be_opened_is_named(void **state)
{
    struct access_log *l;
    struct err e = { "" };

    (void)state;
    assert_int_equal(access_log_create(&l, "/nowhere/at/all", mail, &e), -ENOENT);
    assert_non_null(strstr(e.text, "/nowhere/at/all"));
    assert_int_equal(access_log_create(&l, dir, mail, &e), -EISDIR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_is_one_object, begin, finish),
        cmocka_unit_test_setup_teardown(the_lines_of_a_turn_are_written_together_at_its_end, begin, finish),
        cmocka_unit_test_setup_teardown(it_goes_on_in_a_new_file, begin, finish),
        cmocka_unit_test_setup_teardown(one_that_cannot_be_opened_is_named, begin, finish),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
