/* SPDX-License-Identifier: MIT */
/* Commands, streams and failing logins through ssh(1), and in ssh2_test.c through libssh2. */
#include "openssh_fixture.h"

static void nothing_is_opened_before_it_is_needed(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };
    int never = 0;

    assert_string_equal(transport_kind(b->t), BENCH_KIND);
    assert_int_equal(transport_state(b->t), TRANSPORT_IDLE);
    run(b, "true", NULL, 0, &o); /* waits for nothing, so connects to nothing */
    assert_int_equal(o.rc, -EHOSTUNREACH);
    assert_string_not_equal(o.err, "");
    wait_within(&b->loop, &never, 1, 100);
    assert_int_equal(our_ssh_processes(), 0);
    assert_int_equal(transport_logins(b->t), 0);
    outcome_free(&o);
}

static void a_command_gets_its_input_and_gives_output_errors_and_status(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };

    run(b, "cat; echo oops >&2; exit 7", "hello\n", 60000, &o);
    assert_string_equal(o.err, "");
    assert_int_equal(o.rc, 0);
    assert_int_equal(o.exit_status, 7);
    assert_non_null(strstr(buf_str(&o.out), "hello\n"));
    assert_non_null(strstr(buf_str(&o.errout), "oops\n"));
    assert_int_equal(transport_state(b->t), TRANSPORT_UP);
    assert_string_equal(transport_reason(b->t), "");
    assert_int_equal(transport_logins(b->t), 1);
    assert_int_equal(our_ssh_processes(), BENCH_PROCESSES);
    outcome_free(&o);
}

static void what_a_noisy_shell_prints_passes_through(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };

    if (!strstr(getpwuid(geteuid())->pw_shell, "bash"))
        skip(); /* the start-up file is bash's */
    run(b, "echo mine", NULL, 60000, &o);
    assert_string_equal(buf_str(&o.out), "NOISE\nmine\n");
    assert_string_equal(buf_str(&o.errout), "NOISE\n");
    outcome_free(&o);
}

static void a_program_that_a_signal_ended_is_no_lost_link(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };

    run(b, "echo before; kill -KILL $$", NULL, 60000, &o);
    assert_int_equal(o.rc, 0);
    assert_int_equal(o.exit_status, BENCH_KILLED);
    assert_non_null(strstr(buf_str(&o.out), "before\n"));
    assert_int_equal(transport_state(b->t), TRANSPORT_UP);
    outcome_free(&o);
}

static void large_input_and_output_pass(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };
    size_t n = 3 << 20;
    char *much = xcalloc(1, n);

    memset(much, 'x', n);
    transport_run(b->t, "exec cat", much, n, 60000, 60000, command_cb, &o);
    wait_for(&b->loop, &o.done, 1);
    assert_int_equal(o.rc, 0);
    assert_true(o.out.len >= n);
    assert_memory_equal(o.out.data + o.out.len - n, much, n);
    free(much);
    outcome_free(&o);
}

static void at_its_deadline_a_command_ends_and_the_link_stays(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };

    assert_works(b);
    transport_run(b->t, "echo begun; exec sleep 20", NULL, 0, 60000, 1500, command_cb, &o);
    wait_for(&b->loop, &o.done, 1);
    assert_int_equal(o.rc, -ETIMEDOUT);
    assert_non_null(strstr(buf_str(&o.out), "begun\n"));
    assert_works(b);
    assert_int_equal(transport_logins(b->t), 1);
    outcome_free(&o);
}

struct tally {
    int done, good;
};

static void tally_cb(void *arg, const struct command_result *r)
{
    struct tally *y = arg;

    y->done++;
    y->good += r->rc == 0 && r->exit_status == 3;
}

