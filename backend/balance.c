/* SPDX-License-Identifier: MIT */
/* Which servers a balancer may send to, and Traefik's configuration of them. HAProxy's is in balance_haproxy.c. */
#include "backend/balance.h"
#include "backend/base/alloc.h"
#include "backend/engine/engine.h"

#include <stdlib.h>
#include <string.h>

/* ---- Collecting */

/* In the order of names, so that a file changes only when its content does. */
static struct balance_service *service_of(struct balance *b, const char *name)
{
    size_t at = 0;

    while (at < b->n && strcmp(b->v[at].name, name) < 0)
        at++;
    if (at < b->n && strcmp(b->v[at].name, name) == 0)
        return &b->v[at];
    b->v = xrealloc(b->v, (b->n + 1) * sizeof *b->v);
    memmove(b->v + at + 1, b->v + at, (b->n++ - at) * sizeof *b->v);
    b->v[at] = (struct balance_service){ .name = xstrdup(name), .health_status = 200 };
    return &b->v[at];
}

static struct balance_service *behind_gateway(struct balance *b, const struct model_config *m)
{
    struct balance_service *s = service_of(b, m->name);

    s->through_gateway = true;
    if (!s->health_path)
        s->health_path = xstrdup("/health");
    return s;
}

static struct balance_service *at_its_node(struct balance *b, const struct model_config *m)
{
    struct balance_service *s = service_of(b, m->name);

    if (!s->health_path)
        s->health_path = xstrdup(*m->health ? m->health : engine_find(m->engine)->health_path);
    if (json_array_size(m->health_status) > 0)
        s->health_status = (int)json_integer_value(json_array_get(m->health_status, 0));
    return s;
}

/* Likewise. Takes over url. */
static void add_sorted(struct strings *s, char *url)
{
    size_t at = 0;

    while (at < s->n && strcmp(s->v[at], url) < 0)
        at++;
    if (at < s->n && strcmp(s->v[at], url) == 0) {
        free(url);
        return;
    }
    s->v = xrealloc(s->v, (s->n + 2) * sizeof *s->v);
    memmove(s->v + at + 1, s->v + at, (s->n - at) * sizeof *s->v);
    s->v[at] = url;
    s->v[++s->n] = NULL;
}

/* It goes into other programs' files: nothing but what names of machines and addresses have. */
static bool is_host(const char *host)
{
    return *host &&
           host[strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-")] == '\0';
}

static char *url_of(const char *host, int port)
{
    bool six = strchr(host, ':') != NULL;

    return xasprintf("http://%s%s%s:%d", six ? "[" : "", host, six ? "]" : "", port);
}

void balance_add(struct balance *b, const struct model_config *m, const char *endpoint, const char *host,
                 int port)
{
    const struct engine *en = engine_find(m->engine);

    if (!en)
        return;
    if (en->relay || engine_wants_proof(en, m)) {
        if (strncmp(endpoint, "http://", 7) == 0)
            add_sorted(&behind_gateway(b, m)->urls, xstrdup(endpoint));
    } else if (is_host(host) && port > 0) {
        add_sorted(&at_its_node(b, m)->urls, url_of(host, port));
    }
}

void balance_add_other(struct balance *b, const char *service, const char *host, int port)
{
    if (model_name_check(service, NULL) == 0 && is_host(host) && port > 0)
        add_sorted(&service_of(b, service)->urls, url_of(host, port));
}

void balance_free(struct balance *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct balance_service *s = &b->v[i];
        for (size_t k = 0; k < s->urls.n; k++)
            free(s->urls.v[k]);
        free(s->urls.v);
        free(s->health_path);
        free(s->name);
    }
    free(b->v);
    *b = (struct balance){ 0 };
}

/* ---- Traefik */

/* A check every 900 s, as forever-slurm has it, would send to a dead port for 15 minutes. */
#define CHECK_INTERVAL "10s"
#define CHECK_TIMEOUT  "5s"

static void add_new(json_t *object, char *key, json_t *v)
{
    json_object_set_new(object, key, v);
    free(key);
}

