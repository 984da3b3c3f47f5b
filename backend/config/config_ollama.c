/* SPDX-License-Identifier: MIT */
/* Asks this machine's Ollama for its models. Source: ollama/ollama, docs/api.md, and envconfig/config.go for OLLAMA_HOST. */
#include "backend/config/config_ollama.h"
#include "backend/base/alloc.h"
#include "backend/base/peer.h"
#include "backend/base/timer.h"
#include "backend/config/config_table.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT       11434
#define WAIT_MS    1000       /* on loopback; one that is slower than that keeps nobody's mount waiting */
#define ANSWER_MAX (1u << 20) /* bytes */

int ollama_port(const char *host)
{
    static const char *const local[] = { "", "localhost", "127.0.0.1", "0.0.0.0" };
    size_t scheme = !strncmp(host, "http://", 7) ? 7 : 0, n = strcspn(host + scheme, ":/");
    const char *name = host + scheme, *colon = name[n] == ':' ? name + n + 1 : NULL;
    int port = colon ? atoi(colon) : PORT;

    if (port < 1 || port > 65535)
        return 0;
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
        if (strlen(local[i]) == n && !strncmp(name, local[i], n))
            return port;
    return 0;
}

/* ---- Asking */

static bool ready(int fd, short events, uint64_t end)
{
    struct pollfd p = { .fd = fd, .events = events };
    uint64_t now = mono_ms();

    return now < end && poll(&p, 1, (int)(end - now)) == 1;
}

/* The body of a 200, after the blank line; HTTP/1.0, so that it ends with the connection. */
static bool get(const struct sockaddr_in *at, const char *path, uint64_t end, struct buf *body)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    char *head = xasprintf("GET %s HTTP/1.0\r\nHost: localhost:%d\r\n\r\n", path, ntohs(at->sin_port)),
         chunk[8192];
    struct buf in = { 0 };
    ssize_t n = -1;

    if (fd >= 0)
        (void)connect(fd, (const struct sockaddr *)at,
                      sizeof *at); /* whether it could be had, send() tells */
    if (fd >= 0 && ready(fd, POLLOUT, end) &&
        send(fd, head, strlen(head), MSG_NOSIGNAL) == (ssize_t)strlen(head))
        while (in.len <= ANSWER_MAX && ready(fd, POLLIN, end) && (n = recv(fd, chunk, sizeof chunk, 0)) > 0)
            buf_add(&in, chunk, (size_t)n);
    const char *blank = n == 0 ? strstr(buf_str(&in), "\r\n\r\n") : NULL;
    bool good = blank && !strncmp(in.data, "HTTP/1.", 7) && !strncmp(in.data + 8, " 200", 4);
    if (good)
        buf_adds(body, blank + 4);
    if (fd >= 0)
        close(fd);
    free(head);
    buf_free(&in);
    return good;
}

bool ollama_here(struct buf *out)
{
    const char *host = getenv("OLLAMA_HOST"), *dir = getenv("OLLAMA_MODELS");
    int port = ollama_port(host ? host : "");
    union {
        struct sockaddr_storage any;
        struct sockaddr_in four;
    } at = { .four = { .sin_family = AF_INET,
                       .sin_port = htons((uint16_t)port),
                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
    struct buf version = { 0 }, tags = { 0 };
    uint64_t end = mono_ms() + WAIT_MS;
    uid_t uid;

    bool found = port && listener_uid(&at.any, &uid) == 0 && uid == geteuid() &&
                 get(&at.four, "/api/version", end, &version) &&
                 !strstr(buf_str(&version), "\"slullamafs\"") && get(&at.four, "/api/tags", end, &tags) &&
                 ollama_config(buf_str(&tags), dir && *dir == '/' ? dir : "", out);
    buf_free(&version);
    buf_free(&tags);
    return found;
}

/* ---- Its models */

static void write_key(struct buf *out, const char *key, const char *value)
{
    buf_addf(out, "%s = ", key);
    toml_write_string(out, value);
    buf_adds(out, "\n");
}

static void write_model(struct buf *out, const char *original, const char *models_dir, json_t *names)
{
    size_t len = strlen(original), end = strlen(":latest");
    char *plain = xstrndup(original, len > end && !strcmp(original + len - end, ":latest") ? len - end : len);
    char *name = name_for_found(plain, names);

    buf_adds(out, "[model.");
    toml_write_string(out, name);
    buf_adds(out, "]\nengine = \"ollama\"\nshare = \"ollama\"\n");
    write_key(out, "model", plain);
    if (*models_dir)
        write_key(out, "models_dir", models_dir);
    json_object_set_new(names, name, json_true());
    free(name);
    free(plain);
}

bool ollama_config(const char *tags, const char *models_dir, struct buf *out)
{
    json_t *v = json_loads(tags, 0, NULL), *names = json_object(), *one;
    size_t i;

    json_array_foreach(json_object_get(v, "models"), i, one)
    {
        const char *name = json_string_value(json_object_get(one, "name"));
        if (name && *name && !strpbrk(name, "\n\r\t"))
            write_model(out, name, models_dir, names);
    }
    bool any = json_object_size(names) > 0;
    json_decref(names);
    json_decref(v);
    return any;
}
