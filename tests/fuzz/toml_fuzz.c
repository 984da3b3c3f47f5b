/* SPDX-License-Identifier: MIT */
/* Any bytes are a TOML document or an error with a line, and what was read can be walked and freed. */
#include "backend/base/toml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *doc = NULL;
    struct toml_lines *lines = NULL;
    struct err e = { "" };

    if (toml_parse((const char *)data, size, &doc, &lines, &e) < 0) {
        if (strncmp(e.text, "line ", 5) || doc || lines)
            abort();
        return 0;
    }
    char *text = json_dumps(doc, JSON_COMPACT);
    if (!text)
        abort(); /* a string that is not UTF-8, or a number that JSON lacks, came through */
    free(text);
    toml_line_of(lines, "a.b");
    json_decref(doc);
    toml_lines_free(lines);
    return 0;
}