/* PathPrefix(`/qwen`) alone would take what is meant for /qwen2. The gateway wants to see the prefix. */
static json_t *traefik_router(const struct balance_service *s)
{
    char *rule = xasprintf("Path(`/%s`) || PathPrefix(`/%s/`)", s->name, s->name);
    char *strip = xasprintf("strip-%s-prefix", s->name);
    json_t *router = json_pack("{s:[s],s:s,s:s,s:[s]}", "entryPoints", "web", "service", s->name, "rule",
                               rule, "middlewares", "retry");

    if (!s->through_gateway)
        json_array_append_new(json_object_get(router, "middlewares"), json_string(strip));
    free(strip);
    free(rule);
    return router;
}

/* The gateway admits only names of its own, and a balancer would pass on what its client calls it. */
static json_t *traefik_service(const struct balance_service *s)
{
    json_t *balancer = json_object(), *servers = json_array();

    if (s->health_path) {
        json_t *check = json_pack("{s:s,s:s,s:s}", "path", s->health_path, "interval", CHECK_INTERVAL,
                                  "timeout", CHECK_TIMEOUT);
        if (s->health_status != 200)
            json_object_set_new(check, "status", json_integer(s->health_status));
        json_object_set_new(balancer, "healthCheck", check);
    }
    if (s->through_gateway)
        json_object_set_new(balancer, "passHostHeader", json_false());
    for (size_t i = 0; i < s->urls.n; i++)
        json_array_append_new(servers, json_pack("{s:s}", "url", s->urls.v[i]));
    json_object_set_new(balancer, "servers", servers);
    return json_pack("{s:o}", "loadBalancer", balancer);
}

json_t *balance_traefik(const struct balance *b)
{
    json_t *routers = json_object(), *services = json_object();
    json_t *middlewares =
        json_pack("{s:{s:{s:i,s:s}}}", "retry", "retry", "attempts", 3, "initialInterval", "500ms");

    for (size_t i = 0; i < b->n; i++) {
        const struct balance_service *s = &b->v[i];
        char *prefix = xasprintf("/%s", s->name);
        add_new(routers, xasprintf("%s-router", s->name), traefik_router(s));
        if (!s->through_gateway)
            add_new(middlewares, xasprintf("strip-%s-prefix", s->name),
                    json_pack("{s:{s:[s]}}", "stripPrefix", "prefixes", prefix));
        json_object_set_new(services, s->name, traefik_service(s));
        free(prefix);
    }
    json_t *all = json_pack("{s:{s:o,s:o,s:o}}", "http", "routers", routers, "middlewares", middlewares,
                            "services", services);
    if (b->n == 0)
        json_object_clear(all);
    return all;
}

/* ---- JSON as YAML, in its block form: lists of objects as "- key:", all else that is small as it is in JSON */

static void yaml(const json_t *v, int indent, struct buf *out);

static void yaml_scalar(const json_t *v, struct buf *out)
{
    char *text = json_dumps(v, JSON_ENCODE_ANY); /* a JSON string is a YAML string too */

    buf_adds(out, text ? text : "null");
    free(text);
}

static void yaml_list(const json_t *list, int indent, struct buf *out)
{
    const json_t *v;
    size_t i;

    json_array_foreach((json_t *)list, i, v)
    {
        struct buf item = { 0 };
        yaml(v, indent + 2, &item);
        buf_addf(out, "\n%*s- %s", indent, "", buf_str(&item) + (json_is_object(v) ? (size_t)indent + 3 : 0));
        buf_free(&item);
    }
}

static void yaml(const json_t *v, int indent, struct buf *out)
{
    const char *key;
    const json_t *inner;

    if (json_is_object(v)) {
        json_object_foreach((json_t *)v, key, inner)
        {
            buf_addf(out, "\n%*s%s:%s", indent, "", key,
                     json_is_object(inner) || json_is_array(inner) ? "" : " ");
            yaml(inner, indent + 2, out);
        }
    } else if (json_is_array(v)) {
        yaml_list(v, indent, out);
    } else {
        yaml_scalar(v, out);
    }
}

void balance_traefik_yaml(const struct balance *b, struct buf *out)
{
    json_t *all = balance_traefik(b);

    buf_adds(out, "# Written by `slullamafs traefik`, which writes it anew: for Traefik's file provider.");
    if (b->n == 0)
        buf_adds(out, "\n{}");
    yaml(all, 0, out);
    buf_adds(out, "\n");
    json_decref(all);
}
