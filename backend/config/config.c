/* SPDX-License-Identifier: MIT */
/* From TOML to structs, step by step, and the rules between tables: what need not be written, aliases, names that
 * nobody has. Every message is "FILE:LINE: what, and the way out". */
#include "backend/config/config.h"
#include "backend/base/alloc.h"
#include "backend/config/config_inside.h"
#include "backend/config/config_slullama.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int config_fail_at(const struct reading *r, const char *path, const char *fmt, ...)
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

int config_fail_at_key(const struct reading *r, const char *table, const char *key, const char *text)
{
    char *path = xasprintf("%s.%s", table, key);
    int rc = config_fail_at(r, path, "%s", text);

    free(path);
    return rc;
}

/* ---- What need not be written */

/* Models will be found. */
static bool any_discovers(const struct reading *r)
{
    const char *name;
    json_t *table;

    json_object_foreach(json_object_get(r->doc, "cluster"), name, table)
    {
        const char *dir = json_string_value(json_object_get(table, "discover"));
        const char *kind = json_string_value(json_object_get(table, "kind"));
        if ((dir && *dir) || (kind && !strcmp(kind, "gateway")))
            return true;
    }
    return false;
}

/* Without clusters everything runs on this machine; without models too, the parrot shows what a mount is
 * like. */
static int add_implied(const struct reading *r)
{
    bool clusters = json_object_size(json_object_get(r->doc, "cluster")) > 0;
    bool models = json_object_size(json_object_get(r->doc, "model")) > 0;

    if (clusters && !models && !any_discovers(r))
        return config_fail_at(
            r, "cluster",
            "there is no [model.NAME]: write at least one that the cluster serves, or give it a "
            "catalogue, or discover");
    if (!clusters)
        json_object_set_new(r->doc, "cluster", json_pack("{s:{s:s}}", "local", "kind", "local"));
    if (!models && !clusters)
        json_object_set_new(r->doc, "model", json_pack("{s:{s:s}}", "parrot", "engine", "parrot"));
    return 0;
}

/* ---- Aliases */

void config_name(struct config *c, const char *name, size_t at)
{
    if (!json_object_get(c->names, name))
        json_object_set_new(c->names, name, json_integer((json_int_t)at));
}

/* An alias equal to the model's own key says nothing new and is dropped. */
static int check_aliases(const struct reading *r, size_t at)
{
    struct model_config *m = r->c->models[at];
    struct strings *a = &m->aliases;
    size_t kept = 0;
    int rc = 0;

    for (size_t i = 0; i < a->n; i++) {
        const struct model_config *owner = config_model(r->c, a->v[i]);
        if (rc == 0 && owner && strcmp(a->v[i], m->name)) {
            char *path = xasprintf("model.%s", m->name);
            char *text = xasprintf("the alias \"%s\" of [%s] is a name of [model.%s] already", a->v[i], path,
                                   owner->name);
            rc = config_fail_at_key(r, path, "aliases", text);
            free(text);
            free(path);
        }
        if (owner) {
            free(a->v[i]);
        } else {
            config_name(r->c, a->v[i], at);
            a->v[kept++] = a->v[i];
        }
    }
    a->n = kept;
    if (a->v)
        a->v[kept] = NULL;
    return rc;
}

static int name_all(const struct reading *r)
{
    int rc = 0;

    for (size_t i = 0; i < r->c->n_models; i++)
        config_name(r->c, r->c->models[i]->name, i);
    for (size_t i = 0; i < r->c->n_models && rc == 0; i++)
        rc = check_aliases(r, i);
    return rc;
}

/* ---- Names that nobody has */

static int find_pass_unknown(const struct reading *r)
{
    struct model_config *m = *r->c->pass_unknown ? config_model(r->c, r->c->pass_unknown) : NULL;

    if (!m)
        m = config_share(r->c, r->c->pass_unknown);
    if (m)
        m->takes_unknown = true;
    else if (*r->c->pass_unknown)
        return config_fail_at(r, "gateway.pass_unknown",
                              "pass_unknown in [gateway] names no model and no share: \"%.80s\"",
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
    bool client =
        !(given && given->serving) && json_object_size(r->doc) == 1 && json_object_get(r->doc, "client");
    rc = slullama_settings(r->doc, r->lines, r->file, given, &r->c->slullama, r->e);
    if (rc < 0)
        return rc;
    if (client && !*slullama_text(r->c->slullama, "client.host"))
        return config_fail_at(
            r, "client", "[client] alone needs the key \"host\": the head node whose gateway is mounted");
    doc = client ? slullama_gateway(r->c->slullama) : slullama_translate(r->c->slullama, given);
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
    r.c->names = json_object();
    r.found = json_object();
    rc = translate(&r, theirs, given);
    if (rc == 0)
        rc = config_check_tables(&r);
    if (rc == 0)
        rc = config_add_catalogues(&r);
    if (rc == 0)
        rc = add_implied(&r);
    if (rc == 0)
        rc = config_join_shares(&r);
    if (rc == 0)
        rc = config_fill(&r);
    if (rc == 0)
        rc = config_settle_shares(&r);
    if (rc == 0)
        rc = config_settle_users(&r);
    if (rc == 0)
        rc = name_all(&r);
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

void config_free_model(struct model_config *m)
{
    config_clear(ROWS_MODEL, m);
    config_clear(ROWS_JOB, &m->job);
    json_decref(m->said);
    free(m->name);
    free(m->found_as);
    free(m);
}

void config_free(struct config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_models; i++)
        config_free_model(c->models[i]);
    for (size_t i = 0; i < c->n_moved; i++)
        config_free_model(c->moved[i]);
    for (size_t i = 0; i < c->n_clusters; i++) {
        config_clear(ROWS_CLUSTER, c->clusters[i]);
        config_clear(ROWS_JOB, &c->clusters[i]->job);
        json_decref(c->clusters[i]->said);
        free(c->clusters[i]->name);
        free(c->clusters[i]);
    }
    for (size_t i = 0; i < c->n_users; i++) {
        free(c->users[i]->name);
        free(c->users[i]);
    }
    config_clear(ROWS_MOUNT | ROWS_GATEWAY | ROWS_BATCH, c);
    json_decref(c->slullama);
    json_decref(c->names);
    free(c->users);
    free(c->moved);
    free(c->models);
    free(c->clusters);
    free(c->file);
    free(c);
}

int config_index(const struct config *c, const char *name)
{
    const json_t *at = json_object_get(c->names, name);

    return at ? (int)json_integer_value(at) : -1;
}

struct model_config *config_model(const struct config *c, const char *name)
{
    int at = config_index(c, name);

    return at < 0 ? NULL : c->models[at];
}
