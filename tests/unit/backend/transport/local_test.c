/* SPDX-License-Identifier: MIT */
/* The transport to this machine, and with it the queue, the limits and the deadlines that all kinds share. */
#include "waiting.h"
#include "backend/base/proc_stat_linux.h"

struct bench {
    uv_loop_t loop;
    struct transport *t;
    struct states states;
};

static struct cluster_config cluster = { .name = "here", .host = "", .ssh_config = "", .transport = "auto" };

static int begin(void **state)
{
    struct bench *b = NEW(struct bench);
    struct transport_params p = {
        .loop = &b->loop, .cluster = &cluster, .runtime_dir = "/tmp", .state_cb = state_cb, .arg = &b->states
    };
    struct err e;

    uv_loop_init(&b->loop);
    assert_int_equal(transport_create(&b->t, &p, &e), 0);
    *state = b;
    return 0;
}

static int end(void **state)
{
    struct bench *b = *state;

    transport_destroy(b->t);
    finish_loop(&b->loop);
    free(b);
    return 0;
}

static void it_is_up_from_the_start_and_needs_no_login(void **state)
{
    struct bench *b = *state;

    assert_string_equal(transport_kind(b->t), "local");
    assert_int_equal(transport_state(b->t), TRANSPORT_UP);
    assert_string_equal(transport_reason(b->t), "");
    assert_int_equal(transport_logins(b->t), 0);
}

static void an_unknown_kind_is_an_error(void **state)
{
    struct bench *b = *state;
    struct cluster_config c = { .name = "x", .host = "", .ssh_config = "", .transport = "pigeon" };
    struct transport_params p = { .loop = &b->loop, .cluster = &c, .runtime_dir = "/tmp" };
    struct transport *t = NULL;
    struct err e;

    assert_int_equal(transport_create(&t, &p, &e), -EINVAL);
    assert_non_null(strstr(e.text, "pigeon"));
    assert_null(t);
}

static void a_command_gets_its_input_and_gives_output_errors_and_status(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };

    transport_run(b->t, "cat; echo oops >&2; pwd; exit 7", "a\0b\n", 4, 0, 10000, command_cb, &o);
    assert_int_equal(o.done, 0); /* never inside the call */
    wait_for(&b->loop, &o.done, 1);
    assert_int_equal(o.rc, 0);
    assert_int_equal(o.exit_status, 7);
    assert_int_equal(o.out.len, 6);
    assert_memory_equal(o.out.data, "a\0b\n/\n", 6);
    assert_string_equal(buf_str(&o.errout), "oops\n");
    outcome_free(&o);
}

static void a_signal_is_128_and_its_number(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };

    transport_run(b->t, "kill -KILL $$", NULL, 0, 0, 10000, command_cb, &o);
    wait_for(&b->loop, &o.done, 1);
    assert_int_equal(o.rc, 0);
    assert_int_equal(o.exit_status, 137);
    outcome_free(&o);
}

static void a_command_that_does_not_read_its_input_still_ends(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };
    char *much = xcalloc(1, 1 << 20);

    transport_run(b->t, "exec true", much, 1 << 20, 0, 10000, command_cb, &o);
    free(much);
    wait_for(&b->loop, &o.done, 1);
    assert_int_equal(o.rc, 0);
    assert_int_equal(o.exit_status, 0);
    outcome_free(&o);
}

static void output_beyond_4_mib_is_an_error_with_what_came(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };

    transport_run(b->t, "exec yes", NULL, 0, 0, 30000, command_cb, &o);
    wait_for(&b->loop, &o.done, 1);
    assert_int_equal(o.rc, -EFBIG);
    assert_int_equal(o.out.len, 4 << 20);
    outcome_free(&o);
}

static void of_the_errors_the_last_64_kib_are_kept(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };

    transport_run(b->t, "head -c 1000000 /dev/zero | tr '\\0' x >&2; echo end >&2", NULL, 0, 0, 30000,
                  command_cb, &o);
    wait_for(&b->loop, &o.done, 1);
    assert_int_equal(o.rc, 0);
    assert_int_equal(o.errout.len, 64 << 10);
    assert_string_equal(o.errout.data + o.errout.len - 4, "end\n");
    outcome_free(&o);
}

static void a_line_beyond_64_kib_is_not_run(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };
    char *line = xcalloc(1, (64 << 10) + 2);

    memset(line, 'x', (64 << 10) + 1);
    transport_run(b->t, line, NULL, 0, 0, 1000, command_cb, &o);
    free(line);
    wait_for(&b->loop, &o.done, 1);
    assert_int_equal(o.rc, -EFBIG);
    outcome_free(&o);
}

/* A process group that exists: some process is in it. */
static void wait_for_group_to_end(struct bench *b, pid_t group)
{
    int never = 0;
    uint64_t until = mono_ms() + PATIENCE_MS;

    while (kill(-group, 0) == 0 && mono_ms() < until)
        wait_within(&b->loop, &never, 1, 20);
    assert_int_equal(kill(-group, 0), -1);
}

