/* SPDX-License-Identifier: MIT */
/* OpenAI's requests in Ollama's words, for engines that speak nothing else. logprobs, logit_bias, tool_choice
 * and images at an address have no counterpart: the last are an error, the others are passed over. */
#include "backend/dialect/dialect_inside.h"
#include "backend/dialect/json_parts.h"

#include <errno.h>
#include <string.h>

static const struct part_name options[] = {
    { "max_tokens", "num_predict" },
    { "max_completion_tokens", "num_predict" },
    { "temperature", "temperature" },
    { "top_p", "top_p" },
    { "top_k", "top_k" },
    { "min_p", "min_p" },
    { "seed", "seed" },
    { "stop", "stop" },
    { "frequency_penalty", "frequency_penalty" },
    { "presence_penalty", "presence_penalty" },
    { "repetition_penalty", "repeat_penalty" },
    { "repeat_penalty", "repeat_penalty" },
};

static bool is(const char *a, const char *b)
{
    return a && strcmp(a, b) == 0;
}

const char *ollama_pivot_path(const struct dialect *d)
{
    static const char *const paths[] = { "/api/chat", "/api/generate", "/api/embed" };

    return paths[d->pivot];
}

/* ---- Messages */

static int add_image(json_t *images, const char *url, struct err *e)
{
    const char *data = url && strncmp(url, "data:", 5) == 0 ? strstr(url, ";base64,") : NULL;

    if (!data)
        return err_set(e, -EINVAL, "the engine takes images only as data: URLs in base64");
    json_array_append_new(images, json_string(data + strlen(";base64,")));
    return 0;
}

static int take_content(json_t *out, const json_t *content, struct err *e)
{
    json_t *images = json_array(), *p;
    struct buf text = { 0 };
    size_t i;
    int rc = 0;

    if (json_is_string(content))
        buf_add(&text, json_string_value(content), json_string_length(content));
    json_array_foreach(content, i, p)
    {
        const json_t *s = part(p, "text");
        if (json_is_string(s))
            buf_add(&text, json_string_value(s), json_string_length(s));
        else if ((rc = add_image(images, part_text(part(p, "image_url"), "url"), e)) < 0)
            break;
    }
    json_object_set_new(out, "content", json_of_buf(&text));
    if (json_array_size(images) > 0)
        json_object_set(out, "images", images);
    json_decref(images);
    buf_free(&text);
    return rc;
}

static int take_calls(json_t *out, const json_t *calls, struct err *e)
{
    json_t *made = json_array(), *call;
    size_t i;

    json_object_set_new(out, "tool_calls", made);
    json_array_foreach(calls, i, call)
    {
        const json_t *f = part(call, "function"), *text = part(f, "arguments");
        json_t *arguments = object_of_text(text ? json_string_value(text) : "", json_string_length(text));
        if (!arguments || !part_text(f, "name")) {
            json_decref(arguments);
            return err_set(e, -EINVAL,
                           "a tool call of a message has no name, or arguments that are no JSON object");
        }
        json_array_append_new(
            made, json_pack("{s:{s:O,s:o}}", "function", "name", part(f, "name"), "arguments", arguments));
    }
    return 0;
}

/* Ollama names a tool where OpenAI names the call. */
static const char *tool_of(const json_t *messages, const char *id)
{
    size_t i, k;
    json_t *m, *call;

    json_array_foreach(messages, i, m)
    {
        json_array_foreach(part(m, "tool_calls"), k, call)
        {
            if (is(part_text(call, "id"), id))
                return part_text(part(call, "function"), "name");
        }
    }
    return NULL;
}

static int take_messages(const struct dialect *d, json_t *out, struct err *e)
{
    const json_t *messages = part(d->request, "messages");
    json_t *made = json_array(), *m;
    size_t i;
    int rc = 0;

    json_object_set_new(out, "messages", made);
    json_array_foreach(messages, i, m)
    {
        const char *role = part_text(m, "role"), *id = part_text(m, "tool_call_id");
        if (!role)
            return err_set(e, -EINVAL, "message %zu has no role", i);
        json_t *one = json_pack("{s:s}", "role", is(role, "developer") ? "system" : role);
        json_array_append_new(made, one);
        part_copy(one, "thinking", m, "reasoning_content");
        if ((rc = take_content(one, part(m, "content"), e)) < 0)
            return rc;
        if (part(m, "tool_calls") && (rc = take_calls(one, part(m, "tool_calls"), e)) < 0)
            return rc;
        if (id && tool_of(messages, id))
            json_object_set_new(one, "tool_name", json_string(tool_of(messages, id)));
    }
    return 0;
}

/* ---- The rest */

static void take_format(const struct dialect *d, json_t *out)
{
    const json_t *format = part(d->request, "response_format"),
                 *effort = part(d->request, "reasoning_effort"),
                 *think = part(part(d->request, "chat_template_kwargs"), "enable_thinking");

    if (is(part_text(format, "type"), "json_object"))
        json_object_set_new(out, "format", json_string("json"));
    else if (is(part_text(format, "type"), "json_schema"))
        part_copy(out, "format", part(format, "json_schema"), "schema");
    if (is(json_string_value(effort), "none"))
        json_object_set_new(out, "think", json_false());
    else if (effort)
        json_object_set(out, "think", (json_t *)effort);
    else if (think)
        json_object_set(out, "think", (json_t *)think);
}

int ollama_pivot(const struct dialect *d, json_t **result, struct err *e)
{
    json_t *out = json_object(), *given = json_object();
    int rc = 0;

    if (d->pivot == PIVOT_EMBED) {
        part_copy(out, "input", d->request, "input");
        part_copy(out, "dimensions", d->request, "dimensions");
    } else {
        part_copy_all(given, d->request, options, sizeof options / sizeof *options);
        json_object_set(out, "options", given);
        take_format(d, out);
    }
    if (d->pivot == PIVOT_TEXT) {
        part_copy(out, "prompt", d->request, "prompt");
        part_copy(out, "suffix", d->request, "suffix");
        json_object_set_new(out, "raw", json_true());
    } else if (d->pivot == PIVOT_CHAT) {
        rc = take_messages(d, out, e);
        part_copy(out, "tools", d->request, "tools");
    }
    json_decref(given);
    if (rc < 0)
        json_decref(out);
    else
        *result = out;
    return rc;
}
