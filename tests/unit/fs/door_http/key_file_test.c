/* SPDX-License-Identifier: MIT */
#include "fs/door_http/key_file.h"
#include "backend/base/alloc.h"
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

#include <sys/stat.h>
#include <unistd.h>

static char *path;

static int begin(void **state)
{
    int rc = own_dir_begin(state);

    path = xasprintf("%s/state/keys.json", dir);
    return rc;
}

static int finish(void **state)
{
    free(path);
    return own_dir_finish(state);
}

static void put(const char *text, mode_t mode)
{
    char *folder = xasprintf("%s/state", dir);

    mkdir(folder, 0700);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    chmod(path, mode);
    free(folder);
}

static void what_was_written_is_read(void **state)
{
    char *models[] = { "a", "b", NULL };
    struct key k = { .id = "0123abcd",
                     .name = "ann",
                     .email = "a@b",
                     .models = { models, 2 },
                     .limits = { 1, 2, 3, 4, INT64_C(5000000000) },
                     .created = 1000,
                     .expires = 2000 };
    struct key_list keys = { &k, 1 }, again;
    struct err e = { "" };
    struct stat st;

    (void)state;
    secret_hash("abc", k.hash);
    assert_int_equal(k.hash[0], 0xba); /* FIPS 180-2, appendix B.1 */
    assert_int_equal(k.hash[31], 0xad);
    assert_int_equal(key_file_write(path, &keys, &e), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(key_file_read(path, &again, &e), 0);
    assert_int_equal(again.n, 1);
    assert_string_equal(again.v[0].id, "0123abcd");
    assert_string_equal(again.v[0].name, "ann");
    assert_string_equal(again.v[0].email, "a@b");
    assert_memory_equal(again.v[0].hash, k.hash, KEY_HASH);
    assert_int_equal(again.v[0].models.n, 2);
    assert_string_equal(again.v[0].models.v[1], "b");
    assert_memory_equal(&again.v[0].limits, &k.limits, sizeof k.limits);
    assert_int_equal(again.v[0].created, 1000);
    assert_int_equal(again.v[0].expires, 2000);
    key_list_free(&again);
}

static void a_missing_file_has_no_keys(void **state)
{
    struct key_list keys = { 0 };

    (void)state;
    assert_int_equal(key_file_read(path, &keys, NULL), 0);
    assert_int_equal(keys.n, 0);
    key_list_free(&keys);
}

#define HASH "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define KEY  "\"id\":\"0123abcd\",\"name\":\"ann\",\"sha256\":\"" HASH "\""

static void a_damaged_file_is_refused_by_name(void **state)
{
    static const char *const rows[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":[1]}",
        "{\"keys\":[{}]}",
        "{\"keys\":[{\"id\":\"0123abcd\",\"name\":\"ann\",\"sha256\":\"ba\"}]}",
        "{\"keys\":[{\"id\":\"../../..\",\"name\":\"ann\",\"sha256\":\"" HASH "\"}]}",
        "{\"keys\":[{\"id\":\"0123abcd\",\"name\":\"a\\\"b\",\"sha256\":\"" HASH "\"}]}",
        "{\"keys\":[{\"id\":\"0123abcd\",\"name\":\"token\",\"sha256\":\"" HASH "\"}]}",
        "{\"keys\":[{" KEY ",\"models\":\"all\"}]}",
        "{\"keys\":[{" KEY ",\"models\":[1]}]}",
        "{\"keys\":[{" KEY ",\"concurrent\":-1}]}",
        "{\"keys\":[{" KEY ",\"tokens_per_day\":\"5\"}]}",
        "{\"keys\":[{" KEY ",\"expires\":\"tomorrow\"}]}",
        "{\"keys\":[{" KEY "}],\"keys\":[]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct key_list keys = { 0 };
        struct err e = { "" };
        put(rows[i], 0600);
        if (key_file_read(path, &keys, &e) != -EINVAL || !strstr(e.text, path))
            fail_msg("row %zu: \"%s\"", i, e.text);
    }
    put("{\"keys\":[{" KEY "}]}", 0600);
    struct key_list keys;
    assert_int_equal(key_file_read(path, &keys, NULL), 0);
    key_list_free(&keys);
}

static void a_file_that_others_can_read_is_refused(void **state)
{
    struct key_list keys;
    struct err e = { "" };

    (void)state;
    put("{\"keys\":[]}", 0644);
    assert_int_equal(key_file_read(path, &keys, &e), -EACCES);
    assert_non_null(strstr(e.text, "chmod 600"));
    put("{\"keys\":[]}", 0620);
    assert_int_equal(key_file_read(path, &keys, &e), -EACCES);
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(key_file_read(path, &keys, &e), -EACCES);
}

static void names_are_plain_words(void **state)
{
    (void)state;
    assert_int_equal(key_name_check("ann.b-c_d+1@example.org", NULL), 0);
    assert_int_equal(key_name_check("", NULL), -EINVAL);
    assert_int_equal(key_name_check("a b", NULL), -EINVAL);
    assert_int_equal(key_name_check("a\"b", NULL), -EINVAL);
    assert_int_equal(key_name_check("owner", NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_written_is_read, begin, finish),
        cmocka_unit_test_setup_teardown(a_missing_file_has_no_keys, begin, finish),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_refused_by_name, begin, finish),
        cmocka_unit_test_setup_teardown(a_file_that_others_can_read_is_refused, begin, finish),
        cmocka_unit_test(names_are_plain_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
