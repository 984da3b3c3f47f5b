/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BACKEND_RIG_H
#define TESTS_BACKEND_RIG_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/base/timer.h"
#include "backend/cluster/cluster.h"
#include "backend/house.h"
#include "backend/job/job.h"
#include "backend/job/job_private.h"
#include "backend/model/model.h"
#include "backend/parrot/parrot.h"
#include "backend/prompt.h"
/* A house on a loop, whose cluster is the kind "fake" and whose engine is the parrot: the test program
 * itself, started again with the word `parrot`. Included once by each test; RIG_MAIN(tests) is its main().
 * Nothing sleeps: WAIT(condition) turns the loop until the condition holds, at most WAIT_MS. */

#define WAIT_MS 30000 /* far beyond what any step takes on a slow and busy machine */

static struct {
    uv_loop_t loop;
    struct timer *tick; /* ends a turn of the loop in which nothing happens */
    char dir[64];
    struct house *h;
    bool stopped;
    struct prompt *prompts[128]; /* released at the end */
    size_t n_prompts;
} rig;

static inline void rig_nothing_cb(void *arg)
{
    (void)arg;
}

/* One turn of the loop that ends after ms even if nothing happens. */
static inline void turn(uint64_t ms)
{
    timer_start_ms(rig.tick, ms);
    uv_run(&rig.loop, UV_RUN_ONCE);
    timer_stop(rig.tick);
}

/* Turns for so long, whatever happens meanwhile. */
static inline void pass(uint64_t ms)
{
    for (uint64_t end = mono_ms() + ms, now; (now = mono_ms()) < end;)
        turn(end - now);
}

#define WAIT(condition)                                                                                      \
    do {                                                                                                     \
        uint64_t wait_end_ = mono_ms() + WAIT_MS;                                                            \
        while (!(condition)) {                                                                               \
            if (mono_ms() >= wait_end_)                                                                      \
                fail_msg("not within %d s: %s", WAIT_MS / 1000, #condition);                                 \
            turn(50);                                                                                        \
        }                                                                                                    \
    } while (0)

/* Turn the loop for so long; the condition must hold all the time. For what must not happen. */
#define HOLDS(ms, condition)                                                                                 \
    do {                                                                                                     \
        uint64_t hold_end_ = mono_ms() + (ms);                                                               \
        while (mono_ms() < hold_end_) {                                                                      \
            assert_true(condition);                                                                          \
            turn(20);                                                                                        \
        }                                                                                                    \
    } while (0)

/* ---- The house */

/* mount, cluster, model: further lines of these tables; the cluster is `c`, the model `m`. */
static inline struct config *rig_config(const char *mount, const char *cluster, const char *model)
{
    struct config *cfg = NULL;
    struct err e = { "" };
    char *text =
        xasprintf("[mount]\nstate_dir = \"%s/state\"\nruntime_dir = \"%s/run\"\n%s\n"
                  "[cluster.c]\n%s\n%s\n[model.m]\nengine = \"parrot\"\n%s\n",
                  rig.dir, rig.dir, mount, strstr(cluster, "kind") ? "" : "kind = \"fake\"", cluster, model);

    if (config_parse(text, strlen(text), "/test.toml", &cfg, &e) < 0)
        fail_msg("%s in %s", e.text, text);
    free(text);
    return cfg;
}

static inline void rig_open_with(const char *mount, const char *cluster, const char *model)
{
    struct config *cfg = rig_config(mount, cluster, model);
    struct err e = { "" };

    if (house_create(&rig.h, &rig.loop, cfg, "/mnt/llm", &e) < 0)
        fail_msg("%s", e.text);
}

/* words: the key `fake`, as TOML array elements; model: further lines of [model.m]. */
static inline void rig_open(const char *words, const char *model)
{
    char *cluster = xasprintf("fake = [%s]\n", words);

    rig_open_with("", cluster, model);
    free(cluster);
}

static inline void rig_stopped_cb(void *arg)
{
    (void)arg;
    rig.stopped = true;
}

/* End the house in order, as the daemon does. */
static inline void rig_close(void)
{
    if (!rig.h)
        return;
    if (!rig.h->stopping)
        house_stop(rig.h, rig_stopped_cb, NULL);
    uint64_t end = mono_ms() + WAIT_MS;
    while (!rig.stopped && mono_ms() < end)
        turn(50);
    while (rig.n_prompts > 0)
        exchange_unref(&rig.prompts[--rig.n_prompts]->x);
    house_destroy(rig.h);
    rig.h = NULL;
    rig.stopped = false;
}

static inline int rig_setup(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof rig);
    signal(SIGPIPE, SIG_IGN);
    uv_loop_init(&rig.loop);
    rig.tick = timer_create_on(&rig.loop, rig_nothing_cb, NULL);
    strcpy(rig.dir, "/tmp/backend-test-XXXXXX");
    return mkdtemp(rig.dir) ? 0 : -1;
}