static void at_the_deadline_the_whole_group_goes_even_if_it_ignores_term(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };

    transport_run(b->t, "trap '' TERM; echo $$; sleep 1000 & sleep 1000", NULL, 0, 0, 1000, command_cb, &o);
    wait_for(&b->loop, &o.done, 1);
    assert_int_equal(o.rc, -ETIMEDOUT);
    assert_true(o.err[0] != '\0');
    pid_t group = atoi(buf_str(&o.out));
    assert_true(group > 1);
    wait_for_group_to_end(b, group);
    outcome_free(&o);
}

/* Dead, though whoever inherited it may not have looked yet. */
static bool is_dead(pid_t pid)
{
    struct proc_stat st;

    return proc_stat_read(pid, &st) < 0 || st.state == 'Z' || st.state == 'X';
}

/* Once the shell is reaped its number is the group's only while the group has a member, so none is left to
 * wait for the end of the grace. */
static void what_outlives_the_shell_at_the_deadline_is_killed_at_once(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };
    int never = 0;

    transport_run(b->t, "(trap '' TERM; exec sleep 1000) & echo $!; wait", NULL, 0, 0, 500, command_cb, &o);
    wait_for(&b->loop, &o.done, 1);
    assert_int_equal(o.rc, -ETIMEDOUT);
    pid_t survivor = atoi(buf_str(&o.out));
    uint64_t before = mono_ms();
    assert_true(survivor > 1);
    while (!is_dead(survivor) && mono_ms() - before < 1500) /* the grace is 2 s */
        wait_within(&b->loop, &never, 1, 10);
    assert_true(is_dead(survivor));
    outcome_free(&o);
}

static void a_cancelled_command_is_ended_and_not_heard_of(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 }, waiting = { 0 }, after = { 0 };
    struct command *c[5];

    for (int i = 0; i < 4; i++)
        c[i] = transport_run(b->t, "exec sleep 1000", NULL, 0, 0, 100000, command_cb, &o);
    c[4] = transport_run(b->t, "exec true", NULL, 0, 0, 100000, command_cb, &waiting);
    transport_run(b->t, "echo after", NULL, 0, 0, 100000, command_cb, &after);
    command_cancel(c[4]); /* in the queue */
    for (int i = 0; i < 4; i++)
        command_cancel(c[i]); /* running, or about to */
    wait_for(&b->loop, &after.done, 1);
    assert_string_equal(buf_str(&after.out), "after\n");
    assert_int_equal(o.done, 0);
    assert_int_equal(waiting.done, 0);
    outcome_free(&after);
}

struct order {
    int done;
    int values[64];
};

static void order_cb(void *arg, const struct command_result *r)
{
    struct order *o = arg;

    assert_int_equal(r->rc, 0);
    o->values[o->done++] = r->exit_status;
}

static void of_64_commands_4_run_at_once(void **state)
{
    struct bench *b = *state;
    struct order o = { 0 };
    char *dir = fresh_dir();
    /* Each counts how many are there beside itself. */
    char *line = xasprintf("cd %s; : >$$; n=$(ls | wc -l); sleep 0.05; rm $$; exit $n", dir);

    for (int i = 0; i < 64; i++)
        transport_run(b->t, line, NULL, 0, 0, 60000, order_cb, &o);
    wait_for(&b->loop, &o.done, 64);
    for (int i = 0; i < 64; i++)
        assert_in_range(o.values[i], 1, 4);
    free(line);
    remove_dir(dir);
}

static void destroy_answers_what_is_owed(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };
    struct dialled d = { 0 };

    for (int i = 0; i < 10; i++)
        transport_run(b->t, "exec sleep 1000", NULL, 0, 0, 100000, command_cb, &o);
    wait_within(&b->loop, &o.done, 1, 100);
    transport_dial(b->t, "127.0.0.1", 1, 10000, dial_cb, &d);
    transport_destroy(b->t);
    b->t = NULL;
    assert_int_equal(o.done, 10);
    assert_int_equal(o.rc, -ECANCELED);
    assert_int_equal(d.done, 1);
    assert_int_equal(d.fd, -ECANCELED);
    outcome_free(&o);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    assert_int_equal(errno, ECHILD);
}

static void again_cb(void *arg, const struct command_result *r)
{
    struct bench *b = arg;

    assert_int_equal(r->rc, -ECANCELED);
    assert_null(transport_run(b->t, "true", NULL, 0, 0, 1000, again_cb, b));
    b->states.calls++;
}

static void during_destroy_nothing_new_is_taken(void **state)
{
    struct bench *b = *state;

    transport_run(b->t, "exec sleep 1000", NULL, 0, 0, 100000, again_cb, b);
    transport_destroy(b->t);
    b->t = NULL;
    assert_int_equal(b->states.calls, 1);
}

static void destroy_cb(void *arg, const struct command_result *r)
{
    struct bench *b = arg;

    assert_int_equal(r->rc, 0);
    transport_destroy(b->t);
    b->t = NULL;
    b->states.calls++;
}

