/* SPDX-License-Identifier: MIT */
/* A cluster's list of models in a JSON file, as alvis-vllm keeps it (its README, "models.json"):
 *
 *   { "_comment": "...", "gpt-oss-20b": { "path": "/hub/...", "max_model_len": 10000, "description": "..." } }
 *
 * Each entry becomes the table of a model, as if it stood in the configuration. */
#include "backend/base/alloc.h"
#include "backend/config/config_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE (1 << 20) /* bytes: thousands of entries; more is something else by mistake */

char *config_beside(const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');
    char *home, *cwd, *full;

    if (*path == '/')
        return xstrdup(path);
    if (!strncmp(path, "~/", 2)) {
        home = config_home();
        full = xasprintf("%s%s", home ? home : "", path + 1);
        free(home);
        return full;
    }
    cwd = *file == '/' ? NULL : getcwd(NULL, 0);
    full = xasprintf("%s%s%.*s%s", cwd ? cwd : "", cwd ? "/" : "", slash ? (int)(slash + 1 - file) : 0, file,
                     path);
    free(cwd);
    return full;
}

/* ---- Reading */

int catalogue_read(const char *path, json_t **out, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO keeps nobody waiting */
    struct stat st;
    json_error_t why;
    int rc = 0;

    if (fd < 0)
        return err_set(e, -errno, "cannot read %s: %s", path, strerror(errno));
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        rc = err_set(e, -EINVAL, "%s is no file", path);
    else if (st.st_size > MAX_FILE)
        rc = err_set(e, -EFBIG, "%s is larger than %d bytes, this is no catalogue", path, MAX_FILE);
    else if (!(*out = json_loadfd(fd, JSON_REJECT_DUPLICATES, &why)))
        rc = err_set(e, -EINVAL, "%s:%d: %s", path, why.line, why.text);
    close(fd);
    if (rc == 0 && !json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        rc = err_set(e, -EINVAL, "%s must hold an object: {\"NAME\": {\"path\": \"...\"}}", path);
    }
    return rc;
}

/* ---- Entries */

/* A text of an entry: absent and null are as good as "", where it need not be there. */
static int check_text(const json_t *entry, const char *key, bool needed, struct err *e)
{
    const json_t *v = json_object_get(entry, key);
    struct err why;

    if (!needed && (!v || json_is_null(v)))
        return 0;
    if (!v)
        return err_set(e, -EINVAL, "has no \"%s\"", key);
    if (!json_is_string(v))
        return err_set(e, -EINVAL, "has a \"%s\" that is no string", key);
    if (needed && !*json_string_value(v))
        return err_set(e, -EINVAL, "has an empty \"%s\"", key);
    if (check_line(json_string_value(v), &why) < 0)
        return err_set(e, -EINVAL, "has a \"%s\" that is wrong: it %s", key, why.text);
    return 0;
}

static int check_entry(const json_t *entry, struct err *e)
{
    const json_t *len = json_object_get(entry, "max_model_len");
    int rc;

    if (!json_is_object(entry))
        return err_set(e, -EINVAL, "must be an object: {\"path\": \"...\", \"max_model_len\": 8192}");
    if ((rc = check_text(entry, "path", true, e)) < 0 ||
        (rc = check_text(entry, "description", false, e)) < 0)
        return rc;
    if (len && !json_is_null(len) &&
        (!json_is_integer(len) || json_integer_value(len) < 1 || json_integer_value(len) > INT_MAX))
        return err_set(e, -EINVAL, "has a \"max_model_len\" that is no number of tokens");
    return 0;
}

/* The entry as a [model.NAME]. */
static json_t *model_table(const json_t *entry, const char *cluster)
{
    json_t *m = json_pack("{s:s,s:s,s:O}", "cluster", cluster, "engine", "vllm", "model",
                          json_object_get(entry, "path"));
    const json_t *len = json_object_get(entry, "max_model_len");
    const json_t *description = json_object_get(entry, "description");

    if (json_is_integer(len))
        json_object_set(m, "max_model_len", (json_t *)len);
    if (json_is_string(description))
        json_object_set(m, "description", (json_t *)description);
    return m;
}

int catalogue_add(const json_t *catalogue, const char *cluster, json_t *models, json_t *taken, json_t *found,
                  struct err *e)
{
    const char *original;
    json_t *entry;
    struct err why;

    json_object_foreach((json_t *)catalogue, original, entry)
    {
        if (*original == '_')
            continue;
        if (check_entry(entry, &why) < 0)
            return err_set(e, -EINVAL, "\"%.80s\" %s", original, why.text);
        char *plain = name_for_found(original, NULL);
        /* What the user wrote himself is what he wants; what is found twice is two models. */
        bool configured = json_object_get(models, plain) && !json_object_get(found, plain);
        if (!configured) {
            char *name = name_for_found(original, taken);
            json_object_set_new(models, name, model_table(entry, cluster));
            json_object_set_new(found, name, json_string(original));
            json_object_set_new(taken, name, json_true());
            free(name);
        }
        free(plain);
    }
    return 0;
}

/* ---- The catalogues of a configuration */

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
        config_fail_at_key(r, section, "catalogue", text);
        free(text);
        free(section);
    }
    json_decref(catalogue);
    free(full);
    return rc < 0 ? -EINVAL : 0;
}

/* The models of the catalogues as tables behind those of the file. */
int config_add_catalogues(const struct reading *r)
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
