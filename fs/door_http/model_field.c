/* SPDX-License-Identifier: MIT */
/* A scanner of JSON that checks the whole body and keeps two of its fields. A body may be hundreds of
 * megabytes of images: building it to route it would cost several times its size, and it need not even be there
 * whole. So it is a machine that may stop at any byte; open levels are a bit each, because a hostile body must not
 * cost stack. */
#include "fs/door_http/model_field.h"
#include "backend/base/hex.h"
#include "backend/base/utf8.h"

#include <errno.h>
#include <string.h>

enum state {
    BEGIN,       /* the object has to open */
    FIRST_KEY,   /* behind "{": a key, or the end */
    NEXT_KEY,    /* behind a comma */
    COLON,       /* behind a key */
    VALUE,       /* behind a colon, or a comma in an array */
    FIRST_VALUE, /* behind "[": a value, or the end */
    AFTER,       /* behind a value: a comma, or the end of its level */
    TEXT,        /* in a string */
    ESCAPE,      /* behind its backslash */
    HEX,         /* behind \u */
    WORD,
    MINUS, /* of numbers: what was read last */
    ZERO,
    DIGITS,
    POINT,
    FRACTION,
    LETTER_E,
    SIGN,
    EXPONENT,
    OVER,
};

enum text { A_KEY, THE_MODEL, ANY_TEXT };
enum field { ANY_FIELD, FIELD_MODEL, FIELD_STREAM };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- Levels */

static bool in_object(const struct model_scan *s)
{
    int level = s->depth - 1;

    return s->objects[level / 8] >> (level % 8) & 1;
}

static int open_level(struct model_scan *s, bool object)
{
    int level = s->depth;

    if (level == MODEL_SCAN_DEPTH)
        return -EPROTO;
    s->depth++;
    s->objects[level / 8] &= (uint8_t) ~(1 << level % 8);
    s->objects[level / 8] |= (uint8_t)(object << level % 8);
    s->state = object ? FIRST_KEY : FIRST_VALUE;
    return 1;
}

static int close_level(struct model_scan *s, char c)
{
    if (c != (in_object(s) ? '}' : ']'))
        return -EPROTO;
    s->state = --s->depth == 0 ? OVER : AFTER;
    return 1;
}

/* ---- Strings */

/* What a string says is kept where it is a key of the top level, or the model. */
static int keep(struct model_scan *s, const char *data, size_t len, struct err *e)
{
    if (s->text == THE_MODEL) {
        buf_add(&s->facts.model, data, len);
        if (s->facts.model.len > MODEL_NAME_MAX)
            return err_set(e, -EINVAL, "\"model\" in the request body is longer than %d bytes",
                           MODEL_NAME_MAX);
    } else if (s->text == A_KEY && s->depth == 1) {
        for (size_t i = 0; i < len && s->key_len <= sizeof s->key; i++, s->key_len++)
            if (s->key_len < sizeof s->key)
                s->key[s->key_len] = data[i];
    }
    return 1;
}

/* A lone surrogate becomes U+FFFD: such a name matches no model. */
static int keep_code(struct model_scan *s, uint32_t code, struct err *e)
{
    char utf8[4];
    size_t n = utf8_encode(code, utf8);

    return keep(s, n ? utf8 : "\xEF\xBF\xBD", n ? n : 3, e);
}

/* The half of a pair that was read before is not followed by the other half. */
static int end_pair(struct model_scan *s, struct err *e)
{
    bool half = s->high != 0;

    s->high = 0;
    return half ? keep_code(s, 0xFFFD, e) : 1;
}

static int begin_text(struct model_scan *s, enum text text)
{
    s->text = text;
    s->state = TEXT;
    s->key_len = 0;
    return 1;
}

static bool key_is(const struct model_scan *s, const char *name)
{
    return s->key_len == strlen(name) && memcmp(s->key, name, s->key_len) == 0;
}

static int end_text(struct model_scan *s, size_t at, struct err *e)
{
    struct body_facts *f = &s->facts;
    int rc = end_pair(s, e);

    s->state = s->text == A_KEY ? COLON : AFTER;
    if (s->text == THE_MODEL) {
        f->has_model = true;
        f->model_len = at + 1 - f->model_at;
    } else if (s->text == A_KEY && s->depth == 1) {
        s->field = key_is(s, "model") ? FIELD_MODEL : key_is(s, "stream") ? FIELD_STREAM : ANY_FIELD;
        if (s->field == FIELD_MODEL && f->has_model)
            return err_set(e, -EINVAL, "the request body names \"model\" twice");
    }
    return rc;
}

