/* SPDX-License-Identifier: MIT */
/* A login node that opens one session in a connection: commands, the shell for files and other programs take
 * turns. */
#include "backend/transport/remote_files.h"
#include "openssh_fixture.h"

static int begin_with_1_session(void **state)
{
    return begin_with(state, "MaxSessions 1\n");
}

struct seen {
    int done, rc;
};

static void seen_cb(void *arg, int rc, uint64_t size, const char *data, size_t len)
{
    struct seen *s = arg;

    (void)size;
    (void)data;
    (void)len;
    s->done++;
    s->rc = rc;
}

static void look_at_files(struct bench *b, struct remote_files *f)
{
    struct seen s = { 0 };

    remote_files_read(f, "/etc/passwd", 0, 100, seen_cb, &s);
    wait_for(&b->loop, &s.done, 1);
    assert_int_equal(s.rc, 0);
}

static void the_shell_for_files_makes_room_for_commands(void **state)
{
    struct bench *b = *state;
    struct remote_files *f = remote_files_create(&b->loop, b->t);

    for (int i = 0; i < 3; i++) {
        look_at_files(b, f);
        assert_works(b);
    }
    assert_true(transport_crowded(b->t));
    assert_int_equal(transport_logins(b->t), 1);
    remote_files_destroy(f);
}

static void a_program_waits_for_a_session_until_its_deadline(void **state)
{
    struct bench *b = *state;
    struct dialled one = { 0 }, two = { 0 }, three = { 0 };

    transport_pipe(b->t, "exec cat", 30000, dial_cb, &one);
    wait_for(&b->loop, &one.done, 1);
    assert_true(one.fd >= 0);
    transport_pipe(b->t, "exec cat", 1200, dial_cb, &two);
    wait_for(&b->loop, &two.done, 1);
    assert_int_equal(two.fd, -EHOSTUNREACH);
    assert_non_null(strstr(two.err, "MaxSessions"));
    transport_pipe(b->t, "exec cat", 30000, dial_cb, &three);
    close(one.fd);
    wait_for(&b->loop, &three.done, 1);
    assert_string_equal(three.err, "");
    close(three.fd);
}

/* Its session came in time, and then the far side fell silent: that no session was free before is no news any more. */
static void a_refusal_that_is_over_is_not_the_reason_of_a_later_failure(void **state)
{
    struct bench *b = *state;
    struct dialled one = { 0 }, two = { 0 };
    int never = 0;

    b->cluster.tunnel = "exec";
    transport_pipe(b->t, "echo begun; exec cat", 30000, dial_cb, &one);
    wait_for(&b->loop, &one.done, 1);
    assert_true(one.fd >= 0);
    free(read_until(&b->loop, one.fd, "NOISE\nbegun\n")); /* its shell has read what is changed now */
    put_file(b->sshd.dir, "home/.bashrc", "exec sleep 600\n");
    transport_dial(b->t, "127.0.0.1", 1, 15000, dial_cb, &two);
    wait_within(&b->loop, &never, 1, 1000); /* it is refused meanwhile, at least once */
    assert_int_equal(two.done, 0);
    close(one.fd);
    wait_for(&b->loop, &two.done, 1);
    put_file(b->sshd.dir, "home/.bashrc", "echo NOISE; echo NOISE >&2\n");
    assert_int_equal(two.fd, -ETIMEDOUT);
    assert_non_null(strstr(two.err, "did not open within"));
    b->cluster.tunnel = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_shell_for_files_makes_room_for_commands, begin_with_1_session,
                                        end),
        cmocka_unit_test_setup_teardown(a_program_waits_for_a_session_until_its_deadline,
                                        begin_with_1_session, end),
        cmocka_unit_test_setup_teardown(a_refusal_that_is_over_is_not_the_reason_of_a_later_failure,
                                        begin_with_1_session, end),
    };

    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, prepare, clean);
}
