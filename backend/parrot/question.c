/* SPDX-License-Identifier: MIT */
/* Reading the two requests for completions. Source: OpenAI API reference, "Create chat completion" and
 * "Create completion"; fields that an answer of repetition does not depend on are not looked at. Those that it
 * does: tools (it calls the first one whose name is in the message, or, where a call is required, the one that
 * is named or the first), response_format (the message in JSON of that form), and the words for thinking. */
#include "backend/parrot/question.h"
#include "backend/parrot/instance.h"
#include "backend/parrot/tokens.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void parrot_question_free(struct parrot_question *q)
{
    json_decref(q->root);
    buf_free(&q->joined);
    buf_free(&q->made);
    *q = (struct parrot_question){ 0 };
}

static bool is_given(json_t *value)
{
    return value && !json_is_null(value);
}

/* Content is a string or an array of parts, whose texts are joined; parts of other types (images) are passed
 * over. */
static int read_content(struct parrot_question *q, json_t *content, struct err *e)
{
    size_t i;
    json_t *part;

    if (json_is_string(content)) {
        q->text = json_string_value(content);
        q->len = json_string_length(content);
        return 0;
    }
    if (!json_is_array(content))
        return err_set(e, -EINVAL, "the content of a message must be a string or an array of parts");
    buf_reset(&q->joined);
    json_array_foreach(content, i, part)
    {
        json_t *text = json_object_get(part, "text");
        const char *type = json_string_value(json_object_get(part, "type"));
        if (!type)
            return err_set(e, -EINVAL, "part %zu of a message's content has no type", i);
        if (!strcmp(type, "text") && !json_is_string(text))
            return err_set(e, -EINVAL, "part %zu of a message's content has no text", i);
        if (!strcmp(type, "image_url"))
            q->prompt_tokens++;
        if (!strcmp(type, "text"))
            buf_add(&q->joined, json_string_value(text), json_string_length(text));
    }
    q->text = buf_str(&q->joined);
    q->len = q->joined.len;
    return 0;
}

/* ---- What is said instead of the message. */

static int make(struct parrot_question *q, const json_t *schema)
{
    json_t *text = json_stringn(q->text, q->len), *value = parrot_instance(schema, text);
    char *dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    buf_reset(&q->made);
    buf_adds(&q->made, dumped ? dumped : "{}");
    free(dumped);
    json_decref(value);
    json_decref(text);
    q->text = buf_str(&q->made);
    q->len = q->made.len;
    return 0;
}

static const char *tool_name(const json_t *tool)
{
    return json_string_value(json_object_get(json_object_get(tool, "function"), "name"));
}

/* The tool to call, or NULL. */
static const json_t *choose_tool(const struct parrot_question *q, const json_t *last)
{
    const json_t *tools = json_object_get(q->root, "tools"),
                 *choice = json_object_get(q->root, "tool_choice");
    const char *word = json_string_value(choice), *named = tool_name(choice);
    const char *role = json_string_value(json_object_get(last, "role"));
    bool required = named || (word && !strcmp(word, "required"));
    size_t i;
    json_t *tool;

    if ((word && !strcmp(word, "none")) || (role && !strcmp(role, "tool")))
        return NULL;
    json_array_foreach(tools, i, tool)
    {
        const char *name = tool_name(tool);
        if (!name)
            continue;
        if (named ? !strcmp(named, name) : required || memmem(q->text, q->len, name, strlen(name)))
            return tool;
    }
    return NULL;
}

static bool is_asked_to_think(const struct parrot_question *q)
{
    return json_is_true(
               json_object_get(json_object_get(q->root, "chat_template_kwargs"), "enable_thinking")) ||
           json_is_string(json_object_get(q->root, "reasoning_effort"));
}

/* last  of the messages */
static int read_form(struct parrot_question *q, const json_t *last)
{
    const json_t *format = json_object_get(q->root, "response_format");
    const json_t *schema = json_object_get(json_object_get(format, "json_schema"), "schema");
    const char *type = json_string_value(json_object_get(format, "type"));
    const json_t *tool = choose_tool(q, last);

    if (is_asked_to_think(q))
        q->thinking = "Somebody said something.";
    if (tool) {
        q->tool = tool_name(tool);
        return make(q, json_object_get(json_object_get(tool, "function"), "parameters"));
    }
    if (schema)
        return make(q, schema);
    if (type && !strcmp(type, "json_object")) {
        json_t *any = json_pack("{s:{s:{}}}", "properties", "text");
        make(q, any);
        json_decref(any);
    }
    return 0;
}

