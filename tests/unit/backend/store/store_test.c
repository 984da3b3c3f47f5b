/* SPDX-License-Identifier: MIT */
/* The store keeps what it said it kept, whatever happens to the process, the file or the disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "backend/base/alloc.h"
#include "backend/base/timer.h"
#include "backend/store/journal_linux.h"
#include "backend/store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 30000

static struct {
    uv_loop_t loop;
    struct timer *tick;
    char dir[64], path[96];
    struct store *s;
    int failing, asides, done, ok, last_rc;
    char said[512];
} x;

static void nothing_cb(void *arg)
{
    (void)arg;
}

static void turn(void)
{
    timer_start_ms(x.tick, 20);
    uv_run(&x.loop, UV_RUN_ONCE);
}

#define WAIT(condition)                                                                                      \
    do {                                                                                                     \
        uint64_t end_ = mono_ms() + WAIT_MS;                                                                 \
        while (!(condition)) {                                                                               \
            if (mono_ms() > end_)                                                                            \
                fail_msg("not within %d s: %s", WAIT_MS / 1000, #condition);                                 \
            turn();                                                                                          \
        }                                                                                                    \
    } while (0)

static void failing(void *arg, int rc, const char *text)
{
    (void)arg;
    x.failing = rc;
    if (text)
        snprintf(x.said, sizeof x.said, "%s", text);
}

static void aside(void *arg, const char *text)
{
    (void)arg;
    x.asides++;
    snprintf(x.said, sizeof x.said, "%s", text);
}

static const struct store_events events = { .failing = failing, .set_aside = aside };

static void open_store(const char *path)
{
    x.s = store_open(&x.loop, path, &events, NULL);
}

static void close_store(void)
{
    store_close(x.s);
    x.s = NULL;
}

static int setup(void **state)
{
    (void)state;
    memset(&x, 0, sizeof x);
    uv_loop_init(&x.loop);
    x.tick = timer_create_on(&x.loop, nothing_cb, NULL);
    strcpy(x.dir, "/tmp/store-test-XXXXXX");
    if (!mkdtemp(x.dir))
        return -1;
    snprintf(x.path, sizeof x.path, "%s/store.sqlite", x.dir);
    return 0;
}

static int teardown(void **state)
{
    char command[128];

    (void)state;
    close_store();
    timer_destroy(x.tick);
    uv_run(&x.loop, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&x.loop);
    snprintf(command, sizeof command, "rm -rf %s", x.dir);
    return system(command) == 0 ? rc : -1;
}

static void done(void *arg, int rc, const struct store_rows *rows)
{
    (void)arg;
    x.done++;
    x.ok += rc == 0;
    x.last_rc = rc;
    (void)rows;
}

static const char put_sql[] = "INSERT INTO texts(at, data) VALUES(?, ?)";
static const char count_sql[] = "SELECT count(*) FROM texts WHERE at > 0";

static void put(int64_t at, size_t len, enum store_when when)
{
    char *text = xcalloc(1, len + 1);
    struct store_op *op = store_op_create(done, NULL);

    memset(text, 'x', len);
    store_op_add(op, put_sql, (struct store_value[]){ STORE_ARG_INT(at), STORE_ARG_BLOB(text, len) }, 2);
    free(text);
    int before = x.done;
    store_post(x.s, op, when, 0);
    assert_int_equal(x.done, before); /* never inside the call */
}

static void counted(void *arg, int rc, const struct store_rows *rows)
{
    *(int64_t *)arg = rc == 0 ? rows->v[0].i : rc;
}

/* What is there behind all that was posted before. */
static int64_t count_rows(void)
{
    int64_t n = INT64_MAX;
    struct store_op *op = store_op_create(counted, &n);

    store_op_add(op, count_sql, NULL, 0);
    store_post(x.s, op, STORE_NOW, 0);
    WAIT(n != INT64_MAX);
    return n;
}