static void of_64_commands_all_are_served_through_one_ssh(void **state)
{
    struct bench *b = *state;
    struct tally y = { 0 };

    for (int i = 0; i < 64; i++)
        transport_run(b->t, "exit 3", NULL, 0, 60000, 60000, tally_cb, &y);
    for (int i = 1; i <= 64; i++) {
        wait_for(&b->loop, &y.done, i);
        assert_true(our_ssh_processes() <= 1);
    }
    assert_int_equal(y.good, 64);
    assert_int_equal(transport_logins(b->t), 1);
}

static void where_fewer_sessions_are_to_be_had_commands_try_again(void **state)
{
    struct bench *b = *state;
    struct tally y = { 0 };
    struct outcome o = { 0 };
    struct dialled d = { 0 };

    for (int i = 0; i < 12; i++)
        transport_run(b->t, "exit 3", NULL, 0, 60000, 60000, tally_cb, &y);
    wait_for(&b->loop, &y.done, 12);
    assert_int_equal(y.good, 12);

    /* Both are taken for long: who does not want to wait is told. */
    for (int i = 0; i < 2; i++)
        transport_run(b->t, "echo here; exec sleep 30", NULL, 0, 60000, 60000, tally_cb, &y);
    int never = 0;
    wait_within(&b->loop, &never, 1, 1000);
    run(b, "true", NULL, 0, &o);
    assert_int_equal(o.rc, -EHOSTUNREACH);
    assert_non_null(strstr(o.err, "MaxSessions"));
    transport_pipe(b->t, "exec cat", 10000, dial_cb, &d);
    wait_for(&b->loop, &d.done, 1);
    assert_int_equal(d.fd, -EHOSTUNREACH);
    assert_non_null(strstr(d.err, "MaxSessions"));
    transport_destroy(b->t); /* what runs still is told to y */
    b->t = NULL;
    outcome_free(&o);
}

/* ---- Streams. */

static void a_dial_gives_a_stream_whose_end_is_seen(void **state)
{
    struct bench *b = *state;
    int port;
    pid_t server = echo_server(&port);
    int fd = open_stream(b, port);

    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_int_equal(write(fd, "one", 3), 3);
    char *got = read_until(&b->loop, fd, "one");
    free(got);
    /* The server closes, we do not. */
    assert_int_equal(write(fd, "bye", 3), 3);
    got = read_until(&b->loop, fd, NULL);
    assert_string_equal(got, "bye");
    free(got);
    close(fd);
    end_child(server);
}

static void closing_a_stream_closes_it_at_the_far_end(void **state)
{
    struct bench *b = *state;
    int port, listener = listen_here(&port, 4);
    int fd = open_stream(b, port);
    int far = accept(listener, NULL, NULL);

    close(fd);
    fcntl(far, F_SETFL, O_NONBLOCK);
    char *got = read_until(&b->loop, far, NULL);
    assert_string_equal(got, "");
    free(got);
    close(far);
    close(listener);
}

static void a_stream_may_be_closed_by_halves(void **state)
{
    struct bench *b = *state;
    int port, listener = listen_here(&port, 4);
    int fd = open_stream(b, port);
    int far = accept(listener, NULL, NULL);

    assert_int_equal(write(fd, "ask", 3), 3);
    shutdown(fd, SHUT_WR);
    fcntl(far, F_SETFL, O_NONBLOCK);
    char *got = read_until(&b->loop, far, NULL);
    assert_string_equal(got, "ask");
    free(got);
    assert_int_equal(write(far, "answer", 6), 6);
    close(far);
    got = read_until(&b->loop, fd, NULL);
    assert_string_equal(got, "answer");
    free(got);
    close(fd);
    close(listener);
}