static int text_byte(struct model_scan *s, char c, size_t at, struct err *e)
{
    if (c == '"')
        return end_text(s, at, e);
    if (c != '\\')
        return -EPROTO; /* a control character */
    s->state = ESCAPE;
    return 1;
}

static int escape_byte(struct model_scan *s, char c, struct err *e)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *is = c ? strchr(from, c) : NULL;

    s->digits = s->n_digits = 0;
    s->state = c == 'u' ? HEX : TEXT;
    if (c == 'u')
        return 1;
    if (!is)
        return -EPROTO;
    int rc = end_pair(s, e);
    return rc < 0 ? rc : keep(s, &to[is - from], 1, e);
}

static int hex_byte(struct model_scan *s, char c, struct err *e)
{
    int d = hex_value(c);

    if (d < 0)
        return -EPROTO;
    s->digits = (uint16_t)(s->digits * 16 + d);
    if (++s->n_digits < 4)
        return 1;
    uint32_t code = s->digits;
    s->state = TEXT;
    if (s->high) {
        code = code >= 0xDC00 && code < 0xE000 ? 0x10000u + ((s->high - 0xD800u) << 10) + (code - 0xDC00)
                                               : 0xFFFD;
        s->high = 0;
    } else if (code >= 0xD800 && code < 0xDC00) {
        s->high = (uint16_t)code;
        return 1;
    }
    return keep_code(s, code, e);
}

/* Has one of eight bytes this value? Source: "Bit Twiddling Hacks", haszero(). */
static uint64_t has_byte(uint64_t w, uint64_t value)
{
    uint64_t x = w ^ (value * (UINT64_MAX / 255));

    return (x - UINT64_MAX / 255) & ~x & (UINT64_MAX / 255 << 7);
}

/* How many bytes from p on are neither the end of a string nor an escape: most of a body of pictures is such. */
static size_t plain(const char *p, const char *end)
{
    const char *begin = p;
    uint64_t w;

    for (; end - p >= 8; p += 8) {
        memcpy(&w, p, 8);
        uint64_t control = (w - UINT64_MAX / 255 * 0x20) & ~w & (UINT64_MAX / 255 << 7);
        if (has_byte(w, '"') | has_byte(w, '\\') | control)
            break;
    }
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
        p++;
    return (size_t)(p - begin);
}

/* ---- Values */

static int begin_word(struct model_scan *s, const char *rest)
{
    s->word = rest;
    s->state = WORD;
    return 1;
}

static int begin_number(struct model_scan *s, char c)
{
    if (c != '-' && !is_digit(c))
        return -EPROTO;
    s->state = c == '-' ? MINUS : c == '0' ? ZERO : DIGITS;
    return 1;
}

static int begin_value(struct model_scan *s, char c, size_t at, struct err *e)
{
    enum field field = s->field;

    s->field = ANY_FIELD;
    if (field == FIELD_MODEL && c != '"')
        return err_set(e, -EINVAL, "\"model\" in the request body is not a string");
    if (field == FIELD_MODEL)
        s->facts.model_at = at;
    if (field == FIELD_STREAM) {
        s->facts.has_stream = true;
        s->facts.stream = c == 't';
    }
    switch (c) {
    case '"':
        return begin_text(s, field == FIELD_MODEL ? THE_MODEL : ANY_TEXT);
    case '{':
    case '[':
        return open_level(s, c == '{');
    case 't':
        return begin_word(s, "rue");
    case 'f':
        return begin_word(s, "alse");
    case 'n':
        return begin_word(s, "ull");
    default:
        return begin_number(s, c);
    }
}

static int word_byte(struct model_scan *s, char c)
{
    if (c != *s->word++)
        return -EPROTO;
    if (!*s->word)
        s->state = AFTER;
    return 1;
}

