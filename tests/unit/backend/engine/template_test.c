/* SPDX-License-Identifier: MIT */
/* Job templates as text: each dialect, and each mistake with its line. job_test.c runs some. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/base/alloc.h"
#include "backend/engine/template.h"
#include "model.h"

struct fixture {
    struct model_config model;
    struct template made;
    struct err err;
};

static int setup(void **state)
{
    struct fixture *f = NEW(struct fixture);

    model_defaults(&f->model, "command");
    f->model.job.time_s = 4 * 3600;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    template_free(&f->made);
    model_finish(&f->model);
    free(f);
    return 0;
}

static const char *make(struct fixture *f, const char *text)
{
    template_free(&f->made);
    if (template_make(text, strlen(text), "t.sub", &f->model, &f->made, &f->err) < 0)
        fail_msg("%s", f->err.text);
    return buf_str(&f->made.text);
}

static void refuse(struct fixture *f, const char *text, const char *place, const char *word)
{
    struct template t = { .dialect = DIALECT_ALVIS };

    assert_int_equal(template_make(text, strlen(text), "t.sub", &f->model, &t, &f->err), -EINVAL);
    assert_int_equal(t.dialect, DIALECT_ALVIS);
    if (strncmp(f->err.text, place, strlen(place)) || !strstr(f->err.text, word))
        fail_msg("\"%s\" is not at %s about %s", f->err.text, place, word);
}

static void has(const char *text, const char *piece)
{
    if (!strstr(text, piece))
        fail_msg("\"%s\" is not in:\n%s", piece, text);
}

static const char *read_data(struct fixture *f, const char *name)
{
    char *path = xasprintf(TEST_DATA "/templates/%s", name);

    template_free(&f->made);
    f->model.job.job_template = path;
    if (template_read(&f->model, &f->made, &f->err) < 0)
        fail_msg("%s", f->err.text);
    f->model.job.job_template = "";
    free(path);
    return buf_str(&f->made.text);
}

/* ---- slullama's */

static void slullamas_names_get_their_values(void **state)
{
    struct fixture *f = *state;
    const char *text;

    f->model.job.partition = "gpu";
    f->model.job.gres = "gpu:2";
    f->model.job.mem = "8G";
    f->model.job.extra_args = WORDS("--constraint=a100");
    f->model.models_dir = "$HOME/models";
    f->model.pre_pull = WORDS("qwen3:8b", "llama3");
    text = read_data(f, "slullama.sh");
    assert_int_equal(f->made.dialect, DIALECT_SLULLAMA);
    assert_string_equal(buf_str(&f->made.options),
                        "#SBATCH --job-name=slullama\n#SBATCH --partition=gpu\n#SBATCH --gres=gpu:2\n"
                        "#SBATCH --time=0-04:00:00\n#SBATCH --output=__SFS_DIR__/slullama-%j.out\n"
                        "#SBATCH --error=__SFS_DIR__/slullama-%j.err\n#SBATCH --mem=8G\n"
                        "#SBATCH --constraint=a100\n");
    has(text, "\n# (no copy configured)\nexport OLLAMA_MODELS=\"$HOME/models\"\nexport "
              "OLLAMA_HOST=0.0.0.0:__SFS_PORT__\n");
    has(text, "kill \"$OLLAMA_PID\"");
    has(text,
        "job $SLURM_JOB_ID on $(hostname), models in ${OLLAMA_MODELS:-the usual place}, \\$5 and $HOME");
    has(text, "port=__SFS_PORT__\"");
    has(text, "\nollama pull \"qwen3:8b\"\nollama pull \"llama3\"\nwait $OLLAMA_PID\n");
    has(text, "\n\t# (no cleanup configured)\n");
}

/* The path of the copy is the job's number and not the shell's: what stands in a value is not read again. */
static void the_copied_program_is_named_after_the_job(void **state)
{
    struct fixture *f = *state;

    f->model.copy_binary = f->model.cleanup_binary = true;
    f->model.copy_source = "/proj/ollama";
    assert_string_equal(
        make(f, "#!/bin/sh\n${copy_commands}\n${ollama_binary} serve\n${cleanup_commands}\n"
                "${pull_commands}\n${models_env}\n"),
        "#!/bin/sh\ncp \"/proj/ollama\" \"/tmp/slullama_ollama_$SLURM_JOB_ID\" && chmod +x "
        "\"/tmp/slullama_ollama_$SLURM_JOB_ID\"\n/tmp/slullama_ollama_$SLURM_JOB_ID serve\n"
        "rm -f \"/tmp/slullama_ollama_$SLURM_JOB_ID\"\n# (no pre-pull configured)\n# (using default "
        "model dir)\n");
    f->model.copy_source = "/a\"b";
    refuse(f, "#!/bin/sh\n\n${copy_commands}\n", "t.sub:3: ", "copy_source");
}

