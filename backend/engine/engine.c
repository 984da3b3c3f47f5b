/* SPDX-License-Identifier: MIT */
/* The table of engines. A new one is a row here, its shell lines in a file beside this one, and the name of
 * that file in CMakeLists.txt. */
#include "backend/engine/engine.h"

#include <string.h>

extern const char text_llamacpp[], text_command[], text_parrot[];

/* An empty chat request costs an engine nothing: it is refused for its key (401, 403) before it is looked at,
 * and for its missing messages (400, 422; 500 by older llama-servers) after that. */
#define CHAT_PROOF "POST", "/v1/chat/completions", "{}"

static const struct engine engines[] = {
    /* name, script, binary, health, has_key, key_optional, needs_model, needs_command, is_ours, proof */
    { "llamacpp", text_llamacpp, "llama-server", "/health", true, false, true, false, false, CHAT_PROOF },
    { "command", text_command, "", "/health", true, true, false, true, false, CHAT_PROOF },
    { "parrot", text_parrot, "slullamafs", "/health", true, false, false, false, true, CHAT_PROOF },
};

const struct engine *engine_find(const char *name)
{
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++)
        if (!strcmp(engines[i].name, name))
            return &engines[i];
    return NULL;
}

bool engine_wants_proof(const struct engine *en, const struct model_config *m)
{
    return en->has_key && !(en->key_optional && m->job.expose);
}
