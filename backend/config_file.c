/* SPDX-License-Identifier: MIT */
/* Where the configuration is, and the directories that it leaves out. Source of the places: CONTRACT.md
 * section 9 and the XDG Base Directory Specification 0.8 (a relative path in one of its variables is
 * ignored). slullama's own file, which the contract looks for next, is not read in this version. */
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/config_table.h"

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

static int load_file(const char *path, struct config **out, struct err *e)
{
    struct buf text = { 0 };
    int rc = read_all(path, &text, e);

    if (rc == 0)
        rc = config_parse(buf_str(&text), text.len, path, out, e);
    buf_free(&text);
    if (rc == 0) {
        char *full = absolute(path);
        free((*out)->file);
        (*out)->file = full;
    }
    return rc;
}

int config_load(const char *path, struct config **out, struct err *e)
{
    const char *named = getenv("SLULLAMAFS_CONFIG");
    char *standard;
    int rc = -ENOENT;

    if (path)
        return load_file(path, out, e);
    if (named && *named)
        return load_file(named, out, e);
    standard = xdg_path("XDG_CONFIG_HOME", ".config", "slullamafs/config.toml");
    if (standard)
        rc = load_file(standard, out, e);
    free(standard);
    /* ENOTDIR: ~/.config is a file. Nothing is configured there either. */
    return rc == -ENOENT || rc == -ENOTDIR ? config_parse("", 0, "", out, e) : rc;
}
