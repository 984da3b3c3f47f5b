/* SPDX-License-Identifier: MIT */
#include "config_fixture.h"
#include "backend/base/alloc.h"
#include "backend/config/config_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCAL "[cluster.here]\nkind = \"local\"\n"
#define MODEL "[model.m]\nengine = \"parrot\"\n"

/* ---- Defaults */

static void an_empty_file_is_a_parrot_on_this_machine(void **state)
{
    struct config *c = parse("# nothing\n");

    (void)state;
    assert_int_equal(c->n_clusters, 1);
    assert_string_equal(c->clusters[0]->name, "local");
    assert_string_equal(c->clusters[0]->kind, "local");
    assert_int_equal(c->n_models, 1);
    assert_string_equal(c->models[0]->name, "parrot");
    assert_string_equal(c->models[0]->engine, "parrot");
    assert_ptr_equal(c->models[0]->cluster, c->clusters[0]);
    config_free(c);
    config_free(NULL);
}

static void keys_that_are_left_out_have_the_defaults_of_the_contract(void **state)
{
    struct config *c = parse("[cluster.alvis]\nhost = \"alvis2\"\n" MODEL);
    const struct cluster_config *k = c->clusters[0];
    const struct model_config *m = c->models[0];

    (void)state;
    assert_int_equal(c->max_prompt, 16 << 20);
    assert_string_equal(c->on_unmount, "stop");
    assert_string_equal(c->log_level, "info");
    assert_int_equal(c->listen.n, 1);
    assert_string_equal(c->listen.v[0], "127.0.0.1:11434");
    assert_null(c->listen.v[1]);
    assert_false(c->listen_asked);
    assert_string_equal(c->access, "owner");
    assert_int_equal(c->max_body, 256 << 20);
    assert_int_equal(c->wake_timeout_s, 300);
    assert_string_equal(c->while_waking, "hold");
    assert_false(c->hold_progress);
    assert_int_equal(c->batch_retries, 3);
    assert_int_equal(c->batch_in_flight, 0);
    assert_false(c->batch_ordered);
    assert_string_equal(c->batch_hours, "");
    assert_int_equal(c->cors_origins.n + c->hosts.n, 0);
    assert_non_null(c->hosts.v);

    assert_string_equal(k->kind, "slurm");
    assert_string_equal(k->ssh_config, "");
    assert_string_equal(k->transport, "auto");
    assert_false(k->accept_new_host_keys);
    assert_string_equal(k->workdir, "~/.slullamafs");
    assert_int_equal(k->max_jobs, 8);

    assert_string_equal(m->model, "");
    assert_string_equal(m->description, "");
    assert_int_equal(m->slots, 4);
    assert_int_equal(m->max_queue, 1024);
    assert_int_equal(m->priority, 0);
    assert_string_equal(m->binary, "");
    assert_int_equal(json_object_size(m->env), 0);
    assert_int_equal(m->command.n, 0);
    assert_string_equal(m->health, "");
    assert_int_equal(json_array_size(m->health_status), 1);
    assert_int_equal(json_integer_value(json_array_get(m->health_status, 0)), 200);
    assert_string_equal(m->job.partition, "");
    assert_string_equal(m->job.mem, "");
    assert_int_equal(m->job.time_s, 4 * 3600);
    assert_int_equal(m->job.idle_timeout_s, 1800);
    assert_int_equal(m->job.start_timeout_s, 0);
    assert_int_equal(m->job.ready_timeout_s, 600);
    assert_int_equal(m->job.stall_timeout_s, 300);
    assert_int_equal(m->job.lease_s, 600);
    assert_false(m->job.expose);
    config_free(c);
}