static inline int rig_teardown(void **state)
{
    char command[128];

    (void)state;
    rig_close();
    timer_destroy(rig.tick);
    uv_run(&rig.loop, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&rig.loop);
    if (rc < 0)
        uv_print_all_handles(&rig.loop, stderr);
    snprintf(command, sizeof command, "rm -rf %s", rig.dir);
    return system(command) == 0 && rc == 0 ? 0 : -1;
}

/* ---- What is in it */

static inline struct model *the_model(void)
{
    return rig.h->models[0];
}

static inline struct cluster *the_cluster(void)
{
    return rig.h->clusters[0];
}

/* The nth job that was made, from 1; NULL while there is none. */
static inline struct job *nth_job(int nth)
{
    list_for_each(j, &rig.h->jobs, struct job, link)
    {
        if (--nth == 0)
            return j;
    }
    return NULL;
}

static inline int count_jobs(void)
{
    int n = 0;

    list_for_each(j, &rig.h->jobs, struct job, link) n++;
    return n;
}

static inline bool model_is(enum model_state s)
{
    return model_state(the_model()) == s;
}

static inline bool job_is(int nth, enum job_state s)
{
    struct job *j = nth_job(nth);

    return j && j->state == s;
}

/* ---- Questions */

static inline struct prompt *question(const char *text, uid_t uid)
{
    struct buf b = { 0 };

    buf_adds(&b, text);
    struct prompt *p = prompt_create(rig.h, uid, &pair_ask, &b);
    assert_true(rig.n_prompts < 128);
    rig.prompts[rig.n_prompts++] = p;
    return p;
}

static inline struct prompt *ask_as(const char *text, uid_t uid)
{
    struct prompt *p = question(text, uid);
    struct err e = { "" };

    if (model_submit(the_model(), &p->x, &e) < 0)
        fail_msg("%s", e.text);
    return p;
}

static inline struct prompt *ask(const char *text)
{
    return ask_as(text, 1000);
}

static inline bool ended(const struct prompt *p)
{
    return exchange_ended(&p->x);
}

static inline const char *state_word(enum exchange_state s)
{
    static const char *const words[] = {
        [EXCHANGE_WAITING] = "waiting", [EXCHANGE_SENT] = "sent",     [EXCHANGE_STREAMING] = "streaming",
        [EXCHANGE_DONE] = "done",       [EXCHANGE_FAILED] = "failed", [EXCHANGE_CANCELLED] = "cancelled",
    };
    return words[s];
}

static inline void expect_answer(struct prompt *p, const char *text)
{
    WAIT(ended(p));
    if (p->x.state != EXCHANGE_DONE)
        fail_msg("%s: %s", state_word(p->x.state), p->x.error ? p->x.error : "");
    assert_string_equal(buf_str(&p->reply), text);
    assert_int_equal(p->x.rc, 0);
    assert_null(p->x.model);
    assert_null(p->x.job);
}

