/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SCHEDULER_RIG_H
#define TESTS_SCHEDULER_RIG_H
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
#include <unistd.h>
#include "backend/base/alloc.h"
#include "backend/base/err.h"
#include "backend/base/timer.h"
#include "backend/scheduler/scheduler.h"
/* A loop, a scheduler on it, and calls that turn the loop until their answer is there. Included once by each
 * test. */

struct seen {
    char id[24], name[128], word[32], reason[256], nodes[256], comment[256];
    enum sched_state state;
    time_t expected_start;
    int64_t left_s;
    int64_t elapsed_s;
    int queue_position, exit_status;
};

static struct {
    uv_loop_t loop;
    struct cluster_config cluster;
    struct scheduler *s;
    char dir[64];
    const char *prefix;  /* of all jobs; NULL = "sfs-0badcafe-" */
    const char *exclude; /* of the next submissions */
    int64_t time_s;      /* likewise */
    char *fake[16];
    bool answered, inside;
    int rc;
    char id[24], err[512];
    struct seen jobs[64];
    size_t n;
} rig;

static void copy_text(char *out, size_t size, const char *s)
{
    assert_non_null(s);
    snprintf(out, size, "%s", s);
}

static void answer(int rc, const char *err)
{
    assert_false(rig.inside);
    assert_false(rig.answered);
    rig.answered = true;
    rig.rc = rc;
    copy_text(rig.err, sizeof(rig.err), err);
}

static void submitted_cb(void *arg, int rc, const char *id, const char *err)
{
    assert_ptr_equal(arg, &rig);
    answer(rc, err);
    copy_text(rig.id, sizeof(rig.id), id);
}

static void done_cb(void *arg, int rc, const char *err)
{
    assert_ptr_equal(arg, &rig);
    answer(rc, err);
}

static void queried_cb(void *arg, int rc, const struct job_info *v, size_t n, const char *err)
{
    assert_ptr_equal(arg, &rig);
    answer(rc, err);
    rig.n = n;
    for (size_t i = 0; i < n && i < 64; i++) {
        struct seen *j = &rig.jobs[i];
        copy_text(j->id, sizeof(j->id), v[i].id);
        copy_text(j->name, sizeof(j->name), v[i].name);
        copy_text(j->word, sizeof(j->word), v[i].word);
        copy_text(j->reason, sizeof(j->reason), v[i].reason);
        copy_text(j->nodes, sizeof(j->nodes), v[i].nodes);
        copy_text(j->comment, sizeof(j->comment), v[i].comment);
        j->state = v[i].state;
        j->expected_start = v[i].expected_start;
        j->left_s = v[i].left_s;
        j->elapsed_s = v[i].elapsed_s;
        j->queue_position = v[i].queue_position;
        j->exit_status = v[i].exit_status;
    }
}

static void nothing_cb(void *arg)
{
    (void)arg;
}

/* One turn of the loop that ends after ms even if nothing happens. */
static inline void turn(uint64_t ms)
{
    struct timer *t = timer_create_on(&rig.loop, nothing_cb, NULL);

    timer_start_ms(t, ms);
    uv_run(&rig.loop, UV_RUN_ONCE);
    timer_destroy(t);
}

static inline void wait_answer(void)
{
    uint64_t end = mono_ms() + 10000;

    while (!rig.answered) {
        assert_true(mono_ms() < end);
        turn(100);
    }
}

static inline int rig_submit(const char *name, const char *script)
{
    struct job_spec spec = {
        .name = name, .script = script, .secret = "5ec2e7", .exclude = rig.exclude, .time_s = rig.time_s
    };

    rig.answered = false;
    rig.inside = true;
    rig.s->ops->submit(rig.s, &spec, submitted_cb, &rig);
    rig.inside = false;
    wait_answer();
    return rig.rc;
}

static inline int rig_query(void)
{
    rig.answered = false;
    rig.inside = true;
    rig.s->ops->query(rig.s, queried_cb, &rig);
    rig.inside = false;
    wait_answer();
    return rig.rc;
}

static inline int rig_cancel(const char *id)
{
    rig.answered = false;
    rig.inside = true;
    rig.s->ops->cancel(rig.s, &id, 1, done_cb, &rig);
    rig.inside = false;
    wait_answer();
    return rig.rc;
}

static inline int rig_extend(const char *id, int64_t seconds)
{
    rig.answered = false;
    rig.inside = true;
    rig.s->ops->extend(rig.s, id, seconds, done_cb, &rig);
    rig.inside = false;
    wait_answer();
    return rig.rc;
}

static inline struct seen *rig_job(const char *id)
{
    assert_int_equal(rig_query(), 0);
    for (size_t i = 0; i < rig.n; i++)
        if (strcmp(rig.jobs[i].id, id) == 0)
            return &rig.jobs[i];
    return NULL;
}

/* Query until the job's word is this one, at most 10 s. */
static inline struct seen *wait_word(const char *id, const char *word)
{
    uint64_t end = mono_ms() + 10000;

    for (;;) {
        struct seen *j = rig_job(id);
        if (j && strcmp(j->word, word) == 0)
            return j;
        if (mono_ms() >= end)
            fail_msg("job %s is %s, not %s", id, j ? j->word : "gone", word);
        turn(20);
    }
}

static inline int rig_create(const char *kind, struct transport *transport, const char *program,
                             struct err *e)
{
    rig.cluster = (struct cluster_config){ .name = "c", .kind = (char *)kind, .host = "" };
    rig.cluster.fake.v = rig.fake;
    while (rig.fake[rig.cluster.fake.n])
        rig.cluster.fake.n++;
    struct scheduler_params p = { .loop = &rig.loop,
                                  .cluster = &rig.cluster,
                                  .transport = transport,
                                  .prefix = rig.prefix ? rig.prefix : "sfs-0badcafe-",
                                  .program = program,
                                  .home_dir = rig.dir };
    return scheduler_create(&rig.s, &p, e);
}

static inline void rig_destroy(void)
{
    if (rig.s)
        rig.s->ops->destroy(rig.s);
    rig.s = NULL;
}

static inline int rig_setup(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof(rig));
    uv_loop_init(&rig.loop);
    strcpy(rig.dir, "/tmp/scheduler-test-XXXXXX");
    return mkdtemp(rig.dir) ? 0 : -1;
}

static inline int rig_teardown(void **state)
{
    char command[128];

    (void)state;
    rig_destroy();
    uv_run(&rig.loop, UV_RUN_DEFAULT);
    snprintf(command, sizeof(command), "rm -rf %s", rig.dir);
    return uv_loop_close(&rig.loop) == 0 && system(command) == 0 ? 0 : -1;
}

/* The text of a file in the rig's directory, or "" while there is none. */
static inline const char *rig_read(const char *name)
{
    static char text[512];
    char path[160];

    snprintf(path, sizeof(path), "%s/%s", rig.dir, name);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
    text[n] = '\0';
    if (f)
        fclose(f);
    return text;
}

/* Over, though nobody has reaped it: where this machine's init is slow to, or is none. */
static inline bool is_zombie(pid_t pid)
{
    char path[64], stat[128] = "";

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    bool yes = f && fgets(stat, sizeof(stat), f) && strstr(stat, ") Z");
    if (f)
        fclose(f);
    return yes;
}

#endif
