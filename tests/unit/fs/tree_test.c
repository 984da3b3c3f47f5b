/* SPDX-License-Identifier: MIT */
/* The names that the tree has (CONTRACT.md section 2), and that looking at them wakes nothing. */
#include "tests/unit/fs/tree_fixture.h"

struct names {
    char text[1024];
    struct fixture *x;
    struct node dir;
    int n;
};

static void add_name(void *arg, const char *name, uint64_t ino, mode_t type)
{
    struct names *l = arg;
    struct node n;

    strcat(l->text, name);
    strcat(l->text, type == S_IFDIR ? "/ " : type == S_IFLNK ? "@ " : " ");
    l->n++;
    /* What readdir says agrees with lookup, save where a name means another node for each caller. */
    assert_int_equal(tree_lookup(l->x->tree, &l->dir, name, &l->x->me, &n), 0);
    if (!node_may_change_name(l->x->tree, &n))
        assert_int_equal(node_ino(&n), ino);
}

static const char *names_of(struct fixture *x, const char *path, struct names *l)
{
    *l = (struct names){ .x = x, .dir = node_at(x, path) };
    assert_int_equal(tree_readdir(x->tree, &l->dir, &x->me, NULL, add_name, l), 0);
    return l->text;
}

static void the_directories_have_the_names_of_the_contract(void **state)
{
    struct fixture *x = *state;
    struct names l;

    assert_string_equal(names_of(x, "", &l), "README status endpoint env config events metrics log ctl "
                                             "clusters/ jobs/ qwen/ q@ llama/ ");
    assert_string_equal(names_of(x, "clusters", &l), "c/ ");
    assert_string_equal(names_of(x, "clusters/c", &l), "status auth ");
    assert_string_equal(names_of(x, "jobs", &l), "");
    assert_string_equal(names_of(x, "qwen", &l),
                        "ask reply request response embed vector error status "
                        "endpoint env ctl system params log/ history/ chats/ batch/ replicas/ ");
    assert_string_equal(names_of(x, "qwen/replicas", &l), "");
    assert_string_equal(names_of(x, "qwen/log", &l), "stdout stderr ");
    assert_string_equal(names_of(x, "qwen/history", &l), "");
}

static void names_that_are_not_there_are_enoent(void **state)
{
    static const char *const paths[] = { "nothing",    "qwen/job", "qwen/chats/x", "jobs/c.1",
                                         "clusters/d", "<model>",  "<alias>",      "qwen/log/x" };
    struct fixture *x = *state;
    struct node n;

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_int_equal(walk_as(x, paths[i], &x->me, &n), -ENOENT);
    assert_int_equal(walk_as(x, "README/x", &x->me, &n), -ENOTDIR);
}

static void a_job_has_a_directory_while_it_is_known(void **state)
{
    struct fixture *x = *state;
    struct job *j = wake_until_named(x, "qwen");
    char *path = xasprintf("jobs/%s", j->name), *model = xasprintf("jobs/%s/models", j->name);
    char *link = xasprintf("%s/qwen", model), *want = xasprintf("../jobs/%s", j->name);
    struct buf target = { 0 };
    struct names l;

    assert_string_equal(names_of(x, path, &l), "status ctl script endpoint log/ models/ ");
    assert_string_equal(names_of(x, model, &l), "qwen@ ");
    assert_string_equal(names_of(x, "qwen", &l),
                        "ask reply request response embed vector error status "
                        "endpoint env ctl system params log/ history/ chats/ batch/ job@ replicas/ ");
    char *replica = xasprintf("qwen/replicas/%s", j->name), *there = xasprintf("../../jobs/%s", j->name);
    struct node r = node_at(x, replica);
    assert_int_equal(tree_readlink(x->tree, &r, &x->me, &target), 0);
    assert_string_equal(target.data, there);
    buf_free(&target);
    free(replica);
    free(there);

    struct node n = node_at(x, "qwen/job");
    assert_int_equal(tree_readlink(x->tree, &n, &x->me, &target), 0);
    assert_string_equal(target.data, want);
    assert_int_equal(stat_of(x, "qwen/job").st_size, strlen(want));
    assert_true(node_may_change_name(x->tree, &n));
    buf_reset(&target);
    n = node_at(x, link);
    assert_int_equal(tree_readlink(x->tree, &n, &x->me, &target), 0);
    assert_string_equal(target.data, "../../../qwen");
    buf_free(&target);
    free(path);
    free(model);
    free(link);
    free(want);
}

