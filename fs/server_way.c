/* SPDX-License-Identifier: MIT */
#include "fs/server_way.h"
#include "backend/base/alloc.h"
#include "backend/base/private_dir.h"
#include "backend/base/private_file.h"
#include "backend/config/config_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOKEN_MAX 4096 /* bytes of a token's file */

static int read_token(const char *path, char **out, struct err *e)
{
    struct buf text = { 0 };
    int rc = private_file_read(path, TOKEN_MAX, &text, e);

    if (rc == 0)
        *out = xstrndup(buf_str(&text), strcspn(buf_str(&text), "\r\n"));
    buf_free(&text);
    return rc;
}

/* A server on this machine is the one of [server], one behind a host that of [client]; a token that only one of them
 * has is meant for both. */
static int read_settings(struct server_way *w, const struct slullama_args *args, struct err *e)
{
    const char *file = args->given.v[GIVEN_TOKEN_FILE];
    json_t *settings = NULL;
    int rc = config_load_slullama(args->config, &args->given, &settings, e);

    if (rc < 0)
        return rc;
    w->host = xstrdup(slullama_text(settings, "client.host"));
    w->port = slullama_number(settings, *w->host ? "client.server_port" : "server.port");
    w->local_port = slullama_number(settings, "client.local_port");
    const char *token = slullama_text(settings, *w->host ? "client.token" : "server.token");
    if (!*token)
        token = slullama_text(settings, *w->host ? "server.token" : "client.token");
    if (file)
        rc = read_token(file, &w->token, e);
    else
        w->token = xstrdup(token);
    if (rc == 0 && check_host(w->host, e) < 0)
        rc = err_set(e, -EINVAL, "\"%.80s\" is no SSH destination", w->host);
    json_decref(settings);
    return rc;
}

/* A folder of this process alone: two of them never share a master, which the first to end would take away. */
static int make_dir(struct server_way *w, struct err *e)
{
    char *state = config_state_dir();
    char *base = state ? config_runtime_dir(state) : NULL;
    int rc = base ? private_dir_make(base, e) : err_set(e, -ENOENT, "there is no home directory; set HOME");

    if (rc == 0) {
        w->dir = xasprintf("%s/client-%d", base, (int)getpid());
        rc = private_dir_make(w->dir, e);
    }
    free(base);
    free(state);
    return rc;
}

static void ask(struct server_way *w)
{
    unsigned number = 0;
    const char *question = transport_question(w->transport, &number);
    char *answer;
    struct err e;

    if (!question || number == w->asked)
        return;
    w->asked = number;
    answer = getpass(question); /* blocks: without the login there is nothing else to do */
    if (answer && transport_answer(w->transport, number, answer, strlen(answer), &e) < 0)
        fprintf(stderr, "slullamafs: %s\n", e.text);
    if (answer)
        explicit_bzero(answer, strlen(answer));
}

static void state_cb(void *arg, enum transport_state state)
{
    struct server_way *w = arg;

    if (state == TRANSPORT_AUTH && isatty(STDIN_FILENO))
        ask(w);
    if (w->changed)
        w->changed(w->arg, state);
}

static char *own_program(void)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

    return n > 0 ? xstrndup(path, (size_t)n) : NULL;
}

int server_way_open(struct server_way *w, uv_loop_t *loop, const struct slullama_args *args,
                    void (*changed)(void *arg, enum transport_state state), void *arg, struct err *e)
{
    struct transport_params p = { .loop = loop, .cluster = &w->cluster, .state_cb = state_cb, .arg = w };

    *w = (struct server_way){ .changed = changed, .arg = arg };
    int rc = read_settings(w, args, e);
    if (rc == 0)
        rc = make_dir(w, e);
    if (rc == 0) {
        w->cluster = (struct cluster_config){ .name = w->host, .host = w->host };
        w->cluster.kind = w->cluster.ssh_config = w->cluster.workdir = "";
        w->cluster.transport = "auto";
        p.runtime_dir = w->dir;
        p.program = w->program = isatty(STDIN_FILENO) ? own_program() : NULL;
        rc = transport_create(&w->transport, &p, e);
    }
    if (rc < 0)
        server_way_free(w);
    return rc;
}

void server_way_close(struct server_way *w)
{
    transport_destroy(w->transport);
    w->transport = NULL;
}

void server_way_free(struct server_way *w)
{
    if (w->dir)
        rmdir(w->dir);
    if (w->token)
        explicit_bzero(w->token, strlen(w->token));
    free(w->token);
    free(w->host);
    free(w->dir);
    free(w->program);
    *w = (struct server_way){ 0 };
}