static int read_messages(struct parrot_question *q, struct err *e)
{
    json_t *messages = json_object_get(q->root, "messages"), *message, *last = NULL;
    size_t i;

    if (!json_is_array(messages))
        return err_set(e, -EINVAL, "\"messages\" must be an array");
    json_array_foreach(messages, i, message)
    {
        const char *role = json_string_value(json_object_get(message, "role"));
        json_t *content = json_object_get(message, "content");
        if (!role)
            return err_set(e, -EINVAL, "message %zu has no role", i);
        if (is_given(content)) { /* an assistant's may be null beside tool calls */
            if (read_content(q, content, e) < 0)
                return -EINVAL;
            q->prompt_tokens += parrot_count_tokens(q->text, q->len);
        }
        if (!strcmp(role, "user") || (!strcmp(role, "tool") && is_given(content)))
            last = content;
    }
    if (!is_given(last))
        return err_set(e, -EINVAL, "there is no message of role \"user\" with content");
    uint64_t tokens = q->prompt_tokens;
    if (read_content(q, last, e) < 0)
        return -EINVAL;
    q->prompt_tokens = tokens; /* it was counted above */
    return read_form(q, json_array_get(messages, json_array_size(messages) - 1));
}

static int read_prompt(struct parrot_question *q, struct err *e)
{
    json_t *prompt = json_object_get(q->root, "prompt");

    if (json_array_size(prompt) == 1)
        prompt = json_array_get(prompt, 0);
    if (!json_is_string(prompt))
        return err_set(e, -EINVAL, "\"prompt\" must be a string, or an array of one");
    q->text = json_string_value(prompt);
    q->len = json_string_length(prompt);
    q->prompt_tokens = parrot_count_tokens(q->text, q->len);
    return 0;
}

static int read_limits(struct parrot_question *q, struct err *e)
{
    json_t *n = json_object_get(q->root, "n");
    json_t *max = json_object_get(q->root, "max_completion_tokens");

    if (is_given(n) && json_integer_value(n) != 1)
        return err_set(e, -EINVAL, "\"n\" must be 1");
    if (!is_given(max))
        max = json_object_get(q->root, "max_tokens");
    q->max_tokens = -1;
    if (!is_given(max))
        return 0;
    if (!json_is_integer(max) || json_integer_value(max) < -1)
        return err_set(e, -EINVAL, "\"max_tokens\" must be a whole number");
    q->max_tokens = json_integer_value(max); /* -1 is llama-server's word for no limit */
    return 0;
}

static int read_flag(json_t *object, const char *name, bool *out, struct err *e)
{
    json_t *value = json_object_get(object, name);

    if (is_given(value) && !json_is_boolean(value))
        return err_set(e, -EINVAL, "\"%s\" must be true or false", name);
    *out = json_is_true(value);
    return 0;
}

static int read_fields(struct parrot_question *q, struct err *e)
{
    json_t *model = json_object_get(q->root, "model");
    int rc;

    if (!json_is_object(q->root))
        return err_set(e, -EINVAL, "the body must be a JSON object");
    if (is_given(model) && !json_is_string(model))
        return err_set(e, -EINVAL, "\"model\" must be a string");
    q->model = is_given(model) ? json_string_value(model) : "parrot";
    if ((rc = read_flag(q->root, "stream", &q->stream, e)) < 0 || (rc = read_limits(q, e)) < 0)
        return rc;
    rc = read_flag(json_object_get(q->root, "stream_options"), "include_usage", &q->include_usage, e);
    if (rc < 0)
        return rc;
    return q->chat ? read_messages(q, e) : read_prompt(q, e);
}

int parrot_question_parse(struct parrot_question *q, bool chat, const char *body, size_t len, struct err *e)
{
    json_error_t error;

    *q = (struct parrot_question){ .chat = chat };
    q->root = json_loadb(body, len, JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
    if (!q->root)
        return err_set(e, -EINVAL, "the body is not JSON: line %d, column %d: %s", error.line, error.column,
                       error.text);
    int rc = read_fields(q, e);
    if (rc < 0)
        parrot_question_free(q);
    return rc;
}