static void what_waits_together_is_one_commit(void **state)
{
    (void)state;
    open_store(x.path);
    for (int i = 1; i <= 64; i++)
        put(i, 100, STORE_NOW);
    store_start(x.s);
    WAIT(x.done == 64);
    assert_int_equal(x.ok, 64);
    assert_int_equal(store_counts(x.s).commits, 1);
    assert_int_equal(store_counts(x.s).now, 64);
    assert_int_equal(count_rows(), 64);
    assert_int_equal(store_counts(x.s).commits, 1); /* a read is none */
}

static void what_may_wait_goes_with_the_next_or_by_itself(void **state)
{
    (void)state;
    open_store(x.path);
    store_start(x.s);
    put(1, 10, STORE_SOON);
    WAIT(x.done == 1);
    put(2, 10, STORE_SOON);
    put(3, 10, STORE_NOW);
    WAIT(x.done == 3);
    assert_int_equal(count_rows(), 3);
}

static void all_that_was_posted_is_there_after_a_close(void **state)
{
    (void)state;
    open_store(x.path);
    store_start(x.s);
    for (int i = 1; i <= 10; i++)
        put(i, 10, STORE_SOON);
    close_store();
    assert_int_equal(x.ok, 10); /* and everybody was told */
    open_store(x.path);
    store_start(x.s);
    assert_int_equal(count_rows(), 10);
}

static void one_that_cannot_be_done_spoils_no_other(void **state)
{
    (void)state;
    open_store(x.path);
    put(1, 10, STORE_NOW);
    put(1, 10, STORE_NOW); /* the same key */
    put(2, 10, STORE_NOW);
    store_start(x.s);
    WAIT(x.done == 3);
    assert_int_equal(x.ok, 2);
    assert_int_equal(count_rows(), 2);
    assert_int_equal(x.failing, 0);
}

static void an_operation_is_done_whole_or_not_at_all(void **state)
{
    struct store_op *op = store_op_create(done, NULL);

    (void)state;
    open_store(x.path);
    for (int i = 0; i < 2; i++)
        store_op_add(op, put_sql, (struct store_value[]){ STORE_ARG_INT(7), STORE_ARG_TEXT("x") }, 2);
    store_post(x.s, op, STORE_NOW, 0);
    store_start(x.s);
    WAIT(x.done == 1);
    assert_true(x.last_rc < 0);
    assert_int_equal(count_rows(), 0);
}

static void who_is_forgotten_is_not_told(void **state)
{
    struct store_op *op = store_op_create(done, &x);

    (void)state;
    open_store(x.path);
    store_op_add(op, put_sql, (struct store_value[]){ STORE_ARG_INT(1), STORE_ARG_TEXT("x") }, 2);
    store_post(x.s, op, STORE_NOW, 0);
    store_forget(x.s, &x);
    store_start(x.s);
    assert_int_equal(count_rows(), 1);
    assert_int_equal(x.done, 0);
}

static void a_limit_is_told_and_the_rest_goes_on(void **state)
{
    static const char slow[] =
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 3000000)"
        " SELECT count(*) FROM c";
    struct store_op *op = store_op_create(done, NULL);

    (void)state;
    open_store(x.path);
    store_start(x.s);
    store_op_add(op, slow, NULL, 0);
    store_post(x.s, op, STORE_NOW, 1);
    WAIT(x.done == 1);
    assert_int_equal(x.last_rc, -ETIMEDOUT);
    assert_int_equal(count_rows(), 0);
    assert_int_equal(x.done, 1); /* the slow one was told once */
}

/* ---- Death */

/* A child that writes and says on a pipe which numbers it was told are on disk, until it is killed. */
static void write_until_killed(int fd)
{
    int64_t at = 0, told = 0;

    x.ok = 0;
    uv_loop_init(&x.loop);
    x.tick = timer_create_on(&x.loop, nothing_cb, NULL);
    open_store(x.path);
    store_start(x.s);
    for (;;) {
        for (int i = 0; i < 8; i++)
            put(++at, 500, STORE_NOW);
        turn();
        for (; told < x.ok; told++)
            if (write(fd, "x", 1) != 1)
                _exit(1);
    }
}

