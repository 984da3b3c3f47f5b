/* SPDX-License-Identifier: MIT */
#include "backend/base/timer.h"
#include "backend/base/alloc.h"
#include "backend/base/list.h"

#include <stdlib.h>

/* Linux alone has two; elsewhere the monotonic clock is the nearest. */
#ifdef CLOCK_BOOTTIME
#define CLOCK_THROUGH_SLEEP CLOCK_BOOTTIME
#else
#define CLOCK_THROUGH_SLEEP CLOCK_MONOTONIC
#endif

/* Most timers are limits that are moved on long before they are over, at every request and every piece of an answer. One
 * that is to fire later than the loop has it is left where it is, and set anew when the loop comes to it. */
struct timer {
    uv_timer_t uv; /* its data: what cb gets */
    void (*cb)(void *arg);
    uint64_t due; /* by the loop's clock; valid while active */
};

static void fired_cb(uv_timer_t *uv)
{
    struct timer *t = container_of(uv, struct timer, uv);
    uint64_t now = uv_now(uv->loop);

    if (t->due > now)
        uv_timer_start(uv, fired_cb, t->due - now, 0);
    else
        t->cb(uv->data);
}

static void closed_cb(uv_handle_t *h)
{
    free(container_of((uv_timer_t *)h, struct timer, uv));
}

struct timer *timer_create_on(uv_loop_t *loop, void (*cb)(void *arg), void *arg)
{
    struct timer *t = NEW(struct timer);

    uv_timer_init(loop, &t->uv);
    t->uv.data = arg;
    t->cb = cb;
    return t;
}

void timer_start_ms(struct timer *t, uint64_t ms)
{
    /* The loop's cached time may be old where a callback before this one took long: without the update a short timer
     * would fire at once. */
    uv_update_time(t->uv.loop);
    t->due = uv_now(t->uv.loop) + ms;
    if (!timer_active(t) || uv_timer_get_due_in(&t->uv) > ms)
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

uint64_t awake_or_not_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THROUGH_SLEEP, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

struct timespec wall_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return ts;
}
