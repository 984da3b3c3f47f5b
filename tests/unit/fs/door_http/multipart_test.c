/* SPDX-License-Identifier: MIT */
#include "fs/door_http/multipart.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define FORM        "multipart/form-data; boundary=b1"
#define NAMED(name) "--b1\r\nContent-Disposition: form-data; name=" name "\r\n\r\n"
#define AUDIO                                                                                                \
    "--b1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: "            \
    "audio/wav\r\n\r\n"                                                                                      \
    "RIFF\r\n--b2--\r\n\r\n"
#define END "\r\n--b1--\r\n"

static const struct {
    const char *type, *body;
    int rc;
    const char *model; /* NULL: none */
    bool stream;
} rows[] = {
    { FORM, NAMED("\"model\"") "qwen" END, 0, "qwen", false },
    { FORM, AUDIO NAMED("\"model\"") "qwen\r\n" NAMED("\"stream\"") "true" END, 0, "qwen", true },
    { FORM, NAMED("model") "q\r\n" AUDIO "--b1--", 0, "q", false },
    { FORM, "\r\n" NAMED("model") "q" END "an epilogue", 0, "q", false },
    { "Multipart/Form-Data ;charset=utf-8; Boundary=\"b1\"", NAMED("\"mod\\el\"") "q" END, 0, "q", false },
    { FORM, "--b1 \t\r\ncontent-disposition:form-data;name=model\r\nContent-Type: text/plain\r\n\r\nq" END, 0,
      "q", false },
    { FORM, NAMED("\"model\"") END, 0, "", false },
    { FORM, "--b1\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n--b1--", 0, "", false },
    { FORM, "--b1\r\n\r\nno head" END, 0, NULL, false },
    { FORM, NAMED("\"Model\"") "q" END, 0, NULL, false },
    { FORM, AUDIO "--b1--", 0, NULL, false },
    { FORM, "--b1--", 0, NULL, false },
    { "multipart/mixed; boundary=b1", NAMED("model") "q" END, 0, NULL, false },
    { FORM, NAMED("model") "q\r\n" NAMED("model") "q" END, -EINVAL, NULL, false },
    { FORM, "--b1\r\nContent-Disposition: form-data; name=model; name=x\r\n\r\nq" END, -EINVAL, NULL, false },
    { FORM, "--b1\r\nContent-Disposition: form-data; name=x; name*=utf-8''model\r\n\r\nq" END, -EINVAL, NULL,
      false },
    { FORM,
      "--b1\r\nContent-Disposition: form-data; name=x\r\nContent-Disposition: form-data; "
      "name=model\r\n\r\nq" END,
      -EINVAL, NULL, false },
    { FORM, "--b1\r\nContent-Disposition: form-data; name=model; filename=x\r\n\r\nq" END, -EINVAL, NULL,
      false },
    { FORM, "--b1\r\nContent-Disposition: form-data;\r\n name=model\r\n\r\nq" END, -EINVAL, NULL, false },
    { FORM, "--b1\r\nContent-Disposition: form-data; name=\"model\r\n\r\nq" END, -EINVAL, NULL, false },
    { FORM, "--b1\r\nContent-Disposition: form-data; name\r\n\r\nq" END, -EINVAL, NULL, false },
    { FORM, "--b1\r\nX: y\nContent-Disposition: form-data; name=model\r\n\r\nq" END, -EINVAL, NULL, false },
    { FORM, "--b1\r\nContent-Disposition: form-data; name=model\r\nq" END, -EINVAL, NULL, false },
    { FORM, NAMED("model") "q", -EINVAL, NULL, false },
    { FORM, NAMED("model") "q\r\n--b1", -EINVAL, NULL, false },
    { FORM, NAMED("model") "q\r\n--b1-", -EINVAL, NULL, false },
    { FORM, NAMED("model") "q\r\n--b1x" END, -EINVAL, NULL, false },
    { FORM, NAMED("model"), -EINVAL, NULL, false },
    { FORM, "--b1\r\nContent-Disposition: form-da", -EINVAL, NULL, false },
    { FORM, "--b1", -EINVAL, NULL, false },
    { FORM, "a preamble\r\n" NAMED("model") "q" END, -EINVAL, NULL, false },
    { FORM, "{\"model\":\"q\"}", -EINVAL, NULL, false },
    { FORM, "", -EINVAL, NULL, false },
    { "multipart/form-data", NAMED("model") "q" END, -EINVAL, NULL, false },
    { "multipart/form-data; boundary=", NAMED("model") "q" END, -EINVAL, NULL, false },
    { "multipart/form-data; boundary=b1; boundary=b2", NAMED("model") "q" END, -EINVAL, NULL, false },
    { "multipart/form-data; boundary=\"b1", NAMED("model") "q" END, -EINVAL, NULL, false },
    { "multipart/form-data; boundary="
      "12345678901234567890123456789012345678901234567890123456789012345678901",
      "", -EINVAL, NULL, false },
    { "application/json", "{\"model\":\"q\",\"stream\":true}", 0, "q", true },
    { NULL, "{\"model\":\"q\"}", 0, "q", false },
};

