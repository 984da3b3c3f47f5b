/* SPDX-License-Identifier: MIT */
/* Messages that somebody wrote: a transcript to begin with, or what tools said. What they mean to a model is the engine's to say: looked
 * at is what none could do anything with. Of tools that is the order: each call has its result behind it, before anybody speaks on. Source:
 * OpenAI API reference, "Create chat completion", messages. */
#include "backend/chat/chat_messages.h"
#include "backend/engine/body.h"

#include <errno.h>
#include <string.h>

/* ---- One message */

static int check_call(const json_t *call, size_t i, size_t at, json_t *open, struct err *e)
{
    const json_t *id = json_object_get(call, "id"), *function = json_object_get(call, "function");
    const char *type = json_string_value(json_object_get(call, "type"));

    if (!json_string_length(id))
        return err_set(e, -EINVAL, "call %zu of message %zu has no \"id\"", i, at);
    if (json_object_get(open, json_string_value(id)))
        return err_set(e, -EINVAL, "call %zu of message %zu has the id \"%.80s\" of another one", i, at,
                       json_string_value(id));
    if ((!type || strcmp(type, "function") == 0) && (!json_string_length(json_object_get(function, "name")) ||
                                                     !json_is_string(json_object_get(function, "arguments"))))
        return err_set(e, -EINVAL,
                       "call %zu of message %zu has no \"function\", as "
                       "{\"name\":\"...\",\"arguments\":\"{...}\"}",
                       i, at);
    json_object_set_new(open, json_string_value(id), json_integer((json_int_t)at));
    return 0;
}

/* The ids of its calls are open from here on. */
static int check_calls(const json_t *message, size_t at, json_t *open, struct err *e)
{
    const json_t *calls = json_object_get(message, "tool_calls");
    int rc = 0;

    if (!calls || json_is_null(calls))
        return 0;
    if (strcmp(json_string_value(json_object_get(message, "role")), "assistant") != 0)
        return err_set(e, -EINVAL, "message %zu has \"tool_calls\", which are an assistant's", at);
    if (!json_array_size(calls))
        return err_set(e, -EINVAL, "\"tool_calls\" of message %zu is no array of calls, at least one", at);
    for (size_t i = 0; rc == 0 && i < json_array_size(calls); i++)
        rc = check_call(json_array_get(calls, i), i, at, open, e);
    return rc;
}

static int check_result(const json_t *message, size_t at, json_t *open, struct err *e)
{
    const json_t *id = json_object_get(message, "tool_call_id");

    if (!json_string_length(id))
        return err_set(e, -EINVAL, "message %zu is a tool's, and has no \"tool_call_id\"", at);
    if (json_object_del(open, json_string_value(id)) < 0)
        return err_set(
            e, -EINVAL,
            "message %zu is a tool's, and nobody has called one as \"%.80s\", or it has its result", at,
            json_string_value(id));
    return 0;
}

static int check_message(const json_t *v, size_t at, struct err *e)
{
    const json_t *role = json_object_get(v, "role"), *content = json_object_get(v, "content");
    bool calls = json_array_size(json_object_get(v, "tool_calls")) > 0;

    if (!json_is_object(v))
        return err_set(e, -EINVAL, "message %zu is no object, as {\"role\":\"user\",\"content\":\"...\"}",
                       at);
    if (!json_is_string(role))
        return err_set(e, -EINVAL, "message %zu has no \"role\"", at);
    if (!messages_role(v))
        return err_set(e, -EINVAL,
                       "message %zu has the role \"%.40s\"; there are system, user, assistant and tool", at,
                       json_string_value(role));
    if (json_is_string(content) || json_is_array(content) || (calls && (!content || json_is_null(content))))
        return 0;
    return err_set(e, -EINVAL, "message %zu has no \"content\", which is a text or an array of parts", at);
}

/* ---- Their order */

struct order {
    json_t *open; /* ids of calls without a result, and the numbers of their messages */
    size_t calls; /* of the last message that called any; 0: all have their results */
    bool said;    /* somebody but the system */
};

static int check_open(const struct order *o, size_t before, struct err *e)
{
    const char *id = json_object_iter_key(json_object_iter(o->open));

    if (!id)
        return 0;
    return err_set(e, -EINVAL,
                   "the call \"%.80s\" of message %lld has no result, a message of the role tool, before "
                   "message %zu",
                   id, (long long)json_integer_value(json_object_get(o->open, id)), before);
}