static void it_may_be_destroyed_by_a_callback(void **state)
{
    struct bench *b = *state;

    transport_run(b->t, "exec true", NULL, 0, 0, 100000, destroy_cb, b);
    wait_for(&b->loop, &b->states.calls, 1);
}

static void a_dial_gives_a_connected_socket(void **state)
{
    struct bench *b = *state;
    struct dialled d = { 0 };
    int port;
    pid_t server = echo_server(&port);

    transport_dial(b->t, "localhost", port, 10000, dial_cb, &d);
    assert_int_equal(d.done, 0);
    wait_for(&b->loop, &d.done, 1);
    assert_true(d.fd >= 0);
    assert_true(fcntl(d.fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(d.fd, F_GETFL) & O_NONBLOCK);
    assert_int_equal(write(d.fd, "hello bye", 9), 9);
    char *got = read_until(&b->loop, d.fd, NULL);
    assert_string_equal(got, "hello bye");
    free(got);
    close(d.fd);
    end_child(server);
}

static void a_refused_dial_and_an_unknown_name_are_econnrefused(void **state)
{
    struct bench *b = *state;
    struct dialled d = { 0 }, name = { 0 };
    int port;

    close(listen_here(&port, 1));
    transport_dial(b->t, "127.0.0.1", port, 10000, dial_cb, &d);
    transport_dial(b->t, "no-such-host.invalid", port, 30000, dial_cb, &name);
    wait_for(&b->loop, &d.done, 1);
    assert_int_equal(d.fd, -ECONNREFUSED);
    assert_non_null(strstr(d.err, "127.0.0.1"));
    wait_for(&b->loop, &name.done, 1);
    assert_int_equal(name.fd, -ECONNREFUSED);
}

static void a_cancelled_dial_is_not_heard_of(void **state)
{
    struct bench *b = *state;
    struct dialled d = { 0 };
    struct outcome o = { 0 };

    dial_cancel(transport_dial(b->t, "127.0.0.1", 1, 10000, dial_cb, &d));
    dial_cancel(transport_pipe(b->t, "exec cat", 10000, dial_cb, &d));
    transport_run(b->t, "sleep 0.1", NULL, 0, 0, 10000, command_cb, &o);
    wait_for(&b->loop, &o.done, 1);
    assert_int_equal(d.done, 0);
    outcome_free(&o);
}

static void a_program_that_stays_reads_and_writes_and_its_end_is_seen(void **state)
{
    struct bench *b = *state;
    struct dialled d = { 0 };

    transport_pipe(b->t, "read x; echo got $x; read y", 10000, dial_cb, &d);
    wait_for(&b->loop, &d.done, 1);
    assert_int_equal(write(d.fd, "one\n", 4), 4);
    char *got = read_until(&b->loop, d.fd, "got one\n");
    assert_string_equal(got, "got one\n");
    free(got);
    assert_int_equal(write(d.fd, "two\n", 4), 4);
    got = read_until(&b->loop, d.fd, NULL);
    assert_string_equal(got, "");
    free(got);
    close(d.fd);
}

static void closing_ends_a_program_that_does_not_read(void **state)
{
    struct bench *b = *state;
    struct dialled d = { 0 };

    transport_pipe(b->t, "echo $$; exec sleep 1000", 10000, dial_cb, &d);
    wait_for(&b->loop, &d.done, 1);
    char pid[32] = "";
    int never = 0;
    for (int i = 0; i < 3000 && read(d.fd, pid, sizeof pid - 1) <= 0; i++)
        wait_within(&b->loop, &never, 1, 20);
    assert_true(atoi(pid) > 1);
    close(d.fd);
    wait_for_group_to_end(b, atoi(pid));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
        T(it_is_up_from_the_start_and_needs_no_login),
        T(an_unknown_kind_is_an_error),
        T(a_command_gets_its_input_and_gives_output_errors_and_status),
        T(a_signal_is_128_and_its_number),
        T(a_command_that_does_not_read_its_input_still_ends),
        T(output_beyond_4_mib_is_an_error_with_what_came),
        T(of_the_errors_the_last_64_kib_are_kept),
        T(a_line_beyond_64_kib_is_not_run),
        T(at_the_deadline_the_whole_group_goes_even_if_it_ignores_term),
        T(what_outlives_the_shell_at_the_deadline_is_killed_at_once),
        T(a_cancelled_command_is_ended_and_not_heard_of),
        T(of_64_commands_4_run_at_once),
        T(destroy_answers_what_is_owed),
        T(during_destroy_nothing_new_is_taken),
        T(it_may_be_destroyed_by_a_callback),
        T(a_dial_gives_a_connected_socket),
        T(a_refused_dial_and_an_unknown_name_are_econnrefused),
        T(a_cancelled_dial_is_not_heard_of),
        T(a_program_that_stays_reads_and_writes_and_its_end_is_seen),
        T(closing_ends_a_program_that_does_not_read),
    };

    signal(SIGPIPE, SIG_IGN);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
