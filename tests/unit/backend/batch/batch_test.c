/* SPDX-License-Identifier: MIT */
/* The life of a batch, with an engine that answers over HTTP, and over mounts. */
#include "tests/unit/backend/fast_clock.h"
#include "tests/unit/backend/rig.h"
#include "backend/batch/batch.h"
#include "backend/batch/batch_inside.h"
#include "backend/model/model_private.h"

#include <sys/resource.h>
#include <sys/stat.h>

static const char *const all_states[] = { "empty", "held", "running", "paused", "done", "cancelled" };

static struct batch *make(const char *name)
{
    struct batch *b;
    struct err e = { "" };

    if (batch_make(the_model(), name, 1000, &b, &e) < 0)
        fail_msg("%s", e.text);
    return b;
}

static void wrote_cb(void *arg, int rc, const struct err *e)
{
    assert_true(rc < 0 ? strstr(e->text, "does not begin") != NULL : !*e->text);
    *(int *)arg = rc;
}

/* How the write ends. */
static int write_to(struct batch *b, uint64_t off, const char *text)
{
    int rc = 1, begun = batch_write(b, off, text, strlen(text), wrote_cb, &rc, NULL);

    if (begun < 0)
        return begun;
    WAIT(rc <= 0);
    return rc;
}

static void put(struct batch *b, const char *text)
{
    struct err e = { "" };

    assert_int_equal(batch_write_open(b, &e), 0);
    assert_int_equal(batch_truncate(b, 0, &e), 0);
    assert_int_equal(write_to(b, 0, text), 0);
    batch_write_close(b);
}

static struct batch *run(const char *name, const char *text)
{
    struct batch *b = make(name);

    put(b, text);
    return b;
}

static bool batch_is(const struct batch *b, enum batch_state s)
{
    return batch_state(b) == s;
}

static long long number(const struct batch *b, const char *field)
{
    json_t *status = batch_status(b);
    long long n = json_integer_value(json_object_get(status, field));

    json_decref(status);
    return n;
}

static void expect_error(const struct batch *b, const char *words)
{
    json_t *status = batch_status(b);

    expect_words(json_string_value(json_object_get(status, "last_error")), words);
    json_decref(status);
}

/* How often a text is in one of its files. */
static int count(const struct batch *b, enum batch_file which, const char *text)
{
    size_t len = batch_size(b, which);
    char *all = xcalloc(1, len + 1);
    int fd = batch_open_file(b, which), n = 0;

    assert_int_equal(pread(fd, all, len, 0), len);
    close(fd);
    for (const char *p = all; (p = strstr(p, text)); p++)
        n++;
    free(all);
    return n;
}

static void expect_verb(struct batch *b, enum batch_verb verb, int rc)
{
    struct err e = { "" };

    assert_int_equal(batch_do(b, verb, &e), rc);
    assert_true(rc == 0 || e.text[0]);
}

/* ---- The tests */

static void each_state_has_a_name_and_a_way_on(void **state)
{
    (void)state;
    for (int s = BATCH_EMPTY; s <= BATCH_CANCELLED; s++) {
        bool leaves = false;
        assert_string_equal(batch_state_name(s), all_states[s]);
        for (size_t i = 0; i < batch_n_transitions; i++)
            leaves |= (int)batch_transitions[i].state == s && (int)batch_transitions[i].next != s;
        assert_true(leaves);
    }
    for (size_t i = 0; i < batch_n_transitions; i++)
        for (size_t k = i + 1; k < batch_n_transitions; k++)
            assert_false(batch_transitions[i].state == batch_transitions[k].state &&
                         batch_transitions[i].event == batch_transitions[k].event);
}

static void each_line_gets_its_answer_and_the_model_may_sleep(void **state)
{
    (void)state;
    rig_open("", "slots = 2\nidle_timeout = \"1s\"");
    struct batch *b = run("one", "a\nb\nc\nd\ne\nf\ng\n");
    assert_true(batch_is(b, BATCH_RUNNING));
    WAIT(batch_is(b, BATCH_DONE));
    assert_int_equal(number(b, "total"), 7);
    assert_int_equal(number(b, "done"), 7);
    assert_int_equal(count(b, BATCH_OUT, "\n"), 7);
    assert_int_equal(count(b, BATCH_OUT, "\"custom_id\":\"line-3\""), 1);
    assert_int_equal(count(b, BATCH_ERRORS, "\n"), 0);
    WAIT(model_is(MODEL_ASLEEP));
    expect_fields(batch_status(b),
                  "batch model state since total done failed in_flight per_s remaining_s last_error");
}