/* What may stand behind each part of a number; one that is complete may also end, before a byte that is not its own. */
static int number_byte(struct model_scan *s, char c)
{
    bool exponent = c == 'e' || c == 'E';
    int next = -1;

    switch ((enum state)s->state) {
    case MINUS:
        return begin_number(s, c == '-' ? 'x' : c);
    case ZERO:
        next = c == '.' ? POINT : exponent ? LETTER_E : AFTER;
        break;
    case DIGITS:
        next = is_digit(c) ? DIGITS : c == '.' ? POINT : exponent ? LETTER_E : AFTER;
        break;
    case POINT:
        next = is_digit(c) ? FRACTION : -1;
        break;
    case FRACTION:
        next = is_digit(c) ? FRACTION : exponent ? LETTER_E : AFTER;
        break;
    case LETTER_E:
        next = is_digit(c) ? EXPONENT : c == '+' || c == '-' ? SIGN : -1;
        break;
    case SIGN:
        next = is_digit(c) ? EXPONENT : -1;
        break;
    default:
        next = is_digit(c) ? EXPONENT : AFTER;
    }
    if (next < 0)
        return -EPROTO;
    s->state = (uint8_t)next;
    return next != AFTER;
}

/* ---- Between them */

static int begin(struct model_scan *s, char c, size_t at)
{
    if (c != '{')
        return -EPROTO;
    s->facts.model_at = at + 1;
    return open_level(s, true);
}

static int key_or_end(struct model_scan *s, char c)
{
    if (c == '"')
        return begin_text(s, A_KEY);
    if (s->state == NEXT_KEY)
        return -EPROTO;
    s->facts.empty = c == '}' && s->depth == 1;
    return close_level(s, c);
}

static int after_value(struct model_scan *s, char c)
{
    if (c != ',')
        return close_level(s, c);
    s->state = in_object(s) ? NEXT_KEY : VALUE;
    return 1;
}

/* One byte. 1: it was taken; 0: it is for the next state; -EPROTO: no JSON; -EINVAL with a sentence. */
static inline int step(struct model_scan *s, char c, size_t at, struct err *e)
{
    bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';

    if (blank && (s->state < TEXT || s->state == OVER))
        return 1;
    switch ((enum state)s->state) {
    case BEGIN:
        return begin(s, c, at);
    case FIRST_KEY:
    case NEXT_KEY:
        return key_or_end(s, c);
    case COLON:
        s->state = VALUE;
        return c == ':' ? 1 : -EPROTO;
    case FIRST_VALUE:
        return c == ']' ? close_level(s, c) : begin_value(s, c, at, e);
    case VALUE:
        return begin_value(s, c, at, e);
    case AFTER:
        return after_value(s, c);
    case TEXT:
        return text_byte(s, c, at, e);
    case ESCAPE:
        return escape_byte(s, c, e);
    case HEX:
        return hex_byte(s, c, e);
    case WORD:
        return word_byte(s, c);
    case OVER:
        return -EPROTO;
    default:
        return number_byte(s, c);
    }
}

/* ---- The scan */

static int not_json(struct err *e, size_t at)
{
    return err_set(e, -EINVAL, "the request body is not a JSON object: it stops making sense at byte %zu",
                   at + 1);
}

void model_scan_init(struct model_scan *s)
{
    *s = (struct model_scan){ .state = BEGIN };
}

void model_scan_finish(struct model_scan *s)
{
    buf_free(&s->facts.model);
}

int model_scan_feed(struct model_scan *s, const char *data, size_t len, struct err *e)
{
    const char *p = data, *end = data + len;

    while (p < end) {
        size_t run = s->state == TEXT ? plain(p, end) : 0;
        size_t at = s->eaten + (size_t)(p - data);
        int rc = run > 0 && s->high ? end_pair(s, e) : 1;
        if (run > 0 && rc > 0)
            rc = keep(s, p, run, e);
        else if (run == 0)
            rc = step(s, *p, at, e);
        if (rc < 0)
            return rc == -EPROTO ? not_json(e, at) : rc;
        p += run > 0 ? run : (size_t)rc;
        while (p < end && s->state == DIGITS && is_digit(*p))
            p++;
    }
    s->eaten += len;
    return 0;
}

int model_scan_end(const struct model_scan *s, struct err *e)
{
    return s->state == OVER ? 0 : not_json(e, s->eaten);
}

int model_field_scan(const char *body, size_t len, struct body_facts *out, struct err *e)
{
    struct model_scan s;
    int rc;

    model_scan_init(&s);
    rc = model_scan_feed(&s, body, len, e);
    if (rc == 0)
        rc = model_scan_end(&s, e);
    if (rc < 0)
        model_scan_finish(&s);
    *out = rc < 0 ? (struct body_facts){ 0 } : s.facts;
    return rc;
}
