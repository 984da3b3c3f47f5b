/* SPDX-License-Identifier: MIT */
#include "backend/config/config_slullama.h"
#include "backend/base/alloc.h"
#include "backend/config/config.h"
#include "backend/config/config_table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char *const variables[] = { "SLULLAMA_TOKEN",        "SLULLAMA_SERVER_PORT",
                                         "SLULLAMA_HOST",         "SLULLAMA_LOCAL_PORT",
                                         "SLULLAMA_PARTITION",    "SLULLAMA_GRES",
                                         "SLULLAMA_IDLE_TIMEOUT", "SLULLAMA_OLLAMA_BINARY",
                                         "SLULLAMA_OLLAMA_PORT" };

static int clear_environment(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        unsetenv(variables[i]);
    return 0;
}

static struct config *parse(const char *text, const struct slullama_given *given)
{
    struct config *c = NULL;
    struct err e = { "" };

    if (config_parse_as(text, strlen(text), "f.toml", false, given, &c, &e) != 0)
        fail_msg("%s\nrefused: %s", text, e.text);
    return c;
}

static void refuse(const char *text, const char *sentence)
{
    struct config *c = NULL;
    struct err e = { "" };

    assert_int_equal(config_parse_as(text, strlen(text), "f.toml", false, NULL, &c, &e), -EINVAL);
    if (!strstr(e.text, sentence))
        fail_msg("%s\nsays: %s", text, e.text);
}

/* ---- The defaults of slullama 0.1.3 */

static void every_setting_has_slullamas_default(void **state)
{
    static const struct {
        const char *key, *json;
    } rows[] = {
        { "server.port", "11435" },
        { "server.token", "\"\"" },
        { "server.log_dir", "\"/tmp/slullama\"" },
        { "server.job_template", "\"\"" },
        { "slurm.partition", "\"gpu\"" },
        { "slurm.gres", "\"gpu:1\"" },
        { "slurm.mem", "\"\"" },
        { "slurm.time", "\"4:00:00\"" },
        { "slurm.idle_timeout", "30" },
        { "slurm.keep_alive", "\"extend\"" },
        { "slurm.extra_args", "[]" },
        { "ollama.port", "11434" },
        { "ollama.binary", "\"ollama\"" },
        { "ollama.models_dir", "\"\"" },
        { "ollama.copy_binary", "false" },
        { "ollama.copy_source", "\"\"" },
        { "ollama.cleanup_binary", "false" },
        { "ollama.pre_pull", "[]" },
        { "client.host", "\"\"" },
        { "client.server_port", "11435" },
        { "client.token", "\"\"" },
        { "client.local_port", "11434" },
    };
    json_t *settings = NULL;

    (void)state;
    assert_int_equal(slullama_settings(NULL, NULL, "", NULL, &settings, NULL), 0);
    assert_int_equal(json_object_size(settings), sizeof rows / sizeof rows[0]);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text = json_dumps(json_object_get(settings, rows[i].key), JSON_ENCODE_ANY);
        assert_non_null(text);
        assert_string_equal(text, rows[i].json);
        free(text);
    }
    json_decref(settings);
}

static void an_empty_file_in_slullamas_place_is_one_ollama_on_slurm(void **state)
{
    struct slullama_given given = { .serving = true };
    struct config *c = NULL;

    (void)state;
    assert_int_equal(config_parse_as("", 0, "f.toml", true, &given, &c, NULL), 0);
    assert_int_equal(c->n_models, 1);
    assert_string_equal(c->models[0]->name, "ollama");
    assert_string_equal(c->models[0]->engine, "ollama");
    assert_true(c->models[0]->takes_unknown);
    assert_string_equal(c->clusters[0]->kind, "slurm");
    assert_string_equal(c->clusters[0]->host, "");
    assert_string_equal(c->clusters[0]->workdir, "~/.slullamafs");
    assert_string_equal(c->listen.v[0], "127.0.0.1:11435");
    assert_string_equal(c->access, "owner");
    assert_string_equal(c->models[0]->job.partition, "gpu");
    assert_int_equal(c->models[0]->job.idle_timeout_s, 1800);
    assert_int_equal(c->models[0]->job.time_s, 4 * 3600);
    config_free(c);
}

