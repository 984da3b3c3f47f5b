/* SPDX-License-Identifier: MIT */
/* The life of ssh(1)'s master: it is lost, left behind, or the user's own. */
#include "openssh_fixture.h"

/* ---- Losing the link. */

static void a_lost_link_comes_back_and_what_waits_is_served(void **state)
{
    struct bench *b = *state;
    struct outcome running = { 0 }, waiting = { 0 };
    struct dialled d = { 0 };
    int port, never = 0;
    pid_t server = echo_server(&port);
    int stream = open_stream(b, port);

    transport_run(b->t, "echo here; exec sleep 100", NULL, 0, 60000, 100000, command_cb, &running);
    wait_within(&b->loop, &never, 1, 500);
    sshd_kill(&b->sshd);
    wait_for(&b->loop, &running.done, 1);
    assert_int_equal(running.rc, -ECONNRESET);
    assert_int_not_equal(transport_state(b->t), TRANSPORT_UP);
    assert_string_not_equal(transport_reason(b->t), "");
    free(read_until(&b->loop, stream, NULL)); /* the end of file */
    close(stream);

    transport_run(b->t, "exit 3", NULL, 0, 120000, 30000, command_cb, &waiting);
    transport_dial(b->t, "127.0.0.1", port, 120000, dial_cb, &d);
    for (uint64_t end_at = mono_ms() + PATIENCE_MS;
         !strstr(transport_reason(b->t), "Connection refused") && mono_ms() < end_at;) {
        assert_true(our_ssh_processes() <= 1);
        wait_within(&b->loop, &never, 1, 20);
    }
    assert_non_null(strstr(transport_reason(b->t), "Connection refused"));
    assert_int_equal(transport_state(b->t), TRANSPORT_CONNECTING);
    assert_int_equal(waiting.done, 0);
    sshd_start(&b->sshd, "");
    wait_for(&b->loop, &waiting.done, 1);
    assert_int_equal(waiting.rc, 0);
    assert_int_equal(waiting.exit_status, 3);
    wait_for(&b->loop, &d.done, 1);
    assert_true(d.fd >= 0);
    close(d.fd);
    assert_int_equal(transport_logins(b->t), 2);
    assert_int_equal(our_ssh_processes(), 1);
    outcome_free(&running);
    outcome_free(&waiting);
    end_child(server);
}

static void a_killed_ssh_is_replaced_when_the_next_need_comes(void **state)
{
    struct bench *b = *state;
    int never = 0;

    assert_works(b);
    kill((pid_t)children_of(getpid(), "ssh").pids[0], SIGKILL);
    for (uint64_t end_at = mono_ms() + PATIENCE_MS;
         transport_state(b->t) == TRANSPORT_UP && mono_ms() < end_at;)
        wait_within(&b->loop, &never, 1, 20);
    assert_int_equal(transport_state(b->t), TRANSPORT_IDLE);
    assert_true(is_empty(b->runtime)); /* its socket is gone */
    assert_works(b);
    assert_int_equal(transport_logins(b->t), 2);
}

static void destroy_while_busy_leaves_nothing(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };
    struct dialled d = { 0 };
    int port, never = 0, listener = listen_here(&port, 4);
    int fd = open_stream(b, port);

    for (int i = 0; i < 8; i++)
        transport_run(b->t, "echo x; exec sleep 5", NULL, 0, 60000, 60000, command_cb, &o);
    wait_within(&b->loop, &never, 1, 300);
    transport_dial(b->t, "127.0.0.1", port, 30000, dial_cb, &d);
    transport_pipe(b->t, "exec cat", 30000, dial_cb, &d);
    transport_destroy(b->t);
    b->t = NULL;
    assert_int_equal(o.done, 8);
    assert_int_equal(o.rc, -ECANCELED);
    assert_int_equal(d.done, 2);
    assert_int_equal(d.fd, -ECANCELED);
    char c;
    assert_int_equal(read(fd, &c, 1), 0);
    close(fd);
    close(listener);
    outcome_free(&o);
}

static void destroy_while_connecting_leaves_nothing(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };
    int never = 0;

    transport_run(b->t, "true", NULL, 0, 60000, 60000, command_cb, &o);
    wait_within(&b->loop, &never, 1, 50);
    assert_int_equal(transport_state(b->t), TRANSPORT_CONNECTING);
    transport_destroy(b->t);
    b->t = NULL;
    assert_int_equal(o.done, 1);
    assert_int_equal(o.rc, -ECANCELED);
    outcome_free(&o);
}

/* ---- What a killed daemon leaves behind. */

