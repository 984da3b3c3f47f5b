/* SPDX-License-Identifier: MIT */
/* Any bytes are a configuration or an error with the file's name; one that was read can be written and read
 * again. */
#include "backend/config/config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *c = NULL, *again = NULL;
    struct err e = { "" };

    if (config_parse((const char *)data, size, "fuzz", &c, &e) < 0) {
        if (strncmp(e.text, "fuzz:", 5) || c)
            abort();
        return 0;
    }
    char *text = config_to_toml(c);
    if (config_parse(text, strlen(text), "fuzz", &again, &e) < 0)
        abort();
    free(text);
    config_free(c);
    config_free(again);
    return 0;
}
