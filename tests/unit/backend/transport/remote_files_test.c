/* SPDX-License-Identifier: MIT */
/* Files through one remote shell: over the local transport, over a real ssh with a noisy shell, and with
 * shells that misbehave. */
#include "tests/unit/backend/fast_clock.h"
#include "sshd_here.h"
#include "backend/transport/remote_files.h"

struct bench {
    uv_loop_t loop;
    struct cluster_config cluster;
    struct sshd sshd; /* dir NULL: the transport is local */
    struct transport *t;
    struct remote_files *f;
    char *dir;
    char *old_path; /* of PATH, where a test changed it */

    int done; /* of the requests */
    int rc;
    uint64_t size;
    struct buf data;
};

static void read_cb(void *arg, int rc, uint64_t size, const char *data, size_t len)
{
    struct bench *b = arg;

    b->done++;
    b->rc = rc;
    b->size = size;
    buf_reset(&b->data);
    buf_add(&b->data, data, len);
}

static void write_cb(void *arg, int rc)
{
    struct bench *b = arg;

    b->done++;
    b->rc = rc;
}

static void open_files(struct bench *b)
{
    struct transport_params p = { .loop = &b->loop, .cluster = &b->cluster, .runtime_dir = b->dir };

    assert_int_equal(transport_create(&b->t, &p, NULL), 0);
    b->f = remote_files_create(&b->loop, b->t);
}

static int begin(void **state)
{
    struct bench *b = NEW(struct bench);

    uv_loop_init(&b->loop);
    b->dir = fresh_dir();
    b->cluster = (struct cluster_config){ .name = "x", .host = "", .ssh_config = "", .transport = "auto" };
    open_files(b);
    *state = b;
    return 0;
}

static int begin_ssh(void **state)
{
    struct bench *b = NEW(struct bench);

    uv_loop_init(&b->loop);
    b->dir = fresh_dir();
    *state = b;
    if (!sshd_prepare(&b->sshd))
        return 0; /* the test skips */
    sshd_start(&b->sshd, "");
    b->cluster = (struct cluster_config){
        .name = "x", .host = "box", .ssh_config = b->sshd.config, .transport = "auto"
    };
    open_files(b);
    return 0;
}

static int end(void **state)
{
    struct bench *b = *state;

    remote_files_destroy(b->f);
    transport_destroy(b->t);
    finish_loop(&b->loop);
    sshd_finish(&b->sshd);
    if (b->old_path)
        setenv("PATH", b->old_path, 1);
    free(b->old_path);
    remove_dir(b->dir);
    buf_free(&b->data);
    free(b);
    return 0;
}

static void next_answer(struct bench *b)
{
    int n = b->done + 1;

    wait_for(&b->loop, &b->done, n);
}

static void look(struct bench *b, const char *name, uint64_t off, size_t max)
{
    char *path = name[0] == '~' ? xstrdup(name) : xasprintf("%s/%s", b->dir, name);
    int before = b->done;

    remote_files_read(b->f, path, off, max, read_cb, b);
    assert_int_equal(b->done, before);
    free(path);
    next_answer(b);
}

static void put(struct bench *b, const char *name, const void *data, size_t len)
{
    char *path = name[0] == '~' ? xstrdup(name) : xasprintf("%s/%s", b->dir, name);
    int before = b->done;

    remote_files_write(b->f, path, data, len, write_cb, b);
    assert_int_equal(b->done, before);
    free(path);
    next_answer(b);
}

/* PATH leads to what the test has put into bin, and then to the usual ones or to no others. */
static void use_programs(struct bench *b, bool usual_too)
{
    b->old_path = xstrdup(getenv("PATH"));
    char *path = xasprintf("%s/bin%s%s", b->dir, usual_too ? ":" : "", usual_too ? b->old_path : "");
    setenv("PATH", path, 1);
    free(path);
}

/* The shell, which is a child of what limits its life. */
static pid_t the_shell(void)
{
    struct children c = children_of(getpid(), NULL);

    assert_int_equal(c.n, 1);
    c = children_of(c.pids[0], NULL);
    assert_int_equal(c.n, 1);
    return (pid_t)c.pids[0];
}

/* ---- */

