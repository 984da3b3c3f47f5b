/* SPDX-License-Identifier: MIT */
#ifndef TREE_FIXTURE_H
#define TREE_FIXTURE_H
/* A house on a cluster of kind "fake" (no program is ever started) and its tree, in a directory of its own;
 * and short words for what the tests do with it. Included behind cmocka.h. */
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/job/job.h"
#include "backend/model/model.h"
#include "fs/asking.h"
#include "fs/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct fixture {
    uv_loop_t loop;
    char dir[64];
    struct house *house;
    struct tree *tree;
    struct caller me;
    bool stopped;
};

static const char fixture_config[] =
    "[mount]\nstate_dir = \"%s/state\"\nruntime_dir = \"%s/run\"\n"
    "[cluster.c]\nkind = \"fake\"\nfake = [\"engine=none\"]\n"
    "[model.qwen]\nengine = \"parrot\"\ncluster = \"c\"\naliases = [\"q\", \"qwen\"]\n"
    "[model.llama]\nengine = \"parrot\"\ncluster = \"c\"\n";

/* further: tables behind the configuration above */
static inline int fixture_open(void **state, const char *further)
{
    struct fixture *x = NEW(struct fixture);
    struct config *cfg = NULL;
    struct err e = { 0 };

    strcpy(x->dir, "/tmp/slullamafs-tree-XXXXXX");
    assert_non_null(mkdtemp(x->dir));
    char *first = xasprintf(fixture_config, x->dir, x->dir), *text = xasprintf("%s%s", first, further);
    log_start(LOG_LEVEL_INFO, false);
    uv_loop_init(&x->loop);
    if (config_parse(text, strlen(text), "test.toml", &cfg, &e) < 0)
        fail_msg("%s", e.text);
    if (house_create(&x->house, &x->loop, cfg, "/mnt/test", &e) < 0)
        fail_msg("%s", e.text);
    free(text);
    free(first);
    free(x->house->endpoint);
    x->house->endpoint = xstrdup("http://127.0.0.1:11434");
    x->tree = tree_create(x->house);
    x->me = (struct caller){ .pid = getpid(), .uid = getuid(), .gid = getgid() };
    *state = x;
    return 0;
}

static inline int fixture_setup(void **state)
{
    return fixture_open(state, "");
}

static inline void fixture_stopped_cb(void *arg)
{
    ((struct fixture *)arg)->stopped = true;
}

static inline int fixture_remove_cb(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static inline int fixture_teardown(void **state)
{
    struct fixture *x = *state;

    askings_destroy(x->tree);
    house_stop(x->house, fixture_stopped_cb, x);
    while (!x->stopped)
        uv_run(&x->loop, UV_RUN_ONCE);
    tree_destroy(x->tree);
    house_destroy(x->house);
    uv_run(&x->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&x->loop), 0);
    log_stop();
    nftw(x->dir, fixture_remove_cb, 8, FTW_DEPTH | FTW_PHYS);
    free(x);
    return 0;
}

/* Walk a path as a caller; a negative errno where a name is not there. */
static inline int walk_as(struct fixture *x, const char *path, const struct caller *c, struct node *out)
{
    char copy[256], *rest;

    snprintf(copy, sizeof copy, "%s", path);
    tree_root(x->tree, out);
    for (char *name = strtok_r(copy, "/", &rest); name; name = strtok_r(NULL, "/", &rest)) {
        struct node next;
        int rc = tree_lookup(x->tree, out, name, c, &next);
        if (rc < 0)
            return rc;
        *out = next;
    }
    return 0;
}

static inline struct node node_at(struct fixture *x, const char *path)
{
    struct node n;

    if (walk_as(x, path, &x->me, &n) < 0)
        fail_msg("%s is not there", path);
    return n;
}

static inline struct stat stat_of(struct fixture *x, const char *path)
{
    struct node n = node_at(x, path);
    struct stat st;

    tree_stat(x->tree, &n, &st);
    return st;
}

static inline int open_rc(struct fixture *x, const char *path, int flags, struct open_file **f)
{
    struct node n = node_at(x, path);

    return file_open(x->tree, &n, flags, &x->me, f);
}

static inline struct open_file *open_at(struct fixture *x, const char *path, int flags)
{
    struct open_file *f = NULL;

    assert_int_equal(open_rc(x, path, flags, &f), 0);
    return f;
}

/* All that a read from the beginning gives; the caller frees it. */
static inline char *read_all(struct open_file *f)
{
    struct buf all = { 0 };
    struct answer a;

    for (;;) {
        assert_int_equal(file_read(f, all.len, 64, &a), 0);
        assert_null(a.parked_on);
        if (a.len == 0)
            return buf_take(&all);
        buf_add(&all, a.data, a.len);
    }
}

static inline char *content_of(struct fixture *x, const char *path)
{
    struct open_file *f = open_at(x, path, O_RDONLY);
    char *s = read_all(f);

    file_release(f);
    return s;
}

static inline bool is_there(struct fixture *x, const char *path)
{
    struct node n;

    return walk_as(x, path, &x->me, &n) == 0;
}

/* A model's job, once the scheduler has given it a name; *name is "c.<id>". */
static inline struct job *wake_until_named(struct fixture *x, const char *model)
{
    struct model *m = house_model(x->house, model);

    model_wake(m);
    for (int i = 0; i < 1000 && !(model_job(m) && model_job(m)->name); i++)
        uv_run(&x->loop, UV_RUN_ONCE);
    assert_non_null(model_job(m));
    assert_non_null(model_job(m)->name);
    return model_job(m);
}

#endif