static void test_a_form_tells_what_json_tells(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len = strlen(rows[i].body);
        struct body_facts f;
        struct err e = { 0 };
        char *exact = malloc(len ? len : 1); /* so that a sanitizer sees a read behind the end */
        memcpy(exact, rows[i].body, len);
        int rc = body_scan(rows[i].type, exact, len, &f, &e);
        if (rc == 0 && f.boundary[0] && f.has_model &&
            (f.model_len != f.model.len ||
             (f.model_len && memcmp(exact + f.model_at, f.model.data, f.model_len) != 0)))
            fail_msg("row %zu: it does not stand at %zu", i, f.model_at);
        free(exact);
        if (rc != rows[i].rc || (rc < 0) != (e.text[0] != '\0'))
            fail_msg("row %zu: %s: %d %s", i, rows[i].body, rc, e.text);
        if (f.has_model != (rows[i].model != NULL) ||
            (rows[i].model && strcmp(rows[i].model, buf_str(&f.model)) != 0) || f.stream != rows[i].stream)
            fail_msg("row %zu: %s: model %s, stream %d", i, rows[i].body, buf_str(&f.model), f.stream);
        buf_free(&f.model);
    }
}

/* Whatever its length is, a form that is cut is no form: nothing is found in a piece that is not in the whole. */
static void test_a_form_that_is_cut_anywhere_is_refused(void **state)
{
    static const char whole[] = AUDIO NAMED("\"model\"") "qwen"
                                                         "\r\n--b1--";
    struct body_facts f;

    (void)state;
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        char *exact = malloc(len ? len : 1);
        memcpy(exact, whole, len);
        assert_int_equal(body_scan(FORM, exact, len, &f, NULL), -EINVAL);
        assert_false(f.has_model);
        free(exact);
    }
}

static void test_what_is_read_is_bounded(void **state)
{
    struct buf head = { 0 }, name = { 0 };
    struct body_facts f;

    (void)state;
    buf_adds(&head, "--b1\r\nX: ");
    for (int i = 0; i < 20000; i++)
        buf_adds(&head, "x");
    buf_adds(&head, "\r\n\r\nq" END);
    assert_int_equal(body_scan(FORM, head.data, head.len, &f, NULL), -EINVAL);
    buf_adds(&name, NAMED("model"));
    for (int i = 0; i < 1025; i++)
        buf_adds(&name, "x");
    buf_adds(&name, END);
    assert_int_equal(body_scan(FORM, name.data, name.len, &f, NULL), -EINVAL);
    buf_free(&head);
    buf_free(&name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_form_tells_what_json_tells),
        cmocka_unit_test(test_a_form_that_is_cut_anywhere_is_refused),
        cmocka_unit_test(test_what_is_read_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
