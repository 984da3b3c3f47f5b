/* SPDX-License-Identifier: MIT */
/* Splitting text into tokens and writing it as JSON: the two inner loops of the parrot, against which
 * benchmarks run. */
#include "backend/parrot/tokens.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define BLANKS_MAX 24
#define WORD_MAX   (PARROT_TOKEN_MAX - BLANKS_MAX)

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_word(char c)
{
    unsigned char u = (unsigned char)c;

    return u >= 0x80 || (u >= '0' && u <= '9') || u == '_' || ((u | 0x20) >= 'a' && (u | 0x20) <= 'z');
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

size_t parrot_token(const char *s, size_t len)
{
    size_t at = 0;

    while (at < len && at < BLANKS_MAX && is_blank(s[at]))
        at++;
    if (at == len || at == BLANKS_MAX)
        return at;
    if (!is_word(s[at]))
        return at + 1;
    size_t start = at, end = len - at < WORD_MAX ? len : at + WORD_MAX;
    while (at < end && is_word(s[at]))
        at++;
    size_t cut = at;
    while (cut < len && cut > start && is_continuation(s[cut]))
        cut--;
    return cut > start ? cut : at;
}

uint64_t parrot_count_tokens(const char *s, size_t len)
{
    uint64_t n = 0;

    for (size_t at = 0; at < len; at += parrot_token(s + at, len - at))
        n++;
    return n;
}

/* The escape of a byte, or NULL where it stands for itself; other control characters become \u00XX. */
static const char *short_escape(unsigned char u)
{
    switch (u) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

static bool is_plain(char c)
{
    unsigned char u = (unsigned char)c;

    return u >= 0x20 && u != '"' && u != '\\';
}

size_t parrot_json_length(const char *s, size_t len)
{
    size_t n = len;

    for (size_t i = 0; i < len; i++) {
        if (!is_plain(s[i]))
            n += short_escape((unsigned char)s[i]) ? 1 : 5;
    }
    return n;
}

void parrot_json_add(struct buf *b, const char *s, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t run = at;
        while (run < len && is_plain(s[run]))
            run++;
        buf_add(b, s + at, run - at);
        if (run == len)
            return;
        const char *escape = short_escape((unsigned char)s[run]);
        char code[8];
        if (!escape)
            snprintf(code, sizeof code, "\\u%04x", (unsigned)(unsigned char)s[run]);
        buf_adds(b, escape ? escape : code);
        at = run + 1;
    }
}
