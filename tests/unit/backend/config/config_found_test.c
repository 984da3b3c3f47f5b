/* SPDX-License-Identifier: MIT */
#include "backend/config/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const char text[] =
    "[mount]\nstate_dir = '/s'\nruntime_dir = '/r'\n"
    "[cluster.c]\nkind = 'local'\ndiscover = '/hub'\ntime = '3h'\n[cluster.d]\nkind = 'local'\n"
    "[model.mine]\ncluster = 'c'\nengine = 'vllm'\nmodel = '/hub/models--a--b/snapshots/1'\n"
    "aliases = ['x-y']\n"
    "[model.o]\ncluster = 'd'\nengine = 'ollama'\nmodel = 'o:1'\nshare = 's'\nbinary = '/bin/o'\n"
    "replicas = 2\nmax_queue = 7\n";

static struct config *open_it(void)
{
    struct config *c = NULL;
    struct err e = { "" };

    if (config_parse(text, strlen(text), "/f.toml", &c, &e) < 0)
        fail_msg("%s", e.text);
    return c;
}

static int add(struct config *c, const char *cluster, const char *name, const char *engine, const char *model,
               struct err *e)
{
    json_t *table = json_pack("{s:s,s:s}", "engine", engine, "model", model);

    if (!strcmp(engine, "ollama"))
        json_object_set_new(table, "share", json_string("s"));
    int rc = config_add_found(c, cluster, name, table, e);
    json_decref(table);
    return rc;
}

static void one_gets_what_its_cluster_says(void **state)
{
    struct config *c = open_it();
    const struct model_config *first = c->models[0];
    struct err e;

    (void)state;
    assert_int_equal(add(c, "c", "org/new:7b", "vllm", "/hub/models--org--new", &e), 0);
    assert_int_equal(c->n_models, 3);
    assert_ptr_equal(c->models[0], first);
    assert_string_equal(c->models[2]->name, "org-new-7b");
    assert_string_equal(c->models[2]->found_as, "org/new:7b");
    assert_int_equal(c->models[2]->job.time_s, 3 * 3600);
    assert_ptr_equal(c->models[2]->cluster, c->clusters[0]);
    config_free(c);
}

static void one_of_a_share_gets_what_that_says_of_the_job(void **state)
{
    struct config *c = open_it();
    struct err e;

    (void)state;
    assert_int_equal(add(c, "d", "p:2", "ollama", "p:2", &e), 0);
    assert_string_equal(c->models[2]->binary, "/bin/o");
    assert_int_equal(c->models[2]->replicas, 2);
    assert_int_equal(c->models[2]->max_queue, 1024);
    assert_string_equal(c->models[2]->model, "p:2");
    /* Elsewhere that share is another one. */
    assert_int_equal(add(c, "c", "p:2", "ollama", "p:2", &e), 0);
    assert_string_equal(c->models[3]->name, "p-2-2");
    assert_string_equal(c->models[3]->binary, "");
    config_free(c);
}

static void what_is_there_is_not_found_again(void **state)
{
    struct config *c = open_it();
    struct err e;

    (void)state;
    assert_int_equal(add(c, "c", "a/b", "vllm", "/hub/models--a--b", &e), -EEXIST);
    assert_int_equal(add(c, "d", "o:1", "ollama", "o:1", &e), -EEXIST);
    assert_int_equal(add(c, "c", "mine", "vllm", "/hub/models--mine", &e), -EEXIST);
    assert_int_equal(add(c, "c", "n", "vllm", "/hub/models--n", &e), 0);
    assert_int_equal(add(c, "c", "n", "vllm", "/hub/models--n", &e), -EEXIST);
    assert_int_equal(add(c, "c", "x/y", "vllm", "/hub/models--x--y", &e), 0); /* a name that is an alias */
    assert_string_equal(c->models[3]->name, "x-y-2");
    assert_int_equal(c->n_models, 4);
    assert_ptr_equal(config_model(c, "x-y"), c->models[0]);
    assert_ptr_equal(config_model(c, "x-y-2"), c->models[3]);
    assert_int_equal(config_index(c, "n"), 2);
    assert_int_equal(config_index(c, "models--n"), -1);
    config_free(c);
}

static void what_is_there_by_its_way_from_home_is_not_found_again(void **state)
{
    static const struct {
        const char *mine, *found;
        int rc;
    } rows[] = {
        { "~/hub/models--a--b", "/home/u/hub/models--a--b", -EEXIST },
        { "~/hub/models--a--b/snapshots/1", "/home/u/hub/models--a--b", -EEXIST },
        { "~/models--a--b", "/home/u/models--a--b", -EEXIST },
        { "~/hub/models--a--b", "/home/u/hub/models--a--b2", 0 },
        { "~/hub/models--a--b", "/home/u/hub2/models--a--b", 0 },
        { "~/", "/home/u/hub/models--a--b", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config *c = NULL;
        struct err e = { "" };
        char all[512];
        snprintf(all, sizeof all,
                 "[mount]\nstate_dir = '/s'\nruntime_dir = '/r'\n[cluster.c]\nkind = 'local'\n"
                 "[model.mine]\nengine = 'vllm'\nmodel = '%s'\n",
                 rows[i].mine);
        if (config_parse(all, strlen(all), "/f.toml", &c, &e) < 0)
            fail_msg("%s", e.text);
        int rc = add(c, "c", "x/y", "vllm", rows[i].found, &e);
        if (rc != rows[i].rc)
            fail_msg("%s, %s: %d", rows[i].mine, rows[i].found, rc);
        config_free(c);
    }
}

static void what_cannot_be_a_model_leaves_all_as_it_was(void **state)
{
    struct config *c = open_it();
    struct err e;

    (void)state;
    assert_int_equal(add(c, "c", "", "vllm", "/hub/models--", &e), -EINVAL);
    assert_int_equal(add(c, "c", "a\001b", "vllm", "/hub/models--x", &e), -EINVAL);
    assert_non_null(strstr(e.text, "cannot be the name of a directory"));
    assert_int_equal(add(c, "c", "y", "no-engine", "/hub/models--y", &e), -EINVAL);
    assert_int_equal(add(c, "gone", "y", "vllm", "/hub/models--y", &e), -EINVAL);
    assert_int_equal(c->n_models, 2);
    assert_int_equal(config_index(c, "y"), -1);
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_gets_what_its_cluster_says),
        cmocka_unit_test(one_of_a_share_gets_what_that_says_of_the_job),
        cmocka_unit_test(what_is_there_is_not_found_again),
        cmocka_unit_test(what_is_there_by_its_way_from_home_is_not_found_again),
        cmocka_unit_test(what_cannot_be_a_model_leaves_all_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
