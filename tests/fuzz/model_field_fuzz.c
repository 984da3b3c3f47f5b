/* SPDX-License-Identifier: MIT */
/* Any bytes are a JSON object or are not; and what a whole JSON reader takes, the scanner takes, with the
 * same model. */
#include "fs/door_http/model_field.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct body_facts facts;
    struct err e = { "" };
    int rc = model_field_scan((const char *)data, size, &facts, &e);
    json_t *whole = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    json_t *model = json_object_get(whole, "model");

    if ((rc < 0) != (e.text[0] != '\0') || (rc < 0 && facts.model.data))
        abort();
    /* jansson passes over NUL bytes between words. */
    if (json_is_object(whole) && !memchr(data, 0, size) && (!model || json_is_string(model))) {
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