static void a_batch_begins_when_the_last_writer_is_gone(void **state)
{
    (void)state;
    rig_open("", "");
    struct batch *b = make("one");
    assert_int_equal(batch_write_open(b, NULL), 0);
    assert_int_equal(batch_write_open(b, NULL), 0);
    assert_int_equal(write_to(b, 0, "a\n"), 0);
    batch_write_close(b);
    assert_true(batch_is(b, BATCH_EMPTY));
    expect_verb(b, BATCH_START, -EBUSY);
    batch_write_close(b);
    assert_true(batch_is(b, BATCH_RUNNING));
    assert_int_equal(batch_write_open(b, NULL), -EBUSY);
    WAIT(batch_is(b, BATCH_DONE));
}

static void one_that_is_held_waits_for_start(void **state)
{
    (void)state;
    rig_open("", "");
    struct batch *b = make("one");
    expect_verb(b, BATCH_PAUSE, -EINVAL);
    expect_verb(b, BATCH_START, -EINVAL); /* there is nothing */
    expect_verb(b, BATCH_HOLD, 0);
    put(b, "a\n");
    HOLDS(100, batch_is(b, BATCH_HELD) && model_is(MODEL_ASLEEP));
    expect_verb(b, BATCH_START, 0);
    WAIT(batch_is(b, BATCH_DONE));
}

static void what_fails_is_tried_again_and_then_an_error(void **state)
{
    (void)state;
    rig_open_with("[batch]\nretries = 1", "fake = [\"parrot=--fail http-500\"]", "");
    struct batch *b = run("one", "a\nb\n");
    WAIT(batch_is(b, BATCH_DONE));
    assert_int_equal(number(b, "failed"), 2);
    assert_int_equal(count(b, BATCH_ERRORS, "\"status_code\":500"), 2);
    expect_error(b, "the engine answered 500");
    expect_verb(b, BATCH_RETRY_FAILED, 0);
    WAIT(number(b, "failed") == 0 && !b->posted);
    assert_true(b->per_s < 1e6);
    WAIT(batch_is(b, BATCH_DONE));
    assert_int_equal(number(b, "failed"), 2);
    assert_int_equal(count(b, BATCH_ERRORS, "\n"), 2);
}

static void an_engine_that_dies_loses_no_line(void **state)
{
    (void)state;
    rig_open("\"parrot=--fail die-before-first-byte@1\"", "slots = 1");
    struct batch *b = run("one", "a\nb\nc\nd\n");
    WAIT(batch_is(b, BATCH_DONE));
    assert_int_equal(number(b, "done"), 4);
    assert_int_equal(count_jobs(), 2);
}

static void a_model_that_fails_costs_no_line_and_is_left_in_peace(void **state)
{
    (void)state;
    rig_open_with("[batch]\nretries = 0", "fake = [\"parrot=--fail exit-at-start\"]", "");
    struct batch *b = run("one", "a\nb\n");
    WAIT(model_is(MODEL_FAILED));
    WAIT(b->rest_until_ms > 0);
    int jobs = count_jobs();
    HOLDS(500, batch_is(b, BATCH_RUNNING) && count_jobs() == jobs);
    assert_int_equal(number(b, "failed"), 0);
    assert_int_equal(number(b, "in_flight"), 0);
}

static void a_model_that_is_stopped_pauses_its_batch(void **state)
{
    (void)state;
    rig_open("\"parrot=--delay 600\"", "");
    struct batch *b = run("one", "a\nb\n");
    WAIT(number(b, "in_flight") == 2);
    model_stop(the_model(), "stopped by a test");
    WAIT(batch_is(b, BATCH_PAUSED));
    expect_error(b, "stopped by a test");
    assert_int_equal(number(b, "in_flight"), 0);
}