static void put(const char *home, const char *text)
{
    char *path = xasprintf("%s/.config/slullama/config.toml", home);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    free(path);
}

static void slullamas_place_is_looked_at_last(void **state)
{
    struct slullama_given given = { .serving = true };
    char home[] = "/tmp/slullamafs-test-XXXXXX", *line;
    struct config *c;
    struct err e;

    (void)state;
    assert_non_null(mkdtemp(home));
    setenv("HOME", home, 1);
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("SLULLAMAFS_CONFIG");
    unsetenv("SLULLAMA_CONFIG");
    assert_int_equal(config_load(NULL, &c, &e), 0); /* no file: a mount shows the parrot, .. */
    assert_string_equal(c->models[0]->engine, "parrot");
    config_free(c);
    assert_int_equal(config_load_given(NULL, &given, &c, &e), 0); /* .. and a server is slullama's */
    assert_string_equal(c->models[0]->engine, "ollama");
    config_free(c);
    line = xasprintf("mkdir -p %s/.config/slullama", home);
    assert_int_equal(system(line), 0);
    free(line);
    put(home, ""); /* an empty file there is slullama's too */
    assert_int_equal(config_load(NULL, &c, &e), 0);
    assert_string_equal(c->models[0]->name, "ollama");
    config_free(c);
    put(home, "[slurm]\npartition = \"there\"\n");
    assert_int_equal(config_load(NULL, &c, &e), 0);
    assert_string_equal(c->models[0]->job.partition, "there");
    config_free(c);
    setenv("SLULLAMA_CONFIG", "/nowhere/slullama.toml", 1); /* one that is named has to be there */
    assert_int_equal(config_load(NULL, &c, &e), -ENOENT);
    assert_non_null(strstr(e.text, "/nowhere/slullama.toml"));
    unsetenv("SLULLAMA_CONFIG");
    line = xasprintf("rm -rf -- %s", home);
    assert_int_equal(system(line), 0);
    free(line);
}

/* ---- Every key */

static const char full[] = "[server]\nport = 11999\nlog_dir = \"/home/u/logs\"\n"
                           "[slurm]\npartition = \"a\"\ngres = \"gpu:2\"\nmem = \"64G\"\ntime = \"1:00:00\"\n"
                           "idle_timeout = 5\nkeep_alive = \"cancel\"\nextra_args = [\"--exclusive\"]\n"
                           "[ollama]\nport = 11500\nbinary = \"/opt/ollama\"\nmodels_dir = \"/m\"\n"
                           "copy_binary = true\ncopy_source = \"/s\"\ncleanup_binary = true\n"
                           "pre_pull = [\"qwen3.5:9b\", \"llama3:8b\", \"status\"]\n";

static void every_key_becomes_one_of_ours(void **state)
{
    struct slullama_given given = { .serving = true };
    struct config *c = parse(full, &given);
    const struct model_config *m = c->models[0];

    (void)state;
    assert_string_equal(m->name, "qwen3.5-9b");
    assert_string_equal(m->model, "qwen3.5:9b");
    assert_int_equal(c->n_models, 3);
    assert_string_equal(c->models[1]->name, "llama3-8b");
    assert_string_equal(c->models[2]->name, "m-status");
    assert_string_equal(c->models[2]->model, "status");
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(c->models[i]->share, "ollama");
    assert_true(m->takes_unknown);
    assert_int_equal(m->pre_pull.n, 2);
    assert_string_equal(m->pre_pull.v[0], "llama3:8b");
    assert_string_equal(c->models[1]->binary, "/opt/ollama");
    assert_string_equal(m->job.keep_alive, "cancel");
    assert_string_equal(m->binary, "/opt/ollama");
    assert_string_equal(m->models_dir, "/m");
    assert_string_equal(m->copy_source, "/s");
    assert_true(m->copy_binary);
    assert_true(m->cleanup_binary);
    assert_string_equal(m->job.partition, "a");
    assert_string_equal(m->job.gres, "gpu:2");
    assert_string_equal(m->job.mem, "64G");
    assert_int_equal(m->job.time_s, 3600);
    assert_int_equal(m->job.idle_timeout_s, 300);
    assert_string_equal(m->job.extra_args.v[0], "--exclusive");
    assert_string_equal(m->cluster->workdir, "/home/u/logs");
    assert_string_equal(c->listen.v[0], "127.0.0.1:11999");
    assert_int_equal(slullama_number(c->slullama, "ollama.port"), 11500);
    assert_string_equal(slullama_text(c->slullama, "slurm.keep_alive"), "cancel");
    config_free(c);
}

