/* SPDX-License-Identifier: MIT */
/* The parrot's arguments, its help and its keys. */
#include "backend/parrot/options.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum parrot_failure failure;
    const char *help;
} failures[] = {
    { "exit-at-start", FAIL_EXIT_AT_START, "ends with status 1 before it listens" },
    { "never-healthy", FAIL_NEVER_HEALTHY, "is loading for ever" },
    { "refuse-after", FAIL_REFUSE_AFTER, "ends after N completions (1)" },
    { "die-before-first-byte", FAIL_DIE_BEFORE_FIRST_BYTE, "ends when it has read a request" },
    { "die-mid-stream", FAIL_DIE_MID_STREAM, "ends when half of the tokens are sent" },
    { "silent", FAIL_SILENT, "reads requests and says nothing" },
    { "garbage", FAIL_GARBAGE, "answers with bytes that are not HTTP" },
    { "half-event", FAIL_HALF_EVENT, "ends the stream inside an event" },
    { "infinite-line", FAIL_INFINITE_LINE, "sends an event whose line never ends" },
    { "http-500", FAIL_HTTP_500, "answers 500" },
    { "http-429", FAIL_HTTP_429, "answers 429 with Retry-After" },
    { "error-in-stream", FAIL_ERROR_IN_STREAM, "sends an error event in the middle of the stream" },
    { "always-200", FAIL_ALWAYS_200, "says 200 to every request and looks at no key" },
    { "hang-mid-stream", FAIL_HANG_MID_STREAM, "falls silent when half of the tokens are sent" },
};

static const char help[] =
    "usage: slullamafs parrot [options]\n"
    "Serve the OpenAI API and repeat the last user message, token by token.\n"
    "\n"
    "  --port N             listen there; 0 (default) takes any free port\n"
    "  --host ADDR          listen on this address (127.0.0.1)\n"
    "  --api-key-file FILE  keys, one a line; LLAMA_API_KEY in the environment is one more\n"
    "  --rate N             tokens a second for each stream, more than 0 (no limit)\n"
    "  --startup SECONDS    answer 503 until then (0)\n"
    "  --delay SECONDS      wait before the first token (0)\n"
    "  --gate FILE          send as many tokens of each answer as FILE has bytes, watching it grow\n"
    "  --fail KIND[@N]      fail on demand, at each completion or at the N-th alone\n"
    "  -c FILE, -v          taken as by every verb, without effect\n"
    "  --help               this text\n"
    "\n"
    "It prints `listening http://HOST:PORT` when it does. An answer that is not streamed is cut in its\n"
    "middle by the kinds that speak of streams. Kinds of failure:\n";

static void print_help(void)
{
    fputs(help, stdout);
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
        printf("  %-22s %s\n", failures[i].name, failures[i].help);
}

static void add_key(struct parrot_options *o, const char *key, size_t len)
{
    if (!len)
        return;
    o->keys = xrealloc(o->keys, (o->n_keys + 1) * sizeof *o->keys);
    o->keys[o->n_keys++] = xstrndup(key, len);
}

static int read_keys(struct parrot_options *o, const char *path)
{
    FILE *f = fopen(path, "re");
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    if (!f)
        return -errno;
    while ((n = getline(&line, &cap, f)) >= 0)
        add_key(o, line, strcspn(line, "\r\n"));
    int rc = ferror(f) ? -EIO : 0;
    fclose(f);
    free(line);
    return rc;
}

static bool read_failure(struct parrot_options *o, const char *word)
{
    size_t len = strcspn(word, "@");
    char *end = (char *)"";

    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        if (strlen(failures[i].name) != len || strncmp(failures[i].name, word, len))
            continue;
        o->failure = failures[i].failure;
        if (word[len])
            o->fail_at = strtoul(word + len + 1, &end, 10);
        else if (o->failure == FAIL_REFUSE_AFTER)
            o->fail_at = 1;
        return !*end && (!word[len] || o->fail_at > 0);
    }
    return false;
}

static bool read_number(const char *word, double max, double *out)
{
    char *end;
    double value = strtod(word, &end);

    if (end == word || *end || !(value >= 0 && value <= max))
        return false;
    *out = value;
    return true;
}

enum which { HELP = 1, PORT, HOST, KEYS, RATE, STARTUP, DELAY, GATE, FAIL, UNUSED };

static const struct option options[] = {
    { "help", no_argument, NULL, HELP },         { "port", required_argument, NULL, PORT },
    { "host", required_argument, NULL, HOST },   { "api-key-file", required_argument, NULL, KEYS },
    { "rate", required_argument, NULL, RATE },   { "startup", required_argument, NULL, STARTUP },
    { "delay", required_argument, NULL, DELAY }, { "gate", required_argument, NULL, GATE },
    { "fail", required_argument, NULL, FAIL },   { "config", required_argument, NULL, UNUSED },
    { "verbose", no_argument, NULL, UNUSED },    { NULL, 0, NULL, 0 },
};

/* Returns false for a value that cannot be used. */
static bool read_option(struct parrot_options *o, int id, const char *value)
{
    double number;
    int rc;

    switch ((enum which)id) {
    case PORT:
        if (!read_number(value, 65535, &number) || number != (int)number)
            return false;
        o->port = (int)number;
        return true;
    case HOST:
        o->host = value;
        return true;
    case KEYS:
        rc = read_keys(o, value);
        if (rc < 0)
            fprintf(stderr, "parrot: cannot read %s: %s\n", value, strerror(-rc));
        else if (!o->n_keys)
            fprintf(stderr, "parrot: %s holds no key\n", value);
        return rc == 0 && o->n_keys;
    case RATE:
        return read_number(value, 1e9, &o->rate) && o->rate > 0;
    case STARTUP:
        return read_number(value, 1e6, &o->startup_s);
    case DELAY:
        return read_number(value, 1e6, &o->delay_s);
    case GATE:
        o->gate = value;
        return true;
    case FAIL:
        return read_failure(o, value);
    default:
        return false;
    }
}

bool parrot_options_parse(struct parrot_options *o, int argc, char **argv, int *status)
{
    const char *key = getenv("LLAMA_API_KEY");
    int c, index = 0;

    *o = (struct parrot_options){ .host = "127.0.0.1" };
    *status = 2;
    optind = 0; /* glibc: begin anew, the program has read options of its own */
    while ((c = getopt_long(argc, argv, "+c:vh", options, &index)) != -1) {
        if (c == HELP || c == 'h') {
            print_help();
            *status = 0;
            return false;
        }
        if (c == '?')
            return false;
        if (c != UNUSED && c != 'c' && c != 'v' && !read_option(o, c, optarg)) {
            fprintf(stderr, "parrot: --%s: cannot use \"%s\"\n", options[index].name, optarg);
            return false;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "parrot: unexpected argument \"%s\"\n", argv[optind]);
        return false;
    }
    if (key)
        add_key(o, key, strlen(key));
    return true;
}

void parrot_options_free(struct parrot_options *o)
{
    for (size_t i = 0; i < o->n_keys; i++)
        free(o->keys[i]);
    free(o->keys);
    *o = (struct parrot_options){ 0 };
}
