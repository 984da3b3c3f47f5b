/* SPDX-License-Identifier: MIT */
#include "backend/base/alloc.h"
#include "backend/config/config_table.h"
#include "backend/engine/engine.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[] = "/tmp/catalogue_test.XXXXXX";

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    char *command = xasprintf("rm -r %s", dir);
    int rc = system(command);

    (void)state;
    free(command);
    return rc;
}

static void put(const char *name, const char *text)
{
    char *path = xasprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    free(path);
}

static int load(const char *toml, struct config **c, struct err *e)
{
    char *path = xasprintf("%s/config.toml", dir);

    put("config.toml", toml);
    int rc = config_load(path, c, e);
    free(path);
    return rc;
}

#define ALVIS "[cluster.alvis]\nhost = 'alvis2'\ncatalogue = 'models.json'\n"

static void each_entry_is_a_model(void **state)
{
    struct config *c;
    struct err e = { "" };

    (void)state;
    put("models.json",
        "{\"_comment\": \"not a model\", \"_list\": [1],\n"
        " \"gpt-oss-20b\": {\"path\": \"/hub/models--openai--gpt-oss-20b/snapshots/1\", \"max_model_len\": "
        "10000,"
        "                   \"description\": \"small \\u00e9\", \"_note\": 1, \"size_gb\": 13},\n"
        " \"qwen3.5:9b\": {\"path\": \"/hub/q\", \"description\": null}}");
    if (load(ALVIS "[model.mine]\nengine = 'parrot'\n", &c, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(c->n_models, 3);
    assert_string_equal(c->models[0]->name, "mine");
    assert_null(c->models[0]->found_as);
    const struct model_config *m = c->models[1];
    assert_string_equal(m->name, "gpt-oss-20b");
    assert_string_equal(m->engine, "vllm");
    assert_string_equal(m->model, "/hub/models--openai--gpt-oss-20b/snapshots/1");
    assert_int_equal(m->max_model_len, 10000);
    assert_string_equal(m->description, "small \xC3\xA9");
    assert_ptr_equal(m->cluster, c->clusters[0]);
    m = c->models[2];
    assert_string_equal(m->name, "qwen3.5-9b");
    assert_string_equal(m->found_as, "qwen3.5:9b");
    assert_int_equal(m->max_model_len, 0);
    assert_string_equal(m->description, "");
    assert_string_equal(m->model, "/hub/q");
    config_free(c);
}

static void a_catalogue_alone_is_enough(void **state)
{
    struct config *c;
    struct err e = { "" };

    (void)state;
    put("models.json", "{\"a\": {\"path\": \"/a\"}}");
    assert_int_equal(load(ALVIS, &c, &e), 0);
    assert_int_equal(c->n_models, 1);
    config_free(c);

    put("models.json", "{}");
    assert_int_equal(load(ALVIS, &c, &e), -EINVAL);
    assert_non_null(strstr(e.text, "there is no [model.NAME]"));
}

static void what_is_configured_wins(void **state)
{
    struct config *c;
    struct err e = { "" };

    (void)state;
    put("models.json",
        "{\"q:9\": {\"path\": \"/a\"}, \"q.9\": {\"path\": \"/b\"}, \"q,9\": {\"path\": \"/c\"},"
        " \"status\": {\"path\": \"/d\"}, \"b\": {\"path\": \"/e\"}}");
    assert_int_equal(load(ALVIS "[model.'q.9']\nengine = 'parrot'\naliases = ['b']\n", &c, &e), 0);
    assert_int_equal(c->n_models, 5);
    assert_string_equal(c->models[0]->engine, "parrot");
    assert_string_equal(c->models[1]->name, "q-9");
    assert_string_equal(c->models[2]->name, "q-9-2");
    assert_string_equal(c->models[2]->model, "/c");
    assert_string_equal(c->models[3]->name, "m-status");
    assert_string_equal(c->models[4]->name, "b-2"); /* b is another name of q.9 */
    config_free(c);
}

static void two_clusters_may_have_the_same_model(void **state)
{
    struct config *c;
    struct err e = { "" };

    (void)state;
    put("models.json", "{\"a\": {\"path\": \"/a\"}}");
    char *toml = xasprintf("%s[cluster.other]\ncatalogue = '%s/models.json'\n", ALVIS, dir);
    assert_int_equal(load(toml, &c, &e), 0);
    free(toml);
    assert_int_equal(c->n_models, 2);
    assert_string_equal(c->models[0]->cluster->name, "alvis");
    assert_string_equal(c->models[1]->name, "a-2");
    assert_string_equal(c->models[1]->cluster->name, "other");
    config_free(c);
}

/* What the file `config` shows has the models of the catalogue as the user's own. */
static void the_effective_configuration_has_the_models(void **state)
{
    struct config *c, *again;
    struct err e = { "" };

    (void)state;
    put("models.json", "{\"q:9\": {\"path\": \"/a\", \"max_model_len\": 1}, \"q-9\": {\"path\": \"/b\"}}");
    assert_int_equal(load(ALVIS, &c, &e), 0);
    char *once = config_to_toml(c);
    char *where = xasprintf("%s/models.json", dir);
    assert_string_equal(c->clusters[0]->catalogue, where);
    assert_int_equal(config_parse(once, strlen(once), "elsewhere.toml", &again, &e), 0);
    assert_int_equal(again->n_models, 2);
    assert_string_equal(again->models[1]->name, "q-9-2");
    assert_string_equal(again->models[1]->model, "/b");
    config_free(again);
    config_free(c);
    free(where);
    free(once);
}

/* ---- Lies */

static const struct {
    const char *json, *message; /* behind "config.toml:3: catalogue in [cluster.alvis]: DIR/" */
} lies[] = {
    { "", "models.json:1: " },
    { "{\"a\": ", "models.json:1: " },
    { "[]", "models.json must hold an object" },
    { "{} {}", "models.json:1: " },
    { "{\"a\": {\"path\": \"/a\"}, \"a\": {\"path\": \"/b\"}}", "models.json:1: duplicate object key" },
    { "{\"a\": \"/a\"}", "models.json: \"a\" must be an object" },
    { "{\"a\": {}}", "models.json: \"a\" has no \"path\"" },
    { "{\"a\": {\"path\": 1}}", "models.json: \"a\" has a \"path\" that is no string" },
    { "{\"a\": {\"path\": \"\"}}", "models.json: \"a\" has an empty \"path\"" },
    { "{\"a\": {\"path\": \"/a\\nb\"}}",
      "models.json: \"a\" has a \"path\" that is wrong: it must be one line" },
    { "{\"a\": {\"path\": \"/a\", \"max_model_len\": \"8k\"}}",
      "models.json: \"a\" has a \"max_model_len\" that is no number of tokens" },
    { "{\"a\": {\"path\": \"/a\", \"max_model_len\": 0}}", "models.json: \"a\" has a \"max_model_len\"" },
    { "{\"a\": {\"path\": \"/a\", \"max_model_len\": 1e3}}", "models.json: \"a\" has a \"max_model_len\"" },
    { "{\"a\": {\"path\": \"/a\", \"max_model_len\": 9999999999}}",
      "models.json: \"a\" has a \"max_model_len\"" },
    { "{\"a\": {\"path\": \"/a\", \"description\": []}}",
      "models.json: \"a\" has a \"description\" that is no string" },
};

static void each_lie_is_told_with_file_and_name(void **state)
{
    struct config *c;
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        char *want =
            xasprintf("%s/config.toml:3: catalogue in [cluster.alvis]: %s/%s", dir, dir, lies[i].message);
        put("models.json", lies[i].json);
        assert_int_equal(load(ALVIS, &c, &e), -EINVAL);
        if (strncmp(e.text, want, strlen(want)))
            fail_msg("%s\ntold:   %s\nwanted: %s", lies[i].json, e.text, want);
        free(want);
    }
}

static void a_catalogue_that_cannot_be_read_is_an_error(void **state)
{
    struct config *c;
    struct err e;

    (void)state;
    assert_int_equal(load("[cluster.a]\ncatalogue = 'none.json'\n", &c, &e), -EINVAL);
    assert_non_null(strstr(e.text, "/none.json: No such file"));
    assert_int_equal(load("[cluster.a]\ncatalogue = '/tmp'\n", &c, &e), -EINVAL);
    assert_non_null(strstr(e.text, "/tmp is no file"));
    char *fifo = xasprintf("%s/fifo", dir);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(load("[cluster.a]\ncatalogue = 'fifo'\n", &c, &e), -EINVAL);
    assert_non_null(strstr(e.text, "fifo is no file"));
    free(fifo);
    char *big = xasprintf("{\"_\": \"%0*d\"}", 2 << 20, 0);
    put("big.json", big);
    free(big);
    assert_int_equal(load("[cluster.a]\ncatalogue = 'big.json'\n", &c, &e), -EINVAL);
    assert_non_null(strstr(e.text, "this is no catalogue"));
    assert_int_equal(load("[cluster.a]\ncatalogue = 1\n[model.m]\nengine = 'parrot'\n", &c, &e), -EINVAL);
    assert_non_null(strstr(e.text, "catalogue in [cluster.a] must be a string"));
}

/* ---- Names */

static void found_names_keep_what_fits(void **state)
{
    static const char *const names[][2] = {
        { "qwen3.5:9b", "qwen3.5-9b" },
        { "meta/Llama 3", "meta-Llama-3" },
        { "a_b.c+d-e", "a_b.c+d-e" },
        { "\xC3\xA9t\xC3\xA9", "m--t-" },
        { "api", "m-api" },
        { "README", "m-README" },
        { ".hidden", "m-.hidden" },
        { "", "m-" },
        { "../../etc", "m-..-..-etc" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *name = name_for_found(names[i][0], NULL);
        assert_string_equal(name, names[i][1]);
        assert_int_equal(model_name_check(name, NULL), 0);
        free(name);
    }
}

static void collisions_are_numbered_within_the_length(void **state)
{
    char *longest = xasprintf("%070d", 0);
    json_t *taken = json_object();

    (void)state;
    for (int i = 1; i <= 12; i++) {
        char *name = name_for_found(longest, taken);
        assert_int_equal(model_name_check(name, NULL), 0);
        assert_int_equal(strlen(name), 64);
        assert_null(json_object_get(taken, name));
        json_object_set_new(taken, name, json_true());
        if (i == 12)
            assert_string_equal(name + 60, "0-12");
        free(name);
    }
    json_decref(taken);
    free(longest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_entry_is_a_model),
        cmocka_unit_test(a_catalogue_alone_is_enough),
        cmocka_unit_test(what_is_configured_wins),
        cmocka_unit_test(two_clusters_may_have_the_same_model),
        cmocka_unit_test(the_effective_configuration_has_the_models),
        cmocka_unit_test(each_lie_is_told_with_file_and_name),
        cmocka_unit_test(a_catalogue_that_cannot_be_read_is_an_error),
        cmocka_unit_test(found_names_keep_what_fits),
        cmocka_unit_test(collisions_are_numbered_within_the_length),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