static void a_mount_keeps_its_own_port_and_access(void **state)
{
    struct config *c = parse("[server]\nport = 11999\ntoken = \"t\"\n", NULL);

    (void)state;
    assert_string_equal(c->listen.v[0], "127.0.0.1:11434");
    assert_false(c->listen_asked);
    assert_string_equal(c->access, "owner");
    config_free(c);
}

static void nested_tables_win(void **state)
{
    struct config *c = parse("[server.slurm]\ngres = \"gpu:4\"\n[slurm]\ngres = \"gpu:1\"\nmem = \"1G\"\n"
                             "[server.ollama]\nbinary = \"/n\"\n[ollama]\nbinary = \"/o\"\n",
                             NULL);

    (void)state;
    assert_string_equal(c->models[0]->job.gres, "gpu:4");
    assert_string_equal(c->models[0]->job.mem, "1G");
    assert_string_equal(c->models[0]->binary, "/n");
    config_free(c);
}

static void a_log_dir_of_one_node_is_not_used(void **state)
{
    static const char *const dirs[] = { "/tmp", "/tmp/slullama", "/var/tmp/x", "/dev/shm/x", "relative" };

    (void)state;
    for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
        char *text = xasprintf("[server]\nlog_dir = \"%s\"\n", dirs[i]);
        struct config *c = parse(text, NULL);
        assert_string_equal(c->clusters[0]->workdir, "~/.slullamafs");
        config_free(c);
        free(text);
    }
    struct config *c = parse("[server]\nlog_dir = \"/tmpfs/logs\"\n", NULL);
    assert_string_equal(c->clusters[0]->workdir, "/tmpfs/logs");
    config_free(c);
}

static void unknown_keys_are_no_errors_and_wrong_types_are(void **state)
{
    (void)state;
    config_free(parse("[server]\nfrob = 1\n[client]\nx = 2\n[server.slurm]\ny = 3\n", NULL));
    refuse("[server]\nport = \"x\"\n", "f.toml:2: server.port must be an integer");
    refuse("[slurm]\nextra_args = [1]\n", "f.toml:2: slurm.extra_args must be an array of strings");
    refuse("[server]\n[server.ollama]\ncopy_binary = 1\n",
           "f.toml:3: server.ollama.copy_binary must be true or false");
    refuse("[server]\nport = 70000\n", "server.port must be a port");
    refuse("server = 1\n", "server must be a table");
    refuse("[client]\nserver_port = 7\n", "needs the key \"host\"");
    refuse("[server]\n[mount]\n", "[server]"); /* a mixture is none of slullama's */
}

static void client_alone_is_a_gateway(void **state)
{
    struct config *c = parse("[client]\nhost = \"u@h\"\nserver_port = 4711\ntoken = \"x\"\n", NULL);

    (void)state;
    assert_int_equal(c->n_models, 0);
    assert_string_equal(c->clusters[0]->kind, "gateway");
    assert_string_equal(c->clusters[0]->host, "u@h");
    assert_string_equal(c->clusters[0]->url, "http://127.0.0.1:4711");
    config_free(c);
}

/* ---- What wins */

static void environment_wins_over_the_file_and_options_over_both(void **state)
{
    struct slullama_given given = { .serving = true };
    struct config *c;

    (void)state;
    setenv("SLULLAMA_PARTITION", "env", 1);
    setenv("SLULLAMA_GRES", "", 1); /* an empty one says nothing */
    setenv("SLULLAMA_IDLE_TIMEOUT", "7", 1);
    setenv("SLULLAMA_SERVER_PORT", "12000", 1);
    setenv("SLULLAMA_OLLAMA_BINARY", "/env/ollama", 1);
    c = parse(full, &given);
    assert_string_equal(c->models[0]->job.partition, "env");
    assert_string_equal(c->models[0]->job.gres, "gpu:2");
    assert_int_equal(c->models[0]->job.idle_timeout_s, 420);
    assert_string_equal(c->models[0]->binary, "/env/ollama");
    assert_string_equal(c->listen.v[0], "127.0.0.1:12000");
    config_free(c);
    given.v[GIVEN_PARTITION] = "option";
    given.v[GIVEN_PORT] = "13000";
    c = parse(full, &given);
    assert_string_equal(c->models[0]->job.partition, "option");
    assert_string_equal(c->listen.v[0], "127.0.0.1:13000");
    config_free(c);
    setenv("SLULLAMA_SERVER_PORT", "x", 1);
    refuse(full, "SLULLAMA_SERVER_PORT must be a number");
    clear_environment(NULL);
}

