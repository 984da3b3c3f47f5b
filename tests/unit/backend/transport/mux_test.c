/* SPDX-License-Identifier: MIT */
/* The mux protocol: packets as bytes, and connections to a master in this process that does what a real one
 * never should. */
#include "waiting.h"
#include "backend/transport/mux.h"

/* ---- Bytes. */

static void a_hello_is_version_4_without_extensions(void **state)
{
    struct buf b = { 0 };

    (void)state;
    mux_put_hello(&b);
    assert_int_equal(b.len, 12);
    assert_memory_equal(b.data, "\0\0\0\x08\0\0\0\x01\0\0\0\x04", 12);
    buf_free(&b);
}

static void an_alive_check_is_its_number(void **state)
{
    struct buf b = { 0 };

    (void)state;
    mux_put_alive_check(&b, 0x01020304);
    assert_int_equal(b.len, 12);
    assert_memory_equal(b.data, "\0\0\0\x08\x10\0\0\x04\x01\x02\x03\x04", 12);
    buf_free(&b);
}

static void a_session_asks_for_no_terminal_no_x11_no_agent(void **state)
{
    static const char want[] = "\0\0\0\x2a" /* 42 bytes follow */
                               "\x10\0\0\x02\0\0\0\x07"
                               "\0\0\0\0"
                               "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                               "\xff\xff\xff\xff"
                               "\0\0\0\0"
                               "\0\0\0\x02id";
    struct buf b = { 0 };

    (void)state;
    mux_put_new_session(&b, 7, "id");
    assert_int_equal(b.len, 4 + 42);
    assert_int_equal(sizeof want - 1, 4 + 42);
    assert_memory_equal(b.data, want, sizeof want - 1);
    buf_free(&b);
}

static void a_forward_names_host_and_port(void **state)
{
    static const char want[] = "\0\0\0\x16\x10\0\0\x08\0\0\0\x09\0\0\0\0\0\0\0\x02n1\0\0\x1f\x90";
    struct buf b = { 0 };

    (void)state;
    mux_put_stdio_forward(&b, 9, "n1", 8080);
    assert_int_equal(b.len, sizeof want - 1);
    assert_memory_equal(b.data, want, sizeof want - 1);
    buf_free(&b);
}

#define GET(bytes) mux_get(bytes, sizeof(bytes) - 1, &p, &used, &e)

static void the_masters_answers_are_read(void **state)
{
    struct mux_packet p;
    size_t used;
    struct err e;

    (void)state;
    assert_int_equal(GET("\0\0\0\x14\0\0\0\x01\0\0\0\x04\0\0\0\x04info\0\0\0\0rest"), 0);
    assert_int_equal(p.type, MUX_HELLO);
    assert_int_equal(p.value, 4);
    assert_int_equal(used, 24);
    assert_int_equal(GET("\0\0\0\x0c\x80\0\0\x05\0\0\0\x01\0\0\x30\x39"), 0);
    assert_int_equal(p.type, MUX_S_ALIVE);
    assert_int_equal(p.id, 1);
    assert_int_equal(p.value, 12345);
    assert_int_equal(GET("\0\0\0\x0c\x80\0\0\x06\0\0\0\x02\0\0\0\x03"), 0);
    assert_int_equal(p.type, MUX_S_SESSION_OPENED);
    assert_int_equal(GET("\0\0\0\x0c\x80\0\0\x04\0\0\0\x03\0\0\0\x2a"), 0);
    assert_int_equal(p.type, MUX_S_EXIT_MESSAGE);
    assert_int_equal(p.value, 42);
    assert_int_equal(GET("\0\0\0\x08\x80\0\0\x08\0\0\0\x03"), 0);
    assert_int_equal(p.type, MUX_S_TTY_ALLOC_FAIL);
    assert_int_equal(GET("\0\0\0\x10\x80\0\0\x03\0\0\0\x02\0\0\0\x04oops"), 0);
    assert_int_equal(p.type, MUX_S_FAILURE);
    assert_int_equal(p.text_len, 4);
    assert_memory_equal(p.text, "oops", 4);
    assert_int_equal(GET("\0\0\0\x0c\x80\0\0\x02\0\0\0\x02\0\0\0\0"), 0);
    assert_int_equal(p.type, MUX_S_PERMISSION_DENIED);
    assert_int_equal(p.text_len, 0);
}

