/* SPDX-License-Identifier: MIT */
#include "backend/base/alloc.h"
#include "backend/config/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HEAD "[mount]\nstate_dir = '/s'\nruntime_dir = '/r'\n[cluster.c]\nkind = 'local'\n"

static struct config *parse(const char *models)
{
    char *text = xasprintf(HEAD "%s", models);
    struct config *c = NULL;
    struct err e = { "" };

    if (config_parse(text, strlen(text), "/f.toml", &c, &e) < 0)
        fail_msg("%s", e.text);
    free(text);
    return c;
}

static void refused(const char *models, const char *words)
{
    char *text = xasprintf(HEAD "%s", models);
    struct config *c = NULL;
    struct err e = { "" };

    assert_int_equal(config_parse(text, strlen(text), "/f.toml", &c, &e), -EINVAL);
    if (!strstr(e.text, words))
        fail_msg("\"%s\" does not say \"%s\"", e.text, words);
    free(text);
}

static void what_one_says_of_the_job_counts_for_all(void **state)
{
    (void)state;
    struct config *c = parse("[model.a]\nshare = 's'\nengine = 'ollama'\nmodel = 'a:1b'\ntime = '2h'\n"
                             "[model.b]\nshare = 's'\nmodel = 'b:1b'\nreplicas = 2\nmax_queue = 3\n"
                             "[model.alone]\nengine = 'ollama'\nmodel = 'a:1b'\n");
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(c->models[i]->engine, "ollama");
        assert_int_equal(c->models[i]->job.time_s, 7200);
        assert_int_equal(c->models[i]->replicas, 2);
        assert_int_equal(c->models[i]->max, 2);
    }
    assert_int_equal(c->models[0]->max_queue, 1024);
    assert_int_equal(c->models[1]->max_queue, 3);
    assert_int_equal(c->models[2]->replicas, 1);
    assert_string_equal(c->models[2]->share, "");
    config_free(c);
}

static void the_first_one_pulls_what_all_load(void **state)
{
    (void)state;
    struct config *c =
        parse("[model.a]\nshare = 's'\nengine = 'ollama'\nmodel = 'a:1b'\npre_pull = ['x', 'b:1b']\n"
              "[model.b]\nshare = 's'\nmodel = 'b:1b'\npre_pull = ['a:1b', 'y']\n"
              "[model.c]\nshare = 's'\nmodel = 'c:1b'\n");
    char *text = config_to_toml(c);
    struct config *again = NULL;
    struct err e;

    assert_int_equal(config_parse(text, strlen(text), "/again.toml", &again, &e), 0);
    for (struct config *one = c; one; one = one == c ? again : NULL) {
        const struct strings *pulls = &one->models[0]->pre_pull;
        assert_int_equal(pulls->n, 4);
        assert_string_equal(pulls->v[0], "x");
        assert_string_equal(pulls->v[1], "b:1b");
        assert_string_equal(pulls->v[2], "y");
        assert_string_equal(pulls->v[3], "c:1b");
        assert_null(pulls->v[4]);
    }
    free(text);
    config_free(again);
    config_free(c);
}

static void two_that_differ_are_both_named(void **state)
{
    (void)state;
    refused(
        "[model.a]\nshare = 's'\nengine = 'ollama'\ntime = '2h'\n[model.b]\nshare = 's'\ntime = '3h'\n",
        "/f.toml:12: time in [model.b] is not what [model.a] says, and both live in the job of share \"s\"");
    refused("[model.a]\nshare = 's'\nengine = 'ollama'\n[model.b]\nshare = 's'\nengine = 'parrot'\n",
            "engine in [model.b] is not what [model.a] says");
    refused("[model.a]\nshare = 's'\nengine = 'parrot'\nmin = 1\n[model.b]\nshare = 's'\n[model.c]\nshare = "
            "'s'\nmin = 2\n",
            "min in [model.c] is not what [model.a] says");
    refused("[cluster.d]\nkind = 'local'\n[model.a]\nshare = 's'\nengine = 'parrot'\ncluster = 'c'\n"
            "[model.b]\nshare = 's'\ncluster = 'd'\n",
            "cluster in [model.b] is not what [model.a] says");
}

static void an_engine_of_one_model_is_not_shared(void **state)
{
    (void)state;
    refused("[model.a]\nshare = 's'\nengine = 'vllm'\nmodel = 'x'\n", "engine \"vllm\" serves one model");
    refused("[model.a]\nshare = 7\nengine = 'parrot'\n", "share in [model.a] must be a string");
}

static void names_that_nobody_has_may_go_to_a_share(void **state)
{
    (void)state;
    struct config *c = parse("[gateway]\npass_unknown = 's'\n[model.x]\nengine = 'parrot'\n"
                             "[model.a]\nshare = 's'\nengine = 'parrot'\n[model.b]\nshare = 's'\n");
    assert_false(c->models[0]->takes_unknown);
    assert_true(c->models[1]->takes_unknown);
    assert_false(c->models[2]->takes_unknown);
    assert_ptr_equal(config_share(c, "s"), c->models[1]);
    assert_null(config_share(c, ""));
    config_free(c);
    refused("[gateway]\npass_unknown = 't'\n[model.a]\nshare = 's'\nengine = 'parrot'\n",
            "names no model and no share: \"t\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_says_of_the_job_counts_for_all),
        cmocka_unit_test(the_first_one_pulls_what_all_load),
        cmocka_unit_test(two_that_differ_are_both_named),
        cmocka_unit_test(an_engine_of_one_model_is_not_shared),
        cmocka_unit_test(names_that_nobody_has_may_go_to_a_share),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
