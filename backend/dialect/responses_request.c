/* SPDX-License-Identifier: MIT */
/* OpenAI's "Create a model response" as a chat completion. Source: OpenAI API reference, "Responses". Nothing
 * is stored here, so that what refers to something stored is refused, as are tools that run at OpenAI; store,
 * include, truncation, metadata and the like are passed over. */
#include "backend/dialect/dialect_inside.h"
#include "backend/dialect/json_parts.h"

#include <errno.h>
#include <string.h>

static const struct part_name fields[] = {
    { "max_output_tokens", "max_tokens" },
    { "temperature", "temperature" },
    { "top_p", "top_p" },
    { "parallel_tool_calls", "parallel_tool_calls" },
};

static bool is(const char *a, const char *b)
{
    return a && strcmp(a, b) == 0;
}

/* ---- Items of the input */

static int add_part(json_t *parts, const json_t *p, struct err *e)
{
    const char *type = part_text(p, "type"), *url = part_text(p, "image_url");
    const json_t *text = part(p, is(type, "refusal") ? "refusal" : "text");

    if (is(type, "input_image") && url) {
        json_array_append_new(parts, image_part(url));
        return 0;
    }
    if (!json_is_string(text) || is(type, "input_image") || is(type, "input_file"))
        return err_set(e, -EINVAL, "input: content of type \"%.60s\" cannot be given to this model's engine",
                       type ? type : "");
    json_array_append_new(parts, text_part(text));
    return 0;
}

static int content_of(json_t **out, const json_t *content, struct err *e)
{
    json_t *parts, *p;
    size_t i;
    int rc = 0;

    if (json_is_string(content)) {
        *out = json_incref((json_t *)content);
        return 0;
    }
    if (!json_is_array(content))
        return wrong_type(e, "input: content", "a string or an array of parts");
    parts = json_array();
    json_array_foreach(content, i, p)
    {
        if ((rc = add_part(parts, p, e)) < 0)
            break;
    }
    if (rc < 0)
        json_decref(parts);
    else
        *out = content_of_parts(parts);
    return rc;
}

static int take_message(json_t *messages, const json_t *item, struct err *e)
{
    const char *role = part_text(item, "role");
    json_t *content = NULL;

    if (!role)
        return err_set(e, -EINVAL, "input: a message has no role");
    int rc = content_of(&content, part(item, "content"), e);
    if (rc == 0) /* templates of open models know no developer */
        json_array_append_new(messages, message_of(is(role, "developer") ? "system" : role, content));
    return rc;
}

/* Calls that follow each other belong to one message of the assistant. */
static int take_call(json_t *messages, const json_t *item, struct err *e)
{
    json_t *last = json_array_get(messages, json_array_size(messages) - 1), *calls;
    const json_t *arguments = part(item, "arguments");
    const char *id = part_text(item, "call_id"), *name = part_text(item, "name");

    if (!id || !name || !json_is_string(arguments))
        return err_set(e, -EINVAL, "input: a function_call needs call_id, name and arguments");
    if (!is(part_text(last, "role"), "assistant")) {
        last = message_of("assistant", json_null());
        json_array_append_new(messages, last);
    }
    calls = json_object_get(last, "tool_calls");
    if (!calls) {
        calls = json_array();
        json_object_set_new(last, "tool_calls", calls);
    }
    json_array_append_new(calls, tool_call_of(id, name, json_incref((json_t *)arguments)));
    return 0;
}

static int take_output(json_t *messages, const json_t *item, struct err *e)
{
    json_t *content = NULL, *message;
    int rc = content_of(&content, part(item, "output"), e);

    if (rc < 0)
        return rc;
    message = message_of("tool", content);
    part_copy(message, "tool_call_id", item, "call_id");
    json_array_append_new(messages, message);
    return 0;
}

static int take_item(json_t *messages, const json_t *item, struct err *e)
{
    const char *type = part_text(item, "type");

    if (!type || is(type, "message"))
        return take_message(messages, item, e);
    if (is(type, "function_call"))
        return take_call(messages, item, e);
    if (is(type, "function_call_output"))
        return take_output(messages, item, e);
    if (is(type, "reasoning")) /* of an earlier turn; chat templates leave it out too */
        return 0;
    return err_set(e, -EINVAL, "input: an item of type \"%.60s\" cannot be given to this model's engine",
                   type);
}

