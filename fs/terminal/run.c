/* SPDX-License-Identifier: MIT */
/* slullamafs run: a session with one model. It wakes the model, tells each step, follows the engine's log, keeps the job
 * while it runs, and ends it at Ctrl-C. Without a mount it makes one of its own. A network that is away for a while is
 * told and waited out: the daemon reconnects. */
#include "backend/base/alloc.h"
#include "backend/base/timer.h"
#include "backend/base/units.h"
#include "backend/config/config.h"
#include "fs/exit_status.h"
#include "fs/terminal/mount_of.h"
#include "fs/terminal/own_mount.h"
#include "fs/terminal/terminal.h"
#include "fs/terminal/tree_files.h"
#include "fs/terminal/view.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS        500        /* progress is no event */
#define PIN_MS         60000      /* while the session lives the job is no idle one; .. */
#define PIN            "pin 5m\n" /* .. when it was killed, the idle clock runs again soon */
#define STOP_MS        15000
#define LINE_MAX_BYTES 65536 /* a line of a log that has no end is printed in pieces */

static const char usage[] =
    "usage: slullamafs run MODEL [-t TIME] [-c FILE]\n"
    "\n"
    "Wakes a model, prints each step and its URL, follows its log, and cancels the job at Ctrl-C.\n"
    "\n"
    "  -t, --time TIME     the job's time limit, as \"1:00:00\"\n"
    "  -c, --config FILE   configuration of a mount of its own; without, your mount is used if\n"
    "                      there is one\n"
    "  --help\n";

static volatile sig_atomic_t interrupts;

static void interrupt_cb(int signum)
{
    (void)signum;
    interrupts++;
}

struct follow {
    const char *name, *prefix;
    int fd;
    struct buf partial;
};

struct run {
    const char *model, *time, *config;
    char *mount;
    struct own_mount own;
    struct tree_events events;
    struct follow logs[2];
    char job[PATH_MAX]; /* where `job` points to */
    char *told;         /* the step that was told last */
    bool was_ready, began;
    uint64_t pin_due;
};

/* ---- The log */

static void print_lines(struct follow *f)
{
    char *end;

    while (f->partial.len &&
           ((end = memchr(f->partial.data, '\n', f->partial.len)) || f->partial.len > LINE_MAX_BYTES)) {
        size_t len = end ? (size_t)(end - f->partial.data) : f->partial.len;
        printf("%s %.*s\n", f->prefix, (int)len, f->partial.data);
        buf_consume(&f->partial, len + (end != NULL));
    }
}

static void read_log(struct follow *f)
{
    char chunk[65536];
    ssize_t n;

    while (f->fd >= 0 && (n = read(f->fd, chunk, sizeof chunk)) > 0) {
        buf_add(&f->partial, chunk, (size_t)n);
        print_lines(f);
    }
}

/* An open log stays with its job: another job's is opened anew. */
static void follow_logs(struct run *r)
{
    char path[PATH_MAX], target[PATH_MAX] = "";

    snprintf(path, sizeof path, "%s/%s/job", r->mount, r->model);
    ssize_t n = readlink(path, target, sizeof target - 1);
    bool other = n > 0 && strcmp(target, r->job) != 0;
    for (size_t i = 0; i < 2; i++) {
        struct follow *f = &r->logs[i];
        read_log(f);
        if (!other)
            continue;
        if (f->fd >= 0)
            close(f->fd);
        snprintf(path, sizeof path, "%s/%s/log/%s", r->mount, r->model, f->name);
        f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        read_log(f);
    }
    if (other)
        strcpy(r->job, target);
}

/* ---- The steps */

static void tell_step(struct run *r, const json_t *status)
{
    struct buf text = { 0 };

    view_describe(status, 0, false, &text);
    if (!r->told || strcmp(r->told, buf_str(&text)) != 0)
        printf("%s: %s\n", r->model, buf_str(&text));
    free(r->told);
    r->told = buf_take(&text);
}

static void tell_url(const struct run *r, const json_t *status)
{
    const char *url = view_text(status, "endpoint");

    printf("%s: %s\n", r->model, url);
    printf("%s: OPENAI_BASE_URL=%s/v1; for the rest: . %s/%s/env\n", r->model, url, r->mount, r->model);
    printf("%s: Ctrl-C ends the job\n", r->model);
}

static void pin(struct run *r)
{
    struct err e;

    if (mono_ms() < r->pin_due)
        return;
    tree_ctl(r->mount, r->model, PIN, &e);
    r->pin_due = mono_ms() + PIN_MS;
}

static void event_cb(void *arg, const json_t *event)
{
    (void)arg;
    if (strcmp(view_text(event, "event"), "cluster") != 0)
        return;
    const char *reason = view_text(event, "reason");
    printf("cluster %s: %s%s%s\n", view_text(event, "cluster"), view_text(event, "to"), *reason ? ": " : "",
           reason);
}

