/* SPDX-License-Identifier: MIT */
/* Anthropic's "Create a Message" as a chat completion. Source: Anthropic API reference, "Messages" (version
 * 2023-06-01), with `output_config.format` and `output_format` for JSON schemas. cache_control, metadata,
 * service_tier and the budget of thinking have no counterpart and are passed over; tools that Anthropic's own
 * servers run cannot be had. */
#include "backend/dialect/dialect_inside.h"
#include "backend/dialect/json_parts.h"

#include <errno.h>
#include <string.h>

static const struct part_name fields[] = {
    { "max_tokens", "max_tokens" }, { "temperature", "temperature" }, { "top_p", "top_p" },
    { "top_k", "top_k" },           { "stop_sequences", "stop" },
};

/* ---- Blocks of content */

static int add_image(json_t *parts, const json_t *block, struct err *e)
{
    const json_t *source = part(block, "source");
    const char *type = part_text(source, "type"), *url = part_text(source, "url"),
               *media = part_text(source, "media_type"), *data = part_text(source, "data");
    struct buf made = { 0 };

    if (type && strcmp(type, "base64") == 0 && media && data) {
        buf_addf(&made, "data:%s;base64,%s", media, data);
        url = made.data;
    } else if (!type || strcmp(type, "url") != 0) {
        url = NULL;
    }
    if (url)
        json_array_append_new(parts, image_part(url));
    buf_free(&made);
    return url ? 0
               : err_set(e, -EINVAL, "an image's source must be base64 with media_type and data, or a url");
}

/* Text, or documents that are text. */
static int add_part(json_t *parts, const json_t *block, struct err *e)
{
    const char *type = part_text(block, "type");
    const json_t *text = part(block, "text");

    if (type && strcmp(type, "image") == 0)
        return add_image(parts, block, e);
    if (type && strcmp(type, "document") == 0)
        text = part(part(block, "source"), "data");
    if (!type || !json_is_string(text) ||
        (strcmp(type, "text") != 0 &&
         strcmp(part_text(part(block, "source"), "type") ? part_text(part(block, "source"), "type") : "",
                "text") != 0))
        return err_set(e, -EINVAL, "content of type \"%.60s\" cannot be given to this model's engine",
                       type ? type : "");
    json_array_append_new(parts, text_part(text));
    return 0;
}

/* A string, or blocks of text and images. */
static int content_of(json_t **out, const json_t *content, struct err *e)
{
    json_t *parts, *block;
    size_t i;
    int rc = 0;

    if (!content || json_is_string(content)) {
        *out = content ? json_incref((json_t *)content) : json_string("");
        return 0;
    }
    if (!json_is_array(content))
        return wrong_type(e, "the content of a message", "a string or an array of blocks");
    parts = json_array();
    json_array_foreach(content, i, block)
    {
        if ((rc = add_part(parts, block, e)) < 0)
            break;
    }
    if (rc < 0)
        json_decref(parts);
    else
        *out = content_of_parts(parts);
    return rc;
}

/* ---- Messages */

static bool is_type(const json_t *block, const char *type)
{
    const char *t = part_text(block, "type");

    return t && strcmp(t, type) == 0;
}

/* What a tool gave is a message of its own, before what the user says beside it. */
static int add_result(json_t *messages, const json_t *block, struct err *e)
{
    json_t *content = NULL, *message;
    int rc = content_of(&content, part(block, "content"), e);

    if (rc < 0)
        return rc;
    if (json_is_null(content)) {
        json_decref(content);
        content = json_string("");
    }
    message = message_of("tool", content);
    part_copy(message, "tool_call_id", block, "tool_use_id");
    json_array_append_new(messages, message);
    return 0;
}

static int take_user(json_t *messages, const json_t *content, struct err *e)
{
    json_t *rest = json_array(), *block, *said = NULL;
    size_t i;
    int rc = 0;

    json_array_foreach(content, i, block)
    {
        if (!is_type(block, "tool_result"))
            json_array_append(rest, block);
        else if ((rc = add_result(messages, block, e)) < 0)
            break;
    }
    if (rc == 0 && (json_array_size(rest) > 0 || json_array_size(content) == 0))
        rc = content_of(&said, rest, e);
    json_decref(rest);
    if (rc == 0 && said)
        json_array_append_new(messages, message_of("user", said));
    return rc;
}

static void add_call(json_t *calls, const json_t *block)
{
    struct buf arguments = { 0 };
    const char *id = part_text(block, "id"), *name = part_text(block, "name");

    add_json(&arguments, part(block, "input") ? json_incref(part(block, "input")) : json_object());
    json_array_append_new(calls, tool_call_of(id ? id : "", name ? name : "", json_of_buf(&arguments)));
    buf_free(&arguments);
}

