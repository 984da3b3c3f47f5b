/* SPDX-License-Identifier: MIT */
/* What a job keeps in its working directory, read and written on the kind "local": the real script, without
 * Slurm. */
#include "tests/unit/backend/rig.h"
#include <sys/stat.h>

static void open_local(const char *model)
{
    char *cluster = xasprintf("kind = \"local\"\nworkdir = \"%s/work\"\n", rig.dir);

    rig_open_with("", cluster, model);
    free(cluster);
}

/* A second model `w` whose engine is a line of shell. */
static void open_shell(const char *line)
{
    char *model = xasprintf("[model.w]\nengine = \"command\"\ncommand = [\"sh\", \"-c\", \"%s\"]\n", line);

    open_local(model);
    free(model);
}

static struct prompt *ask_shell(void)
{
    struct prompt *p = question("x", 1000);
    struct err e = { "" };

    if (model_submit(house_model(rig.h, "w"), &p->x, &e) < 0)
        fail_msg("%s", e.text);
    return p;
}

static char *file_of(const struct job *j, const char *name)
{
    return xasprintf("%s/%s", j->workdir, name);
}

static char *content(const char *path)
{
    char text[4096];
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof text, f) : 0;

    if (f)
        fclose(f);
    return xstrndup(text, n);
}

static bool changed(const char *path, const char *before)
{
    char *now = content(path);
    bool yes = now[0] && strcmp(now, before) != 0;

    free(now);
    return yes;
}

/* Ended, and nobody has asked how. */
static bool is_zombie(int pid)
{
    char path[64], state = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
        state = 0;
    if (f)
        fclose(f);
    return state == 'Z';
}

static void its_address_is_read_and_its_log_is_followed(void **state)
{
    (void)state;
    open_local("");
    expect_answer(ask("over a real socket"), "over a real socket");
    struct job *j = nth_job(1);
    WAIT(growing_size(j->out) > 0);
    char *tail = growing_tail(j->out, 1);
    expect_words(tail, "listening http://");
    free(tail);
    assert_true(j->port > 0);
    assert_non_null(inner(j)->run_line);
}

static void its_lease_is_renewed_with_another_content(void **state)
{
    (void)state;
    open_local("lease = \"4s\"");
    expect_answer(ask("x"), "x");
    char *path = file_of(nth_job(1), "lease"), *first;
    WAIT(changed(path, ""));
    first = content(path);
    WAIT(changed(path, first));
    free(first);
    free(path);
}

static void an_engine_that_exits_is_told_with_its_status_and_last_lines(void **state)
{
    (void)state;
    open_shell("echo one >&2; echo boom >&2; exit 3");
    struct prompt *p = ask_shell();
    expect_end(p, EXCHANGE_FAILED, -EIO, "exit status 3");
    expect_words(p->x.error, "boom");
    assert_int_equal(nth_job(1)->exit_status, 3);
    assert_int_equal(count_jobs(), 1);
}

static void the_last_lines_of_a_long_log_are_the_last_ones(void **state)
{
    (void)state;
    open_shell("yes nothing | head -n 100000 >&2; echo boom >&2; exit 3");
    struct prompt *p = ask_shell();
    expect_end(p, EXCHANGE_FAILED, -EIO, "boom");
    assert_true(growing_size(nth_job(1)->err) > 128 * 1024);
}

static void of_a_log_without_bounds_the_middle_is_skipped(void **state)
{
    (void)state;
    open_shell("echo first >&2; yes nothing | head -n 1000000 >&2; echo boom >&2; exit 3");
    struct prompt *p = ask_shell();
    expect_end(p, EXCHANGE_FAILED, -EIO, "boom");
    struct growing *g = nth_job(1)->err;
    size_t size = (size_t)growing_size(g);
    char *text = xcalloc(1, size + 1);
    growing_read(g, 0, text, size);
    assert_true(size < 3u << 20);
    expect_words(text, "bytes skipped ...]\n");
    free(text);
}

