/* SPDX-License-Identifier: MIT */
/* A request may call a model by our name for it; most engines do not look at that, Ollama answers 404. Used by relay.c. */
#include "fs/door_http/model_name.h"
#include "backend/engine/engine.h"
#include "fs/door_http/multipart.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static bool is_our_name(const struct model_config *m, const char *name)
{
    bool yes = strcmp(m->name, name) == 0;

    for (size_t i = 0; !yes && i < m->aliases.n; i++)
        yes = strcmp(m->aliases.v[i], name) == 0;
    return yes;
}

/* Of a form: a part of its own is put in front where there is none. */
static void put_part(struct buf *body, const struct body_facts *facts, const char *name)
{
    struct buf out = { 0 };

    buf_add(&out, body->data, facts->model_at);
    if (facts->has_model)
        buf_adds(&out, name);
    else
        buf_addf(&out, "--%s\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n%s\r\n",
                 facts->boundary, name);
    size_t end = facts->model_at + facts->model_len;
    buf_add(&out, body->data + end, body->len - end);
    buf_free(body);
    *body = out;
}

/* Put the name over the literal at facts->model_at, or in front of the first field where there is none. */
static void put(struct buf *body, const struct body_facts *facts, const char *name)
{
    json_t *v = json_string(name);
    char *literal = json_dumps(v, JSON_ENCODE_ANY);
    size_t at = facts->model_at, end = at + facts->model_len;
    struct buf out = { 0 };

    if (literal) {
        buf_add(&out, body->data, at);
        if (!facts->has_model)
            buf_adds(&out, "\"model\":");
        buf_adds(&out, literal);
        if (!facts->has_model && !facts->empty)
            buf_adds(&out, ",");
        buf_add(&out, body->data + end, body->len - end);
        buf_free(body);
        *body = out;
    }
    free(literal);
    json_decref(v);
}

/* What the engine calls the model of a request that says `name` (NULL: none); NULL = just that. */
static const char *engine_name(const struct model_config *m, const char *name)
{
    if (name && !is_our_name(m, name))
        return NULL;
    return *m->model ? m->model : NULL;
}

/* False: nothing is to be named. */
static bool find(const struct buf *body, const char *type, bool whole, struct body_facts *facts)
{
    struct model_scan s;

    if (whole)
        return body_scan(type, body->data, body->len, facts, NULL) == 0;
    model_scan_init(&s);
    if (model_scan_feed(&s, body->data, body->len, NULL) < 0 || !s.facts.has_model) {
        model_scan_finish(&s);
        return false;
    }
    *facts = s.facts;
    return true;
}

void model_name_for_engine(struct buf *body, const char *type, bool whole, const struct model_config *m)
{
    struct body_facts facts;

    if (!engine_is_told(m) || !body->len || !find(body, type, whole, &facts))
        return;
    const char *name = engine_name(m, facts.has_model ? buf_str(&facts.model) : NULL);
    if (name && facts.boundary[0])
        put_part(body, &facts, name);
    else if (name && !multipart_is(type))
        put(body, &facts, name);
    buf_free(&facts.model);
}
