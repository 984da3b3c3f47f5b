/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "backend/engine/progress.h"

static const char *const vllm[] = {
    "starting the engine -1.00",
    "loading weights -1.00",
    "fetching weights -1.00",
    "loading weights 0.00",
    "loading weights 0.50",
    "loading weights 1.00",
    "weights are loaded -1.00",
    "compiling -1.00",
    "making room for the cache -1.00",
    "capturing graphs 0.00",
    "capturing graphs 0.07",
    "capturing graphs 1.00",
    "graphs are captured -1.00",
    "starting the server -1.00",
    " -1.00",
    NULL,
};
static const char *const llamacpp[] = { "loading weights -1.00", "loading weights 0.48", "warming up -1.00",
                                        " -1.00", NULL };
static const char *const llamacpp_b10587[] = { "loading weights -1.00", "making room for the cache -1.00",
                                               " -1.00", NULL };

static size_t load(const char *name, char *text, size_t size)
{
    FILE *f = fopen(name, "r");
    size_t n;

    assert_non_null(f);
    n = fread(text, 1, size, f);
    fclose(f);
    assert_true(n > 0 && n < size);
    return n;
}

/* Feed a whole log in pieces of so many bytes: whatever is seen on the way, at its end the start is over. */
static void feed(const char *engine, const char *name, size_t piece)
{
    struct progress p = { .value = -1 };
    struct progress_line line = { 0 };
    char text[8192];
    size_t n = load(name, text, sizeof text);
    bool news = false;

    for (size_t i = 0; i < n; i += piece)
        news |= progress_feed(engine, &line, text + i, piece < n - i ? piece : n - i, &p);
    assert_true(news);
    assert_string_equal(p.text, "");
    assert_true(p.value < 0);
}

/* Line by line, as a job that is looked at often enough shows them: every step is seen. */
static void steps(const char *engine, const char *name, const char *const *want)
{
    struct progress p = { .value = -1 };
    struct progress_line line = { 0 };
    char text[8192], now[500], *rest = text;
    size_t seen = 0;

    text[load(name, text, sizeof text - 1)] = '\0';
    while (*rest) {
        size_t n = strcspn(rest, "\r\n") + 1;
        if (progress_feed(engine, &line, rest, n, &p)) {
            snprintf(now, sizeof now, "%s %.2f", p.text, p.value);
            assert_non_null(want[seen]);
            assert_string_equal(now, want[seen]);
            seen++;
        }
        rest += n;
    }
    assert_null(want[seen]);
}

static void test_every_step_of_a_log_is_seen(void **state)
{
    (void)state;
    steps("vllm", TEST_DATA "/progress-vllm.txt", vllm);
    steps("llamacpp", TEST_DATA "/progress-llamacpp.txt", llamacpp);
    steps("llamacpp", TEST_DATA "/progress-llamacpp-b10587.txt", llamacpp_b10587);
    steps("command", TEST_DATA "/progress-vllm.txt", vllm);
}

static void test_pieces_of_any_size_end_alike(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 600; piece += 7) {
        feed("vllm", TEST_DATA "/progress-vllm.txt", piece);
        feed("llamacpp", TEST_DATA "/progress-llamacpp.txt", piece);
    }
}

static void test_a_bar_is_seen_while_it_is_drawn(void **state)
{
    struct progress p = { .value = -1 };
    struct progress_line line = { 0 };

    (void)state;
    assert_true(progress_feed("llamacpp", &line, "..........", 10, &p));
    assert_true(p.value > 0.09 && p.value < 0.11);
    assert_true(progress_feed("llamacpp", &line, "..........", 10, &p));
    assert_true(p.value > 0.19 && p.value < 0.21);
    assert_false(progress_feed("llamacpp", &line, "", 0, &p));
}

static void test_other_lines_tell_nothing(void **state)
{
    static const char *const lines[] = {
        "", ".", "INFO: 127.0.0.1 - \"GET /health HTTP/1.1\" 200 OK", "100%", "...x", "Loading",
    };
    struct progress p = { 0.5, "kept" };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_false(progress_of_line("vllm", lines[i], &p));
        assert_false(progress_of_line("llamacpp", lines[i], &p));
    }
    assert_false(progress_of_line("ollama", "Loading safetensors checkpoint shards:  43% Completed", &p));
    assert_false(progress_of_line("vllm", "............................................", &p));
    assert_string_equal(p.text, "kept");
}

static void test_numbers_that_are_none_are_not_shown(void **state)
{
    struct progress p = { 0.5, "" };

    (void)state;
    assert_true(progress_of_line("vllm", "Loading safetensors checkpoint shards: soon", &p));
    assert_true(p.value < 0);
    assert_false(progress_of_line("vllm", "Loading safetensors checkpoint shards: 430% Completed", &p));
    assert_true(
        progress_of_line("vllm", "(Worker_TP0 pid=1) Loading pt checkpoint shards:  43.5% Completed", &p));
    assert_true(p.value > 0.43 && p.value < 0.44);
}

static void test_a_line_without_end_is_no_danger(void **state)
{
    struct progress p = { .value = -1 };
    struct progress_line line = { 0 };
    char much[3000];

    (void)state;
    memset(much, 'x', sizeof much);
    for (int i = 0; i < 100; i++)
        assert_false(progress_feed("vllm", &line, much, sizeof much, &p));
    assert_true(progress_feed("vllm", &line, "\nStarting to load model x\n", 26, &p));
    assert_string_equal(p.text, "loading weights");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_step_of_a_log_is_seen),
        cmocka_unit_test(test_pieces_of_any_size_end_alike),
        cmocka_unit_test(test_a_bar_is_seen_while_it_is_drawn),
        cmocka_unit_test(test_other_lines_tell_nothing),
        cmocka_unit_test(test_numbers_that_are_none_are_not_shown),
        cmocka_unit_test(test_a_line_without_end_is_no_danger),
    };

    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
