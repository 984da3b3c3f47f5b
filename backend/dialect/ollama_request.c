/* SPDX-License-Identifier: MIT */
/* Ollama's requests in OpenAI's words. Source: ollama/ollama, docs/api.md and docs/modelfile.md (options). What
 * only tells Ollama how to run a model (num_ctx, num_gpu, keep_alive, template, context and the like) has no
 * meaning for an engine that runs already, and is passed over. */
#include "backend/dialect/dialect_inside.h"
#include "backend/dialect/json_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The names behind presence_penalty are llama-server's and vLLM's own. */
static const struct part_name options[] = {
    { "temperature", "temperature" },
    { "top_p", "top_p" },
    { "seed", "seed" },
    { "stop", "stop" },
    { "frequency_penalty", "frequency_penalty" },
    { "presence_penalty", "presence_penalty" },
    { "top_k", "top_k" },
    { "min_p", "min_p" },
    { "typical_p", "typical_p" },
    { "repeat_penalty", "repeat_penalty" },
    { "repeat_penalty", "repetition_penalty" },
    { "repeat_last_n", "repeat_last_n" },
    { "mirostat", "mirostat" },
    { "mirostat_eta", "mirostat_eta" },
    { "mirostat_tau", "mirostat_tau" },
};

static int take_options(struct dialect *d, const json_t *asked, struct err *e)
{
    const json_t *given = part(asked, "options"), *most = part(given, "num_predict");

    if (given && !json_is_object(given))
        return wrong_type(e, "\"options\"", "an object");
    if (most && !json_is_number(most))
        return wrong_type(e, "\"num_predict\"", "a number");
    part_copy_all(d->request, given, options, sizeof options / sizeof *options);
    if (most && json_number_value(most) >= 0) /* -1 and -2: without an end, which is OpenAI's silence */
        json_object_set_new(d->request, "max_tokens", json_integer((json_int_t)json_number_value(most)));
    return 0;
}

static int take_format(struct dialect *d, const json_t *asked, struct err *e)
{
    const json_t *format = part(asked, "format");
    const char *word = json_string_value(format);

    if (!format || (word && !*word))
        return 0;
    if (json_is_object(format))
        json_object_set_new(d->request, "response_format", schema_format(NULL, format, NULL));
    else if (word && strcmp(word, "json") == 0)
        json_object_set_new(d->request, "response_format", json_pack("{s:s}", "type", "json_object"));
    else
        return wrong_type(e, "\"format\"", "\"json\" or a JSON schema");
    return 0;
}

/* true, false, or how much of it: "low", "medium", "high". */
static int take_think(struct dialect *d, const json_t *asked, struct err *e)
{
    const json_t *think = part(asked, "think");

    if (!think)
        return 0;
    if (!json_is_boolean(think) && !json_is_string(think))
        return wrong_type(e, "\"think\"", "true, false or one of low, medium, high");
    if (json_is_string(think))
        json_object_set(d->request, "reasoning_effort", (json_t *)think);
    d->no_thinking = json_is_false(think);
    set_thinking(d->request, !d->no_thinking);
    return 0;
}

static int take_common(struct dialect *d, const json_t *asked, struct err *e)
{
    const json_t *stream = part(asked, "stream");
    int rc;

    if (stream && !json_is_boolean(stream))
        return wrong_type(e, "\"stream\"", "true or false");
    d->stream = !json_is_false(stream);
    if ((rc = take_options(d, asked, e)) < 0 || (rc = take_format(d, asked, e)) < 0)
        return rc;
    return take_think(d, asked, e);
}

/* ---- Images: base64 without a word of what they are. */

static const char *type_of_image(const char *base64)
{
    static const struct {
        const char *begin, *type;
    } known[] = { { "iVBOR", "image/png" },
                  { "/9j/", "image/jpeg" },
                  { "R0lGOD", "image/gif" },
                  { "UklGR", "image/webp" },
                  { "Qk", "image/bmp" } };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strncmp(base64, known[i].begin, strlen(known[i].begin)) == 0)
            return known[i].type;
    return "image/png";
}

static int add_images(json_t *parts, const json_t *images, struct err *e)
{
    struct buf url = { 0 };
    size_t i;
    json_t *image;

    json_array_foreach(images, i, image)
    {
        const char *s = json_string_value(image);
        if (!s || !*s) {
            buf_free(&url);
            return wrong_type(e, "each of \"images\"", "a string of base64");
        }
        buf_reset(&url);
        if (strncmp(s, "data:", 5) != 0)
            buf_addf(&url, "data:%s;base64,", type_of_image(s));
        buf_add(&url, s, json_string_length(image));
        json_array_append_new(parts, image_part(url.data));
    }
    buf_free(&url);
    return 0;
}

/* A string where there are no images. */
static int content_of(json_t **out, const json_t *text, const json_t *images, struct err *e)
{
    if (text && !json_is_string(text))
        return wrong_type(e, "the text of a message", "a string");
    if (images && !json_is_array(images))
        return wrong_type(e, "\"images\"", "an array");
    if (json_array_size(images) == 0) {
        *out = text ? json_incref((json_t *)text) : json_string("");
        return 0;
    }
    json_t *parts = json_array();
    if (json_string_length(text) > 0)
        json_array_append_new(parts, text_part(text));
    int rc = add_images(parts, images, e);
    if (rc < 0)
        json_decref(parts);
    else
        *out = parts;
    return rc;
}

/* ---- Chat */

/* Ollama's tool calls may go without an id, and its results without naming one: they follow each other in the
 * same order. calls: how many had to be numbered; results: how many were matched. */
