/* SPDX-License-Identifier: MIT */
/* The words with which engines say no. Called by the probe and by the chat dialect. Sources: OpenAI's error
 * object; llama-server, {"error":{"code","message","type"}}; Ollama, {"error":"..."}; FastAPI (vLLM and
 * others), {"detail"}; older vLLM, {"object":"error","message"}. */
#include "backend/engine/message.h"
#include "backend/base/utf8.h"

#include <stdlib.h>
#include <string.h>

void message_quote(const char *s, size_t len, struct buf *out)
{
    size_t end = out->len + MESSAGE_MAX;

    while (len && out->len < end) {
        size_t n = utf8_valid_len(s, len < 4 ? len : 4);
        unsigned char c = (unsigned char)*s;
        size_t one = !n || c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

        if (!n)
            buf_adds(out, "?");
        else if (c < 0x20 || c == 0x7f)
            buf_adds(out, " ");
        else
            buf_add(out, s, one);
        s += one;
        len -= one;
    }
    if (len)
        buf_adds(out, "...");
    while (out->len && out->data[out->len - 1] == ' ')
        out->data[--out->len] = '\0';
}

static bool quote_json(const json_t *v, struct buf *out)
{
    if (json_is_string(v)) {
        message_quote(json_string_value(v), json_string_length(v), out);
        return true;
    }
    if (json_is_object(v) || json_is_array(v)) {
        /* FastAPI's `detail` of a validation error is a list of objects. */
        char *text = json_dumps(v, JSON_COMPACT);

        if (text)
            message_quote(text, strlen(text), out);
        free(text);
        return text != NULL;
    }
    return false;
}

bool message_of_json(const json_t *v, struct buf *out)
{
    const json_t *error = json_object_get(v, "error");
    const json_t *message = json_object_get(error, "message");

    if (quote_json(message ? message : error, out))
        return true;
    if (quote_json(json_object_get(v, "detail"), out))
        return true;
    message = json_object_get(v, "message");
    return json_is_string(message) && quote_json(message, out);
}

void message_of_body(const char *body, size_t len, struct buf *out)
{
    json_t *v = json_loadb(body, len, 0, NULL);

    if (!v || !message_of_json(v, out))
        message_quote(body, len, out);
    json_decref(v);
}