static void dollars_are_pythons(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(
        make(f, "#!/bin/sh\n$ollama_port ${ollama_port} $$ollama_port $${x} $1 $(y) ${z:-1} $ $"),
        "#!/bin/sh\n__SFS_PORT__ __SFS_PORT__ $ollama_port ${x} $1 $(y) ${z:-1} $ $\n");
    assert_string_equal(make(f, "#!/bin/sh\n$ollama_ports${ollama_port"),
                        "#!/bin/sh\n$ollama_ports${ollama_port\n");
    f->model.job.job_template_dialect = "slullama";
    assert_string_equal(make(f, "#!/bin/sh\nbinary=1; time=2\necho $binary $unknown $Time"),
                        "#!/bin/sh\nbinary=1; time=2\necho $binary $unknown $Time\n");
}

static void a_mistyped_name_is_told_with_the_nearest(void **state)
{
    struct fixture *f = *state;

    f->model.job.job_template_dialect = "slullama";
    refuse(f, "#!/bin/sh\n\nexport X=${olama_port}\n", "t.sub:3: ", "did you mean ${ollama_port}?");
    refuse(f, "#!/bin/sh\n#SBATCH --partition=$partitoin\n", "t.sub:2: ", "${partition}");
    /* What the script sets, or env gives, is its own. */
    make(f, "#!/bin/sh\nolama_port=5\necho ${olama_port}\n");
    json_object_set_new(f->model.env, "olama_port", json_string("5"));
    make(f, "#!/bin/sh\necho ${olama_port}\n");
}

static void a_name_without_a_value_puts_no_option(void **state)
{
    struct fixture *f = *state;

    f->model.job.time_s = 0;
    make(f, "#!/bin/sh\n#SBATCH --gres=${gres}\n#SBATCH --time=${time}\n#SBATCH --mem=1G\n");
    assert_string_equal(buf_str(&f->made.options), "#SBATCH --mem=1G\n");
}

/* ---- alvis-vllm's */

static void alviss_names_get_their_values(void **state)
{
    struct fixture *f = *state;
    const char *text;

    f->model.model = "/mimer/models--openai--gpt-oss-20b/snapshots/1";
    f->model.max_model_len = 10000;
    text = read_data(f, "alvis.sh");
    assert_int_equal(f->made.dialect, DIALECT_ALVIS);
    assert_string_equal(f->made.interpreter, "/usr/bin/env");
    assert_string_equal(f->made.argument, "bash");
    has(buf_str(&f->made.options), "#SBATCH --time=0-04:00:00\n");
    has(text, "MODEL=\"/mimer/models--openai--gpt-oss-20b/snapshots/1\"\n");
    has(text, "--max-model-len 10000 >");
}

static void unknown_names_of_alvis_are_told(void **state)
{
    struct fixture *f = *state;

    f->model.model = "m";
    refuse(f, "#!/bin/sh\n{{TIME}}\n{{PORT}}\n", "t.sub:3: ", "{{TIME}}, {{MODEL_PATH}}, {{MAX_MODEL_LEN}}");
    refuse(f, "#!/bin/sh\n{{MODEL_PTH}}\n", "t.sub:2: ", "{{MODEL_PTH}}");
    refuse(f, "#!/bin/sh\n{{MAX_MODEL_LEN}}\n", "t.sub:2: ", "max_model_len");
    f->model.model = "";
    refuse(f, "#!/bin/sh\n{{MODEL_PATH}}\n", "t.sub:2: ", "model = ");
    /* What other programs write in double braces is not ours. */
    make(f, "#!/bin/sh\ndocker inspect -f '{{.State}}' '{{json .X}}'\n# {{TIME}}");
    has(buf_str(&f->made.text), "'{{.State}}' '{{json .X}}'\n# 0-04:00:00");
}

/* ---- plain ones */

