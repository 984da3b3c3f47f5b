/* SPDX-License-Identifier: MIT */
/* Which request goes where. A request that a model has to answer goes to relay.c; what is known without it is
 * answered by routes_known.c. */
#include "fs/door_http/routes.h"
#include "backend/base/alloc.h"
#include "backend/cluster/cluster.h"
#include "backend/job/job.h"
#include "fs/door_http/multipart.h"
#include "fs/door_http/ollama.h"
#include "fs/door_http/relay.h"
#include "fs/door_http/relay_head.h"
#include "fs/door_http/translate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- The table */

enum {
    ROOT = 1,
    MODEL = 2,
    JOB = 4
}; /* where a row counts: at the root, behind /<model>, behind /jobs/<name> */

struct route {
    int where;
    const char *pattern; /* a path, or a beginning with "*" behind it */
    const char *methods; /* NULL: any, the engine decides */
    void (*answer)(const struct request *r, const struct route_at *at);
    const char *help;
    bool passes; /* an engine gets it, a long body while it comes; we take none ourselves */
};

static bool is_web_service(const struct model *m);
static void by_model_field(const struct request *r, const struct route_at *at);
static void to_model(const struct request *r, const struct route_at *at);
static void to_job(const struct request *r, const struct route_at *at);
static void behind_job(const struct request *r, const struct route_at *at);
static void behind_model(const struct request *r, const struct route_at *at);
static void answer_root(const struct request *r, const struct route_at *at);
static void change_model(const struct request *r, const struct route_at *at);

static const struct route routes[] = {
    { ROOT, "/health", "GET, HEAD", answer_health, "whether the gateway works, and the states of the models",
      false },
    { ROOT, "/metrics", "GET, HEAD", answer_metrics, "figures in Prometheus' text format", false },
    { ROOT, "/slullama/status", "GET, HEAD", answer_slullama_status,
      "what slullama's clients ask its server for", false },
    { ROOT, "/traefik/config", "GET, HEAD", answer_traefik, "Traefik's dynamic configuration", false },
    { ROOT | MODEL, "/v1/models", "GET, HEAD", answer_models, "the models, awake or not", false },
    { ROOT | MODEL, "/v1/models/*", "GET, HEAD", answer_model, "one of them", false },
    { ROOT | MODEL, "/api/tags", "GET, HEAD", answer_tags, "the same in Ollama's words", false },
    { ROOT | MODEL, "/api/ps", "GET, HEAD", answer_ps, "those that are awake", false },
    { ROOT | MODEL, "/api/version", "GET, HEAD", answer_version, "which Ollama this is like", false },
    { ROOT | MODEL, "/api/show", "POST", answer_show, "one model, as far as it is known", false },
    { ROOT | MODEL, "/api/pull", "POST", answer_pull, "wakes a model and tells how far it is", false },
    { ROOT | MODEL, "/api/create", NULL, change_model, "", true },
    { ROOT | MODEL, "/api/copy", NULL, change_model, "", true },
    { ROOT | MODEL, "/api/delete", NULL, change_model, "", true },
    { ROOT | MODEL, "/api/push", NULL, change_model, "", true },
    { ROOT, "/", "GET, HEAD", answer_page, "the page for people", false },
    { ROOT, "/ui/login", "POST", answer_login, "", false },
    { ROOT, "/ui/logout", "POST", answer_logout, "", false },
    { ROOT, "/ui/events", "GET", answer_ui_events, "what the page shows, whenever it changes", false },
    { ROOT, "/ui/models/*", "GET, HEAD, POST", answer_ui_model, "what its buttons do", false },
    { MODEL, "/", NULL, answer_root, "HEAD: whether somebody is there, as Ollama's programs ask", true },
    { ROOT, "/v1/*", NULL, by_model_field, "the OpenAI API; the \"model\" of the body says which model",
      true },
    { ROOT, "/api/*", NULL, by_model_field, "the Ollama API, likewise", true },
    { ROOT, "/jobs/*", NULL, behind_job, "/jobs/<name>/...: the same of one job, without the prefix", true },
    { ROOT, "/*", NULL, behind_model, "/<model>/...: the same of one model, without the prefix", true },
    { MODEL, "/*", NULL, to_model, "", true },
    { JOB, "/*", NULL, to_job, "", true },
};

