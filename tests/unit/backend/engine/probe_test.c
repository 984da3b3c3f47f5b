/* SPDX-License-Identifier: MIT */
/* The probe against small servers of this process, honest ones and impostors, each a function that says what
 * to answer. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/base/alloc.h"
#include "model.h"

#define OK                                                                                                   \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"status\":\"ok\"}"
#define EMPTY   "\r\nContent-Length: 0\r\n\r\n"
#define REFUSED "HTTP/1.1 401 Unauthorized" EMPTY
#define FORBID  "HTTP/1.1 403 Forbidden" EMPTY
#define BAD     "HTTP/1.1 400 Bad Request" EMPTY
#define CHOICES "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"choices\":[]}"

enum asked { HEALTH, RANDOM_KEY, OUR_KEY };

/* The answer, "" to stay silent, NULL to hang up. */
typedef const char *(*server_f)(enum asked asked);

struct connection {
    uv_pipe_t pipe;
    struct buf in;
};

struct fixture {
    uv_loop_t loop;
    struct model_config model;
    struct http_client *client;
    server_f serve;    /* NULL: nobody listens */
    int open;          /* server ends that live */
    bool secret_shown; /* our key came to it */
    int dial_rc;
    enum probe_result result;
    int rc;
    char text[512];
    bool called;
};

static struct fixture *fixture; /* of the test that runs */

static void closed_cb(uv_handle_t *h)
{
    struct connection *c = h->data;

    buf_free(&c->in);
    free(c);
    fixture->open--;
}

static void written_cb(uv_write_t *w, int status)
{
    (void)status;
    free(w);
}

static void answer(struct connection *c)
{
    enum asked asked = HEALTH;
    const char *text, *key = strstr(c->in.data, "Bearer ");
    uv_buf_t b;

    if (key)
        asked = !strncmp(key + 7, SECRET, 64) ? OUR_KEY : RANDOM_KEY;
    if (asked == OUR_KEY)
        fixture->secret_shown = true;
    assert_int_equal(asked == HEALTH, !strncmp(c->in.data, "GET /health HTTP/1.1\r\n", 22));
    buf_reset(&c->in);
    text = fixture->serve(asked);
    if (!text) {
        uv_close((uv_handle_t *)&c->pipe, closed_cb);
        return;
    }
    b = uv_buf_init((char *)text, (unsigned)strlen(text));
    if (*text)
        uv_write(xcalloc(1, sizeof(uv_write_t)), (uv_stream_t *)&c->pipe, &b, 1, written_cb);
}

static void alloc_cb(uv_handle_t *h, size_t size, uv_buf_t *b)
{
    static char space[65536];

    (void)h;
    (void)size;
    *b = uv_buf_init(space, sizeof space);
}

static void read_cb(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct connection *c = s->data;
    const char *end;

    if (n < 0) {
        uv_close((uv_handle_t *)s, closed_cb);
        return;
    }
    buf_add(&c->in, b->base, (size_t)n);
    end = strstr(c->in.data, "\r\n\r\n");
    if (end && (c->in.data[0] == 'G' || end[4]))
        answer(c);
}

