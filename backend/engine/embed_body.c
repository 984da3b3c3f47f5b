/* SPDX-License-Identifier: MIT */
/* What `embed` takes and `vector` gives. Source of both shapes: OpenAI API reference, "Create embeddings". */
#include "backend/engine/body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 15 digits are what a double keeps of any number as it was written. */
#define DUMP (JSON_COMPACT | JSON_REAL_PRECISION(15))

/* The array, where the text is JSON and an array; else it is a text like any other: "[1] is a footnote". */
static json_t *array_in(const char *text, size_t len)
{
    size_t at = strspn(text, " \t\r\n");
    json_t *v = at < len && text[at] == '[' ? json_loadb(text, len, JSON_ALLOW_NUL, NULL) : NULL;

    return v;
}

int embed_check(const char *text, size_t len, struct err *e)
{
    json_t *texts = array_in(text, len);
    int rc = 0;

    if (texts && json_array_size(texts) == 0)
        rc = err_set(e, -EINVAL, "the JSON array is empty: it must hold texts");
    for (size_t i = 0; rc == 0 && i < json_array_size(texts); i++)
        if (json_string_length(json_array_get(texts, i)) == 0)
            rc = err_set(e, -EINVAL, "element %zu of the JSON array is no text, or an empty one", i);
    json_decref(texts);
    return rc;
}

void embed_body(const char *text, size_t len, const struct request_defaults *d, struct buf *out)
{
    json_t *texts = array_in(text, len);
    char *input = texts ? json_dumps(texts, JSON_COMPACT) : NULL;

    buf_adds(out, "{");
    if (*d->model) {
        buf_adds(out, "\"model\":");
        body_add_string(out, d->model, strlen(d->model));
        buf_adds(out, ",");
    }
    buf_adds(out, "\"input\":");
    if (input)
        buf_adds(out, input);
    else
        body_add_string(out, text, len);
    buf_adds(out, "}");
    free(input);
    json_decref(texts);
}

static bool is_vector(const json_t *v)
{
    for (size_t i = 0; i < json_array_size(v); i++)
        if (!json_is_number(json_array_get(v, i)))
            return false;
    return json_array_size(v) > 0;
}

/* The vectors by their index: an engine may send them in any order. NULL if any is missing. */
static json_t *vectors_of(const json_t *object, size_t n)
{
    const json_t *data = json_object_get(object, "data");
    json_t *out = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(out, json_null());
    for (size_t i = 0; i < json_array_size(data); i++) {
        const json_t *one = json_array_get(data, i), *index = json_object_get(one, "index");
        json_t *vector = json_object_get(one, "embedding");
        size_t at = json_is_integer(index) ? (size_t)json_integer_value(index) : i;
        if (is_vector(vector))
            json_array_set(out, at, vector); /* does nothing beyond the end */
    }
    for (size_t i = 0; out && i < n; i++) {
        if (json_is_array(json_array_get(out, i)))
            continue;
        json_decref(out);
        out = NULL;
    }
    return out;
}

int embed_answer(const struct buf *text, const json_t *object, struct buf *out)
{
    json_t *texts = array_in(buf_str(text), text->len);
    json_t *vectors = vectors_of(object, texts ? json_array_size(texts) : 1);
    char *line = vectors ? json_dumps(texts ? vectors : json_array_get(vectors, 0), DUMP) : NULL;
    int rc = line ? 0 : -EPROTO;

    if (line)
        buf_addf(out, "%s\n", line);
    free(line);
    json_decref(vectors);
    json_decref(texts);
    return rc;
}