/* A process that owns a transport, is up, and is killed. Returns its ssh. */
static long leave_master_behind(struct bench *b)
{
    int ready[2];
    char byte;

    assert_int_equal(pipe(ready), 0);
    pid_t daemon = fork();
    if (daemon == 0) {
        uv_loop_t loop;
        struct states s = { 0 };
        struct transport_params p = {
            .loop = &loop, .cluster = &b->cluster, .runtime_dir = b->runtime, .state_cb = state_cb, .arg = &s
        };
        struct outcome o = { 0 };
        struct transport *t;
        int never = 0;
        uv_loop_init(&loop);
        if (transport_create(&t, &p, NULL) < 0)
            _exit(1);
        transport_run(t, "exec true", NULL, 0, PATIENCE_MS, PATIENCE_MS, command_cb, &o);
        if (!wait_within(&loop, &o.done, 1, PATIENCE_MS) || write(ready[1], "x", 1) != 1)
            _exit(1);
        wait_within(&loop, &never, 1, 1000000);
        _exit(1);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    struct children c = children_of(daemon, "ssh");
    assert_int_equal(c.n, 1);
    end_child(daemon);
    return c.pids[0];
}

static void wait_until_gone(struct bench *b, long pid)
{
    int never = 0;

    for (uint64_t end_at = mono_ms() + PATIENCE_MS; is_alive(pid) && mono_ms() < end_at;)
        wait_within(&b->loop, &never, 1, 20);
    assert_false(is_alive(pid));
}

static void a_master_left_behind_is_taken_over_and_ended_at_last(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };
    int port;
    pid_t server = echo_server(&port);
    long ssh = leave_master_behind(b);

    assert_works(b);
    close(open_stream(b, port));
    run(b, "kill -KILL $$", NULL, 60000, &o);
    assert_int_equal(o.rc, 0);
    assert_int_equal(our_ssh_processes(), 0); /* it is his */
    assert_true(is_alive(ssh));
    assert_int_equal(transport_logins(b->t), 1);
    transport_destroy(b->t);
    b->t = NULL;
    wait_until_gone(b, ssh);
    end_child(server);
    outcome_free(&o);
}

static void the_end_of_a_master_that_was_taken_over_is_the_end_of_the_link(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };
    long ssh = leave_master_behind(b);
    int never = 0;

    assert_works(b);
    transport_run(b->t, "exec sleep 20", NULL, 0, 60000, 60000, command_cb, &o);
    wait_within(&b->loop, &never, 1, 300);
    kill((pid_t)ssh, SIGKILL);
    wait_for(&b->loop, &o.done, 1);
    assert_int_equal(o.rc, -ECONNRESET);
    assert_works(b);
    assert_int_equal(our_ssh_processes(), 1);
    assert_int_equal(transport_logins(b->t), 2);
    outcome_free(&o);
}

static void the_socket_of_a_dead_master_is_removed(void **state)
{
    struct bench *b = *state;
    long ssh = leave_master_behind(b);

    kill((pid_t)ssh, SIGKILL);
    wait_until_gone(b, ssh);
    assert_false(is_empty(b->runtime));
    assert_works(b);
    assert_int_equal(our_ssh_processes(), 1);
}

static void a_master_that_does_not_answer_is_not_waited_for(void **state)
{
    struct bench *b = *state;
    long ssh = leave_master_behind(b);

    kill((pid_t)ssh, SIGSTOP);
    assert_works(b);
    assert_int_equal(our_ssh_processes(), 1);
    kill((pid_t)ssh, SIGKILL);
}

static void the_master_of_a_living_daemon_is_left_alone(void **state)
{
    struct bench *b = *state;
    struct transport *other = open_transport(b, "box");
    struct outcome o = { 0 };

    assert_works(b);
    transport_run(other, "exec true", NULL, 0, PATIENCE_MS, PATIENCE_MS, command_cb, &o);
    wait_for(&b->loop, &o.done, 1);
    outcome_free(&o);
    assert_int_equal(our_ssh_processes(), 2);
    transport_destroy(other);
    assert_works(b);
    assert_int_equal(transport_logins(b->t), 1);
}

/* ---- A master of the user's own. */

static void users_master(struct bench *b, const char *verb)
{
    shell("ssh -F %s -o RemoteCommand=none -o RequestTTY=no -o ClearAllForwardings=yes %s shared </dev/null "
          ">/dev/null 2>&1",
          b->sshd.config, verb);
}

static void a_master_of_the_users_is_used_and_never_ended(void **state)
{
    struct bench *b = *state;
    int port;
    pid_t server = echo_server(&port);

    users_master(b, "-MNf");
    use_host(b, "shared");
    assert_works(b);
    close(open_stream(b, port));
    assert_int_equal(our_ssh_processes(), 0);
    transport_destroy(b->t);
    b->t = NULL;
    users_master(b, "-O check");
    users_master(b, "-O exit");
    end_child(server);
}

static void where_the_users_master_ends_our_own_takes_over(void **state)
{
    struct bench *b = *state;
    int never = 0;

    users_master(b, "-MNf");
    use_host(b, "shared");
    assert_works(b);
    users_master(b, "-O exit");
    for (uint64_t end_at = mono_ms() + PATIENCE_MS;
         transport_state(b->t) == TRANSPORT_UP && mono_ms() < end_at;)
        wait_within(&b->loop, &never, 1, 20);
    assert_works(b);
    assert_int_equal(our_ssh_processes(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
        T(a_lost_link_comes_back_and_what_waits_is_served),
        T(a_killed_ssh_is_replaced_when_the_next_need_comes),
        T(destroy_while_busy_leaves_nothing),
        T(destroy_while_connecting_leaves_nothing),
        T(a_master_left_behind_is_taken_over_and_ended_at_last),
        T(the_end_of_a_master_that_was_taken_over_is_the_end_of_the_link),
        T(the_socket_of_a_dead_master_is_removed),
        T(a_master_that_does_not_answer_is_not_waited_for),
        T(the_master_of_a_living_daemon_is_left_alone),
        T(a_master_of_the_users_is_used_and_never_ended),
        T(where_the_users_master_ends_our_own_takes_over),
    };

    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, prepare, clean);
}
