/* SPDX-License-Identifier: MIT */
/* The ways of a stream: what sshd forwards, what a program there connects, and through sshd on the node; and the
 * programs alone. */
#include "backend/transport/tunnel.h"
#include "sshd_here.h"

#define MARK "0123456789abcdef0123456789abcdef"

struct bench {
    uv_loop_t loop;
    struct sshd sshd;
    struct cluster_config cluster;
    char *runtime;
    struct transport *t;
    struct states states;
    pid_t echo;
    int port; /* of the echo server */
};

/* sshd_lines NULL: this machine */
static int begin_with(void **state, const char *sshd_lines, const char *tunnel)
{
    struct bench *b = NEW(struct bench);

    uv_loop_init(&b->loop);
    b->sshd = shared;
    b->echo = echo_server(&b->port);
    if (sshd_lines)
        sshd_start(&b->sshd, sshd_lines);
    b->runtime = fresh_dir();
    b->cluster = (struct cluster_config){ .name = "lab",
                                          .host = sshd_lines ? "box" : "",
                                          .ssh_config = shared.config,
                                          .transport = "auto",
                                          .tunnel = (char *)tunnel };
    struct transport_params p = { .loop = &b->loop,
                                  .cluster = &b->cluster,
                                  .runtime_dir = b->runtime,
                                  .state_cb = state_cb,
                                  .arg = &b->states };
    assert_int_equal(transport_create(&b->t, &p, NULL), 0);
    *state = b;
    return 0;
}

static int begin_here(void **state)
{
    return begin_with(state, NULL, "auto");
}

static int begin(void **state)
{
    return begin_with(state, "", "auto");
}

static int begin_forbidden(void **state)
{
    return begin_with(state, "AllowTcpForwarding no\n", "auto");
}

static int begin_forbidden_login(void **state)
{
    return begin_with(state, "AllowTcpForwarding no\n", "login");
}

static int begin_exec_1_session(void **state)
{
    return begin_with(state, "MaxSessions 1\n", "exec");
}

/* And with an srun, whose node sees another port than the login node; the job 7 has ended. It notes each call. */
static int begin_exec_srun(void **state)
{
    char *path = xasprintf("SetEnv PATH=%s:/usr/bin:/bin\n", shared.dir);
    int rc = begin_with(state, path, "exec");
    struct bench *b = *state;
    char *srun =
        xasprintf("#!/bin/bash\necho \"${@:1:9}\" >> %s/calls\n"
                  "[ \"$2\" != --jobid=7 ] || { echo srun: error: Invalid job id specified >&2; exit 1; }\n"
                  "args=(\"$@\")\nargs[-3]=%d\nexec \"${args[@]:8}\"\n",
                  shared.dir, b->port);

    put_file(shared.dir, "calls", "");
    put_file(shared.dir, "srun", srun);
    shell("chmod 755 %s/srun", shared.dir);
    free(srun);
    free(path);
    return rc;
}

static int begin_node(void **state)
{
    return begin_with(state, "", "node");
}

static int end(void **state)
{
    struct bench *b = *state;

    transport_destroy(b->t);
    finish_loop(&b->loop);
    assert_int_equal(our_ssh_processes(), 0);
    assert_int_equal(rmdir(b->runtime), 0);
    free(b->runtime);
    sshd_kill(&b->sshd);
    end_child(b->echo);
    free(b);
    return 0;
}

static struct dialled dial(struct bench *b, const char *host, int port, uint64_t timeout_ms)
{
    struct dialled d = { 0 };

    transport_dial(b->t, host, port, timeout_ms, dial_cb, &d);
    wait_for(&b->loop, &d.done, 1);
    return d;
}

