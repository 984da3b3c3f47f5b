/* SPDX-License-Identifier: MIT */
#include "fs/door_http/usage_scan.h"

#include <string.h>

enum { PROMPT, COMPLETION, CACHED };
enum { OUTSIDE, STRING, ESCAPE, COLON, VALUE, DIGITS };

/* A higher rank is believed rather: usage is what is billed. llama.cpp's timings count apart what its cache had. */
static const struct {
    const char *name;
    int kind, rank;
} names[] = {
    { "prompt_tokens", PROMPT, 2 },     { "completion_tokens", COMPLETION, 2 }, /* OpenAI */
    { "input_tokens", PROMPT, 2 },      { "output_tokens", COMPLETION, 2 },     /* Anthropic, /v1/responses */
    { "prompt_eval_count", PROMPT, 2 }, { "eval_count", COMPLETION, 2 },        /* Ollama */
    { "prompt_n", PROMPT, 1 },          { "predicted_n", COMPLETION, 1 },       /* llama.cpp */
    { "cache_n", CACHED, 1 },
};

#define NUMBER_MAX INT64_C(1000000000000) /* no answer has as many: what is larger is nonsense */

static int find(const struct usage_scan *u)
{
    for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++)
        if (strlen(names[i].name) == u->len && memcmp(names[i].name, u->name, u->len) == 0)
            return i;
    return -1;
}

static void found(struct usage_scan *u)
{
    int kind = names[u->which].kind;

    if (names[u->which].rank < u->rank[kind] || u->number > NUMBER_MAX)
        return;
    u->rank[kind] = names[u->which].rank;
    u->tokens[kind] = u->number;
}

static void begin_string(struct usage_scan *u)
{
    u->state = STRING;
    u->len = 0;
}

static void in_string(struct usage_scan *u, char c)
{
    if (c == '"') {
        u->which = find(u);
        u->state = u->which >= 0 ? COLON : OUTSIDE;
    } else if (c == '\\') {
        u->state = ESCAPE;
        u->len = sizeof u->name; /* no name of ours has one */
    } else if (u->len < sizeof u->name) {
        u->name[u->len++] = c;
    }
}

static void behind_name(struct usage_scan *u, char c)
{
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
        return;
    if (u->state == COLON && c == ':') {
        u->state = VALUE;
    } else if (u->state == VALUE && c >= '0' && c <= '9') {
        u->state = DIGITS;
        u->number = c - '0';
    } else if (c == '"') {
        begin_string(u);
    } else {
        u->state = OUTSIDE;
    }
}

static void in_digits(struct usage_scan *u, char c)
{
    if (c >= '0' && c <= '9') {
        if (u->number <= NUMBER_MAX)
            u->number = u->number * 10 + (c - '0');
        return;
    }
    found(u);
    u->state = c == '"' ? STRING : OUTSIDE;
    u->len = 0;
}

static void count_events(struct usage_scan *u, char c)
{
    static const char word[] = "data:";

    if (c == '\n')
        u->line = 0;
    else if (u->line < sizeof word - 1 && c == word[u->line])
        u->events += ++u->line == sizeof word - 1;
    else
        u->line = sizeof word;
}

void usage_scan_feed(struct usage_scan *u, const char *data, size_t len)
{
    for (const char *p = data, *end = data + len; p < end; p++) {
        count_events(u, *p);
        if (u->state == OUTSIDE && *p == '"')
            begin_string(u);
        else if (u->state == STRING)
            in_string(u, *p);
        else if (u->state == ESCAPE)
            u->state = STRING;
        else if (u->state == DIGITS)
            in_digits(u, *p);
        else if (u->state != OUTSIDE)
            behind_name(u, *p);
    }
}

void usage_scan_result(const struct usage_scan *u, int64_t *prompt, int64_t *completion)
{
    *prompt = u->tokens[PROMPT] + (u->rank[PROMPT] == 1 ? u->tokens[CACHED] : 0);
    *completion = u->rank[COMPLETION] || !u->events ? u->tokens[COMPLETION] : u->events;
}
