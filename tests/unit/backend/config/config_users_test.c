/* SPDX-License-Identifier: MIT */
/* [user.NAME]: who they are, and models as they run on their clusters. */
#include "tests/unit/backend/config/config_fixture.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <stdlib.h>

/* root is in every user database; 4321 need not be. */
#define CLUSTERS                                                                                             \
    "[cluster.c]\nkind = 'fake'\npartition = 'ours'\nmem = '1G'\n"                                           \
    "[cluster.d]\nkind = 'fake'\npartition = 'theirs'\n"
#define MODEL "[model.m]\nengine = 'parrot'\ncluster = 'c'\n"

static void users_are_names_or_numbers_of_this_machine(void **state)
{
    (void)state;
    struct config *c = parse(CLUSTERS MODEL "[user.root]\ncluster = 'd'\n[user.4321]\n");
    assert_int_equal(c->n_users, 2);
    assert_int_equal(c->users[0]->uid, 0);
    assert_string_equal(c->users[0]->cluster->name, "d");
    assert_int_equal(c->users[1]->uid, 4321);
    assert_null(c->users[1]->cluster);
    assert_ptr_equal(config_user(c, 4321), c->users[1]);
    assert_null(config_user(c, 4322));
    assert_true(c->clusters[1]->of_users);
    assert_false(c->clusters[0]->of_users);
    config_free(c);
}

static void an_empty_cluster_is_the_models_own(void **state)
{
    (void)state;
    struct config *c = parse(CLUSTERS MODEL "[user.root]\ncluster = ''\n");
    assert_null(c->users[0]->cluster);
    assert_false(c->clusters[1]->of_users);
    config_free(c);
}

static void what_is_shown_reads_back(void **state)
{
    (void)state;
    struct config *c = parse(CLUSTERS MODEL "[user.root]\ncluster = 'd'\n[user.4321]\n");
    char *text = config_to_toml(c);
    assert_non_null(strstr(text, "[user.root]\ncluster = \"d\"\n"));
    assert_non_null(strstr(text, "[user.4321]\ncluster = \"\"\n"));
    struct config *again = parse(text);
    char *same = config_to_toml(again);
    assert_string_equal(strstr(text, "\n"), strstr(same, "\n"));
    free(same);
    config_free(again);
    free(text);
    config_free(c);
}

static void a_model_there_has_its_own_keys_and_that_clusters(void **state)
{
    struct model_config *m;
    struct err e = { "" };

    (void)state;
    struct config *c = parse(CLUSTERS MODEL "min = 2\nslots = 7\nqos = 'high'\n[user.root]\ncluster = 'd'\n");
    assert_int_equal(config_model_on(c, c->models[0], c->clusters[1], &m, &e), 0);
    assert_string_equal(m->name, "m");
    assert_ptr_equal(m->cluster, c->clusters[1]);
    assert_string_equal(m->job.partition, "theirs");
    assert_string_equal(m->job.mem, "");
    assert_string_equal(m->job.qos, "high");
    assert_int_equal(m->slots, 7);
    assert_int_equal(m->min, 0);
    assert_int_equal(c->n_models, 1);
    config_free(c);
}

static void it_pulls_what_its_share_does(void **state)
{
    struct model_config *m;
    struct err e = { "" };

    (void)state;
    struct config *c =
        parse(CLUSTERS "[model.a]\nengine = 'ollama'\ncluster = 'c'\nshare = 's'\nmodel = 'x'\n"
                       "[model.b]\nshare = 's'\nmodel = 'y'\n[user.root]\ncluster = 'd'\n");
    assert_int_equal(config_model_on(c, c->models[0], c->clusters[1], &m, &e), 0);
    assert_int_equal(m->pre_pull.n, 1);
    assert_string_equal(m->pre_pull.v[0], "y");
    config_free(c);
}

static void a_model_of_a_gateway_stays_there(void **state)
{
    struct model_config *m;
    struct err e = { "" };

    (void)state;
    struct config *c = parse("[cluster.d]\nkind = 'fake'\n[cluster.team]\nkind = 'gateway'\nhost = 'h'\n"
                             "[model.m]\ncluster = 'team'\n[user.root]\ncluster = 'd'\n");
    assert_int_equal(config_model_on(c, c->models[0], c->clusters[0], &m, &e), -ENOENT);
    config_free(c);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_are_names_or_numbers_of_this_machine),
        cmocka_unit_test(an_empty_cluster_is_the_models_own),
        cmocka_unit_test(what_is_shown_reads_back),
        cmocka_unit_test(a_model_there_has_its_own_keys_and_that_clusters),
        cmocka_unit_test(it_pulls_what_its_share_does),
        cmocka_unit_test(a_model_of_a_gateway_stays_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
