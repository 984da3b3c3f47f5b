/* SPDX-License-Identifier: MIT */
/* The system prompt and the parameters of a model. One that was written is a small file in the state directory, named
 * after the setting and the model, and there is none while the configuration's counts. It is written anew and renamed
 * over the old one, so that a reader has the one or the other whole. It is not synced: that would hold up the loop for
 * as long as the disk likes, and a loss of power costs no more than the last change of a file that its owner looks at. */
#include "backend/settings.h"
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/base/utf8.h"
#include "backend/engine/body.h"
#include "backend/house.h"
#include "backend/config/params.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Each request carries both, and each write looks at the whole again. */
#define SETTING_MAX ((size_t)256 << 10) /* bytes */

static const char *const names[] = { [SETTING_SYSTEM] = "system", [SETTING_PARAMS] = "params" };

struct settings {
    struct house *house;
    const struct model_config *model;
    const struct settings *parent; /* whose values count where text is NULL; NULL: of a model */
    void (*changed)(void *arg);    /* with a parent */
    void *arg;
    char *text[2]; /* by enum setting, as settings_text() shows it */
    char *system;  /* without its last newline */
    json_t *params;
};

/* ---- Checking */

static int check_params(const char *text, size_t len, json_t **out, struct err *e)
{
    int rc = body_parse(text, len, "params", out, e);

    if (rc == 0 && (rc = params_check(*out, e)) < 0)
        json_decref(*out);
    return rc;
}

int settings_check(enum setting which, const char *text, size_t len, struct err *e)
{
    json_t *params;
    size_t good = utf8_valid_len(text, len);

    if (len > SETTING_MAX)
        return err_set(e, -EFBIG, "%s is longer than %zu bytes", names[which], SETTING_MAX);
    if (memchr(text, '\0', len))
        return err_set(e, -EINVAL, "%s has a NUL byte in it", names[which]);
    if (good < len) /* three bytes may be the beginning of a character */
        return err_set(e, len - good < 4 ? -ENODATA : -EINVAL, "%s is not UTF-8: byte %zu cannot be read",
                       names[which], good + 1);
    if (which == SETTING_SYSTEM)
        return 0;
    int rc = check_params(text, len, &params, e);
    if (rc == 0)
        json_decref(params);
    return rc;
}

/* ---- The value */

static void tell_unknown(const struct settings *s)
{
    char *about = xasprintf("params of %s", s->model->name), *text = NULL;
    struct buf unknown = { 0 };

    params_unknown(s->params, &unknown);
    if (unknown.len)
        text =
            xasprintf("%s/params: not known here, and passed on as it is: %s", s->model->name, unknown.data);
    house_warn(s->house, about, text);
    buf_free(&unknown);
    free(about);
    free(text);
}

/* text has passed the check. */
static void take(struct settings *s, enum setting which, const char *text, size_t len)
{
    bool ends = len && text[len - 1] == '\n';

    free(s->text[which]);
    s->text[which] = xasprintf("%.*s%s", (int)len, text, ends || !len ? "" : "\n");
    if (which == SETTING_SYSTEM) {
        free(s->system);
        s->system = xstrndup(text, len - ends);
        return;
    }
    json_decref(s->params);
    s->params = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
    if (!s->parent)
        tell_unknown(s);
}

static void take_configured(struct settings *s, enum setting which)
{
    const json_t *configured = s->model->params;
    char *params = which == SETTING_PARAMS && configured
                       ? json_dumps(configured, JSON_COMPACT | JSON_REAL_PRECISION(15))
                       : NULL;
    const char *text = which == SETTING_SYSTEM ? s->model->system : params ? params : "{}";

    take(s, which, text, strlen(text));
    free(params);
}

void settings_defaults(const struct settings *s, struct request_defaults *d)
{
    d->system = s->text[SETTING_SYSTEM] ? s->system : s->parent->system;
    d->params = s->text[SETTING_PARAMS] ? s->params : s->parent->params;
}

const char *settings_text(const struct settings *s, enum setting which)
{
    return s->text[which] ? s->text[which] : s->parent->text[which];
}

