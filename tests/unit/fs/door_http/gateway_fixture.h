/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GATEWAY_FIXTURE_H
#define TESTS_GATEWAY_FIXTURE_H
/* A gateway on real sockets, all in one thread: a house whose cluster is `fake` and whose engine is a server
 * of ours that is healthy when told and leaves each question to the test; and clients that speak raw bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/base/timer.h"
#include "backend/house.h"
#include "backend/job/job.h"
#include "backend/model/model.h"
#include "fs/door_http/gateway.h"

#define PATIENCE_MS 30000
#define PEERS       32
#define UNUSED      __attribute__((unused))

/* One end of a connection: a client of the gateway, or a connection that it opened to the engine. */
struct peer {
    int fd;               /* -1 = free */
    bool is_engine, deaf; /* deaf: nothing is read for now */
    bool question, eof;
    struct buf in;
};

static struct {
    uv_loop_t loop;
    uv_timer_t tick;
    struct house *house;
    struct gateway *gateway;
    char dir[64];
    int port, engine_fd, engine_port;
    bool healthy;
    struct peer peers[PEERS];
} rig;

static struct peer *add_peer(int fd, bool is_engine)
{
    for (int i = 0; i < PEERS; i++) {
        if (rig.peers[i].fd >= 0)
            continue;
        fcntl(fd, F_SETFL, O_NONBLOCK);
        rig.peers[i] = (struct peer){ .fd = fd, .is_engine = is_engine };
        return &rig.peers[i];
    }
    fail_msg("too many connections");
    return NULL;
}

UNUSED static void drop_peer(struct peer *p)
{
    if (p->fd >= 0)
        close(p->fd);
    buf_free(&p->in);
    *p = (struct peer){ .fd = -1 };
}

