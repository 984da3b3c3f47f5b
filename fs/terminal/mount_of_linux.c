/* SPDX-License-Identifier: MIT */
#include "fs/terminal/mount_of.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "fs/mounts_linux.h"
#include "fs/terminal/tree_files.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct search {
    const char *model;
    char cwd[PATH_MAX];
    char *inside; /* the mount that the working directory lies in */
    char *last;
    int n;
    struct buf all;    /* for the sentence */
    struct buf models; /* of the mounts that lack the model, likewise */
};

/* One that is dead answers ENOTCONN, and is none. */
static bool is_alive(const char *path)
{
    char name[PATH_MAX];

    return snprintf(name, sizeof name, "%s/status", path) < (int)sizeof name && access(name, R_OK) == 0;
}

static bool has_model(const char *path, const char *model)
{
    char name[PATH_MAX];

    return !model || (snprintf(name, sizeof name, "%s/%s/ask", path, model) < (int)sizeof name &&
                      access(name, F_OK) == 0);
}

static bool lies_in(const char *path, const char *dir)
{
    size_t len = strlen(dir);

    return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* What there is in place of the model that was asked for. */
static void note_models(struct search *s, const char *path)
{
    json_t *house = tree_status(path, NULL), *unused;
    const char *model;

    json_object_foreach(json_object_get(house, "models"), model, unused)
        buf_addf(&s->models, "%s%s", s->models.len ? ", " : "", model);
    json_decref(house);
}

static void consider(void *arg, const char *path)
{
    struct search *s = arg;

    if (!is_alive(path))
        return;
    if (!has_model(path, s->model)) {
        note_models(s, path);
        return;
    }
    if (lies_in(s->cwd, path)) {
        free(s->inside);
        s->inside = xstrdup(path);
    }
    free(s->last);
    s->last = xstrdup(path);
    s->n++;
    buf_addf(&s->all, "%s%s", s->all.len ? ", " : "", path);
}

int mount_of_caller(const char *model, char **out, struct err *e)
{
    struct search s = { .model = model };
    int rc = 0;

    if (!getcwd(s.cwd, sizeof s.cwd))
        s.cwd[0] = '\0';
    mounts_of_user(getuid(), consider, &s);
    if (s.inside)
        *out = xstrdup(s.inside);
    else if (s.n == 1)
        *out = xstrdup(s.last);
    else if (s.n == 0 && model && s.models.len)
        rc =
            err_set(e, -ENOENT, "no mount of yours has a model %s; there are: %s", model, buf_str(&s.models));
    else if (s.n == 0 && model)
        rc = err_set(e, -ENOENT, "no mount of yours has a model %s", model);
    else if (s.n == 0)
        rc = err_set(e, -ENOENT, "nothing of yours is mounted: mount.slullamafs DIRECTORY does it");
    else
        rc =
            err_set(e, -EEXIST, "which of your mounts is meant: %s? Run it inside that one", buf_str(&s.all));
    if (rc == 0 && chdir("/") < 0)
        rc = err_set(e, -errno, "/: %s", strerror(errno));
    free(s.inside);
    free(s.last);
    buf_free(&s.all);
    buf_free(&s.models);
    return rc;
}
