/* SPDX-License-Identifier: MIT */
/* The reader of HTTP/1.1 messages; used by the gateway, by http_client.c and by the built-in engine.
 *
 * A head is first collected as it comes, up to its empty line, and only then given to the packaged parser,
 * whole: its strings are cut out of the one buffer in place, no parser state outlives the call, and an idle
 * connection holds nothing. What http_parser 2.9.4 lets pass (Debian builds it without its strict mode) is
 * refused before or after it. Bodies are framed here, without the parser: a body is passed on from the
 * caller's buffer without being looked at.
 *
 * Invariant: `raw` holds the head of the current or the last message and nothing else. */
#include "backend/http/http.h"
#include "backend/http/http_chunks.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <http_parser.h>

enum state {
    HEAD,         /* between messages, or collecting a head */
    BODY_LENGTH,  /* `left` bytes are still to come */
    BODY_CHUNKED, /* `chunks` says where in it */
    BODY_EOF,     /* up to end-of-file */
    UPGRADED,     /* behind a 101: nothing is eaten any more */
    FAILED,       /* `rc` and `why` say how */
};

struct http_reader {
    const struct http_reader_callbacks *cb;
    void *arg;
    enum state state;
    bool responses;
    bool head_request; /* the next response answers a HEAD */
    bool interim;      /* a 1xx was read: its final response must follow */
    bool begun;        /* a byte of the next head has come */
    int rc;
    const char *why;
    struct buf raw;
    size_t line_len; /* bytes of the line that is being collected; HEAD only */
    unsigned lines;  /* whole lines in raw */
    struct http_head head;
    struct http_field *fields; /* what head.fields points to */
    size_t fields_cap;
    int64_t left;
    struct http_chunks chunks;
};

/* What the packaged parser found, as places in raw. */
struct span {
    const char *at;
    size_t len;
};
struct found {
    struct span url, name[HTTP_FIELDS_MAX], value[HTTP_FIELDS_MAX];
    size_t n_names, n_values;
    unsigned flags; /* F_... of http_parser.h */
    bool complete;
};

struct http_reader *http_reader_create(bool responses, const struct http_reader_callbacks *cb, void *arg)
{
    struct http_reader *r = NEW(struct http_reader);

    r->responses = responses;
    r->cb = cb;
    r->arg = arg;
    return r;
}

void http_reader_destroy(struct http_reader *r)
{
    if (!r)
        return;
    buf_free(&r->raw);
    free(r->fields);
    free(r);
}

void http_reader_expect(struct http_reader *r, bool head_request)
{
    r->head_request = head_request;
}

bool http_reader_in_message(const struct http_reader *r)
{
    return r->state != HEAD || r->begun || r->interim;
}

const struct http_head *http_reader_head(const struct http_reader *r)
{
    return &r->head;
}

void http_reader_forget(struct http_reader *r)
{
    if (http_reader_in_message(r))
        return;
    buf_free(&r->raw);
    free(r->fields);
    r->fields = NULL;
    r->fields_cap = 0;
    r->head = (struct http_head){ .content_length = -1 };
}

const char *http_field_get(const struct http_head *h, const char *name)
{
    for (size_t i = 0; i < h->n_fields; i++) {
        if (http_same_name(h->fields[i].name, name))
            return h->fields[i].value;
    }
    return NULL;
}

static ssize_t fail(struct http_reader *r, int rc, const char *why)
{
    r->state = FAILED;
    r->rc = rc;
    r->why = why;
    return rc;
}

/* ---- The head, collected. */

/* Find the end of the head in data. Returns how many of its bytes belong to the head, *whole telling whether
 * its empty line is among them, or -EPROTO. */
static ssize_t scan_head(struct http_reader *r, const char *data, size_t len, bool *whole)
{
    size_t at = 0;

    while (at < len) {
        if (r->line_len == 0 && (data[at] == ' ' || data[at] == '\t'))
            return fail(r, -EPROTO,
                        r->lines ? "a field is folded over two lines" : "the head begins with a blank");
        const char *lf = memchr(data + at, '\n', len - at);
        size_t end = lf ? (size_t)(lf - data) + 1 : len;
        r->line_len += end - at;
        at = end;
        if (!lf)
            break;
        char before = end >= 2 ? data[end - 2] : r->raw.len ? r->raw.data[r->raw.len - 1] : '\0';
        if (r->line_len < 2 || before != '\r')
            return fail(r, -EPROTO, "a line of the head ends in LF without CR");
        *whole = r->line_len == 2;
        r->line_len = 0;
        if (*whole)
            break;
        if (++r->lines > HTTP_FIELDS_MAX + 1)
            return fail(r, -EPROTO, "more than 100 fields");
    }
    return (ssize_t)at;
}

