/* SPDX-License-Identifier: MIT */
/* The parrot listens, asks for keys, and knows its routes: each is a row of the table and a function. */
#include "backend/parrot/server.h"
#include "backend/parrot/embedding.h"
#include "backend/base/alloc.h"
#include "backend/base/timer.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Benchmarks connect by the thousand; the kernel takes the lesser of it and somaxconn. */
#define BACKLOG 4096

void parrot_server_die(void)
{
    _exit(1);
}

/* ---- Keys. */

/* Compare in a time that depends on the lengths alone. */
static bool same(const char *a, const char *b)
{
    size_t len = strlen(a);
    unsigned char diff = 0;

    if (strlen(b) != len)
        return false;
    for (size_t i = 0; i < len; i++)
        diff |= (unsigned char)(a[i] ^ b[i]);
    return diff == 0;
}

static bool key_is_right(const struct parrot_server *s, const struct http_head *head)
{
    const char *given = http_field_get(head, "Authorization");

    if (given && !strncasecmp(given, "Bearer ", 7))
        given += 7;
    else
        given = http_field_get(head, "X-Api-Key");
    for (size_t i = 0; given && i < s->o->n_keys; i++) {
        if (same(s->o->keys[i], given))
            return true;
    }
    return s->o->n_keys == 0;
}

/* ---- Routes. */

static bool is_loading(const struct parrot_server *s)
{
    return s->o->failure == FAIL_NEVER_HEALTHY || (double)(mono_ms() - s->begun_ms) < s->o->startup_s * 1e3;
}

static void say_loading(struct parrot_connection *c)
{
    parrot_respond_error(c, 503, "Retry-After: 1\r\n", "Loading model");
}

static void get_health(struct parrot_server *s, struct parrot_connection *c, const struct http_head *head,
                       const struct buf *body)
{
    (void)head;
    (void)body;
    if (is_loading(s))
        say_loading(c);
    else
        parrot_respond_json(c, 200, NULL, "{\"status\":\"ok\"}");
}

static void get_models(struct parrot_server *s, struct parrot_connection *c, const struct http_head *head,
                       const struct buf *body)
{
    char json[160];

    (void)s;
    (void)head;
    (void)body;
    snprintf(json, sizeof json,
             "{\"object\":\"list\",\"data\":[{\"id\":\"parrot\",\"object\":\"model\",\"created\":%lld,"
             "\"owned_by\":\"slullamafs\"}]}",
             (long long)time(NULL));
    parrot_respond_json(c, 200, NULL, json);
}

/* The failures that need no answer. Returns true where one of them has dealt with the request. */
static bool fail_at_once(struct parrot_connection *c, enum parrot_failure failure, bool stream)
{
    switch (failure) {
    case FAIL_DIE_BEFORE_FIRST_BYTE:
        parrot_server_die();
    case FAIL_SILENT:
        parrot_respond_never(c);
        return true;
    case FAIL_GARBAGE:
        parrot_respond_garbage(c);
        return true;
    case FAIL_HTTP_500:
        parrot_respond_error(c, 500, NULL, "the parrot was told to fail");
        return true;
    case FAIL_HTTP_429:
        parrot_respond_error(c, 429, "Retry-After: 1\r\n", "the parrot was told to be busy");
        return true;
    case FAIL_ERROR_IN_STREAM:
        if (!stream)
            parrot_respond_error(c, 500, NULL, "the parrot was told to fail");
        return !stream;
    default:
        return false;
    }
}

static void complete(struct parrot_server *s, struct parrot_connection *c, const struct http_head *head,
                     const struct buf *body, bool chat)
{
    struct parrot_question q;
    struct err e = { "" };
    enum parrot_failure failure = s->o->failure;

    if (is_loading(s)) {
        say_loading(c);
        return;
    }
    if (parrot_question_parse(&q, chat, buf_str(body), body->len, &e) < 0) {
        parrot_respond_error(c, 400, NULL, e.text);
        return;
    }
    s->completions++;
    if (failure == FAIL_REFUSE_AFTER || (s->o->fail_at && s->o->fail_at != s->completions))
        failure = FAIL_NONE;
    if (!fail_at_once(c, failure, q.stream))
        parrot_respond_answer(
            c, parrot_answer_create(&q, s->o, failure, s->completions, head->minor, head->keep_alive));
    parrot_question_free(&q);
}

static void post_chat(struct parrot_server *s, struct parrot_connection *c, const struct http_head *head,
                      const struct buf *body)
{
    complete(s, c, head, body, true);
}

static void post_completion(struct parrot_server *s, struct parrot_connection *c,
                            const struct http_head *head, const struct buf *body)
{
    complete(s, c, head, body, false);
}

static void post_embeddings(struct parrot_server *s, struct parrot_connection *c,
                            const struct http_head *head, const struct buf *body)
{
    struct err e = { "" };

    (void)head;
    if (is_loading(s)) {
        say_loading(c);
        return;
    }
    char *json = parrot_embeddings(buf_str(body), body->len, &e);
    if (json)
        parrot_respond_json(c, 200, NULL, json);
    else
        parrot_respond_error(c, 400, NULL, e.text);
    free(json);
}

