/* SPDX-License-Identifier: MIT */
/* Any bytes are a JSON object or are not; and what a whole JSON reader takes, the scanner takes, with the
 * same model, however it is cut. */
#include "fs/door_http/model_field.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In pieces of its first byte's length. */
static int in_pieces(const char *data, size_t size)
{
    size_t step = size ? 1 + (unsigned char)data[0] % 16 : 1;
    struct model_scan s;
    int rc = 0;

    model_scan_init(&s);
    for (size_t at = 0; rc == 0 && at < size; at += step)
        rc = model_scan_feed(&s, data + at, size - at < step ? size - at : step, NULL);
    rc = rc ? rc : model_scan_end(&s, NULL);
    model_scan_finish(&s);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct body_facts facts;
    struct err e = { "" };
    int rc = model_field_scan((const char *)data, size, &facts, &e);
    json_t *whole = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    json_t *model = json_object_get(whole, "model");
    bool too_long = json_string_length(model) > 1024;

    if (rc != in_pieces((const char *)data, size) || (rc < 0) != (e.text[0] != '\0') ||
        (rc < 0 && facts.model.data))
        abort();
    /* jansson passes over NUL bytes between words. */
    if (json_is_object(whole) && !memchr(data, 0, size) && (!model || json_is_string(model)) && !too_long) {
        if (rc < 0 || facts.has_model != (model != NULL) ||
            facts.stream != json_is_true(json_object_get(whole, "stream")))
            abort();
        if (model && strcmp(buf_str(&facts.model), json_string_value(model)) != 0)
            abort();
    }
    json_decref(whole);
    buf_free(&facts.model);
    return 0;
}