static int take_input(json_t *messages, const json_t *asked, struct err *e)
{
    const json_t *input = part(asked, "input");
    json_t *item;
    size_t i;
    int rc;

    if (part_text(asked, "instructions"))
        json_array_append_new(messages, message_of("system", json_incref(part(asked, "instructions"))));
    if (json_is_string(input)) {
        json_array_append_new(messages, message_of("user", json_incref((json_t *)input)));
        return 0;
    }
    if (json_array_size(input) == 0)
        return wrong_type(e, "input", "a string or an array of items");
    json_array_foreach(input, i, item)
    {
        if ((rc = take_item(messages, item, e)) < 0)
            return rc;
    }
    return 0;
}

/* ---- Tools and form */

static int take_tools(struct dialect *d, const json_t *asked, struct err *e)
{
    const json_t *tools = part(asked, "tools"), *choice = part(asked, "tool_choice");
    json_t *out = json_array(), *tool;
    size_t i;

    if (json_array_size(tools) > 0)
        json_object_set(d->request, "tools", out);
    json_decref(out);
    json_array_foreach(tools, i, tool)
    {
        const char *type = part_text(tool, "type");
        if (!is(type, "function"))
            return err_set(e, -EINVAL, "tools: there is no \"%.60s\" here; only functions can be called",
                           type ? type : "");
        json_t *f = json_object();
        static const struct part_name names[] = { { "name", "name" },
                                                  { "description", "description" },
                                                  { "parameters", "parameters" },
                                                  { "strict", "strict" } };
        part_copy_all(f, tool, names, sizeof names / sizeof *names);
        json_array_append_new(out, json_pack("{s:s,s:o}", "type", "function", "function", f));
    }
    if (json_is_string(choice))
        part_copy(d->request, "tool_choice", asked, "tool_choice");
    else if (is(part_text(choice, "type"), "function") && part_text(choice, "name"))
        json_object_set_new(
            d->request, "tool_choice",
            json_pack("{s:s,s:{s:s}}", "type", "function", "function", "name", part_text(choice, "name")));
    else if (choice)
        return wrong_type(e, "tool_choice", "auto, none, required or a function");
    return 0;
}

static void take_format(struct dialect *d, const json_t *asked)
{
    const json_t *format = part(part(asked, "text"), "format"),
                 *effort = part(part(asked, "reasoning"), "effort");
    const char *type = part_text(format, "type");

    if (is(type, "json_object"))
        json_object_set_new(d->request, "response_format", json_pack("{s:s}", "type", "json_object"));
    if (is(type, "json_schema") && part(format, "schema"))
        json_object_set_new(
            d->request, "response_format",
            schema_format(part_text(format, "name"), part(format, "schema"), part(format, "strict")));
    if (json_is_string(effort)) {
        json_object_set(d->request, "reasoning_effort", (json_t *)effort);
        if (is(json_string_value(effort), "none"))
            set_thinking(d->request, false);
    }
}

int responses_request(struct dialect *d, const json_t *asked, struct err *e)
{
    static const char *const stored[] = { "previous_response_id", "conversation", "prompt" };
    json_t *messages = json_array();
    int rc;

    d->pivot = PIVOT_CHAT;
    d->stream = json_is_true(part(asked, "stream"));
    d->request = json_pack("{s:o}", "messages", messages);
    for (size_t i = 0; i < sizeof stored / sizeof *stored; i++)
        if (part(asked, stored[i]))
            return err_set(e, -EINVAL, "%s: nothing is stored here; send the whole conversation as input",
                           stored[i]);
    if (json_is_true(part(asked, "background")))
        return err_set(e, -EINVAL,
                       "background: nothing is stored here, and an answer is had while it is waited for");
    if ((rc = take_input(messages, asked, e)) < 0 || (rc = take_tools(d, asked, e)) < 0)
        return rc;
    part_copy_all(d->request, asked, fields, sizeof fields / sizeof *fields);
    take_format(d, asked);
    d->asked = json_object(); /* what the answer repeats, without the input */
    static const struct part_name repeated[] = { { "instructions", "instructions" },
                                                 { "max_output_tokens", "max_output_tokens" },
                                                 { "metadata", "metadata" },
                                                 { "parallel_tool_calls", "parallel_tool_calls" },
                                                 { "reasoning", "reasoning" },
                                                 { "temperature", "temperature" },
                                                 { "text", "text" },
                                                 { "tool_choice", "tool_choice" },
                                                 { "tools", "tools" },
                                                 { "top_p", "top_p" },
                                                 { "user", "user" } };
    part_copy_all(d->asked, asked, repeated, sizeof repeated / sizeof *repeated);
    return 0;
}
