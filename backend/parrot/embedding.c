/* SPDX-License-Identifier: MIT */
/* Vectors without a meaning. Source of the shape: OpenAI API reference, "Create embeddings"; with
 * encoding_format base64 each vector is little-endian 32-bit floats in RFC 4648 base64. */
#include "backend/parrot/embedding.h"
#include "backend/base/base64.h"
#include "backend/base/buf.h"
#include "backend/parrot/tokens.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define LENGTH     8 /* of a vector, where nobody says */
#define LENGTH_MAX 4096

/* Number i of the vector of a text: between -1 and 1, in steps that a float holds exactly. */
static float number(const char *s, size_t len, unsigned i)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) + i;

    for (size_t k = 0; k < len; k++)
        h = (h ^ (unsigned char)s[k]) * UINT64_C(0x100000001b3);
    return (float)((int)(h >> 32 & 0xfff) - 2048) / 2048;
}

static json_t *vector(const json_t *text, unsigned n, bool base64)
{
    const char *s = json_string_value(text);
    size_t len = json_string_length(text);
    json_t *out = base64 ? NULL : json_array();
    struct buf bytes = { 0 }, packed = { 0 };

    for (unsigned i = 0; i < n; i++) {
        float f = number(s, len, i);
        uint32_t bits;
        memcpy(&bits, &f, sizeof bits);
        for (int shift = 0; base64 && shift < 32; shift += 8)
            buf_add(&bytes, &(char){ (char)(bits >> shift) }, 1);
        if (!base64)
            json_array_append_new(out, json_real((double)f));
    }
    if (base64) {
        base64_add(&packed, bytes.data, bytes.len);
        out = json_stringn(buf_str(&packed), packed.len);
    }
    buf_free(&bytes);
    buf_free(&packed);
    return out;
}

static int read_request(const json_t *root, json_t **input, unsigned *n, bool *base64, struct err *e)
{
    json_t *dimensions = json_object_get(root, "dimensions"), *text;
    const char *format = json_string_value(json_object_get(root, "encoding_format"));
    size_t i;

    *input = json_object_get(root, "input");
    *input = json_is_string(*input) ? json_pack("[O]", *input) : json_incref(*input);
    if (json_array_size(*input) == 0)
        return err_set(e, -EINVAL, "\"input\" must be a string or an array of strings");
    json_array_foreach(*input, i, text)
    {
        if (!json_is_string(text))
            return err_set(e, -EINVAL, "\"input\" must be a string or an array of strings");
    }
    *n = json_integer_value(dimensions) > 0 && json_integer_value(dimensions) <= LENGTH_MAX
             ? (unsigned)json_integer_value(dimensions)
             : LENGTH;
    *base64 = format && strcmp(format, "base64") == 0;
    return 0;
}

char *parrot_embeddings(const char *body, size_t len, struct err *e)
{
    json_t *root = json_loadb(body, len, JSON_ALLOW_NUL, NULL), *input = NULL, *data = json_array(), *text;
    const char *model = json_string_value(json_object_get(root, "model"));
    uint64_t tokens = 0;
    unsigned n = 0;
    bool base64 = false;
    size_t i;
    char *out = NULL;

    int rc = root ? read_request(root, &input, &n, &base64, e)
                  : err_set(e, -EINVAL, "the body is not a JSON object");
    if (rc == 0) {
        json_array_foreach(input, i, text)
        {
            tokens += parrot_count_tokens(json_string_value(text), json_string_length(text));
            json_array_append_new(data, json_pack("{s:s,s:I,s:o}", "object", "embedding", "index",
                                                  (json_int_t)i, "embedding", vector(text, n, base64)));
        }
        json_t *whole = json_pack("{s:s,s:O,s:s,s:{s:I,s:I}}", "object", "list", "data", data, "model",
                                  model ? model : "parrot", "usage", "prompt_tokens", (json_int_t)tokens,
                                  "total_tokens", (json_int_t)tokens);
        out = json_dumps(whole, JSON_COMPACT);
        json_decref(whole);
    }
    json_decref(data);
    json_decref(input);
    json_decref(root);
    return out;
}
