/* SPDX-License-Identifier: MIT */
/* Whole answers of our own, errors above all, in the words of the API that was called. */
#include "fs/door_http/connection.h"
#include "backend/dialect/dialect.h"

#include <stdio.h>
#include <string.h>

void connection_answer_with(struct connection *c, int status, const char *type, const struct http_field *more,
                            const char *body, size_t len)
{
    const struct request *r = connection_request(c);
    bool keep = connection_may_keep(c);
    struct buf out = { 0 };
    char length[32];

    http_write_response(&out, status);
    http_write_field(&out, "Content-Type", type);
    snprintf(length, sizeof length, "%zu", len);
    http_write_field(&out, "Content-Length", length);
    http_write_field(&out, "X-Slullamafs", SLULLAMAFS_VERSION); /* it tells us from slullama's own server */
    if (status == 429 || status == 503) {
        snprintf(length, sizeof length, "%lld", (long long)connection_retry_after_s(c));
        http_write_field(&out, "Retry-After", length);
    }
    if (status == 401)
        http_write_field(&out, "WWW-Authenticate", "Bearer realm=\"slullamafs\"");
    for (; more && more->name; more++)
        http_write_field(&out, more->name, more->value);
    http_write_field(&out, "Connection", keep ? "keep-alive" : "close");
    http_write_end(&out);
    if (!r->head || strcmp(r->head->method, "HEAD") != 0)
        buf_add(&out, body, len);
    connection_write(c, out.data, out.len);
    buf_free(&out);
    connection_done(c, keep);
}

void connection_answer(struct connection *c, int status, const char *type, const char *body, size_t len)
{
    connection_answer_with(c, status, type, NULL, body, len);
}

bool is_ollama_path(const char *path)
{
    return dialect_api_of(path) == DIALECT_OLLAMA;
}

/* slullama's server tells its errors as Ollama does.
 * Source: slullama 0.1.3, server/proxy.py */
static bool is_slullama_path(const char *path)
{
    return path && strncmp(path, "/slullama/", 10) == 0; /* NULL: its head was none */
}

void error_body(struct buf *out, const char *path, int status, const char *text)
{
    dialect_error(out, is_slullama_path(path) ? DIALECT_OLLAMA : dialect_api_of(path), status, text);
}

static void answer_error(struct connection *c, int status, const struct http_field *more, const char *text)
{
    struct buf body = { 0 };

    error_body(&body, connection_request(c)->path, status, text);
    connection_answer_with(c, status, "application/json", more, body.data, body.len);
    buf_free(&body);
}

void connection_error(struct connection *c, int status, const char *text)
{
    answer_error(c, status, NULL, text);
}

void connection_wrong_method(struct connection *c, const char *allowed)
{
    const struct http_field more[] = { { "Allow", allowed }, { 0 } };
    struct buf text = { 0 };

    buf_addf(&text, "%s is no method of this route; it takes %s", connection_request(c)->head->method,
             allowed);
    answer_error(c, 405, more, text.data);
    buf_free(&text);
}