/* Every byte value, much more than any buffer between, echoed back while it is written. */
static void assert_carries(struct bench *b, int fd)
{
    enum { N = 3 << 20 };
    unsigned char *chunk = xcalloc(1, 65536);
    size_t sent = 0, got = 0;
    uint64_t end_at = mono_ms() + PATIENCE_MS;

    while (got < N && mono_ms() < end_at) {
        int never = 0;
        while (sent < N) {
            size_t n = N - sent < 65536 ? N - sent : 65536;
            for (size_t i = 0; i < n; i++)
                chunk[i] = (unsigned char)((sent + i) * 7 + (sent + i) / 251);
            ssize_t put = send(fd, chunk, n, MSG_NOSIGNAL);
            if (put <= 0)
                break;
            sent += (size_t)put;
        }
        ssize_t n;
        while ((n = read(fd, chunk, 65536)) > 0) {
            for (ssize_t i = 0; i < n; i++, got++)
                if (chunk[i] != (unsigned char)(got * 7 + got / 251))
                    fail_msg("byte %zu is wrong", got);
        }
        if (n == 0)
            fail_msg("the end after %zu bytes", got);
        wait_within(&b->loop, &never, 1, 5);
    }
    assert_int_equal(got, N);
    free(chunk);
}

static void assert_says_bye(struct bench *b, int fd)
{
    assert_int_equal(write(fd, "bye", 3), 3);
    char *rest = read_until(&b->loop, fd, NULL); /* up to the end of file */
    assert_string_equal(rest, "bye");
    free(rest);
    close(fd);
}

/* ---- The programs alone. */

static int open_with(struct bench *b, const char *tool, int port)
{
    char *line = tunnel_pipe_line("127.0.0.1", port, MARK, tool, NULL);
    struct dialled d = { 0 };

    assert_non_null(line);
    transport_pipe(b->t, line, 30000, dial_cb, &d);
    wait_for(&b->loop, &d.done, 1);
    assert_true(d.fd >= 0);
    free(line);
    return d.fd;
}

static void take_mark(struct bench *b, int fd)
{
    char *mark = read_until(&b->loop, fd, MARK "\n");

    assert_string_equal(mark, MARK "\n");
    free(mark);
}

static void each_program_carries_all_bytes_and_the_end(void **state)
{
    struct bench *b = *state;
    static const char *const tools[] = { "python3", "socat", "bash", "missing nc", "missing" };

    for (size_t i = 0; i < 4; i++) {
        char *look = xasprintf("command -v %s >/dev/null", strrchr(tools[i], ' ') ? "nc" : tools[i]);
        bool there = system(look) == 0;
        free(look);
        if (!there)
            continue;
        int fd = open_with(b, tools[i], b->port);
        take_mark(b, fd);
        assert_carries(b, fd);
        assert_says_bye(b, fd);
    }
    int fd = open_with(b, tools[4], b->port);
    char *nothing = read_until(&b->loop, fd, NULL);
    assert_string_equal(nothing, "");
    free(nothing);
    close(fd);
}

/* A server that answers only when it has all: the end of what we send has to reach it. */
static void python3_passes_on_the_end_of_one_half(void **state)
{
    struct bench *b = *state;
    int port, listener = listen_here(&port, 4);
    int fd = open_with(b, "python3", port);
    char got[64];

    take_mark(b, fd);
    int peer = accept(listener, NULL, NULL);
    assert_int_equal(write(fd, "question", 8), 8);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    for (ssize_t n, have = 0; have < 8; have += n)
        assert_true((n = read(peer, got + have, sizeof got - (size_t)have)) > 0);
    assert_memory_equal(got, "question", 8);
    assert_int_equal(read(peer, got, 1), 0);
    assert_int_equal(write(peer, "answer", 6), 6);
    close(peer);
    char *answer = read_until(&b->loop, fd, NULL);
    assert_string_equal(answer, "answer");
    free(answer);
    close(fd);
    close(listener);
}

static void a_name_that_a_shell_could_take_amiss_is_refused(void **state)
{
    static const char *const hosts[] = { "", "-v", "a b", "a;b", "$(id)", "a'b", "n\n1", "*" };

    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        assert_null(tunnel_pipe_line(hosts[i], 1, MARK, "python3", NULL));
    char *line = tunnel_pipe_line("alvis7-07.c3se.chalmers.se", 1, MARK, "python3", NULL);
    assert_non_null(line);
    free(line);
}

/* ---- Through sshd. */