/* It ends so, and its sentence holds these words. */
static inline void expect_end(struct prompt *p, enum exchange_state state, int rc, const char *words)
{
    WAIT(ended(p));
    if (p->x.state != state || p->x.rc != rc || !p->x.error || !strstr(p->x.error, words))
        fail_msg("%s, %d, \"%s\" instead of %s, %d, \"..%s..\"", state_word(p->x.state), p->x.rc,
                 p->x.error ? p->x.error : "", state_word(state), rc, words);
}

static inline void expect_words(const char *text, const char *words)
{
    if (!text || !strstr(text, words))
        fail_msg("\"%s\" does not say \"%s\"", text ? text : "(null)", words);
}

/* Exactly these fields, in any order; drops the reference. */
static inline void expect_fields(json_t *v, const char *names)
{
    char *copy = xstrdup(names), *save = NULL;
    size_t n = 0;

    assert_non_null(v);
    for (char *name = strtok_r(copy, " ", &save); name; name = strtok_r(NULL, " ", &save), n++)
        if (!json_object_get(v, name))
            fail_msg("there is no field %s", name);
    assert_int_equal(json_object_size(v), n);
    free(copy);
    json_decref(v);
}

#define SENTENCE(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

/* ---- Running them. The tests wait much and compute little, so some run at a time, each in a process of its
 * own. */

#define RIG_WORKERS 6

/* Every so many-th test, from the nth; what it prints goes to out. */
static inline int rig_work(const struct CMUnitTest *tests, size_t n, size_t nth, FILE *out)
{
    struct CMUnitTest *mine = xcalloc(n, sizeof *mine);
    size_t count = 0;

    dup2(fileno(out), 1);
    dup2(fileno(out), 2);
    for (size_t i = nth; i < n; i += RIG_WORKERS)
        mine[count++] = tests[i];
    log_start(getenv("RIG_LOG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR, true);
    int failed = count ? _cmocka_run_group_tests("tests", mine, count, NULL, NULL) : 0;
    log_stop();
    free(mine);
    return failed;
}

/* What a worker printed, as a part of one TAP stream. */
static inline void rig_show(FILE *out, size_t *number)
{
    char line[4096];
    int skip;

    rewind(out);
    while (fgets(line, sizeof line, out)) {
        skip = 0;
        if (strncmp(line, "1..", 3) == 0 || strstr(line, "ok - tests"))
            continue;
        if (sscanf(line, "ok %*d%n", &skip) == 0 && skip)
            printf("ok %zu%s", ++*number, line + skip);
        else if (sscanf(line, "not ok %*d%n", &skip) == 0 && skip)
            printf("not ok %zu%s", ++*number, line + skip);
        else
            fputs(line, stdout);
    }
    fclose(out);
}

static inline int rig_run(const struct CMUnitTest *tests, size_t n)
{
    FILE *out[RIG_WORKERS];
    pid_t pids[RIG_WORKERS];
    size_t number = 0;
    int status, failed = 0;

    for (size_t w = 0; w < RIG_WORKERS; w++) {
        out[w] = tmpfile();
        pids[w] = fork();
        if (pids[w] == 0)
            exit(rig_work(tests, n, w, out[w]) ? 1 : 0);
    }
    printf("1..%zu\n", n);
    for (size_t w = 0; w < RIG_WORKERS; w++) {
        if (waitpid(pids[w], &status, 0) < 0 || status != 0)
            failed = 1;
        rig_show(out[w], &number);
    }
    if (number < n)
        printf("# %zu of %zu tests were run\n", number, n);
    return failed || number < n;
}

#define RIG_MAIN(tests)                                                                                      \
    int main(int argc, char **argv)                                                                          \
    {                                                                                                        \
        if (argc > 1 && strcmp(argv[1], "parrot") == 0)                                                      \
            return parrot_main(argc - 1, argv + 1);                                                          \
        setenv("CMOCKA_MESSAGE_OUTPUT", "TAP", 1);                                                           \
        return rig_run(tests, sizeof tests / sizeof tests[0]);                                               \
    }

#endif
