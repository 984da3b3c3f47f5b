/* SPDX-License-Identifier: MIT */
/* Chunked bodies, decoded by a small machine that may stop at any byte. Called by http.c. */
#include "backend/http/http_chunks.h"
#include "backend/base/hex.h"
#include "backend/http/http.h"

#include <errno.h>
#include <string.h>

#define SIZE_LINE_MAX 256 /* bytes with extensions: nobody needs them, some write signatures of 85 bytes */
#define SIZE_MAX_HEX  15  /* digits: keeps the sum of chunks within int64_t */

enum state {
    SIZE_FIRST, /* a digit must come */
    SIZE,       /* more digits, or the end of them */
    BLANK,      /* blanks behind the size: only an extension may follow */
    EXTENSION,  /* skipped to the end of its line */
    SIZE_LF,    /* LF of the size line */
    DATA,
    DATA_CR, /* the line ending behind the data */
    DATA_LF,
    TRAILER_FIRST, /* at the beginning of a trailer line, or of the empty line */
    TRAILER,       /* inside a trailer line, skipped */
    TRAILER_LF,
    END_LF, /* LF of the empty line */
    DONE,
};

void http_chunks_init(struct http_chunks *c)
{
    *c = (struct http_chunks){ .state = SIZE_FIRST };
}

bool http_chunks_done(const struct http_chunks *c)
{
    return c->state == DONE;
}

static bool is_control(char ch)
{
    return ((unsigned char)ch < 0x20 && ch != '\t') || ch == 0x7f;
}

/* One byte of a size line. Returns NULL or what is wrong. */
static const char *size_byte(struct http_chunks *c, char ch)
{
    int digit = hex_value(ch);

    if (++c->line > SIZE_LINE_MAX)
        return "a chunk's size line is too long";
    if (c->state == SIZE_LF) {
        c->state = c->left ? DATA : TRAILER_FIRST;
        c->line = 0;
        return ch == '\n' ? NULL : "CR without LF in a chunk's size line";
    }
    if (c->state <= SIZE && digit >= 0) {
        if (c->line > SIZE_MAX_HEX)
            return "a chunk's size is too large";
        c->left = c->left << 4 | (unsigned)digit;
        c->state = SIZE;
        return NULL;
    }
    if (c->state == SIZE_FIRST)
        return "a chunk has no size";
    if (ch == '\r' && c->state != BLANK)
        c->state = SIZE_LF;
    else if (c->state != EXTENSION && (ch == ' ' || ch == '\t'))
        c->state = BLANK;
    else if (c->state != EXTENSION && ch == ';')
        c->state = EXTENSION;
    else if (c->state != EXTENSION || is_control(ch))
        return "a chunk's size is not a number";
    return NULL;
}

/* One byte of the trailers. They are dropped, but not believed unseen: their form and length are those of a
 * head. */
static const char *trailer_byte(struct http_chunks *c, char ch)
{
    if (++c->line > HTTP_HEAD_MAX)
        return "the trailers are too long";
    switch (c->state) {
    case TRAILER_FIRST:
        if (ch == '\r') {
            c->state = END_LF;
            return NULL;
        }
        if (++c->trailers > HTTP_FIELDS_MAX)
            return "too many trailers";
        if (!http_is_token(&ch, 1))
            return "a trailer is not a field";
        c->state = TRAILER;
        return NULL;
    case TRAILER:
        if (ch == '\r')
            c->state = TRAILER_LF;
        else if (is_control(ch))
            return "a trailer has a control character";
        return NULL;
    case TRAILER_LF:
        c->state = TRAILER_FIRST;
        break;
    default:
        c->state = DONE;
    }
    return ch == '\n' ? NULL : "CR without LF in the trailers";
}

static const char *framing_byte(struct http_chunks *c, char ch)
{
    if (c->state <= SIZE_LF)
        return size_byte(c, ch);
    if (c->state >= TRAILER_FIRST)
        return trailer_byte(c, ch);
    if (ch != (c->state == DATA_CR ? '\r' : '\n'))
        return "a chunk is longer than its size";
    c->state = c->state == DATA_CR ? DATA_LF : SIZE_FIRST;
    return NULL;
}

ssize_t http_chunks_feed(struct http_chunks *c, const char *data, size_t len, const char **body,
                         size_t *body_len, const char **why)
{
    size_t at = 0;

    *body_len = 0;
    while (at < len && c->state != DATA && c->state != DONE) {
        const char *wrong = framing_byte(c, data[at++]);
        if (wrong) {
            *why = wrong;
            return -EPROTO;
        }
    }
    if (c->state == DATA && at < len) {
        size_t n = len - at < c->left ? len - at : (size_t)c->left;
        *body = data + at;
        *body_len = n;
        at += n;
        c->left -= n;
        if (!c->left)
            c->state = DATA_CR;
    }
    return (ssize_t)at;
}
