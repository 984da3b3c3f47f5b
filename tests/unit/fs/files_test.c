/* SPDX-License-Identifier: MIT */
/* What stands in the files: texts made once per open, files that grow, and their sizes and times. */
#include "tests/unit/fs/tree_fixture.h"
#include "backend/base/growing.h"

#include <poll.h>

static void each_open_of_a_status_has_one_version_of_it(void **state)
{
    struct fixture *x = *state;
    struct open_file *before = open_at(x, "qwen/status", O_RDONLY);
    char *first = read_all(before), *now;

    assert_int_equal(stat_of(x, "qwen/status").st_size, strlen(first));
    wake_until_named(x, "qwen");
    assert_int_equal(stat_of(x, "qwen/status").st_size, strlen(first)); /* of the file that is open */
    char *again = read_all(before);
    assert_string_equal(again, first);
    file_release(before);
    now = content_of(x, "qwen/status");
    assert_string_not_equal(now, first);
    assert_int_equal(stat_of(x, "qwen/status").st_size, strlen(now));
    assert_ptr_equal(strchr(now, '\n'), now + strlen(now) - 1); /* one line */
    free(first);
    free(again);
    free(now);
}

static void the_status_files_are_json_objects(void **state)
{
    static const char *const paths[] = { "status", "qwen/status", "clusters/c/status" };
    struct fixture *x = *state;

    for (size_t i = 0; i < 3; i++) {
        char *text = content_of(x, paths[i]);
        json_t *j = json_loads(text, 0, NULL);
        assert_true(json_is_object(j));
        json_decref(j);
        free(text);
    }
}

static void auth_is_the_owners_and_takes_no_answer_where_nothing_is_asked(void **state)
{
    struct fixture *x = *state;
    struct open_file *f = open_at(x, "clusters/c/auth", O_RDWR | O_TRUNC);
    char *text = content_of(x, "clusters/c/auth");
    unsigned changes = x->house->changes;

    assert_int_equal(stat_of(x, "clusters/c/auth").st_mode & 0777, 0600);
    assert_string_equal(text, "");
    assert_int_equal(file_write(f, 0, "x\n", 2), -EINVAL);
    assert_int_equal(file_truncate(f, 0), 0);
    file_release(f);
    assert_int_equal(x->house->changes, changes);
    free(text);
}

static void mtime_moves_only_when_the_text_does(void **state)
{
    struct fixture *x = *state;
    struct stat first = stat_of(x, "qwen/status"), endpoint = stat_of(x, "qwen/endpoint");

    for (int i = 0; i < 3; i++)
        house_changed(x->house); /* somewhere else */
    struct stat again = stat_of(x, "qwen/status");
    assert_memory_equal(&again.st_mtim, &first.st_mtim, sizeof first.st_mtim);
    wake_until_named(x, "qwen");
    struct stat later = stat_of(x, "qwen/status");
    assert_memory_not_equal(&later.st_mtim, &first.st_mtim, sizeof first.st_mtim);
    struct stat same = stat_of(x, "qwen/endpoint");
    assert_memory_equal(&same.st_mtim, &endpoint.st_mtim, sizeof same.st_mtim);
}

static void endpoint_and_env_point_to_the_gateway(void **state)
{
    struct fixture *x = *state;
    char *s = content_of(x, "endpoint");

    assert_string_equal(s, "http://127.0.0.1:11434\n");
    free(s);
    s = content_of(x, "qwen/endpoint");
    assert_string_equal(s, "http://127.0.0.1:11434/qwen\n");
    free(s);
    s = content_of(x, "qwen/env");
    assert_string_equal(s, "export OPENAI_BASE_URL='http://127.0.0.1:11434/qwen/v1'\n"
                           "export OPENAI_API_KEY='none'\n"
                           "export OLLAMA_HOST='http://127.0.0.1:11434/qwen'\n");
    free(s);
    s = content_of(x, "env");
    assert_non_null(strstr(s, "'http://127.0.0.1:11434/v1'"));
    free(s);
}

