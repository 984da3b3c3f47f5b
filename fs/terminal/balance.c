/* SPDX-License-Identifier: MIT */
/* slullamafs traefik, slullamafs haproxy: what is healthy in the caller's mount, as a file for a balancer. */
#include "backend/balance.h"
#include "backend/base/alloc.h"
#include "fs/exit_status.h"
#include "fs/terminal/mount_of.h"
#include "fs/terminal/terminal.h"
#include "fs/terminal/tree_files.h"
#include "fs/terminal/view.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_MS 1000 /* a job that ends is out of the file within a second or two */

static const char usage[] =
    "usage: slullamafs %s FILE [--watch]\n"
    "\n"
    "Writes FILE, mode 0644: the models of your mount that have a healthy job, for %s.\n"
    "\n"
    "  --watch   stay, and write it anew at each change until the mount ends\n"
    "  --help\n"
    "\n"
    "Run it where the balancer runs. Several mounts: run it inside the one that is meant.\n";

struct writer {
    const char *verb, *balancer;
    void (*write)(const struct balance *b, struct buf *out);
    char *file; /* absolute */
    bool watch;
    struct buf written; /* what FILE has */
};

static volatile sig_atomic_t ended;

static void end_cb(int signum)
{
    (void)signum;
    ended = 1;
}

/* ---- The mount's files */

static void add_job(struct balance *b, const struct config *cfg, const char *endpoint, const json_t *job)
{
    json_t *name;
    size_t i;

    if (!json_is_true(json_object_get(job, "ready")))
        return;
    json_array_foreach(json_object_get(job, "models"), i, name)
    {
        const struct model_config *m = config_model(cfg, json_string_value(name));
        if (m)
            balance_add(b, m, endpoint, view_text(job, "node"),
                        (int)json_integer_value(json_object_get(job, "port")));
    }
}

static void add_imported(struct balance *b, const char *mount, const struct config *cfg)
{
    json_t *one;
    size_t k;

    for (size_t i = 0; i < cfg->n_clusters; i++) {
        char *cluster = xasprintf("clusters/%s", cfg->clusters[i]->name);
        json_t *status = tree_status(mount, cluster);
        json_array_foreach(json_object_get(status, "imported"), k, one)
            balance_add_other(b, view_text(one, "service"), view_text(one, "host"),
                              (int)json_integer_value(json_object_get(one, "port")));
        json_decref(status);
        free(cluster);
    }
}

/* A job may end between one read and the next; the mount may too. */
static int collect(const char *mount, struct balance *b, struct err *e)
{
    char *path = xasprintf("%s/config", mount), *jobs = xasprintf("%s/jobs", mount);
    json_t *house = tree_status(mount, NULL);
    struct config *cfg = NULL;
    struct dirent *entry;
    DIR *dir = NULL;
    int rc = 0;

    if (!house || !(dir = opendir(jobs)))
        rc = err_set(e, -ENOTCONN, "the mount at %s has ended", mount);
    else if (config_load(path, &cfg, e) < 0)
        rc = -EINVAL;
    while (rc == 0 && (entry = readdir(dir))) {
        char *job = *entry->d_name == '.' ? NULL : xasprintf("jobs/%s", entry->d_name);
        json_t *status = job ? tree_status(mount, job) : NULL;
        add_job(b, cfg, view_text(house, "endpoint"), status);
        json_decref(status);
        free(job);
    }
    if (rc == 0)
        add_imported(b, mount, cfg);
    if (dir)
        closedir(dir);
    config_free(cfg);
    json_decref(house);
    free(jobs);
    free(path);
    return rc;
}

/* ---- The file */

