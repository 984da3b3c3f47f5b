/* SPDX-License-Identifier: MIT */
/* mkdir, rmdir, unlink and rename, on a directory that allows them and on those that do not. */
#include "tests/unit/fs/tree_fixture.h"
#include "fs/files/files.h"

/* At most one thing of that name lives in the directory `things`. */
static char thing[300];

static int find_thing(struct tree *t, struct subject *s, const char *name, struct node *out);
static int make_thing(struct tree *t, struct subject *s, const char *name, struct node *out);

static int remove_thing(struct tree *t, struct subject *s)
{
    (void)t, (void)s;
    thing[0] = '\0';
    return 0;
}

static int rename_thing(struct tree *t, struct subject *s, const char *name)
{
    (void)t, (void)s;
    strcpy(thing, name);
    return 0;
}

static const struct row thing_files[] = {
    { "note", 0600, ROW_FILE, .file = &file_readme },
    { 0 },
};
static const struct dir dir_thing = { .rows = thing_files, .remove = remove_thing, .rename = rename_thing };
static const struct row thing_row[] = { { "<thing>", 0700, ROW_DIR, .dir = &dir_thing } };
static const struct row fixed_rows[] = {
    { "fixed", 0600, ROW_FILE, .file = &file_readme },
    { 0 },
};
static const struct dir dir_things = { .rows = fixed_rows, .find = find_thing, .make = make_thing };
static const struct row things_row = { "things", 0700, ROW_DIR, .dir = &dir_things };

static int find_thing(struct tree *t, struct subject *s, const char *name, struct node *out)
{
    (void)t;
    if (!thing[0] || strcmp(name, thing) != 0)
        return -ENOENT;
    *out = (struct node){ .row = thing_row, .subject = s };
    return 0;
}

static int make_thing(struct tree *t, struct subject *s, const char *name, struct node *out)
{
    strcpy(thing, name);
    return find_thing(t, s, name, out);
}

static struct node things(struct fixture *x)
{
    struct node n = node_at(x, "qwen");

    thing[0] = '\0';
    return (struct node){ .row = &things_row, .subject = n.subject };
}

static void what_a_directory_allows_can_be_made_renamed_and_removed(void **state)
{
    struct fixture *x = *state;
    struct node dir = things(x), n;

    assert_int_equal(tree_make(x->tree, &dir, "a", &x->me, &n), 0);
    assert_ptr_equal(n.row, thing_row);
    assert_int_equal(tree_make(x->tree, &dir, "a", &x->me, &n), -EEXIST);
    assert_int_equal(tree_make(x->tree, &dir, "fixed", &x->me, &n), -EEXIST);
    assert_int_equal(tree_rename(x->tree, &dir, "a", &dir, "b", &x->me), 0);
    assert_int_equal(tree_lookup(x->tree, &dir, "a", &x->me, &n), -ENOENT);
    assert_int_equal(tree_lookup(x->tree, &dir, "b", &x->me, &n), 0);
    assert_int_equal(tree_unlink(x->tree, &n, "note", &x->me), 0);
    assert_int_equal(tree_unlink(x->tree, &n, "nothing", &x->me), -ENOENT);
    assert_int_equal(tree_unlink(x->tree, &dir, "b", &x->me), -EISDIR);
    assert_int_equal(tree_remove(x->tree, &dir, "b", &x->me), 0);
    assert_int_equal(tree_remove(x->tree, &dir, "b", &x->me), -ENOENT);
}

static void a_name_is_text_of_at_most_255_bytes(void **state)
{
    static const char *const good[] = { "-x",  ".hidden",  "ask",     "gr\xc3\xbc\xc3\x9f",
                                        "a b", "tmp.Xy12", "\xc2\xb5" };
    static const char *const bad[] = { "", "a\nb", "\x1b[2J", "\xff", "a\x7f", "a\xc2\x9b" };
    struct fixture *x = *state;
    struct node dir = things(x), n;
    char longest[257];

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        thing[0] = '\0';
        assert_int_equal(tree_make(x->tree, &dir, good[i], &x->me, &n), 0);
    }
    strcpy(thing, "there");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(tree_make(x->tree, &dir, bad[i], &x->me, &n), -EINVAL);
        assert_int_equal(tree_rename(x->tree, &dir, "there", &dir, bad[i], &x->me), -EINVAL);
    }
    memset(longest, 'x', 256);
    longest[256] = '\0';
    assert_int_equal(tree_make(x->tree, &dir, longest, &x->me, &n), -ENAMETOOLONG);
    assert_int_equal(tree_make(x->tree, &dir, longest + 1, &x->me, &n), 0);
    thing[0] = '\0';
}

static void a_name_moves_within_its_directory_alone(void **state)
{
    struct fixture *x = *state;
    struct node dir = things(x), other = node_at(x, "llama"), elsewhere = dir;

    strcpy(thing, "a");
    elsewhere.subject = other.subject;
    assert_int_equal(tree_rename(x->tree, &dir, "a", &elsewhere, "b", &x->me), -EPERM);
    assert_int_equal(tree_rename(x->tree, &dir, "a", &other, "b", &x->me), -EPERM);
    assert_int_equal(tree_rename(x->tree, &dir, "fixed", &dir, "b", &x->me), -EPERM);
    assert_int_equal(tree_rename(x->tree, &dir, "a", &dir, "fixed", &x->me), -ENOTDIR);
    assert_int_equal(tree_rename(x->tree, &dir, "nothing", &dir, "b", &x->me), -ENOENT);
    assert_string_equal(thing, "a");
    thing[0] = '\0';
}

static void a_generated_directory_allows_nothing(void **state)
{
    struct fixture *x = *state;
    struct node dir = node_at(x, "qwen"), n;

    assert_int_equal(tree_make(x->tree, &dir, "new", &x->me, &n), -EPERM);
    assert_int_equal(tree_make(x->tree, &dir, "ask", &x->me, &n), -EEXIST);
    assert_int_equal(tree_remove(x->tree, &dir, "log", &x->me), -EPERM);
    assert_int_equal(tree_remove(x->tree, &dir, "ask", &x->me), -ENOTDIR);
    assert_int_equal(tree_unlink(x->tree, &dir, "ask", &x->me), -EPERM);
    assert_int_equal(tree_rename(x->tree, &dir, "log", &dir, "logs", &x->me), -EPERM);
    assert_int_equal(tree_rename(x->tree, &dir, "ask", &dir, "asked", &x->me), -EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_directory_allows_can_be_made_renamed_and_removed),
        cmocka_unit_test(a_name_is_text_of_at_most_255_bytes),
        cmocka_unit_test(a_name_moves_within_its_directory_alone),
        cmocka_unit_test(a_generated_directory_allows_nothing),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