static void much_passes_both_ways_with_a_slow_reader(void **state)
{
    struct bench *b = *state;
    int port, never = 0;
    pid_t server = echo_server(&port);
    int fd = open_stream(b, port);
    size_t n = 4 << 20, sent = 0, got = 0;
    unsigned char *out = xcalloc(1, n), *in = xcalloc(1, n);
    uint64_t end_at = mono_ms() + PATIENCE_MS;

    for (size_t i = 0; i < n; i++)
        out[i] = (unsigned char)(i * 7 + i / 251);
    while (got < n && mono_ms() < end_at) {
        ssize_t w = sent < n ? write(fd, out + sent, n - sent) : 0;
        sent += w > 0 ? (size_t)w : 0;
        wait_within(&b->loop, &never, 1, 1);
        /* Nothing is read before the first mebibyte is under way, so that every buffer between fills. */
        ssize_t r = sent > 1 << 20 || sent == n ? read(fd, in + got, n - got) : 0;
        got += r > 0 ? (size_t)r : 0;
    }
    assert_int_equal(got, n);
    assert_memory_equal(in, out, n);
    free(out);
    free(in);
    close(fd);
    end_child(server);
}

static int open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void of_200_dials_in_a_row_nothing_is_left(void **state)
{
    struct bench *b = *state;
    int port, never = 0;
    pid_t server = echo_server(&port);

    close(open_stream(b, port));
    wait_within(&b->loop, &never, 1, 100);
    int before = open_descriptors();
    for (int i = 0; i < 200; i++) {
        int fd = open_stream(b, port);
        assert_int_equal(write(fd, "x", 1), 1);
        free(read_until(&b->loop, fd, "x"));
        close(fd);
    }
    uint64_t end_at = mono_ms() + PATIENCE_MS;
    while (open_descriptors() > before && mono_ms() < end_at)
        wait_within(&b->loop, &never, 1, 20);
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(transport_logins(b->t), 1);
    end_child(server);
}

static void a_hundred_streams_are_open_at_once(void **state)
{
    struct bench *b = *state;
    struct dialled d[100] = { { 0 } };
    int port;
    pid_t server = echo_server(&port);

    for (int i = 0; i < 100; i++)
        transport_dial(b->t, "127.0.0.1", port, 60000, dial_cb, &d[i]);
    for (int i = 0; i < 100; i++) {
        wait_for(&b->loop, &d[i].done, 1);
        assert_true(d[i].fd >= 0);
    }
    for (int i = 0; i < 100; i++)
        assert_int_equal(write(d[i].fd, "abc", 3), 3);
    for (int i = 0; i < 100; i++) {
        free(read_until(&b->loop, d[i].fd, "abc"));
        close(d[i].fd);
    }
    end_child(server);
}

static void a_refused_dial_is_econnrefused_and_says_where(void **state)
{
    struct bench *b = *state;
    struct dialled d = { 0 };
    int port;

    close(listen_here(&port, 1));
    transport_dial(b->t, "127.0.0.1", port, 30000, dial_cb, &d);
    wait_for(&b->loop, &d.done, 1);
    assert_int_equal(d.fd, -ECONNREFUSED);
    assert_non_null(strstr(d.err, "127.0.0.1:"));
    assert_non_null(strstr(d.err, "Connection refused"));
    assert_works(b);
}

static void a_forbidden_dial_is_eacces(void **state)
{
    struct bench *b = *state;
    struct dialled d = { 0 };

    transport_dial(b->t, "127.0.0.1", 9, 30000, dial_cb, &d);
    wait_for(&b->loop, &d.done, 1);
    assert_int_equal(d.fd, -EACCES);
    assert_non_null(strstr(d.err, "AllowTcpForwarding"));
    assert_works(b);
}

/* A port that neither accepts nor refuses: its queue is full. Giving up while the channel is being opened
 * must not bring ssh down (its mux code is delicate there). */
static void a_dial_that_gets_no_answer_ends_by_its_deadline(void **state)
{
    struct bench *b = *state;
    struct dialled d = { 0 };
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int port, listener = listen_here(&port, 0), fill[8];

    assert_works(b);
    a.sin_port = htons((uint16_t)port);
    for (int i = 0; i < 8; i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(fill[i], (struct sockaddr *)&a, sizeof a);
    }
    transport_dial(b->t, "127.0.0.1", port, 700, dial_cb, &d);
    wait_for(&b->loop, &d.done, 1);
    assert_int_equal(d.fd, -ETIMEDOUT);
    assert_works(b);
    for (int i = 0; i < 8; i++)
        close(fill[i]);
    close(listener); /* the channel's opening now fails, with nobody left to be told */
    assert_works(b);
    assert_int_equal(transport_logins(b->t), 1);
}

