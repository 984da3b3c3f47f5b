/* SPDX-License-Identifier: MIT */
#include "backend/store/aside.h"
#include "backend/base/alloc.h"
#include "backend/base/units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What SQLite keeps beside a database belongs to it by its name. */
static void move_companion(const char *path, const char *to, const char *suffix)
{
    char *from = xasprintf("%s%s", path, suffix), *target = xasprintf("%s%s", to, suffix);

    rename(from, target); /* it need not be there */
    free(from);
    free(target);
}

/* A name that nothing has yet. */
static char *free_name(const char *path, const char *why)
{
    char when[TIME_TEXT];
    char *name = NULL;
    int n = 1;

    format_time(time(NULL), when);
    do {
        free(name);
        name = n == 1 ? xasprintf("%s.%s-%s", path, why, when) : xasprintf("%s.%s-%s-%d", path, why, when, n);
    } while (access(name, F_OK) == 0 && n++ < 1000);
    return name;
}

int aside_move(const char *path, const char *why, char **out, struct err *e)
{
    char *to = free_name(path, why);

    if (rename(path, to) < 0) {
        int rc = -errno;
        err_set(e, rc, "%s cannot be renamed to %s: %s", path, to, strerror(-rc));
        free(to);
        return rc;
    }
    move_companion(path, to, "-wal");
    move_companion(path, to, "-journal");
    move_companion(path, to, "-shm");
    *out = to;
    return 0;
}