static void what_was_told_to_be_on_disk_survives_a_kill(void **state)
{
    char text[4096];

    (void)state;
    for (int round = 0; round < 3; round++) {
        int fd[2];
        int64_t told = 0;
        ssize_t n;
        assert_int_equal(pipe(fd), 0);
        unlink(x.path);
        pid_t pid = fork();
        if (pid == 0) {
            close(fd[0]);
            write_until_killed(fd[1]);
        }
        close(fd[1]);
        while (told < 200 + 150 * round && (n = read(fd[0], text, sizeof text)) > 0)
            told += n;
        kill(pid, SIGKILL);
        while ((n = read(fd[0], text, sizeof text)) > 0)
            told += n;
        waitpid(pid, NULL, 0);
        close(fd[0]);
        open_store(x.path);
        store_start(x.s);
        assert_true(count_rows() >= told);
        assert_int_equal(x.asides, 0);
        close_store();
        char command[256];
        snprintf(command, sizeof command, "rm -f %s*", x.path);
        assert_int_equal(system(command), 0);
    }
}

/* ---- Files that are no store of ours */

static void write_file(const char *path, const char *text, off_t at)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, text, strlen(text), at), strlen(text));
    close(fd);
}

static int files_with(const char *word)
{
    DIR *d = opendir(x.dir);
    int n = 0;

    for (struct dirent *e; (e = readdir(d));)
        n += strstr(e->d_name, word) != NULL;
    closedir(d);
    return n;
}

static void expect_set_aside(const char *word)
{
    open_store(x.path);
    assert_int_equal(x.asides, 1);
    assert_non_null(strstr(x.said, word));
    assert_non_null(strstr(x.said, x.path));
    assert_int_equal(x.failing, 0);
    assert_true(files_with(word) >= 1);
    store_start(x.s);
    put(1, 10, STORE_NOW);
    assert_int_equal(count_rows(), 1);
    close_store();
    x.asides = 0;
    open_store(x.path); /* and the new one stays */
    assert_int_equal(x.asides, 0);
}

static void a_file_that_is_no_database_is_set_aside(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++)
        write_file(x.path, "this is no database at all, but a long text. ", i * 45);
    expect_set_aside("damaged");
}

static void a_damaged_page_is_set_aside(void **state)
{
    (void)state;
    open_store(x.path);
    for (int i = 1; i <= 200; i++)
        put(i, 2000, STORE_NOW);
    store_start(x.s);
    WAIT(x.done == 200);
    close_store();
    x.done = 0;
    for (int i = 0; i < 12; i++) /* the heads of some pages in the middle */
        write_file(x.path, "garbage, garbage and more garbage", 4096 * (20 + i));
    expect_set_aside("damaged");
}

static void a_damaged_store_at_work_is_set_aside(void **state)
{
    static const char damage[] = "UPDATE sqlite_schema SET rootpage = 9999 WHERE name = 'texts'";
    static const char permit[] = "PRAGMA writable_schema = ON", reset[] = "PRAGMA schema_version = 77";

    (void)state;
    open_store(x.path);
    store_start(x.s);
    struct store_op *op = store_op_create(done, NULL);
    store_op_add(op, permit, NULL, 0);
    store_op_add(op, damage, NULL, 0);
    store_op_add(op, reset, NULL, 0);
    store_post(x.s, op, STORE_NOW, 0);
    WAIT(x.done == 1);
    assert_int_equal(x.last_rc, 0);
    put(5, 10, STORE_NOW);
    WAIT(x.done == 2);
    assert_int_equal(x.last_rc, 0); /* in the new one */
    WAIT(x.asides == 1);
    assert_int_equal(count_rows(), 1);
    assert_true(files_with("damaged") >= 1);
}

static void run_sql(const char *sql)
{
    struct err e = { "" };

    open_store(x.path);
    if (store_query(x.s, sql, NULL, 0, NULL, NULL, &e) < 0)
        fail_msg("%s", e.text);
    close_store();
}