/* Returns the exit status when the session is over, else -1. */
static int step(struct run *r)
{
    json_t *status = tree_status(r->mount, r->model);
    const char *state = view_state(status);
    int over = -1;

    if (!status)
        return status_failed("the mount at %s has ended", r->mount);
    bool rests = strcmp(state, "asleep") == 0 || strcmp(state, "failed") == 0;
    r->began |= !rests;
    follow_logs(r);
    tell_step(r, status);
    if (strcmp(state, "ready") == 0) {
        if (!r->was_ready)
            tell_url(r, status);
        r->was_ready = true;
        pin(r);
    }
    if (rests && r->began) {
        const char *why = view_text(status, "last_error");
        fprintf(stderr, "slullamafs: the job of %s has ended%s%s\n", r->model, *why ? ": " : "", why);
        over = 1;
    }
    json_decref(status);
    fflush(stdout);
    return over;
}

static bool is_asleep(const struct run *r)
{
    json_t *status = tree_status(r->mount, r->model);
    bool asleep =
        !status || strcmp(view_state(status), "asleep") == 0 || strcmp(view_state(status), "failed") == 0;

    json_decref(status);
    return asleep;
}

/* A second Ctrl-C leaves the rest to the daemon. */
static void stop(struct run *r)
{
    struct err e = { 0 };

    printf("%s: stopping\n", r->model);
    fflush(stdout);
    if (tree_ctl(r->mount, r->model, "stop\n", &e) < 0)
        fprintf(stderr, "slullamafs: %s\n", e.text);
    for (uint64_t end = mono_ms() + STOP_MS; mono_ms() < end && interrupts < 2 && !is_asleep(r);)
        if (!tree_events_wait(&r->events, LOOK_MS, event_cb, r))
            break;
    follow_logs(r);
}

static int session(struct run *r)
{
    char *wake = r->time ? xasprintf("wake time=%s\n", r->time) : xstrdup("wake\n");
    struct err e = { 0 };
    int status = -1, rc = tree_ctl(r->mount, r->model, wake, &e);

    free(wake);
    if (rc < 0)
        return status_failed("%s", e.text);
    while (!interrupts && (status = step(r)) < 0)
        tree_events_wait(&r->events, LOOK_MS, event_cb, r);
    if (interrupts)
        stop(r);
    return status < 0 ? 0 : status;
}

/* ---- Beginning and end */

static int find_mount(struct run *r, struct err *e)
{
    struct err mounted = { "" };
    int rc = r->config ? -ENOENT : mount_of_caller(r->model, &r->mount, &mounted);

    *e = mounted;
    if (rc != -ENOENT)
        return rc;
    struct config *cfg = NULL;
    if ((rc = config_load(r->config, &cfg, e)) < 0)
        return rc;
    if (!config_model(cfg, r->model)) {
        struct buf all = { 0 };
        for (size_t i = 0; i < cfg->n_models; i++)
            buf_addf(&all, "%s%s", i ? ", " : "", cfg->models[i]->name);
        if (strstr(mounted.text, "there are: "))
            rc = err_set(e, -ENOENT, "%s; and in the configuration: %s", mounted.text, buf_str(&all));
        else
            rc = err_set(e, -ENOENT, "there is no model %s; there are: %s", r->model, buf_str(&all));
        buf_free(&all);
    }
    if (rc == 0)
        rc = own_mount_begin(&r->own, cfg->runtime_dir, r->config, r->model, e);
    config_free(cfg);
    if (rc == 0)
        r->mount = xstrdup(r->own.path);
    return rc;
}

static int parse(int argc, char **argv, struct run *r)
{
    static const struct option options[] = { { "time", required_argument, NULL, 't' },
                                             { "config", required_argument, NULL, 'c' },
                                             { "verbose", no_argument, NULL, 'v' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    struct err e;
    int64_t seconds;
    int c;

    while ((c = getopt_long(argc, argv, "t:c:hv", options, NULL)) != -1) {
        if (c == 'h') {
            fputs(usage, stdout);
            return 0;
        }
        if (c == 't' && (parse_duration(optarg, 1, &seconds, &e) < 0 || seconds <= 0))
            return status_usage("\"%s\" is no time limit; one is 90m or 1:00:00", optarg);
        if (c == 't')
            r->time = optarg;
        else if (c == 'c')
            r->config = optarg;
        else if (c != 'v')
            return STATUS_USAGE;
    }
    if (!argv[optind] || argv[optind + 1])
        return status_usage("run takes one MODEL; `slullamafs models` lists them");
    r->model = argv[optind];
    return -1;
}

int run_main(int argc, char **argv)
{
    struct run r = { .logs = { { "stdout", "[OUT]", -1, { 0 } }, { "stderr", "[ERR]", -1, { 0 } } } };
    struct sigaction sa = { .sa_handler = interrupt_cb };
    struct err e = { 0 };
    int status = parse(argc, argv, &r);

    if (status >= 0)
        return status;
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGHUP, &sa, NULL);
    signal(SIGPIPE, SIG_IGN);
    int rc = find_mount(&r, &e);
    if (rc == 0 && (rc = tree_events_open(&r.events, r.mount)) < 0)
        err_set(&e, rc, "%s/events: %s", r.mount, strerror(-rc));
    status = rc < 0 ? status_failed("%s", e.text) : session(&r);
    tree_events_close(&r.events);
    for (size_t i = 0; i < 2; i++) {
        if (r.logs[i].fd >= 0)
            close(r.logs[i].fd);
        buf_free(&r.logs[i].partial);
    }
    own_mount_end(&r.own);
    free(r.told);
    free(r.mount);
    return status;
}
