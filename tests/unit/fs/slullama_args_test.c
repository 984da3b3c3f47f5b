/* SPDX-License-Identifier: MIT */
#include "fs/slullama_args.h"
#include "fs/exit_status.h"

#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static struct slullama_args args;

/* argv must be writable, as a program's is. */
static int parse(enum slullama_verb verb, int argc, char words[][32])
{
    char *argv[12] = { NULL };

    for (int i = 0; i < argc; i++)
        argv[i] = words[i];
    optind = 0;
    opterr = 0;
    return slullama_args_parse(argc, argv, verb, &args);
}

static void every_option_of_serve_is_taken(void **state)
{
    char words[][32] = { "serve", "--port", "1", "--partition=p", "--gres", "g", "--idle-timeout", "5",
                         "-v",    "-c",     "f" };

    (void)state;
    assert_int_equal(parse(VERB_SERVE, 11, words), -1);
    assert_string_equal(args.given.v[GIVEN_PORT], "1");
    assert_string_equal(args.given.v[GIVEN_PARTITION], "p");
    assert_string_equal(args.given.v[GIVEN_GRES], "g");
    assert_string_equal(args.given.v[GIVEN_IDLE_TIMEOUT], "5");
    assert_string_equal(args.config, "f");
    assert_true(args.verbose);
    assert_null(args.given.v[GIVEN_TOKEN]);
    slullama_args_finish(&args);
}

static void a_token_is_taken_out_of_argv(void **state)
{
    char apart[][32] = { "serve", "--token", "geheim" }, joined[][32] = { "serve", "--token=geheim" };

    (void)state;
    assert_int_equal(parse(VERB_SERVE, 3, apart), -1);
    assert_string_equal(args.given.v[GIVEN_TOKEN], "geheim");
    assert_string_equal(apart[2], "******");
    slullama_args_finish(&args);
    assert_int_equal(parse(VERB_SERVE, 2, joined), -1);
    assert_string_equal(args.given.v[GIVEN_TOKEN], "geheim");
    assert_string_equal(joined[1], "--token=******");
    slullama_args_finish(&args);
}

static void a_token_file_counts_from_here(void **state)
{
    char words[][32] = { "status", "--token-file", "t" }, absolute[][32] = { "serve", "--token-file=/t" };

    (void)state;
    assert_int_equal(chdir("/tmp"), 0);
    assert_int_equal(parse(VERB_STATUS, 3, words), -1);
    assert_string_equal(args.given.v[GIVEN_TOKEN_FILE], "/tmp/t");
    slullama_args_finish(&args);
    assert_int_equal(parse(VERB_SERVE, 2, absolute), -1);
    assert_string_equal(args.given.v[GIVEN_TOKEN_FILE], "/t");
    slullama_args_finish(&args);
}

static void a_head_node_stands_before_or_behind_the_options(void **state)
{
    char before[][32] = { "status", "u@h", "--port", "1" }, behind[][32] = { "status", "--port", "1", "u@h" };

    (void)state;
    assert_int_equal(parse(VERB_STATUS, 4, before), -1);
    assert_string_equal(args.given.v[GIVEN_HOST], "u@h");
    assert_string_equal(args.given.v[GIVEN_PORT], "1");
    assert_int_equal(parse(VERB_STATUS, 4, behind), -1);
    assert_string_equal(args.given.v[GIVEN_HOST], "u@h");
}

static void a_number_that_is_none_is_a_mistake_of_the_command_line(void **state)
{
    static const struct {
        enum slullama_verb verb;
        const char *option, *value;
        int status;
    } rows[] = {
        { VERB_SERVE, "--port", "x", STATUS_USAGE },
        { VERB_SERVE, "--port", "65536", STATUS_USAGE },
        { VERB_SERVE, "--idle-timeout", "x", STATUS_USAGE },
        { VERB_SERVE, "--idle-timeout", "-5", STATUS_USAGE },
        { VERB_SERVE, "--idle-timeout", "", STATUS_USAGE },
        { VERB_SERVE, "--idle-timeout", "0", -1 },
        { VERB_CONNECT, "--local-port", "x", STATUS_USAGE },
        { VERB_CONNECT, "--local-port", "65536", STATUS_USAGE },
        { VERB_CONNECT, "--local-port", "0", -1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char words[3][32] = { "verb" };
        strcpy(words[1], rows[i].option);
        strcpy(words[2], rows[i].value);
        assert_int_equal(parse(rows[i].verb, 3, words), rows[i].status);
    }
}

static void what_a_verb_does_not_know_is_refused(void **state)
{
    char serve[][32] = { "serve", "u@h" }, gres[][32] = { "status", "--gres", "g" },
         two[][32] = { "status", "a", "b" };
    char both[][32] = { "serve", "--token", "t", "--token-file", "f" }, lacking[][32] = { "serve", "--port" },
         none[][32] = { "connect", "--port", "0" };

    (void)state;
    assert_int_equal(parse(VERB_SERVE, 2, serve), STATUS_USAGE);
    assert_int_equal(parse(VERB_STATUS, 3, gres), STATUS_USAGE);
    assert_int_equal(parse(VERB_STATUS, 3, two), STATUS_USAGE);
    assert_int_equal(parse(VERB_SERVE, 5, both), STATUS_USAGE);
    slullama_args_finish(&args);
    assert_int_equal(parse(VERB_SERVE, 2, lacking), STATUS_USAGE);
    assert_int_equal(parse(VERB_CONNECT, 3, none), STATUS_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_of_serve_is_taken),
        cmocka_unit_test(a_token_is_taken_out_of_argv),
        cmocka_unit_test(a_token_file_counts_from_here),
        cmocka_unit_test(a_head_node_stands_before_or_behind_the_options),
        cmocka_unit_test(a_number_that_is_none_is_a_mistake_of_the_command_line),
        cmocka_unit_test(what_a_verb_does_not_know_is_refused),
    };

    return cmocka_run_group_tests_name("slullama_args", tests, NULL, NULL);
}