static void every_part_of_a_packet_asks_for_more(void **state)
{
    static const char whole[] = "\0\0\0\x10\x80\0\0\x03\0\0\0\x02\0\0\0\x04oops";
    struct mux_packet p;
    size_t used;
    struct err e;

    (void)state;
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        char *part = xcalloc(1, n + 1); /* its own memory, so that reading too far is noticed */
        memcpy(part, whole, n);
        assert_int_equal(mux_get(part, n, &p, &used, &e), -EAGAIN);
        free(part);
    }
    assert_int_equal(mux_get(whole, sizeof whole - 1, &p, &used, &e), 0);
}

static void malformed_packets_are_errors(void **state)
{
    struct mux_packet p;
    size_t used;
    struct err e;

    (void)state;
    assert_int_equal(GET("\xff\xff\xff\xff"), -EPROTO);                         /* endless */
    assert_int_equal(GET("\0\x01\0\x01"), -EPROTO);                             /* beyond the limit */
    assert_int_equal(GET("\0\0\0\x03\0\0\0"), -EPROTO);                         /* no room for a type */
    assert_int_equal(GET("\0\0\0\x04\0\0\0\x01"), -EPROTO);                     /* hello without version */
    assert_int_equal(GET("\0\0\0\x0c\0\0\0\x01\0\0\0\x04\0\0\0\x63"), -EPROTO); /* extension too long */
    assert_int_equal(GET("\0\0\0\x08\x80\0\0\x06\0\0\0\x02"), -EPROTO);         /* opened what? */
    assert_int_equal(GET("\0\0\0\x10\x80\0\0\x03\0\0\0\x02\0\0\0\x05oops"),
                     -EPROTO); /* text longer than packet */
    assert_int_equal(GET("\0\0\0\x10\x80\0\0\x03\0\0\0\x02\xff\xff\xff\xffoops"), -EPROTO);
    assert_int_equal(GET("\0\0\0\x04\x80\0\0\x77"), -EPROTO);                     /* unknown */
    assert_int_equal(GET("\0\0\0\x0c\x10\0\0\x02\0\0\0\x01\0\0\0\x01"), -EPROTO); /* a client's */
    assert_non_null(strstr(e.text, "0x10000002"));
}

/* ---- A master of ours. It accepts one connection, and says what the test wants. */

struct bench {
    uv_loop_t loop;
    char *dir, *path;
    int listener;
    struct mux *m;
    bool close_in_cb;

    int alive, opened, refused, exited, closed; /* events */
    pid_t pid;
    int status, rc;
    bool denied;
    char text[256];
};

static void event_cb(void *arg, const struct mux_event *ev)
{
    struct bench *b = arg;

    b->alive += ev->kind == MUX_ALIVE;
    b->opened += ev->kind == MUX_OPENED;
    b->refused += ev->kind == MUX_REFUSED;
    b->exited += ev->kind == MUX_EXITED;
    b->closed += ev->kind == MUX_CLOSED;
    b->pid = ev->pid;
    b->status = ev->status;
    b->rc = ev->rc;
    b->denied = ev->denied;
    snprintf(b->text, sizeof b->text, "%s", ev->text);
    if (b->close_in_cb) {
        mux_close(b->m);
        b->m = NULL;
    }
}