static void directories_follow_xdg_and_home(void **state)
{
    struct config *c;

    (void)state;
    setenv("HOME", "/home/a", 1);
    unsetenv("XDG_STATE_HOME");
    unsetenv("XDG_RUNTIME_DIR");
    c = parse("");
    assert_string_equal(c->state_dir, "/home/a/.local/state/slullamafs");
    assert_string_equal(c->runtime_dir, "/home/a/.local/state/slullamafs/run");
    config_free(c);

    setenv("XDG_STATE_HOME", "/s", 1);
    setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
    c = parse("");
    assert_string_equal(c->state_dir, "/s/slullamafs");
    assert_string_equal(c->runtime_dir, "/run/user/7/slullamafs");
    config_free(c);

    setenv("XDG_STATE_HOME", "relative", 1); /* to be ignored, says the specification */
    setenv("XDG_RUNTIME_DIR", "", 1);
    c = parse("[mount]\nruntime_dir = \"\"\n");
    assert_string_equal(c->state_dir, "/home/a/.local/state/slullamafs");
    assert_string_equal(c->runtime_dir, "/home/a/.local/state/slullamafs/run");
    config_free(c);

    c = parse("[mount]\nstate_dir = \"~/s\"\n[cluster.c]\nssh_config = \"~/.ssh/alvis\"\nworkdir = "
              "\"~/w\"\n" MODEL);
    assert_string_equal(c->state_dir, "/home/a/s");
    assert_string_equal(c->runtime_dir, "/home/a/s/run");
    assert_string_equal(c->clusters[0]->ssh_config, "/home/a/.ssh/alvis");
    assert_string_equal(c->clusters[0]->workdir, "~/w"); /* the cluster's home, not ours */
    config_free(c);

    setenv("HOME", "relative", 1);
    config_export_home();
    assert_int_equal(getenv("HOME")[0], '/'); /* the user database's */
    unsetenv("HOME");
    config_export_home();
    assert_int_equal(getenv("HOME")[0], '/');
    unsetenv("HOME");
    c = parse(""); /* the user database knows */
    assert_int_equal(c->state_dir[0], '/');
    config_free(c);
    setenv("HOME", "/home/a", 1);
}

/* ---- What a file says */

static void a_gateway_may_reach_beyond_this_machine(void **state)
{
    static const char *const rows[] = {
        "access = 'token'\nlisten = '0.0.0.0:1'\nallow_plain = true\n",
        "access = 'token'\nlisten = '[::]:1'\ntls_cert = '/c'\ntls_key = '/k'\n",
        "access = 'token'\nlisten = ['unix:/s', 'localhost:1']\ntoken = 't'\n",
        "access = 'open'\nlisten = ['192.0.2.1:1', '[2001:db8::1]:0']\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "[gateway]\n%s", rows[i]);
        config_free(parse(text));
    }
}

static void the_keys_of_access_arrive_and_the_token_is_masked(void **state)
{
    struct config *c =
        parse("[gateway]\naccess = 'token'\ntoken = 'geheim'\ntls_cert = '/c'\ntls_key = '/k'\n"
              "allow_plain = true\naccess_log = '/l'\n");
    char *text = config_to_toml(c);

    (void)state;
    assert_string_equal(c->token, "geheim");
    assert_string_equal(c->token_file, "");
    assert_string_equal(c->tls_cert, "/c");
    assert_string_equal(c->tls_key, "/k");
    assert_string_equal(c->access_log, "/l");
    assert_true(c->allow_plain);
    assert_null(strstr(text, "geheim"));
    assert_non_null(strstr(text, "token = \"***\""));
    free(text);
    config_free(c);
}

