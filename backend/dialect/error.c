/* SPDX-License-Identifier: MIT */
/* The shapes of errors, and which paths have which. Called by the gateway for every error of its own, and by
 * the writers of streams. */
#include "backend/dialect/dialect.h"
#include "backend/dialect/json_parts.h"

#include <string.h>

/* Clients look at the status more than at these words. Anthropic's: API reference, "Errors". */
static const struct {
    int status;
    const char *openai, *anthropic;
} types[] = {
    { 401, "authentication_error", "authentication_error" },
    { 403, "permission_error", "permission_error" },
    { 404, "not_found_error", "not_found_error" },
    { 413, "invalid_request_error", "request_too_large" },
    { 429, "rate_limit_error", "rate_limit_error" },
    { 503, "server_error", "overloaded_error" },
    { 504, "server_error", "timeout_error" },
};

static const char *type_of(int status, bool anthropic)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].status == status)
            return anthropic ? types[i].anthropic : types[i].openai;
    return status < 500 ? "invalid_request_error" : anthropic ? "api_error" : "server_error";
}

static bool begins(const char *path, const char *word)
{
    size_t n = strlen(word);

    return strncmp(path, word, n) == 0 && strchr("/?", path[n]);
}

static const struct {
    const char *begin;
    enum dialect_api api;
} begins_of[] = {
    { "/api", DIALECT_OLLAMA },
    { "/v1/messages", DIALECT_ANTHROPIC },
    { "/v1/responses", DIALECT_RESPONSES },
};

/* /api/..., /<model>/api/... or /jobs/<name>/api/... */
enum dialect_api dialect_api_of(const char *path)
{
    int segments = path && strncmp(path, "/jobs/", 6) == 0 ? 2 : 1;

    for (int i = 0; path && *path == '/' && i <= segments; i++, path += 1 + strcspn(path + 1, "/?"))
        for (size_t k = 0; (i == 0 || i == segments) && k < sizeof begins_of / sizeof *begins_of; k++)
            if (begins(path, begins_of[k].begin))
                return begins_of[k].api;
    return DIALECT_OPENAI;
}

void dialect_error(struct buf *out, enum dialect_api api, int status, const char *text)
{
    const char *type = type_of(status, api == DIALECT_ANTHROPIC);
    json_t *v = api == DIALECT_OLLAMA ? json_pack("{s:s}", "error", text)
                : api == DIALECT_ANTHROPIC
                    ? json_pack("{s:s,s:{s:s,s:s}}", "type", "error", "error", "type", type, "message", text)
                    : json_pack("{s:{s:s,s:s,s:i}}", "error", "message", text, "type", type, "code", status);

    if (v)
        add_json(out, v);
    else /* a text that is not UTF-8 */
        buf_adds(out, "{\"error\":\"unknown\"}");
}
