/* SPDX-License-Identifier: MIT */
/* slullamafs watch: what the models do, as it happens. On a terminal the lines are drawn in place; elsewhere each
 * change is a line. */
#include "backend/base/alloc.h"
#include "fs/exit_status.h"
#include "fs/terminal/mount_of.h"
#include "fs/terminal/terminal.h"
#include "fs/terminal/tree_files.h"
#include "fs/terminal/view.h"

#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS   1000 /* counts and progress are no events */
#define LOG_LINES 3

static const char usage[] =
    "usage: slullamafs watch [MODEL] [--until STATE]\n"
    "\n"
    "Shows what the models of your mount do: state, place in the queue, expected start, loading, speed.\n"
    "\n"
    "  --until STATE   end with status 0 when MODEL is in that state, with 1 when it fails instead:\n"
    "                  asleep, queued, starting, ready, draining, failed\n"
    "  --help\n"
    "\n"
    "Ctrl-C ends it, and nothing else. Several mounts: run it inside the one that is meant.\n";

static const char *const states[] = { "asleep", "queued", "starting", "ready", "draining", "failed" };

static volatile sig_atomic_t ended;

static void end_cb(int signum)
{
    (void)signum;
    ended = 1;
}

struct watch {
    char *mount;
    const char *model, *until;
    bool live;       /* on a terminal */
    int drawn;       /* lines that stand there */
    json_t *printed; /* not live: model -> the line printed last */
};

/* ---- Drawing */

static int columns(void)
{
    struct winsize w;

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

/* What an engine prints may hold anything; nothing of it may move the cursor. */
static void print_plain(const char *s, int max)
{
    for (; *s && max > 0; s++) {
        bool begins = ((unsigned char)*s & 0xc0) != 0x80; /* a character of UTF-8 */
        putchar((unsigned char)*s < ' ' || *s == 0x7f ? ' ' : *s);
        max -= begins;
    }
}

static void draw_line(struct watch *w, const char *text)
{
    print_plain(text, columns() - 1);
    fputs("\033[K\n", stdout);
    w->drawn++;
}

/* The end of a log in tail; how much there is. */
static size_t read_tail(const struct watch *w, const char *model, const char *log, char *tail, size_t size)
{
    char path[PATH_MAX];
    size_t n;

    snprintf(path, sizeof path, "%s/%s/log/%s", w->mount, model, log);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    if (fseek(f, 1 - (long)size, SEEK_END) < 0)
        rewind(f);
    n = fread(tail, 1, size - 1, f);
    fclose(f);
    tail[n] = '\0';
    return n;
}

static void draw_log(struct watch *w, const char *model)
{
    char tail[4096], *lines[LOG_LINES] = { NULL };

    if (!read_tail(w, model, "stderr", tail, sizeof tail) &&
        !read_tail(w, model, "stdout", tail, sizeof tail))
        return;
    for (char *save = NULL, *line = strtok_r(tail, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        memmove(lines, lines + 1, (LOG_LINES - 1) * sizeof *lines);
        lines[LOG_LINES - 1] = line;
    }
    for (size_t i = 0; i < LOG_LINES; i++) {
        char *text = lines[i] ? xasprintf("    | %s", lines[i]) : NULL;
        if (text)
            draw_line(w, text);
        free(text);
    }
}

static void print_change(struct watch *w, const char *model, const char *text)
{
    const char *last = json_string_value(json_object_get(w->printed, model));
    char clock[16];
    time_t now = time(NULL);
    struct tm tm;

    if (last && strcmp(last, text) == 0)
        return;
    json_object_set_new(w->printed, model, json_string(text));
    strftime(clock, sizeof clock, "%H:%M:%S", localtime_r(&now, &tm));
    printf("%s %s ", clock, model);
    print_plain(text, INT_MAX);
    putchar('\n');
}

static void show(struct watch *w, const char *model, const json_t *status)
{
    struct buf text = { 0 };
    char *line;

    view_describe(status, w->live ? time(NULL) : 0, true, &text);
    if (w->live) {
        line = xasprintf("%-16s %s", model, buf_str(&text));
        draw_line(w, line);
        free(line);
        if (w->model)
            draw_log(w, model);
    } else {
        print_change(w, model, buf_str(&text));
    }
    buf_free(&text);
}

/* ---- Looking */

/* Returns the exit status when that is decided, else -1. */
static int judge(const struct watch *w, const json_t *status)
{
    if (!w->until)
        return -1;
    if (strcmp(view_state(status), w->until) == 0)
        return 0;
    if (strcmp(view_state(status), "failed") != 0)
        return -1;
    return status_failed("%s failed: %s", w->model, view_text(status, "last_error"));
}

static int look_at(struct watch *w, const char *model)
{
    json_t *status = tree_status(w->mount, model);
    int decided = -1;

    if (status) {
        show(w, model, status);
        decided = judge(w, status);
    }
    json_decref(status);
    return decided;
}

/* Returns false when the mount has ended. */
static bool look(struct watch *w, int *decided)
{
    json_t *house = tree_status(w->mount, NULL), *unused;
    const char *model;

    if (!house)
        return false;
    if (w->live && w->drawn)
        printf("\033[%dA", w->drawn);
    w->drawn = 0;
    if (w->model)
        *decided = look_at(w, w->model);
    else
        json_object_foreach(json_object_get(house, "models"), model, unused) look_at(w, model);
    if (w->live)
        fputs("\033[J", stdout);
    fflush(stdout);
    json_decref(house);
    return true;
}

static int watch(struct watch *w)
{
    struct tree_events events;
    int status = -1;
    bool there = tree_events_open(&events, w->mount) == 0;

    while (!ended && there && (there = look(w, &status)) && status < 0)
        there = tree_events_wait(&events, LOOK_MS, NULL, NULL);
    tree_events_close(&events);
    if (!there)
        return status_failed("the mount at %s has ended", w->mount);
    return status < 0 && w->until ? STATUS_FAILED : status < 0 ? 0 : status;
}

/* ---- Arguments */

static bool is_state(const char *word)
{
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (strcmp(states[i], word) == 0)
            return true;
    return false;
}

static int parse(int argc, char **argv, struct watch *w)
{
    static const struct option options[] = { { "until", required_argument, NULL, 'u' },
                                             { "config", required_argument, NULL, 'c' },
                                             { "verbose", no_argument, NULL, 'v' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    int c;

    while ((c = getopt_long(argc, argv, "c:hv", options, NULL)) != -1) {
        if (c == 'h') {
            fputs(usage, stdout);
            return 0;
        }
        if (c == 'u' && !is_state(optarg))
            return status_usage("\"%s\" is no state of a model", optarg);
        if (c == 'u')
            w->until = optarg;
        else if (c != 'c' && c != 'v') /* every verb takes them */
            return STATUS_USAGE;
    }
    w->model = argv[optind];
    if (w->model && argv[optind + 1])
        return status_usage("watch takes one model, or none for all");
    if (w->until && !w->model)
        return status_usage("--until needs a MODEL");
    return -1;
}

int watch_main(int argc, char **argv)
{
    struct watch w = { .live = isatty(STDOUT_FILENO) };
    struct sigaction sa = { .sa_handler = end_cb };
    struct err e = { 0 };
    int status = parse(argc, argv, &w);

    if (status >= 0)
        return status;
    if (mount_of_caller(w.model, &w.mount, &e) < 0)
        return status_failed("%s", e.text);
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    w.printed = json_object();
    status = watch(&w);
    json_decref(w.printed);
    free(w.mount);
    return status;
}
