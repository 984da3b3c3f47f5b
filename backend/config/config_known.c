/* SPDX-License-Identifier: MIT */
/* Which tables and keys may stand in a configuration; what is none is told with the nearest that is. */
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/config/config_inside.h"
#include "backend/config/config_slullama.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

static int unknown_table(const struct reading *r, const char *name)
{
    const char *names[8], *near;
    size_t n = 0;

    if (slullama_has_table(name))
        return config_fail_at(
            r, name, "the table [%s] is slullama's, and stands in a file without tables of ours", name);
    for (const struct config_section *s = config_sections; s->name; s++)
        names[n++] = s->name;
    near = nearest_name(name, names, n);
    if (near)
        return config_fail_at(r, name, "unknown table [%.60s]; did you mean [%s]?", name, near);
    struct buf all = { 0 };
    for (const struct config_section *s = config_sections; s->name; s++)
        buf_addf(&all, "%s[%s%s]", all.len ? ", " : "", s->name, s->named ? ".NAME" : "");
    int rc = config_fail_at(r, name,
                            json_is_object(json_object_get(r->doc, name))
                                ? "unknown table [%.60s]; there are %s"
                                : "the key \"%.60s\" stands in no table; the tables are %s",
                            name, buf_str(&all));
    buf_free(&all);
    return rc;
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
    if (near)
        text = xasprintf("unknown key \"%.60s\" in [%s]; did you mean \"%s\"?", key, table, near);
    else
        text = xasprintf("unknown key \"%.60s\" in [%s]", key, table);
    rc = config_fail_at_key(r, table, key, text);
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
        rc = config_fail_at(r, path, "[%s] has no keys of its own, \"%.60s\" must stand in a [%s.NAME]",
                            s->name, name, s->name);
    else if (s->check(name, &why) < 0)
        rc = config_fail_at(r, path, "%s", why.text);
    else
        rc = check_keys(r, s, table, path);
    free(path);
    return rc;
}

int config_check_tables(const struct reading *r)
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
            return config_fail_at(r, name, "\"%s\" must be a table: [%s%s]", name, name,
                                  s->named ? ".NAME" : "");
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