static void a_store_of_a_newer_program_is_set_aside(void **state)
{
    (void)state;
    run_sql("PRAGMA user_version = 1000");
    expect_set_aside("newer");
}

static void a_database_of_another_program_is_set_aside(void **state)
{
    (void)state;
    run_sql("PRAGMA application_id = 77");
    expect_set_aside("damaged");
}

/* ---- A disk that takes nothing */

static void a_full_disk_is_enospc_until_there_is_room(void **state)
{
    struct rlimit before, small;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    open_store(x.path);
    store_start(x.s);
    put(1, 10, STORE_NOW);
    WAIT(x.done == 1);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 64 << 10;
    setrlimit(RLIMIT_FSIZE, &small);
    put(2, 1 << 20, STORE_NOW);
    WAIT(x.done == 2);
    assert_int_equal(x.last_rc, -ENOSPC);
    WAIT(x.failing == -ENOSPC);
    assert_non_null(strstr(x.said, x.path));
    setrlimit(RLIMIT_FSIZE, &before);
    WAIT(x.failing == 0); /* by itself: nobody posts anything */
    put(2, 1 << 20, STORE_NOW);
    assert_int_equal(count_rows(), 2);
}

static void a_directory_that_comes_later_is_found(void **state)
{
    char path[128], dir[96];

    (void)state;
    snprintf(dir, sizeof dir, "%s/later", x.dir);
    snprintf(path, sizeof path, "%s/store.sqlite", dir);
    open_store(path);
    assert_true(x.failing < 0);
    store_start(x.s);
    put(1, 10, STORE_NOW);
    WAIT(x.done == 1);
    assert_true(x.last_rc < 0);
    assert_int_equal(mkdir(dir, 0700), 0);
    WAIT(x.failing == 0);
    put(1, 10, STORE_NOW);
    assert_int_equal(count_rows(), 1);
}

static void a_store_in_memory_needs_no_file(void **state)
{
    (void)state;
    open_store(NULL);
    store_start(x.s);
    put(1, 10, STORE_NOW);
    assert_int_equal(count_rows(), 1);
    assert_int_equal(files_with("sqlite"), 0);
}

static void the_journal_suits_the_file_system(void **state)
{
    static const long distant[] = { 0x6969,     0x0BD00BD0,       0x47504653, 0x65735546,
                                    0x01021997, (long)0xFF534D42, 0x517B };
    static const long local[] = { 0xEF53, 0x58465342, (long)0x9123683E, 0x01021994, 0x794c7630 };

    (void)state;
    for (size_t i = 0; i < sizeof distant / sizeof *distant; i++)
        assert_false(journal_may_be_log(distant[i]));
    assert_false(journal_may_be_log((long)(int)0xFF534D42)); /* as a signed field gives it */
    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        assert_true(journal_may_be_log(local[i]));
    assert_false(journal_may_be_log_in("/nowhere/at/all"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_waits_together_is_one_commit),          TEST(what_may_wait_goes_with_the_next_or_by_itself),
        TEST(all_that_was_posted_is_there_after_a_close), TEST(one_that_cannot_be_done_spoils_no_other),
        TEST(an_operation_is_done_whole_or_not_at_all),   TEST(who_is_forgotten_is_not_told),
        TEST(a_limit_is_told_and_the_rest_goes_on),       TEST(what_was_told_to_be_on_disk_survives_a_kill),
        TEST(a_file_that_is_no_database_is_set_aside),    TEST(a_damaged_page_is_set_aside),
        TEST(a_damaged_store_at_work_is_set_aside),       TEST(a_store_of_a_newer_program_is_set_aside),
        TEST(a_database_of_another_program_is_set_aside), TEST(a_full_disk_is_enospc_until_there_is_room),
        TEST(a_directory_that_comes_later_is_found),      TEST(a_store_in_memory_needs_no_file),
        TEST(the_journal_suits_the_file_system),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
