/* SPDX-License-Identifier: MIT */
/* Subjects and their numbers, who waits in a waitq, and open files in general. */
#include "tests/unit/fs/tree_fixture.h"

static void an_inode_number_leads_back_to_its_node(void **state)
{
    static const char *const paths[] = { "",          "README",    "jobs",        "clusters/c/status",
                                         "qwen",      "qwen/ask",  "q",           "qwen/log/stderr",
                                         "llama/ctl", "llama/log", "llama/error", "clusters" };
    struct fixture *x = *state;

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct node n = node_at(x, paths[i]), again;
        assert_int_equal(tree_node(x->tree, node_ino(&n), &again), 0);
        assert_ptr_equal(again.row, n.row);
        assert_ptr_equal(again.subject, n.subject);
    }
    struct node root = node_at(x, "");
    assert_int_equal(node_ino(&root), 1);
}

static void an_unknown_inode_number_is_stale(void **state)
{
    struct fixture *x = *state;
    struct node n;

    assert_int_equal(tree_node(x->tree, 999999ull << 8, &n), -ESTALE);
    assert_int_equal(tree_node(x->tree, 1ull << 8 | 255, &n), -ESTALE);
}

static void a_retired_subject_is_stale_at_once_and_freed_when_forgotten(void **state)
{
    struct fixture *x = *state;
    int thing;
    struct subject *s = subject_create(x->tree, SUBJECT_ASKING, &thing);
    struct node n = { .row = node_at(x, "qwen/reply").row, .subject = s }, out;
    uint64_t ino = node_ino(&n);

    tree_told(x->tree, &n);
    tree_told(x->tree, &n);
    assert_int_equal(tree_node(x->tree, ino, &out), 0);
    subject_retire(x->tree, s);
    assert_int_equal(tree_node(x->tree, ino, &out), -ESTALE);
    tree_forget(x->tree, ino, 1);
    assert_int_equal(s->lookups, 1);
    tree_forget(x->tree, ino, 1); /* frees it: the sanitizer sees a second use */
    assert_int_equal(tree_node(x->tree, ino, &out), -ESTALE);
}

static void numbers_are_never_used_again(void **state)
{
    struct fixture *x = *state;
    uint64_t last = 0;
    int things[2000];

    for (size_t i = 0; i < 2000; i++) {
        struct subject *s = subject_create(x->tree, SUBJECT_ASKING, &things[i % 7]);
        assert_true(s->id > last);
        last = s->id;
        if (i % 3 == 0)
            subject_retire(x->tree, s);
    }
    struct subject *model = node_at(x, "qwen").subject;
    assert_ptr_equal(subject_of(x->tree, SUBJECT_MODEL, model->ptr), model);
}

/* ---- Waiting */

struct waiter {
    struct list link;
    int again; /* park again so many times */
    int retried;
};

static struct waitq queue;
static int polled;

static void retry(struct list *link)
{
    struct waiter *w = container_of(link, struct waiter, link);

    w->retried++;
    if (w->again-- > 0)
        list_append(&queue.parked, &w->link);
}

static void poll_changed(struct open_file *f)
{
    (void)f;
    polled++;
}

static void waking_runs_each_waiter_once_although_some_park_again(void **state)
{
    struct waiter w[3] = { { .again = 0 }, { .again = 5 }, { .again = 0 } };
    struct fixture *x = *state;

    tree_set_hooks(x->tree, &(struct tree_hooks){ .retry = retry, .poll_changed = poll_changed });
    waitq_init(&queue, x->tree);
    waitq_wake(&queue);
    for (size_t i = 0; i < 3; i++)
        list_append(&queue.parked, &w[i].link);
    waitq_wake(&queue);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(w[i].retried, 1);
    assert_true(list_linked(&w[1].link));
    waitq_wake(&queue);
    assert_int_equal(w[1].retried, 2);
    assert_int_equal(w[0].retried, 1);
    list_remove(&w[1].link);
}

static void pollers_are_told_once_and_leave_the_list(void **state)
{
    struct open_file f = { 0 };
    struct fixture *x = *state;

    tree_set_hooks(x->tree, &(struct tree_hooks){ .retry = retry, .poll_changed = poll_changed });
    waitq_init(&queue, x->tree);
    polled = 0;
    list_append(&queue.pollers, &f.poll_link);
    waitq_wake(&queue);
    waitq_wake(&queue);
    assert_int_equal(polled, 1);
    assert_false(list_linked(&f.poll_link));
}

/* ---- Open files */

static void what_cannot_be_written_fails_with_eperm(void **state)
{
    static const char *const paths[] = { "README",     "status", "qwen/reply",
                                         "qwen/error", "events", "qwen/log/stdout" };
    struct fixture *x = *state;
    struct open_file *f;

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct node n = node_at(x, paths[i]);
        assert_int_equal(open_rc(x, paths[i], O_WRONLY, &f), -EPERM);
        assert_int_equal(open_rc(x, paths[i], O_RDWR | O_TRUNC, &f), -EPERM);
        assert_int_equal(node_truncate(x->tree, &n, 0, &x->me), -EPERM);
    }
    assert_int_equal(open_rc(x, "qwen", O_RDONLY, &f), -EISDIR);
}

static void other_users_are_held_to_the_rows_where_they_may_come_in(void **state)
{
    struct fixture *x = *state;
    struct caller other = { .pid = getpid(), .uid = getuid() + 1234, .gid = 7 };
    struct node env = node_at(x, "qwen/env"), status = node_at(x, "qwen/status"), ctl = node_at(x, "ctl");
    struct node own = node_at(x, "qwen/ctl");
    struct open_file *f;

    assert_int_equal(stat_of(x, "qwen/ask").st_mode, S_IFREG | 0600);
    tree_set_shared(x->tree, true);
    assert_int_equal(stat_of(x, "qwen/ask").st_mode, S_IFREG | 0666);
    assert_int_equal(stat_of(x, "qwen/ctl").st_mode, S_IFREG | 0666);
    assert_int_equal(stat_of(x, "ctl").st_mode, S_IFREG | 0600);
    assert_int_equal(file_open(x->tree, &env, O_RDONLY, &other, &f), -EACCES);
    assert_int_equal(file_open(x->tree, &ctl, O_WRONLY, &other, &f), -EACCES);
    assert_int_equal(file_open(x->tree, &status, O_RDONLY, &other, &f), 0);
    file_release(f);
    assert_int_equal(file_open(x->tree, &own, O_WRONLY, &other, &f), 0);
    assert_int_equal(file_write(f, 0, "stop\n", 5), -EACCES);
    assert_int_equal(file_write(f, 0, "cancel all\n", 11), 0);
    file_release(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_inode_number_leads_back_to_its_node),
        cmocka_unit_test(an_unknown_inode_number_is_stale),
        cmocka_unit_test(a_retired_subject_is_stale_at_once_and_freed_when_forgotten),
        cmocka_unit_test(numbers_are_never_used_again),
        cmocka_unit_test(waking_runs_each_waiter_once_although_some_park_again),
        cmocka_unit_test(pollers_are_told_once_and_leave_the_list),
        cmocka_unit_test(what_cannot_be_written_fails_with_eperm),
        cmocka_unit_test(other_users_are_held_to_the_rows_where_they_may_come_in),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
