/* SPDX-License-Identifier: MIT */
/* Tables, arrays and keys of TOML 1.0. What may be written twice and what may not is the hard part of TOML,
 * so the rule stands here once: every table that a later line may still extend is in `open`, with how it came
 * to be; a value that is not in there (a scalar, an array in brackets, an inline table) is finished.
 *
 *                          [t] makes it its own   [[t]] adds one   passed through by [t.x]   by t.x = 1
 *   BY_SUBTABLE            once                   no               yes                       yes: BY_DOTTED_KEY
 *   BY_HEADER              no                     no               yes                       no
 *   BY_DOTTED_KEY          no                     no               yes                       yes
 *   BY_ARRAY (of tables)   no                     yes              yes, its last table       no
 *
 * Depth is bounded (headers, dotted keys, arrays and inline tables together), so that neither this reader nor
 * whoever walks or frees its result can be made to recurse deeply. A key with a NUL in it is refused, unlike
 * TOML: jansson's keys are C strings. */
#include "backend/base/toml.h"
#include "backend/base/alloc.h"
#include "backend/base/toml_scan.h"
#include "backend/base/utf8.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 64

/* Bytes; longer ones have no line: a long key must not make every key below it long. */
#define MAX_PATH_NOTED 512

enum origin { BY_SUBTABLE = 1, BY_HEADER, BY_DOTTED_KEY, BY_ARRAY };

/* A set of json values by address: open addressing, at most half full. */
struct open_tables {
    struct open_table {
        const json_t *json; /* NULL = free */
        enum origin origin;
    } * slots;
    size_t n, cap; /* cap is 0 or a power of two */
};

struct toml_lines {
    json_t *line; /* object: path -> integer */
};

struct parser {
    struct scan s;
    struct open_tables open;
    struct toml_lines *lines; /* NULL = nobody asked */
    struct buf path;          /* of the table or value that is being read */
};

struct key {
    char *part[MAX_DEPTH];
    int n;
    const char *at; /* where it stands in the text */
    int line;
};

/* ---- The set of open tables */

static struct open_table *slot_of(const struct open_tables *t, const json_t *json)
{
    size_t i = (size_t)((uintptr_t)json >> 4) * 0x9E3779B1u;

    for (;; i++) {
        struct open_table *slot = &t->slots[i & (t->cap - 1)];
        if (!slot->json || slot->json == json)
            return slot;
    }
}

static void open_set(struct open_tables *t, const json_t *json, enum origin origin)
{
    if (2 * (t->n + 1) > t->cap) {
        struct open_tables bigger = { .cap = t->cap ? 2 * t->cap : 32, .n = t->n };
        bigger.slots = xcalloc(bigger.cap, sizeof *bigger.slots);
        for (size_t i = 0; i < t->cap; i++)
            if (t->slots[i].json)
                *slot_of(&bigger, t->slots[i].json) = t->slots[i];
        free(t->slots);
        *t = bigger;
    }
    struct open_table *slot = slot_of(t, json);
    if (!slot->json)
        t->n++;
    *slot = (struct open_table){ json, origin };
}

static enum origin open_get(const struct open_tables *t, const json_t *json)
{
    return t->cap ? slot_of(t, json)->origin : 0;
}

/* ---- The lines */

static size_t path_push(struct parser *p, const char *part, int line)
{
    size_t before = p->path.len;

    if (p->lines && before <= MAX_PATH_NOTED) {
        if (before)
            buf_adds(&p->path, ".");
        buf_adds(&p->path, part);
        if (p->path.len <= MAX_PATH_NOTED && !json_object_get(p->lines->line, buf_str(&p->path)))
            json_object_set_new_nocheck(p->lines->line, buf_str(&p->path), json_integer(line));
    }
    return before;
}

static void path_pop(struct parser *p, size_t to)
{
    p->path.len = to;
}

/* ---- Blanks, comments and line ends */

static void skip_blanks(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t'))
        s->p++;
}