static void one_under_way_cannot_be_removed_and_one_that_rests_can(void **state)
{
    struct err e = { "" };

    (void)state;
    rig_open("\"parrot=--delay 600\"", "");
    struct batch *b = run("one", "a\nb\nc\nd\ne\nf\n");
    WAIT(number(b, "in_flight") == 4);
    assert_int_equal(batch_remove(b, &e), -EBUSY);
    expect_verb(b, BATCH_PAUSE, 0);
    assert_int_equal(number(b, "in_flight"), 4);
    assert_int_equal(b->n_out, 4); /* those that waited came back */
    assert_int_equal(batch_remove(b, &e), -EBUSY);
    expect_verb(b, BATCH_CANCEL, 0);
    assert_int_equal(batch_remove(b, &e), 0);
    assert_null(batch_find(rig.h, the_model(), 1000, "one"));
    char *folder = xasprintf("%s/batches/1", rig.h->state_dir), *away = xasprintf("%s.removed", folder);
    assert_int_equal(access(folder, F_OK), -1);
    WAIT(access(away, F_OK) < 0);
    free(folder);
    free(away);
}

static void it_takes_no_place_of_those_who_wait(void **state)
{
    (void)state;
    rig_open("\"parrot=--delay 600\"", "slots = 4\nmax_queue = 1");
    struct batch *b = run("one", "a\nb\nc\nd\ne\nf\ng\nh\ni\n");
    WAIT(number(b, "in_flight") == 4);
    assert_int_equal(model_may_ask(the_model(), NULL), 0);
    struct prompt *p = ask("people go first");
    assert_ptr_equal(the_model()->line.waiting.next, &p->x.link);
    assert_int_equal(model_may_ask(the_model(), NULL), -EBUSY);
}

static void batches_of_others_are_others(void **state)
{
    struct batch *b;

    (void)state;
    rig_open("", "");
    make("one");
    assert_int_equal(batch_make(the_model(), "one", 1000, &b, NULL), -EEXIST);
    assert_int_equal(batch_make(the_model(), "one", 1001, &b, NULL), 0);
    assert_int_equal(batch_uid(b), 1001);
    assert_ptr_equal(batch_find(rig.h, the_model(), 1001, "one"), b);
    assert_null(batch_find(rig.h, the_model(), 1002, "one"));
}

static void the_next_mount_goes_on(void **state)
{
    (void)state;
    rig_open("\"parrot=--delay 600\"", "");
    struct batch *b = run("one", "a\nb\nc\n");
    expect_verb(make("held"), BATCH_HOLD, 0);
    WAIT(number(b, "in_flight") == 3);
    rig_close();
    rig_open("", "");
    b = batch_find(rig.h, the_model(), 1000, "one");
    assert_non_null(b);
    WAIT(batch_is(b, BATCH_DONE));
    assert_int_equal(number(b, "done"), 3);
    assert_true(batch_is(batch_find(rig.h, the_model(), 1000, "held"), BATCH_HELD));
    rig_close();
    rig_open("", "");
    b = batch_find(rig.h, the_model(), 1000, "one");
    WAIT(number(b, "done") == 3);
    assert_true(batch_is(b, BATCH_DONE));
    assert_int_equal(count(b, BATCH_OUT, "\n"), 3);
}

static void a_failed_write_begins_nothing(void **state)
{
    (void)state;
    rig_open("", "");
    struct batch *b = make("one");
    assert_int_equal(batch_write_open(b, NULL), 0);
    assert_int_equal(write_to(b, 0, "a\n"), 0);
    assert_true(write_to(b, (uint64_t)1 << 63, "b\n") < 0);
    batch_write_close(b);
    HOLDS(100, batch_is(b, BATCH_EMPTY));
    expect_error(b, "write it again");
    put(b, "a\n");
    WAIT(batch_is(b, BATCH_DONE));
}