UNUSED static void say(struct peer *p, const char *text)
{
    size_t len = strlen(text);

    assert_int_equal(send(p->fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* ---- The engine */

static size_t request_len(const struct buf *in)
{
    const char *end = strstr(buf_str(in), "\r\n\r\n"), *length = strstr(buf_str(in), "Content-Length: ");

    if (!end)
        return 0;
    size_t n = (size_t)(end - in->data) + 4 + (length && length < end ? strtoul(length + 16, NULL, 10) : 0);
    return n <= in->len ? n : 0;
}

static bool shows_secret(const struct buf *in)
{
    const struct job *j = list_first(&rig.house->jobs, struct job, link);
    char *field = xasprintf("Authorization: Bearer %s\r\n", j->secret);
    bool shows = strstr(buf_str(in), field) != NULL;

    free(field);
    return shows;
}

/* Health and proof are answered; everything else is the test's to answer. */
static void hear_request(struct peer *p)
{
    size_t n = request_len(&p->in);

    if (n == 0 || p->question)
        return;
    if (strncmp(p->in.data, "GET /health ", 12) == 0)
        say(p, rig.healthy ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
                           : "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\n{}");
    else if (strstr(p->in.data, "\r\n\r\n{}") && strstr(p->in.data, "Content-Length: 2\r\n"))
        say(p, shows_secret(&p->in) ? "HTTP/1.1 400 No\r\nContent-Length: 2\r\n\r\n{}"
                                    : "HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\n{}");
    else
        p->question = true;
    if (!p->question)
        buf_consume(&p->in, n);
}

UNUSED static struct peer *question(void)
{
    for (int i = 0; i < PEERS; i++)
        if (rig.peers[i].fd >= 0 && rig.peers[i].question)
            return &rig.peers[i];
    return NULL;
}

/* The question is answered, with these bytes; the connection is there for the next one. */
UNUSED static void answer(struct peer *p, const char *text)
{
    say(p, text);
    p->question = false;
    buf_consume(&p->in, request_len(&p->in));
}

/* ---- Turning */

static void hear(struct peer *p)
{
    char bytes[65536];
    ssize_t n;

    while (!p->eof && !p->deaf && (n = read(p->fd, bytes, sizeof bytes)) >= 0) {
        p->eof = n == 0;
        buf_add(&p->in, bytes, (size_t)n);
    }
    if (!p->eof && !p->deaf && errno == ECONNRESET)
        p->eof = true;
    if (p->is_engine && p->eof && !p->question)
        drop_peer(p);
    else if (p->is_engine)
        hear_request(p);
}

static void turn(void)
{
    int fd;

    uv_run(&rig.loop, UV_RUN_ONCE);
    while ((fd = accept4(rig.engine_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        add_peer(fd, true);
    for (int i = 0; i < PEERS; i++)
        if (rig.peers[i].fd >= 0)
            hear(&rig.peers[i]);
}

#define UNTIL(condition)                                                                                     \
    do {                                                                                                     \
        uint64_t until_ = mono_ms() + PATIENCE_MS;                                                           \
        while (!(condition)) {                                                                               \
            if (mono_ms() > until_)                                                                          \
                fail_msg("waited in vain for %s", #condition);                                               \
            turn();                                                                                          \
        }                                                                                                    \
    } while (0)

UNUSED static bool has(const struct peer *p, const char *text)
{
    return strstr(buf_str(&p->in), text) != NULL;
}

/* ---- Clients */

UNUSED static struct peer *client(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons((uint16_t)rig.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return add_peer(fd, false);
}

#define QUESTION "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"model\":\"parrot\"}"
#define STREAM_QUESTION                                                                                      \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"model\":\"parrot\",\"stream\":true}"

UNUSED static void ask(struct peer *p, const char *body)
{
    char *text =
        xasprintf("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n%s",
                  strlen(body), body);

    say(p, text);
    free(text);
}

UNUSED static void get(struct peer *p, const char *path)
{
    char *text = xasprintf("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);

    say(p, text);
    free(text);
}

UNUSED static int waiting(void)
{
    int n, active;

    model_counts(rig.house->models[0], &n, &active);
    return n;
}

UNUSED static int active(void)
{
    int n, wait;

    model_counts(rig.house->models[0], &wait, &n);
    return n;
}

/* ---- The house */

static void tick_cb(uv_timer_t *t)
{
    (void)t;
}

static int listen_here(int *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 100), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

static const char *fake_words = ""; /* further ones of the cluster, each behind a comma */

/* gateway, model: further lines of [gateway] and [model.parrot] */
UNUSED static void begin_with(const char *gateway, const char *model)
{
    struct config *cfg;
    struct err e = { "" };

    memset(&rig, 0, sizeof rig);
    for (int i = 0; i < PEERS; i++)
        rig.peers[i].fd = -1;
    strcpy(rig.dir, "/tmp/slullamafs-test-XXXXXX");
    assert_non_null(mkdtemp(rig.dir));
    rig.engine_fd = listen_here(&rig.engine_port);
    rig.healthy = true;
    char *text =
        xasprintf("[mount]\nstate_dir = \"%s/s\"\nruntime_dir = \"%s/r\"\n"
                  "[gateway]\nlisten = \"127.0.0.1:0\"\n%s\n"
                  "[cluster.fake]\nkind = \"fake\"\nfake = [\"engine=127.0.0.1:%d\"%s]\n"
                  "[model.parrot]\nengine = \"parrot\"\nmodel = \"Org/Parrot\"\naliases = [\"p\"]\n%s\n",
                  rig.dir, rig.dir, gateway, rig.engine_port, fake_words, model);
    if (config_parse(text, strlen(text), "test", &cfg, &e) < 0)
        fail_msg("%s", e.text);
    free(text);
    uv_loop_init(&rig.loop);
    uv_timer_init(&rig.loop, &rig.tick);
    uv_timer_start(&rig.tick, tick_cb, 2, 2);
    if (house_create(&rig.house, &rig.loop, cfg, "/nowhere", &e) < 0 ||
        gateway_create(&rig.gateway, rig.house, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(sscanf(rig.house->endpoint, "http://127.0.0.1:%d", &rig.port), 1);
}

UNUSED static int begin(void **state)
{
    (void)state;
    begin_with("", "");
    return 0;
}

UNUSED static int finish(void **state)
{
    char *line = xasprintf("rm -rf -- %s", rig.dir);

    (void)state;
    gateway_destroy(rig.gateway);
    house_destroy(rig.house);
    uv_close((uv_handle_t *)&rig.tick, NULL);
    uv_run(&rig.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&rig.loop), 0);
    for (int i = 0; i < PEERS; i++)
        drop_peer(&rig.peers[i]);
    close(rig.engine_fd);
    assert_int_equal(system(line), 0);
    free(line);
    return 0;
}

#endif