/* A line end, or the end of the text; 0, or -EINVAL where anything else stands there. */
static int end_of_line(struct scan *s)
{
    skip_blanks(s);
    if (s->p < s->end && *s->p == '#')
        while (s->p < s->end && *s->p != '\n' && !(*s->p == '\r' && s->end - s->p >= 2 && s->p[1] == '\n')) {
            if (scan_forbidden(*s->p))
                return scan_fail(s, s->p, "control character in a comment");
            s->p++;
        }
    if (s->p >= s->end)
        return 0;
    if (*s->p == '\r' && s->end - s->p >= 2 && s->p[1] == '\n')
        s->p++;
    if (*s->p != '\n')
        return scan_fail(s, s->p, "unexpected text at the end of a line");
    s->p++;
    s->line++;
    return 0;
}

/* Inside of an array white space, comments and line ends mean nothing. */
static int skip_all(struct scan *s)
{
    for (;;) {
        skip_blanks(s);
        if (s->p >= s->end || (*s->p != '#' && *s->p != '\n' && *s->p != '\r'))
            return 0;
        int rc = end_of_line(s);
        if (rc < 0)
            return rc;
    }
}

static bool accept(struct scan *s, char c)
{
    if (s->p >= s->end || *s->p != c)
        return false;
    s->p++;
    return true;
}

/* ---- Keys */

static void key_free(struct key *k)
{
    while (k->n > 0)
        free(k->part[--k->n]);
}