static void an_alias_is_a_link_to_its_model(void **state)
{
    struct fixture *x = *state;
    struct buf target = { 0 };
    struct node n = node_at(x, "q");

    assert_int_equal(n.row->type, ROW_LINK);
    assert_int_equal(tree_readlink(x->tree, &n, &x->me, &target), 0);
    assert_string_equal(target.data, "qwen");
    buf_free(&target);
    n = node_at(x, "qwen"); /* an alias equal to its own key is harmless */
    assert_int_equal(n.row->type, ROW_DIR);
}

static void modes_are_those_of_the_contract(void **state)
{
    struct fixture *x = *state;

    assert_int_equal(stat_of(x, "ctl").st_mode, S_IFREG | 0600);
    assert_int_equal(stat_of(x, "env").st_mode, S_IFREG | 0400);
    assert_int_equal(stat_of(x, "qwen/env").st_mode, S_IFREG | 0400);
    assert_int_equal(stat_of(x, "qwen/reply").st_mode, S_IFREG | 0444);
    assert_int_equal(stat_of(x, "qwen").st_mode, S_IFDIR | 0755);
    assert_int_equal(stat_of(x, "q").st_mode, S_IFLNK | 0777);
    assert_int_equal(stat_of(x, "qwen/ask").st_uid, getuid());
}

static void every_row_has_a_number_of_its_own_and_a_line_of_help(void **state)
{
    struct fixture *x = *state;
    struct subject *house = node_at(x, "").subject;
    size_t rows = 0;
    uint64_t last = 0;

    for (size_t i = 0; i < tree_n_parts; i++) {
        for (size_t k = 0; k < tree_parts[i].n; k++, rows++) {
            const struct row *r = &tree_parts[i].rows[k];
            struct node n = { .row = r, .subject = house };
            if (!r->name || rows == 0)
                continue;
            assert_true(node_ino(&n) > last);
            last = node_ino(&n);
            assert_true(r->type != ROW_FILE || r->file);
            assert_true(r->type != ROW_DIR || r->dir);
            assert_true(r->type != ROW_LINK || r->link);
            assert_true(r->help || *r->name == '<');
        }
    }
    assert_true(rows <= 256);
}

static void walk_down(struct fixture *x, const struct node *dir, int depth);

struct down {
    struct fixture *x;
    const struct node *dir;
    int depth;
};

static void look_at(void *arg, const char *name, uint64_t ino, mode_t type)
{
    struct down *d = arg;
    struct node n;
    struct stat st;
    struct open_file *f;

    (void)ino;
    assert_int_equal(tree_lookup(d->x->tree, d->dir, name, &d->x->me, &n), 0);
    tree_stat(d->x->tree, &n, &st);
    if (type == S_IFDIR)
        walk_down(d->x, &n, d->depth + 1);
    if (type != S_IFREG)
        return;
    assert_int_equal(file_open(d->x->tree, &n, O_RDONLY, &d->x->me, &f), 0);
    char *text = read_all(f); /* fails where a read would wait */
    assert_int_equal(strlen(text), st.st_size);
    free(text);
    file_release(f);
}

static void walk_down(struct fixture *x, const struct node *dir, int depth)
{
    struct down d = { .x = x, .dir = dir, .depth = depth };

    assert_true(depth < 6);
    assert_int_equal(tree_readdir(x->tree, dir, &x->me, NULL, look_at, &d), 0);
}

static void looking_at_everything_wakes_nothing_and_waits_for_nothing(void **state)
{
    struct fixture *x = *state;
    struct node root = node_at(x, "");

    walk_down(x, &root, 0);
    for (int i = 0; i < 5; i++)
        uv_run(&x->loop, UV_RUN_NOWAIT);
    assert_int_equal(model_state(house_model(x->house, "qwen")), MODEL_ASLEEP);
    assert_int_equal(model_state(house_model(x->house, "llama")), MODEL_ASLEEP);
    assert_true(list_empty(&x->house->jobs));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_directories_have_the_names_of_the_contract),
        cmocka_unit_test(names_that_are_not_there_are_enoent),
        cmocka_unit_test(an_alias_is_a_link_to_its_model),
        cmocka_unit_test(modes_are_those_of_the_contract),
        cmocka_unit_test(every_row_has_a_number_of_its_own_and_a_line_of_help),
        cmocka_unit_test(looking_at_everything_wakes_nothing_and_waits_for_nothing),
        cmocka_unit_test(a_job_has_a_directory_while_it_is_known), /* the last: it wakes a model */
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