/* RFC 9112 2.2: empty lines before a request are skipped, as some clients send one behind a body. Returns the
 * bytes to skip; a lone CR is kept as the beginning of a line until its LF shows what it was. */
static size_t skip_empty_lines(struct http_reader *r, const char *data, size_t len)
{
    size_t at = 0;

    if (r->responses)
        return 0;
    if (r->raw.len == 1 && r->raw.data[0] == '\r' && data[0] == '\n') {
        buf_reset(&r->raw);
        r->line_len = 0;
        at = 1;
    }
    while (r->raw.len == 0 && len - at >= 2 && data[at] == '\r' && data[at + 1] == '\n')
        at += 2;
    return at;
}

/* ---- The head, parsed. */

static int url_cb(http_parser *p, const char *at, size_t len)
{
    ((struct found *)p->data)->url = (struct span){ at, len };
    return 0;
}

static int name_cb(http_parser *p, const char *at, size_t len)
{
    struct found *f = p->data;

    if (f->n_names != f->n_values || f->n_names == HTTP_FIELDS_MAX)
        return 1;
    f->name[f->n_names++] = (struct span){ at, len };
    return 0;
}

static int value_cb(http_parser *p, const char *at, size_t len)
{
    struct found *f = p->data;

    if (f->n_values + 1 != f->n_names)
        return 1;
    f->value[f->n_values++] = (struct span){ at, len };
    return 0;
}

static int head_cb(http_parser *p)
{
    struct found *f = p->data;

    f->flags = p->flags;
    f->complete = true;
    return 2; /* whatever follows is not the parser's */
}

static const http_parser_settings settings = {
    .on_url = url_cb, .on_header_field = name_cb, .on_header_value = value_cb, .on_headers_complete = head_cb
};

/* The start line must have its one exact form: METHOD SP target SP HTTP/1.x, or HTTP/1.x SP 3 digits [SP
 * reason]. */
static const char *check_request_line(struct http_reader *r, const struct found *f)
{
    size_t method_len = strlen(r->head.method);
    const char *end = f->url.at + f->url.len;

    if (!f->url.len || f->url.at != r->raw.data + method_len + 1)
        return "the request line is not METHOD TARGET HTTP/1.1";
    if (strncmp(end, " HTTP/1.1\r\n", 11) && strncmp(end, " HTTP/1.0\r\n", 11))
        return "the request is not of HTTP/1.1 or HTTP/1.0";
    for (const char *s = f->url.at; s < end; s++) {
        if ((unsigned char)*s <= ' ' || *s == 0x7f)
            return "the target has a blank or a control character";
    }
    return NULL;
}

static const char *check_status_line(struct http_reader *r, int status)
{
    const char *s = r->raw.data;
    const char *end = strchr(s, '\r'); /* there is one; a NUL before it makes it NULL */

    if (!end || end - s < 12 || (strncmp(s, "HTTP/1.1 ", 9) && strncmp(s, "HTTP/1.0 ", 9)))
        return "the status line is not HTTP/1.1 STATUS";
    if (status < 100 || status > 599 || (s[12] != ' ' && s + 12 != end))
        return "the status is not a number from 100 to 599";
    if (!http_is_field_value(s, (size_t)(end - s)))
        return "the status line has a control character";
    return NULL;
}

static const char *read_length(struct http_head *h, const char *value)
{
    int64_t n = 0;
    size_t len = strlen(value);

    if (h->content_length >= 0)
        return "two Content-Length fields";
    if (len == 0 || len > 18 || strspn(value, "0123456789") != len)
        return "the Content-Length is not a number";
    for (size_t i = 0; i < len; i++)
        n = n * 10 + (value[i] - '0');
    h->content_length = n;
    return NULL;
}

