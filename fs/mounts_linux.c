/* SPDX-License-Identifier: MIT */
#include "fs/mounts_linux.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* ---- The table: "ID PARENT MAJOR:MINOR ROOT MOUNTPOINT ...", blanks and the like as \ooo. */

static void unescape(char *s)
{
    char *to = s;

    for (; *s; s++) {
        unsigned c;
        if (*s == '\\' && sscanf(s + 1, "%3o", &c) == 1) {
            *to++ = (char)c;
            s += 3;
        } else {
            *to++ = *s;
        }
    }
    *to = '\0';
}

/* Call each with every line's id and mount point, until it says that this is enough. */
static void walk(bool (*each)(void *arg, int id, const char *path), void *arg)
{
    FILE *f = fopen("/proc/self/mountinfo", "re");
    char *line = NULL, *at;
    size_t cap = 0;
    int id;

    while (f && getline(&line, &cap, f) > 0) {
        if (sscanf(line, "%d %*d %*s %*s %ms", &id, &at) != 2)
            continue;
        unescape(at);
        bool enough = each(arg, id, at);
        free(at);
        if (enough)
            break;
    }
    free(line);
    if (f)
        fclose(f);
}

struct search {
    const char *path;
    int id;
    bool found;
};

static bool is_at(void *arg, int id, const char *path)
{
    struct search *s = arg;

    if (strcmp(path, s->path) == 0)
        s->id = id; /* the last one lies on top */
    return false;
}

int mounts_find(const char *path)
{
    struct search s = { .path = path };

    walk(is_at, &s);
    return s.id;
}

static bool has_id(void *arg, int id, const char *path)
{
    struct search *s = arg;

    (void)path;
    return s->found = id == s->id;
}

bool mounts_has(int id)
{
    struct search s = { .id = id };

    walk(has_id, &s);
    return s.found;
}

/* Behind the mount point: "OPTIONS TAGS - TYPE SOURCE SUPER-OPTIONS", of which those of FUSE tell the user. */
void mounts_of_user(uid_t uid, void (*each)(void *arg, const char *path), void *arg)
{
    FILE *f = fopen("/proc/self/mountinfo", "re");
    char *line = NULL, *at, owner[32];
    size_t cap = 0;

    snprintf(owner, sizeof owner, "user_id=%u,", (unsigned)uid);
    while (f && getline(&line, &cap, f) > 0) {
        const char *type = strstr(line, " - fuse.slullamafs ");
        if (!type || !strstr(type, owner) || sscanf(line, "%*d %*d %*s %*s %ms", &at) != 1)
            continue;
        unescape(at);
        each(arg, at);
        free(at);
    }
    free(line);
    if (f)
        fclose(f);
}

/* ---- fusermount3. libfuse looks where it was installed with it, then in PATH; so do we. */

static const char usual_places[] = "/usr/bin:/bin:/usr/local/bin:/usr/sbin:/sbin";

static bool find_in(const char *dirs, char program[PATH_MAX])
{
    for (const char *d = dirs; *d; d += strcspn(d, ":"), d += *d == ':') {
        int len = (int)strcspn(d, ":");
        if (*d != '/') /* a relative place is anybody's */
            continue;
        int n = snprintf(program, PATH_MAX, "%.*s/fusermount3", len, d);
        if (n < PATH_MAX && access(program, X_OK) == 0)
            return true;
    }
    return false;
}

static bool find_program(char program[PATH_MAX])
{
    const char *path = getenv("PATH");

    return find_in(usual_places, program) || (path && find_in(path, program));
}

bool fusermount_exists(void)
{
    char program[PATH_MAX];

    return find_program(program);
}

void fusermount_detach(const char *path)
{
    char *argv[] = { "fusermount3", "-uzq", "--", (char *)path, NULL };
    char program[PATH_MAX];
    pid_t pid;

    if (find_program(program) && posix_spawn(&pid, program, NULL, NULL, argv, environ) == 0)
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
}
