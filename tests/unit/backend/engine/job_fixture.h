/* SPDX-License-Identifier: MIT */
#ifndef TESTS_JOB_FIXTURE_H
#define TESTS_JOB_FIXTURE_H
/* Runs real job scripts with bash on this machine, against tests/stand-ins/tiny_engine.py. Included once by each test.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/base/alloc.h"
#include "backend/base/timer.h"
#include "model.h"

#define TINY     TEST_DATA "/../stand-ins/tiny_engine.py"
#define PATIENCE 60000 /* milliseconds: for a machine under load, not for us */
#define ADDRESS  "--host", "{host}", "--port", "{port}", "--api-key-file", "{key_file}"

struct fixture {
    char dir[64], work[80], template[80];
    struct model_config model;
    struct script_params params;
    pid_t pid;
};

/* ---- Helpers. */

static inline void nap(int ms)
{
    usleep((useconds_t)ms * 1000);
}

/* A file of the working directory; "" while it is missing. The caller frees it. */
static inline char *read_file(const struct fixture *f, const char *name)
{
    char *path = xasprintf("%s/%s", f->work, name);
    struct buf b = { 0 };
    char piece[4096];
    FILE *in = fopen(path, "r");
    size_t n;

    while (in && (n = fread(piece, 1, sizeof piece, in)))
        buf_add(&b, piece, n);
    if (in)
        fclose(in);
    free(path);
    return b.data ? buf_take(&b) : xstrdup("");
}

static inline void write_file(const struct fixture *f, const char *name, const char *text)
{
    char *path = xasprintf("%s/%s", f->work, name);
    FILE *out = fopen(path, "w");

    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    free(path);
}

static inline bool holds(const struct fixture *f, const char *name, const char *text)
{
    char *all = read_file(f, name);
    bool yes = strstr(all, text) != NULL;

    free(all);
    return yes;
}

static inline void await(const struct fixture *f, const char *name, const char *text)
{
    uint64_t end = mono_ms() + PATIENCE;

    while (!holds(f, name, text)) {
        if (mono_ms() > end) {
            char *state = read_file(f, "state"), *err = read_file(f, "stderr");

            fail_msg("\"%s\" never stood in %s; state:\n%s\nstderr:\n%s", text, name, state, err);
        }
        nap(20);
    }
}

static inline int number_in(const struct fixture *f, const char *name)
{
    char *text = read_file(f, name);
    int n = atoi(text);

    free(text);
    return n;
}

static inline struct job_notice find_notice(const struct fixture *f, int kind)
{
    char *all = read_file(f, "state"), *rest = all, *line;
    struct job_notice n = { 0 };
    bool found = false;

    while ((line = strsep(&rest, "\n")))
        if (*line && !job_notice_parse(line, &n) && (int)n.kind == kind) {
            found = true;
            break;
        }
    free(all);
    assert_true(found);
    return n;
}

static inline bool alive(pid_t pid)
{
    char *path = xasprintf("/proc/%d/stat", pid);
    char text[512] = "", *end;
    FILE *in = fopen(path, "r");
    bool yes = false;

    if (in) {
        yes = fgets(text, sizeof text, in) && (end = strrchr(text, ')')) && end[2] != 'Z';
        fclose(in);
    }
    free(path);
    return yes;
}

static inline void await_death(pid_t pid)
{
    uint64_t end = mono_ms() + PATIENCE;

    while (alive(pid)) {
        assert_true(mono_ms() < end);
        nap(20);
    }
}

/* Is there a process whose arguments or, with environ, environment hold text? */
/* Processes whose file holds the text, and `with` too: the same test may run beside this one. */
static inline int count_processes(const char *file, const char *text, const char *with)
{
    glob_t g;
    int n = 0;

    assert_int_equal(glob(file, 0, NULL, &g), 0);
    for (size_t i = 0; i < g.gl_pathc; i++) {
        char all[65536];
        int fd = open(g.gl_pathv[i], O_RDONLY);
        ssize_t len = fd < 0 ? 0 : read(fd, all, sizeof all);

        if (len > 0 && memmem(all, (size_t)len, text, strlen(text)) &&
            memmem(all, (size_t)len, with, strlen(with)))
            n++;
        if (fd >= 0)
            close(fd);
    }
    globfree(&g);
    return n;
}

static inline int listen_on(int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 5)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* ---- The job. */

static inline void start(struct fixture *f)
{
    struct buf script = { 0 };
    struct err e;
    char *path = xasprintf("%s/script", f->dir);
    FILE *out;

    assert_int_equal(engine_script(&f->params, &script, &e), 0);
    out = fopen(path, "w");
    assert_non_null(out);
    fwrite(script.data, 1, script.len, out);
    fclose(out);
    buf_free(&script);
    f->pid = fork();
    if (!f->pid) {
        int null = open("/dev/null", O_RDWR);

        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
        setsid();
        execl("/bin/bash", "bash", path, (char *)NULL);
        _exit(99);
    }
    free(path);
}

/* The exit status as a shell shows it, within ms. */
static inline int finish_within(struct fixture *f, uint64_t ms)
{
    uint64_t end = mono_ms() + ms;
    int status;

    while (waitpid(f->pid, &status, WNOHANG) == 0) {
        if (mono_ms() > end)
            fail_msg("the job did not end within %d ms", (int)ms);
        nap(20);
    }
    f->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline int remove_cb(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline int setup(void **state)
{
    struct fixture *f = NEW(struct fixture);

    strcpy(f->dir, "/tmp/job_test.XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    snprintf(f->work, sizeof f->work, "%s/a 'b/w", f->dir);
    model_defaults(&f->model, "command");
    f->params = (struct script_params){ .engine = engine_find("command"),
                                        .model = &f->model,
                                        .job_name = "sfs-0-tiny-1",
                                        .workdir = f->work,
                                        .secret = SECRET,
                                        .service = "tiny",
                                        .loopback = true };
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->pid > 0) {
        kill(f->pid, SIGTERM);
        waitpid(f->pid, NULL, 0);
    }
    nftw(f->dir, remove_cb, 16, FTW_DEPTH | FTW_PHYS);
    model_finish(&f->model);
    free(f);
    return 0;
}

#define TEST(sentence, function)                                                                             \
    {                                                                                                        \
        sentence, function, setup, teardown, NULL                                                            \
    }

#endif