static void where_sshd_forwards_it_does(void **state)
{
    struct bench *b = *state;

    assert_null(transport_tunnel(b->t)); /* not known yet */
    struct dialled d = dial(b, "127.0.0.1", b->port, 60000);
    assert_true(d.fd >= 0);
    assert_string_equal(transport_tunnel(b->t), "login");
    assert_carries(b, d.fd);
    assert_says_bye(b, d.fd);
}

static void where_it_does_not_a_program_connects(void **state)
{
    struct bench *b = *state;
    struct dialled d = dial(b, "127.0.0.1", b->port, 60000);

    assert_string_equal(d.err, "");
    assert_string_equal(transport_tunnel(b->t), "exec");
    assert_carries(b, d.fd);
    assert_says_bye(b, d.fd);
    /* It is remembered, and it is told apart who is not there. */
    int nobody;
    close(listen_here(&nobody, 1));
    d = dial(b, "127.0.0.1", nobody, 60000);
    assert_int_equal(d.fd, -ECONNREFUSED);
    assert_non_null(strstr(d.err, "seen from box through a command: connect failed: Connection refused"));
    assert_int_equal(transport_state(b->t), TRANSPORT_UP);
    assert_int_equal(transport_logins(b->t), 1);
}

static void many_at_once_wait_for_sessions(void **state)
{
    struct bench *b = *state;
    struct dialled d[16] = { 0 };
    int open = 0, never = 0;

    for (int i = 0; i < 16; i++) /* sshd's MaxSessions is 10 */
        transport_dial(b->t, "127.0.0.1", b->port, 60000, dial_cb, &d[i]);
    for (uint64_t end_at = mono_ms() + PATIENCE_MS; open < 16 && mono_ms() < end_at;) {
        for (int i = 0; i < 16; i++) {
            if (!d[i].done || d[i].fd < 0)
                continue;
            assert_says_bye(b, d[i].fd);
            d[i].fd = -1;
            open++;
        }
        wait_within(&b->loop, &never, 1, 20);
    }
    assert_int_equal(open, 16);
}

static void closing_it_closes_it_at_the_far_end(void **state)
{
    struct bench *b = *state;
    int port, listener = listen_here(&port, 4);
    struct dialled d = dial(b, "127.0.0.1", port, 60000);
    char c;

    assert_true(d.fd >= 0);
    int peer = accept(listener, NULL, NULL);
    close(d.fd);
    struct pollfd p = { .fd = peer, .events = POLLIN };
    for (uint64_t end_at = mono_ms() + PATIENCE_MS; poll(&p, 1, 0) == 0 && mono_ms() < end_at;) {
        int never = 0;
        wait_within(&b->loop, &never, 1, 20);
    }
    assert_int_equal(read(peer, &c, 1), 0);
    close(peer);
    close(listener);
}

static void where_the_configuration_says_login_it_stays_forbidden(void **state)
{
    struct bench *b = *state;
    struct dialled d = dial(b, "127.0.0.1", b->port, 60000);

    assert_int_equal(d.fd, -EACCES);
    assert_non_null(strstr(d.err, "AllowTcpForwarding"));
    assert_string_equal(transport_tunnel(b->t), "login");
}

static void a_session_too_few_is_waited_for_and_then_said(void **state)
{
    struct bench *b = *state;
    struct dialled one = dial(b, "127.0.0.1", b->port, 60000), two, three = { 0 };

    assert_true(one.fd >= 0);
    two = dial(b, "127.0.0.1", b->port, 1500);
    assert_int_equal(two.fd, -EHOSTUNREACH);
    assert_non_null(strstr(two.err, "MaxSessions"));
    transport_dial(b->t, "127.0.0.1", b->port, 60000, dial_cb, &three);
    assert_says_bye(b, one.fd);
    wait_for(&b->loop, &three.done, 1);
    assert_true(three.fd >= 0);
    assert_says_bye(b, three.fd);
}

static struct dialled dial_job(struct bench *b, int port, const char *job)
{
    struct dialled d = { 0 };

