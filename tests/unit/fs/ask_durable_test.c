/* SPDX-License-Identifier: MIT */
/* A flush or an fsync of `ask` is answered when the prompt is on disk; and what history shows of it. */
#include "tests/unit/fs/tree_fixture.h"
#include "backend/history/history.h"

static struct {
    int calls, rc;
} answered;

static void answered_cb(struct open_file *f, int rc)
{
    (void)f;
    answered.calls++;
    answered.rc = rc;
}

static void retry_cb(struct list *link)
{
    (void)link;
}

static void changed_cb(struct open_file *f)
{
    (void)f;
}

static int setup(void **state)
{
    int rc = fixture_setup(state);
    struct fixture *x = *state;

    memset(&answered, 0, sizeof answered);
    tree_set_hooks(x->tree, &(struct tree_hooks){
                                .retry = retry_cb, .poll_changed = changed_cb, .answered = answered_cb });
    return rc;
}

static void write_text(struct open_file *f, uint64_t off, const char *text)
{
    assert_int_equal(file_write(f, off, text, strlen(text)), 0);
}

/* The file was answered once more. */
static void wait_answer(struct fixture *x, int calls)
{
    for (int i = 0; i < 10000 && answered.calls < calls; i++)
        uv_run(&x->loop, UV_RUN_ONCE);
    assert_int_equal(answered.calls, calls);
}

static void a_flush_with_new_bytes_is_answered_when_they_are_on_disk(void **state)
{
    struct fixture *x = *state;
    struct open_file *f = open_at(x, "qwen/ask", O_WRONLY);

    assert_int_equal(file_flush(f), 0); /* nothing was written */
    write_text(f, 0, "a");
    assert_int_equal(file_flush(f), FILE_LATER);
    assert_int_equal(file_flush(f), FILE_LATER); /* of a child, say: it waits for the same */
    assert_int_equal(answered.calls, 0);
    wait_answer(x, 1);
    assert_int_equal(answered.rc, 0);
    assert_int_equal(file_flush(f), 0); /* all of it is there */
    write_text(f, 1, "b");
    assert_int_equal(file_flush(f), FILE_LATER);
    wait_answer(x, 2);
    file_release(f);
}

static void an_fsync_submits_and_is_answered_likewise(void **state)
{
    struct fixture *x = *state;
    struct open_file *f = open_at(x, "qwen/ask", O_WRONLY);

    write_text(f, 0, "a");
    assert_int_equal(file_fsync(f), FILE_LATER);
    wait_answer(x, 1);
    assert_int_equal(answered.rc, 0);
    assert_true(is_there(x, "qwen/history/latest"));
    assert_int_equal(file_flush(f), 0);
    file_release(f);
}

static void an_fsync_of_blanks_has_nothing_to_wait_for(void **state)
{
    struct fixture *x = *state;
    struct open_file *f = open_at(x, "qwen/ask", O_WRONLY);

    write_text(f, 0, " \n");
    assert_int_equal(file_fsync(f), 0);
    file_release(f);
}

static void a_file_that_goes_while_it_waits_is_not_answered_later(void **state)
{
    struct fixture *x = *state;
    struct open_file *f = open_at(x, "qwen/ask", O_WRONLY);

    write_text(f, 0, "a");
    assert_int_equal(file_flush(f), FILE_LATER);
    file_release(f); /* as at the end of a mount: the door has answered */
    struct open_file *g = open_at(x, "qwen/ask", O_WRONLY);
    write_text(g, 0, "b");
    assert_int_equal(file_flush(g), FILE_LATER);
    wait_answer(x, 1);
    file_release(g);
}

static void a_draft_that_is_emptied_is_not_waited_for(void **state)
{
    struct fixture *x = *state;
    struct open_file *f = open_at(x, "qwen/ask", O_WRONLY);

    write_text(f, 0, "a");
    assert_int_equal(file_flush(f), FILE_LATER);
    assert_int_equal(file_truncate(f, 0), 0);
    assert_int_equal(answered.calls, 1);
    assert_int_equal(file_flush(f), 0);
    file_release(f);
    assert_false(is_there(x, "qwen/history/latest"));
}