static size_t path_len(const char *path)
{
    return strcspn(path, "?");
}

static bool matches(const char *pattern, const char *path)
{
    size_t n = strlen(pattern), len = path_len(path);

    if (pattern[n - 1] == '*')
        return len >= n - 1 && memcmp(path, pattern, n - 1) == 0;
    return len == n && memcmp(path, pattern, n) == 0;
}

static void dispatch(const struct request *r, const struct route_at *at)
{
    int where = at->job ? JOB : at->model ? MODEL : ROOT;

    if (where == MODEL && is_web_service(at->model)) {
        to_model(r, at);
        return;
    }
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        const struct route *row = &routes[i];
        if (!(row->where & where) || !matches(row->pattern, at->path))
            continue;
        if (row->methods && !http_list_has(row->methods, r->head->method))
            connection_wrong_method(r->conn, row->methods);
        else if (r->partial && !row->passes)
            connection_error(r->conn, 413, "the body of this request is longer than 1 MiB, and no engine's");
        else
            row->answer(r, at);
        return;
    }
    connection_error(r->conn, 404, "there is no such route"); /* not reached: "/" is a row everywhere */
}

bool route_is_open(const char *path)
{
    return matches("/", path) || matches("/ui/login", path);
}

void route_request(const struct request *r)
{
    struct route_at at = { .path = r->path, .model = r->own };

    if (r->house->stopping)
        connection_error(r->conn, 503, "slullamafs is ending");
    else
        dispatch(r, &at);
}

/* ---- What a request is */

bool is_inference(const char *method, const char *path)
{
    static const char *const all[] = {
        "/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/messages",
        "/v1/rerank",           "/v1/audio/*",     "/v1/images/*",   "/api/chat",     "/api/generate",
        "/api/embed",           "/api/embeddings", "/api/pull"
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (matches(all[i], path))
            return strcmp(method, "POST") == 0;
    return false;
}

/* Of a web service every request counts, but the one for its health path, and its routes are its own. */
static bool is_web_service(const struct model *m)
{
    const struct engine *en = m ? engine_find(model_config(m)->engine) : NULL;

    return en && en->any_request_is_inference;
}

static bool asks_model(const struct model *m, const char *method, const char *path)
{
    if (!is_web_service(m))
        return is_inference(method, path);
    const struct model_config *cfg = model_config(m);
    return !matches(*cfg->health ? cfg->health : engine_find(cfg->engine)->health_path, path);
}

bool route_unescape(struct buf *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = s[i];
        if (c == '%') {
            char hex[3] = { i + 1 < len ? s[i + 1] : '\0', i + 2 < len ? s[i + 2] : '\0', '\0' }, *end;
            c = (char)strtoul(hex, &end, 16);
            if (end != hex + 2 || c == '\0' || hex[0] == '+' || hex[0] == '-' || hex[0] == ' ')
                return false;
            i += 2;
        }
        buf_add(out, &c, 1);
    }
    return true;
}

/* Ollama's programs write "name:latest" for a name that has no tag. */
struct model *route_find_model(struct house *h, const char *name)
{
    static const char latest[] = ":latest";
    size_t len = strlen(name), n = sizeof latest - 1;
    struct model *m = house_model(h, name);

    if (!m)
        m = house_served(h, name);
    if (!m && len > n && strcmp(name + len - n, latest) == 0) {
        char *bare = xstrndup(name, len - n);
        m = route_find_model(h, bare);
        free(bare);
    }
    return m;
}

/* The one that [gateway] pass_unknown names. */
static struct model *takes_unknown(const struct house *h)
{
    for (size_t i = 0; *h->cfg->pass_unknown && i < h->cfg->n_models; i++)
        if (h->cfg->models[i]->takes_unknown)
            return h->models[i];
    return NULL;
}

/* ---- Prefixes */

