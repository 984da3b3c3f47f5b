/* SPDX-License-Identifier: MIT */
/* The models that an Ollama of slullama's file has beside those of pre_pull. */
#include "backend/base/alloc.h"
#include "backend/cluster/found.h"
#include "backend/job/job_ask.h"

#include <stdlib.h>

static void tags_cb(struct job *j, const json_t *v)
{
    json_t *list = json_array(), *one;
    size_t i;

    json_array_foreach(json_object_get(v, "models"), i, one)
    {
        const char *said = json_string_value(json_object_get(one, "name"));
        char *name = said ? ollama_plain_name(said) : NULL;
        if (name)
            json_array_append_new(list,
                                  json_pack("{s:s,s:{s:s,s:s,s:s}}", "name", name, "table", "engine",
                                            j->config->engine, "share", j->config->share, "model", name));
        free(name);
    }
    found_take(j->cluster->house, j->cluster->cfg->name, "engine", list);
}

void found_ask(struct job *j)
{
    if (j->cluster->house->cfg->slullama && (j->engine->apis & API_OLLAMA) && *j->config->share)
        job_ask(j, "/api/tags", tags_cb);
}
