/* SPDX-License-Identifier: MIT */
/* Images in a chat request: which are named by paths, what their bytes are, and how they stand in the request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "backend/engine/image_url.h"

static void paths_and_urls_are_told_apart(void **state)
{
    static const struct {
        const char *url, *path; /* NULL: it is a URL */
        int rc;
    } rows[] = {
        { "/home/me/a b.png", "/home/me/a b.png", 0 },
        { "/odd%20name.png", "/odd%20name.png", 0 },
        { "file:///home/me/a%20b.png", "/home/me/a b.png", 0 },
        { "file://localhost/a.png", "/a.png", 0 },
        { "FILE:///a.png", "/a.png", 0 },
        { "file:/a.png", "/a.png", 0 },
        { "https://example.org/a.png", NULL, -ENOENT },
        { "data:image/png;base64,AAAA", NULL, -ENOENT },
        { "a.png", NULL, -EINVAL },
        { "./a.png", NULL, -EINVAL },
        { "~/a.png", NULL, -EINVAL },
        { "", NULL, -EINVAL },
        { "file://other.host/a.png", NULL, -EINVAL },
        { "file:a.png", NULL, -EINVAL },
        { "file:///a%2", NULL, -EINVAL },
        { "file:///a%zz", NULL, -EINVAL },
        { "file:///a%00.png", NULL, -EINVAL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err e = { 0 };
        char *path = NULL;
        if (image_path(rows[i].url, &path, &e) != rows[i].rc)
            fail_msg("\"%s\" is taken for something else", rows[i].url);
        if (rows[i].path)
            assert_string_equal(path, rows[i].path);
        if (rows[i].rc == -EINVAL)
            assert_non_null(strstr(e.text, rows[i].url));
        free(path);
    }
}

static void a_path_has_an_end(void **state)
{
    char long_one[9000], *path = NULL;
    struct err e;

    (void)state;
    memset(long_one, 'x', sizeof long_one);
    long_one[0] = '/';
    long_one[sizeof long_one - 1] = '\0';
    assert_int_equal(image_path(long_one, &path, &e), -EINVAL);
}

static void the_type_is_that_of_the_first_bytes(void **state)
{
    static const struct {
        const char *bytes, *type;
    } rows[] = {
        { "\x89PNG\r\n\x1a\n____", "image/png" },
        { "\xff\xd8\xff\xe0________", "image/jpeg" },
        { "GIF87a______", "image/gif" },
        { "GIF89a______", "image/gif" },
        { "RIFF____WEBP", "image/webp" },
        { "RIFF____WAVE", NULL },
        { "#!/bin/sh\n\n\n", NULL },
        { "root:x:0:0:r", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *type = image_type(rows[i].bytes, 12);
        if (rows[i].type)
            assert_string_equal(type, rows[i].type);
        else
            assert_null(type);
    }
    assert_null(image_type("GIF89a", 6)); /* no image is so short */
}

static void data_urls(void **state)
{
    static const char *const wanted[] = { "", "TQ==", "TWE=", "TWFu", "TWFuTQ==" };

    (void)state;
    for (size_t n = 0; n < 5; n++) {
        struct buf url = { 0 };
        image_data_url("image/gif", "ManMan", n, &url);
        assert_int_equal(url.len, image_data_url_len("image/gif", n));
        assert_string_equal(url.data + strlen("data:image/gif;base64,"), wanted[n]);
        buf_free(&url);
    }
}

static int collect(void *arg, json_t *holder, const char *key, const char *url)
{
    buf_addf(arg, "%s ", url);
    json_object_set_new(holder, key, json_string("changed"));
    return 0;
}

static int stop_at_once(void *arg, json_t *holder, const char *key, const char *url)
{
    (void)arg, (void)holder, (void)key, (void)url;
    return -EIO;
}

static void each_image_is_found(void **state)
{
    static const char text[] =
        "{\"messages\":[3,{\"content\":\"text\"},{\"content\":[{\"type\":\"text\",\"text\":\"x\"},7,"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"1\"}},{\"type\":\"image_url\",\"image_url\":\"2\"},"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":5}},{\"type\":\"image_url\"},"
        "{\"type\":\"audio\",\"image_url\":{\"url\":\"none\"}}]},"
        "{\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"3\",\"detail\":\"low\"}}]}]}";
    json_t *v = json_loads(text, 0, NULL), *no_request = json_loads("[{\"messages\":1}]", 0, NULL);
    struct buf found = { 0 };

    (void)state;
    assert_int_equal(image_each(v, stop_at_once, NULL), -EIO);
    assert_int_equal(image_each(v, collect, &found), 0);
    assert_string_equal(found.data, "1 2 3 ");
    buf_reset(&found);
    image_each(v, collect, &found);
    assert_string_equal(found.data, "changed changed changed ");
    assert_int_equal(image_each(no_request, collect, &found), 0);
    buf_free(&found);
    json_decref(v);
    json_decref(no_request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_and_urls_are_told_apart),
        cmocka_unit_test(a_path_has_an_end),
        cmocka_unit_test(the_type_is_that_of_the_first_bytes),
        cmocka_unit_test(data_urls),
        cmocka_unit_test(each_image_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
