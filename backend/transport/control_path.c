/* SPDX-License-Identifier: MIT */
/* See control_path.h. The length: a socket's path ends at 107 bytes, and ssh binds to its ControlPath with a
 * suffix of 17 before it renames (OpenSSH 9.9, mux.c, muxserver_listen). */
#include "backend/transport/control_path.h"
#include "backend/base/alloc.h"
#include "backend/base/hash.h"
#include "backend/base/proc_stat_linux.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_MAX_BYTES 89
#define NAME_MAX_BYTES 45 /* "/" + key 16 + pid 7 + start time 12 + number 6 + three dots; ".ask" has room */

void control_dir_init(struct control_dir *d, const char *runtime_dir, const struct cluster_config *c)
{
    uint64_t h = hash_add(HASH_BEGIN, runtime_dir);

    h = hash_add(h, c->name);
    h = hash_add(h, c->host);
    h = hash_add(h, c->ssh_config);
    h = hash_add(h, c->accept_new_host_keys ? "accept-new" : "yes");
    snprintf(d->key, sizeof d->key, "%016" PRIx64, h);
    d->path = xstrdup("");
    d->borrowed = true;
}

void control_dir_finish(struct control_dir *d)
{
    if (!d->borrowed)
        rmdir(d->path);
    free(d->path);
    d->path = NULL;
}

/* ssh expands %, ~ and ${} in ControlPath, and splits options at blanks and quotes. */
static bool is_plain(const char *path)
{
    return path[0] == '/' &&
           path[strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,@:=")] ==
               '\0';
}

static bool is_private_dir(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 077) == 0;
}

int control_dir_find(struct control_dir *d, const char *runtime_dir, struct err *e)
{
    char own[40];

    if (d->path[0] && (d->borrowed || is_private_dir(d->path)))
        return 0;
    free(d->path);
    if (is_plain(runtime_dir) && strlen(runtime_dir) + NAME_MAX_BYTES <= PATH_MAX_BYTES) {
        d->path = xstrdup(runtime_dir);
        d->borrowed = true;
        return 0;
    }
    /* The known name lets the next daemon find what this one may leave behind; where somebody else has it,
     * another will do. */
    snprintf(own, sizeof own, "/tmp/slullamafs-ssh-%u", (unsigned)geteuid());
    d->borrowed = false;
    if (mkdir(own, 0700) < 0 && !is_private_dir(own)) {
        strcpy(own, "/tmp/slullamafs-ssh-XXXXXX");
        if (!mkdtemp(own)) {
            int rc = -errno;
            d->path = xstrdup("");
            return err_set(e, -EIO, "no directory for ssh's control socket: %s is too long, and /tmp: %s",
                           runtime_dir, strerror(-rc));
        }
    }
    d->path = xstrdup(own);
    return 0;
}

/* 0 where there is no such process, or only what is left of one until its parent looks. */
static unsigned long long start_time(long pid)
{
    struct proc_stat st;

    if (proc_stat_read((pid_t)pid, &st) < 0 || st.state == 'Z' || st.state == 'X')
        return 0;
    return st.start;
}

char *control_path_new(struct control_dir *d)
{
    static unsigned number; /* of all transports, so that no two paths are the same */

    return xasprintf("%s/%s.%ld.%llu.%u", d->path, d->key, (long)getpid(), start_time(getpid()), ++number);
}

/* *asks: it is the socket for questions beside one */
static bool is_left_behind(const struct control_dir *d, const char *name, bool *asks)
{
    size_t key = strlen(d->key);
    unsigned long long start;
    unsigned number;
    int end = 0;
    long pid;

    if (strncmp(name, d->key, key) != 0 ||
        sscanf(name + key, ".%ld.%llu.%u%n", &pid, &start, &number, &end) != 3 || pid <= 0)
        return false;
    *asks = strcmp(name + key + end, ".ask") == 0;
    if (name[key + (size_t)end] != '\0' && !*asks)
        return false;
    return start_time(pid) != start;
}

char *control_path_adopt(struct control_dir *d)
{
    char *mine = NULL;
    DIR *dir = opendir(d->path);
    struct dirent *ent;

    while (dir && !mine && (ent = readdir(dir))) {
        bool asks;
        if (!is_left_behind(d, ent->d_name, &asks))
            continue;
        char *old = xasprintf("%s/%s", d->path, ent->d_name);
        if (asks) { /* its answers went to the daemon */
            unlink(old);
            free(old);
            continue;
        }
        mine = control_path_new(d);
        if (rename(old, mine) < 0) {
            free(mine);
            mine = NULL;
        }
        free(old);
    }
    if (dir)
        closedir(dir);
    return mine;
}