/* The images of what was there are no more read than it is kept: a copy of the descriptor whose close waits for them must not wait
 * for ever. */
static void a_draft_that_is_shortened_is_not_waited_for(void **state)
{
    struct fixture *x = *state;
    struct open_file *f = open_at(x, "qwen/request", O_WRONLY);

    write_text(f, 0,
               "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
               "\"image_url\":{\"url\":\"/proc/version\"}}]}]}");
    assert_int_equal(file_flush(f), FILE_LATER);
    assert_int_equal(file_truncate(f, 12), 0);
    assert_int_equal(answered.calls, 1);
    assert_int_equal(answered.rc, 0);
    assert_int_equal(file_truncate(f, 0), 0);
    file_release(f);
}

/* ---- history */

static void name_of(void *arg, const char *name, uint64_t ino, mode_t type)
{
    (void)ino, (void)type;
    strcat(arg, name);
    strcat(arg, " ");
}

static void history_is_the_callers_own(void **state)
{
    struct fixture *x = *state;
    struct open_file *f = open_at(x, "qwen/ask", O_WRONLY);
    struct caller other = { .pid = x->me.pid, .uid = x->me.uid + 1 };
    char names[256] = "", path[128];
    struct open_file *g;
    struct node n;

    write_text(f, 0, "mine");
    file_release(f);
    struct node dir = node_at(x, "qwen/history");
    assert_int_equal(tree_readdir(x->tree, &dir, &other, NULL, name_of, names), 0);
    assert_string_equal(names, "");
    assert_int_equal(tree_readdir(x->tree, &dir, &x->me, NULL, name_of, names), 0);
    assert_memory_equal(names, "latest ", 7);
    snprintf(path, sizeof path, "qwen/history/%.9s", names + 7);
    assert_int_equal(walk_as(x, path, &other, &n), -ENOENT);
    assert_int_equal(walk_as(x, "qwen/history/latest", &other, &n), -ENOENT);

    strcat(path, "/prompt");
    char *text = content_of(x, path);
    assert_string_equal(text, "mine\n");
    assert_int_equal(stat_of(x, path).st_size, 5);
    assert_int_equal(stat_of(x, path).st_mode, S_IFREG | 0400);
    free(text);
    tree_set_shared(x->tree, true);
    n = node_at(x, path); /* as if the kernel knew the name from its owner */
    assert_int_equal(file_open(x->tree, &n, O_RDONLY, &other, &g), -EACCES);
}

static void what_the_kernel_forgets_of_history_takes_no_memory(void **state)
{
    struct fixture *x = *state;
    struct open_file *f = open_at(x, "qwen/ask", O_WRONLY);
    char names[256] = "", path[128];

    write_text(f, 0, "mine");
    file_release(f);
    struct node dir = node_at(x, "qwen/history"), a, b;
    tree_readdir(x->tree, &dir, &x->me, NULL, name_of, names);
    snprintf(path, sizeof path, "qwen/history/%.9s", names + 7);
    a = node_at(x, path);
    uint64_t ino = node_ino(&a);
    b = node_at(x, path);
    assert_int_equal(node_ino(&b), ino);
    tree_told(x->tree, &a);
    tree_forget(x->tree, ino, 1);
    assert_int_equal(tree_node(x->tree, ino, &a), -ESTALE);
    b = node_at(x, path);
    assert_int_not_equal(node_ino(&b), ino); /* never given twice */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_flush_with_new_bytes_is_answered_when_they_are_on_disk),
        TEST(an_fsync_submits_and_is_answered_likewise),
        TEST(an_fsync_of_blanks_has_nothing_to_wait_for),
        TEST(a_file_that_goes_while_it_waits_is_not_answered_later),
        TEST(a_draft_that_is_emptied_is_not_waited_for),
        TEST(a_draft_that_is_shortened_is_not_waited_for),
        TEST(history_is_the_callers_own),
        TEST(what_the_kernel_forgets_of_history_takes_no_memory),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