const char *settings_own_text(const struct settings *s, enum setting which)
{
    return s->text[which];
}

size_t settings_own_len(const struct settings *s, enum setting which)
{
    return s->text[which] ? strlen(s->text[which]) : 0;
}

/* ---- Its file */

static char *path_of(const struct settings *s, enum setting which)
{
    return xasprintf("%s/%s.%s", s->house->state_dir, names[which], s->model->name);
}

static int save(const struct settings *s, enum setting which, const char *text, size_t len, struct err *e)
{
    char *path = path_of(s, which), *fresh = xasprintf("%s.new", path);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600), rc = 0;
    ssize_t n = fd < 0 ? -1 : write(fd, text, len);

    if (n >= 0 && (size_t)n < len)
        rc = -ENOSPC;
    else if (n < 0 || rename(fresh, path) < 0)
        rc = errno == ENOSPC || errno == EDQUOT ? -ENOSPC : -EIO;
    if (rc < 0) {
        err_set(e, rc, "%s cannot be written: %s", fresh, strerror(errno));
        unlink(fresh);
    }
    if (fd >= 0)
        close(fd);
    free(path);
    free(fresh);
    return rc;
}

static void load(struct settings *s, enum setting which)
{
    char *path = path_of(s, which), *text = xcalloc(1, SETTING_MAX + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n = fd < 0 ? -1 : read(fd, text, SETTING_MAX + 1);
    struct err e = { "" };

    take_configured(s, which);
    if (n >= 0 && settings_check(which, text, (size_t)n, &e) == 0)
        take(s, which, text, (size_t)n);
    else if (n >= 0)
        log_warning("%s cannot be used, the configured value counts: %s", path, e.text);
    if (fd >= 0)
        close(fd);
    free(path);
    free(text);
}

int settings_set(struct settings *s, enum setting which, const char *text, size_t len, struct err *e)
{
    int rc = settings_check(which, text, len, e);

    if (rc == 0 && !s->parent)
        rc = save(s, which, text, len, e);
    if (rc < 0)
        return rc == -ENODATA ? -EINVAL : rc;
    take(s, which, text, len);
    if (s->parent)
        s->changed(s->arg);
    house_changed(s->house);
    return 0;
}

static int reset_to_parent(struct settings *s, enum setting which)
{
    free(s->text[which]);
    s->text[which] = NULL;
    s->changed(s->arg);
    house_changed(s->house);
    return 0;
}

int settings_reset(struct settings *s, enum setting which, struct err *e)
{
    if (s->parent)
        return reset_to_parent(s, which);
    char *path = path_of(s, which);
    int rc = 0;

    if (unlink(path) < 0 && errno != ENOENT)
        rc = err_set(e, -EIO, "%s cannot be removed: %s", path, strerror(errno));
    free(path);
    if (rc < 0)
        return rc;
    take_configured(s, which);
    house_changed(s->house);
    return 0;
}

struct settings *settings_create(struct house *h, const struct model_config *m)
{
    struct settings *s = NEW(struct settings);

    s->house = h;
    s->model = m;
    load(s, SETTING_SYSTEM);
    load(s, SETTING_PARAMS);
    return s;
}

struct settings *settings_create_under(const struct settings *model, void (*changed)(void *arg), void *arg)
{
    struct settings *s = NEW(struct settings);

    s->house = model->house;
    s->model = model->model;
    s->parent = model;
    s->changed = changed;
    s->arg = arg;
    return s;
}

void settings_load_text(struct settings *s, enum setting which, const char *text, size_t len)
{
    if (settings_check(which, text, len, NULL) == 0)
        take(s, which, text, len);
}

void settings_copy(struct settings *to, const struct settings *from)
{
    for (enum setting which = SETTING_SYSTEM; which <= SETTING_PARAMS; which++)
        if (from->text[which])
            settings_load_text(to, which, from->text[which], strlen(from->text[which]));
}

void settings_destroy(struct settings *s)
{
    if (!s)
        return;
    free(s->text[SETTING_SYSTEM]);
    free(s->text[SETTING_PARAMS]);
    free(s->system);
    json_decref(s->params);
    free(s);
}