static const struct {
    const char *path, *method, *allow;
    bool open; /* asks for no key */
    void (*handle)(struct parrot_server *s, struct parrot_connection *c, const struct http_head *head,
                   const struct buf *body);
} routes[] = {
    { "/health", "GET", "Allow: GET, HEAD\r\n", true, get_health },
    { "/v1/models", "GET", "Allow: GET, HEAD\r\n", false, get_models },
    { "/v1/chat/completions", "POST", "Allow: POST\r\n", false, post_chat },
    { "/v1/completions", "POST", "Allow: POST\r\n", false, post_completion },
    { "/v1/embeddings", "POST", "Allow: POST\r\n", false, post_embeddings },
};
#define N_ROUTES (sizeof routes / sizeof *routes)

/* The path of a target, which may be a whole URL: what stands between its authority and its query. */
static const char *path_of(const char *target, size_t *len)
{
    const char *host = strstr(target, "://");

    if (*target != '/' && host)
        target = strchr(host + 3, '/') ? strchr(host + 3, '/') : "/";
    *len = strcspn(target, "?#");
    return target;
}

void parrot_server_handle(struct parrot_server *s, struct parrot_connection *c, const struct http_head *head,
                          const struct buf *body)
{
    size_t len, i = 0;
    const char *path = path_of(head->target, &len);
    const char *method = strcmp(head->method, "HEAD") ? head->method : "GET";

    if (s->o->failure == FAIL_ALWAYS_200) {
        parrot_respond_json(c, 200, NULL, "{\"status\":\"ok\"}");
        return;
    }
    while (i < N_ROUTES && (strlen(routes[i].path) != len || strncmp(routes[i].path, path, len)))
        i++;
    if ((i == N_ROUTES || !routes[i].open) && !key_is_right(s, head))
        parrot_respond_error(c, 401, "WWW-Authenticate: Bearer\r\n", "Invalid API Key");
    else if (i == N_ROUTES)
        parrot_respond_error(c, 404, NULL, "there is no such route");
    else if (strcmp(routes[i].method, method))
        parrot_respond_error(c, 405, routes[i].allow, "the method is not allowed on this route");
    else
        routes[i].handle(s, c, head, body);
}

bool parrot_server_answered(struct parrot_server *s)
{
    return ++s->answered >= s->o->fail_at && s->o->failure == FAIL_REFUSE_AFTER;
}

/* ---- Listening. */

static void accept_cb(uv_poll_t *h, int status, int events)
{
    struct parrot_server *s = h->data;

    (void)status;
    (void)events;
    for (int i = 0; i < 64; i++) {
        int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            parrot_connection_create(s, fd);
            continue;
        }
        /* Out of descriptors: the listener would be readable for ever. The next connection that closes wakes
         * it. */
        if ((errno == EMFILE || errno == ENFILE) && !list_empty(&s->connections)) {
            s->full = true;
            uv_poll_stop(&s->listener);
        }
        if (errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

void parrot_server_connection_gone(struct parrot_server *s)
{
    if (!s->full || s->stopping)
        return;
    s->full = false;
    uv_poll_start(&s->listener, UV_READABLE, accept_cb);
}

static int port_of(int fd)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof addr;
    char port[8];

    if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0 ||
        getnameinfo((struct sockaddr *)&addr, len, NULL, 0, port, sizeof port, NI_NUMERICSERV) != 0)
        return 0;
    return atoi(port);
}

static int open_listener(const struct parrot_options *o, struct err *e)
{
    struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM }, *found;
    char port[8];
    int one = 1;

    snprintf(port, sizeof port, "%d", o->port);
    int rc = getaddrinfo(o->host, port, &hints, &found);
    if (rc)
        return err_set(e, -EINVAL, "cannot listen on \"%s\": %s", o->host, gai_strerror(rc));
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
        rc = err_set(e, -errno, "cannot listen on %s port %d: %s", o->host, o->port, strerror(errno));
        if (fd >= 0)
            close(fd);
        fd = rc;
    }
    freeaddrinfo(found);
    return fd;
}

int parrot_server_start(struct parrot_server *s, uv_loop_t *loop, const struct parrot_options *o, int *port,
                        struct err *e)
{
    int fd = open_listener(o, e);

    if (fd < 0)
        return fd;
    *s = (struct parrot_server){ .loop = loop, .o = o, .fd = fd, .begun_ms = mono_ms() };
    list_init(&s->connections);
    s->space = xcalloc(1, PARROT_SPACE);
    uv_poll_init(loop, &s->listener, fd);
    s->listener.data = s;
    uv_poll_start(&s->listener, UV_READABLE, accept_cb);
    *port = port_of(fd);
    return 0;
}

void parrot_server_stop(struct parrot_server *s)
{
    if (s->stopping)
        return;
    s->stopping = true;
    parrot_connections_close(s);
    uv_close((uv_handle_t *)&s->listener, NULL);
    close(s->fd);
    free(s->space);
    s->space = NULL;
}