static void every_key_arrives_in_its_field(void **state)
{
    struct config *c =
        parse("[mount]\nstate_dir = \"/s\"\nruntime_dir = \"/r\"\nmax_prompt = \"1MB\"\non_unmount = "
              "\"leave\"\nlog_level = \"debug\"\n"
              "[gateway]\nlisten = [\"localhost:0\", \"unix:/tmp/x y\", \"[::1]:65535\"]\naccess = "
              "\"owner\"\nmax_body = 4096\n"
              "wake_timeout = 90\ncors_origins = [\"https://chat.example.org\", \"app://x:8\"]\nhosts = "
              "[\"llm.example.org\"]\n"
              "[cluster.alvis]\nkind = \"fake\"\nhost = \"me@alvis2\"\nssh_config = \"/c\"\ntransport = "
              "\"openssh\"\n"
              "accept_new_host_keys = true\nworkdir = \"/scratch/me\"\nmax_jobs = 2\nfake = [\"queue=2\"]\n"
              "[model.qwen]\ncluster = \"alvis\"\nengine = \"llamacpp\"\nmodel = \"/m.gguf\"\naliases = "
              "[\"q\", \"qwen\"]\n"
              "description = \"d\"\nslots = 1\nmax_queue = 0\npriority = -3\nbinary = "
              "\"/bin/llama-server\"\nengine_args = "
              "[\"-c\", \"4096\"]\n"
              "env = { A = \"1\", B_2 = \"x\\ny\" }\nhealth = \"/ok\"\nhealth_status = [200, 204]\n"
              "partition = \"p\"\ngres = \"gpu:1\"\naccount = \"a\"\nqos = \"q\"\nmem = \"1G\"\ntime = "
              "\"1-00:00:00\"\n"
              "extra_args = [\"--x=1\", \"-N1\"]\nsetup = [\"a\", \"b\\nc\"]\nidle_timeout = "
              "5\nstart_timeout = \"1h\"\n"
              "ready_timeout = \"2m\"\nstall_timeout = \"3m\"\nlease = \"0\"\nexpose = true\n");
    const struct cluster_config *k = c->clusters[0];
    const struct model_config *m = c->models[0];

    (void)state;
    assert_string_equal(c->file, "f.toml");
    assert_string_equal(c->state_dir, "/s");
    assert_string_equal(c->runtime_dir, "/r");
    assert_int_equal(c->max_prompt, 1000000);
    assert_string_equal(c->on_unmount, "leave");
    assert_string_equal(c->log_level, "debug");
    assert_int_equal(c->listen.n, 3);
    assert_string_equal(c->listen.v[1], "unix:/tmp/x y");
    assert_true(c->listen_asked);
    assert_int_equal(c->max_body, 4096);
    assert_int_equal(c->wake_timeout_s, 90);
    assert_string_equal(c->cors_origins.v[1], "app://x:8");
    assert_string_equal(c->hosts.v[0], "llm.example.org");

    assert_string_equal(k->name, "alvis");
    assert_string_equal(k->kind, "fake");
    assert_string_equal(k->host, "me@alvis2");
    assert_string_equal(k->transport, "openssh");
    assert_true(k->accept_new_host_keys);
    assert_string_equal(k->workdir, "/scratch/me");
    assert_int_equal(k->max_jobs, 2);
    assert_string_equal(k->fake.v[0], "queue=2");

    assert_ptr_equal(m->cluster, k);
    assert_string_equal(m->engine, "llamacpp");
    assert_string_equal(m->model, "/m.gguf");
    assert_int_equal(m->aliases.n, 1); /* without its own name */
    assert_string_equal(m->aliases.v[0], "q");
    assert_null(m->aliases.v[1]);
    assert_string_equal(m->description, "d");
    assert_int_equal(m->slots, 1);
    assert_int_equal(m->max_queue, 0);
    assert_int_equal(m->priority, -3);
    assert_string_equal(m->binary, "/bin/llama-server");
    assert_string_equal(m->engine_args.v[1], "4096");
    assert_string_equal(json_string_value(json_object_get(m->env, "B_2")), "x\ny");
    assert_string_equal(m->health, "/ok");
    assert_int_equal(json_array_size(m->health_status), 2);
    assert_string_equal(m->job.partition, "p");
    assert_string_equal(m->job.gres, "gpu:1");
    assert_string_equal(m->job.account, "a");
    assert_string_equal(m->job.qos, "q");
    assert_string_equal(m->job.mem, "1G");
    assert_int_equal(m->job.time_s, 86400);
    assert_string_equal(m->job.extra_args.v[1], "-N1");
    assert_string_equal(m->job.setup.v[1], "b\nc");
    assert_int_equal(m->job.idle_timeout_s, 5);
    assert_int_equal(m->job.start_timeout_s, 3600);
    assert_int_equal(m->job.ready_timeout_s, 120);
    assert_int_equal(m->job.stall_timeout_s, 180);
    assert_int_equal(m->job.lease_s, 0);
    assert_true(m->job.expose);
    config_free(c);
}

