/* SPDX-License-Identifier: MIT */
/* The job script as it runs: address, lease, end, and what is wrong. */
#include "job_fixture.h"

static void test_publishes(void **state)
{
    struct fixture *f = *state;
    struct job_notice n;
    struct stat st;
    char *path;
    int engine;

    f->model.command = WORDS("python3", TINY, ADDRESS, "--delay", "0.6");
    start(f);
    await(f, "state", "job node=localhost");
    await(f, "engine.pid", "");
    assert_false(holds(f, "state", "listening"));
    await(f, "state", "listening");
    n = find_notice(f, NOTICE_LISTENING);
    assert_string_equal(n.host, "localhost");
    assert_string_equal(n.addr, "127.0.0.1");
    assert_in_range(n.port, 20000, 32767);
    assert_int_equal(listen_on(n.port), -1);

    /* The secret is in the key file alone, and in the engine's environment. */
    path = xasprintf("%s/key", f->work);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(stat(f->work, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_true(holds(f, "key", SECRET "\n"));
    assert_int_equal(count_processes("/proc/[0-9]*/cmdline", SECRET, ""), 0);
    assert_int_equal(count_processes("/proc/[0-9]*/environ", SECRET, f->work), 1);

    engine = number_in(f, "engine.pid");
    assert_true(alive(engine));
    assert_int_equal(getpgid(engine), engine);
    kill(f->pid, SIGTERM);
    assert_int_equal(finish_within(f, PATIENCE), 143);
    assert_false(alive(engine));
    assert_int_not_equal(access(path, F_OK), 0);
    assert_true(holds(f, "state", "signal number=15\nexit status="));
    assert_true(holds(f, "stdout", "listening"));
    free(path);
}

static void test_wrapped(void **state)
{
    struct fixture *f = *state;

    f->model.command = WORDS("bash", "-c", "setsid python3 \"$@\" & wait", "wrapper", TINY, ADDRESS);
    start(f);
    await(f, "state", "listening");
    kill(f->pid, SIGTERM);
    assert_int_equal(finish_within(f, PATIENCE), 143);
    assert_false(alive(number_in(f, "engine.pid")));
}

static void test_stolen(void **state)
{
    struct fixture *f = *state;
    int port, thief;

    f->model.command =
        WORDS("bash", "-c",
              "test -e port && exec python3 \"$@\"; echo $SFS_PORT > port.tmp; mv port.tmp port; sleep 1000",
              "wrapper", TINY, ADDRESS);
    start(f);
    await(f, "port", "\n");
    port = number_in(f, "port");
    thief = listen_on(port);
    assert_true(thief >= 0);
    await(f, "state", "listening");
    assert_int_not_equal(find_notice(f, NOTICE_LISTENING).port, port);
    assert_true(holds(f, "stderr", "started again"));
    close(thief);
}

static void test_port_in_use_words(void **state)
{
    struct fixture *f = *state;

    f->model.command = WORDS(
        "bash", "-c", "test -e once && exec python3 \"$@\"; touch once; echo \"couldn't bind\" >&2; exit 1",
        "wrapper", TINY, ADDRESS);
    start(f);
    await(f, "state", "listening");
}

static void test_port_closed(void **state)
{
    struct fixture *f = *state;
    struct job_notice n;
    int thief;

    f->model.command = WORDS("python3", TINY, ADDRESS, "--close-after", "0.5");
    start(f);
    await(f, "state", "listening");
    n = find_notice(f, NOTICE_LISTENING);
    while ((thief = listen_on(n.port)) < 0)
        nap(20);
    assert_int_equal(finish_within(f, PATIENCE), 143);
    assert_true(holds(f, "state", "error text=somebody else listens"));
    assert_false(alive(number_in(f, "engine.pid")));
    close(thief);
}

static void test_engine_dies(void **state)
{
    struct fixture *f = *state;

    f->model.command = WORDS("python3", TINY, ADDRESS, "--die-after", "1", "--status", "7");
    start(f);
    await(f, "state", "listening");
    assert_int_equal(finish_within(f, PATIENCE), 7);
    assert_true(holds(f, "state", "\nexit status=7\n"));
}

static void test_engine_fails(void **state)
{
    struct fixture *f = *state;

    f->model.command = WORDS("bash", "-c", "echo no such GPU >&2; exit 3");
    start(f);
    assert_int_equal(finish_within(f, PATIENCE), 3);
    assert_int_equal(find_notice(f, NOTICE_EXIT).status, 3);
    assert_true(holds(f, "stderr", "no such GPU"));
    assert_false(holds(f, "stderr", "again"));
    assert_false(holds(f, "state", "listening"));
}

static void test_deaf(void **state)
{
    struct fixture *f = *state;
    int child;

    f->model.command = WORDS("bash", "-c", "setsid sleep 998 & echo $! > child; exec python3 \"$@\" --deaf",
                             "wrapper", TINY, ADDRESS);
    start(f);
    await(f, "state", "listening");
    child = number_in(f, "child");
    assert_true(alive(child));
    kill(f->pid, SIGTERM);
    assert_int_equal(finish_within(f, PATIENCE), 143);
    assert_false(alive(number_in(f, "engine.pid")));
    await_death(child);
}

static void test_shell_killed(void **state)
{
    struct fixture *f = *state;

    f->model.command = WORDS("python3", TINY, ADDRESS);
    start(f);
    await(f, "state", "listening");
    kill(f->pid, SIGKILL);
    assert_int_equal(finish_within(f, PATIENCE), 137);
    await_death(number_in(f, "engine.pid"));
}

static void test_lease_ends(void **state)
{
    struct fixture *f = *state;
    uint64_t began = mono_ms();

    f->model.command = WORDS("python3", TINY, ADDRESS);
    f->model.job.lease_s = 2;
    start(f);
    finish_within(f, PATIENCE);
    assert_true(mono_ms() - began >= 2000);
    assert_true(holds(f, "state", "\nlease\n"));
    assert_false(alive(number_in(f, "engine.pid")));
}

/* The lease of these is short only once the engine listens: a busy machine takes its time to start one. */
static void start_with_lease(struct fixture *f)
{
    f->model.command = WORDS("python3", TINY, ADDRESS);
    f->model.job.lease_s = 120;
    f->model.job.idle_timeout_s = 3;
    start(f);
    await(f, "state", "listening");
}

static void expect_end_by_lease(struct fixture *f)
{
    finish_within(f, PATIENCE);
    assert_true(holds(f, "state", "\nlease\n"));
    assert_false(alive(number_in(f, "engine.pid")));
}

/* A daemon that leaves the job says in the lease how long it may live on; the next one takes that back. */
static void test_lease_renewed(void **state)
{
    struct fixture *f = *state;
    char content[32];

    start_with_lease(f);
    for (int i = 0; i < 12; i++) {
        snprintf(content, sizeof content, "%d lease=3\n", i);
        write_file(f, "lease", content);
        nap(300);
    }
    assert_false(holds(f, "state", "lease"));
    write_file(f, "lease", "taken back\n");
    nap(6000);
    assert_false(holds(f, "state", "lease"));
    write_file(f, "lease", "for ever lease=0\n");
    nap(2500);
    assert_true(alive(number_in(f, "engine.pid")));
    write_file(f, "lease", "and again lease=3\n");
    expect_end_by_lease(f);
}

/* Where the lease file is not seen, signals to the shell alone count as signs of life. */
static void test_lease_by_signal(void **state)
{
    struct fixture *f = *state;

    start_with_lease(f);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(kill(f->pid, SIGUSR2), 0); /* left for the time that a model may be idle */
        nap(500);
    }
    assert_false(holds(f, "state", "lease"));
    assert_int_equal(kill(f->pid, SIGUSR1), 0); /* taken up again */
    nap(6000);
    assert_false(holds(f, "state", "lease"));
    assert_true(alive(number_in(f, "engine.pid")));
    assert_int_equal(kill(f->pid, SIGUSR2), 0);
    expect_end_by_lease(f);
}

static void test_requeued(void **state)
{
    struct fixture *f = *state;
    char *all, pid[32];

    f->model.command = WORDS("bash", "-c", "test -e twice && exec sleep 999; touch twice; exit 4");
    start(f);
    assert_int_equal(finish_within(f, PATIENCE), 4);
    start(f);
    snprintf(pid, sizeof pid, "pid=%d run=", f->pid);
    await(f, "state", pid);
    all = read_file(f, "state");
    assert_null(strstr(all, "exit"));
    assert_ptr_equal(strstr(all, "job "), all);
    free(all);
    kill(f->pid, SIGTERM);
    assert_int_equal(finish_within(f, PATIENCE), 143);
}

static void test_setup(void **state)
{
    struct fixture *f = *state;

    f->model.job.setup = WORDS("export GREETING=\"it's me\"", "if broken; (", "echo after");
    f->model.command = WORDS("bash", "-c", "echo \"$GREETING\"");
    start(f);
    assert_int_equal(finish_within(f, PATIENCE), 0);
    assert_true(holds(f, "stderr", "syntax error"));

    f->model.job.setup = WORDS("export GREETING=\"it's me\"", "echo $NO_SUCH_VARIABLE", "false");
    json_object_set_new(f->model.env, "QUOTED", json_string("a 'b' $HOME `id` \"c\""));
    f->model.model = "it's $(touch pwned)";
    f->model.command =
        WORDS("bash", "-c", "printf '[%s]' \"$GREETING\" \"$QUOTED\" \"$OPENAI_API_KEY\" \"$@\"", "x",
              "{model}", "&{host}&");
    f->model.engine_args = WORDS("", "two words", "*");
    start(f);
    assert_int_equal(finish_within(f, PATIENCE), 0);
    assert_true(holds(f, "stdout",
                      "[it's me][a 'b' $HOME `id` \"c\"][" SECRET
                      "][it's $(touch pwned)][&127.0.0.1&][][two words][*]"));
    assert_false(holds(f, "pwned", "") && access("pwned", F_OK) == 0);
}

static void test_missing_binary(void **state)
{
    struct fixture *f = *state;

    f->params.engine = engine_find("llamacpp");
    f->model.binary = "no-such-llama";
    f->model.model = "a/b";
    start(f);
    assert_int_equal(finish_within(f, PATIENCE), 127);
    assert_non_null(strstr(find_notice(f, NOTICE_ERROR).text, "no-such-llama was not found on localhost"));
    assert_non_null(strstr(find_notice(f, NOTICE_ERROR).text, "binary = "));
    assert_int_equal(find_notice(f, NOTICE_EXIT).status, 127);
}

static void test_llamacpp(void **state)
{
    struct fixture *f = *state;

    f->params.engine = engine_find("llamacpp");
    f->model.binary = TINY;
    f->model.model = "org/name:Q4";
    f->model.engine_args = WORDS("-c", "8192");
    start(f);
    await(f, "state", "listening");
    assert_true(holds(f, "engine.argv", "\n-np\n4\n--threads-http\n36\n-hf\norg/name:Q4\n-c\n8192\n"));
    kill(f->pid, SIGTERM);
    finish_within(f, PATIENCE);

    f->model.model = "/no/such.gguf";
    start(f);
    assert_int_equal(finish_within(f, PATIENCE), 66);
    assert_non_null(strstr(find_notice(f, NOTICE_ERROR).text, "/no/such.gguf cannot be read"));
}

static void test_comment(void **state)
{
    struct fixture *f = *state;
    char *path = xasprintf("%s/scontrol", f->dir), *old = xstrdup(getenv("PATH"));
    char *new = xasprintf("%s:%s", f->dir, old), *said, host[256], addr[64];
    FILE *out = fopen(path, "w");
    int port;

    fprintf(
        out,
        "#!/bin/bash\nprintf '%%s\\n' \"$@\" > said.tmp; mv said.tmp \"$(dirname \"$0\")/a 'b/w/said\"\n");
    fclose(out);
    chmod(path, 0755);
    setenv("PATH", new, 1);
    setenv("SLURM_JOB_ID", "4711", 1);
    setenv("SLURMD_NODENAME", "no-such-node.invalid", 1);
    f->params.loopback = false;
    f->model.job.expose = true; /* for a machine without any address but loopback */
    f->model.command = WORDS("python3", TINY, ADDRESS);
    start(f);
    setenv("PATH", old, 1);
    unsetenv("SLURM_JOB_ID");
    unsetenv("SLURMD_NODENAME");
    await(f, "said", "\n");
    said = read_file(f, "said");
    assert_non_null(strstr(said, "update\nJobId=4711\nComment=traefik,tiny,http://no-such-node.invalid:"));
    said[strlen(said) - 1] = '\0';
    assert_int_equal(comment_parse(strstr(said, "traefik"), host, &port, addr), 0);
    assert_int_equal(port, find_notice(f, NOTICE_LISTENING).port);
    assert_string_equal(addr, find_notice(f, NOTICE_LISTENING).addr);
    free(said);
    free(path);
    free(old);
    free(new);
}

static void test_unusable_workdir(void **state)
{
    struct fixture *f = *state;
    char *path = xasprintf("%s/a 'b", f->dir);
    FILE *out = fopen(path, "w"); /* a file where a directory is to be */

    fclose(out);
    f->params.loopback = false;
    f->model.job.expose = true; /* also where there is no address but loopback */
    f->model.command =
        WORDS("bash", "-c", "pwd > \"$1/pwd\"; stat -c %a key > \"$1/mode\"; exit 5", "x", f->dir);
    start(f);
    assert_int_equal(finish_within(f, PATIENCE), 5);
    strcpy(f->work, f->dir);
    assert_true(holds(f, "mode", "600\n"));
    free(path);
    path = read_file(f, "pwd");
    path[strcspn(path, "\n")] = '\0';
    assert_int_not_equal(access(path, F_OK), 0);
    free(path);
}

/* Kind local: nobody would learn the address, so that the script ends, and its last line is the job's reason. */
static void test_unusable_workdir_here(void **state)
{
    struct fixture *f = *state;
    char *path = xasprintf("%s/a 'b", f->dir);
    FILE *out = fopen(path, "w");

    fclose(out);
    f->model.command = WORDS("true");
    start(f);
    assert_int_equal(finish_within(f, PATIENCE), 73);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("a job publishes its address once its own engine listens, and TERM ends both", test_publishes),
        TEST("an engine may listen in a process of a session of its own", test_wrapped),
        TEST("a port that somebody else took is not published; the engine gets another", test_stolen),
        TEST("an engine that says its port was in use is started again", test_port_in_use_words),
        TEST("a port that somebody else takes later ends the job", test_port_closed),
        TEST("the engine's death ends the job with its status", test_engine_dies),
        TEST("an engine that fails at once is not started again", test_engine_fails),
        TEST("TERM ends an engine that ignores it, and what it has started", test_deaf),
        TEST("the engine does not outlive a killed job shell", test_shell_killed),
        TEST("a job without a sign of life ends itself", test_lease_ends),
        TEST("a renewed lease keeps the job", test_lease_renewed),
        TEST("a lease is renewed by signal too", test_lease_by_signal),
        TEST("a requeued job begins afresh in the same directory", test_requeued),
        TEST("setup lines, env and words reach the engine as they are", test_setup),
        TEST("a missing binary is named with the way out", test_missing_binary),
        TEST("llama-server gets a name or a file", test_llamacpp),
        TEST("under Slurm the address stands in the job's Comment", test_comment),
        TEST("a job whose directory cannot be used runs in one of its own", test_unusable_workdir),
        TEST("but not on the daemon's own machine, where it ends at once", test_unusable_workdir_here),
    };

    return cmocka_run_group_tests_name("job.sh", tests, NULL, NULL);
}
