/* SPDX-License-Identifier: MIT */
/* Small moves between JSON objects, see json_parts.h. */
#include "backend/dialect/json_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

json_t *part(const json_t *object, const char *name)
{
    json_t *v = json_object_get(object, name);

    return json_is_null(v) ? NULL : v;
}

const char *part_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

void part_copy(json_t *target, const char *to, const json_t *source, const char *from)
{
    json_t *v = part(source, from);

    if (v)
        json_object_set(target, to, v);
}

void part_copy_all(json_t *target, const json_t *source, const struct part_name *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        part_copy(target, names[i].to, source, names[i].from);
}

json_t *json_of_buf(const struct buf *b)
{
    return json_stringn_nocheck(buf_str(b), b->len);
}

json_t *object_of_text(const char *s, size_t len)
{
    json_t *v = len ? json_loadb(s, len, JSON_ALLOW_NUL, NULL) : json_object();

    if (json_is_object(v))
        return v;
    json_decref(v);
    return NULL;
}

static int dump_cb(const char *s, size_t len, void *arg)
{
    buf_add(arg, s, len);
    return 0;
}

void add_json(struct buf *out, json_t *v)
{
    json_dump_callback(v, dump_cb, out, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(v);
}

void add_line(struct buf *out, json_t *v)
{
    add_json(out, v);
    buf_adds(out, "\n");
}

void add_event(struct buf *out, const char *type, json_t *v)
{
    if (type)
        buf_addf(out, "event: %s\n", type);
    buf_adds(out, "data: ");
    add_json(out, v);
    buf_adds(out, "\n\n");
}

int wrong_type(struct err *e, const char *what, const char *wanted)
{
    return err_set(e, -EINVAL, "%s must be %s", what, wanted);
}

json_t *text_part(const json_t *text)
{
    return json_pack("{s:s,s:O}", "type", "text", "text", (json_t *)text);
}

json_t *image_part(const char *url)
{
    return json_pack("{s:s,s:{s:s}}", "type", "image_url", "image_url", "url", url);
}

json_t *message_of(const char *role, json_t *content)
{
    return json_pack("{s:s,s:o}", "role", role, "content", content);
}

json_t *tool_call_of(const char *id, const char *name, json_t *arguments)
{
    return json_pack("{s:s,s:s,s:{s:s,s:o}}", "id", id, "type", "function", "function", "name", name,
                     "arguments", arguments);
}

json_t *content_of_parts(json_t *parts)
{
    struct buf text = { 0 };
    size_t i;
    json_t *p, *content;

    if (json_array_size(parts) == 0) {
        json_decref(parts);
        return json_null();
    }
    json_array_foreach(parts, i, p)
    {
        json_t *s = json_object_get(p, "text");
        if (!json_is_string(s)) {
            buf_free(&text);
            return parts;
        }
        if (i > 0)
            buf_adds(&text, "\n");
        buf_add(&text, json_string_value(s), json_string_length(s));
    }
    content = json_of_buf(&text);
    buf_free(&text);
    json_decref(parts);
    return content;
}

json_t *schema_format(const char *name, const json_t *schema, const json_t *strict)
{
    return json_pack("{s:s,s:{s:s,s:O,s:b}}", "type", "json_schema", "json_schema", "name",
                     name && *name ? name : "answer", "schema", (json_t *)schema, "strict",
                     !strict || json_is_true(strict));
}

/* The name that llama-server and vLLM have for what a template is given, and the one that Qwen's and others'
 * templates look for. */
void set_thinking(json_t *request, bool on)
{
    json_object_set_new(request, "chat_template_kwargs", json_pack("{s:b}", "enable_thinking", on));
}
