/* SPDX-License-Identifier: MIT */
/* slullamafs serve: a mount without its FUSE door. It takes slullama's file, variables and options, and answers slullama's
 * clients. systemd may hand it the sockets to listen on (sd_listen_fds(3)). */
#include "fs/serve.h"
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/house.h"
#include "fs/door_http/gateway.h"
#include "fs/exit_status.h"
#include "fs/process.h"
#include "fs/slullama_args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_FD    3       /* sd_listen_fds(3) */
#define SOCKETS_MAX 64      /* more than any unit lists */
#define IDENTITY    "serve" /* in place of a mount point: each configuration has one server */

struct server {
    uv_loop_t loop;
    struct house *house;
    struct gateway *gateway;
    struct process_signals signals;
    bool stopping;
};

static void stopped_cb(void *arg)
{
    struct server *s = arg;

    uv_stop(&s->loop);
}

static void signal_cb(void *arg, int signum)
{
    struct server *s = arg;

    if (s->stopping)
        return;
    s->stopping = true;
    log_info("signal %d: ending", signum);
    gateway_stop(s->gateway);
    house_stop(s->house, stopped_cb, s);
}

static void hang_up_cb(void *arg)
{
    struct server *s = arg;

    gateway_reopen(s->gateway);
}

static void unwind(struct server *s)
{
    gateway_destroy(s->gateway);
    house_destroy(s->house);
    process_signals_close(&s->signals);
    uv_run(&s->loop, UV_RUN_DEFAULT); /* the close callbacks */
    if (uv_loop_close(&s->loop) < 0)
        log_error("some handles were left open at the end");
}

/* One line for who started it. */
static void tell(const struct server *s)
{
    const struct config *cfg = s->house->cfg;

    log_info("serving at %s", s->house->endpoint);
    if (strcmp(cfg->access, "owner") == 0)
        log_info("only you on this machine are let in: --token-file FILE (or token in [server]) opens it to "
                 "who has the "
                 "token, on all addresses");
    else if (cfg->slullama)
        log_warning("the token crosses the network in clear: behind an SSH tunnel or a trusted network "
                    "alone, or give "
                    "tls_cert and tls_key in a file of slullamafs");
}

/* Takes over cfg. */
static int run(struct config *cfg)
{
    struct server s = { 0 };
    struct err e = { 0 };
    int status = 0;

    uv_loop_init(&s.loop);
    s.signals = (struct process_signals){ .end = signal_cb, .hang_up = hang_up_cb, .arg = &s };
    process_signals_watch(&s.signals, &s.loop);
    int rc = house_create(&s.house, &s.loop, cfg, IDENTITY, &e);
    if (rc < 0)
        config_free(cfg);
    else
        rc = gateway_create(&s.gateway, s.house, &e);
    if (rc < 0) {
        status = status_failed("%s", e.text);
    } else {
        tell(&s);
        uv_run(&s.loop, UV_RUN_DEFAULT);
    }
    unwind(&s);
    return status;
}

/* How many sockets were handed over to us, and to no other process. */
static int count_sockets(int *n, struct err *e)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    char *end = NULL;
    long given = 0;
    int rc = 0;

    if (pid && count && strtol(pid, NULL, 10) == (long)getpid()) {
        given = strtol(count, &end, 10);
        if (end == count || *end || given < 0 || given > SOCKETS_MAX)
            rc = err_set(e, -EINVAL, "LISTEN_FDS is \"%.40s\", which is no number from 0 to %d", count,
                         SOCKETS_MAX);
    }
    unsetenv("LISTEN_PID"); /* they are not for the programs that we start */
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    *n = (int)given;
    return rc;
}

/* The sockets that systemd listens on take the place of `listen`. */
static int adopt_sockets(struct config *cfg, struct err *e)
{
    int n, rc = count_sockets(&n, e);

    if (rc < 0 || n == 0)
        return rc;
    for (size_t i = 0; i < cfg->listen.n; i++)
        free(cfg->listen.v[i]);
    free(cfg->listen.v);
    cfg->listen = (struct strings){ .v = xcalloc((size_t)n + 1, sizeof(char *)), .n = (size_t)n };
    for (int i = 0; i < n; i++)
        cfg->listen.v[i] = xasprintf("fd:%d", FIRST_FD + i);
    cfg->listen_asked = true;
    return 0;
}

int serve_main(int argc, char **argv)
{
    struct slullama_args args;
    struct config *cfg = NULL;
    struct err e = { 0 };
    int status = slullama_args_parse(argc, argv, VERB_SERVE, &args);

    if (status >= 0)
        goto out;
    process_prepare();
    config_export_home();
    log_start(args.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, true);
    args.given.serving = true;
    if (args.token_file && access(args.token_file, R_OK) < 0) { /* below, the configuration would be blamed */
        status = status_failed("--token-file: %s cannot be read: %s", args.token_file, strerror(errno));
    } else if (config_load_given(args.config, &args.given, &cfg, &e) < 0) {
        status = status_failed("%s", e.text);
    } else if (chdir("/") < 0) {
        config_free(cfg);
        status = status_failed("cannot go to /");
    } else {
        if (!args.verbose)
            log_start(log_level_parse(cfg->log_level), true);
        if (adopt_sockets(cfg, &e) == 0) {
            status = run(cfg);
        } else {
            config_free(cfg);
            status = status_failed("%s", e.text);
        }
    }
    log_stop();
out:
    slullama_args_finish(&args);
    return status;
}
