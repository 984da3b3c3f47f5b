/* SPDX-License-Identifier: MIT */
#include "backend/base/timer.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

struct clockwork {
    uv_loop_t loop;
    struct timer *t;
    int calls;
    int again; /* times that the callback restarts the timer */
    bool destroy;
};

static void fired_cb(void *arg)
{
    struct clockwork *c = arg;

    c->calls++;
    if (c->again-- > 0)
        timer_start_ms(c->t, 1);
    if (c->destroy) {
        timer_destroy(c->t);
        c->t = NULL;
    }
}

static void start(struct clockwork *c)
{
    memset(c, 0, sizeof *c);
    uv_loop_init(&c->loop);
    c->t = timer_create_on(&c->loop, fired_cb, c);
}

static void finish(struct clockwork *c)
{
    timer_destroy(c->t);
    uv_run(&c->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&c->loop), 0);
}

static void a_timer_fires_once_and_not_too_early(void **state)
{
    struct clockwork c;
    uint64_t begun = mono_ms();

    (void)state;
    start(&c);
    assert_false(timer_active(c.t));
    timer_start_ms(c.t, 20);
    assert_true(timer_active(c.t));
    uv_run(&c.loop, UV_RUN_DEFAULT);
    assert_int_equal(c.calls, 1);
    assert_false(timer_active(c.t));
    assert_true(mono_ms() - begun >= 19);
    finish(&c);
}

static void an_old_loop_time_does_not_shorten_a_timer(void **state)
{
    struct clockwork c;

    (void)state;
    start(&c);
    uv_update_time(&c.loop);
    usleep(30000); /* a callback that takes long */
    uint64_t begun = mono_ms();
    timer_start_ms(c.t, 20);
    uv_run(&c.loop, UV_RUN_DEFAULT);
    assert_true(mono_ms() - begun >= 19);
    finish(&c);
}

static void a_stopped_timer_does_not_fire(void **state)
{
    struct clockwork c;

    (void)state;
    start(&c);
    timer_start_ms(c.t, 1);
    timer_stop(c.t);
    assert_false(timer_active(c.t));
    uv_run(&c.loop, UV_RUN_DEFAULT);
    assert_int_equal(c.calls, 0);
    finish(&c);
}

static void starting_again_moves_the_deadline(void **state)
{
    struct clockwork c;
    uint64_t begun = mono_ms();

    (void)state;
    start(&c);
    timer_start_ms(c.t, 60000);
    timer_start_ms(c.t, 1);
    uv_run(&c.loop, UV_RUN_DEFAULT);
    assert_int_equal(c.calls, 1);
    assert_true(mono_ms() - begun < 30000);
    finish(&c);
}

static void a_timer_that_is_moved_on_fires_once_and_at_its_last_deadline(void **state)
{
    struct clockwork c;
    uint64_t begun = mono_ms();

    (void)state;
    start(&c);
    timer_start_ms(c.t, 5);
    timer_start_ms(c.t, 30);
    timer_start_ms(c.t, 60);
    timer_start_ms(c.t, 40);
    uv_run(&c.loop, UV_RUN_DEFAULT);
    assert_int_equal(c.calls, 1);
    assert_true(mono_ms() - begun >= 39);
    finish(&c);
}

static void a_timer_that_was_moved_on_can_be_stopped(void **state)
{
    struct clockwork c;

    (void)state;
    start(&c);
    timer_start_ms(c.t, 1);
    timer_start_ms(c.t, 60000);
    uv_run(&c.loop, UV_RUN_ONCE);
    assert_int_equal(c.calls, 0);
    assert_true(timer_active(c.t));
    timer_stop(c.t);
    assert_false(timer_active(c.t));
    uv_run(&c.loop, UV_RUN_DEFAULT);
    assert_int_equal(c.calls, 0);
    finish(&c);
}

static void a_timer_can_be_started_again_by_its_callback(void **state)
{
    struct clockwork c;

    (void)state;
    start(&c);
    c.again = 2;
    timer_start_ms(c.t, 1);
    uv_run(&c.loop, UV_RUN_DEFAULT);
    assert_int_equal(c.calls, 3);
    finish(&c);
}

static void a_timer_can_be_destroyed_by_its_callback(void **state)
{
    struct clockwork c;

    (void)state;
    start(&c);
    c.destroy = true;
    timer_start_ms(c.t, 1);
    uv_run(&c.loop, UV_RUN_DEFAULT);
    assert_int_equal(c.calls, 1);
    finish(&c);
}

static void a_destroyed_timer_does_not_fire(void **state)
{
    struct clockwork c;

    (void)state;
    start(&c);
    timer_start_ms(c.t, 1);
    timer_destroy(c.t);
    c.t = NULL;
    uv_run(&c.loop, UV_RUN_DEFAULT);
    assert_int_equal(c.calls, 0);
    finish(&c);
}

static void no_timer_is_an_inactive_one(void **state)
{
    (void)state;
    timer_stop(NULL);
    timer_destroy(NULL);
    assert_false(timer_active(NULL));
}

static void the_clocks_run(void **state)
{
    uint64_t before = mono_ms();

    (void)state;
    assert_true(mono_ms() >= before);
    assert_true(wall_now().tv_sec > 1600000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_fires_once_and_not_too_early),
        cmocka_unit_test(an_old_loop_time_does_not_shorten_a_timer),
        cmocka_unit_test(a_stopped_timer_does_not_fire),
        cmocka_unit_test(starting_again_moves_the_deadline),
        cmocka_unit_test(a_timer_that_is_moved_on_fires_once_and_at_its_last_deadline),
        cmocka_unit_test(a_timer_that_was_moved_on_can_be_stopped),
        cmocka_unit_test(a_timer_can_be_started_again_by_its_callback),
        cmocka_unit_test(a_timer_can_be_destroyed_by_its_callback),
        cmocka_unit_test(a_destroyed_timer_does_not_fire),
        cmocka_unit_test(no_timer_is_an_inactive_one),
        cmocka_unit_test(the_clocks_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
