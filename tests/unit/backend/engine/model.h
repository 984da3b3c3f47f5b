/* SPDX-License-Identifier: MIT */
#ifndef TEST_ENGINE_MODEL_H
#define TEST_ENGINE_MODEL_H
#include <jansson.h>
#include <string.h>
#include "backend/engine/engine.h"
/* A model's configuration for tests, with the defaults of CONTRACT.md section 9 that matter here. */

#define SECRET "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define WORDS(...)                                                                                           \
    (struct strings)                                                                                         \
    {                                                                                                        \
        (char *[]){ __VA_ARGS__, NULL }, sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *)                  \
    }

/* Free m->env and m->health_status after it. */
static inline void model_defaults(struct model_config *m, char *engine)
{
    memset(m, 0, sizeof *m);
    m->name = "tiny";
    m->engine = engine;
    m->model = "";
    m->description = "";
    m->slots = 4;
    m->binary = "";
    m->env = json_object();
    m->health = m->image = m->models_dir = m->copy_source = "";
    m->health_status = json_pack("[i]", 200);
    m->proof = "auto";
    m->job.job_template = "";
    m->job.job_template_dialect = "auto";
    m->job.time_asked = true;
    m->job.partition = m->job.gres = m->job.account = m->job.qos = m->job.mem = "";
}

static inline void model_finish(struct model_config *m)
{
    json_decref(m->env);
    json_decref(m->health_status);
}

#endif
