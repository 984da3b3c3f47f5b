/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_SCHEDULER_FAKE_ENGINE_H
#define BACKEND_SCHEDULER_FAKE_ENGINE_H
#include <stddef.h>
#include <uv.h>
#include "backend/base/err.h"
/* A real parrot in a fake job: `PROGRAM parrot --port 0 ARGS...` on this machine, with the secret in
 * LLAMA_API_KEY. */

struct fake_engine;

struct fake_engine_params {
    uv_loop_t *loop;
    const char *program, *secret;
    char *const *args;
    size_t n_args;
    void (*listening_cb)(void *arg,
                         const char *address); /* "HOST:PORT", once, from "listening http://HOST:PORT" */
    void (*exited_cb)(void *arg, int status, const char *last_line); /* it may be destroyed in this call */
    void *arg;
};

int fake_engine_start(struct fake_engine **out, const struct fake_engine_params *p, struct err *e);
void fake_engine_signal(struct fake_engine *f, int signal);
void fake_engine_destroy(struct fake_engine *f); /* kills it if it runs; NULL is allowed */

#endif