static bool is_bare(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

static int parse_key_part(struct scan *s, char **out)
{
    struct buf b = { 0 };
    const char *start = s->p;

    if (s->p < s->end && (*s->p == '"' || *s->p == '\'')) {
        int rc = scan_string(s, true, &b);
        if (rc == 0 && memchr(buf_str(&b), '\0', b.len))
            rc = scan_fail(s, start, "a NUL in a key");
        if (rc < 0) {
            buf_free(&b);
            return rc;
        }
    } else {
        while (s->p < s->end && is_bare(*s->p))
            s->p++;
        if (s->p == start)
            return scan_fail(s, start, "a key is missing");
        buf_add(&b, start, (size_t)(s->p - start));
    }
    *out = buf_take(&b);
    return 0;
}

/* Dotted parts, with blanks around the dots; afterwards p stands at what is no blank. Freed by key_free() in
 * any case. */
static int parse_key(struct scan *s, int depth, struct key *k)
{
    *k = (struct key){ .at = s->p, .line = s->line };
    do {
        if (depth + k->n >= MAX_DEPTH)
            return scan_fail(s, k->at, "nested more than %d deep", MAX_DEPTH);
        skip_blanks(s);
        int rc = parse_key_part(s, &k->part[k->n]);
        if (rc < 0)
            return rc;
        k->n++;
        skip_blanks(s);
    } while (accept(s, '.'));
    return 0;
}

static int key_fail(struct parser *p, const struct key *k, const char *what)
{
    p->s.line = k->line;
    return scan_fail(&p->s, k->at, "%s", what);
}

/* ---- Values */

static int parse_value(struct parser *p, int depth, json_t **out);
static int parse_pair(struct parser *p, json_t *table, int depth);

static int parse_string(struct parser *p, json_t **out)
{
    struct buf b = { 0 };
    int rc = scan_string(&p->s, false, &b);

    if (rc == 0)
        *out = json_stringn_nocheck(buf_str(&b), b.len);
    buf_free(&b);
    return rc;
}

static int parse_array(struct parser *p, int depth, json_t *array)
{
    const struct scan start = p->s;
    int rc;

    p->s.p++;
    for (;;) {
        json_t *v;
        if ((rc = skip_all(&p->s)) < 0)
            return rc;
        if (accept(&p->s, ']'))
            return 0;
        if (p->s.p >= p->s.end)
            break;
        if ((rc = parse_value(p, depth, &v)) < 0)
            return rc;
        json_array_append_new(array, v);
        if ((rc = skip_all(&p->s)) < 0)
            return rc;
        if (accept(&p->s, ',') || (p->s.p < p->s.end && *p->s.p == ']'))
            continue;
        if (p->s.p >= p->s.end)
            break;
        return scan_fail(&p->s, p->s.p, "expected , or ] in an array");
    }
    p->s.line = start.line;
    return scan_fail(&p->s, start.p, "an array is not ended");
}

/* On one line, no comma behind the last pair: TOML 1.0, Inline Table. */
static int parse_inline_table(struct parser *p, int depth, json_t *table)
{
    int rc;

    p->s.p++;
    skip_blanks(&p->s);
    if (accept(&p->s, '}'))
        return 0;
    do {
        if ((rc = parse_pair(p, table, depth)) < 0)
            return rc;
        skip_blanks(&p->s);
    } while (accept(&p->s, ','));
    if (!accept(&p->s, '}'))
        return scan_fail(&p->s, p->s.p, "expected , or } in an inline table");
    return 0;
}

static int parse_value(struct parser *p, int depth, json_t **out)
{
    char c = p->s.p < p->s.end ? *p->s.p : '\0';
    json_t *v;
    int rc;

    if (c == '"' || c == '\'')
        return parse_string(p, out);
    if (c != '[' && c != '{')
        return scan_scalar(&p->s, out);
    if (depth >= MAX_DEPTH)
        return scan_fail(&p->s, p->s.p, "nested more than %d deep", MAX_DEPTH);
    v = c == '[' ? json_array() : json_object();
    rc = c == '[' ? parse_array(p, depth + 1, v) : parse_inline_table(p, depth + 1, v);
    if (rc < 0)
        json_decref(v);
    else
        *out = v;
    return rc;
}

/* ---- Pairs and headers */

/* One part of a dotted key below *table, made if it is missing. */
static int step_by_key(struct parser *p, const struct key *k, int i, json_t **table)
{
    json_t *next = json_object_get(*table, k->part[i]);
    enum origin origin = next ? open_get(&p->open, next) : BY_DOTTED_KEY;

    if (!next) {
        next = json_object();
        json_object_set_new_nocheck(*table, k->part[i], next);
    }
    if (origin != BY_DOTTED_KEY && origin != BY_SUBTABLE)
        return key_fail(p, k,
                        json_is_object(next) ? "a table that is defined elsewhere cannot get a key here"
                                             : "this key would lie below a value that is no table");
    open_set(&p->open, next, BY_DOTTED_KEY);
    *table = next;
    return 0;
}

/* key = value, below table; depth is the table's. */
static int parse_pair(struct parser *p, json_t *table, int depth)
{
    size_t path = p->path.len;
    struct key k;
    json_t *v;
    int rc = parse_key(&p->s, depth, &k);

    if (rc == 0 && !accept(&p->s, '='))
        rc = scan_fail(&p->s, p->s.p, "expected = after a key");
    for (int i = 0; rc == 0 && i < k.n; i++) {
        path_push(p, k.part[i], k.line);
        if (i < k.n - 1)
            rc = step_by_key(p, &k, i, &table);
    }
    if (rc == 0 && json_object_get(table, k.part[k.n - 1]))
        rc = key_fail(p, &k, "this key is given twice");
    if (rc == 0) {
        skip_blanks(&p->s);
        rc = parse_value(p, depth + k.n, &v);
    }
    if (rc == 0)
        json_object_set_new_nocheck(table, k.part[k.n - 1], v);
    path_pop(p, path);
    key_free(&k);
    return rc;
}

/* One part of a header that is not its last: down into a table, or into the last one of an array of tables. */
static int step_by_header(struct parser *p, const struct key *k, int i, json_t **table)
{
    json_t *next = json_object_get(*table, k->part[i]);

    if (!next) {
        next = json_object();
        json_object_set_new_nocheck(*table, k->part[i], next);
        open_set(&p->open, next, BY_SUBTABLE);
    } else if (!open_get(&p->open, next)) {
        return key_fail(p, k, "this table would lie below a value that is finished");
    } else if (json_is_array(next)) {
        next = json_array_get(next, json_array_size(next) - 1);
    }
    *table = next;
    return 0;
}

/* The table that a [header] names for the lines below it. */
static int enter_table(struct parser *p, const struct key *k, json_t **table)
{
    const char *name = k->part[k->n - 1];
    json_t *t = json_object_get(*table, name);

    if (!t) {
        t = json_object();
        json_object_set_new_nocheck(*table, name, t);
    } else if (open_get(&p->open, t) != BY_SUBTABLE) {
        return key_fail(
            p, k, json_is_object(t) ? "this table is defined twice" : "this name is taken by a key or array");
    }
    open_set(&p->open, t, BY_HEADER);
    *table = t;
    return 0;
}

/* A new table at the end of the array that a [[header]] names. */
static int enter_array(struct parser *p, const struct key *k, json_t **table)
{
    const char *name = k->part[k->n - 1];
    json_t *array = json_object_get(*table, name);

    if (!array) {
        array = json_array();
        json_object_set_new_nocheck(*table, name, array);
        open_set(&p->open, array, BY_ARRAY);
    } else if (open_get(&p->open, array) != BY_ARRAY) {
        return key_fail(p, k, "this name is taken by something that is no array of tables");
    }
    *table = json_object();
    json_array_append_new(array, *table);
    open_set(&p->open, *table, BY_HEADER);
    return 0;
}

/* [a.b] or [[a.b]]; *table becomes the one that the next pairs go into, *depth its depth. */
static int parse_header(struct parser *p, json_t *root, json_t **table, int *depth)
{
    struct key k;
    bool array;
    json_t *t = root;
    const char *at = p->s.p;
    int rc;

    p->s.p++;
    array = accept(&p->s, '[');
    rc = parse_key(&p->s, 0, &k);
    if (rc == 0 && (!accept(&p->s, ']') || (array && !accept(&p->s, ']'))))
        rc = scan_fail(&p->s, p->s.p, "expected %s after a table's name", array ? "]]" : "]");
    path_pop(p, 0);
    k.at = at; /* what is wrong with it is quoted with its brackets */
    for (int i = 0; rc == 0 && i < k.n; i++) {
        path_push(p, k.part[i], k.line);
        if (i < k.n - 1)
            rc = step_by_header(p, &k, i, &t);
    }
    if (rc == 0)
        rc = array ? enter_array(p, &k, &t) : enter_table(p, &k, &t);
    if (rc == 0) {
        *table = t;
        *depth = k.n;
    }
    key_free(&k);
    return rc;
}

static int parse_document(struct parser *p, json_t *root)
{
    json_t *table = root;
    int depth = 0, rc = 0;

    while (rc == 0) {
        if ((rc = skip_all(&p->s)) < 0 || p->s.p >= p->s.end)
            break;
        rc = *p->s.p == '[' ? parse_header(p, root, &table, &depth) : parse_pair(p, table, depth);
        if (rc == 0)
            rc = end_of_line(&p->s);
    }
    return rc;
}

static int check_utf8(struct scan *s, const char *text, size_t len)
{
    size_t valid = utf8_valid_len(text, len);
    struct scan there = *s;

    if (valid == len)
        return 0;
    for (size_t i = 0; i < valid; i++)
        there.line += text[i] == '\n';
    return scan_fail(&there, text + valid, "not UTF-8");
}

int toml_parse(const char *text, size_t len, json_t **out, struct toml_lines **lines, struct err *e)
{
    struct parser p = { .s = { text, text + len, 1, e } };
    json_t *root;
    int rc = check_utf8(&p.s, text, len);

    if (rc < 0)
        return rc;
    if (len >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3))
        p.s.p += 3; /* the byte order mark that some editors write */
    if (lines) {
        p.lines = NEW(struct toml_lines);
        p.lines->line = json_object();
    }
    root = json_object();
    rc = parse_document(&p, root);
    if (rc == 0) {
        *out = root;
        if (lines)
            *lines = p.lines;
    } else {
        json_decref(root);
        toml_lines_free(p.lines);
    }
    free(p.open.slots);
    buf_free(&p.path);
    return rc;
}

int toml_line_of(const struct toml_lines *lines, const char *path)
{
    return lines ? (int)json_integer_value(json_object_get(lines->line, path)) : 0;
}

void toml_lines_free(struct toml_lines *lines)
{
    if (!lines)
        return;
    json_decref(lines->line);
    free(lines);
}
