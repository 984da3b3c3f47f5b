/* SPDX-License-Identifier: MIT */
/* Lines of ctl files: what is a verb, when it acts, and what is said about the rest. */
#include "tests/unit/fs/tree_fixture.h"
#include "backend/base/growing.h"
#include "fs/ctl.h"

static int nothing(struct open_file *f, char **args, struct err *e)
{
    (void)f, (void)args, (void)e;
    return 0;
}

static const struct verb table[] = {
    { "stop all", nothing, "", false },
    { "stop MODEL", nothing, "", false },
    { "cancel", nothing, "", false },
    { "copy FROM to TO", nothing, "", false },
    { "wake time=DURATION", nothing, "", false },
    { 0 },
};

static const struct {
    const char *line, *form, *arg0, *arg1; /* form NULL: refused, and arg0 is a part of the sentence */
} lines[] = {
    { "stop all", "stop all", NULL, NULL },
    { "  stop\t qwen ", "stop MODEL", "qwen", NULL },
    { "stop qwen\r", "stop MODEL", "qwen", NULL },
    { "cancel", "cancel", NULL, NULL },
    { "copy a to b", "copy FROM to TO", "a", "b" },
    { "wake time=4h", "wake time=DURATION", "4h", NULL },
    { "wake time=", "wake time=DURATION", "", NULL },
    { "wake time", NULL, "used as `wake time=DURATION`", NULL },
    { "wake tome=4h", NULL, "used as `wake time=DURATION`", NULL },
    { "copy a at b", NULL, "used as `copy FROM to TO`", NULL },
    { "stop", NULL, "\"stop\": the verb is used as `stop all`, `stop MODEL`", NULL },
    { "stop a b", NULL, "\"stop a b\"", NULL },
    { "cancel all", NULL, "used as `cancel`", NULL },
    { "canc", NULL, "\"canc\": unknown verb", NULL },
    { "cancels", NULL, "\"cancels\": unknown verb", NULL },
    { "STOP all", NULL, "unknown verb", NULL },
    { "", NULL, "an empty line", NULL },
    { " \t ", NULL, "an empty line", NULL },
    { "a b c d e f g h i j", NULL, "unknown verb", NULL },
    { "stop b c d e f g h i j", NULL, "used as", NULL },
};

static void a_line_is_found_in_the_table_or_quoted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char line[64], *args[CTL_WORDS_MAX] = { 0 };
        struct err e = { 0 };
        strcpy(line, lines[i].line);
        const struct verb *v = ctl_parse(table, line, args, &e);
        if (!lines[i].form) {
            assert_null(v);
            if (!strstr(e.text, lines[i].arg0))
                fail_msg("\"%s\": %s", lines[i].line, e.text);
            continue;
        }
        assert_non_null(v);
        assert_string_equal(v->form, lines[i].form);
        for (int k = 0; k < 2; k++) {
            const char *want = k ? lines[i].arg1 : lines[i].arg0;
            if (want)
                assert_string_equal(args[k], want);
        }
    }
}

static bool asleep(struct fixture *x, const char *model)
{
    return model_state(house_model(x->house, model)) == MODEL_ASLEEP;
}

static bool wanted(struct fixture *x, const char *model)
{
    for (int i = 0; i < 200 && asleep(x, model); i++)
        uv_run(&x->loop, UV_RUN_NOWAIT);
    return !asleep(x, model);
}

static void settle(struct fixture *x)
{
    for (int i = 0; i < 50; i++)
        uv_run(&x->loop, UV_RUN_NOWAIT);
}

static int write_to(struct open_file *f, const char *text)
{
    return file_write(f, 0, text, strlen(text));
}

static bool log_has(const char *text)
{
    char *tail = growing_tail(log_text(), 20);
    bool has = strstr(tail, text) != NULL;

    free(tail);
    return has;
}

static void a_line_acts_when_its_newline_arrives(void **state)
{
    struct fixture *x = *state;
    struct open_file *f = open_at(x, "qwen/ctl", O_WRONLY | O_TRUNC);

    assert_int_equal(write_to(f, "wa"), 0);
    settle(x);
    assert_true(asleep(x, "qwen"));
    assert_int_equal(write_to(f, "ke\n"), 0);
    assert_true(wanted(x, "qwen"));
    file_release(f);
}