static void what_was_written_is_read_whatever_the_bytes(void **state)
{
    struct bench *b = *state;
    unsigned char all[512];

    for (int i = 0; i < 512; i++)
        all[i] = (unsigned char)i;
    put(b, "f", all, sizeof all);
    assert_int_equal(b->rc, 0);
    look(b, "f", 0, 1000);
    assert_int_equal(b->rc, 0);
    assert_int_equal(b->size, 512);
    assert_int_equal(b->data.len, 512);
    assert_memory_equal(b->data.data, all, 512);
    put(b, "f", "", 0);
    assert_int_equal(b->rc, 0);
    look(b, "f", 0, 1000);
    assert_int_equal(b->rc, 0);
    assert_int_equal(b->size, 0);
    assert_int_equal(b->data.len, 0);
    put(b, "f", "-n %s\\n$(id)", 12);
    look(b, "f", 0, 1000);
    assert_string_equal(buf_str(&b->data), "-n %s\\n$(id)");
}

static void a_write_of_64_kib_passes_and_one_byte_more_does_not(void **state)
{
    struct bench *b = *state;
    size_t n = 64 << 10;
    char *much = xcalloc(1, n + 1);

    memset(much, '\n', n + 1);
    put(b, "f", much, n);
    assert_int_equal(b->rc, 0);
    look(b, "f", 0, 256 << 10);
    assert_int_equal(b->data.len, n);
    assert_memory_equal(b->data.data, much, n);
    put(b, "f", much, n + 1);
    assert_int_equal(b->rc, -EIO);
    free(much);
}

static void a_file_is_private_and_so_are_the_directories_made_for_it(void **state)
{
    struct bench *b = *state;
    struct stat st;
    char *file = xasprintf("%s/a/b c/f", b->dir), *dir = xasprintf("%s/a/b c", b->dir);

    put(b, "a/b c/f", "x", 1);
    assert_int_equal(b->rc, 0);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(dir), 0); /* nothing else was left in it */
    free(file);
    free(dir);
}

static void reading_begins_at_the_offset_and_ends_at_the_limit(void **state)
{
    struct bench *b = *state;

    put_file(b->dir, "f", "0123456789");
    look(b, "f", 3, 4);
    assert_int_equal(b->rc, 0);
    assert_int_equal(b->size, 10);
    assert_string_equal(buf_str(&b->data), "3456");
    look(b, "f", 10, 4);
    assert_int_equal(b->rc, 0);
    assert_int_equal(b->size, 10);
    assert_int_equal(b->data.len, 0);
    look(b, "f", 11, 4); /* it was cut since */
    assert_int_equal(b->rc, 0);
    assert_int_equal(b->size, 10);
    assert_int_equal(b->data.len, 0);
    look(b, "f", 0, 0); /* the size alone */
    assert_int_equal(b->size, 10);
    assert_int_equal(b->data.len, 0);
    look(b, "f", 0, (256 << 10) + 1);
    assert_int_equal(b->rc, -EIO);
}

static void the_largest_read_passes(void **state)
{
    struct bench *b = *state;
    char *path = xasprintf("%s/f", b->dir);
    FILE *f = fopen(path, "w");

    for (int i = 0; i < 100000; i++)
        fprintf(f, "%d\n", i);
    fclose(f);
    free(path);
    look(b, "f", 1000, 256 << 10);
    assert_int_equal(b->rc, 0);
    assert_int_equal(b->size, 588890);
    assert_int_equal(b->data.len, 256 << 10);
    char *want = xcalloc(1, 300000), *p = want;
    for (int i = 0; i < 50000; i++)
        p += sprintf(p, "%d\n", i);
    assert_memory_equal(b->data.data, want + 1000, 256 << 10);
    free(want);
}

static void what_is_no_plain_file_is_an_error_and_hangs_nobody(void **state)
{
    struct bench *b = *state;
    char *fifo = xasprintf("%s/fifo", b->dir), *sub = xasprintf("%s/sub", b->dir);

    mkfifo(fifo, 0600);
    mkdir(sub, 0700);
    free(fifo);
    free(sub);
    look(b, "missing", 0, 10);
    assert_int_equal(b->rc, -ENOENT);
    look(b, "missing/more", 0, 10);
    assert_int_equal(b->rc, -ENOENT);
    look(b, "fifo", 0, 10);
    assert_int_equal(b->rc, -EIO);
    look(b, "sub", 0, 10);
    assert_int_equal(b->rc, -EIO);
    put(b, "sub", "x", 1);
    assert_int_equal(b->rc, -EIO);
    put_file(b->dir, "plain", "");
    put(b, "plain/more", "x", 1);
    assert_int_equal(b->rc, -EIO);
    remote_files_write(b->f, "/dev/null/x", "x", 1, write_cb, b);
    next_answer(b);
    assert_int_equal(b->rc, -EIO);
    put(b, "still", "works", 5);
    assert_int_equal(b->rc, 0);
}