static void a_model_overrides_what_its_cluster_says_about_jobs(void **state)
{
    struct config *c =
        parse("[cluster.a]\npartition = \"gpu\"\ngres = \"gpu:1\"\ntime = \"\"\nsetup = [\"x\"]\n"
              "[cluster.b]\npartition = \"cpu\"\n"
              "[model.one]\ncluster = \"a\"\nengine = \"parrot\"\n"
              "[model.two]\ncluster = \"a\"\nengine = \"parrot\"\ngres = \"\"\nsetup = []\ntime = 60\n"
              "[model.three]\ncluster = \"b\"\nengine = \"parrot\"\n");

    (void)state;
    assert_string_equal(c->models[0]->job.gres, "gpu:1");
    assert_int_equal(c->models[0]->job.time_s, 0);
    assert_int_equal(c->models[0]->job.setup.n, 1);
    assert_string_equal(c->models[1]->job.partition, "gpu");
    assert_string_equal(c->models[1]->job.gres, "");
    assert_int_equal(c->models[1]->job.setup.n, 0);
    assert_int_equal(c->models[1]->job.time_s, 60);
    assert_string_equal(c->models[2]->job.partition, "cpu");
    assert_string_equal(c->clusters[0]->job.gres, "gpu:1");
    config_free(c);
}