static void a_program_that_stays_reads_and_writes(void **state)
{
    struct bench *b = *state;
    struct dialled d = { 0 };
    char chunk[256];
    struct buf got = { 0 };
    int never = 0;

    transport_pipe(b->t, "exec sh -c 'read x; echo got $x; read y; echo over'", 30000, dial_cb, &d);
    wait_for(&b->loop, &d.done, 1);
    assert_true(d.fd >= 0);
    assert_int_equal(write(d.fd, "one\n", 4), 4);
    for (uint64_t end_at = mono_ms() + PATIENCE_MS;
         mono_ms() < end_at && !strstr(buf_str(&got), "got one\n");) {
        ssize_t n = read(d.fd, chunk, sizeof chunk);
        if (n > 0)
            buf_add(&got, chunk, (size_t)n);
        wait_within(&b->loop, &never, 1, 5);
    }
    assert_non_null(strstr(buf_str(&got), "got one\n"));
    buf_free(&got);
    assert_int_equal(write(d.fd, "two\n", 4), 4);
    char *rest = read_until(&b->loop, d.fd, NULL);
    assert_string_equal(rest, "over\n");
    free(rest);
    close(d.fd);
}

/* ---- Failing logins. */

static void an_unknown_host_fails_with_the_command_to_run_once(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };
    struct dialled d = { 0 };
    char *command = xasprintf("`ssh -F %s stranger`", b->sshd.config);

    use_host(b, "stranger");
    run(b, "true", NULL, 60000, &o);
    assert_int_equal(o.rc, -EKEYREJECTED);
    assert_non_null(strstr(o.err, command));
    free(command);
    assert_int_equal(transport_state(b->t), TRANSPORT_DOWN);
    assert_string_equal(transport_reason(b->t), o.err);

    /* The next need is answered at once, without another login. */
    uint64_t before = mono_ms();
    run(b, "true", NULL, 60000, &o);
    assert_int_equal(o.rc, -EKEYREJECTED);
    transport_dial(b->t, "127.0.0.1", 1, 30000, dial_cb, &d);
    wait_for(&b->loop, &d.done, 1);
    assert_int_equal(d.fd, -EKEYREJECTED);
    assert_true(mono_ms() - before < 5000);
    assert_int_equal(our_ssh_processes(), 0);
    wait_for(&b->loop, &b->states.down, 1);
    outcome_free(&o);
}

static void an_unknown_host_is_accepted_where_the_configuration_says_so(void **state)
{
    struct bench *b = *state;

    b->cluster.accept_new_host_keys = true;
    use_host(b, "stranger");
    assert_works(b);
    shell("rm %s/known_nobody", b->sshd.dir);
}

static void a_changed_host_key_fails_with_the_way_out(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };

    b->cluster.accept_new_host_keys = true; /* even then */
    use_host(b, "changed");
    run(b, "true", NULL, 60000, &o);
    assert_int_equal(o.rc, -EKEYREJECTED);
    assert_non_null(strstr(o.err, "ssh-keygen"));
    outcome_free(&o);
}

static void a_refused_key_fails_with_a_sentence(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };

    use_host(b, "wrongkey");
    run(b, "true", NULL, 60000, &o);
    assert_int_equal(o.rc, -EKEYREJECTED);
    assert_non_null(strstr(o.err, "Permission denied"));
    assert_int_equal(transport_state(b->t), TRANSPORT_DOWN);
    outcome_free(&o);
}

