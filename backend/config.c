/* SPDX-License-Identifier: MIT */
/* From TOML to structs: which tables and keys may stand in a configuration, what fills a key (the model's
 * table, else its cluster's, else the default), and the rules between tables: names, aliases, which cluster
 * serves which model. What a single key may be is in config_table.c. Every message is "FILE:LINE: what, and
 * the way out". */
#include "backend/config.h"
#include "backend/base/alloc.h"
#include "backend/base/toml.h"
#include "backend/config_slullama.h"
#include "backend/config_table.h"
#include "backend/engine/template.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    struct config *c;
    json_t *doc;
    struct toml_lines *lines;
    const char *file;
    json_t *found; /* models of catalogues -> their names there */
    struct err *e;
};

/* A table of the file, and its dotted path for messages. */
struct source {
    const json_t *table;
    const char *path;
};

/* path  what is wrong, dotted: its line is looked up; a path that is in no line gives none */
static int fail_at(const struct reading *r, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static int fail_at(const struct reading *r, const char *path, const char *fmt, ...)
{
    struct buf text = { 0 };
    int line = toml_line_of(r->lines, path);
    va_list ap;

    buf_adds(&text, *r->file ? r->file : "built-in defaults");
    if (line)
        buf_addf(&text, ":%d", line);
    buf_adds(&text, ": ");
    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    err_set(r->e, -EINVAL, "%s", buf_str(&text));
    buf_free(&text);
    return -EINVAL;
}

static int fail_at_key(const struct reading *r, const char *table, const char *key, const char *text)
{
    char *path = xasprintf("%s.%s", table, key);
    int rc = fail_at(r, path, "%s", text);

    free(path);
    return rc;
}

/* ---- Which tables and keys there may be */

static const struct config_section *section_find(const char *name)
{
    for (const struct config_section *s = config_sections; s->name; s++)
        if (!strcmp(s->name, name))
            return s;
    return NULL;
}

static bool key_exists(unsigned rows, const char *name)
{
    for (const struct config_key *k = config_keys; k->name; k++)
        if ((k->rows & rows) && !strcmp(k->name, name))
            return true;
    return false;
}

/* key NULL asks for the table itself. */
static bool comes_later(const char *section, const char *key)
{
    for (const struct config_later *l = config_later; l->section; l++)
        if (!strcmp(l->section, section) && (key && l->key ? !strcmp(l->key, key) : key == l->key))
            return true;
    return false;
}

static int unknown_table(const struct reading *r, const char *name)
{
    const char *names[8], *near;
    size_t n = 0;

    if (slullama_has_table(name))
        return fail_at(r, name, "the table [%s] is slullama's, and stands in a file without tables of ours",
                       name);
    if (comes_later(name, NULL))
        return fail_at(r, name, "the table [%s] is known but not supported by this version", name);
    for (const struct config_section *s = config_sections; s->name; s++)
        names[n++] = s->name;
    near = nearest_name(name, names, n);
    if (near)
        return fail_at(r, name, "unknown table [%.60s]; did you mean [%s]?", name, near);
    if (!json_is_object(json_object_get(r->doc, name)))
        return fail_at(r, name,
                       "the key \"%.60s\" stands in no table; the tables are [mount], [gateway], "
                       "[cluster.NAME], [model.NAME]",
                       name);
    return fail_at(r, name,
                   "unknown table [%.60s]; there are [mount], [gateway], [cluster.NAME], [model.NAME]", name);
}

static int unknown_key(const struct reading *r, const struct config_section *s, const char *table,
                       const char *key)
{
    const char *names[128], *near;
    size_t n = 0;
    char *text;
    int rc;

    for (const struct config_key *k = config_keys; k->name; k++)
        if ((k->rows & s->rows) && n < sizeof names / sizeof names[0])
            names[n++] = k->name;
    near = nearest_name(key, names, n);
    if (comes_later(s->name, key))
        text = xasprintf("the key \"%s\" in [%s] is known but not supported by this version", key, table);
    else if (near)
        text = xasprintf("unknown key \"%.60s\" in [%s]; did you mean \"%s\"?", key, table, near);
    else
        text = xasprintf("unknown key \"%.60s\" in [%s]", key, table);
    rc = fail_at_key(r, table, key, text);
    free(text);
    return rc;
}

static int check_keys(const struct reading *r, const struct config_section *s, json_t *table,
                      const char *path)
{
    const char *key;
    json_t *v;

    json_object_foreach(table, key, v)
    {
        if (!key_exists(s->rows, key))
            return unknown_key(r, s, path, key);
    }
    return 0;
}

/* [section.NAME]: the name, then the keys. */
static int check_named(const struct reading *r, const struct config_section *s, const char *name,
                       json_t *table)
{
    char *path = xasprintf("%s.%s", s->name, name);
    struct err why;
    int rc;

    if (!json_is_object(table))
        rc = fail_at(r, path, "[%s] has no keys of its own, \"%.60s\" must stand in a [%s.NAME]", s->name,
                     name, s->name);
    else if ((s->rows & ROWS_MODEL ? model_name_check : cluster_name_check)(name, &why) < 0)
        rc = fail_at(r, path, "%s", why.text);
    else
        rc = check_keys(r, s, table, path);
    free(path);
    return rc;
}

static int check_tables(const struct reading *r)
{
    const char *name, *inner;
    json_t *table, *v;
    int rc = 0;

    json_object_foreach(r->doc, name, table)
    {
        const struct config_section *s = section_find(name);
        if (!s)
            return unknown_table(r, name);
        if (!json_is_object(table))
            return fail_at(r, name, "\"%s\" must be a table: [%s%s]", name, name, s->named ? ".NAME" : "");
        if (!s->named)
            rc = check_keys(r, s, table, name);
        else
            json_object_foreach(table, inner, v)
            {
                if (rc == 0)
                    rc = check_named(r, s, inner, v);
            }
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- Filling the structs */

static int set_standard(const struct config_key *k, void *field, const struct config *c, struct err *e)
{
    char *text = xasprintf("v = %s", k->standard);
    json_t *doc = NULL;
    int rc = toml_parse(text, strlen(text), &doc, NULL, e);

    if (rc == 0)
        rc = k->type->set(k, field, json_object_get(doc, "v"), c, e);
    json_decref(doc);
    free(text);
    return rc;
}

static int fill_key(const struct reading *r, const struct config_key *k, void *base,
                    const struct source *from, size_t n)
{
    void *field = (char *)base + k->offset;
    struct err why = { "" };

    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_object_get(from[i].table, k->name);
        if (!v)
            continue;
        if (k->type->set(k, field, v, r->c, &why) == 0)
            return 0;
        char *text = xasprintf("%s in [%s] %s", k->name, from[i].path, why.text);
        int rc = fail_at_key(r, from[i].path, k->name, text);
        free(text);
        return rc;
    }
    if (k->standard)
        return set_standard(k, field, r->c, r->e);
    return k->shown ? 0 : fail_at(r, from[0].path, "[%s] needs the key \"%s\"", from[0].path, k->name);
}

/* Each row of `rows` into the struct at base, from the first of n tables that has the key, else the default.
 */
static int fill(const struct reading *r, unsigned rows, void *base, const struct source *from, size_t n)
{
    int rc = 0;

    for (const struct config_key *k = config_keys; k->name && rc == 0; k++)
        if (k->rows & rows)
            rc = fill_key(r, k, base, from, n);
    return rc;
}

static void clear(unsigned rows, void *base)
{
    for (const struct config_key *k = config_keys; k->name; k++)
        if ((k->rows & rows) && k->type->clear)
            k->type->clear((char *)base + k->offset);
}

/* Who may connect and how far the gateway listens belong together: CONTRACT.md section 7. table is the one that
 * has the key `listen`. */
static int check_reach(const struct reading *r, const char *table, const char *where)
{
    const struct config *c = r->c;
    char *text = NULL;

    if (listen_is_local(where))
        return 0;
    if (!strcmp(c->access, "owner"))
        text =
            xasprintf("listen in [%s] must be on loopback (127.0.0.1, [::1], localhost) or a unix:PATH while "
                      "access is \"owner\", not \"%.80s\"; access = \"token\" lets others in",
                      table, where);
    else if (!listen_is_address(where))
        text = xasprintf(
            "listen in [%s] must give an IP address, as \"0.0.0.0:11434\" for all of this machine's, "
            "not \"%.80s\"",
            table, where);
    else if (!strcmp(c->access, "token") && !*c->tls_cert && !c->allow_plain)
        text = xasprintf(
            "listen in [%s] reaches beyond this machine with \"%.80s\", and the token would cross the "
            "network in clear: give tls_cert and tls_key, or allow_plain = true",
            table, where);
    int rc = text ? fail_at_key(r, table, "listen", text) : 0;
    free(text);
    return rc;
}

static int check_gateway(const struct reading *r)
{
    const struct config *c = r->c;

    if (*c->token && *c->token_file)
        return fail_at(r, "gateway.token_file", "token and token_file in [gateway] exclude each other");
    if (strcmp(c->access, "token") && (*c->token || *c->token_file))
        return fail_at(
            r, *c->token ? "gateway.token" : "gateway.token_file",
            "a token in [gateway] is not asked for while access is \"%s\": write access = \"token\"",
            c->access);
    if (!*c->tls_cert != !*c->tls_key)
        return fail_at(r, *c->tls_cert ? "gateway.tls_cert" : "gateway.tls_key",
                       "tls_cert and tls_key in [gateway] need each other");
    for (size_t i = 0; i < c->listen.n; i++)
        if (check_reach(r, "gateway", c->listen.v[i]) < 0)
            return -EINVAL;
    return 0;
}

static int fill_mount(const struct reading *r)
{
    struct config *c = r->c;
    const struct source mount = { json_object_get(r->doc, "mount"), "mount" };
    const struct source gateway = { json_object_get(r->doc, "gateway"), "gateway" };
    int rc = fill(r, ROWS_MOUNT, c, &mount, 1);

    if (rc == 0)
        rc = fill(r, ROWS_GATEWAY, c, &gateway, 1);
    if (rc == 0)
        rc = check_gateway(r);
    if (rc < 0)
        return rc;
    c->listen_asked = json_object_get(gateway.table, "listen") != NULL;
    if (!c->state_dir || !*c->state_dir) {
        free(c->state_dir);
        c->state_dir = config_state_dir();
    }
    if (!c->state_dir)
        return fail_at(r, "mount", "there is no home directory; set HOME, or state_dir in [mount]");
    if (!c->runtime_dir || !*c->runtime_dir) {
        free(c->runtime_dir);
        c->runtime_dir = config_runtime_dir(c->state_dir);
    }
    return 0;
}

static int fill_cluster(const struct reading *r, const char *name, const json_t *table)
{
    struct cluster_config *k = NEW(struct cluster_config);
    char *path = xasprintf("cluster.%s", name);
    const struct source from = { table, path };
    int rc;

    r->c->clusters[r->c->n_clusters++] = k;
    k->name = xstrdup(name);
    rc = fill(r, ROWS_CLUSTER, k, &from, 1);
    if (rc == 0)
        rc = fill(r, ROWS_JOB, &k->job, &from, 1);
    k->job.time_asked = json_object_get(table, "time") != NULL;
    if (rc == 0 && !strcmp(k->transport, "openssh") && !*k->host)
        rc = fail_at_key(r, path, "transport", "transport \"openssh\" needs a host to connect to");
    free(path);
    return rc;
}

/* A template starts its engine by itself. */
static int check_engine(const struct reading *r, const struct model_config *m, const char *path)
{
    if (*m->job.job_template)
        return 0;
    if (!strcmp(m->engine, "command") && (m->command.n == 0 || !*m->command.v[0]))
        return fail_at(r, path, "[%s] needs the key \"command\": the program that engine \"command\" runs",
                       path);
    if (!strcmp(m->engine, "llamacpp") && !*m->model)
        return fail_at(
            r, path,
            "[%s] needs the key \"model\": the GGUF file or Hugging Face name that engine \"llamacpp\" loads",
            path);
    return 0;
}

static int check_template(const struct reading *r, const struct model_config *m, const json_t *table,
                          const char *path, const char *cluster_path)
{
    struct err why;

    if (template_check(m, &why) == 0)
        return 0;
    return fail_at_key(r, json_object_get(table, "job_template") ? path : cluster_path, "job_template",
                       why.text);
}

/* More than `replicas` and `min` are for those who say so. */
static int check_counts(const struct reading *r, const char *path, struct model_config *m,
                        const json_t *table)
{
    int most = m->replicas > m->min ? m->replicas : m->min;
    char text[160];

    if (!json_object_get(table, "max"))
        m->max = most;
    if (m->max >= most && most <= m->cluster->max_jobs)
        return 0;
    if (m->max < most)
        snprintf(text, sizeof text, "max = %d in [%s] is less than %s = %d", m->max, path,
                 m->replicas > m->max ? "replicas" : "min", most);
    else
        snprintf(text, sizeof text, "%d jobs of [%s] are more than max_jobs = %d of its cluster", most, path,
                 m->cluster->max_jobs);
    return fail_at_key(r, path, m->max < most ? "max" : m->min == most ? "min" : "replicas", text);
}

static int fill_model(const struct reading *r, const char *name, const json_t *table)
{
    struct model_config *m = NEW(struct model_config);
    char *path = xasprintf("model.%s", name), *cluster_path = NULL;
    const struct source own = { table, path };
    int rc;

    r->c->models[r->c->n_models++] = m;
    m->name = xstrdup(name);
    m->found_as = xstrdup(json_string_value(json_object_get(r->found, name)));
    rc = fill(r, ROWS_MODEL, m, &own, 1);
    if (rc == 0 && !m->cluster && r->c->n_clusters == 1)
        m->cluster = r->c->clusters[0];
    if (rc == 0 && !m->cluster)
        rc = fail_at(r, path, "[%s] needs the key \"cluster\": there are %zu clusters", path,
                     r->c->n_clusters);
    if (rc == 0 && *m->listen)
        rc = check_reach(r, path, m->listen);
    if (rc == 0) {
        cluster_path = xasprintf("cluster.%s", m->cluster->name);
        const json_t *clusters = json_object_get(r->doc, "cluster");
        const struct source both[] = { own, { json_object_get(clusters, m->cluster->name), cluster_path } };
        rc = fill(r, ROWS_JOB, &m->job, both, 2);
        m->job.time_asked = json_object_get(both[0].table, "time") || json_object_get(both[1].table, "time");
    }
    if (rc == 0)
        rc = check_engine(r, m, path);
    if (rc == 0)
        rc = check_template(r, m, table, path, cluster_path);
    if (rc == 0)
        rc = check_counts(r, path, m, table);
    free(cluster_path);
    free(path);
    return rc;
}

/* ---- Catalogues */

/* Names and aliases of the file, which no found model gets. */
static json_t *names_taken(const json_t *models)
{
    json_t *taken = json_object(), *table, *alias;
    const char *name;
    size_t i;

    json_object_foreach((json_t *)models, name, table)
    {
        json_object_set_new(taken, name, json_true());
        json_array_foreach(json_object_get(table, "aliases"), i, alias)
        {
            if (json_is_string(alias))
                json_object_set_new(taken, json_string_value(alias), json_true());
        }
    }
    return taken;
}

static int add_catalogue(const struct reading *r, const char *cluster, json_t *table, json_t *models,
                         json_t *taken)
{
    const char *path = json_string_value(json_object_get(table, "catalogue"));
    char *full, *section, *text;
    json_t *catalogue = NULL;
    struct err why;

    if (!path || !*path || check_line(path, NULL) < 0) /* what it says instead is looked at later */
        return 0;
    full = config_beside(r->file, path);
    int rc = catalogue_read(full, &catalogue, &why);
    if (rc == 0 && (rc = catalogue_add(catalogue, cluster, models, taken, r->found, &why)) < 0) {
        struct err inside = why;
        err_set(&why, rc, "%s: %s", full, inside.text);
    }
    if (rc == 0) {
        json_object_set_new(table, "catalogue", json_string(full));
    } else {
        section = xasprintf("cluster.%s", cluster);
        text = xasprintf("catalogue in [%s]: %s", section, why.text);
        fail_at_key(r, section, "catalogue", text);
        free(text);
        free(section);
    }
    json_decref(catalogue);
    free(full);
    return rc < 0 ? -EINVAL : 0;
}

/* The models of the catalogues as tables behind those of the file. */
static int add_catalogues(const struct reading *r)
{
    json_t *clusters = json_object_get(r->doc, "cluster"), *models = json_object_get(r->doc, "model"), *table;
    json_t *taken = names_taken(models);
    const char *name;
    int rc = 0;

    if (!models)
        json_object_set_new(r->doc, "model", models = json_object());
    json_object_foreach(clusters, name, table)
    {
        if (rc == 0)
            rc = add_catalogue(r, name, table, models, taken);
    }
    json_decref(taken);
    return rc;
}

/* ---- What need not be written */

/* Without clusters everything runs on this machine; without models too, the parrot shows what a mount is
 * like. */
static int add_implied(const struct reading *r)
{
    bool clusters = json_object_size(json_object_get(r->doc, "cluster")) > 0;
    bool models = json_object_size(json_object_get(r->doc, "model")) > 0;

    if (clusters && !models)
        return fail_at(r, "cluster",
                       "there is no [model.NAME]: write at least one that the cluster serves, or give it a "
                       "catalogue");
    if (!clusters)
        json_object_set_new(r->doc, "cluster", json_pack("{s:{s:s}}", "local", "kind", "local"));
    if (!models)
        json_object_set_new(r->doc, "model", json_pack("{s:{s:s}}", "parrot", "engine", "parrot"));
    return 0;
}

static int fill_all(const struct reading *r)
{
    json_t *clusters = json_object_get(r->doc, "cluster"), *models = json_object_get(r->doc, "model"), *table;
    const char *name;
    int rc = fill_mount(r);

    r->c->clusters = xcalloc(json_object_size(clusters), sizeof(struct cluster_config *));
    r->c->models = xcalloc(json_object_size(models), sizeof(struct model_config *));
    json_object_foreach(clusters, name, table)
    {
        if (rc == 0)
            rc = fill_cluster(r, name, table);
    }
    json_object_foreach(models, name, table)
    {
        if (rc == 0)
            rc = fill_model(r, name, table);
    }
    return rc;
}

/* ---- Aliases */

/* taken: object, name -> the model that has it. An alias equal to the model's own key says nothing new and is
 * dropped. */
static int check_aliases(const struct reading *r, struct model_config *m, json_t *taken)
{
    struct strings *a = &m->aliases;
    size_t kept = 0;
    int rc = 0;

    for (size_t i = 0; i < a->n; i++) {
        const char *owner = json_string_value(json_object_get(taken, a->v[i]));
        if (rc == 0 && owner && strcmp(a->v[i], m->name)) {
            char *path = xasprintf("model.%s", m->name);
            char *text =
                xasprintf("the alias \"%s\" of [%s] is a name of [model.%s] already", a->v[i], path, owner);
            rc = fail_at_key(r, path, "aliases", text);
            free(text);
            free(path);
        }
        if (owner) {
            free(a->v[i]);
        } else {
            json_object_set_new(taken, a->v[i], json_string(m->name));
            a->v[kept++] = a->v[i];
        }
    }
    a->n = kept;
    if (a->v)
        a->v[kept] = NULL;
    return rc;
}

static int check_all_aliases(const struct reading *r)
{
    json_t *taken = json_object();
    int rc = 0;

    for (size_t i = 0; i < r->c->n_models; i++)
        json_object_set_new(taken, r->c->models[i]->name, json_string(r->c->models[i]->name));
    for (size_t i = 0; i < r->c->n_models && rc == 0; i++)
        rc = check_aliases(r, r->c->models[i], taken);
    json_decref(taken);
    return rc;
}

/* ---- Names that nobody has */

static int find_pass_unknown(const struct reading *r)
{
    struct model_config *m = *r->c->pass_unknown ? config_model(r->c, r->c->pass_unknown) : NULL;

    if (m)
        m->takes_unknown = true;
    else if (*r->c->pass_unknown)
        return fail_at(r, "gateway.pass_unknown", "pass_unknown in [gateway] names no model: \"%.80s\"",
                       r->c->pass_unknown);
    return 0;
}

/* ---- The door */

/* toml_parse() says "line N: text". */
static int syntax_error(const struct reading *r, const struct err *why)
{
    const char *text = strstr(why->text, ": ");

    return err_set(r->e, -EINVAL, "%s:%d: %s", r->file, atoi(why->text + strlen("line ")),
                   text ? text + 2 : why->text);
}

/* What is slullama's becomes ours; what is ours gets the options of `serve`. */
static int translate(struct reading *r, bool theirs, const struct slullama_given *given)
{
    json_t *doc;
    int rc;

    if (!theirs && !slullama_owns(r->doc))
        return given ? slullama_override(r->doc, given, r->e) : 0;
    if (!(given && given->serving) && json_object_size(r->doc) == 1 && json_object_get(r->doc, "client"))
        return fail_at(
            r, "client",
            "a file of slullama with [client] alone has no models to mount in this version; `slullamafs "
            "connect` reaches that team's gateway");
    rc = slullama_settings(r->doc, r->lines, r->file, given, &r->c->slullama, r->e);
    if (rc < 0)
        return rc;
    doc = slullama_translate(r->c->slullama, given);
    json_decref(r->doc);
    r->doc = doc;
    return 0;
}

int config_parse(const char *text, size_t len, const char *file, struct config **out, struct err *e)
{
    return config_parse_as(text, len, file, false, NULL, out, e);
}

int config_parse_as(const char *text, size_t len, const char *file, bool theirs,
                    const struct slullama_given *given, struct config **out, struct err *e)
{
    struct reading r = { .file = file, .e = e };
    struct err why;
    int rc;

    if (toml_parse(text, len, &r.doc, &r.lines, &why) < 0)
        return syntax_error(&r, &why);
    r.c = NEW(struct config);
    r.c->file = xstrdup(file);
    r.found = json_object();
    rc = translate(&r, theirs, given);
    if (rc == 0)
        rc = check_tables(&r);
    if (rc == 0)
        rc = add_catalogues(&r);
    if (rc == 0)
        rc = add_implied(&r);
    if (rc == 0)
        rc = fill_all(&r);
    if (rc == 0)
        rc = check_all_aliases(&r);
    if (rc == 0)
        rc = find_pass_unknown(&r);
    if (rc == 0)
        *out = r.c;
    else
        config_free(r.c);
    json_decref(r.found);
    json_decref(r.doc);
    toml_lines_free(r.lines);
    return rc;
}

void config_free(struct config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_models; i++) {
        clear(ROWS_MODEL, c->models[i]);
        clear(ROWS_JOB, &c->models[i]->job);
        free(c->models[i]->name);
        free(c->models[i]->found_as);
        free(c->models[i]);
    }
    for (size_t i = 0; i < c->n_clusters; i++) {
        clear(ROWS_CLUSTER, c->clusters[i]);
        clear(ROWS_JOB, &c->clusters[i]->job);
        free(c->clusters[i]->name);
        free(c->clusters[i]);
    }
    clear(ROWS_MOUNT | ROWS_GATEWAY, c);
    json_decref(c->slullama);
    free(c->models);
    free(c->clusters);
    free(c->file);
    free(c);
}

struct model_config *config_model(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_models; i++)
        if (!strcmp(c->models[i]->name, name))
            return c->models[i];
    for (size_t i = 0; i < c->n_models; i++)
        for (size_t j = 0; j < c->models[i]->aliases.n; j++)
            if (!strcmp(c->models[i]->aliases.v[j], name))
                return c->models[i];
    return NULL;
}
