/* SPDX-License-Identifier: MIT */
#include "backend/base/timer.h"
#include "backend/base/alloc.h"

#include <stdlib.h>

struct timer {
    uv_timer_t uv;
    void (*cb)(void *arg);
    void *arg;
};

static void fired_cb(uv_timer_t *uv)
{
    struct timer *t = uv->data;

    t->cb(t->arg);
}

static void closed_cb(uv_handle_t *h)
{
    free(h->data);
}

struct timer *timer_create_on(uv_loop_t *loop, void (*cb)(void *arg), void *arg)
{
    struct timer *t = NEW(struct timer);

    uv_timer_init(loop, &t->uv);
    t->uv.data = t;
    t->cb = cb;
    t->arg = arg;
    return t;
}

void timer_start_ms(struct timer *t, uint64_t ms)
{
    /* The loop's cached time may be old where a callback before this one took long: without the update a short timer
     * would fire at once. */
    uv_update_time(t->uv.loop);
    uv_timer_start(&t->uv, fired_cb, ms, 0);
}

void timer_stop(struct timer *t)
{
    if (t)
        uv_timer_stop(&t->uv);
}

bool timer_active(const struct timer *t)
{
    return t && uv_is_active((const uv_handle_t *)&t->uv);
}

void timer_destroy(struct timer *t)
{
    if (t)
        uv_close((uv_handle_t *)&t->uv, closed_cb);
}

uint64_t mono_ms(void)
{
    return uv_hrtime() / 1000000;
}

struct timespec wall_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return ts;
}
