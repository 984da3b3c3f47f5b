/* SPDX-License-Identifier: MIT */
/* Whole answers of our own, errors above all, in the words of the API that was called. */
#include "fs/door_http/connection.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void answer(struct connection *c, int status, const char *type, const char *allowed, const char *body,
                   size_t len)
{
    const struct request *r = connection_request(c);
    bool keep = connection_may_keep(c);
    struct buf out = { 0 };
    char length[32];

    http_write_response(&out, status);
    http_write_field(&out, "Content-Type", type);
    snprintf(length, sizeof length, "%zu", len);
    http_write_field(&out, "Content-Length", length);
    if (status == 429 || status == 503) {
        snprintf(length, sizeof length, "%lld", (long long)connection_retry_after_s(c));
        http_write_field(&out, "Retry-After", length);
    }
    if (status == 401)
        http_write_field(&out, "WWW-Authenticate", "Bearer realm=\"slullamafs\"");
    if (allowed)
        http_write_field(&out, "Allow", allowed);
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
    answer(c, status, type, NULL, body, len);
}

/* OpenAI's words for `type`; clients look at the status more than at it. */
static const char *error_type(int status)
{
    return status == 401   ? "authentication_error"
           : status == 403 ? "permission_error"
           : status == 404 ? "not_found_error"
           : status == 429 ? "rate_limit_error"
           : status < 500  ? "invalid_request_error"
                           : "server_error";
}

/* Does the path begin with api, at the root, behind /<model> or behind /jobs/<name>? */
static bool is_path_of(const char *path, const char *api)
{
    int segments = path && strncmp(path, "/jobs/", 6) == 0 ? 2 : 1;
    size_t n = strlen(api);

    for (int i = 0; path && *path == '/' && i <= segments; i++, path += 1 + strcspn(path + 1, "/?"))
        if ((i == 0 || i == segments) && strncmp(path, api, n) == 0 && strchr("/?", path[n]))
            return true;
    return false;
}

bool is_ollama_path(const char *path)
{
    return is_path_of(path, "/api");
}

/* Source: docs.anthropic.com/en/api/errors */
static json_t *anthropic_error(int status, const char *text)
{
    const char *type = status == 429                    ? "rate_limit_error"
                       : status == 413                  ? "request_too_large"
                       : status == 503 || status == 504 ? "overloaded_error"
                       : status >= 500                  ? "api_error"
                                                        : error_type(status);

    return json_pack("{s:s,s:{s:s,s:s}}", "type", "error", "error", "type", type, "message", text);
}

static json_t *openai_error(int status, const char *text)
{
    return json_pack("{s:{s:s,s:s,s:i}}", "error", "message", text, "type", error_type(status), "code",
                     status);
}

void error_body(struct buf *out, const char *path, int status, const char *text)
{
    json_t *j = is_ollama_path(path)               ? json_pack("{s:s}", "error", text)
                : is_path_of(path, "/v1/messages") ? anthropic_error(status, text)
                                                   : openai_error(status, text);
    char *s = j ? json_dumps(j, JSON_COMPACT) : NULL;

    buf_adds(out, s ? s : "{\"error\":\"unknown\"}");
    free(s);
    json_decref(j);
}

static void answer_error(struct connection *c, int status, const char *allowed, const char *text)
{
    struct buf body = { 0 };

    error_body(&body, connection_request(c)->path, status, text);
    answer(c, status, "application/json", allowed, body.data, body.len);
    buf_free(&body);
}

void connection_error(struct connection *c, int status, const char *text)
{
    answer_error(c, status, NULL, text);
}

void connection_wrong_method(struct connection *c, const char *allowed)
{
    struct buf text = { 0 };

    buf_addf(&text, "%s is no method of this route; it takes %s", connection_request(c)->head->method,
             allowed);
    answer_error(c, 405, allowed, text.data);
    buf_free(&text);
}
