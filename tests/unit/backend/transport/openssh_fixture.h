/* SPDX-License-Identifier: MIT */
#ifndef TESTS_OPENSSH_FIXTURE_H
#define TESTS_OPENSSH_FIXTURE_H
/* The transport through ssh(1), against a real sshd. Included once by each test, which may name another kind first. */
#include "sshd_here.h"

#ifndef BENCH_TRANSPORT
#define BENCH_TRANSPORT "auto"
#define BENCH_KIND      "openssh"
#define BENCH_KILLED    255 /* the status of what a signal ended, of which ssh does not say which */
#define BENCH_PROCESSES 1   /* of ssh, while it is up */
#endif

struct bench {
    uv_loop_t loop;
    struct sshd sshd;
    struct cluster_config cluster;
    char *runtime; /* the runtime directory */
    struct transport *t;
    struct states states;
};

static inline struct transport *open_transport(struct bench *b, const char *host)
{
    struct transport_params p = { .loop = &b->loop,
                                  .cluster = &b->cluster,
                                  .runtime_dir = b->runtime,
                                  .state_cb = state_cb,
                                  .arg = &b->states };
    struct transport *t;
    struct err e;

    b->cluster.host = (char *)host;
    assert_int_equal(transport_create(&t, &p, &e), 0);
    return t;
}

static inline int begin_with(void **state, const char *sshd_lines)
{
    struct bench *b = NEW(struct bench);

    uv_loop_init(&b->loop);
    b->sshd = shared;
    sshd_start(&b->sshd, sshd_lines);
    b->cluster =
        (struct cluster_config){ .name = "lab", .ssh_config = b->sshd.config, .transport = BENCH_TRANSPORT };
    b->runtime = fresh_dir();
    b->t = open_transport(b, "box");
    *state = b;
    return 0;
}

static inline int begin(void **state)
{
    return begin_with(state, "");
}

/* And with no other way: tunnel_test.c has those. */
static inline int begin_without_forwarding(void **state)
{
    int rc = begin_with(state, "AllowTcpForwarding no\n");

    ((struct bench *)*state)->cluster.tunnel = "login";
    return rc;
}

static inline int begin_with_2_sessions(void **state)
{
    return begin_with(state, "MaxSessions 2\n");
}

static inline bool is_empty(const char *path)
{
    return rmdir(path) == 0 && mkdir(path, 0700) == 0;
}

/* After each test: no process and no file is left, whatever it was about. */
static inline int end(void **state)
{
    struct bench *b = *state;

    transport_destroy(b->t);
    finish_loop(&b->loop);
    assert_int_equal(our_ssh_processes(), 0);
    assert_true(is_empty(b->runtime));
    remove_dir(b->runtime);
    sshd_kill(&b->sshd);
    free(b);
    return 0;
}

static inline void use_host(struct bench *b, const char *host)
{
    transport_destroy(b->t);
    b->t = open_transport(b, host);
}

static inline void run(struct bench *b, const char *line, const char *input, uint64_t connect_ms,
                       struct outcome *o)
{
    outcome_free(o);
    transport_run(b->t, line, input, input ? strlen(input) : 0, connect_ms, 30000, command_cb, o);
    assert_int_equal(o->done, 0);
    wait_for(&b->loop, &o->done, 1);
}

static inline void assert_works(struct bench *b)
{
    struct outcome o = { 0 };

    run(b, "echo works", NULL, 60000, &o);
    assert_string_equal(o.err, "");
    assert_int_equal(o.rc, 0);
    assert_non_null(strstr(buf_str(&o.out), "works\n"));
    outcome_free(&o);
}

static inline int open_stream(struct bench *b, int port)
{
    struct dialled d = { 0 };

    transport_dial(b->t, "127.0.0.1", port, 30000, dial_cb, &d);
    assert_int_equal(d.done, 0);
    wait_for(&b->loop, &d.done, 1);
    assert_string_equal(d.err, "");
    assert_true(d.fd >= 0);
    return d.fd;
}

#endif