static void a_plain_one_stays_as_it_is(void **state)
{
    struct fixture *f = *state;
    static const char text[] = "#! /bin/bash -l -x \n# about\n\n#SBATCH -J svc --mem 1G # why\n#SBATCH -t 5\n"
                               "echo $$ ${time} {{x}}\n#SBATCH --array=1-9\n";

    assert_string_equal(make(f, text), text);
    assert_int_equal(f->made.dialect, DIALECT_PLAIN);
    assert_string_equal(f->made.job_name, "svc");
    assert_string_equal(f->made.interpreter, "/bin/bash");
    assert_string_equal(f->made.argument, "-l -x");
    assert_string_equal(buf_str(&f->made.options), "#SBATCH -J svc --mem 1G # why\n#SBATCH -t 5\n");
    make(f, "#!/bin/sh\n#SBATCH --job-name=\"a b\"\n");
    assert_string_equal(f->made.job_name, "a b");
    read_data(f, "hello.sub");
    assert_int_equal(f->made.dialect, DIALECT_PLAIN);
    assert_string_equal(f->made.job_name, "hello-service");
    assert_string_equal(f->made.argument, "python3");
}

static void a_named_dialect_counts(void **state)
{
    struct fixture *f = *state;

    f->model.job.job_template_dialect = "plain";
    assert_string_equal(make(f, "#!/bin/sh\n${ollama_port} {{TIME}}\n"),
                        "#!/bin/sh\n${ollama_port} {{TIME}}\n");
    f->model.job.job_template_dialect = "auto";
    refuse(f, "#!/bin/sh\n${ollama_port}\n{{TIME}}\n", "t.sub:3: ", "job_template_dialect");
}

/* ---- mistakes */

static void what_sbatch_would_refuse_is_told_with_its_line(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text, *place, *word;
    } rows[] = {
        { "", "t.sub:1: ", "#!" },
        { "\n#!/bin/sh\n", "t.sub:1: ", "#!" },
        { "#!bash\n", "t.sub:1: ", "absolute" },
        { "#!\n", "t.sub:1: ", "absolute" },
        { "#!/bin/sh\necho\r\n", "t.sub:2: ", "DOS" },
        { "#!/bin/sh\n\n#SBATCH --array=1-2\n", "t.sub:3: ", "--array" },
        { "#!/bin/sh\n#SBATCH -t 5 -a 1-2\n", "t.sub:2: ", "--array" },
        { "#!/bin/sh\n#SBATCH -W\n", "t.sub:2: ", "--wait" },
        { "#!/bin/sh\n#SBATCH -M other\n", "t.sub:2: ", "--clusters" },
        { "#!/bin/sh\n#SBATCH --test-only\n", "t.sub:2: ", "--test-only" },
        { "#!/bin/sh\n#SBATCH hetjob\n", "t.sub:2: ", "several jobs" },
        { "#!/bin/sh\n#SBATCH time=5\n", "t.sub:2: ", "dash" },
        { "#!/bin/sh\n#SBATCH--time=5\n", "t.sub:2: ", "blank" },
        { "#!/bin/sh\n#SBATCH --comment=${ollama_port}\n", "t.sub:2: ", "port" },
    };
    struct template t;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refuse(f, rows[i].text, rows[i].place, rows[i].word);
    assert_int_equal(template_make("#!/bin/sh\n\n\0\n", 13, "t.sub", &f->model, &t, &f->err), -EINVAL);
    has(f->err.text, "t.sub:3: there is a NUL");
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
    struct fixture *f = *state;
    char path[] = "/tmp/template_test.XXXXXX";
    struct template t;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(template_check(&f->model, &f->err), 0);
    f->model.job.job_template = path;
    assert_int_equal(template_check(&f->model, &f->err), -EINVAL);
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    assert_int_equal(template_read(&f->model, &t, &f->err), -EINVAL);
    has(f->err.text, "larger");
    close(fd);
    unlink(path);
    assert_int_equal(template_read(&f->model, &t, &f->err), -ENOENT);
    has(f->err.text, path);
    f->model.job.job_template = "/tmp";
    assert_int_equal(template_read(&f->model, &t, &f->err), -EINVAL);
    has(f->err.text, "/tmp is no file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(slullamas_names_get_their_values, setup, teardown),
        cmocka_unit_test_setup_teardown(the_copied_program_is_named_after_the_job, setup, teardown),
        cmocka_unit_test_setup_teardown(dollars_are_pythons, setup, teardown),
        cmocka_unit_test_setup_teardown(a_mistyped_name_is_told_with_the_nearest, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_without_a_value_puts_no_option, setup, teardown),
        cmocka_unit_test_setup_teardown(alviss_names_get_their_values, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_names_of_alvis_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_plain_one_stays_as_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(a_named_dialect_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(what_sbatch_would_refuse_is_told_with_its_line, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_read_is_named, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
