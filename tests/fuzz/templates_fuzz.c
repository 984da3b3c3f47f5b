/* SPDX-License-Identifier: MIT */
/* Job templates: whatever bytes a file has, in each dialect. */
#include <stdint.h>
#include <stdlib.h>

#include "backend/engine/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char *const dialects[] = { "auto", "slullama", "alvis", "plain" };
    char *text = malloc(size + 1); /* its length is told, but strings in it may be read as such */
    struct model_config m = {
        .name = "m",
        .model = "x",
        .binary = "",
        .models_dir = "/d",
        .copy_source = "/s",
        .copy_binary = true,
        .max_model_len = 1,
        .env = json_object(),
        .job = { .partition = "", .gres = "g", .mem = "1", .time_s = 60 },
    };

    if (!text)
        abort();
    for (size_t i = 0; i < size; i++)
        text[i] = (char)data[i];
    text[size] = '\0';
    for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++) {
        struct template t = { 0 };
        struct err e;
        m.job.job_template_dialect = dialects[i];
        template_make(text, size, "f", &m, &t, &e);
        template_free(&t);
    }
    json_decref(m.env);
    free(text);
    return 0;
}
