/* SPDX-License-Identifier: MIT */
/* The table of engines. A new one is a row here, its shell lines in a file beside this one, and the name of
 * that file in CMakeLists.txt. */
#include "backend/engine/engine.h"

#include <string.h>

extern const char text_llamacpp[], text_vllm[], text_ollama[], text_http[], text_command[], text_parrot[];

/* An empty chat request costs an engine nothing: it is refused for its key (401, 403) before it is looked at,
 * and for its missing messages (400, 422; 500 by older llama-servers) after that. */
#define CHAT_PROOF .proof_method = "POST", .proof_path = "/v1/chat/completions", .proof_body = "{}"

/* The relay's own word: 204 for who has the key. The engine behind it is not asked. */
#define RELAY_PROOF                                                                                          \
    .relay = true, .proof_method = "GET", .proof_path = "/slullamafs/key", .proof_body = "",                 \
    .proof_status = 204

/* clang-format off */
static const struct engine engines[] = {
    { .name = "llamacpp", .script = text_llamacpp, .binary = "llama-server", .health_path = "/health",
      .context_path = "/props", .has_key = true, .needs_model = true, .image = true, .apis = API_OPENAI, CHAT_PROOF },
    { .name = "vllm", .script = text_vllm, .binary = "vllm", .health_path = "/health",
      .context_path = "/v1/models", .has_key = true, .needs_model = true, .image = true, .apis = API_OPENAI, CHAT_PROOF },
    { .name = "ollama", .script = text_ollama, .binary = "ollama", .health_path = "/api/version",
      .has_key = true, .key_optional = true, .needs_model = true, .needs_name = true, .image = true,
      .apis = API_OPENAI | API_OLLAMA, RELAY_PROOF },
    { .name = "http", .script = text_http, .binary = "", .health_path = "/",
      .has_key = true, .key_optional = true, .needs_command = true, .any_request_is_inference = true,
      .apis = API_OPENAI | API_OLLAMA | API_ANTHROPIC | API_RESPONSES, RELAY_PROOF },
    { .name = "command", .script = text_command, .binary = "", .health_path = "/health",
      .has_key = true, .key_optional = true, .needs_command = true, .apis = API_OPENAI, CHAT_PROOF },
    { .name = "parrot", .script = text_parrot, .binary = "slullamafs", .health_path = "/health",
      .has_key = true, .is_ours = true, .apis = API_OPENAI, CHAT_PROOF },
    /* No job runs it. What slullama's server does not speak is translated on this side, whichever it is. */
    { .name = "gateway", .script = "", .binary = "", .health_path = "/slullama/status",
      .has_key = true, .is_ours = true, .needs_name = true, .apis = API_OPENAI | API_OLLAMA },
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
    return strcmp(m->proof ? m->proof : "auto", "comment") && en->has_key &&
           !(en->key_optional && m->job.expose);
}

void engine_served_name(const struct model_config *m, struct buf *out)
{
    static const char prefix[] = "/models--";
    const char *begin = strstr(m->model, prefix), *sep;
    size_t len;

    if (!begin) {
        buf_adds(out, m->model);
        return;
    }
    begin += sizeof prefix - 1;
    len = strcspn(begin, "/");
    sep = memmem(begin, len, "--", 2); /* a model without an organisation has none */
    if (sep) {
        buf_add(out, begin, (size_t)(sep - begin));
        buf_adds(out, "/");
        len -= (size_t)(sep + 2 - begin);
        begin = sep + 2;
    }
    buf_add(out, begin, len);
}

int64_t engine_context(const json_t *v)
{
    const json_t *slot = json_object_get(v, "default_generation_settings");
    const json_t *model = json_array_get(json_object_get(v, "data"), 0);
    json_int_t n = json_integer_value(json_object_get(slot, "n_ctx"));

    if (!n)
        n = json_integer_value(json_object_get(model, "max_model_len"));
    return n > 0 ? n : 0;
}

bool engine_is_told(const struct model_config *m)
{
    const struct engine *en = engine_find(m->engine);

    return en && (en->needs_name || (m->share && *m->share && *m->model));
}
