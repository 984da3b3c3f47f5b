/* SPDX-License-Identifier: MIT */
/* `slullamafs parrot`: arguments, loop, signals, end. */
#include "backend/parrot/parrot.h"
#include "backend/parrot/options.h"
#include "backend/parrot/server.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

struct program {
    uv_loop_t loop;
    struct parrot_server server;
    uv_signal_t term, interrupt;
};

static void signal_cb(uv_signal_t *h, int number)
{
    struct program *p = h->data;

    (void)number;
    parrot_server_stop(&p->server);
    uv_close((uv_handle_t *)&p->term, NULL);
    uv_close((uv_handle_t *)&p->interrupt, NULL);
}

static int run(struct program *p, const struct parrot_options *o)
{
    struct err e = { "" };
    int port;

    if (parrot_server_start(&p->server, &p->loop, o, &port, &e) < 0) {
        fprintf(stderr, "parrot: %s\n", e.text);
        return 1;
    }
    uv_signal_init(&p->loop, &p->term);
    uv_signal_init(&p->loop, &p->interrupt);
    p->term.data = p->interrupt.data = p;
    uv_signal_start(&p->term, signal_cb, SIGTERM);
    uv_signal_start(&p->interrupt, signal_cb, SIGINT);
    printf(strchr(o->host, ':') ? "listening http://[%s]:%d\n" : "listening http://%s:%d\n", o->host, port);
    fflush(stdout);
    uv_run(&p->loop, UV_RUN_DEFAULT);
    return 0;
}

int parrot_main(int argc, char **argv)
{
    struct parrot_options o;
    static struct program p; /* too large for some stacks, and there is one */
    int status;

    if (parrot_options_parse(&o, argc, argv, &status)) {
        signal(SIGPIPE, SIG_IGN);
        status = 1;
        if (o.failure == FAIL_EXIT_AT_START) {
            fputs("parrot: told to end at its start\n", stderr);
        } else {
            uv_loop_init(&p.loop);
            status = run(&p, &o);
            uv_loop_close(&p.loop);
        }
    }
    parrot_options_free(&o);
    return status;
}
