/* SPDX-License-Identifier: MIT */
#include "backend/batch/batch_line.h"
#include "backend/base/alloc.h"
#include "backend/base/utf8.h"
#include "backend/engine/body.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID "batch_req_" /* before the number; OpenAI's ids of results begin so too */

/* ---- What a line asks */

/* The model's own system prompt and parameters are added to chats. */
static const struct route {
    const char *path;
    bool chat;
} routes[] = {
    { "/v1/chat/completions", true }, { "/v1/completions", false }, { "/v1/embeddings", false },
    { "/v1/responses", false },       { "/v1/messages", false },
};

static const struct route *find_route(const char *url)
{
    for (size_t i = 0; url && i < sizeof routes / sizeof routes[0]; i++)
        if (strcmp(routes[i].path, url) == 0)
            return &routes[i];
    return NULL;
}

void batch_request_refuse(struct batch_request *r, const char *code, const char *fmt, ...)
{
    struct err e;
    va_list ap;

    va_start(ap, fmt);
    err_vset(&e, -EINVAL, fmt, ap);
    va_end(ap);
    json_decref(r->body);
    r->body = NULL;
    r->path = NULL;
    r->code = code;
    free(r->wrong);
    r->wrong = xstrdup(e.text);
}

void batch_request_finish(struct batch_request *r)
{
    free(r->custom_id);
    free(r->wrong);
    json_decref(r->body);
    *r = (struct batch_request){ 0 };
}

bool batch_line_is_json(const char *text, size_t len)
{
    return len > 0 && *text == '{' &&
           (memmem(text, len, "\"custom_id\"", 11) || memmem(text, len, "\"body\"", 6));
}

static void take_text(struct batch_request *r, const char *text, size_t len)
{
    json_t *content = json_stringn(text, len);

    if (!content) {
        batch_request_refuse(r, "invalid_utf8", "the line is not UTF-8");
        return;
    }
    r->path = routes[0].path;
    r->body = json_pack("{s:[{s:s,s:o}]}", "messages", "role", "user", "content", content);
}

static void take_body(struct batch_request *r, const json_t *v)
{
    const char *url = json_string_value(json_object_get(v, "url"));
    const char *method = json_string_value(json_object_get(v, "method"));
    const json_t *given = json_object_get(v, "url"), *body = json_object_get(v, "body");
    const struct route *route = given ? find_route(url) : &routes[0];

    if (method && strcmp(method, "POST") != 0)
        batch_request_refuse(r, "invalid_method", "the method must be POST, not \"%.20s\"", method);
    else if (!route)
        batch_request_refuse(r, "invalid_url",
                             "the url \"%.60s\" is none that a batch can ask; as "
                             "/v1/chat/completions",
                             url ? url : "");
    else if (!json_is_object(body))
        batch_request_refuse(r, "invalid_body", "the line has no \"body\" that is an object");
    else if (route->chat && json_array_size(json_object_get(body, "messages")) == 0)
        batch_request_refuse(r, "invalid_body", "\"messages\" of the body must be an array, not empty");
    else {
        r->path = route->path;
        r->body = json_copy((json_t *)body);
        /* A result is one object. */
        json_object_del(r->body, "stream");
        json_object_del(r->body, "stream_options");
    }
}

static void take_json(struct batch_request *r, const char *text, size_t len)
{
    json_t *v;
    struct err e;

    if (body_parse(text, len, "the line", &v, &e) < 0) {
        batch_request_refuse(r, "invalid_json", "%s", e.text);
        return;
    }
    const json_t *id = json_object_get(v, "custom_id");
    if (!json_is_object(v)) {
        batch_request_refuse(r, "invalid_json", "the line is no JSON object");
    } else if (id && !json_is_string(id)) {
        batch_request_refuse(r, "invalid_custom_id", "the custom_id is no string");
    } else {
        if (id) {
            free(r->custom_id);
            r->custom_id = xstrdup(json_string_value(id));
        }
        take_body(r, v);
    }
    json_decref(v);
}

void batch_request_parse(const char *text, size_t len, bool json, uint32_t row, struct batch_request *out)
{
    *out = (struct batch_request){ .custom_id = xasprintf("line-%u", row) };
    if (json)
        take_json(out, text, len);
    else
        take_text(out, text, len);
}

void batch_request_body(const struct batch_request *r, const struct request_defaults *d, struct buf *out)
{
    struct request_defaults own = *d;
    json_t *body = json_copy(r->body), *messages = json_object_get(body, "messages");

    if (messages)
        json_object_set_new(body, "messages", json_copy(messages));
    if (!find_route(r->path)->chat) {
        own.system = "";
        own.params = NULL;
    }
    request_add_defaults(body, &own);
    body_dump(body, out);
    json_decref(body);
}

/* ---- What came of it */

/* JSON that is valid holds line feeds between its words alone: with blanks for them it is one line. */
static void add_on_one_line(struct buf *out, const char *json, size_t len)
{
    size_t from = out->len;

    buf_add(out, json, len);
    for (size_t i = from; i < out->len; i++)
        if (out->data[i] == '\n' || out->data[i] == '\r')
            out->data[i] = ' ';
}

static void add_body(struct buf *out, const struct batch_answer *a)
{
    json_t *v = json_loadb(a->body ? a->body : "", a->len, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);

    if (v)
        add_on_one_line(out, a->body, a->len);
    else if (a->len > 0 && utf8_valid_len(a->body, a->len) == a->len)
        body_add_string(out, a->body, a->len);
    else
        buf_adds(out, "null");
    json_decref(v);
}

void batch_result_write(const struct batch_request *r, const struct batch_answer *a, struct buf *out)
{
    buf_addf(out, "{\"id\":\"" ID "%u\",\"custom_id\":", a->number);
    body_add_string(out, r->custom_id, strlen(r->custom_id));
    buf_adds(out, ",\"response\":");
    if (a->status) {
        buf_addf(out, "{\"status_code\":%d,\"request_id\":\"req_%llu\",\"body\":", a->status,
                 (unsigned long long)a->request_id);
        add_body(out, a);
        buf_adds(out, "}");
    } else {
        buf_adds(out, "null");
    }
    buf_adds(out, ",\"error\":");
    if (a->code) {
        buf_addf(out, "{\"code\":\"%s\",\"message\":", a->code);
        body_add_string(out, a->wrong, strlen(a->wrong));
        buf_adds(out, "}");
    } else {
        buf_adds(out, "null");
    }
    buf_adds(out, "}\n");
}

int batch_result_number(const char *line, size_t len, uint32_t *number)
{
    static const char begin[] = "{\"id\":\"" ID;
    unsigned long n;
    char *end;

    if (len < sizeof begin || strncmp(line, begin, sizeof begin - 1) != 0 || line[len - 1] != '}')
        return -EPROTO;
    n = strtoul(line + sizeof begin - 1, &end, 10);
    if (n >= UINT32_MAX || *end != '"')
        return -EPROTO;
    json_t *v = json_loadb(line, len, JSON_ALLOW_NUL, NULL);
    if (!v)
        return -EPROTO;
    json_decref(v);
    *number = (uint32_t)n;
    return 0;
}