static void a_path_may_hold_any_byte_but_newline(void **state)
{
    struct bench *b = *state;
    char name[256], *p = name;

    for (int c = 1; c < 256; c++)
        if (c != '/' && c != '\n')
            *p++ = (char)c;
    *p = '\0';
    name[200] = '\0'; /* NAME_MAX, with room for the suffix of the file beside it */
    put(b, name, "one", 3);
    assert_int_equal(b->rc, 0);
    look(b, name, 0, 10);
    assert_int_equal(b->rc, 0);
    assert_string_equal(buf_str(&b->data), "one");
    char *path = xasprintf("%s/%s", b->dir, name);
    assert_int_equal(access(path, F_OK), 0);
    free(path);
    put(b, "\xf0\xff$(touch x)`touch y`'; touch z #", "two", 3);
    look(b, "\xf0\xff$(touch x)`touch y`'; touch z #", 0, 10);
    assert_string_equal(buf_str(&b->data), "two");
    look(b, "a\nb", 0, 10);
    assert_int_equal(b->rc, -EIO);
    remote_files_read(b->f, "relative", 0, 10, read_cb, b);
    next_answer(b);
    assert_int_equal(b->rc, -EIO);
}

struct order {
    int done;
    int seen[200];
};

struct numbered {
    struct order *o;
    int i;
};

static void numbered_cb(void *arg, int rc, uint64_t size, const char *data, size_t len)
{
    struct numbered *n = arg;

    (void)data;
    assert_int_equal(rc, 0);
    assert_int_equal(size, 3);
    assert_int_equal(len, 3);
    n->o->seen[n->o->done++] = n->i;
}

static void requests_are_answered_in_order_through_one_shell(void **state)
{
    struct bench *b = *state;
    struct order o = { 0 };
    struct numbered n[200];
    char *path = xasprintf("%s/f", b->dir);

    put(b, "f", "abc", 3);
    for (int i = 0; i < 200; i++) {
        n[i] = (struct numbered){ &o, i };
        remote_files_read(b->f, path, 0, 10, numbered_cb, &n[i]);
    }
    wait_for(&b->loop, &o.done, 200);
    for (int i = 0; i < 200; i++)
        assert_int_equal(o.seen[i], i);
    assert_int_equal(children_of(getpid(), NULL).n, 1);
    free(path);
}

static void a_killed_shell_is_replaced_and_what_was_asked_is_told(void **state)
{
    struct bench *b = *state;

    put(b, "f", "abc", 3);
    pid_t sh = the_shell();
    kill(sh, SIGSTOP);
    char *path = xasprintf("%s/f", b->dir);
    for (int i = 0; i < 3; i++)
        remote_files_read(b->f, path, 0, 10, read_cb, b);
    int before = b->done;
    kill(sh, SIGKILL);
    wait_for(&b->loop, &b->done, before + 3);
    assert_int_equal(b->rc, -EHOSTUNREACH);
    look(b, "f", 0, 10);
    assert_int_equal(b->rc, 0);
    free(path);
}

static void a_shell_that_hangs_is_given_up_after_20_s(void **state)
{
    struct bench *b = *state;

    put(b, "f", "abc", 3);
    pid_t sh = the_shell();
    kill(sh, SIGSTOP);
    int before = b->done;
    char *path = xasprintf("%s/f", b->dir);
    remote_files_read(b->f, path, 0, 10, read_cb, b);
    fast_pass(&b->loop, 19000);
    assert_int_equal(b->done, before);
    fast_pass(&b->loop, 1000);
    wait_for(&b->loop, &b->done, before + 1);
    assert_int_equal(b->rc, -EHOSTUNREACH);
    look(b, "f", 0, 10);
    assert_int_equal(b->rc, 0);
    kill(sh, SIGKILL);
    free(path);
}

static void another_shell_comes_before_the_first_ones_hour_is_over(void **state)
{
    struct bench *b = *state;

    put(b, "f", "abc", 3);
    pid_t first = the_shell();
    fast_pass(&b->loop, 49 * 60000);
    look(b, "f", 0, 10);
    assert_int_equal(the_shell(), first);
    fast_pass(&b->loop, 2 * 60000);
    look(b, "f", 0, 10);
    assert_int_equal(b->rc, 0);
    while (kill(first, 0) == 0) /* its end is seen by the loop, which reaps what limits its life */
        uv_run(&b->loop, UV_RUN_NOWAIT);
    assert_int_not_equal(the_shell(), first);
}