static void writes_come_in_their_order_and_wait_for_no_disk(void **state)
{
    static char big[3u << 20];
    int rc[4] = { 1, 1, 1, 1 };
    struct err e = { "" };

    (void)state;
    memset(big, 'x', sizeof big);
    rig_open("", "");
    struct batch *b = make("one");
    assert_int_equal(batch_write_open(b, NULL), 0);
    assert_int_equal(batch_write(b, BATCH_APPEND, "a\n", 2, wrote_cb, &rc[0], &e), 0);
    assert_int_equal(batch_write(b, BATCH_APPEND, "b\n", 2, wrote_cb, &rc[1], &e), 0);
    assert_int_equal(batch_write(b, 0, "c", 1, wrote_cb, &rc[2], &e), 0);
    assert_int_equal(batch_truncate(b, 0, &e), -EAGAIN);
    expect_words(e.text, "waits for the disk");
    assert_int_equal(batch_write(b, 4, big, sizeof big, NULL, NULL, &e), 0);
    assert_int_equal(batch_write(b, 4, big, sizeof big, NULL, NULL, &e), 0);
    assert_int_equal(batch_write(b, 4, big, sizeof big, NULL, NULL, &e), -EAGAIN);
    assert_int_equal(rc[0], 1); /* the loop has not turned */
    WAIT(list_empty(&b->puts));
    assert_true(rc[0] == 0 && rc[1] == 0 && rc[2] == 0);
    assert_int_equal(batch_size(b, BATCH_IN), 4 + sizeof big);
    assert_int_equal(batch_truncate(b, 4, &e), 0);
    assert_int_equal(pread(b->fds[BATCH_FD_IN], big, sizeof big, 0), 4);
    assert_memory_equal(big, "c\nb\n", 4);
    batch_write_close(b);
    WAIT(batch_is(b, BATCH_DONE));
    assert_int_equal(count(b, BATCH_OUT, "\n"), 2);
}

static void one_that_is_removed_while_it_is_written_tells_its_writers(void **state)
{
    int rc[2] = { 1, 1 };

    (void)state;
    rig_open("", "");
    struct batch *b = make("one");
    assert_int_equal(batch_write_open(b, NULL), 0);
    assert_int_equal(batch_write(b, 0, "a\n", 2, wrote_cb, &rc[0], NULL), 0);
    assert_int_equal(batch_write(b, 2, "b\n", 2, wrote_cb, &rc[1], NULL), 0);
    assert_int_equal(batch_remove(b, NULL), 0);
    assert_int_equal(rc[1], -ECANCELED);
    WAIT(rc[0] == 0); /* it was under way; the batch is freed behind it */
    b = make("two");
    assert_int_equal(batch_write_open(b, NULL), 0);
    assert_int_equal(batch_write(b, 0, "a\n", 2, wrote_cb, &rc[0], NULL), 0);
    batch_sync_forget(b, &rc[0]);
    rc[0] = 1;
    batch_write_close(b); /* nobody knows what came of it: it does not begin */
    WAIT(list_empty(&b->puts));
    assert_int_equal(rc[0], 1);
    assert_true(batch_is(b, BATCH_EMPTY));
}

static void synced_cb(void *arg, int rc)
{
    *(int *)arg = rc;
}

static void what_was_closed_is_on_disk_before_close_returns(void **state)
{
    int rc = 1;

    (void)state;
    rig_open("", "");
    struct batch *b = make("one");
    assert_int_equal(batch_write_open(b, NULL), 0);
    assert_false(batch_sync(b, synced_cb, &rc)); /* there is nothing new */
    assert_int_equal(write_to(b, 0, "a\nb\n"), 0);
    assert_true(batch_sync(b, synced_cb, &rc));
    WAIT(rc == 0);
    assert_false(batch_sync(b, synced_cb, &rc));
    /* The mount ends before the last close comes. */
    rig_close();
    rig_open("", "");
    b = batch_find(rig.h, the_model(), 1000, "one");
    WAIT(batch_is(b, BATCH_DONE));
    assert_int_equal(number(b, "done"), 2);
}

/* Two lines have their answers, and these are not written yet. */
static struct batch *run_unwritten(void)
{
    rig_open("", "");
    struct batch *b = run("one", "a\nb\n");
    WAIT(b->n_out == 2);
    b->write_again_ms = mono_ms() + WAIT_MS;
    WAIT(b->n_out == 0);
    return b;
}