static void a_closed_port_is_tried_again_until_the_command_gives_up(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };

    use_host(b, "closed");
    run(b, "true", NULL, 3000, &o);
    assert_int_equal(o.rc, -EHOSTUNREACH);
    assert_non_null(strstr(o.err, "Connection refused"));
    int never = 0;
    for (uint64_t end_at = mono_ms() + PATIENCE_MS;
         transport_state(b->t) != TRANSPORT_IDLE && mono_ms() < end_at;)
        wait_within(&b->loop, &never, 1, 50);
    assert_int_equal(transport_state(b->t), TRANSPORT_IDLE); /* nobody needs it */
    assert_non_null(strstr(transport_reason(b->t), "Connection refused"));
    outcome_free(&o);
}

static void a_missing_configuration_file_fails_for_good(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };

    b->cluster.ssh_config = "/nonexistent/config";
    use_host(b, "box");
    run(b, "true", NULL, 60000, &o);
    assert_int_equal(o.rc, -EHOSTUNREACH);
    assert_non_null(strstr(o.err, "/nonexistent/config"));
    assert_int_equal(transport_state(b->t), TRANSPORT_DOWN);
    outcome_free(&o);
}

static void a_host_that_is_an_option_is_refused(void **state)
{
    struct bench *b = *state;
    struct transport_params p = { .loop = &b->loop, .cluster = &b->cluster, .runtime_dir = b->runtime };
    struct transport *t = NULL;
    struct err e;

    b->cluster.host = "-oProxyCommand=true";
    assert_int_equal(transport_create(&t, &p, &e), -EINVAL);
    assert_non_null(strstr(e.text, "-oProxyCommand"));
    b->cluster.host = "";
    b->cluster.transport = "openssh";
    assert_int_equal(transport_create(&t, &p, &e), -EINVAL);
}

static void a_runtime_directory_that_is_too_long_is_no_obstacle(void **state)
{
    struct bench *b = *state;
    char *short_one = b->runtime;

    b->runtime = xasprintf("%s/%080d", short_one, 0);
    assert_int_equal(mkdir(b->runtime, 0700), 0);
    use_host(b, "box");
    assert_works(b);
    assert_true(is_empty(b->runtime));
    transport_destroy(b->t);
    b->t = NULL;
    rmdir(b->runtime);
    free(b->runtime);
    b->runtime = short_one;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
        T(nothing_is_opened_before_it_is_needed),
        T(a_command_gets_its_input_and_gives_output_errors_and_status),
        T(what_a_noisy_shell_prints_passes_through),
        T(a_program_that_a_signal_ended_is_no_lost_link),
        T(large_input_and_output_pass),
        T(at_its_deadline_a_command_ends_and_the_link_stays),
        T(of_64_commands_all_are_served_through_one_ssh),
        cmocka_unit_test_setup_teardown(where_fewer_sessions_are_to_be_had_commands_try_again,
                                        begin_with_2_sessions, end),
        T(a_dial_gives_a_stream_whose_end_is_seen),
        T(closing_a_stream_closes_it_at_the_far_end),
        T(a_stream_may_be_closed_by_halves),
        T(much_passes_both_ways_with_a_slow_reader),
        T(of_200_dials_in_a_row_nothing_is_left),
        T(a_hundred_streams_are_open_at_once),
        T(a_refused_dial_is_econnrefused_and_says_where),
        cmocka_unit_test_setup_teardown(a_forbidden_dial_is_eacces, begin_without_forwarding, end),
        T(a_dial_that_gets_no_answer_ends_by_its_deadline),
        T(a_program_that_stays_reads_and_writes),
        T(an_unknown_host_fails_with_the_command_to_run_once),
        T(an_unknown_host_is_accepted_where_the_configuration_says_so),
        T(a_changed_host_key_fails_with_the_way_out),
        T(a_refused_key_fails_with_a_sentence),
        T(a_closed_port_is_tried_again_until_the_command_gives_up),
        T(a_missing_configuration_file_fails_for_good),
        T(a_host_that_is_an_option_is_refused),
        T(a_runtime_directory_that_is_too_long_is_no_obstacle),
    };

    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, prepare, clean);
}