static void a_shell_of_which_nobody_knows_ends_by_itself(void **state)
{
    struct bench *b = *state;

    put_file(b->dir, "timeout", "#!/bin/sh\n[ \"$1\" = 3600 ] && shift && exec timeout 3 \"$@\"\n");
    shell("cd %s && mkdir bin && chmod 700 timeout && sed -i \"s|exec timeout|exec $(command -v timeout)|\" "
          "timeout && "
          "mv timeout bin",
          b->dir);
    use_programs(b, true);
    look(b, "f", 0, 10);
    while (children_of(getpid(), NULL).n > 0)
        uv_run(&b->loop, UV_RUN_NOWAIT);
    b->rc = -1;
    for (int i = 0; i < 20 && b->rc != 0; i++) /* its end may be seen by the first */
        put(b, "f", "abc", 3);
    assert_int_equal(b->rc, 0);
}

static void forgotten_requests_are_not_answered(void **state)
{
    struct bench *b = *state;
    struct order o = { 0 };
    struct numbered n = { &o, 0 };
    char *path = xasprintf("%s/f", b->dir);

    put(b, "f", "abc", 3);
    for (int i = 0; i < 5; i++)
        remote_files_read(b->f, path, 0, 10, numbered_cb, &n);
    remote_files_forget(b->f, &n);
    look(b, "f", 0, 10); /* behind them */
    assert_int_equal(b->rc, 0);
    assert_int_equal(o.done, 0);
    free(path);
}

static void again_cb(void *arg, int rc, uint64_t size, const char *data, size_t len)
{
    struct bench *b = arg;

    (void)size;
    (void)data;
    (void)len;
    b->done++;
    b->rc = rc;
    remote_files_read(b->f, "/dev/null", 0, 10, again_cb, b); /* dropped */
}

static void destroy_answers_what_is_owed(void **state)
{
    struct bench *b = *state;

    for (int i = 0; i < 5; i++)
        remote_files_read(b->f, "/etc/passwd", 0, 10, again_cb, b);
    remote_files_write(b->f, "/dev/null/x", "", 0, NULL, NULL);
    remote_files_destroy(b->f);
    b->f = NULL;
    assert_int_equal(b->done, 5);
    assert_int_equal(b->rc, -ECANCELED);
}

static void destroy_cb(void *arg, int rc, uint64_t size, const char *data, size_t len)
{
    struct bench *b = arg;

    (void)rc;
    (void)size;
    (void)data;
    (void)len;
    b->done++;
    if (b->f)
        remote_files_destroy(b->f);
    b->f = NULL;
}

static void it_may_be_destroyed_by_a_callback(void **state)
{
    struct bench *b = *state;
    struct remote_files *f = b->f;

    remote_files_read(f, "/etc/passwd", 0, 10, destroy_cb, b);
    wait_for(&b->loop, &b->done, 1);
    assert_null(b->f);
}

static void the_secret_is_in_no_argument_vector(void **state)
{
    struct bench *b = *state;

    /* Whoever is started for it writes its arguments down. */
    put_file(b->dir, "spy",
             "#!/bin/sh\nn=${0##*/}; d=${0%/*}; echo \"$n $*\" >>$d/../seen\nPATH=/usr/bin:/bin; exec $n "
             "\"$@\"\n");
    shell("cd %s && mkdir bin && chmod 700 spy && for n in mv mkdir rm printf wc head tail; do cp spy "
          "bin/$n; done",
          b->dir);
    use_programs(b, true);
    put(b, "d/f", "Hush42", 6);
    assert_int_equal(b->rc, 0);
    shell("grep -q '^mv ' %s/seen && ! grep -q Hush42 %s/seen", b->dir, b->dir);
    look(b, "d/f", 0, 10);
    assert_string_equal(buf_str(&b->data), "Hush42");
}

static void where_there_is_no_bash_sh_serves(void **state)
{
    struct bench *b = *state;

    shell("cd %s && mkdir bin && for n in sh cat mv mkdir rm wc head tail; do ln -s $(command -v $n) bin/$n; "
          "done",
          b->dir);
    use_programs(b, false);
    what_was_written_is_read_whatever_the_bytes(state);
    a_path_may_hold_any_byte_but_newline(state);
    setenv("PATH", b->old_path, 1);
}

static void over_ssh_noise_is_passed_by_and_home_is_the_far_one(void **state)
{
    struct bench *b = *state;

    if (!b->t) {
        print_message("# %s is not installed\n", SSHD);
        skip();
    }
    put(b, "~/a b/f", "far", 3);
    assert_int_equal(b->rc, 0);
    look(b, "~/a b/f", 1, 10);
    assert_int_equal(b->rc, 0);
    assert_int_equal(b->size, 3);
    assert_string_equal(buf_str(&b->data), "ar");
    char *path = xasprintf("%s/home/a b/f", b->sshd.dir);
    assert_int_equal(access(path, F_OK), 0);
    free(path);
    what_was_written_is_read_whatever_the_bytes(state);
    a_write_of_64_kib_passes_and_one_byte_more_does_not(state);
    the_largest_read_passes(state);
}

