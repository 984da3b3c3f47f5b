/* SPDX-License-Identifier: MIT */
#include "fs/terminal/tree_files.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

json_t *tree_status(const char *mount, const char *model)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s%s%s/status", mount, model ? "/" : "", model ? model : "");
    return json_load_file(path, 0, NULL);
}

int tree_ctl(const char *mount, const char *model, const char *line, struct err *e)
{
    char path[PATH_MAX];
    int rc = 0;

    snprintf(path, sizeof path, "%s/%s/ctl", mount, model);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, line, strlen(line)) < 0)
        rc = -errno;
    if (fd >= 0 && close(fd) < 0 && rc == 0)
        rc = -errno;
    if (rc < 0)
        err_set(e, rc, "%s: \"%.*s\": %s", path, (int)strcspn(line, "\n"), line, strerror(-rc));
    return rc;
}

/* ---- Events */

int tree_events_open(struct tree_events *ev, const char *mount)
{
    struct stat st;

    *ev = (struct tree_events){ .path = xasprintf("%s/events", mount) };
    if (stat(ev->path, &st) < 0)
        return -errno;
    ev->at = st.st_size;
    return 0;
}

void tree_events_close(struct tree_events *ev)
{
    free(ev->path);
    ev->path = NULL;
}

static void tell(const char *text, size_t len, void (*line)(void *arg, const json_t *event), void *arg)
{
    json_t *event = json_loadb(text, len, 0, NULL);

    if (event && line)
        line(arg, event);
    json_decref(event);
}

bool tree_events_wait(struct tree_events *ev, int ms, void (*line)(void *arg, const json_t *event), void *arg)
{
    char *text = NULL;
    size_t cap = 0;
    ssize_t n;

    poll(NULL, 0, ms);
    FILE *f = fopen(ev->path, "re");
    if (!f)
        return false;
    fseeko(f, ev->at, SEEK_SET);
    while ((n = getline(&text, &cap, f)) > 0 && text[n - 1] == '\n') {
        tell(text, (size_t)n, line, arg);
        ev->at += n;
    }
    free(text);
    fclose(f);
    return true;
}
