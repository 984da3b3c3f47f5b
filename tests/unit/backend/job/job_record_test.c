/* SPDX-License-Identifier: MIT */
/* The records of jobs: what is written is read, and what is wrong is passed over. */
#include "tests/unit/backend/rig.h"
#include "backend/job/job_record.h"

#include <sys/stat.h>

#define PREFIX "sfs-0badcafe-"
#define SECRET "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct job_record record(char *name)
{
    return (struct job_record){
        .unique_name = name,
        .model = "m",
        .cluster = "c",
        .workdir = "~/.slullamafs/0badcafe/x",
        .script = "#!/bin/bash\necho \"caf\xc3\xa9\"\n",
        .secret = SECRET,
        .submitted = 1700000000,
    };
}

static char *path_of(const char *name)
{
    return xasprintf("%s/%s", rig.dir, name);
}

static void put(const char *name, const char *text)
{
    char *path = path_of(name);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    free(path);
}

static bool is_there(const char *name)
{
    char *path = path_of(name);
    bool yes = access(path, F_OK) == 0;

    free(path);
    return yes;
}

static void what_was_written_is_read(void **state)
{
    struct job_record a = record(PREFIX "m-1"), b = record(PREFIX "m.x-2"), *v;

    (void)state;
    b.id = "42";
    b.ending = true;
    assert_int_equal(job_record_write(rig.dir, &a, NULL), 0);
    assert_int_equal(job_record_write(rig.dir, &b, NULL), 0);
    a.id = "41"; /* the reply has come */
    assert_int_equal(job_record_write(rig.dir, &a, NULL), 0);
    assert_int_equal(job_records_load(rig.dir, PREFIX, &v), 2);
    const struct job_record *x = strcmp(v[0].unique_name, a.unique_name) == 0 ? &v[0] : &v[1];
    const struct job_record *y = x == &v[0] ? &v[1] : &v[0];
    assert_string_equal(x->id, "41");
    assert_false(x->ending);
    assert_string_equal(x->model, "m");
    assert_string_equal(x->cluster, "c");
    assert_string_equal(x->workdir, a.workdir);
    assert_string_equal(x->script, a.script);
    assert_string_equal(x->secret, SECRET);
    assert_int_equal(x->submitted, 1700000000);
    assert_string_equal(y->id, "42");
    assert_true(y->ending);
    job_records_free(v, 2);
    job_record_remove(rig.dir, a.unique_name);
    job_record_remove(rig.dir, a.unique_name);
    assert_int_equal(job_records_load(rig.dir, PREFIX, &v), 1);
    job_records_free(v, 1);
}

static void it_is_for_its_owner_alone(void **state)
{
    struct job_record a = record(PREFIX "m-1");
    char *path = path_of(a.unique_name);
    struct stat st;

    (void)state;
    assert_int_equal(job_record_write(rig.dir, &a, NULL), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    free(path);
}

static void one_that_cannot_be_written_says_where(void **state)
{
    struct job_record a = record(PREFIX "m-1");
    struct err e = { "" };

    (void)state;
    assert_int_equal(job_record_write("/nowhere/at/all", &a, &e), -ENOENT);
    expect_words(e.text, "/nowhere/at/all/" PREFIX "m-1");
}

static void what_is_wrong_is_set_aside(void **state)
{
    static const struct {
        const char *name, *text;
    } wrong[] = {
        { PREFIX "empty-1", "" },
        { PREFIX "cut-1", "{\"version\":1,\"name\":\"" PREFIX "cut-1\",\"mod" },
        { PREFIX "array-1", "[1]" },
        { PREFIX "newer-1", "{\"version\":2,\"what\":\"ever\"}" },
        { PREFIX "none-1", "{\"hello\":\"world\"}" },
        { PREFIX "part-1", "{\"version\":1,\"name\":\"" PREFIX "part-1\",\"model\":\"m\"}" },
        { PREFIX "type-1", "{\"version\":1,\"name\":7,\"model\":\"m\",\"cluster\":\"c\",\"workdir\":\"/w\","
                           "\"secret\":\"" SECRET "\",\"submitted\":1,\"ending\":false}" },
        { PREFIX "other-1",
          "{\"version\":1,\"name\":\"" PREFIX "m-9\",\"model\":\"m\",\"cluster\":\"c\","
          "\"workdir\":\"/w\",\"secret\":\"" SECRET "\",\"submitted\":1,\"ending\":false}" },
        { "sfs-elsewhere", "{\"version\":1,\"name\":\"sfs-elsewhere\",\"model\":\"m\",\"cluster\":\"c\","
                           "\"workdir\":\"/w\",\"secret\":\"" SECRET "\",\"submitted\":1,\"ending\":false}" },
        { PREFIX "id-1", "{\"version\":1,\"name\":\"" PREFIX "id-1\",\"model\":\"m\",\"cluster\":\"c\","
                         "\"workdir\":\"/w\",\"secret\":\"" SECRET "\",\"submitted\":1,\"ending\":false,"
                         "\"id\":\"1; rm\"}" },
        { PREFIX "key-1", "{\"version\":1,\"name\":\"" PREFIX "key-1\",\"model\":\"m\",\"cluster\":\"c\","
                          "\"workdir\":\"/w\",\"secret\":\"short\",\"submitted\":1,\"ending\":false}" },
        { PREFIX "dir-1", "{\"version\":1,\"name\":\"" PREFIX "dir-1\",\"model\":\"m\",\"cluster\":\"c\","
                          "\"workdir\":\"w\",\"secret\":\"" SECRET "\",\"submitted\":1,\"ending\":false}" },
    };
    struct job_record a = record(PREFIX "m-1"), *v;

    (void)state;
    log_start(LOG_LEVEL_WARNING, false);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        put(wrong[i].name, wrong[i].text);
    put(PREFIX "half-1.new", "{");
    assert_int_equal(job_record_write(rig.dir, &a, NULL), 0);
    assert_int_equal(job_records_load(rig.dir, PREFIX, &v), 1);
    assert_string_equal(v[0].unique_name, a.unique_name);
    job_records_free(v, 1);
    char *log = growing_tail(log_text(), 100);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char *bad = xasprintf("%s.bad", wrong[i].name);
        if (is_there(wrong[i].name) || !is_there(bad))
            fail_msg("%s is not set aside", wrong[i].name);
        expect_words(log, wrong[i].name);
        free(bad);
    }
    free(log);
    assert_false(is_there(PREFIX "half-1.new"));
    /* The second time there is nothing to tell. */
    assert_int_equal(job_records_load(rig.dir, PREFIX, &v), 1);
    job_records_free(v, 1);
    log_stop();
}

static void what_is_no_plain_file_does_no_harm(void **state)
{
    struct job_record *v;
    char *fifo = path_of(PREFIX "fifo-1"), *link = path_of(PREFIX "link-1"), *dir = path_of(PREFIX "dir-1");

    (void)state;
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(symlink("/etc/passwd", link), 0);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(job_records_load(rig.dir, PREFIX, &v), 0);
    assert_int_equal(job_records_load("/nowhere", PREFIX, &v), 0);
    free(fifo);
    free(link);
    free(dir);
}

static const struct CMUnitTest tests[] = {
    SENTENCE(what_was_written_is_read),
    SENTENCE(it_is_for_its_owner_alone),
    SENTENCE(one_that_cannot_be_written_says_where),
    SENTENCE(what_is_wrong_is_set_aside),
    SENTENCE(what_is_no_plain_file_does_no_harm),
};

RIG_MAIN(tests)
