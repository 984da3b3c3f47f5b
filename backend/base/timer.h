/* SPDX-License-Identifier: MIT */
#ifndef BASE_TIMER_H
#define BASE_TIMER_H
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <uv.h>
/* One-shot timers on the monotonic clock that can be destroyed at any moment, inside their own callback too
 * (a bare uv_timer_t must live until its close callback). All calls on the loop thread. */

struct timer;

struct timer *timer_create_on(uv_loop_t *loop, void (*cb)(void *arg), void *arg);
void timer_start_ms(struct timer *t, uint64_t ms); /* (re)start; cb is called once, after ms or a little later */
void timer_stop(struct timer *t);                  /* NULL is allowed */
bool timer_active(const struct timer *t);          /* NULL is not active */
void timer_destroy(struct timer *t);               /* NULL is allowed; cb is not called any more */

/* Milliseconds of the monotonic clock, read now (not the loop's cached time). */
uint64_t mono_ms(void);

/* Milliseconds of a clock that nobody sets either and that, unlike the loop's, counts the time in which the machine
 * was suspended: for limits that others keep. */
uint64_t awake_or_not_ms(void);

/* The wall clock, for showing to people and to write into files only; never to measure. */
struct timespec wall_now(void);

#endif