static int put(int fd, const struct buf *text)
{
    for (size_t at = 0; at < text->len;) {
        ssize_t n = write(fd, text->data + at, text->len - at);
        if (n < 0 && errno != EINTR)
            return -errno;
        at += n > 0 ? (size_t)n : 0;
    }
    return fchmod(fd, 0644) < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* Never half of it: a new file beside the old one takes its place. */
static int replace(const char *file, const struct buf *text, struct err *e)
{
    char *temporary = xasprintf("%s.XXXXXX", file);
    int fd = mkostemp(temporary, O_CLOEXEC), rc = fd < 0 ? -errno : 0;

    if (fd >= 0) {
        rc = put(fd, text);
        if (close(fd) < 0 && rc == 0)
            rc = -errno;
        if (rc == 0 && rename(temporary, file) < 0)
            rc = -errno;
        if (rc < 0)
            unlink(temporary);
    }
    free(temporary);
    return rc < 0 ? err_set(e, rc, "%s cannot be written: %s", file, strerror(-rc)) : 0;
}

static int update(struct writer *w, const struct balance *b, struct err *e)
{
    struct buf text = { 0 };
    int rc = 0;

    w->write(b, &text);
    if (strcmp(buf_str(&text), buf_str(&w->written)) != 0 || access(w->file, F_OK) < 0)
        rc = replace(w->file, &text, e);
    buf_free(&w->written);
    w->written = text;
    return rc;
}

static int look(struct writer *w, const char *mount, struct err *e)
{
    struct balance b = { 0 };
    int rc = collect(mount, &b, e);

    if (rc == 0)
        rc = update(w, &b, e);
    balance_free(&b);
    return rc;
}

/* Until a signal, which is no failure, or until something fails. What is written then stays: but for a mount that has ended,
 * whose servers are no more. */
static int watch(struct writer *w, const char *mount, struct err *e)
{
    struct tree_events events;
    struct err unused;
    int rc = tree_events_open(&events, mount);

    if (rc < 0)
        err_set(e, rc, "the mount at %s has ended", mount);
    while (rc == 0 && !ended) {
        tree_events_wait(&events, LOOK_MS, NULL, NULL);
        if (!ended)
            rc = look(w, mount, e);
    }
    if (rc == -ENOTCONN || rc == -ENOENT)
        update(w, &(struct balance){ 0 }, &unused);
    tree_events_close(&events);
    return rc;
}

/* ---- Arguments */

/* The working directory is left before the file is written. */
static char *absolute(const char *file)
{
    char *cwd = *file == '/' ? NULL : getcwd(NULL, 0);
    char *path = cwd ? xasprintf("%s/%s", cwd, file) : xstrdup(file);

    free(cwd);
    return path;
}

static int parse(int argc, char **argv, struct writer *w)
{
    static const struct option options[] = { { "watch", no_argument, NULL, 'w' },
                                             { "config", required_argument, NULL, 'c' },
                                             { "verbose", no_argument, NULL, 'v' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    int c;

    while ((c = getopt_long(argc, argv, "c:hvw", options, NULL)) != -1) {
        if (c == 'h') {
            printf(usage, w->verb, w->balancer);
            return 0;
        }
        if (c == 'w')
            w->watch = true;
        else if (c != 'c' && c != 'v') /* every verb takes them */
            return STATUS_USAGE;
    }
    if (!argv[optind] || argv[optind + 1])
        return status_usage("%s takes one FILE to write", w->verb);
    w->file = absolute(argv[optind]);
    return -1;
}

static int writer_main(struct writer *w, int argc, char **argv)
{
    struct sigaction sa = { .sa_handler = end_cb };
    struct err e = { 0 };
    char *mount = NULL;
    int status = parse(argc, argv, w);

    if (status >= 0)
        return status;
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    int rc = mount_of_caller(NULL, &mount, &e);
    if (rc == 0)
        rc = look(w, mount, &e);
    if (rc == 0 && w->watch)
        rc = watch(w, mount, &e);
    if (rc < 0)
        status_failed("%s", e.text);
    buf_free(&w->written);
    free(w->file);
    free(mount);
    return rc < 0 ? STATUS_FAILED : 0;
}

int traefik_main(int argc, char **argv)
{
    struct writer w = { .verb = "traefik",
                        .balancer = "Traefik's file provider",
                        .write = balance_traefik_yaml };

    return writer_main(&w, argc, argv);
}

int haproxy_main(int argc, char **argv)
{
    struct writer w = { .verb = "haproxy", .balancer = "HAProxy", .write = balance_haproxy };

    return writer_main(&w, argc, argv);
}