/* What a field means for the framing. Returns NULL or what is wrong with it. */
static const char *read_field(struct http_head *h, const struct http_field *f, unsigned *hosts)
{
    if (!strcasecmp(f->name, "Content-Length"))
        return read_length(h, f->value);
    if (!strcasecmp(f->name, "Transfer-Encoding")) {
        if (h->chunked || strcasecmp(f->value, "chunked"))
            return "the Transfer-Encoding is not just chunked";
        if (h->minor == 0)
            return "Transfer-Encoding in HTTP/1.0";
        h->chunked = true;
    } else if (!strcasecmp(f->name, "Expect")) {
        h->expect_continue = h->method && !strcasecmp(f->value, "100-continue");
    } else if (!strcasecmp(f->name, "Host") && ++*hosts > 1) {
        return "two Host fields";
    }
    return NULL;
}

static const char *take_fields(struct http_reader *r, struct found *f)
{
    struct http_head *h = &r->head;
    unsigned hosts = 0;

    if (f->n_names != f->n_values)
        return "a field has no value";
    if (f->n_names > r->fields_cap) {
        r->fields = xrealloc(r->fields, f->n_names * sizeof *r->fields);
        r->fields_cap = f->n_names;
    }
    h->fields = r->fields;
    for (size_t i = 0; i < f->n_names; i++) {
        struct span *name = &f->name[i], *value = &f->value[i];
        const char *wrong;
        if (!http_is_token(name->at, name->len))
            return "a field name is no token";
        if (!http_is_field_value(value->at, value->len))
            return "a field value has a control character";
        while (value->len && (value->at[value->len - 1] == ' ' || value->at[value->len - 1] == '\t'))
            value->len--;
        /* Both end before a ':', a blank or a CR of raw, which the NUL replaces; for an empty value the
         * parser names a place in the next line. */
        r->raw.data[name->at - r->raw.data + (ptrdiff_t)name->len] = '\0';
        if (value->len)
            r->raw.data[value->at - r->raw.data + (ptrdiff_t)value->len] = '\0';
        else
            value->at = "";
        r->fields[h->n_fields++] = (struct http_field){ name->at, value->at };
        if ((wrong = read_field(h, &r->fields[i], &hosts)))
            return wrong;
    }
    return h->chunked && h->content_length >= 0 ? "Content-Length together with Transfer-Encoding" : NULL;
}

/* Decide what follows the head; RFC 9112 6.3. */
static void decide_body(struct http_reader *r, unsigned flags)
{
    struct http_head *h = &r->head;
    bool upgrade = (flags & F_UPGRADE) && (flags & F_CONNECTION_UPGRADE);
    bool none = r->responses ? r->head_request || h->status < 200 || h->status == 204 || h->status == 304
                             : !h->chunked && h->content_length <= 0;

    h->upgrade = r->responses ? h->status == 101 : upgrade || !strcmp(h->method, "CONNECT");
    h->has_body = !none && h->content_length != 0;
    h->keep_alive = !(flags & F_CONNECTION_CLOSE) && (h->minor == 1 || (flags & F_CONNECTION_KEEP_ALIVE));
    if (!h->has_body)
        return;
    if (h->chunked) {
        r->state = BODY_CHUNKED;
        http_chunks_init(&r->chunks);
    } else if (h->content_length > 0) {
        r->state = BODY_LENGTH;
        r->left = h->content_length;
    } else {
        r->state = BODY_EOF;
        h->keep_alive = false;
    }
}

/* raw holds a whole head: fill r->head and choose the state for what follows. Returns NULL or what is wrong.
 */
static const char *parse_head(struct http_reader *r)
{
    struct found f;
    http_parser p;
    const char *wrong;

    f.url = (struct span){ NULL, 0 };
    f.n_names = f.n_values = 0;
    f.complete = false;
    http_parser_init(&p, r->responses ? HTTP_RESPONSE : HTTP_REQUEST);
    p.data = &f;
    size_t eaten = http_parser_execute(&p, &settings, r->raw.data, r->raw.len);
    if (p.http_errno != HPE_OK)
        return http_errno_description(HTTP_PARSER_ERRNO(&p));
    if (!f.complete || eaten != r->raw.len) /* it takes CR CR LF for the end of the head */
        return "the head is not HTTP";
    r->head = (struct http_head){ .minor = p.http_minor, .content_length = -1 };
    if (r->responses) {
        r->head.status = p.status_code;
        wrong = check_status_line(r, p.status_code);
    } else {
        r->head.method = http_method_str(p.method);
        wrong = check_request_line(r, &f);
    }
    if (wrong || (wrong = take_fields(r, &f)))
        return wrong;
    if (!r->responses) {
        r->head.target = f.url.at;
        r->raw.data[f.url.at - r->raw.data + (ptrdiff_t)f.url.len] = '\0';
    }
    decide_body(r, f.flags);
    return NULL;
}