    transport_dial_job(b->t, "127.0.0.1", port, job, 60000, dial_cb, &d);
    wait_for(&b->loop, &d.done, 1);
    return d;
}

static void assert_steps(int n)
{
    shell("test $(wc -l < %s/calls) = %d", shared.dir, n);
}

static void where_the_login_node_reaches_nothing_a_step_of_the_job_does(void **state)
{
    struct bench *b = *state;
    int nobody;

    close(listen_here(&nobody, 1));
    struct dialled d = dial_job(b, nobody, NULL);
    assert_int_equal(d.fd, -ECONNREFUSED);
    assert_steps(0);
    d = dial_job(b, nobody, "12");
    assert_string_equal(d.err, "");
    shell("grep -q -- '^--overlap --jobid=12 -N 1 -n 1 -Q -u sh' %s/calls", shared.dir);
    assert_string_equal(transport_tunnel(b->t), "exec");
    assert_carries(b, d.fd);
    assert_says_bye(b, d.fd);
    d = dial_job(b, nobody, "13"); /* remembered: by a step at once */
    assert_string_equal(d.err, "");
    assert_says_bye(b, d.fd);
    assert_steps(2);
    d = dial_job(b, b->port, NULL); /* no job: by the login node */
    assert_says_bye(b, d.fd);
}

static void a_step_that_fails_is_not_tried_again_at_once(void **state)
{
    struct bench *b = *state;
    int nobody;

    close(listen_here(&nobody, 1));
    for (int i = 0; i < 3; i++) {
        struct dialled d = dial_job(b, nobody, "7");
        assert_int_equal(d.fd, -ECONNREFUSED);
        assert_non_null(strstr(d.err, "through a command: connect failed: Connection refused"));
    }
    assert_steps(1);
    assert_null(tunnel_pipe_line("n1", 1, MARK, "python3", "7; id"));
    struct dialled d = dial_job(b, b->port, "7");
    assert_says_bye(b, d.fd);
    assert_steps(1);
}

static void through_sshd_on_the_node_its_loopback_is_reached(void **state)
{
    struct bench *b = *state;
    struct dialled d = dial(b, "inner", b->port, 6000);

    assert_string_equal(d.err, "");
    assert_true(d.fd >= 0);
    assert_string_equal(transport_tunnel(b->t), "node");
    assert_int_equal(our_ssh_processes(), 2);
    assert_carries(b, d.fd);
    assert_says_bye(b, d.fd);
    d = dial(b, "inner", b->port, 6000);
    assert_int_equal(our_ssh_processes(), 2); /* the same one */
    assert_says_bye(b, d.fd);
}

static void a_node_that_refuses_the_login_fails_with_the_way_out(void **state)
{
    struct bench *b = *state;
    struct dialled d = dial(b, "wrongkey", b->port, 60000);

    assert_int_equal(d.fd, -EKEYREJECTED);
    assert_non_null(strstr(d.err, "`ssh -J box wrongkey` has to work"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(begin, name) cmocka_unit_test_setup_teardown(name, begin, end)
        T(begin_here, each_program_carries_all_bytes_and_the_end),
        T(begin_here, python3_passes_on_the_end_of_one_half),
        cmocka_unit_test(a_name_that_a_shell_could_take_amiss_is_refused),
        T(begin, where_sshd_forwards_it_does),
        T(begin_forbidden, where_it_does_not_a_program_connects),
        T(begin_forbidden, many_at_once_wait_for_sessions),
        T(begin_forbidden, closing_it_closes_it_at_the_far_end),
        T(begin_forbidden_login, where_the_configuration_says_login_it_stays_forbidden),
        T(begin_exec_1_session, a_session_too_few_is_waited_for_and_then_said),
        T(begin_exec_srun, where_the_login_node_reaches_nothing_a_step_of_the_job_does),
        T(begin_exec_srun, a_step_that_fails_is_not_tried_again_at_once),
        T(begin_node, through_sshd_on_the_node_its_loopback_is_reached),
        T(begin_node, a_node_that_refuses_the_login_fails_with_the_way_out),
    };

    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, prepare, clean);
}