static int check_next(struct order *o, const json_t *v, size_t at, struct err *e)
{
    int rc = check_message(v, at, e);

    if (rc < 0)
        return rc;
    enum role role = messages_role(v)->role;
    if (role == ROLE_SYSTEM && o->said)
        return err_set(e, -EINVAL, "message %zu has the role of the system, which speaks first alone", at);
    o->said |= role != ROLE_SYSTEM;
    if (role == ROLE_TOOL)
        return check_result(v, at, o->open, e);
    if ((rc = check_open(o, at, e)) == 0 && (rc = check_calls(v, at, o->open, e)) == 0)
        o->calls = json_object_size(o->open);
    return rc;
}

static int check_order(const json_t *array, struct err *e)
{
    struct order o = { .open = json_object() };
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < json_array_size(array); i++)
        rc = check_next(&o, json_array_get(array, i), i, e);
    /* It may end with calls: their results are then what is asked first. */
    if (rc == 0 && json_object_size(o.open) < o.calls)
        rc = check_open(&o, json_array_size(array), e);
    json_decref(o.open);
    return rc;
}

int messages_parse(struct messages *m, const char *text, size_t len, struct err *e)
{
    json_t *array;
    int rc = body_parse(text, len, "the transcript", &array, e);

    if (rc < 0)
        return rc;
    if (!json_is_array(array))
        rc = err_set(e, -EINVAL, "the transcript must be a JSON array of messages");
    else
        rc = check_order(array, e);
    for (size_t i = 0; m && rc == 0 && i < json_array_size(array); i++)
        messages_add_object(m, json_array_get(array, i));
    json_decref(array);
    return rc;
}

/* ---- What tools said */

static const char *behind_space(const char *at, const char *end)
{
    while (at < end && *at && strchr(" \t\r\n", *at))
        at++;
    return at;
}

/* Whoever was asked for results and writes an object means one, even if it is none. */
static bool looks_like_results(const char *text, size_t len)
{
    const char *end = text + len, *at = behind_space(text, end);

    if (at < end && *at == '[')
        at = behind_space(at + 1, end);
    return at < end && *at == '{';
}

/* The values of the text, one behind the other: a new array. */
static int read_values(const char *text, size_t len, json_t **out, struct err *e)
{
    const char *end = text + len;
    json_t *all = json_array();
    json_error_t why;
    int rc = 0;

    for (const char *at = behind_space(text, end); rc == 0 && at < end; at = behind_space(at, end)) {
        json_t *v = json_loadb(at, (size_t)(end - at),
                               JSON_ALLOW_NUL | JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, &why);
        if (!v)
            rc = body_parse(at, (size_t)(end - at), "the result of a tool", &v, e);
        else if (json_is_array(v))
            json_array_extend(all, v);
        else
            json_array_append(all, v);
        at += v ? why.position : 0;
        json_decref(v);
    }
    if (rc == 0)
        *out = all;
    else
        json_decref(all);
    return rc;
}

static int check_results(const json_t *results, json_t *open, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < json_array_size(results); i++) {
        const json_t *v = json_array_get(results, i);
        if ((rc = check_message(v, i, e)) < 0)
            return rc;
        if (messages_role(v)->role != ROLE_TOOL)
            return err_set(e, -EINVAL,
                           "the last answer called tools: message %zu must be a result, as "
                           "{\"role\":\"tool\",\"tool_call_id\":\"...\",\"content\":\"...\"}",
                           i);
        rc = check_result(v, i, open, e);
    }
    if (rc == 0 && json_object_size(open))
        return err_set(e, -ENODATA,
                       "the call \"%.80s\" has no result yet: write those of all calls of an answer together",
                       json_object_iter_key(json_object_iter(open)));
    return rc;
}

int messages_results(const struct messages *m, const char *text, size_t len, struct messages *out,
                     struct err *e)
{
    json_t *results, *open;

    if (!m->n || !m->v[m->n - 1].calls || !looks_like_results(text, len))
        return 0;
    int rc = read_values(text, len, &results, e);
    if (rc < 0)
        return rc;
    json_t *last = json_loads(m->v[m->n - 1].json, JSON_ALLOW_NUL, NULL);
    open = json_object();
    check_calls(last, m->n - 1, open, NULL);
    rc = check_results(results, open, e);
    for (size_t i = 0; out && rc == 0 && i < json_array_size(results); i++)
        messages_add_object(out, json_array_get(results, i));
    json_decref(open);
    json_decref(last);
    json_decref(results);
    return rc < 0 ? rc : 1;
}
