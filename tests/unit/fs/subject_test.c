/* SPDX-License-Identifier: MIT */
/* Subjects and the things that they stand for, above all jobs: these end while files of theirs are open. */
#include "tests/unit/fs/tree_fixture.h"
#include "backend/base/growing.h"
#include "fs/tree_inside.h"

/* The model's job ends, and is destroyed as it would be an hour later. */
static void destroy_job(struct fixture *x, struct job *j)
{
    model_stop(j->model, "the test ends it");
    for (int i = 0; i < 10000 && !(j->state == JOB_ENDED && j->over); i++)
        uv_run(&x->loop, UV_RUN_ONCE);
    assert_int_equal(j->state, JOB_ENDED);
    for (int i = 0; i < 50; i++)
        uv_run(&x->loop, UV_RUN_NOWAIT);
    assert_ptr_not_equal(model_job(j->model), j);
    job_destroy(j);
}

static struct open_file *open_of_job(struct fixture *x, const struct job *j, const char *file, int flags)
{
    char *path = xasprintf("jobs/%s/%s", j->name, file);
    struct open_file *f = open_at(x, path, flags);

    free(path);
    return f;
}

static void a_thing_has_one_subject(void **state)
{
    struct fixture *x = *state;
    struct model *m = house_model(x->house, "qwen");
    struct subject *s = subject_of(x->tree, SUBJECT_MODEL, m);

    assert_ptr_equal(subject_of(x->tree, SUBJECT_MODEL, m), s);
    assert_ptr_equal(subject_find(x->tree, s->id), s);
    assert_ptr_not_equal(subject_of(x->tree, SUBJECT_MODEL, house_model(x->house, "llama")), s);
    assert_null(subject_find(x->tree, 999999));
}

static void the_table_grows_and_loses_nobody(void **state)
{
    struct fixture *x = *state;
    static char things[1000];
    uint64_t ids[1000];

    for (size_t i = 0; i < 1000; i++)
        ids[i] = subject_create(x->tree, SUBJECT_ASKING, &things[i])->id;
    for (size_t i = 0; i < 1000; i++) {
        struct subject *s = subject_find(x->tree, ids[i]);
        assert_non_null(s);
        assert_ptr_equal(s->ptr, &things[i]);
        assert_ptr_equal(subject_of(x->tree, SUBJECT_ASKING, &things[i]), s);
        subject_retire(x->tree, s);
        assert_null(subject_find(x->tree, ids[i]));
    }
}

static void an_address_that_is_used_again_is_another_subject(void **state)
{
    struct fixture *x = *state;
    int thing = 0;
    struct subject *s = subject_of(x->tree, SUBJECT_JOB, &thing);
    uint64_t id = s->id;

    subject_ref(s);
    subject_gone(x->tree, SUBJECT_JOB, &thing);
    assert_null(s->ptr);
    struct subject *younger = subject_of(x->tree, SUBJECT_JOB, &thing);
    assert_ptr_not_equal(younger, s);
    subject_gone(x->tree, SUBJECT_MODEL, &thing); /* of another kind: nobody */
    assert_ptr_equal(younger->ptr, &thing);
    subject_unref(x->tree, s, 1);
    assert_null(subject_find(x->tree, id));
    subject_gone(x->tree, SUBJECT_JOB, &thing);
    subject_gone(x->tree, SUBJECT_JOB, &thing); /* nobody has seen it */
}

static void the_ctl_of_a_destroyed_job_is_stale(void **state)
{
    struct fixture *x = *state;
    struct job *j = wake_until_named(x, "qwen");
    struct open_file *f = open_of_job(x, j, "ctl", O_WRONLY), *open_line = open_of_job(x, j, "ctl", O_WRONLY);
    uint64_t ino = node_ino(&f->node);
    struct node n = f->node, out;
    struct open_file *again;
    char *line = xcalloc(1, 5000);

    destroy_job(x, j);
    memset(line, 'a', 4999);
    assert_int_equal(file_write(f, 0, "cancel\n", 7), -ESTALE);
    assert_int_equal(file_write(f, 0, "bogus\n", 6), -ESTALE);
    assert_int_equal(file_write(f, 0, line, 4999), -EINVAL);
    assert_int_equal(file_flush(f), 0);
    assert_int_equal(file_write(open_line, 0, "cancel", 6), 0);
    assert_int_equal(tree_node(x->tree, ino, &out), -ESTALE);
    assert_int_equal(file_open(x->tree, &n, O_WRONLY, &x->me, &again), -ESTALE);
    file_release(f);
    file_release(open_line); /* acts, or would */
    assert_null(subject_find(x->tree, ino >> 8));
    free(line);
}

static void the_open_status_and_script_of_a_destroyed_job_keep_their_text(void **state)
{
    static const char *const files[] = { "status", "script", "endpoint", "ctl" };
    struct fixture *x = *state;
    struct job *j = wake_until_named(x, "qwen");
    struct open_file *f[4];
    char *before[4];

    for (size_t i = 0; i < 4; i++) {
        f[i] = open_of_job(x, j, files[i], O_RDONLY);
        before[i] = read_all(f[i]);
    }
    destroy_job(x, j);
    for (size_t i = 0; i < 4; i++) {
        char *after = read_all(f[i]);
        assert_string_equal(after, before[i]);
        assert_true(strlen(after) > 0);
        file_release(f[i]);
        free(after);
        free(before[i]);
    }
}

static void the_open_log_of_a_destroyed_job_is_read_to_its_end(void **state)
{
    struct fixture *x = *state;
    struct job *j = wake_until_named(x, "qwen");
    struct open_file *f = open_of_job(x, j, "log/stderr", O_RDONLY);
    struct waitq *q;

    growing_add(j->err, "its last word\n", 14);
    destroy_job(x, j);
    char *text = read_all(f);
    assert_non_null(strstr(text, "its last word\n"));
    free(text);
    file_poll(f, &q);
    file_release(f);
}

static void the_directory_of_a_destroyed_job_is_stale(void **state)
{
    struct fixture *x = *state;
    struct job *j = wake_until_named(x, "qwen");
    char *path = xasprintf("jobs/%s", j->name);
    struct node dir = node_at(x, path), out;

    tree_told(x->tree, &dir);
    destroy_job(x, j);
    assert_false(is_there(x, path));
    assert_int_equal(tree_lookup(x->tree, &dir, "status", &x->me, &out), -ESTALE);
    assert_int_equal(tree_readdir(x->tree, &dir, &x->me, NULL, NULL, NULL), -ESTALE);
    tree_forget(x->tree, node_ino(&dir), 1);
    free(path);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_thing_has_one_subject),
        TEST(the_table_grows_and_loses_nobody),
        TEST(an_address_that_is_used_again_is_another_subject),
        TEST(the_ctl_of_a_destroyed_job_is_stale),
        TEST(the_open_status_and_script_of_a_destroyed_job_keep_their_text),
        TEST(the_open_log_of_a_destroyed_job_is_read_to_its_end),
        TEST(the_directory_of_a_destroyed_job_is_stale),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