static void a_last_line_without_newline_acts_at_the_last_close_only(void **state)
{
    struct fixture *x = *state;
    struct open_file *f = open_at(x, "qwen/ctl", O_WRONLY);

    assert_int_equal(write_to(f, "wake"), 0);
    assert_int_equal(file_flush(f), 0);
    settle(x);
    assert_true(asleep(x, "qwen"));
    file_release(f);
    assert_true(wanted(x, "qwen"));
}

static void what_cannot_be_used_is_einval_and_quoted_in_the_log(void **state)
{
    struct fixture *x = *state;
    struct open_file *f = open_at(x, "qwen/ctl", O_WRONLY);

    assert_int_equal(write_to(f, "jump\n"), -EINVAL);
    assert_true(log_has("qwen/ctl: \"jump\": unknown verb"));
    assert_int_equal(write_to(f, "\n"), -EINVAL);
    assert_int_equal(file_write(f, 0, "wa\0ke\n", 6), -EINVAL);
    assert_int_equal(write_to(f, "jum"), 0);
    assert_int_equal(file_flush(f), -EINVAL); /* close(2) says so */
    file_release(f);
    assert_true(log_has("\"jum\": unknown verb"));
    settle(x);
    assert_true(asleep(x, "qwen"));
}

static void a_line_without_end_is_einval_and_the_next_is_not_harmed(void **state)
{
    struct fixture *x = *state;
    struct open_file *f = open_at(x, "qwen/ctl", O_WRONLY);
    size_t len = 1 << 20;
    char *big = xcalloc(1, len);

    memset(big, 'a', len);
    assert_int_equal(file_write(f, 0, big, len), -EINVAL);
    assert_true(log_has("a line of more than 4096 bytes"));
    assert_int_equal(write_to(f, "wake"), 0); /* still the long line */
    assert_int_equal(write_to(f, "\n"), 0);
    settle(x);
    assert_true(asleep(x, "qwen"));
    assert_int_equal(write_to(f, "wake\n"), 0);
    assert_true(wanted(x, "qwen"));
    file_release(f);
    free(big);
}

static void a_model_that_is_not_there_is_enoent(void **state)
{
    struct fixture *x = *state;
    struct open_file *f = open_at(x, "ctl", O_WRONLY);

    assert_int_equal(write_to(f, "wake nobody\n"), -ENOENT);
    assert_true(log_has("there is no model \"nobody\"; there are: "));
    assert_int_equal(write_to(f, "wake q\n"), 0); /* an alias will do */
    assert_true(wanted(x, "qwen"));
    assert_int_equal(write_to(f, "stop all\n"), 0);
    file_release(f);
}

static void lines_of_one_write_act_in_order(void **state)
{
    struct fixture *x = *state;
    struct open_file *f = open_at(x, "ctl", O_WRONLY);

    assert_int_equal(write_to(f, "wake llama\nbogus\nwake qwen\n"), -EINVAL);
    assert_true(wanted(x, "llama"));
    assert_true(asleep(x, "qwen")); /* behind the one that failed */
    file_release(f);
}

static void cancel_without_a_question_is_enoent(void **state)
{
    struct fixture *x = *state;
    struct open_file *f = open_at(x, "qwen/ctl", O_WRONLY);

    assert_int_equal(write_to(f, "cancel\n"), -ENOENT);
    assert_int_equal(write_to(f, "cancel all\n"), 0);
    file_release(f);
}

static void reading_lists_the_verbs(void **state)
{
    struct fixture *x = *state;
    char *text = content_of(x, "qwen/ctl");

    assert_non_null(strstr(text, "wake "));
    assert_non_null(strstr(text, "stop "));
    assert_non_null(strstr(text, "cancel all "));
    assert_null(strstr(text, "MODEL"));
    free(text);
    text = content_of(x, "ctl");
    assert_non_null(strstr(text, "stop all "));
    assert_non_null(strstr(text, "wake MODEL "));
    free(text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_found_in_the_table_or_quoted),
        TEST(a_line_acts_when_its_newline_arrives),
        TEST(a_last_line_without_newline_acts_at_the_last_close_only),
        TEST(what_cannot_be_used_is_einval_and_quoted_in_the_log),
        TEST(a_line_without_end_is_einval_and_the_next_is_not_harmed),
        TEST(a_model_that_is_not_there_is_enoent),
        TEST(lines_of_one_write_act_in_order),
        TEST(cancel_without_a_question_is_enoent),
        TEST(reading_lists_the_verbs),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
