/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BACKEND_FAST_CLOCK_H
#define TESTS_BACKEND_FAST_CLOCK_H
/* timer.h once more, in place of the library's, with clocks that a test may put forward: hours then pass in moments, in which every
 * timer fires in its turn. Only our own time moves: what waits for a program or a socket should have ended before. Included once by a
 * test, before rig.h. */
#include <stdlib.h>
#include "backend/base/alloc.h"
#include "backend/base/list.h"
#include "backend/base/timer.h"

struct timer {
    struct list link;
    uv_timer_t uv;
    bool armed;
    uint64_t due; /* mono_ms(), while it is armed */
    void (*cb)(void *arg);
    void *arg;
};

static struct list fast_timers = { &fast_timers, &fast_timers };
static uint64_t fast_ahead_ms;

uint64_t mono_ms(void)
{
    return uv_hrtime() / 1000000 + fast_ahead_ms;
}

uint64_t awake_or_not_ms(void)
{
    return mono_ms();
}

struct timespec wall_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_sec += (time_t)(fast_ahead_ms / 1000);
    return ts;
}

static void fast_fire(struct timer *t)
{
    uv_timer_stop(&t->uv);
    t->armed = false;
    t->cb(t->arg);
}

static void fast_fired_cb(uv_timer_t *uv)
{
    fast_fire(uv->data);
}

static void fast_closed_cb(uv_handle_t *h)
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
    list_append(&fast_timers, &t->link);
    return t;
}

static void fast_arm(struct timer *t)
{
    uint64_t now = mono_ms();

    uv_update_time(t->uv.loop);
    uv_timer_start(&t->uv, fast_fired_cb, t->due > now ? t->due - now : 0, 0);
}

void timer_start_ms(struct timer *t, uint64_t ms)
{
    t->armed = true;
    t->due = mono_ms() + ms;
    fast_arm(t);
}

void timer_stop(struct timer *t)
{
    if (!t)
        return;
    t->armed = false;
    uv_timer_stop(&t->uv);
}

bool timer_active(const struct timer *t)
{
    return t && t->armed;
}

void timer_destroy(struct timer *t)
{
    if (!t)
        return;
    t->armed = false;
    list_remove(&t->link);
    uv_close((uv_handle_t *)&t->uv, fast_closed_cb);
}

/* The timer that is due first, until then; NULL = none. */
static struct timer *fast_next(uint64_t until)
{
    struct timer *first = NULL;

    list_for_each(t, &fast_timers, struct timer, link)
    {
        if (t->armed && t->due <= until && (!first || t->due < first->due))
            first = t;
    }
    return first;
}

/* So many milliseconds pass. Behind each timer the loop runs, for what it has set going. */
static void fast_pass(uv_loop_t *loop, uint64_t ms)
{
    uint64_t end = mono_ms() + ms, now;
    struct timer *t;

    while ((t = fast_next(end))) {
        now = mono_ms();
        fast_ahead_ms += t->due > now ? t->due - now : 0;
        fast_fire(t);
        for (int i = 0; i < 3; i++)
            uv_run(loop, UV_RUN_NOWAIT);
    }
    now = mono_ms();
    fast_ahead_ms += end > now ? end - now : 0;
    list_for_each(left, &fast_timers, struct timer, link) if (left->armed) fast_arm(left);
}

#endif