static int begin(void **state)
{
    struct bench *b = NEW(struct bench);
    struct sockaddr_un a = { .sun_family = AF_UNIX };

    uv_loop_init(&b->loop);
    b->dir = fresh_dir();
    b->path = xasprintf("%s/s", b->dir);
    strcpy(a.sun_path, b->path);
    b->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(b->listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(b->listener, 1), 0);
    *state = b;
    return 0;
}

static int end(void **state)
{
    struct bench *b = *state;

    mux_close(b->m);
    if (b->listener >= 0)
        close(b->listener);
    finish_loop(&b->loop);
    remove_dir(b->dir);
    free(b->path);
    free(b);
    return 0;
}

static int greet(struct bench *b)
{
    int fd = accept(b->listener, NULL, NULL);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "\0\0\0\x08\0\0\0\x01\0\0\0\x04", 12), 12);
    return fd;
}

#define SAY(fd, bytes) assert_int_equal(write(fd, bytes, sizeof(bytes) - 1), sizeof(bytes) - 1)

/* The loop runs until n bytes came to fd. */
static void receive(struct bench *b, int fd, char *out, size_t n)
{
    int never = 0;
    uint64_t until = mono_ms() + PATIENCE_MS;

    for (size_t got = 0; got < n && mono_ms() < until;) {
        ssize_t r = recv(fd, out + got, n - got, MSG_DONTWAIT);
        got += r > 0 ? (size_t)r : 0;
        if (r < 0)
            wait_within(&b->loop, &never, 1, 1);
        if (got == n)
            return;
    }
    fail_msg("the request did not come");
}

static int receive_fd(struct bench *b, int fd)
{
    char byte, control[CMSG_SPACE(sizeof(int))] = { 0 };
    struct iovec iov = { &byte, 1 };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
    };
    int never = 0, got;
    uint64_t until = mono_ms() + PATIENCE_MS;

    while (recvmsg(fd, &msg, MSG_DONTWAIT) != 1 && mono_ms() < until)
        wait_within(&b->loop, &never, 1, 1);
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    assert_non_null(c);
    assert_int_equal(c->cmsg_type, SCM_RIGHTS);
    memcpy(&got, CMSG_DATA(c), sizeof got);
    return got;
}

static void a_session_passes_three_descriptors_and_gets_its_status(void **state)
{
    struct bench *b = *state;
    char request[12 + 46];
    int p[3][2];

    for (int i = 0; i < 3; i++)
        assert_int_equal(pipe(p[i]), 0);
    b->m = mux_open(&b->loop, b->path, event_cb, b);
    mux_session(b->m, "id", (int[]){ p[0][0], p[1][1], p[2][1] });
    int fd = greet(b);
    receive(b, fd, request, sizeof request);
    int in = receive_fd(b, fd), out = receive_fd(b, fd), err = receive_fd(b, fd);
    SAY(fd, "\0\0\0\x0c\x80\0\0\x06\0\0\0\x01\0\0\0\x03");
    wait_for(&b->loop, &b->opened, 1);
    assert_int_equal(write(out, "o", 1), 1);
    assert_int_equal(write(err, "e", 1), 1);
    char c;
    assert_int_equal(read(p[1][0], &c, 1), 1);
    assert_int_equal(c, 'o');
    assert_int_equal(read(p[2][0], &c, 1), 1);
    assert_int_equal(c, 'e');
    close(in);
    close(out);
    close(err);
    assert_int_equal(read(p[1][0], &c, 1), 0); /* no copy is left with us */
    SAY(fd, "\0\0\0\x08\x80\0\0\x08\0\0\0\x03\0\0\0\x0c\x80\0\0\x04\0\0\0\x03\0\0\0\x05");
    wait_for(&b->loop, &b->exited, 1);
    assert_int_equal(b->status, 5);
    close(fd);
    wait_for(&b->loop, &b->closed, 1);
    assert_int_equal(b->rc, 0);
    close(p[0][1]);
    close(p[1][0]);
    close(p[2][0]);
}

