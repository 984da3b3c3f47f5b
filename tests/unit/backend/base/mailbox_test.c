/* SPDX-License-Identifier: MIT */
#include "backend/base/mailbox.h"

#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

struct box {
    uv_loop_t loop;
    struct mailbox *m;
    char seen[64]; /* what came, one character each */
    int n;
};

static void start(struct box *b)
{
    memset(b, 0, sizeof *b);
    uv_loop_init(&b->loop);
    b->m = mailbox_create(&b->loop);
}

static void finish(struct box *b)
{
    mailbox_destroy(b->m);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&b->loop), 0);
}

static void note_cb(void *arg, int what)
{
    struct box *b = arg;

    b->seen[b->n++] = (char)what;
}

static void mail_comes_later_and_in_order(void **state)
{
    struct box b;

    (void)state;
    start(&b);
    mailbox_post(b.m, note_cb, &b, 'a');
    mailbox_post(b.m, note_cb, &b, 'b');
    mailbox_post(b.m, note_cb, &b, 'c');
    assert_int_equal(b.n, 0);
    uv_run(&b.loop, UV_RUN_DEFAULT);
    assert_string_equal(b.seen, "abc");
    finish(&b);
}

static void an_empty_box_does_not_keep_the_loop_alive(void **state)
{
    struct box b;

    (void)state;
    start(&b);
    assert_int_equal(uv_run(&b.loop, UV_RUN_DEFAULT), 0);
    mailbox_post(b.m, note_cb, &b, 'a');
    assert_int_equal(uv_run(&b.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_alive(&b.loop), 0);
    finish(&b);
}

static void repost_cb(void *arg, int what)
{
    struct box *b = arg;

    note_cb(b, what);
    if (what < 'e')
        mailbox_post(b->m, repost_cb, b, what + 1);
    note_cb(b, '.'); /* the post above was not handled inside of this call */
}

static void what_a_handler_posts_comes_after_it_returns(void **state)
{
    struct box b;

    (void)state;
    start(&b);
    mailbox_post(b.m, repost_cb, &b, 'a');
    mailbox_post(b.m, note_cb, &b, 'x');
    uv_run(&b.loop, UV_RUN_DEFAULT);
    assert_string_equal(b.seen, "a.xb.c.d.e.");
    finish(&b);
}

static void mail_for_a_forgotten_object_is_not_delivered(void **state)
{
    struct box b, other;

    (void)state;
    start(&b);
    memset(&other, 0, sizeof other);
    mailbox_post(b.m, note_cb, &other, 'a');
    mailbox_post(b.m, note_cb, &b, 'b');
    mailbox_post(b.m, note_cb, &other, 'c');
    mailbox_forget(b.m, &other);
    uv_run(&b.loop, UV_RUN_DEFAULT);
    assert_string_equal(b.seen, "b");
    assert_int_equal(other.n, 0);
    finish(&b);
}

struct victim {
    struct box *box;
    int calls;
};

static void victim_cb(void *arg, int what)
{
    (void)what;
    ((struct victim *)arg)->calls++;
}

static void killer_cb(void *arg, int what)
{
    struct victim *v = arg;

    (void)what;
    mailbox_forget(v->box->m, v); /* its own further mail too */
}

static void a_handler_may_forget_mail_of_the_same_round(void **state)
{
    struct box b;
    struct victim v = { .box = &b };

    (void)state;
    start(&b);
    mailbox_post(b.m, killer_cb, &v, 0);
    mailbox_post(b.m, victim_cb, &v, 0);
    mailbox_post(b.m, note_cb, &b, 'z');
    uv_run(&b.loop, UV_RUN_DEFAULT);
    assert_int_equal(v.calls, 0);
    assert_string_equal(b.seen, "z");
    finish(&b);
}

static int endless;

static void endless_cb(void *arg, int what)
{
    endless++;
    mailbox_post(((struct box *)arg)->m, endless_cb, arg, what);
}

static void stop_cb(uv_timer_t *t)
{
    uv_stop(t->loop);
    uv_close((uv_handle_t *)t, NULL);
}

static void a_handler_that_always_posts_does_not_starve_the_loop(void **state)
{
    struct box b;
    uv_timer_t t;

    (void)state;
    start(&b);
    uv_timer_init(&b.loop, &t);
    uv_timer_start(&t, stop_cb, 5, 0);
    mailbox_post(b.m, endless_cb, &b, 0);
    uv_run(&b.loop, UV_RUN_DEFAULT);
    assert_true(endless > 0);
    finish(&b); /* drops the post that is left */
}

static void destroying_nothing_is_allowed(void **state)
{
    (void)state;
    mailbox_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_comes_later_and_in_order),
        cmocka_unit_test(an_empty_box_does_not_keep_the_loop_alive),
        cmocka_unit_test(what_a_handler_posts_comes_after_it_returns),
        cmocka_unit_test(mail_for_a_forgotten_object_is_not_delivered),
        cmocka_unit_test(a_handler_may_forget_mail_of_the_same_round),
        cmocka_unit_test(a_handler_that_always_posts_does_not_starve_the_loop),
        cmocka_unit_test(destroying_nothing_is_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