static int take_assistant(json_t *messages, const json_t *content, struct err *e)
{
    json_t *rest = json_array(), *calls = json_array(), *block, *said = NULL, *message;
    struct buf thinking = { 0 };
    size_t i;

    json_array_foreach(content, i, block)
    {
        if (is_type(block, "tool_use"))
            add_call(calls, block);
        else if (is_type(block, "thinking"))
            buf_adds(&thinking, part_text(block, "thinking") ? part_text(block, "thinking") : "");
        else if (!is_type(block, "redacted_thinking"))
            json_array_append(rest, block);
    }
    int rc = content_of(&said, rest, e);
    json_decref(rest);
    if (rc == 0) {
        message = message_of("assistant", said);
        if (thinking.len > 0)
            json_object_set_new(message, "reasoning_content", json_of_buf(&thinking));
        if (json_array_size(calls) > 0)
            json_object_set(message, "tool_calls", calls);
        json_array_append_new(messages, message);
    }
    json_decref(calls);
    buf_free(&thinking);
    return rc;
}

static int take_message(json_t *messages, const json_t *m, struct err *e)
{
    const char *role = part_text(m, "role");
    const json_t *content = part(m, "content");

    if (!role || (strcmp(role, "user") != 0 && strcmp(role, "assistant") != 0 && strcmp(role, "system") != 0))
        return err_set(e, -EINVAL, "messages: the role must be \"user\" or \"assistant\"");
    if (!json_is_string(content) && !json_is_array(content))
        return wrong_type(e, "messages: content", "a string or an array of blocks");
    if (json_is_string(content)) {
        json_array_append_new(messages, message_of(role, json_incref((json_t *)content)));
        return 0;
    }
    return strcmp(role, "assistant") == 0 ? take_assistant(messages, content, e)
                                          : take_user(messages, content, e);
}

static int take_system(json_t *messages, const json_t *system, struct err *e)
{
    json_t *content = NULL;
    int rc = system ? content_of(&content, system, e) : 0;

    if (rc == 0 && content && json_string_length(content) > 0)
        json_array_append_new(messages, message_of("system", content));
    else
        json_decref(content);
    return rc;
}

/* ---- Tools */

static int take_tools(struct dialect *d, const json_t *tools, struct err *e)
{
    json_t *out, *tool;
    size_t i;

    if (json_array_size(tools) == 0)
        return 0;
    out = json_array();
    json_object_set_new(d->request, "tools", out);
    json_array_foreach(tools, i, tool)
    {
        const char *type = part_text(tool, "type"), *name = part_text(tool, "name");
        if (!name || (type && strcmp(type, "custom") != 0))
            return err_set(
                e, -EINVAL,
                "tools: \"%.60s\" is no tool that is described by a schema, and no other can be had here",
                type ? type : "");
        json_t *f = json_pack("{s:s}", "name", name);
        part_copy(f, "description", tool, "description");
        part_copy(f, "parameters", tool, "input_schema");
        json_array_append_new(out, json_pack("{s:s,s:o}", "type", "function", "function", f));
    }
    return 0;
}

static int take_choice(struct dialect *d, const json_t *choice, struct err *e)
{
    const char *type = part_text(choice, "type"), *name = part_text(choice, "name");

    if (!choice)
        return 0;
    if (is_type(choice, "tool") && name)
        json_object_set_new(d->request, "tool_choice",
                            json_pack("{s:s,s:{s:s}}", "type", "function", "function", "name", name));
    else if (is_type(choice, "any"))
        json_object_set_new(d->request, "tool_choice", json_string("required"));
    else if (is_type(choice, "auto") || is_type(choice, "none"))
        json_object_set_new(d->request, "tool_choice", json_string(type));
    else
        return err_set(e, -EINVAL, "tool_choice: the type must be auto, any, none, or tool with a name");
    if (json_is_true(part(choice, "disable_parallel_tool_use")))
        json_object_set_new(d->request, "parallel_tool_calls", json_false());
    return 0;
}

static void take_rest(struct dialect *d, const json_t *asked)
{
    const json_t *thinking = part(asked, "thinking"), *format = part(asked, "output_format");

    if (!format)
        format = part(part(asked, "output_config"), "format");
    if (is_type(format, "json_schema") && part(format, "schema"))
        json_object_set_new(d->request, "response_format", schema_format(NULL, part(format, "schema"), NULL));
    d->no_thinking = !thinking || is_type(thinking, "disabled"); /* its programs get none unasked */
    if (thinking && !is_type(thinking, "adaptive"))
        set_thinking(d->request, !d->no_thinking);
}

int anthropic_request(struct dialect *d, const json_t *asked, struct err *e)
{
    const json_t *messages = part(asked, "messages");
    json_t *out = json_array(), *m;
    size_t i;
    int rc;

    d->pivot = PIVOT_CHAT;
    d->stream = json_is_true(part(asked, "stream"));
    d->request = json_pack("{s:o}", "messages", out);
    if (!json_is_integer(part(asked, "max_tokens")) || json_integer_value(part(asked, "max_tokens")) < 1)
        return wrong_type(e, "max_tokens", "a whole number of 1 or more");
    if (json_array_size(messages) == 0)
        return wrong_type(e, "messages", "an array of at least one message");
    if ((rc = take_system(out, part(asked, "system"), e)) < 0)
        return rc;
    json_array_foreach(messages, i, m)
    {
        if ((rc = take_message(out, m, e)) < 0)
            return rc;
    }
    part_copy_all(d->request, asked, fields, sizeof fields / sizeof *fields);
    take_rest(d, asked);
    rc = take_tools(d, part(asked, "tools"), e);
    return rc < 0 ? rc : take_choice(d, part(asked, "tool_choice"), e);
}