static void a_lost_link_is_told_and_the_channel_comes_back_with_it(void **state)
{
    struct bench *b = *state;

    if (!b->t)
        skip();
    put(b, "f", "abc", 3);
    assert_int_equal(b->rc, 0);
    sshd_kill(&b->sshd);
    sshd_start(&b->sshd, "");
    int before = b->done;
    char *path = xasprintf("%s/f", b->dir);
    remote_files_read(b->f, path, 0, 10, read_cb, b); /* sent into a dead channel, or by a new one */
    wait_for(&b->loop, &b->done, before + 1);
    free(path);
    for (int i = 0; i < 20 && b->rc != 0; i++)
        look(b, "f", 0, 10);
    assert_int_equal(b->rc, 0);
    assert_string_equal(buf_str(&b->data), "abc");
}

/* Only what is ours, old, and no live job's; and of that only the files that jobs make. */
static void the_sweep_takes_what_ended_jobs_have_left_and_no_more(void **state)
{
    struct bench *b = *state;

    shell("cd %s && mkdir jobs && cd jobs && for d in old young live kept; do mkdir sfs-x-$d; "
          "touch sfs-x-$d/lease sfs-x-$d/state sfs-x-$d/stdout sfs-x-$d/stderr sfs-x-$d/key; done; "
          "touch 'sfs-x-kept/a file of the engine'; mkdir other sfs-x-empty; ln -s ../f sfs-x-link; touch "
          "sfs-x-file; "
          "mkdir ../f; touch ../f/lease; find . ../f -exec touch -h -d '10 days ago' {} +; mv "
          "sfs-x-young/key sfs-x-young/lease",
          b->dir);
    char *path = xasprintf("%s/jobs", b->dir), *none = xasprintf("%s/none", b->dir);
    remote_files_sweep(b->f, path, 7, "sfs-x-liv sfs-x-live sfs-y", read_cb, b);
    next_answer(b);
    assert_int_equal(b->rc, 0);
    assert_int_equal(b->size, 2);
    shell("cd %s/jobs && test \"$(echo *)\" = 'other sfs-x-file sfs-x-kept sfs-x-link sfs-x-live "
          "sfs-x-young' && "
          "test \"$(ls sfs-x-kept)\" = 'a file of the engine' && test -e ../f/lease && test -e "
          "sfs-x-live/key && "
          "test -e sfs-x-young/state",
          b->dir);
    remote_files_sweep(b->f, none, 7, "", read_cb, b);
    next_answer(b);
    assert_int_equal(b->rc, 0);
    assert_int_equal(b->size, 0);
    remote_files_sweep(b->f, path, 7, "a'; rm -rf b '", read_cb, b);
    next_answer(b);
    assert_int_equal(b->rc, -EIO);
    free(path);
    free(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
        T(what_was_written_is_read_whatever_the_bytes),
        T(a_write_of_64_kib_passes_and_one_byte_more_does_not),
        T(a_file_is_private_and_so_are_the_directories_made_for_it),
        T(reading_begins_at_the_offset_and_ends_at_the_limit),
        T(the_largest_read_passes),
        T(what_is_no_plain_file_is_an_error_and_hangs_nobody),
        T(a_path_may_hold_any_byte_but_newline),
        T(requests_are_answered_in_order_through_one_shell),
        T(a_killed_shell_is_replaced_and_what_was_asked_is_told),
        T(a_shell_that_hangs_is_given_up_after_20_s),
        T(another_shell_comes_before_the_first_ones_hour_is_over),
        T(a_shell_of_which_nobody_knows_ends_by_itself),
        T(forgotten_requests_are_not_answered),
        T(the_sweep_takes_what_ended_jobs_have_left_and_no_more),
        T(destroy_answers_what_is_owed),
        T(it_may_be_destroyed_by_a_callback),
        T(the_secret_is_in_no_argument_vector),
        T(where_there_is_no_bash_sh_serves),
        cmocka_unit_test_setup_teardown(over_ssh_noise_is_passed_by_and_home_is_the_far_one, begin_ssh, end),
        cmocka_unit_test_setup_teardown(a_lost_link_is_told_and_the_channel_comes_back_with_it, begin_ssh,
                                        end),
    };

    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
