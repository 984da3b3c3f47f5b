/* SPDX-License-Identifier: MIT */
/* A chat request that somebody wrote into `request`. Source of the fields: OpenAI API reference, "Create chat
 * completion". What it means is the engine's to say: looked at is what no engine could do anything with. */
#include "backend/engine/body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 15 digits are what a double keeps of any number that a person writes: 0.7 stays 0.7. */
#define DUMP (JSON_COMPACT | JSON_REAL_PRECISION(15))

static bool begins(const char *word, const char *s, size_t len)
{
    return len <= strlen(word) && strncmp(word, s, len) == 0;
}

/* Is the end of the text the middle of a word or a number, or of an escape in a string? jansson calls these invalid. */
static bool ends_inside(const char *text, size_t len)
{
    size_t from = len;

    while (from > 0 && len - from < 6 && text[from - 1] != '\\')
        from--;
    if (from > 0 && len - from < 6)
        return true;
    from = len;
    while (from > 0 && text[from - 1] && strchr("+-.0123456789abcdefghijklmnopqrstuvwxyzE", text[from - 1]))
        from--;
    const char *token = text + from;
    return len > from && (strchr("-0123456789", *token) || begins("true", token, len - from) ||
                          begins("false", token, len - from) || begins("null", token, len - from));
}

int body_parse(const char *text, size_t len, const char *what, json_t **out, struct err *e)
{
    json_error_t why;
    json_t *v = json_loadb(text, len, JSON_ALLOW_NUL | JSON_DECODE_ANY, &why);

    if (v) {
        *out = v;
        return 0;
    }
    bool more = json_error_code(&why) == json_error_premature_end_of_input ||
                ((size_t)why.position >= len && ends_inside(text, len));
    return err_set(e, more ? -ENODATA : -EINVAL, "%s is no JSON: line %d, column %d: %s", what, why.line,
                   why.column, why.text);
}

static int check_fields(const json_t *v, struct err *e)
{
    const json_t *messages = json_object_get(v, "messages"), *stream = json_object_get(v, "stream");

    if (!json_is_object(v))
        return err_set(e, -EINVAL, "the request must be a JSON object, as {\"messages\":[...]}");
    if (!messages)
        return err_set(e, -EINVAL, "the request has no \"messages\"");
    if (json_array_size(messages) == 0)
        return err_set(e, -EINVAL, "\"messages\" must be an array of messages, at least one");
    for (size_t i = 0; i < json_array_size(messages); i++)
        if (!json_is_object(json_array_get(messages, i)))
            return err_set(e, -EINVAL, "message %zu of the request is no object", i);
    if (stream && !json_is_boolean(stream) && !json_is_null(stream))
        return err_set(e, -EINVAL, "\"stream\" must be true or false");
    return 0;
}

int request_check(const char *text, size_t len, struct err *e)
{
    json_t *v;
    int rc = body_parse(text, len, "the request", &v, e);

    if (rc < 0)
        return rc;
    rc = check_fields(v, e);
    json_decref(v);
    return rc;
}

static bool is_system(const json_t *message)
{
    const char *role = json_string_value(json_object_get(message, "role"));

    /* OpenAI's later name for it. */
    return role && (strcmp(role, "system") == 0 || strcmp(role, "developer") == 0);
}

static void add_system(json_t *messages, const char *system)
{
    for (size_t i = 0; i < json_array_size(messages); i++)
        if (is_system(json_array_get(messages, i)))
            return;
    json_array_insert_new(messages, 0, json_pack("{s:s,s:s}", "role", "system", "content", system));
}

void request_add_defaults(json_t *v, const struct request_defaults *d)
{
    if (*d->model)
        json_object_set_new(v, "model", json_string(d->model));
    if (*d->system)
        add_system(json_object_get(v, "messages"), d->system);
    if (d->params)
        json_object_update_missing(v, (json_t *)d->params);
}

void body_dump(const json_t *v, struct buf *out)
{
    char *all = json_dumps(v, DUMP);

    buf_adds(out, all ? all : "{}");
    free(all);
}

void request_body(const char *text, size_t len, const struct request_defaults *d, struct buf *out)
{
    json_t *v = json_loadb(text, len, JSON_ALLOW_NUL, NULL);

    request_add_defaults(v, d);
    body_dump(v, out);
    json_decref(v);
}
