/* SPDX-License-Identifier: MIT */
#include "fs/slullama_args.h"
#include "backend/base/alloc.h"
#include "backend/config/config_table.h"
#include "fs/exit_status.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTES_MAX (36500L * 24 * 60) /* parse_duration()'s bound */

enum { OPT_CONFIG = 256, OPT_VERBOSE, OPT_HELP, OPT_ADD_TOKEN };

static const struct {
    const char *name, *value; /* value NULL: it takes none */
    int option;               /* of enum slullama_option, or OPT_.. */
    unsigned verbs;
    const char *help;
} options[] = {
    { "port", "N", GIVEN_PORT, VERB_SERVE | VERB_CONNECT | VERB_STATUS,
      "the server's port, 11435 by default" },
    { "token", "T", GIVEN_TOKEN, VERB_SERVE | VERB_CONNECT | VERB_STATUS, "the token; a file is safer" },
    { "token-file", "F", GIVEN_TOKEN_FILE, VERB_SERVE | VERB_CONNECT | VERB_STATUS,
      "a file with the token, mode 0600" },
    { "partition", "P", GIVEN_PARTITION, VERB_SERVE, "Slurm's partition" },
    { "gres", "G", GIVEN_GRES, VERB_SERVE, "generic resources, as gpu:1" },
    { "idle-timeout", "MINUTES", GIVEN_IDLE_TIMEOUT, VERB_SERVE,
      "a job without requests for so long is cancelled" },
    { "local-port", "N", GIVEN_LOCAL_PORT, VERB_CONNECT,
      "listen there; without, 11434 or the next free one" },
    { "add-token", NULL, OPT_ADD_TOKEN, VERB_CONNECT, "give requests the token, for tools that know none" },
    { "config", "FILE", OPT_CONFIG, VERB_SERVE | VERB_CONNECT | VERB_STATUS, "configuration (-c)" },
    { "verbose", NULL, OPT_VERBOSE, VERB_SERVE | VERB_CONNECT | VERB_STATUS, "log more (-v)" },
    { "help", NULL, OPT_HELP, VERB_SERVE | VERB_CONNECT | VERB_STATUS, "this" },
};

#define N_OPTIONS (sizeof options / sizeof options[0])

static const struct {
    enum slullama_verb verb;
    const char *name, *argument, *what;
} verbs[] = {
    { VERB_SERVE, "serve", "",
      "The gateway of slullamafs without a mount, for a team: on a head node in place of slullama's "
      "server." },
    { VERB_CONNECT, "connect", " [USER@HEADNODE]",
      "A slullama server on a head node at a port of this machine, through SSH, until Ctrl-C." },
    { VERB_STATUS, "status", " [USER@HEADNODE]", "What a slullama server does; asking wakes nothing." },
};

static void print_usage(enum slullama_verb verb)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (verbs[i].verb == verb)
            printf("usage: slullamafs %s%s [OPTIONS]\n\n%s\n\n", verbs[i].name, verbs[i].argument,
                   verbs[i].what);
    for (size_t i = 0; i < N_OPTIONS; i++) {
        char left[64];
        if (!(options[i].verbs & verb))
            continue;
        snprintf(left, sizeof left, "--%s%s%s", options[i].name, options[i].value ? " " : "",
                 options[i].value ? options[i].value : "");
        printf("  %-24s %s\n", left, options[i].help);
    }
    puts("\nslullama's own file and its SLULLAMA_* variables are read too; see slullamafs(1).");
}

/* ps shows argv to everybody. */
static const char *take_token(struct slullama_args *a)
{
    free(a->token);
    a->token = xstrdup(optarg);
    memset(optarg, '*', strlen(optarg));
    return a->token;
}

static const char *take_token_file(struct slullama_args *a)
{
    free(a->token_file);
    a->token_file = *optarg ? config_beside("", optarg) : xstrdup("");
    return a->token_file;
}

static void take(struct slullama_args *a, int option)
{
    switch (option) {
    case OPT_CONFIG:
    case 'c':
        a->config = optarg;
        break;
    case OPT_VERBOSE:
    case 'v':
        a->verbose = true;
        break;
    case OPT_ADD_TOKEN:
        a->add_token = true;
        break;
    case GIVEN_TOKEN:
        a->given.v[GIVEN_TOKEN] = take_token(a);
        break;
    case GIVEN_TOKEN_FILE:
        a->given.v[GIVEN_TOKEN_FILE] = take_token_file(a);
        break;
    default:
        if (option >= 0 && option < GIVEN_OPTIONS)
            a->given.v[option] = optarg;
    }
}

static bool is_number(const char *text, long min, long max)
{
    char *end;
    long n = strtol(text, &end, 10);

    return end != text && !*end && n >= min && n <= max;
}

/* The numbers among the options. */
static const struct {
    enum slullama_option option;
    const char *name;
    long min, max;
    const char *what;
} numbers[] = {
    { GIVEN_PORT, "port", 1, 65535, "no port, which is a number from 1 to 65535" },
    { GIVEN_LOCAL_PORT, "local-port", 0, 65535,
      "no port, which is a number from 1 to 65535, or 0 for any free one" },
    { GIVEN_IDLE_TIMEOUT, "idle-timeout", 0, MINUTES_MAX, "no number of minutes" },
};

static int check_numbers(const struct slullama_args *a)
{
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const char *text = a->given.v[numbers[i].option];
        if (text && !is_number(text, numbers[i].min, numbers[i].max))
            return status_usage("--%s: \"%.40s\" is %s", numbers[i].name, text, numbers[i].what);
    }
    return -1;
}

static int check(const struct slullama_args *a, int n_rest, enum slullama_verb verb)
{
    if (n_rest > (verb == VERB_SERVE ? 0 : 1))
        return status_usage(verb == VERB_SERVE ? "serve takes no argument"
                                               : "there is one argument, USER@HEADNODE");
    if (a->given.v[GIVEN_TOKEN] && a->given.v[GIVEN_TOKEN_FILE])
        return status_usage("--token and --token-file exclude each other");
    return check_numbers(a);
}

int slullama_args_parse(int argc, char **argv, enum slullama_verb verb, struct slullama_args *out)
{
    struct option known[N_OPTIONS + 1];
    size_t n = 0;
    int c;

    *out = (struct slullama_args){ 0 };
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (options[i].verbs & verb)
            known[n++] = (struct option){ options[i].name, options[i].value ? required_argument : no_argument,
                                          NULL, options[i].option };
    known[n] = (struct option){ 0 };
    /* 'c' and 'v' are no number of enum slullama_option: those end before the letters. */
    while ((c = getopt_long(argc, argv, "c:vh", known, NULL)) != -1) {
        if (c == '?')
            return STATUS_USAGE;
        if (c == OPT_HELP || c == 'h') {
            print_usage(verb);
            return 0;
        }
        take(out, c);
    }
    if (optind < argc)
        out->given.v[GIVEN_HOST] = argv[optind];
    return check(out, argc - optind, verb);
}

void slullama_args_finish(struct slullama_args *a)
{
    free(a->token);
    free(a->token_file);
    a->token = a->token_file = NULL;
}