/* Split "/NAME/rest?query" at p: the name goes into *name, *rest is what the engine sees. rest is freed by
 * the caller. */
static bool split(const char *p, struct buf *name, char **rest)
{
    size_t len = strcspn(p + 1, "/?");

    if (len == 0 || !route_unescape(name, p + 1, len))
        return false;
    p += 1 + len;
    *rest = *p == '/' ? xstrdup(p) : xasprintf("/%s", p);
    return true;
}

static void behind_model(const struct request *r, const struct route_at *at)
{
    struct buf name = { 0 };
    char *rest = NULL;

    if (!split(at->path, &name, &rest)) {
        connection_error(r->conn, 404, "there is no such route; see README at the root of the mount");
    } else {
        struct route_at next = { .model = route_find_model(r->house, name.data), .path = rest };
        if (next.model)
            dispatch(r, &next);
        else if (model_name_check(name.data, NULL) < 0) /* /metrics, /v1: no name that a model can have */
            connection_error(r->conn, 404, "there is no such route; see README at the root of the mount");
        else
            answer_no_model(r, name.data);
    }
    free(rest);
    buf_free(&name);
}

static void behind_job(const struct request *r, const struct route_at *at)
{
    struct buf name = { 0 };
    char *rest = NULL;
    struct err e;

    if (!split(at->path + strlen("/jobs"), &name, &rest)) {
        connection_error(r->conn, 404, "there is no such route; a job's is /jobs/<cluster>.<id>/");
    } else {
        struct route_at next = { .job = house_job(r->house, name.data), .path = rest };
        /* Those of users with a cluster of their own are for these alone, who do not come in here. */
        if (next.job && !next.job->cluster->cfg->of_users) {
            next.model = next.job->model;
            dispatch(r, &next);
        } else {
            err_set(&e, -ENOENT, "there is no job \"%.100s\"", name.data);
            connection_error(r->conn, 404, e.text);
        }
    }
    free(rest);
    buf_free(&name);
}

/* ---- Requests for an engine */

/* A body that has to be JSON, or a form, is looked at before anything is looked up; Content-Type matters only to tell
 * forms. 0, or the request was answered. */
static int scan(const struct request *r, struct body_facts *facts)
{
    struct err e = { 0 };
    int rc = connection_scan(r->conn, facts, &e);

    if (rc < 0)
        connection_error(r->conn, err_http_status(rc), e.text);
    return rc;
}

static const struct engine *engine_of(const struct model *m)
{
    return engine_find(model_config(m)->engine);
}

static void pass_or_refuse(const struct request *r, struct model *m, struct job *j, const char *path)
{
    struct err e;

    if (j && j->state == JOB_HEALTHY && j->client &&
        !route_knows_enough(r, m ? m : j->model, j->engine, path, NULL))
        return;
    if (j && j->state == JOB_HEALTHY && j->client) {
        relay_pass(r, m, j, path);
        return;
    }
    if (m && !connection_admit(r->conn, model_config(m)->name, false))
        return;
    if (m)
        err_set(&e, -ECANCELED, "model \"%s\" is %s, and %s %.*s is no request that wakes it",
                model_config(m)->name, model_state_name(model_state(m)), r->head->method,
                (int)(path_len(path) < 200 ? path_len(path) : 200), path);
    else
        err_set(&e, -ECANCELED, "job %s is %s", j->name, job_state_name(j->state));
    connection_error(r->conn, 503, e.text);
}

/* Another protocol keeps an engine busy for as long as it likes, so that it counts; what would wake a model is a
 * request, and this is none. */
static bool changes_protocol(const struct request *r, const struct model *m)
{
    return m && model_state(m) == MODEL_READY && relay_upgrade_asked(r->head);
}