struct numbering {
    unsigned calls, results;
};

static int take_tool_calls(json_t *message, const json_t *calls, struct numbering *n, struct err *e)
{
    json_t *out = json_array(), *call;
    size_t i;
    char id[32];

    json_array_foreach(calls, i, call)
    {
        const json_t *f = part(call, "function"), *arguments = part(f, "arguments");
        const char *name = part_text(f, "name"), *given = part_text(call, "id");
        struct buf text = { 0 };
        if (!name || (arguments && !json_is_object(arguments) && !json_is_string(arguments))) {
            json_decref(out);
            return err_set(e, -EINVAL,
                           "a tool call of a message has no name, or arguments that are no object");
        }
        snprintf(id, sizeof id, "call_%u", n->calls);
        if (!given || !*given)
            n->calls++;
        if (json_is_string(arguments))
            buf_adds(&text, json_string_value(arguments));
        else
            add_json(&text, arguments ? json_incref((json_t *)arguments) : json_object());
        json_array_append_new(out, tool_call_of(given && *given ? given : id, name, json_of_buf(&text)));
        buf_free(&text);
    }
    json_object_set_new(message, "tool_calls", out);
    return 0;
}

static int take_message(json_t *messages, const json_t *m, struct numbering *n, struct err *e)
{
    const char *role = part_text(m, "role"), *id = part_text(m, "tool_call_id");
    json_t *content = NULL, *message;
    char numbered[32];
    int rc;

    if (!role)
        return err_set(e, -EINVAL, "a message has no role");
    if ((rc = content_of(&content, part(m, "content"), part(m, "images"), e)) < 0)
        return rc;
    message = message_of(role, content);
    json_array_append_new(messages, message);
    part_copy(message, "reasoning_content", m, "thinking");
    if (strcmp(role, "tool") == 0) {
        snprintf(numbered, sizeof numbered, "call_%u", n->results);
        n->results += !id;
        json_object_set_new(message, "tool_call_id", json_string(id ? id : numbered));
    }
    return json_array_size(part(m, "tool_calls")) > 0 ? take_tool_calls(message, part(m, "tool_calls"), n, e)
                                                      : 0;
}

int ollama_chat_request(struct dialect *d, const json_t *asked, struct err *e)
{
    const json_t *messages = part(asked, "messages");
    json_t *out = json_array(), *m;
    struct numbering n = { 0 };
    size_t i;
    int rc;

    d->pivot = PIVOT_CHAT;
    d->request = json_pack("{s:o}", "messages", out);
    if (messages && !json_is_array(messages))
        return wrong_type(e, "\"messages\"", "an array");
    if ((rc = take_common(d, asked, e)) < 0)
        return rc;
    d->only_loads = json_array_size(messages) == 0;
    d->unloads =
        json_is_number(part(asked, "keep_alive")) && json_number_value(part(asked, "keep_alive")) == 0;
    json_array_foreach(messages, i, m)
    {
        if ((rc = take_message(out, m, &n, e)) < 0)
            return rc;
    }
    if (json_array_size(part(asked, "tools")) > 0)
        part_copy(d->request, "tools", asked, "tools");
    return 0;
}

/* ---- Generate */

int ollama_generate_request(struct dialect *d, const json_t *asked, struct err *e)
{
    const json_t *prompt = part(asked, "prompt"), *system = part(asked, "system");
    json_t *messages, *content = NULL;
    int rc;

    d->request = json_object();
    if (prompt && !json_is_string(prompt))
        return wrong_type(e, "\"prompt\"", "a string");
    if (system && !json_is_string(system))
        return wrong_type(e, "\"system\"", "a string");
    if ((rc = take_common(d, asked, e)) < 0)
        return rc;
    d->only_loads = json_string_length(prompt) == 0;
    d->unloads =
        json_is_number(part(asked, "keep_alive")) && json_number_value(part(asked, "keep_alive")) == 0;
    if (d->only_loads)
        return 0;
    if (json_is_true(part(asked, "raw")) || json_string_length(part(asked, "suffix")) > 0) {
        d->pivot = PIVOT_TEXT;
        part_copy(d->request, "prompt", asked, "prompt");
        part_copy(d->request, "suffix", asked, "suffix");
        return 0;
    }
    d->pivot = PIVOT_CHAT;
    messages = json_array();
    json_object_set_new(d->request, "messages", messages);
    if (json_string_length(system) > 0)
        json_array_append_new(messages, message_of("system", json_incref((json_t *)system)));
    if ((rc = content_of(&content, prompt, part(asked, "images"), e)) < 0)
        return rc;
    json_array_append_new(messages, message_of("user", content));
    return 0;
}

/* ---- Embeddings */

static int embed(struct dialect *d, const json_t *input, const json_t *asked)
{
    d->pivot = PIVOT_EMBED;
    d->request = json_pack("{s:O,s:s}", "input", (json_t *)input, "encoding_format", "float");
    part_copy(d->request, "dimensions", asked, "dimensions");
    return 0;
}

int ollama_embed_request(struct dialect *d, const json_t *asked, struct err *e)
{
    const json_t *input = part(asked, "input");

    if (!json_is_string(input) && !json_is_array(input))
        return wrong_type(e, "\"input\"", "a string or an array of strings");
    return embed(d, input, asked);
}

int ollama_embeddings_request(struct dialect *d, const json_t *asked, struct err *e)
{
    const json_t *prompt = part(asked, "prompt");

    if (!json_is_string(prompt))
        return wrong_type(e, "\"prompt\"", "a string");
    return embed(d, prompt, asked);
}
