/* SPDX-License-Identifier: MIT */
/* Where the configuration is, and the directories that it leaves out. Source of the places: CONTRACT.md
 * section 9 and the XDG Base Directory Specification 0.8 (a relative path in one of its variables is
 * ignored). */
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/base/toml.h"
#include "backend/config/config_ollama.h"
#include "backend/config/config_slullama.h"
#include "backend/config/config_table.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_FILE (1u << 20) /* bytes */

/* The value of a variable that names a directory; NULL if it is not set or no absolute path. */
static const char *directory_variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value == '/' ? value : NULL;
}

char *config_home(void)
{
    const char *home = directory_variable("HOME");

    if (!home) {
        const struct passwd *pw = getpwuid(getuid());
        home = pw && pw->pw_dir && *pw->pw_dir == '/' ? pw->pw_dir : NULL;
    }
    return xstrdup(home);
}

void config_export_home(void)
{
    char *home = config_home();

    if (home)
        setenv("HOME", home, 1);
    free(home);
}

/* $VARIABLE/rest, else ~/fallback/rest; NULL without a home. */
static char *xdg_path(const char *variable, const char *fallback, const char *rest)
{
    const char *dir = directory_variable(variable);
    char *home, *path;

    if (dir)
        return xasprintf("%s/%s", dir, rest);
    home = config_home();
    path = home ? xasprintf("%s/%s/%s", home, fallback, rest) : NULL;
    free(home);
    return path;
}

char *config_state_dir(void)
{
    return xdg_path("XDG_STATE_HOME", ".local/state", "slullamafs");
}

char *config_runtime_dir(const char *state_dir)
{
    const char *dir = directory_variable("XDG_RUNTIME_DIR");

    return dir ? xasprintf("%s/slullamafs", dir) : xasprintf("%s/run", state_dir);
}

/* A pipe is as good as a file (-c <(...)), so the size is known at the end only. */
static int read_all(const char *path, struct buf *out, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char chunk[8192];
    ssize_t n;
    int rc = 0;

    if (fd < 0)
        return err_set(e, -errno, "%s: cannot read the configuration: %s", path, strerror(errno));
    while (rc == 0 && (n = read(fd, chunk, sizeof chunk)) != 0) {
        if (n < 0)
            rc = errno == EINTR
                     ? 0
                     : err_set(e, -errno, "%s: cannot read the configuration: %s", path, strerror(errno));
        else if (out->len + (size_t)n > MAX_FILE)
            rc = err_set(e, -EFBIG, "%s: larger than %u bytes, this is no configuration", path, MAX_FILE);
        else
            buf_add(out, chunk, (size_t)n);
    }
    close(fd);
    return rc;
}

/* The name is shown, and is part of the identity, after the daemon went to /. */
static char *absolute(const char *path)
{
    char *cwd = *path == '/' ? NULL : getcwd(NULL, 0);
    char *result = cwd ? xasprintf("%s/%s", cwd, path) : xstrdup(path);

    free(cwd);
    return result;
}

/* How a file is read. */
struct way {
    bool theirs; /* it is slullama's by its place */
    const struct slullama_given *given;
};

static int load_file(const char *path, const struct way *way, struct config **out, struct err *e)
{
    struct buf text = { 0 };
    int rc = read_all(path, &text, e);

    if (rc == 0)
        rc = config_parse_as(buf_str(&text), text.len, path, way->theirs, way->given, out, e);
    buf_free(&text);
    if (rc == 0) {
        char *full = absolute(path);
        free((*out)->file);
        (*out)->file = full;
    }
    return rc;
}

/* ENOTDIR: ~/.config is a file. Nothing is configured there either. */
static bool is_missing(int rc)
{
    return rc == -ENOENT || rc == -ENOTDIR;
}

/* A variable of slullama's that is set and empty names no file. The caller frees it; NULL without a home. */
static char *slullama_path(void)
{
    const char *named = getenv("SLULLAMA_CONFIG");
    char *home = named && *named ? NULL : config_home();
    char *path = named && *named ? xstrdup(named)
                 : home          ? xasprintf("%s/.config/slullama/config.toml", home)
                                 : NULL;

    free(home);
    return path;
}

static int load_slullama(const struct way *way, struct config **out, struct err *e)
{
    const char *named = getenv("SLULLAMA_CONFIG");
    const struct way theirs = { .theirs = true, .given = way->given };
    char *path = slullama_path();
    int rc = path ? load_file(path, &theirs, out, e) : -ENOENT;

    free(path);
    if (!is_missing(rc) || (named && *named))
        return rc;
    /* `serve` without any file is slullama's server with its defaults, a mount shows what this machine has. */
    struct buf here = { 0 };
    if (!way->given)
        ollama_here(&here);
    rc = config_parse_as(buf_str(&here), here.len, "", way->given != NULL, way->given, out, e);
    buf_free(&here);
    return rc;
}

static int load(const char *path, const struct way *way, struct config **out, struct err *e)
{
    const char *named = getenv("SLULLAMAFS_CONFIG");
    char *standard;
    int rc = -ENOENT;

    if (path)
        return load_file(path, way, out, e);
    if (named && *named)
        return load_file(named, way, out, e);
    standard = xdg_path("XDG_CONFIG_HOME", ".config", "slullamafs/config.toml");
    if (standard)
        rc = load_file(standard, way, out, e);
    free(standard);
    return is_missing(rc) ? load_slullama(way, out, e) : rc;
}

int config_load(const char *path, struct config **out, struct err *e)
{
    return load(path, &(struct way){ 0 }, out, e);
}

int config_load_given(const char *path, const struct slullama_given *given, struct config **out,
                      struct err *e)
{
    return load(path, &(struct way){ .given = given }, out, e);
}

int config_load_slullama(const char *path, const struct slullama_given *given, json_t **out, struct err *e)
{
    const char *named = getenv("SLULLAMA_CONFIG");
    char *standard = path ? NULL : slullama_path();
    const char *file = path ? path : standard;
    struct toml_lines *lines = NULL;
    struct buf text = { 0 };
    json_t *doc = NULL;
    struct err why;
    int rc = file ? read_all(file, &text, e) : -ENOENT;

    if (is_missing(rc) && !path && !(named && *named))
        rc = 0; /* defaults and environment */
    if (rc == 0 && toml_parse(buf_str(&text), text.len, &doc, &lines, &why) < 0)
        rc = err_set(e, -EINVAL, "%s: %s", file, why.text);
    if (rc == 0)
        rc = slullama_settings(doc, lines, file ? file : "", given, out, e);
    toml_lines_free(lines);
    json_decref(doc);
    buf_free(&text);
    free(standard);
    return rc;
}