static void models_keep_the_order_of_the_file(void **state)
{
    static const char *const names[] = { "zeta", "a.b+c-d_e", "0", "m" };
    struct config *c = parse("[model.zeta]\nengine = \"parrot\"\n[model.\"a.b+c-d_e\"]\nengine = \"parrot\"\n"
                             "[model.0]\nengine = \"parrot\"\n" MODEL);

    (void)state;
    assert_int_equal(c->n_models, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(c->models[i]->name, names[i]);
    config_free(c);
}

static void the_only_cluster_need_not_be_named_and_none_is_this_machine(void **state)
{
    struct config *c = parse("[cluster.alvis]\n" MODEL);

    (void)state;
    assert_string_equal(c->models[0]->cluster->name, "alvis");
    config_free(c);
    c = parse(MODEL);
    assert_string_equal(c->models[0]->cluster->name, "local");
    assert_string_equal(c->models[0]->cluster->kind, "local");
    config_free(c);
    c = parse(MODEL "cluster = \"local\"\n");
    assert_int_equal(c->n_clusters, 1);
    config_free(c);
}

static void a_model_is_found_by_its_name_and_by_its_aliases(void **state)
{
    struct config *c = parse("[model.a]\nengine = \"parrot\"\naliases = [\"b\", \"c.d\"]\n" MODEL);

    (void)state;
    assert_ptr_equal(config_model(c, "a"), c->models[0]);
    assert_ptr_equal(config_model(c, "c.d"), c->models[0]);
    assert_ptr_equal(config_model(c, "m"), c->models[1]);
    assert_null(config_model(c, "nobody"));
    assert_null(config_model(c, ""));
    config_free(c);
}

static void inline_and_dotted_tables_are_as_good_as_headers(void **state)
{
    struct config *c =
        parse("cluster.here.kind = 'local'\nmodel = { m = { engine = 'parrot', slots = 2 } }\n");

    (void)state;
    assert_int_equal(c->models[0]->slots, 2);
    config_free(c);
}

/* ---- Text of the configuration */

static void the_effective_configuration_reads_back_to_itself(void **state)
{
    static const char *const texts[] = {
        "",
        MODEL,
        "[mount]\nstate_dir = '/a \"b\" \\ c'\nmax_prompt = 1001\n[gateway]\nlisten = ['127.0.0.1:0', "
        "'unix:/x']\nwake_timeout = 61\n"
        "max_body = '1GiB'\ncors_origins = ['http://x']\n"
        "[cluster.a]\npartition = 'p'\nextra_args = ['--a', '--b=\"c\"']\ntime = '1-00:00:00'\nmax_jobs = 1\n"
        "[cluster.b]\nkind = 'fake'\nfake = ['x']\n"
        "[model.\"q.1+2\"]\ncluster = 'a'\nengine = 'llamacpp'\nmodel = '/m'\naliases = ['q']\nsetup = "
        "[\"a\\tb\\nc\\u0001\\u007f\"]\n"
        "health_status = [200, 503]\nidle_timeout = 0\n"
        "[model.n]\ncluster = 'b'\nengine = 'command'\ncommand = ['\xC3\xA9', '']\nexpose = true\n"
        "system = \"a\\n\\\"b\\\"\"\nparams = { temperature = 0.7, top_p = 1.0, seed = 7, logprobs = true, "
        "stop = ['a'], "
        "tools = [{ type = 'x', \"a b\" = {} }] }\n"
        "[batch]\nretries = 0\nordered = true\nin_flight = 7\nhours = '20:00-06:00'\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct config *c = parse(texts[i]);
        char *once = config_to_toml(c);
        struct config *again = parse(once);
        char *twice = config_to_toml(again);
        assert_string_equal(once, twice);
        assert_int_equal(c->listen_asked, again->listen_asked);
        assert_int_equal(c->n_models, again->n_models);
        assert_string_equal(c->models[0]->job.partition, again->models[0]->job.partition);
        free(once);
        free(twice);
        config_free(c);
        config_free(again);
    }
}

static void secrets_are_masked_in_what_is_shown(void **state)
{
    struct config *c = parse(MODEL "env = { HF_TOKEN = 'hf_secret', B = 'also' }\n");
    char *text = config_to_toml(c);

    (void)state;
    assert_null(strstr(text, "hf_secret"));
    assert_null(strstr(text, "also"));
    assert_non_null(strstr(text, "env = { HF_TOKEN = \"***\", B = \"***\" }"));
    free(text);
    config_free(c);
}

static void a_strange_file_name_cannot_break_the_text(void **state)
{
    struct config *c = NULL;
    const char *text = "[mount]\n";

    (void)state;
    assert_int_equal(config_parse(text, strlen(text), "x\n[mount]\n", &c, NULL), 0);
    char *shown = config_to_toml(c);
    struct config *again = parse(shown);
    free(shown);
    config_free(again);
    config_free(c);
}

static void the_reference_has_every_key_with_help(void **state)
{
    char *text = config_reference();

    (void)state;
    for (const struct config_key *k = config_keys; k->name; k++) {
        char *line = xasprintf("\n    %s\n", k->name);
        if (!strstr(text, line) || !k->help || !strstr(text, k->help))
            fail_msg("%s has no help", k->name);
        free(line);
    }
    assert_non_null(strstr(text, "[cluster.NAME], for all its models, or [model.NAME]"));
    assert_non_null(strstr(text, "default: \"127.0.0.1:11434\""));
    assert_non_null(strstr(text, "; required"));
    free(text);
}

static void no_key_stands_twice(void **state)
{
    (void)state;
    for (const struct config_section *s = config_sections; s->name; s++)
        for (const struct config_key *k = config_keys; k->name; k++) {
            int n = 0;
            if (!(k->rows & s->rows))
                continue;
            for (const struct config_key *other = config_keys; other->name; other++)
                n += (other->rows & s->rows) && !strcmp(other->name, k->name);
            assert_int_equal(n, 1);
        }
}

/* ---- Where it is looked for */

static char *made_file(const char *dir, const char *name, const char *text)
{
    char *path = xasprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static void the_file_is_looked_for_where_the_contract_says(void **state)
{
    char dir[] = "/tmp/config_test.XXXXXX";
    struct config *c = NULL;
    struct err e;

    (void)state;
    assert_non_null(mkdtemp(dir));
    char *xdg = xasprintf("%s/slullamafs", dir), *home = xasprintf("%s/.config", dir),
         *under = xasprintf("%s/.config/slullamafs", dir);
    assert_int_equal(mkdir(xdg, 0700), 0);
    assert_int_equal(mkdir(home, 0700), 0);
    assert_int_equal(mkdir(under, 0700), 0);
    char *named = made_file(dir, "named.toml", "[model.named]\nengine = 'parrot'\n");
    char *variable = made_file(dir, "variable.toml", "[model.variable]\nengine = 'parrot'\n");
    char *in_xdg = made_file(xdg, "config.toml", "[model.xdg]\nengine = 'parrot'\n");
    char *in_home = made_file(under, "config.toml", "[model.home]\nengine = 'parrot'\n");
    setenv("HOME", dir, 1);
    setenv("XDG_CONFIG_HOME", dir, 1);
    setenv("SLULLAMAFS_CONFIG", variable, 1);

    assert_int_equal(config_load(named, &c, &e), 0);
    assert_string_equal(c->models[0]->name, "named");
    assert_string_equal(c->file, named);
    config_free(c);
    assert_int_equal(config_load(NULL, &c, &e), 0);
    assert_string_equal(c->models[0]->name, "variable");
    config_free(c);
    setenv("SLULLAMAFS_CONFIG", "", 1);
    assert_int_equal(config_load(NULL, &c, &e), 0);
    assert_string_equal(c->models[0]->name, "xdg");
    config_free(c);
    unsetenv("XDG_CONFIG_HOME");
    assert_int_equal(config_load(NULL, &c, &e), 0);
    assert_string_equal(c->models[0]->name, "home");
    assert_string_equal(c->file, in_home);
    config_free(c);
    assert_int_equal(unlink(in_home), 0);
    assert_int_equal(config_load(NULL, &c, &e), 0);
    assert_string_equal(c->models[0]->name, "parrot");
    assert_string_equal(c->file, "");
    config_free(c);

    /* A relative name is kept as an absolute one, for a reload from another directory. */
    assert_int_equal(chdir(dir), 0);
    assert_int_equal(config_load("named.toml", &c, &e), 0);
    assert_string_equal(c->file, named);
    config_free(c);
    assert_int_equal(chdir("/"), 0);

    char *command = xasprintf("rm -r %s", dir);
    assert_int_equal(system(command), 0);
    free(command);
    free(named), free(variable), free(in_xdg), free(in_home), free(xdg), free(home), free(under);
    setenv("HOME", "/home/a", 1);
}

static void put(const char *dir, const char *name, const char *text)
{
    char *path = xasprintf("%s/%s", dir, name);
    FILE *out = fopen(path, "w");

    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    free(path);
}

static void files_are_found_beside_the_file_wherever_it_was_named_from(void **state)
{
    char dir[] = "/tmp/config-XXXXXX", *want;
    struct config *c;
    struct err e;

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(chdir(dir), 0);
    want = xasprintf("%s/sub/x", dir);
    assert_int_equal(mkdir("sub", 0700), 0);
    put("sub", "c.toml",
        "[gateway]\naccess = 'token'\ntoken_file = 'x'\ntls_cert = 'x'\ntls_key = 'x'\naccess_log = 'x'\n"
        "[cluster.x]\nhost = 'x'\nssh_config = 'x'\njob_template = 'x'\n"
        "[cluster.y]\nkind = 'gateway'\nhost = 'y'\ntoken_file = 'x'\n"
        "[model.m]\nengine = 'command'\ncluster = 'x'\n");
    put("sub", "x", "#!/bin/sh\n");
    if (config_load("sub/c.toml", &c, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(chdir("/"), 0);
    assert_string_equal(c->token_file, want);
    assert_string_equal(c->tls_cert, want);
    assert_string_equal(c->tls_key, want);
    assert_string_equal(c->access_log, want);
    assert_string_equal(c->clusters[0]->ssh_config, want);
    assert_string_equal(c->clusters[1]->token_file, want);
    assert_string_equal(c->models[0]->job.job_template, want);
    config_free(c);
    char *command = xasprintf("rm -r %s", dir);
    assert_int_equal(system(command), 0);
    free(command);
    free(want);
}

static void a_template_is_found_beside_the_file_and_checked(void **state)
{
    char dir[] = "/tmp/config_test.XXXXXX", *file, *template, *told;
    struct config *c = NULL;
    struct err e;

    (void)state;
    assert_non_null(mkdtemp(dir));
    file = xasprintf("%s/c.toml", dir);
    template = xasprintf("%s/t.sub", dir);
    told = xasprintf("%s:3: %s:2: #SBATCH --array cannot be used", file, template);
    put(dir, "t.sub", "#!/bin/sh\n");
    put(dir, "c.toml", "[cluster.x]\nhost = 'x'\njob_template = 't.sub'\n[model.m]\nengine = 'command'\n");
    assert_int_equal(config_load(file, &c, &e), 0);
    assert_string_equal(c->models[0]->job.job_template, template);
    assert_false(c->models[0]->job.time_asked);
    config_free(c);
    put(dir, "t.sub", "#!/bin/sh\n#SBATCH --array=1-2\n");
    assert_int_equal(config_load(file, &c, &e), -EINVAL);
    assert_memory_equal(e.text, told, strlen(told));
    unlink(template), unlink(file), rmdir(dir);
    free(file), free(template), free(told);
}

static void a_named_file_that_cannot_be_read_is_an_error(void **state)
{
    struct config *c = NULL;
    struct err e;

    (void)state;
    assert_int_equal(config_load("/nonexistent/c.toml", &c, &e), -ENOENT);
    assert_string_equal(e.text,
                        "/nonexistent/c.toml: cannot read the configuration: No such file or directory");
    assert_int_equal(config_load("/", &c, &e), -EISDIR);
    assert_int_equal(config_load("/dev/zero", &c, &e), -EFBIG);
    setenv("SLULLAMAFS_CONFIG", "/nonexistent/d.toml", 1);
    assert_int_equal(config_load(NULL, &c, &e), -ENOENT);
    assert_non_null(strstr(e.text, "/nonexistent/d.toml"));
    unsetenv("SLULLAMAFS_CONFIG");
    assert_null(c);
}

static void the_example_is_a_good_configuration(void **state)
{
    struct config *c = NULL;
    struct err e = { "" };

    (void)state;
    if (config_load(TEST_DATA "/../../examples/config.toml", &c, &e) != 0)
        fail_msg("%s", e.text);
    assert_int_equal(c->n_clusters, 2);
    assert_int_equal(c->n_models, 3);
    assert_ptr_equal(config_model(c, "q"), c->models[0]);
    assert_string_equal(config_model(c, "mine")->job.gres, "gpu:4");
    assert_string_equal(config_model(c, "mine")->job.partition, "gpu");
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_is_a_parrot_on_this_machine),
        cmocka_unit_test(keys_that_are_left_out_have_the_defaults_of_the_contract),
        cmocka_unit_test(directories_follow_xdg_and_home),
        cmocka_unit_test(every_key_arrives_in_its_field),
        cmocka_unit_test(a_gateway_may_reach_beyond_this_machine),
        cmocka_unit_test(the_keys_of_access_arrive_and_the_token_is_masked),
        cmocka_unit_test(a_model_overrides_what_its_cluster_says_about_jobs),
        cmocka_unit_test(models_keep_the_order_of_the_file),
        cmocka_unit_test(the_only_cluster_need_not_be_named_and_none_is_this_machine),
        cmocka_unit_test(a_model_is_found_by_its_name_and_by_its_aliases),
        cmocka_unit_test(inline_and_dotted_tables_are_as_good_as_headers),
        cmocka_unit_test(the_effective_configuration_reads_back_to_itself),
        cmocka_unit_test(secrets_are_masked_in_what_is_shown),
        cmocka_unit_test(a_strange_file_name_cannot_break_the_text),
        cmocka_unit_test(the_reference_has_every_key_with_help),
        cmocka_unit_test(no_key_stands_twice),
        cmocka_unit_test(the_file_is_looked_for_where_the_contract_says),
        cmocka_unit_test(files_are_found_beside_the_file_wherever_it_was_named_from),
        cmocka_unit_test(a_template_is_found_beside_the_file_and_checked),
        cmocka_unit_test(a_named_file_that_cannot_be_read_is_an_error),
        cmocka_unit_test(the_example_is_a_good_configuration),
    };

    setenv("HOME", "/home/a", 1);
    unsetenv("SLULLAMAFS_CONFIG");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