static void one_that_goes_on_at_once_asks_no_line_twice(void **state)
{
    (void)state;
    struct batch *b = run_unwritten();
    expect_verb(b, BATCH_CANCEL, 0);
    expect_verb(b, BATCH_START, 0);
    b->write_again_ms = 0;
    WAIT(batch_is(b, BATCH_DONE));
    assert_int_equal(the_model()->done, 2);
    assert_int_equal(count(b, BATCH_OUT, "\n"), 2);

    b = run("two", "a\nb\nc\nd\n"); /* while its lines are read */
    WAIT(b->reading == READ_LINES || b->n_lines > 0);
    expect_verb(b, BATCH_CANCEL, 0);
    expect_verb(b, BATCH_START, 0);
    WAIT(batch_is(b, BATCH_DONE));
    assert_int_equal(number(b, "done"), 4);
    assert_int_equal(count(b, BATCH_OUT, "\n"), 4);
}

static void one_can_be_removed_while_its_results_are_written(void **state)
{
    (void)state;
    struct batch *b = run_unwritten();
    expect_verb(b, BATCH_CANCEL, 0);
    b->write_again_ms = 0;
    batch_mind_writing(b, false);
    assert_true(b->busy_writing);
    assert_int_equal(batch_remove(b, NULL), 0);
    WAIT(rig.loop.active_reqs.count == 0); /* nothing is left in the pool */
}

/* A batch of three lines without results, in the next mount; `change` is done to the named file meanwhile. */
static struct batch *in_the_next_mount(const char *file, int (*change)(const char *path), char **path)
{
    rig_open("\"parrot=--delay 600\"", "");
    struct batch *b = run("one", "a\nb\nc\n");
    WAIT(number(b, "in_flight") == 3);
    expect_verb(b, BATCH_PAUSE, 0);
    *path = xasprintf("%s/%s", b->dir, file);
    rig_close();
    assert_int_equal(change(*path), 0);
    rig_open("", "");
    return batch_find(rig.h, the_model(), 1000, "one");
}

static int make_unreadable(const char *path)
{
    return unlink(path) < 0 ? -1 : mkfifo(path, 0600);
}

static void results_that_cannot_be_read_let_it_pause(void **state)
{
    char *path;

    (void)state;
    struct batch *b = in_the_next_mount("marks", make_unreadable, &path);
    for (int i = 0; i < 2; i++) {
        WAIT(b->loaded && batch_is(b, BATCH_PAUSED));
        expect_error(b, "the results of the batch cannot be read");
        expect_verb(b, BATCH_RESUME, 0);
    }
    WAIT(batch_is(b, BATCH_PAUSED));
    assert_int_equal(batch_remove(b, NULL), 0);
    free(path);
}

static int cut(const char *path)
{
    return truncate(path, 2);
}

static void lines_that_could_not_be_read_are_read_again(void **state)
{
    char *path;

    (void)state;
    struct batch *b = in_the_next_mount("in.jsonl", cut, &path);
    expect_verb(b, BATCH_RESUME, 0);
    WAIT(batch_is(b, BATCH_PAUSED));
    expect_error(b, "in.jsonl cannot be read");
    FILE *f = fopen(path, "w");
    assert_true(fputs("a\nb\nc\n", f) >= 0 && fclose(f) == 0);
    expect_verb(b, BATCH_RESUME, 0);
    WAIT(batch_is(b, BATCH_DONE));
    assert_int_equal(number(b, "done"), 3);
    free(path);
}