#define OURS                                                                                                 \
    "[gateway]\nlisten = \"127.0.0.1:5\"\n[cluster.a]\npartition = \"p\"\n[model.m]\nengine = \"parrot\"\n"  \
    "partition = \"q\"\n"

static void the_variables_leave_a_mount_with_a_file_of_ours_alone(void **state)
{
    struct config *c;

    (void)state;
    setenv("SLULLAMA_PARTITION", "env", 1);
    c = parse(OURS, NULL);
    assert_string_equal(c->models[0]->job.partition, "q");
    config_free(c);
    clear_environment(NULL);
}

static void options_of_serve_win_over_a_file_of_ours(void **state)
{
    struct slullama_given given = { .serving = true };
    struct config *c = parse(OURS, &given);

    (void)state;
    assert_string_equal(c->models[0]->job.partition, "q");
    assert_string_equal(c->listen.v[0], "127.0.0.1:5");
    config_free(c);
    given.v[GIVEN_PARTITION] = "option";
    given.v[GIVEN_IDLE_TIMEOUT] = "2";
    given.v[GIVEN_PORT] = "6";
    c = parse(OURS, &given);
    assert_string_equal(c->models[0]->job.partition, "option");
    assert_int_equal(c->models[0]->job.idle_timeout_s, 120);
    assert_string_equal(c->listen.v[0], "127.0.0.1:6");
    assert_string_equal(c->access, "owner");
    config_free(c);
}

static void a_token_opens_the_server_and_stays_out_of_the_shown_configuration(void **state)
{
    struct slullama_given given = { .serving = true, .v[GIVEN_TOKEN] = "sesame-open" };
    struct config *c = parse("[server]\nport = 1\n", &given);
    char *shown = config_to_toml(c);

    (void)state;
    assert_string_equal(c->listen.v[0], "0.0.0.0:1");
    assert_string_equal(c->access, "token");
    assert_string_equal(c->token, "sesame-open");
    assert_true(c->allow_plain);
    assert_null(strstr(shown, "sesame"));
    free(shown);
    config_free(c);
    refuse("[gateway]\nlisten = \"0.0.0.0:1\"\naccess = \"token\"\ntoken = \"t\"\n", "allow_plain");
}

static void pass_unknown_names_a_model(void **state)
{
    (void)state;
    refuse("[gateway]\npass_unknown = \"nobody\"\n[model.m]\nengine = \"parrot\"\n",
           "f.toml:2: pass_unknown in [gateway]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_has_slullamas_default),
        cmocka_unit_test(an_empty_file_in_slullamas_place_is_one_ollama_on_slurm),
        cmocka_unit_test(slullamas_place_is_looked_at_last),
        cmocka_unit_test(every_key_becomes_one_of_ours),
        cmocka_unit_test(a_mount_keeps_its_own_port_and_access),
        cmocka_unit_test(nested_tables_win),
        cmocka_unit_test(a_log_dir_of_one_node_is_not_used),
        cmocka_unit_test(client_alone_is_a_gateway),
        cmocka_unit_test(unknown_keys_are_no_errors_and_wrong_types_are),
        cmocka_unit_test(environment_wins_over_the_file_and_options_over_both),
        cmocka_unit_test(the_variables_leave_a_mount_with_a_file_of_ours_alone),
        cmocka_unit_test(options_of_serve_win_over_a_file_of_ours),
        cmocka_unit_test(a_token_opens_the_server_and_stays_out_of_the_shown_configuration),
        cmocka_unit_test(pass_unknown_names_a_model),
    };

    return cmocka_run_group_tests_name("config_slullama", tests, clear_environment, NULL);
}
