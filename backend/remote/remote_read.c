/* SPDX-License-Identifier: MIT */
#include "backend/remote/remote_read.h"
#include "backend/base/alloc.h"
#include "backend/job/job_ask.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MODELS_MAX 2000 /* a directory each: more is no team's list */

static json_t *card_of(const json_t *v)
{
    static const char *const keys[] = { "reason", "queue_position", "expected_start", "progress" };
    const char *state = json_string_value(json_object_get(v, "state"));
    json_t *card = json_pack("{s:s}", "state", state ? state : "ready");

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        json_t *said = json_object_get(v, keys[i]);
        if (said && !json_is_null(said))
            json_object_set(card, keys[i], said);
    }
    return card;
}

json_t *remote_read_models(const json_t *v)
{
    const json_t *data = json_object_get(v, "data");
    json_t *models, *one;
    size_t i;

    if (!json_is_array(data))
        return NULL;
    models = json_object();
    json_array_foreach((json_t *)data, i, one)
    {
        const char *id = json_string_value(json_object_get(one, "id"));
        if (id && *id && i < MODELS_MAX && !json_is_true(json_object_get(one, "from_gateway")))
            json_object_set_new(models, id, card_of(one));
    }
    return models;
}

/* Its words for the job's state. Source: slullama 0.1.3, server/slurm.py. */
json_t *remote_read_status(const json_t *v)
{
    const json_t *job = json_object_get(v, "job");
    const char *state = json_string_value(json_object_get(job, "state"));
    bool tunnel = json_is_true(json_object_get(v, "tunnel_alive"));

    if (!state)
        return NULL;
    if (!strcmp(state, "running"))
        return json_pack("{s:s}", "state", tunnel ? "ready" : "starting");
    if (strcmp(state, "pending"))
        return json_pack("{s:s}", "state", "asleep");
    return json_pack("{s:s,s:s}", "state", "queued", "reason", "its job waits in the queue of the cluster");
}

json_t *remote_read_tags(const json_t *v)
{
    json_t *names = json_array(), *one;
    size_t i;

    json_array_foreach(json_object_get(v, "models"), i, one)
    {
        const char *said = json_string_value(json_object_get(one, "name"));
        char *name = said && i < MODELS_MAX ? ollama_plain_name(said) : NULL;
        if (name)
            json_array_append_new(names, json_string(name));
        free(name);
    }
    return names;
}

int remote_errno(int status, const char *text)
{
    static const struct {
        int status;
        const char *word; /* NULL = any */
        int rc;
    } rows[] = {
        { 400, NULL, -EINVAL },
        { 401, NULL, -EACCES },
        { 403, NULL, -EACCES },
        { 404, NULL, -ENOENT },
        { 413, NULL, -EFBIG },
        { 429, "used up", -EDQUOT },
        { 429, NULL, -EBUSY },
        { 502, "host key", -EKEYREJECTED },
        { 502, "lost", -ECONNRESET },
        { 503, "wake_timeout", -ETIMEDOUT },
        { 503, "did not start", -ETIMEDOUT },
        { 503, "timed out", -ETIMEDOUT },
        { 503, "cancelled", -ECANCELED },
        { 503, "stopped", -ECANCELED },
        { 503, "ending", -ECANCELED },
        { 503, "No space", -ENOSPC },
        { 503, "reach", -EHOSTUNREACH },
        { 503, NULL, -ECONNREFUSED },
        { 504, NULL, -ETIMEDOUT },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].status == status && (!rows[i].word || strstr(text, rows[i].word)))
            return rows[i].rc;
    return -EIO;
}
