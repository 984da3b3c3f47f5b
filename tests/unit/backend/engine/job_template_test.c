/* SPDX-License-Identifier: MIT */
/* Templates and further log files as running jobs. */
#include "job_fixture.h"

#define SERVE "python3 " TINY " --host 127.0.0.1 --api-key-file \"$SFS_KEY_FILE\" "
#define FREE_PORT                                                                                            \
    "P=$(python3 -c 'import socket; s = socket.socket(); s.bind((\"\", 0)); print(s.getsockname()[1])')\n"   \
    "echo $P > \"$SFS_DIR/port\"\n"

/* Run a text as the template of the model; its path lives as long as the fixture. */
static void use_template(struct fixture *f, const char *text)
{
    FILE *out;

    snprintf(f->template, sizeof f->template, "%s/t.sub", f->dir);
    out = fopen(f->template, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    f->model.job.job_template = f->template;
    f->model.job.job_template_dialect = "auto";
}

static void test_template_given_port(void **state)
{
    struct fixture *f = *state;

    f->model.job.setup = WORDS("export FROM_SETUP=1");
    use_template(
        f,
        "#!/usr/bin/env python3\n"
        "import os\n"
        "os.chdir(os.environ['SFS_DIR'])\n"
        "print('it''s', os.environ['FROM_SETUP'], os.environ['PORT'] == os.environ['SFS_PORT'], flush=True)\n"
        "os.execvp('python3', ['python3', '" TINY "', '--host', os.environ['SFS_HOST'], '--port',\n"
        "          os.environ['PORT'], '--api-key-file', os.environ['SFS_KEY_FILE']])\n");
    start(f);
    await(f, "state", "listening");
    await(f, "stdout", "its 1 True\n");
    assert_in_range(find_notice(f, NOTICE_LISTENING).port, 20000, 32767);
    kill(f->pid, SIGTERM);
    assert_int_equal(finish_within(f, PATIENCE), 143);
    assert_false(alive(number_in(f, "engine.pid")));
}

/* The placeholder becomes the port everywhere, also where no shell would replace a variable. */
static void test_template_placeholder(void **state)
{
    struct fixture *f = *state;

    use_template(f, "#!/bin/bash\ncd \"${log_dir}\"\necho 'port=${ollama_port} $$HOME' > said\n"
                    "exec " SERVE "--port ${ollama_port}\n");
    start(f);
    await(f, "state", "listening");
    assert_true(holds(f, "said", " $HOME\n"));
    char *said = read_file(f, "said");
    assert_int_equal(atoi(said + strlen("port=")), find_notice(f, NOTICE_LISTENING).port);
    free(said);
}

static void test_template_file(void **state)
{
    struct fixture *f = *state;

    use_template(f, "#!/bin/bash\ncd \"$SFS_DIR\"\n" FREE_PORT
                    "echo \"localhost:$P\" > server_address.txt\nexec " SERVE "--port $P\n");
    start(f);
    await(f, "state", "listening");
    assert_int_equal(find_notice(f, NOTICE_LISTENING).port, number_in(f, "port"));
}

/* A line may come in pieces, and the first that comes need not be true. */
static void test_template_line(void **state)
{
    struct fixture *f = *state;
    int fd = -1, taken;
    char *text;

    for (taken = 21000; fd < 0; taken++)
        fd = listen_on(taken);
    taken--;
    text = xasprintf(
        "#!/bin/bash\ncd \"$SFS_DIR\"\n" FREE_PORT SERVE "--port $P &\n"
        "echo Server will run at localhost:%d\necho Server will run at else.where:$P\n"
        "echo SLULLAMA_READY hostname=localhost port=99999\necho Server will run at localhost:$P:1\n"
        "while [ ! -e go ]; do sleep 0.1; done\n"
        "printf 'INFO: Server will '; sleep 1; echo \"run at localhost:$P\"\nwait\n",
        taken);
    use_template(f, text);
    free(text);
    start(f);
    await(f, "stdout", ":1\n");
    await(f, "stdout", "listening");
    nap(1500); /* some looks of the watcher, which must not find it */
    assert_false(holds(f, "state", "listening"));
    write_file(f, "go", "");
    await(f, "state", "listening");
    assert_int_equal(find_notice(f, NOTICE_LISTENING).port, number_in(f, "port"));
    close(fd);
}

static void test_template_ends(void **state)
{
    struct fixture *f = *state;

    use_template(f, "#!/nonexistent/sh\n");
    start(f);
    assert_int_equal(finish_within(f, PATIENCE), 127);
    assert_true(
        holds(f, "state", "error text=/nonexistent/sh, which the first line of the job template names"));
}

static void test_log_files(void **state)
{
    struct fixture *f = *state;
    char *dir = xasprintf("%s/logs", f->dir), *command;

    assert_int_equal(mkdir(dir, 0700), 0);
    command = xasprintf("echo old > %s/o.out", dir);
    assert_int_equal(system(command), 0);
    json_object_set_new(f->model.env, "LOGS", json_string(dir));
    f->model.log_files = WORDS("e.err", "$LOGS/o.out", "${UNSET}/none");
    f->model.command =
        WORDS("bash", "-c", "echo one > e.err; echo two >> $LOGS/o.out; sleep 1; echo last >> e.err; exit 3");
    start(f);
    await(f, "stdout", "two");
    assert_int_equal(finish_within(f, PATIENCE), 3);
    assert_true(holds(f, "stderr", "one\nlast\n"));
    assert_false(holds(f, "stdout", "old"));
    assert_int_equal(count_processes("/proc/[0-9]*/cmdline", "tail", dir), 0);
    free(command);
    free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("a template in Python listens on the port that it is given", test_template_given_port),
        TEST("a placeholder for the port becomes it", test_template_placeholder),
        TEST("a template tells its port in server_address.txt", test_template_file),
        TEST("a template tells its port in a line, and is believed only where it listens",
             test_template_line),
        TEST("a template without its interpreter is told", test_template_ends),
        TEST("further log files are followed from the start of the run to its end", test_log_files),
    };

    return cmocka_run_group_tests_name("job.sh", tests, NULL, NULL);
}
