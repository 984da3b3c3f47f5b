/* SPDX-License-Identifier: MIT */
#include "backend/job/job_ask.h"
#include "backend/base/alloc.h"

#include <stdlib.h>
#include <string.h>

#define PS_PATH "/api/ps"

static void loaded_cb(struct job *j, const json_t *v)
{
    json_t *loaded = json_object(), *one;
    size_t i;

    json_array_foreach(json_object_get(v, "models"), i, one)
    {
        const char *said = json_string_value(json_object_get(one, "name"));
        char *name = said ? ollama_plain_name(said) : NULL;
        if (name)
            json_object_set_new(loaded, name, json_true());
        free(name);
    }
    json_decref(j->loaded);
    j->loaded = loaded;
}

void loaded_look(struct job *j)
{
    if (*j->config->share && (j->engine->apis & API_OLLAMA))
        job_ask(j, PS_PATH, loaded_cb);
}

void loaded_mark(struct job *j, const struct model_config *m)
{
    char *name = ollama_plain_name(m->model);

    if (*m->share && !j->loaded)
        j->loaded = json_object();
    if (*m->share)
        json_object_set_new(j->loaded, name, json_true());
    free(name);
}

bool loaded_has(const struct job *j, const struct model_config *m)
{
    char *name = ollama_plain_name(m->model);
    bool yes = !*m->share || json_object_get(j->loaded, name) != NULL;

    free(name);
    return yes;
}