static void alive_gives_the_process_only_where_the_kernel_agrees(void **state)
{
    struct bench *b = *state;
    char mine[17] = "\0\0\0\x0c\x80\0\0\x05\0\0\0\x02";
    uint32_t pid = htonl((uint32_t)getpid());

    b->m = mux_open(&b->loop, b->path, event_cb, b);
    mux_alive(b->m);
    int fd = greet(b);
    SAY(fd, "\0\0\0\x0c\x80\0\0\x05\0\0\0\x01\0\0\0\x01");
    wait_for(&b->loop, &b->alive, 1);
    assert_int_equal(b->pid, 0);
    mux_alive(b->m);
    memcpy(mine + 12, &pid, 4);
    assert_int_equal(write(fd, mine, 16), 16);
    wait_for(&b->loop, &b->alive, 2);
    assert_int_equal(b->pid, getpid());
    close(fd);
}

static void a_refusal_comes_with_its_words(void **state)
{
    struct bench *b = *state;
    int p[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
    b->close_in_cb = true;
    b->m = mux_open(&b->loop, b->path, event_cb, b);
    mux_forward(b->m, "n1", 80, (int[]){ p[0], dup(p[0]) });
    int fd = greet(b);
    SAY(fd, "\0\0\0\x12\x80\0\0\x02\0\0\0\x01\0\0\0\x06no\nway\0\0\0\x0c\x80\0\0\x05\0\0\0\x01\0\0\0\x01");
    wait_for(&b->loop, &b->refused, 1);
    assert_true(b->denied);
    assert_string_equal(b->text, "no way");
    assert_int_equal(b->alive, 0); /* after mux_close() nothing is heard */
    close(fd);
    close(p[1]);
}

/* What the master says, and how the connection ends by it. */
static void expect_protocol_error(struct bench *b, const char *bytes, size_t len, const char *word)
{
    b->m = mux_open(&b->loop, b->path, event_cb, b);
    mux_alive(b->m);
    int fd = accept(b->listener, NULL, NULL);
    assert_int_equal(write(fd, bytes, len), len);
    wait_for(&b->loop, &b->closed, 1);
    assert_int_equal(b->rc, -EPROTO);
    assert_non_null(strstr(b->text, word));
    close(fd);
}

#define HELLO               "\0\0\0\x08\0\0\0\x01\0\0\0\x04"
#define EXPECT(bytes, word) expect_protocol_error(*state, bytes, sizeof(bytes) - 1, word)

static void another_version_is_an_error(void **state)
{
    EXPECT("\0\0\0\x08\0\0\0\x01\0\0\0\x05", "version 5");
}

static void an_answer_before_the_greeting_is_an_error(void **state)
{
    EXPECT("\0\0\0\x0c\x80\0\0\x05\0\0\0\x01\0\0\0\x01", "another protocol");
}

static void an_answer_to_another_question_is_an_error(void **state)
{
    EXPECT(HELLO "\0\0\0\x0c\x80\0\0\x06\0\0\0\x63\0\0\0\x03", "request 99");
}

static void a_second_greeting_is_an_error(void **state)
{
    EXPECT(HELLO HELLO, "unexpected");
}

static void garbage_is_an_error(void **state)
{
    EXPECT("HTTP/1.1 400 Bad Request\r\n", "bytes");
}

static void a_packet_may_come_byte_by_byte(void **state)
{
    static const char bytes[] = HELLO "\0\0\0\x0c\x80\0\0\x05\0\0\0\x01\0\0\0\x01";
    struct bench *b = *state;
    int never = 0;

    b->m = mux_open(&b->loop, b->path, event_cb, b);
    mux_alive(b->m);
    int fd = accept(b->listener, NULL, NULL);
    for (size_t i = 0; i < sizeof bytes - 1; i++) {
        assert_int_equal(b->alive, 0);
        assert_int_equal(write(fd, bytes + i, 1), 1);
        wait_within(&b->loop, &never, 1, 1);
    }
    wait_for(&b->loop, &b->alive, 1);
    close(fd);
}

static void a_socket_that_is_missing_or_dead_is_told_from_the_loop(void **state)
{
    struct bench *b = *state;

    b->m = mux_open(&b->loop, "/nonexistent/socket", event_cb, b);
    mux_session(b->m, "id", (int[]){ dup(0), dup(0), dup(0) });
    assert_int_equal(b->closed, 0);
    wait_for(&b->loop, &b->closed, 1);
    assert_int_equal(b->rc, -ENOENT);
    mux_close(b->m);
    close(b->listener);
    b->listener = -1;
    b->close_in_cb = true;
    b->m = mux_open(&b->loop, b->path, event_cb, b);
    wait_for(&b->loop, &b->closed, 2);
    assert_int_equal(b->rc, -ECONNREFUSED);
}

static void a_full_queue_of_the_master_is_waited_for(void **state)
{
    struct bench *b = *state;
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fill[4], never = 0;

    strcpy(a.sun_path, b->path);
    for (int i = 0; i < 4; i++) {
        fill[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fill[i], (struct sockaddr *)&a, sizeof a);
    }
    b->m = mux_open(&b->loop, b->path, event_cb, b);
    mux_alive(b->m);
    wait_within(&b->loop, &never, 1, 60);
    assert_int_equal(b->closed, 0);
    for (int i = 0; i < 4; i++)
        close(fill[i]);
    /* Those that got into the queue are taken first, and found closed. */
    char request[24];
    int fd;
    while ((fd = accept(b->listener, NULL, NULL)) >= 0) {
        wait_within(&b->loop, &never, 1, 100);
        if (recv(fd, request, sizeof request, MSG_DONTWAIT) > 0)
            break;
        close(fd);
    }
    SAY(fd, HELLO);
    SAY(fd, "\0\0\0\x0c\x80\0\0\x05\0\0\0\x01\0\0\0\x01");
    wait_for(&b->loop, &b->alive, 1);
    close(fd);
}

static void closing_with_everything_unsent_leaks_nothing(void **state)
{
    struct bench *b = *state;
    char *line = xcalloc(1, 60001);
    int p[2];
    char c;

    memset(line, 'x', 60000);
    assert_int_equal(pipe(p), 0);
    b->m = mux_open(&b->loop, b->path, event_cb, b);
    mux_session(b->m, line, (int[]){ dup(0), p[1], dup(0) });
    free(line);
    mux_close(b->m);
    b->m = NULL;
    assert_int_equal(read(p[0], &c, 1), 0); /* the writing end was closed */
    close(p[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
        cmocka_unit_test(a_hello_is_version_4_without_extensions),
        cmocka_unit_test(an_alive_check_is_its_number),
        cmocka_unit_test(a_session_asks_for_no_terminal_no_x11_no_agent),
        cmocka_unit_test(a_forward_names_host_and_port),
        cmocka_unit_test(the_masters_answers_are_read),
        cmocka_unit_test(every_part_of_a_packet_asks_for_more),
        cmocka_unit_test(malformed_packets_are_errors),
        T(a_session_passes_three_descriptors_and_gets_its_status),
        T(alive_gives_the_process_only_where_the_kernel_agrees),
        T(a_refusal_comes_with_its_words),
        T(another_version_is_an_error),
        T(an_answer_before_the_greeting_is_an_error),
        T(an_answer_to_another_question_is_an_error),
        T(a_second_greeting_is_an_error),
        T(garbage_is_an_error),
        T(a_packet_may_come_byte_by_byte),
        T(a_socket_that_is_missing_or_dead_is_told_from_the_loop),
        T(a_full_queue_of_the_master_is_waited_for),
        T(closing_with_everything_unsent_leaks_nothing),
    };

    signal(SIGPIPE, SIG_IGN);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
