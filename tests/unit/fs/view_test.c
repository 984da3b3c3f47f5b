/* SPDX-License-Identifier: MIT */
/* What users with a cluster of their own see of the tree, and what others see of them. */
#include "tests/unit/fs/tree_fixture.h"
#include "fs/ctl.h"

#define HIS   4321 /* uids that the test does not run under */
#define OTHER 4323

static int setup(void **state)
{
    int rc = fixture_open(state, "[cluster.d]\nkind = \"fake\"\nfake = [\"engine=none\"]\n"
                                 "[model.phi]\nengine = \"parrot\"\ncluster = \"c\"\n"
                                 "[user.4321]\ncluster = \"d\"\n");
    tree_set_shared(((struct fixture *)*state)->tree, true);
    return rc;
}

static void look_as(struct fixture *x, uid_t uid)
{
    x->me.uid = uid;
}

/* The job of his model, with a name. */
static struct job *his_job(struct fixture *x)
{
    struct model *m = model_seen_by(house_model(x->house, "phi"), HIS);

    model_wake(m);
    for (int i = 0; i < 1000 && !(model_job(m) && model_job(m)->name); i++)
        uv_run(&x->loop, UV_RUN_ONCE);
    assert_non_null(model_job(m));
    assert_non_null(model_job(m)->name);
    return model_job(m);
}

static bool says(struct fixture *x, const char *path, const char *word)
{
    char *text = content_of(x, path);
    bool yes = strstr(text, word) != NULL;

    free(text);
    return yes;
}

static void his_jobs_and_cluster_are_found_by_him_and_the_owner(void **state)
{
    struct fixture *x = *state;
    char *path = xasprintf("jobs/%s", his_job(x)->name);

    assert_true(is_there(x, path) && is_there(x, "clusters/d"));
    assert_false(is_there(x, "phi/job"));
    look_as(x, HIS);
    assert_true(is_there(x, path) && is_there(x, "clusters/d") && is_there(x, "clusters/c"));
    assert_true(is_there(x, "phi/job"));
    struct node n = node_at(x, path);
    assert_true(node_may_change_name(x->tree, &n));
    look_as(x, OTHER);
    assert_false(is_there(x, path) || is_there(x, "clusters/d"));
    assert_false(is_there(x, "phi/job"));
    assert_true(is_there(x, "clusters/c"));
    free(path);
}

static void each_file_that_tells_of_all_tells_what_its_reader_may_see(void **state)
{
    static const struct {
        const char *path, *word;
    } files[] = {
        { "status", "\"d.1\"" },
        { "events", "\"d.1\"" },
        { "metrics", "cluster=\"d\"" },
        { "phi/status", "\"d.1\"" },
    };
    struct fixture *x = *state;

    his_job(x);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        look_as(x, HIS);
        assert_true(says(x, files[i].path, files[i].word));
        look_as(x, OTHER);
        assert_false(says(x, files[i].path, files[i].word));
        look_as(x, x->house->uid);
        assert_int_equal(says(x, files[i].path, files[i].word), strcmp(files[i].path, "phi/status") != 0);
    }
}

/* The kernel may hold the node that another has looked up. */
static void a_node_of_another_view_is_looked_up_again(void **state)
{
    static const char *const paths[] = { "status", "events", "metrics", "phi/status" };
    struct fixture *x = *state;
    struct open_file *f;

    his_job(x);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        look_as(x, HIS);
        struct node n = node_at(x, paths[i]);
        look_as(x, OTHER);
        assert_int_equal(file_open(x->tree, &n, O_RDONLY, &x->me, &f), -ESTALE);
        struct node own = node_at(x, paths[i]);
        assert_int_not_equal(node_ino(&own), node_ino(&n));
        look_as(x, x->house->uid);
        if (i < 3)
            assert_int_equal(file_open(x->tree, &n, O_RDONLY, &x->me, &f), -ESTALE);
    }
}

static void a_node_of_his_job_opens_to_nobody_else(void **state)
{
    static const char *const files[] = { "status", "script", "log/stderr" };
    struct fixture *x = *state;
    char *name = xstrdup(his_job(x)->name);
    struct open_file *f;

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char *path = xasprintf("jobs/%s/%s", name, files[i]);
        look_as(x, HIS);
        struct node n = node_at(x, path);
        assert_int_equal(file_open(x->tree, &n, O_RDONLY, &x->me, &f), 0);
        file_release(f);
        look_as(x, OTHER);
        assert_int_equal(file_open(x->tree, &n, O_RDONLY, &x->me, &f), -EACCES);
        free(path);
    }
    free(name);
}

static int verb(struct fixture *x, const char *path, const char *line)
{
    struct open_file *f = open_at(x, path, O_WRONLY);
    int rc = file_write(f, 0, line, strlen(line));

    file_release(f);
    return rc;
}

static void he_governs_what_is_his_and_nobody_else_does(void **state)
{
    struct fixture *x = *state;
    struct job *j = his_job(x);
    char *path = xasprintf("jobs/%s/ctl", j->name);

    look_as(x, OTHER);
    assert_int_equal(verb(x, "phi/ctl", "stop\n"), -EACCES);
    look_as(x, HIS);
    assert_int_equal(verb(x, "phi/ctl", "pin 1h\n"), 0);
    assert_true(says(x, "phi/status", "\"pinned_until\":\"2"));
    assert_int_equal(verb(x, path, "cancel\n"), 0);
    assert_true(job_is_cancelled(j));
    look_as(x, x->house->uid);
    assert_true(says(x, "phi/status", "\"pinned_until\":null"));
    free(path);
}

/* A write takes the inode to a size, and its pages stay: both are seen by all who have it open. */
static void each_user_asks_through_a_node_of_his_own(void **state)
{
    static const char *const paths[] = { "qwen/ask", "qwen/request", "qwen/embed" };
    struct fixture *x = *state;
    struct open_file *f;

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        look_as(x, HIS);
        struct node n = node_at(x, paths[i]), again = node_at(x, paths[i]);
        assert_int_equal(node_ino(&again), node_ino(&n));
        assert_int_equal(stat_of(x, paths[i]).st_mode, S_IFREG | 0666);
        look_as(x, OTHER);
        assert_int_equal(file_open(x->tree, &n, O_WRONLY, &x->me, &f), -ESTALE);
        look_as(x, x->house->uid);
        assert_int_equal(file_open(x->tree, &n, O_WRONLY, &x->me, &f), -ESTALE);
    }
    look_as(x, HIS);
    f = open_at(x, "qwen/ask", O_WRONLY);
    assert_int_equal(file_write(f, 0, "what he asks", 12), 0);
    file_release(f);
    assert_true(says(x, "qwen/ask", "what he asks"));
    look_as(x, x->house->uid);
    assert_false(says(x, "qwen/ask", "what he asks"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(his_jobs_and_cluster_are_found_by_him_and_the_owner, setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(each_file_that_tells_of_all_tells_what_its_reader_may_see, setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_node_of_another_view_is_looked_up_again, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_node_of_his_job_opens_to_nobody_else, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(he_governs_what_is_his_and_nobody_else_does, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(each_user_asks_through_a_node_of_his_own, setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
