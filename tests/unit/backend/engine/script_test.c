/* SPDX-License-Identifier: MIT */
/* The text of job scripts; job_test.c runs them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/base/alloc.h"
#include "model.h"

struct fixture {
    struct model_config model;
    struct script_params params;
    struct buf script;
    struct err err;
};

static int setup(void **state)
{
    struct fixture *f = NEW(struct fixture);

    model_defaults(&f->model, "parrot");
    f->params = (struct script_params){ .engine = engine_find("parrot"),
                                        .model = &f->model,
                                        .job_name = "sfs-0-tiny-1",
                                        .workdir = "~/.slullamafs/0/sfs-0-tiny-1",
                                        .secret = SECRET,
                                        .service = "tiny" };
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    buf_free(&f->script);
    model_finish(&f->model);
    free(f);
    return 0;
}

static const char *build(struct fixture *f)
{
    buf_reset(&f->script);
    assert_int_equal(engine_script(&f->params, &f->script, &f->err), 0);
    return f->script.data;
}

static void refuse(struct fixture *f, const char *word)
{
    size_t before = f->script.len;

    assert_int_equal(engine_script(&f->params, &f->script, &f->err), -EINVAL);
    assert_int_equal(f->script.len, before);
    assert_non_null(strstr(f->err.text, word));
}

static void test_options(void **state)
{
    struct fixture *f = *state;
    struct job_config *j = &f->model.job;
    const char *text = build(f);

    assert_ptr_equal(strstr(text, "#!/bin/bash\n#SBATCH --job-name=sfs-0-tiny-1\n#SBATCH --output=/dev/null\n"
                                  "#SBATCH --error=/dev/null\n# Written by"),
                     text);
    j->partition = "gpu";
    j->gres = "gpu:a100:1";
    j->account = "p_1";
    j->qos = "high";
    j->mem = "16G";
    j->time_s = 2 * 86400 + 3 * 3600 + 4 * 60 + 5;
    j->extra_args = WORDS("--constraint=\"a&b\"", "-x n1");
    assert_non_null(strstr(build(f), "#SBATCH --error=/dev/null\n"
                                     "#SBATCH --partition=gpu\n"
                                     "#SBATCH --gres=gpu:a100:1\n"
                                     "#SBATCH --account=p_1\n"
                                     "#SBATCH --qos=high\n"
                                     "#SBATCH --mem=16G\n"
                                     "#SBATCH --time=2-03:04:05\n"
                                     "#SBATCH --constraint=\"a&b\"\n"
                                     "#SBATCH -x n1\n# Written by"));
}

static void test_quotes(void **state)
{
    struct fixture *f = *state;

    f->model.model = "it's $HOME";
    f->model.engine_args = WORDS("a b", "", "'");
    f->model.job.expose = true;
    f->model.job.lease_s = 600;
    build(f);
    assert_non_null(strstr(f->script.data, "\nSFS_MODEL='it'\\''s $HOME'\n"));
    assert_non_null(strstr(f->script.data, "\nSFS_ARGS=('a b' '' ''\\''')\n"));
    assert_non_null(strstr(f->script.data, "\nSFS_COMMAND=()\n"));
    assert_non_null(strstr(f->script.data, "\nSFS_LOOPBACK=0\nSFS_EXPOSE=1\nSFS_LEASE=600\nSFS_IDLE=0\nSFS_SLOTS=4\n"));
}

static void test_binary(void **state)
{
    struct fixture *f = *state;

    assert_non_null(strstr(build(f), "\nSFS_BINARY='slullamafs'\n"));
    f->params.program = "/opt/our own/slullamafs";
    assert_non_null(strstr(build(f), "\nSFS_BINARY='/opt/our own/slullamafs'\n"));
    f->model.binary = "~/parrot";
    assert_non_null(strstr(build(f), "\nSFS_BINARY='~/parrot'\n"));
    f->params.engine = engine_find("llamacpp");
    f->model.model = "x/y";
    f->model.binary = "";
    assert_non_null(strstr(build(f), "\nSFS_BINARY='llama-server'\n"));
}

static void test_refusals(void **state)
{
    struct fixture *f = *state;
    struct job_config *j = &f->model.job;

    j->partition = "gpu\n#SBATCH --uid=0";
    refuse(f, "partition = ");
    j->partition = "gpu --uid=0";
    refuse(f, "blanks");
    j->partition = "";
    j->extra_args = WORDS("--ok", "no-dash");
    refuse(f, "no-dash");
    j->extra_args = WORDS("--a\n--b");
    refuse(f, "extra_args of model tiny");
    j->extra_args.n = 0;
    f->model.model = "a\nb";
    refuse(f, "model of model tiny");
    f->model.model = "";
    json_object_set_new(f->model.env, "A-B", json_string(""));
    refuse(f, "\"A-B\"");
    json_object_clear(f->model.env);
    f->params.workdir = "relative";
    refuse(f, "workdir");
    f->params.workdir = "/w";
    f->params.service = "a,b";
    refuse(f, "a,b");
    f->params.service = "tiny";
    f->params.engine = engine_find("llamacpp");
    refuse(f, "model = ");
    f->params.engine = engine_find("command");
    refuse(f, "command = ");
}

static void test_engine_keys(void **state)
{
    struct fixture *f = *state;

    f->params.engine = engine_find("vllm");
    f->model.model = "/hub/models--openai--gpt-oss-20b";
    f->model.aliases = WORDS("q");
    f->model.max_model_len = 8192;
    f->model.image = "~/vllm.sif";
    f->model.models_dir = "/m";
    f->model.copy_binary = true;
    f->model.pre_pull = WORDS("a:1", "b");
    build(f);
    assert_non_null(
        strstr(f->script.data,
               "\nSFS_NAMES=('openai/gpt-oss-20b' 'tiny' 'q' '/hub/models--openai--gpt-oss-20b')\n"));
    assert_non_null(strstr(f->script.data, "\nSFS_IMAGE='~/vllm.sif'\n"));
    assert_non_null(
        strstr(f->script.data, "\nSFS_MAX_MODEL_LEN=8192\nSFS_COPY_BINARY=1\nSFS_CLEANUP_BINARY=0\n"));
    assert_non_null(strstr(f->script.data, "\nSFS_PRE_PULL=('a:1' 'b')\n"));
    assert_null(strstr(f->script.data, "sfs_relay_program()"));
    f->model.model = "tiny";
    f->params.engine = engine_find("ollama");
    assert_non_null(strstr(build(f), "\nSFS_NAMES=('tiny' 'q')\n"));
    assert_non_null(strstr(f->script.data, "sfs_relay_program() {"));
    f->params.engine = engine_find("http");
    f->model.command = WORDS("x");
    refuse(f, "image");
    f->model.image = "";
    f->model.pre_pull = WORDS("a\nb");
    refuse(f, "pre_pull");
}

static void test_masks(void **state)
{
    struct fixture *f = *state;
    const char *masked;

    json_object_set_new(f->model.env, "HF_TOKEN", json_string("hf_it's\nmine"));
    assert_non_null(strstr(build(f), SECRET));
    assert_non_null(strstr(f->script.data, "\texport HF_TOKEN='hf_it'\\''s\nmine'\n"));
    f->params.masked = true;
    masked = build(f);
    assert_null(strstr(masked, SECRET));
    assert_null(strstr(masked, "hf_it"));
    assert_null(strstr(masked, "mine"));
    assert_non_null(strstr(masked, "\nSFS_SECRET='***'\n"));
    assert_non_null(strstr(masked, "\n\texport HF_TOKEN='***'\n"));
    assert_ptr_equal(strstr(masked, "#!/bin/bash\n"), masked);
    assert_non_null(strstr(masked, "\nsfs_main; exit\n"));
}

static void test_bash_reads_it(void **state)
{
    static const char *const names[] = { "llamacpp", "vllm", "ollama", "http", "command", "parrot" };
    struct fixture *f = *state;

    f->model.model = "x'y";
    f->model.command = WORDS("p'");
    f->model.job.setup = WORDS("((", "'");
    json_object_set_new(f->model.env, "A", json_string("'\n'"));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        FILE *bash = popen("bash -n", "w");

        f->params.engine = engine_find(names[i]);
        build(f);
        fwrite(f->script.data, 1, f->script.len, bash);
        assert_int_equal(pclose(bash), 0);
    }
}

#define TEST(sentence, function)                                                                             \
    {                                                                                                        \
        sentence, function, setup, teardown, NULL                                                            \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("options stand in #SBATCH lines, one each, only when set", test_options),
        TEST("values are quoted for the shell", test_quotes),
        TEST("the binary is the model's, else ours for parrot, else the engine's", test_binary),
        TEST("what cannot go into a script is refused and named", test_refusals),
        TEST("an engine's own keys and names reach it", test_engine_keys),
        TEST("the secret and the values of env are masked and nothing else", test_masks),
        TEST("bash accepts every script, whatever its values", test_bash_reads_it),
    };

    return cmocka_run_group_tests_name("script", tests, NULL, NULL);
}