static void dial(void *arg, struct http_client *client, void *ticket)
{
    struct fixture *f = arg;
    struct connection *c;
    int fds[2];

    if (!f->serve) {
        http_client_opened(client, ticket, f->dial_rc, "the node is gone");
        return;
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    c = NEW(struct connection);
    c->pipe.data = c;
    f->open++;
    uv_pipe_init(&f->loop, &c->pipe, 0);
    uv_pipe_open(&c->pipe, fds[1]);
    uv_read_start((uv_stream_t *)&c->pipe, alloc_cb, read_cb);
    http_client_opened(client, ticket, fds[0], NULL);
}

static void probed(void *arg, enum probe_result r, int rc, const char *text)
{
    struct fixture *f = arg;

    assert_false(f->called);
    f->called = true;
    f->result = r;
    f->rc = rc;
    snprintf(f->text, sizeof f->text, "%s", text);
}

static void probe(struct fixture *f, server_f serve, bool want_proof)
{
    f->serve = serve;
    f->called = false;
    probe_start(&f->loop, f->client, engine_find("llamacpp"), &f->model, SECRET, want_proof, 300, probed, f);
    assert_false(f->called);
    while (!f->called)
        uv_run(&f->loop, UV_RUN_ONCE);
}

static int setup(void **state)
{
    struct fixture *f = NEW(struct fixture);
    struct http_dialer d = { dial, f };

    uv_loop_init(&f->loop);
    model_defaults(&f->model, "llamacpp");
    f->client = http_client_create(&f->loop, &d);
    *state = fixture = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    http_client_destroy(f->client);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(f->open, 0);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    model_finish(&f->model);
    free(f);
    return 0;
}

/* ---- Servers. */

static const char *honest(enum asked asked)
{
    return asked == HEALTH ? OK : asked == RANDOM_KEY ? REFUSED : BAD;
}

static const char *honest_forbids(enum asked asked)
{
    return asked == HEALTH ? OK : asked == RANDOM_KEY ? FORBID : "HTTP/1.1 500 Internal Server Error" EMPTY;
}

static const char *honest_completes(enum asked asked)
{
    return asked == HEALTH ? OK : asked == RANDOM_KEY ? REFUSED : CHOICES;
}

static const char *no_content(enum asked asked)
{
    return asked == HEALTH ? "HTTP/1.1 204 No Content\r\n\r\n" : honest(asked);
}

static const char *loads(enum asked asked)
{
    (void)asked;
    return "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 69\r\n\r\n"
           "{\"error\":{\"code\":503,\"message\":\"Loading model\",\"type\":\"unavailable\"}}";
}

static const char *loads_some(enum asked asked)
{
    (void)asked;
    return "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 54\r\n\r\n"
           "{\"error\":{\"message\":\"Loading model\",\"progress\":0.427}}";
}

static const char *asks_key_for_health(enum asked asked)
{
    return asked == HEALTH ? REFUSED : honest(asked);
}

static const char *says_yes(enum asked asked)
{
    (void)asked;
    return OK;
}

static const char *says_no(enum asked asked)
{
    return asked == HEALTH ? OK : REFUSED;
}

static const char *says_yes_to_us(enum asked asked)
{
    return asked == RANDOM_KEY ? REFUSED : OK;
}

static const char *not_found(enum asked asked)
{
    return asked == HEALTH ? OK : "HTTP/1.1 404 Not Found" EMPTY;
}

static const char *redirects(enum asked asked)
{
    return asked == HEALTH ? OK : "HTTP/1.1 302 Found\r\nLocation: /login" EMPTY;
}

static const char *garbage(enum asked asked)
{
    (void)asked;
    return "220 mail.example.org ESMTP\r\n\r\n";
}

static const char *silent(enum asked asked)
{
    (void)asked;
    return "";
}

static const char *silent_later(enum asked asked)
{
    return asked == HEALTH ? OK : "";
}

static const char *hangs_up(enum asked asked)
{
    (void)asked;
    return NULL;
}

/* ---- The tests. */

static void test_honest(void **state)
{
    static const server_f servers[] = { honest, honest_forbids, honest_completes };
    struct fixture *f = *state;

    for (size_t i = 0; i < 3; i++) {
        f->secret_shown = false;
        probe(f, servers[i], true);
        assert_int_equal(f->result, PROBE_HEALTHY);
        assert_int_equal(f->rc, 0);
        assert_true(f->secret_shown);
    }
}

static void test_without_proof(void **state)
{
    struct fixture *f = *state;

    probe(f, says_yes, false);
    assert_int_equal(f->result, PROBE_HEALTHY);
    assert_false(f->secret_shown);
}

static void test_status_list(void **state)
{
    struct fixture *f = *state;

    probe(f, no_content, true);
    assert_int_equal(f->result, PROBE_LOADING);
    assert_non_null(strstr(f->text, "204"));
    probe(f, asks_key_for_health, true);
    assert_int_equal(f->result, PROBE_LOADING);
    json_decref(f->model.health_status);
    f->model.health_status = json_pack("[i,i]", 204, 401);
    probe(f, no_content, true);
    assert_int_equal(f->result, PROBE_HEALTHY);
    probe(f, asks_key_for_health, true);
    assert_int_equal(f->result, PROBE_HEALTHY);
}

static void test_loading(void **state)
{
    struct fixture *f = *state;

    probe(f, loads, true);
    assert_int_equal(f->result, PROBE_LOADING);
    assert_string_equal(f->text, "Loading model");
    assert_true(probe_progress(f->text) < 0);
    probe(f, loads_some, true);
    assert_string_equal(f->text, "Loading model, 43 %");
    assert_true(probe_progress(f->text) > 0.429 && probe_progress(f->text) < 0.431);
    assert_false(f->secret_shown);
}

static void test_nobody(void **state)
{
    struct fixture *f = *state;

    f->dial_rc = -ECONNREFUSED;
    probe(f, NULL, true);
    assert_int_equal(f->result, PROBE_LOADING);
    assert_int_equal(f->rc, -ECONNREFUSED);
    f->dial_rc = -EHOSTUNREACH;
    probe(f, NULL, true);
    assert_int_equal(f->result, PROBE_LOST);
    assert_int_equal(f->rc, -EHOSTUNREACH);
    assert_string_equal(f->text, "the node is gone");
}

static void test_impostors(void **state)
{
    static const server_f servers[] = { says_yes, not_found, redirects, garbage };
    struct fixture *f = *state;

    for (size_t i = 0; i < 4; i++) {
        probe(f, servers[i], true);
        assert_int_equal(f->result, PROBE_IMPOSTOR);
        assert_true(f->rc < 0);
        assert_int_not_equal(f->text[0], '\0');
        assert_false(f->secret_shown);
    }
}

static void test_refuses_ours(void **state)
{
    struct fixture *f = *state;

    probe(f, says_no, true);
    assert_int_equal(f->result, PROBE_IMPOSTOR);
    assert_non_null(strstr(f->text, "refused the key"));
    probe(f, says_yes_to_us, true);
    assert_int_equal(f->result, PROBE_IMPOSTOR);
}

static void test_silence(void **state)
{
    struct fixture *f = *state;

    probe(f, silent, true);
    assert_int_equal(f->result, PROBE_LOST);
    assert_int_equal(f->rc, -ETIMEDOUT);
    assert_string_equal(f->text, "/health was not answered within 0.3 s");
    probe(f, silent_later, true);
    assert_int_equal(f->rc, -ETIMEDOUT);
    probe(f, hangs_up, true);
    assert_int_equal(f->result, PROBE_LOST);
    assert_int_equal(f->rc, -ECONNRESET);
}

static void test_cancel(void **state)
{
    struct fixture *f = *state;
    struct probe *p;

    f->serve = honest;
    p = probe_start(&f->loop, f->client, engine_find("llamacpp"), &f->model, SECRET, true, 1000, probed, f);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    probe_cancel(p);
    probe_cancel(NULL);
    assert_false(f->called);
}

#define TEST(sentence, function)                                                                             \
    {                                                                                                        \
        sentence, function, setup, teardown, NULL                                                            \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("an engine that refuses a random key and takes ours is ours", test_honest),
        TEST("without proof no key is shown", test_without_proof),
        TEST("health_status says which answers are good", test_status_list),
        TEST("a loading engine says so, and how far it is", test_loading),
        TEST("nobody listening is loading, an unreachable node is lost", test_nobody),
        TEST("an impostor is refused and never sees the secret", test_impostors),
        TEST("an engine that refuses our key, or likes an empty request, is not ours", test_refuses_ours),
        TEST("silence ends the round at its limit", test_silence),
        TEST("a cancelled probe calls nobody", test_cancel),
    };

    signal(SIGPIPE, SIG_IGN); /* as the program does: a server writes to a client that has left */
    return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