/* What a kill leaves of an emptying, after so many of its steps. */
static void one_that_was_being_emptied_is_empty_in_the_next_mount(void **state)
{
    static const char *const files[] = { "in.jsonl", "index", "marks", "errors.jsonl", "out.jsonl" };

    (void)state;
    for (size_t steps = 0; steps <= sizeof files / sizeof files[0]; steps++) {
        rig_open("", "");
        struct batch *b = run(steps ? "later" : "one", "a\nb\nc\n");
        WAIT(batch_is(b, BATCH_DONE) && !b->busy_writing && !b->want_about);
        char *dir = xstrdup(b->dir);
        rig_close();
        for (size_t i = 0; i < steps; i++) {
            char *path = xasprintf("%s/%s", dir, files[i]);
            assert_int_equal(truncate(path, 0), 0);
            free(path);
        }
        free(dir);
        rig_open("", "");
        b = batch_find(rig.h, the_model(), 1000, steps ? "later" : "one");
        WAIT(b->loaded && !b->reading);
        assert_int_equal(number(b, "done"), steps ? 0 : 3);
        assert_int_equal(batch_state(b), steps ? BATCH_EMPTY : BATCH_DONE);
        put(b, "d\ne\n"); /* whose answers are its own */
        WAIT(batch_is(b, BATCH_DONE));
        assert_int_equal(count(b, BATCH_OUT, "\n"), 2);
        assert_int_equal(count(b, BATCH_OUT, "\"d\""), 1);
        assert_int_equal(batch_remove(b, NULL), 0);
        rig_close();
    }
}

/* As many lines as are asked for have answers of this length; those that are too much at a time are asked again. */
static void answers_that_are_too_long_together_are_asked_for_in_turn(void **state)
{
    (void)state;
    rig_open("", "slots = 4");
    struct batch *b = make("one");
    rig.h->call_bytes = CALLS_BYTES_MAX - 100; /* those of others */
    put(b, "a\nb\nc\n");
    WAIT(b->most_out > 0);
    HOLDS(200, number(b, "failed") == 0 && batch_is(b, BATCH_RUNNING) && b->n_out <= 4);
    rig.h->call_bytes -= CALLS_BYTES_MAX - 100;
    WAIT(batch_is(b, BATCH_DONE));
    assert_int_equal(number(b, "done"), 3);
    assert_int_equal(rig.h->call_bytes, 0);
}

static void a_user_has_so_many_and_no_more(void **state)
{
    struct batch *b;
    struct rlimit files;
    char name[16];
    int rc = 0, n = 0;

    (void)state;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max; /* as the programs do: each batch has five files open */
    setrlimit(RLIMIT_NOFILE, &files);
    rig_open("", "");
    for (; rc == 0 && n < 10000; n += rc == 0) {
        snprintf(name, sizeof name, "%d", n);
        rc = batch_make(the_model(), name, 1000, &b, NULL);
    }
    assert_int_equal(rc, -EDQUOT);
    assert_int_equal(n, 500);
    assert_int_equal(batch_make(the_model(), "one", 1001, &b, NULL), 0);
}

static void it_waits_for_the_next_minute_and_fails_no_line(void **state)
{
    struct err e = { "" };

    (void)state;
    rig_open("", "[limits]\nrequests_per_minute = 4");
    struct batch *b = run("one", "a\nb\nc\nd\ne\n");
    WAIT(number(b, "done") == 3);
    HOLDS(100, number(b, "done") == 3 && number(b, "failed") == 0 && batch_is(b, BATCH_RUNNING));
    expect_error(b, "requests_per_minute in [limits]");
    assert_int_equal(model_may_ask_as(the_model(), 1000, &e), 0); /* one is left to its user */
    fast_pass(&rig.loop, 60000);
    WAIT(batch_is(b, BATCH_DONE));
    assert_int_equal(number(b, "done"), 5);
    json_t *status = batch_status(b);
    assert_true(json_is_null(json_object_get(status, "last_error")));
    json_decref(status);
}

static void what_the_engine_does_not_speak_is_translated(void **state)
{
    (void)state;
    rig_open("", "");
    struct batch *b = run("one", "{\"url\":\"/v1/responses\",\"body\":{\"input\":\"one two\"}}\n"
                                 "{\"url\":\"/v1/messages\",\"body\":{\"max_tokens\":9,\"messages\":"
                                 "[{\"role\":\"user\",\"content\":\"three four\"}]}}\n"
                                 "{\"url\":\"/v1/responses\",\"body\":{\"input\":\"x\","
                                 "\"previous_response_id\":\"resp_1\"}}\n");
    WAIT(batch_is(b, BATCH_DONE));
    assert_int_equal(number(b, "done"), 2);
    assert_int_equal(number(b, "failed"), 1);
    assert_int_equal(count(b, BATCH_OUT, "\"object\":\"response\""), 1);
    assert_int_equal(count(b, BATCH_OUT, "\"text\":\"one two\""), 1);
    assert_int_equal(count(b, BATCH_OUT, "\"type\":\"message\",\"role\":\"assistant\""), 1);
    assert_int_equal(count(b, BATCH_OUT, "\"text\":\"three four\""), 1);
    assert_int_equal(count(b, BATCH_ERRORS, "\"custom_id\":\"line-3\""), 1);
    assert_int_equal(count(b, BATCH_ERRORS, "previous_response_id"), 1);
    assert_int_equal(rig.h->call_bytes, 0);
}

