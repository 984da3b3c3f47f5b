/* SPDX-License-Identifier: MIT */
/* The rewriting of heads between a client and an engine; used by relay.c. RFC 9110 section 7.6, RFC 9112
 * section 6. */
#include "fs/door_http/relay_head.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Fields of a request that end here. Credentials are the client's with us, and the engine gets its job's
 * secret instead. Cookies of a browser belong to every port of 127.0.0.1 alike. Origin was judged here, and
 * an engine that judges it again would compare it with a Host that it never saw. The
 * beginning of the body was read before it is sent, so that nothing is left to expect. */
static const char *const request_ends_here[] = {
    "Authorization", "x-api-key", "api-key",      "Host",           "Expect",       "Cookie", "Origin",
    "Referer",       "Trailer",   "Max-Forwards", "Content-Length", "X-Request-Id", NULL
};

/* And these, where the body is ours. */
static const char *const content_ends_here[] = { "Accept", "Content-Encoding", "Content-Type", NULL };

/* X-Request-Id is ours to say, and so is which pages may read an answer (Access-Control-...). */
static const char *const response_ends_here[] = {
    "Content-Length", "X-Slullama-Job", "X-Slullama-State", "Trailer", "Alt-Svc", "X-Request-Id", NULL
};

static bool is_among(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (http_same_name(name, *list))
            return true;
    return false;
}

/* Connection may be given several times, and each may list names. */
static bool connection_lists(const struct http_head *h, const char *name)
{
    for (size_t i = 0; i < h->n_fields; i++)
        if (http_same_name(h->fields[i].name, "Connection") && http_list_has(h->fields[i].value, name))
            return true;
    return false;
}

static bool stays_here(const struct http_head *h, const char *name)
{
    return http_is_hop_by_hop(name) || strncasecmp(name, "Proxy-", 6) == 0 || connection_lists(h, name);
}

static void write_length(struct buf *out, int64_t length)
{
    char text[32];

    snprintf(text, sizeof text, "%lld", (long long)length);
    http_write_field(out, "Content-Length", text);
}

void relay_request_head(struct buf *out, const struct http_head *h, const struct relay_target *t)
{
    http_write_request(out, h->method, t->path);
    http_write_field(out, "Host", t->host);
    if (t->secret && t->secret[0]) {
        struct buf value = { 0 };
        buf_adds(&value, "Bearer ");
        buf_adds(&value, t->secret);
        http_write_field(out, "Authorization", value.data);
        buf_free(&value);
    }
    if (t->request_id)
        http_write_field(out, "X-Request-Id", t->request_id);
    for (size_t i = 0; i < h->n_fields; i++) {
        const struct http_field *f = &h->fields[i];
        if (stays_here(h, f->name) || is_among(f->name, request_ends_here) ||
            strncasecmp(f->name, "Sec-Fetch-", 10) == 0 ||
            (t->type &&
             (is_among(f->name, content_ends_here) || strncasecmp(f->name, "anthropic-", 10) == 0)) ||
            (t->plain && strcasecmp(f->name, "Accept-Encoding") == 0))
            continue;
        http_write_field(out, f->name, f->value);
    }
    if (t->upgrade) {
        http_write_field(out, "Connection", "Upgrade");
        http_write_field(out, "Upgrade", t->upgrade);
    }
    if (t->type)
        http_write_field(out, "Content-Type", t->type);
    /* A POST without a body says so; other methods have none where there is none. */
    if (t->body_len < 0)
        http_write_field(out, "Transfer-Encoding", "chunked");
    else if (t->body_len > 0 || h->content_length >= 0 || h->chunked || strcmp(h->method, "POST") == 0)
        write_length(out, t->body_len);
    http_write_end(out);
}

enum relay_framing relay_framing_of(const struct http_head *answer, bool head_request, int minor)
{
    if (head_request || answer->status == 204 || answer->status == 304)
        return RELAY_NO_BODY;
    if (answer->content_length >= 0)
        return RELAY_LENGTH;
    return minor >= 1 ? RELAY_CHUNKED : RELAY_CLOSE;
}

static void write_ours(struct buf *out, enum relay_framing framing, const char *job, bool keep)
{
    if (framing == RELAY_CHUNKED)
        http_write_field(out, "Transfer-Encoding", "chunked");
    if (job[0])
        http_write_field(out, "X-Slullama-Job", job);
    http_write_field(out, "Connection", keep && framing != RELAY_CLOSE ? "keep-alive" : "close");
    http_write_end(out);
}

/* What goes through of an answer's head. */
static void write_theirs(struct buf *out, const struct http_head *answer)
{
    http_write_response(out, answer->status);
    for (size_t i = 0; i < answer->n_fields; i++) {
        const struct http_field *f = &answer->fields[i];
        if (!stays_here(answer, f->name) && !is_among(f->name, response_ends_here) &&
            strncasecmp(f->name, "Access-Control-", 15) != 0)
            http_write_field(out, f->name, f->value);
    }
}

void relay_response_head(struct buf *out, const struct http_head *answer, enum relay_framing framing,
                         const char *job, bool keep)
{
    write_theirs(out, answer);
    /* In an answer to HEAD and in a 304 the length is that of the body which a GET would have had. A 204 has
     * none (RFC 9110 8.6). */
    if (answer->content_length >= 0 && answer->status != 204)
        write_length(out, answer->content_length);
    write_ours(out, framing, job, keep);
}

void relay_upgrade_head(struct buf *out, const struct http_head *answer, const char *job)
{
    const char *to = http_field_get(answer, "Upgrade");

    write_theirs(out, answer);
    if (job[0])
        http_write_field(out, "X-Slullama-Job", job);
    http_write_field(out, "Connection", "Upgrade");
    if (to)
        http_write_field(out, "Upgrade", to);
    http_write_end(out);
}

const char *relay_upgrade_asked(const struct http_head *h)
{
    const char *to = http_field_get(h, "Upgrade");

    return h->upgrade && h->minor >= 1 && to && !http_list_has(to, "h2c") ? to : NULL;
}

void relay_waiting_head(struct buf *out, enum relay_framing framing, const char *job, bool keep)
{
    http_write_response(out, 200);
    http_write_field(out, "Content-Type", "text/event-stream; charset=utf-8");
    http_write_field(out, "Cache-Control", "no-cache");
    write_ours(out, framing, job, keep);
}

bool relay_is_event_stream(const struct http_head *answer)
{
    const char *type = http_field_get(answer, "Content-Type");
    size_t n = strlen("text/event-stream");

    return answer->status == 200 && type && strncasecmp(type, "text/event-stream", n) == 0 &&
           (type[n] == '\0' || type[n] == ';' || type[n] == ' ');
}