static void config_reads_back_as_the_same_configuration(void **state)
{
    struct fixture *x = *state;
    char *s = content_of(x, "config");
    struct config *cfg = NULL;
    struct err e = { 0 };

    if (config_parse(s, strlen(s), "config", &cfg, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(cfg->n_models, 2);
    assert_string_equal(cfg->models[0]->name, "qwen");
    config_free(cfg);
    free(s);
}

static void the_readme_names_every_row(void **state)
{
    struct fixture *x = *state;
    char *s = content_of(x, "README");

    for (size_t i = 1; i < tree_n_parts; i++)
        for (size_t k = 0; k < tree_parts[i].n; k++)
            if (tree_parts[i].rows[k].help)
                assert_non_null(strstr(s, tree_parts[i].rows[k].help));
    assert_non_null(strstr(s, "jobs/<cluster>.<id>/\n"));
    free(s);
}

static void metrics_have_a_line_for_each_model_and_state(void **state)
{
    struct fixture *x = *state;
    char *s = content_of(x, "metrics");

    assert_non_null(strstr(s, "\nslullamafs_model_state{model=\"qwen\",state=\"asleep\"} 1\n"));
    assert_non_null(strstr(s, "\nslullamafs_model_state{model=\"llama\",state=\"ready\"} 0\n"));
    assert_non_null(strstr(s, "\nslullamafs_requests_waiting{model=\"llama\"} 0\n"));
    assert_non_null(strstr(s, "\n# TYPE slullamafs_requests_done_total counter\n"));
    assert_non_null(strstr(s, "\nslullamafs_scheduler_queries_total{cluster=\"c\"} 0\n"));
    assert_non_null(strstr(s, "\nslullamafs_jobs{phase=\"ended\"} 0\n"));
    free(s);
}

/* ---- Files that grow */

static int changes;

static void poll_changed(struct open_file *f)
{
    (void)f;
    changes++;
}

static void a_growing_file_is_followed(void **state)
{
    struct fixture *x = *state;
    struct open_file *f = open_at(x, "events", O_RDONLY);
    struct waitq *q;
    struct answer a;

    tree_set_hooks(x->tree, &(struct tree_hooks){ .poll_changed = poll_changed });
    growing_add(x->house->events, "{\"a\":1}\n", 8);
    uint64_t size = growing_size(x->house->events);
    assert_int_equal(stat_of(x, "events").st_size, size);
    assert_int_equal(file_read(f, size - 8, 100, &a), 0);
    assert_int_equal(a.len, 8);
    assert_memory_equal(a.data, "{\"a\":1}\n", 8);
    assert_int_equal(file_read(f, size, 100, &a), 0); /* the end: end-of-file, and no waiting */
    assert_int_equal(a.len, 0);
    assert_null(a.parked_on);

    assert_int_equal(file_poll(f, &q), 0);
    list_append(&q->pollers, &f->poll_link);
    changes = 0;
    growing_add(x->house->events, "{\"b\":2}\n", 8);
    assert_int_equal(changes, 1);
    assert_int_equal(file_poll(f, &q), POLLIN);
    file_release(f);
    growing_add(x->house->events, "x\n", 2); /* nobody is told any more */
    assert_int_equal(changes, 1);
}

static void a_models_log_is_its_last_jobs_and_has_an_inode_for_each(void **state)
{
    struct fixture *x = *state;
    struct node before = node_at(x, "qwen/log/stderr"), after;
    struct open_file *f;

    assert_int_equal(stat_of(x, "qwen/log/stderr").st_size, 0);
    struct job *j = wake_until_named(x, "qwen");
    after = node_at(x, "qwen/log/stderr");
    assert_int_not_equal(node_ino(&before), node_ino(&after));
    assert_int_equal(file_open(x->tree, &before, O_RDONLY, &x->me, &f), -ESTALE);

    growing_add(j->err, "loading\n", 8);
    f = open_at(x, "qwen/log/stderr", O_RDONLY);
    char *text = read_all(f), *path = xasprintf("jobs/%s/log/stderr", j->name);
    assert_non_null(strstr(text, "loading\n"));
    assert_int_equal(stat_of(x, path).st_size, strlen(text));
    free(text);
    free(path);
    file_release(f);
}

static void a_destroyed_growing_text_stays_for_those_who_read_it(void **state)
{
    struct growing *g = growing_create(1024);
    char out[8];

    (void)state;
    growing_add(g, "abc", 3);
    growing_hold(g);
    growing_hold(g);
    growing_destroy(g);
    growing_unhold(g);
    assert_int_equal(growing_read(g, 0, out, sizeof out), 3);
    growing_unhold(g); /* frees it: the sanitizer tells */
}

static void a_jobs_script_shows_no_secret(void **state)
{
    struct fixture *x = *state;
    struct job *j = wake_until_named(x, "llama");
    char *path = xasprintf("jobs/%s/script", j->name), *text = content_of(x, path);

    assert_true(strlen(text) > 0);
    if (j->secret[0])
        assert_null(strstr(text, j->secret));
    assert_int_equal(stat_of(x, path).st_mode, S_IFREG | 0400);
    free(text);
    free(path);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_open_of_a_status_has_one_version_of_it),
        TEST(the_status_files_are_json_objects),
        TEST(auth_is_the_owners_and_takes_no_answer_where_nothing_is_asked),
        TEST(mtime_moves_only_when_the_text_does),
        TEST(endpoint_and_env_point_to_the_gateway),
        TEST(config_reads_back_as_the_same_configuration),
        TEST(the_readme_names_every_row),
        TEST(metrics_have_a_line_for_each_model_and_state),
        TEST(a_growing_file_is_followed),
        TEST(a_models_log_is_its_last_jobs_and_has_an_inode_for_each),
        cmocka_unit_test(a_destroyed_growing_text_stays_for_those_who_read_it),
        TEST(a_jobs_script_shows_no_secret),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
