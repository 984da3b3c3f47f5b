/* SPDX-License-Identifier: MIT */
/* The table of engines. A new one is a row here, its shell lines in a file beside this one, and the name of
 * that file in CMakeLists.txt. */
#include "backend/engine/engine.h"

#include <string.h>

extern const char text_llamacpp[], text_command[], text_parrot[];

/* An empty chat request costs an engine nothing: it is refused for its key (401, 403) before it is looked at,
 * and for its missing messages (400, 422; 500 by older llama-servers) after that. */
#define CHAT_PROOF .proof_method = "POST", .proof_path = "/v1/chat/completions", .proof_body = "{}"

/* clang-format off */
static const struct engine engines[] = {
    { .name = "llamacpp", .script = text_llamacpp, .binary = "llama-server", .health_path = "/health",
      .has_key = true, .needs_model = true, .apis = API_OPENAI, CHAT_PROOF },
    { .name = "command", .script = text_command, .binary = "", .health_path = "/health",
      .has_key = true, .key_optional = true, .needs_command = true, .apis = API_OPENAI, CHAT_PROOF },
    { .name = "parrot", .script = text_parrot, .binary = "slullamafs", .health_path = "/health",
      .has_key = true, .is_ours = true, .apis = API_OPENAI, CHAT_PROOF },
};
/* clang-format on */

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
