/* SPDX-License-Identifier: MIT */
/* What has to be known of a request's body, or of its address, before it can go to a model. Used by routes.c. */
#include "fs/door_http/routes.h"
#include "backend/dialect/dialect.h"

#include <string.h>

/* Would a question be sent now, and not be held? */
static bool goes_at_once(const struct model *m)
{
    int waiting, active;

    model_counts(m, &waiting, &active);
    return model_state(m) == MODEL_READY && waiting == 0 && active < model_slots(m);
}

/* Such answers are streams of events, with comments while they are held, where "stream" says so. */
static bool may_be_events(const char *path)
{
    static const char *const all[] = { "/v1/chat/completions", "/v1/completions", "/v1/messages",
                                       "/v1/responses" };
    size_t len = strcspn(path, "?");

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strlen(all[i]) == len && memcmp(all[i], path, len) == 0)
            return true;
    return false;
}

bool route_knows_enough(const struct request *r, const struct model *m, const struct engine *en,
                        const char *path, const struct body_facts *facts)
{
    if (!r->partial)
        return true;
    bool translated = strcmp(r->head->method, "POST") == 0 && dialect_translates(path, en->apis),
         named = m && engine_is_told(model_config(m)) && !(facts && facts->has_model),
         held = facts && m && !facts->has_stream && may_be_events(path) && !goes_at_once(m);
    if (translated || named || held)
        connection_await_body(r->conn);
    return !translated && !named && !held;
}

void route_scan_query(const char *path, struct body_facts *facts)
{
    static const char name[] = "model=";
    const size_t n = sizeof name - 1;
    const char *p = path + strcspn(path, "?");

    while (*p && !facts->has_model) {
        size_t len = strcspn(++p, "&");
        facts->has_model =
            len >= n && memcmp(p, name, n) == 0 && route_unescape(&facts->model, p + n, len - n);
        if (!facts->has_model)
            buf_free(&facts->model);
        p += len;
    }
}