static void a_lease_that_cannot_be_written_is_told(void **state)
{
    (void)state;
    open_local("");
    expect_answer(ask("x"), "x");
    struct job *j = nth_job(1);
    char *path = file_of(j, "lease");
    WAIT(changed(path, ""));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    timer_start_ms(inner(j)->lease, 0);
    WAIT(job_reason(j));
    expect_words(job_reason(j), "the lease file could not be written: ");
    expect_words(job_reason(j), "is the home full?");
    assert_int_equal(rmdir(path), 0);
    timer_start_ms(inner(j)->lease, 0);
    WAIT(!job_reason(j));
    free(path);
}

static void the_scripts_own_complaint_is_the_error(void **state)
{
    (void)state;
    open_local("binary = \"/nowhere/parrot\"");
    expect_end(ask("x"), EXCHANGE_FAILED, -EIO, "/nowhere/parrot");
    assert_true(model_is(MODEL_FAILED));
}

static void one_that_ended_before_the_first_query_keeps_its_complaint(void **state)
{
    (void)state;
    open_local("binary = \"/nowhere/parrot\"");
    struct prompt *p = ask("x");
    WAIT(nth_job(1)->id);
    /* The loop stands still, and so do the queries, until the job is over. */
    char *path = file_of(nth_job(1), "state"), *text = content(path);
    for (uint64_t end = mono_ms() + WAIT_MS; !strstr(text, "exit status") && mono_ms() < end;) {
        usleep(1000);
        free(text);
        text = content(path);
    }
    while (kill(atoi(nth_job(1)->id), 0) == 0 && !is_zombie(atoi(nth_job(1)->id)))
        usleep(1000);
    expect_end(p, EXCHANGE_FAILED, -EIO, "/nowhere/parrot");
    assert_int_equal(nth_job(1)->started.tv_sec, 0);
    free(path);
    free(text);
}

static void a_cancelled_job_has_no_error_though_its_engine_was_killed(void **state)
{
    (void)state;
    open_local("");
    expect_answer(ask("x"), "x");
    model_stop(the_model(), "stopped");
    WAIT(model_is(MODEL_ASLEEP));
    assert_null(nth_job(1)->error);
    json_t *s = model_status(the_model());
    assert_true(json_is_null(json_object_get(s, "last_error")));
    json_decref(s);
}

static void an_engine_that_ended_is_replaced_by_the_next_question(void **state)
{
    (void)state;
    open_local("engine_args = [\"--fail\", \"refuse-after\"]");
    expect_answer(ask("x"), "x");
    expect_answer(ask("y"), "y");
    assert_int_equal(count_jobs(), 2);
}

/* As a requeue leaves it that no query has seen: the same id, another run, another address perhaps. */
static void another_run_of_the_same_job_is_told_by_its_first_line(void **state)
{
    (void)state;
    open_local("");
    expect_answer(ask("x"), "x");
    struct job *j = nth_job(1);
    char *path = file_of(j, "state"), *text = content(path), *former = xstrdup(inner(j)->run_line);
    char *rest = strchr(text, '\n');
    FILE *f = fopen(path, "w");
    assert_non_null(rest);
    fprintf(f, "%s9%s", former, rest);
    fclose(f);
    timer_start_ms(inner(j)->tick, 0);
    WAIT(strcmp(inner(j)->run_line, former) != 0);
    WAIT(j->state == JOB_HEALTHY);
    assert_string_equal(inner(j)->stale_run, former);
    expect_answer(ask("y"), "y");
    assert_int_equal(count_jobs(), 1);
    free(path);
    free(text);
    free(former);
}

static const struct CMUnitTest tests[] = {
    SENTENCE(its_address_is_read_and_its_log_is_followed),
    SENTENCE(its_lease_is_renewed_with_another_content),
    SENTENCE(an_engine_that_exits_is_told_with_its_status_and_last_lines),
    SENTENCE(the_last_lines_of_a_long_log_are_the_last_ones),
    SENTENCE(of_a_log_without_bounds_the_middle_is_skipped),
    SENTENCE(a_lease_that_cannot_be_written_is_told),
    SENTENCE(the_scripts_own_complaint_is_the_error),
    SENTENCE(one_that_ended_before_the_first_query_keeps_its_complaint),
    SENTENCE(a_cancelled_job_has_no_error_though_its_engine_was_killed),
    SENTENCE(an_engine_that_ended_is_replaced_by_the_next_question),
    SENTENCE(another_run_of_the_same_job_is_told_by_its_first_line),
};

RIG_MAIN(tests)