static void to_model(const struct request *r, const struct route_at *at)
{
    struct body_facts facts = { 0 };

    if (changes_protocol(r, at->model)) {
        if (route_knows_enough(r, at->model, engine_of(at->model), at->path, &facts))
            relay_ask(r, at->model, at->path, false);
        return;
    }
    if (!asks_model(at->model, r->head->method, at->path)) {
        pass_or_refuse(r, at->model, model_job(at->model), at->path);
        return;
    }
    if (!is_web_service(at->model) && scan(r, &facts) < 0)
        return;
    if (route_knows_enough(r, at->model, engine_of(at->model), at->path, &facts))
        relay_ask(r, at->model, at->path, facts.stream);
    buf_free(&facts.model);
}

/* A job that its model gives questions to takes them through the model's queue, where its slots are counted; another
 * one has no queue. */
static void to_job(const struct request *r, const struct route_at *at)
{
    struct body_facts facts = { 0 };
    bool changes = changes_protocol(r, at->model),
         asks = changes || asks_model(at->model, r->head->method, at->path);

    if (asks && !changes && !is_web_service(at->model) && scan(r, &facts) < 0)
        return;
    struct model *named = facts.has_model ? route_find_model(r->house, buf_str(&facts.model)) : NULL;
    struct model *m = named && model_has_job(named, at->job) ? named : at->model;
    bool queued = asks && job_live(at->job) && m && model_lets_in(m, at->job);
    if (!queued)
        pass_or_refuse(r, NULL, at->job, at->path);
    else if (route_knows_enough(r, m, engine_of(m), at->path, &facts))
        relay_ask_job(r, m, at->job, at->path, facts.stream);
    buf_free(&facts.model);
}

static void by_model_field(const struct request *r, const struct route_at *at)
{
    struct house *h = r->house;
    struct body_facts facts = { 0 };
    bool asks = is_inference(r->head->method, at->path);
    struct model *m = NULL;

    if (asks && scan(r, &facts) < 0)
        return;
    if (r->partial && !facts.has_model) {
        connection_await_body(r->conn);
        return;
    }
    if (r->body_len == 0)
        route_scan_query(at->path, &facts);
    else if (!asks) /* another kind of body names no model */
        body_scan(http_field_get(r->head, "Content-Type"), r->body, r->body_len, &facts, NULL);
    if (facts.has_model) {
        m = route_find_model(h, buf_str(&facts.model));
        m = m ? m : takes_unknown(h);
    } else if (h->cfg->n_models == 1) {
        m = h->models[0];
    }
    if (m && (asks || changes_protocol(r, m))) {
        if (route_knows_enough(r, m, engine_of(m), at->path, &facts))
            relay_ask(r, m, at->path, facts.stream);
    } else if (m)
        pass_or_refuse(r, m, model_job(m), at->path);
    else if (facts.has_model)
        answer_no_model(r, buf_str(&facts.model));
    else
        connection_error(r->conn, asks ? 400 : 404,
                         asks ? "the request body names no \"model\", and there is more than one here"
                              : "this route needs a model: /<model>/v1/... reaches one");
    buf_free(&facts.model);
}

/* ---- Routes that only some engines have */

/* Of what is asked for by a prefix or by its body. */
static void to_engine(const struct request *r, const struct route_at *at)
{
    (at->model ? to_model : by_model_field)(r, at);
}

static bool model_speaks(const struct model *m, enum dialect_api api)
{
    return engine_speaks(engine_find(model_config(m)->engine), api);
}

static bool all_speak(const struct request *r, const struct route_at *at, enum dialect_api api)
{
    if (at->model)
        return model_speaks(at->model, api);
    for (size_t i = 0; i < r->house->cfg->n_models; i++)
        if (!model_speaks(r->house->models[i], api))
            return false;
    return r->house->cfg->n_models > 0;
}

static void change_model(const struct request *r, const struct route_at *at)
{
    (all_speak(r, at, DIALECT_OLLAMA) ? to_engine : answer_fixed)(r, at);
}

/* A sleeping model's endpoint answers as an engine's would. */
static void answer_root(const struct request *r, const struct route_at *at)
{
    if (strcmp(r->head->method, "HEAD") != 0 || model_state(at->model) == MODEL_READY)
        to_model(r, at);
    else
        connection_answer(r->conn, 200, "text/plain", "slullamafs is running\n", 22);
}