static void all_its_files_count_and_their_growth_is_refused(void **state)
{
    struct err e = { "" };

    (void)state;
    rig_open("", "[limits]\nstored = 1000");
    struct batch *b = run("one", "a\nb\n");
    WAIT(batch_is(b, BATCH_DONE));
    assert_int_equal(batches_stored(rig.h, 1000),
                     batch_size(b, BATCH_IN) + batch_size(b, BATCH_OUT) + 2 * 16 + 2 * 16);
    assert_int_equal(batches_stored(rig.h, 1001), 0);
    b = make("two");
    assert_int_equal(batch_write_open(b, &e), 0);
    assert_int_equal(batch_truncate(b, 1000, &e), -EDQUOT);
    expect_words(e.text, "two/in.jsonl: your conversations and batches hold");
    assert_int_equal(batch_write(b, 1000, "a", 1, NULL, NULL, &e), -EDQUOT);
    expect_words(e.text, "two/in.jsonl: your conversations and batches hold");
    batch_write_close(b);
}

static void a_model_that_shares_a_job_is_asked_itself(void **state)
{
    struct batch *b;

    (void)state;
    rig_open("", "share = \"s\"\nmodel = \"first\"\n[model.n]\nshare = \"s\"\nmodel = \"second\"");
    assert_int_equal(batch_make(rig.h->models[1], "one", 1000, &b, NULL), 0);
    put(b, "a\n");
    WAIT(batch_is(b, BATCH_DONE));
    assert_int_equal(count(b, BATCH_OUT, "\"model\":\"second\""), 1);
}

static const struct CMUnitTest tests[] = {
    SENTENCE(each_state_has_a_name_and_a_way_on),
    SENTENCE(each_line_gets_its_answer_and_the_model_may_sleep),
    SENTENCE(a_batch_begins_when_the_last_writer_is_gone),
    SENTENCE(one_that_is_held_waits_for_start),
    SENTENCE(what_fails_is_tried_again_and_then_an_error),
    SENTENCE(an_engine_that_dies_loses_no_line),
    SENTENCE(a_model_that_fails_costs_no_line_and_is_left_in_peace),
    SENTENCE(a_model_that_is_stopped_pauses_its_batch),
    SENTENCE(one_under_way_cannot_be_removed_and_one_that_rests_can),
    SENTENCE(it_takes_no_place_of_those_who_wait),
    SENTENCE(batches_of_others_are_others),
    SENTENCE(the_next_mount_goes_on),
    SENTENCE(a_failed_write_begins_nothing),
    SENTENCE(writes_come_in_their_order_and_wait_for_no_disk),
    SENTENCE(one_that_is_removed_while_it_is_written_tells_its_writers),
    SENTENCE(what_was_closed_is_on_disk_before_close_returns),
    SENTENCE(one_that_goes_on_at_once_asks_no_line_twice),
    SENTENCE(one_can_be_removed_while_its_results_are_written),
    SENTENCE(results_that_cannot_be_read_let_it_pause),
    SENTENCE(lines_that_could_not_be_read_are_read_again),
    SENTENCE(one_that_was_being_emptied_is_empty_in_the_next_mount),
    SENTENCE(answers_that_are_too_long_together_are_asked_for_in_turn),
    SENTENCE(a_user_has_so_many_and_no_more),
    SENTENCE(it_waits_for_the_next_minute_and_fails_no_line),
    SENTENCE(what_the_engine_does_not_speak_is_translated),
    SENTENCE(all_its_files_count_and_their_growth_is_refused),
    SENTENCE(a_model_that_shares_a_job_is_asked_itself),
};

RIG_MAIN(tests)