/* ---- What the caller is told. */

static void call_body(struct http_reader *r, const char *data, size_t len, bool *stop)
{
    if (len && r->cb->body && r->cb->body(r->arg, data, len))
        *stop = true;
}

static void message_complete(struct http_reader *r, bool *stop)
{
    r->state = HEAD;
    r->interim = false;
    r->head_request = false;
    if (r->cb->complete && r->cb->complete(r->arg))
        *stop = true;
}

static void call_head(struct http_reader *r, bool *stop)
{
    bool interim = r->responses && r->head.status < 200;

    r->begun = false;
    r->interim = interim;
    if (interim && r->head.status == 101)
        r->state = UPGRADED;
    if (r->cb->head && r->cb->head(r->arg, &r->head))
        *stop = true;
    if (!interim && r->state == HEAD)
        message_complete(r, stop);
}

/* ---- Steps: each eats some bytes of one state. */

static ssize_t feed_head(struct http_reader *r, const char *data, size_t len, bool *stop)
{
    bool whole = false;
    size_t skipped = 0;

    if (!r->begun) { /* the next message begins: the last head goes */
        buf_reset(&r->raw);
        r->line_len = r->lines = 0;
    }
    if (r->lines == 0 && (skipped = skip_empty_lines(r, data, len)) > 0) {
        r->begun = false;
        return (ssize_t)skipped;
    }
    ssize_t n = scan_head(r, data, len, &whole);
    if (n < 0)
        return n;
    if (r->raw.len + (size_t)n > HTTP_HEAD_MAX)
        return fail(r, -EPROTO, "the head is larger than 64 KiB");
    buf_add(&r->raw, data, (size_t)n);
    r->begun = true;
    if (!whole)
        return n;
    const char *wrong = parse_head(r);
    if (wrong)
        return fail(r, -EPROTO, wrong);
    call_head(r, stop);
    return n;
}

static ssize_t feed_length(struct http_reader *r, const char *data, size_t len, bool *stop)
{
    if ((uint64_t)r->left < len)
        len = (size_t)r->left;
    r->left -= (int64_t)len;
    call_body(r, data, len, stop);
    if (!r->left)
        message_complete(r, stop);
    return (ssize_t)len;
}

static ssize_t feed_chunked(struct http_reader *r, const char *data, size_t len, bool *stop)
{
    const char *body, *why;
    size_t body_len;
    ssize_t n = http_chunks_feed(&r->chunks, data, len, &body, &body_len, &why);

    if (n < 0)
        return fail(r, -EPROTO, why);
    call_body(r, body, body_len, stop);
    if (http_chunks_done(&r->chunks))
        message_complete(r, stop);
    return n;
}

static ssize_t feed_eof(struct http_reader *r)
{
    bool stop = false;

    if (r->state == BODY_EOF)
        message_complete(r, &stop);
    else if (http_reader_in_message(r) && r->state != UPGRADED)
        return fail(r, -ECONNRESET, "the connection was closed in the middle of a message");
    return 0;
}

ssize_t http_reader_feed(struct http_reader *r, const char *data, size_t len, const char **why)
{
    size_t eaten = 0;
    bool stop = false;
    ssize_t n = 0;

    if (len == 0 && r->state != FAILED)
        n = feed_eof(r);
    while (eaten < len && !stop && n >= 0 && r->state < UPGRADED) {
        if (r->state == HEAD) {
            n = feed_head(r, data + eaten, len - eaten, &stop);
        } else if (r->state == BODY_LENGTH) {
            n = feed_length(r, data + eaten, len - eaten, &stop);
        } else if (r->state == BODY_CHUNKED) {
            n = feed_chunked(r, data + eaten, len - eaten, &stop);
        } else {
            n = (ssize_t)(len - eaten);
            call_body(r, data + eaten, len - eaten, &stop);
        }
        if (n > 0)
            eaten += (size_t)n;
    }
    if (r->state != FAILED)
        return (ssize_t)eaten;
    if (why)
        *why = r->why;
    return r->rc;
}
