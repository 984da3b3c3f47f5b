/* SPDX-License-Identifier: MIT */
/* What one mount owns: made in order, shown, and ended in order. */
#include "rig.h"
#include "backend/cluster/found.h"

#include <dirent.h>
#include <sys/stat.h>

/* ---- Making */

static void expect_no_house(struct config *cfg, int rc, const char *words)
{
    struct house *h = NULL;
    struct err e = { "" };

    assert_int_equal(house_create(&h, &rig.loop, cfg, "/mnt/llm", &e), rc);
    assert_null(h);
    expect_words(e.text, words);
    config_free(cfg); /* it is still ours */
}

static void its_directories_are_made_for_its_owner_alone(void **state)
{
    struct stat st;

    (void)state;
    umask(0);
    rig_open("", "");
    umask(022);
    assert_int_equal(stat(rig.h->run_dir, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(stat(rig.h->state_dir, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(strlen(rig.h->identity), 32);
    assert_non_null(strstr(the_cluster()->prefix, "sfs-"));
    assert_memory_equal(the_cluster()->prefix + 4, rig.h->identity, 8);
}

static void a_second_house_of_the_same_identity_is_refused(void **state)
{
    struct house *other = NULL;
    struct err e = { "" };

    (void)state;
    rig_open("", "");
    expect_no_house(rig_config("", "", ""), -EBUSY, "another daemon");
    /* Another mount point is another identity. */
    struct config *cfg = rig_config("", "", "");
    if (house_create(&other, &rig.loop, cfg, "/mnt/other", &e) < 0)
        fail_msg("%s", e.text);
    assert_string_not_equal(other->identity, rig.h->identity);
    house_destroy(other);
}

static void its_identity_is_the_same_the_next_time(void **state)
{
    char identity[33];

    (void)state;
    rig_open("", "");
    strcpy(identity, rig.h->identity);
    rig_close();
    rig_open("", "");
    assert_string_equal(rig.h->identity, identity);
}

static void a_model_has_the_names_of_its_engine_too(void **state)
{
    json_t *list = json_pack("[{s:s,s:{s:s,s:s}}]", "name", "org/new:7b", "table", "engine", "ollama",
                             "model", "/hub/models--org--New/snapshots/1");

    (void)state;
    rig_open("", "model = \"seven\"\n[model.n]\nengine = \"ollama\"\nmodel = \"seven\"");
    assert_ptr_equal(house_served(rig.h, "seven"), rig.h->models[0]);
    assert_null(house_served(rig.h, "org/new:7b"));
    assert_null(house_served(rig.h, ""));
    found_take(rig.h, "c", "discover", list);
    struct model *found = house_model(rig.h, "org-new-7b");
    assert_ptr_equal(found, rig.h->models[2]);
    assert_ptr_equal(house_served(rig.h, "org/new:7b"), found);
    assert_ptr_equal(house_served(rig.h, "org/New"), found);
    assert_ptr_equal(house_served(rig.h, "/hub/models--org--New/snapshots/1"), found);
    assert_null(house_served(rig.h, "\xff"));
    assert_null(house_model(rig.h, "\xff"));
}

static char *in_dir(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", rig.dir, name);
    return path;
}

static void directories_that_are_wrong_are_refused_with_a_sentence(void **state)
{
    (void)state;
    assert_int_equal(symlink("/tmp", in_dir("state")), 0);
    expect_no_house(rig_config("", "", ""), -ENOTDIR, "symbolic link");
    unlink(in_dir("state"));
    fclose(fopen(in_dir("state"), "w"));
    expect_no_house(rig_config("", "", ""), -ENOTDIR, "not a directory");
    unlink(in_dir("state"));
    mkdir(in_dir("run"), 0700);
    chmod(in_dir("run"), 0777);
    expect_no_house(rig_config("", "", ""), -EACCES, "open to others");
    chmod(in_dir("run"), 0700);
    rig_open("", "");
}

static void a_cluster_that_cannot_be_made_leaves_nothing_of_the_others(void **state)
{
    (void)state;
    expect_no_house(
        rig_config("", "[cluster.d]\nkind = \"fake\"\nfake = [\"nonsense\"]\n", "cluster = \"c\""), -EINVAL,
        "nonsense");
    rig_open("", "");
}

static void one_that_was_never_used_is_destroyed_at_once(void **state)
{
    (void)state;
    rig_open("", "");
    house_destroy(rig.h);
    rig.h = NULL;
    house_destroy(NULL);
}

/* ---- Looking up */

static void models_are_found_by_key_and_alias(void **state)
{
    (void)state;
    rig_open("", "aliases = [\"q\"]");
    assert_ptr_equal(house_model(rig.h, "m"), the_model());
    assert_ptr_equal(house_model(rig.h, "q"), the_model());
    assert_null(house_model(rig.h, "x"));
    assert_ptr_equal(house_cluster(rig.h, "c"), the_cluster());
    assert_null(house_cluster(rig.h, "x"));
    assert_null(house_job(rig.h, "c.1"));
}

/* ---- Showing */

static void its_status_has_the_fields_of_the_contract(void **state)
{
    static const char fields[] = "version started endpoint durable models jobs clusters warnings";

    (void)state;
    rig_open("", "");
    json_t *s = house_status(rig.h, rig.h->uid);
    assert_true(json_is_null(json_object_get(s, "endpoint")));
    assert_true(json_is_true(json_object_get(s, "durable")));
    assert_int_equal(json_array_size(json_object_get(s, "warnings")), 0);
    assert_true(json_is_array(json_object_get(s, "warnings")));
    expect_fields(s, fields);
    expect_answer(ask("a"), "a");
    s = house_status(rig.h, rig.h->uid);
    json_t *m = json_object_get(json_object_get(s, "models"), "m");
    assert_string_equal(json_string_value(json_object_get(m, "state")), "ready");
    expect_fields(json_incref(m), "state since waiting active");
    json_t *j = json_object_get(json_object_get(s, "jobs"), "c.1");
    assert_string_equal(json_string_value(json_object_get(j, "state")), "RUNNING");
    expect_fields(json_incref(j), "models state node");
    expect_fields(json_incref(json_object_get(json_object_get(s, "clusters"), "c")), "state");
    expect_fields(s, fields);
}

/* The nth line of `events`, counted from 0; NULL behind the last. */
static json_t *event_line(size_t nth)
{
    size_t size = (size_t)growing_size(rig.h->events);
    char *text = xcalloc(1, size + 1), *line = text;
    json_t *v = NULL;

    size = growing_read(rig.h->events, 0, text, size);
    text[size] = '\0';
    while (line && *line && nth-- > 0) {
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    if (line && *line) {
        char *end = strchr(line, '\n');
        assert_non_null(end);
        v = json_loadb(line, (size_t)(end - line), 0, NULL);
        assert_non_null(v);
    }
    free(text);
    return v;
}

static void each_change_of_state_is_an_event_with_all_fields(void **state)
{
    static const char *const expected[][3] = {
        { "model", "asleep", "queued" },    { "job", "", "submitting" },
        { "job", "submitting", "pending" }, { "job", "pending", "running" },
        { "model", "queued", "starting" },  { "job", "running", "found" },
        { "job", "found", "healthy" },      { "model", "starting", "ready" },
    };
    const size_t n = sizeof expected / sizeof expected[0];
    size_t found = 0;
    json_t *v;

    (void)state;
    rig_open("\"queue=0.4\", \"start=0.4\"", "");
    expect_answer(ask("a"), "a");
    for (size_t i = 0; (v = event_line(i)); i++) {
        const char *event = json_string_value(json_object_get(v, "event"));
        const char *from = json_string_value(json_object_get(v, "from")); /* NULL: it begins */
        if (found < n && strcmp(event, expected[found][0]) == 0) {
            assert_string_equal(from ? from : "", expected[found][1]);
            assert_string_equal(json_string_value(json_object_get(v, "to")), expected[found][2]);
            assert_string_equal(json_string_value(json_object_get(v, "model")), "m");
            assert_string_equal(json_string_value(json_object_get(v, "cluster")), "c");
            found++;
        }
        expect_fields(v, "time event model job cluster from to reason");
    }
    assert_int_equal(found, n);
}

static void odd_bytes_in_reasons_do_no_harm(void **state)
{
    (void)state;
    rig_open("", "");
    house_event(rig.h, "job", "m", NULL, "c", "a", "b", "caf\xe9 \xc3\xa4 \"x\"\nend");
    json_t *v = event_line(0);
    assert_string_equal(json_string_value(json_object_get(v, "reason")), "caf? \xc3\xa4 \"x\"\nend");
    json_decref(v);
    v = json_str("\xff\xfe");
    assert_string_equal(json_string_value(v), "??");
    json_decref(v);
    assert_true(json_is_null(json_str("")));
    assert_true(json_is_null(json_str(NULL)));
    assert_true(json_is_null(json_time(&(struct timespec){ 0 })));
    v = json_time(&(struct timespec){ .tv_sec = 1795219803 });
    assert_string_equal(json_string_value(v), "2026-11-21T00:10:03Z");
    json_decref(v);
}

static void changes_are_counted_and_the_passing_of_time_is_none(void **state)
{
    (void)state;
    rig_open("", "");
    unsigned before = rig.h->changes;
    struct prompt *p = ask("a");
    assert_true(rig.h->changes > before);
    expect_answer(p, "a");
    pass(300);
    before = rig.h->changes;
    HOLDS(700, rig.h->changes == before);
}

/* ---- Ending */

static void stop(void)
{
    house_stop(rig.h, rig_stopped_cb, NULL);
}

static void an_end_in_order_cancels_questions_and_jobs(void **state)
{
    struct err e = { "" };

    (void)state;
    rig_open("\"parrot=--delay 20\"", "slots = 1");
    struct prompt *a = ask("a"), *b = ask("b");
    WAIT(a->x.state == EXCHANGE_SENT);
    stop();
    stop(); /* a second signal does no harm */
    assert_int_equal(model_may_ask(the_model(), &e), -ECANCELED);
    model_wake(the_model());
    expect_end(a, EXCHANGE_CANCELLED, -ECANCELED, "the mount ended");
    expect_end(b, EXCHANGE_CANCELLED, -ECANCELED, "the mount ended");
    uint64_t begin = mono_ms();
    WAIT(rig.stopped);
    assert_true(mono_ms() - begin < 8000);
    assert_true(job_is(1, JOB_ENDED));
    assert_int_equal(count_jobs(), 1);
}

static void one_without_jobs_ends_at_once(void **state)
{
    (void)state;
    rig_open("", "");
    stop();
    uint64_t begin = mono_ms();
    WAIT(rig.stopped);
    assert_true(mono_ms() - begin < 7000);
    assert_int_equal(the_cluster()->queries, 0);
}

static void one_whose_scheduler_is_away_ends_all_the_same(void **state)
{
    (void)state;
    rig_open("\"query-fails=100000@2\", \"start=0.5\"", "");
    model_wake(the_model());
    WAIT(the_cluster()->queries >= 3);
    stop();
    uint64_t begin = mono_ms();
    WAIT(rig.stopped);
    assert_true(mono_ms() - begin < 20000);
}

static void a_submission_under_way_at_the_end_leaves_no_job(void **state)
{
    (void)state;
    rig_open("\"queue=never\"", "");
    struct prompt *p = ask("a");
    WAIT(inner(nth_job(1))->sent);
    assert_null(nth_job(1)->id);
    stop();
    expect_end(p, EXCHANGE_CANCELLED, -ECANCELED, "the mount ended");
    WAIT(rig.stopped);
    assert_string_equal(nth_job(1)->word, "CANCELLED");
}

static void jobs_may_be_left(void **state)
{
    (void)state;
    rig_open_with("on_unmount = \"leave\"", "fake = [\"parrot=--delay 20\"]", "");
    struct prompt *p = ask("a");
    WAIT(p->x.state == EXCHANGE_SENT);
    stop();
    expect_end(p, EXCHANGE_CANCELLED, -ECANCELED, "the mount ended");
    WAIT(rig.stopped);
    assert_true(job_is(1, JOB_HEALTHY));
}

/* Processes of a session, zombies aside. */
static int session_members(int session)
{
    DIR *d = opendir("/proc");
    char path[64], stat[512];
    int n = 0, sid;

    for (struct dirent *e; (e = readdir(d));) {
        if (atoi(e->d_name) <= 0)
            continue;
        snprintf(path, sizeof path, "/proc/%d/stat", atoi(e->d_name));
        FILE *f = fopen(path, "r");
        char *end = f && fgets(stat, sizeof stat, f) ? strrchr(stat, ')') : NULL;
        if (end && sscanf(end + 1, " %*c %*d %*d %d", &sid) == 1 && sid == session && end[2] != 'Z')
            n++;
        if (f)
            fclose(f);
    }
    closedir(d);
    return n;
}

static void jobs_of_this_machine_are_gone_when_it_ended(void **state)
{
    char *cluster = xasprintf("kind = \"local\"\nworkdir = \"%s/work\"\n", rig.dir);

    (void)state;
    rig_open_with("", cluster, "");
    free(cluster);
    struct prompt *p = ask("Why is the sky blue?");
    expect_answer(p, "Why is the sky blue?");
    int session = atoi(nth_job(1)->id);
    assert_true(session_members(session) >= 2);
    stop();
    uint64_t begin = mono_ms();
    WAIT(rig.stopped);
    assert_true(mono_ms() - begin < 8000);
    assert_true(job_is(1, JOB_ENDED));
    WAIT(session_members(session) == 0);
}

static const struct CMUnitTest tests[] = {
    SENTENCE(its_directories_are_made_for_its_owner_alone),
    SENTENCE(a_second_house_of_the_same_identity_is_refused),
    SENTENCE(its_identity_is_the_same_the_next_time),
    SENTENCE(directories_that_are_wrong_are_refused_with_a_sentence),
    SENTENCE(a_cluster_that_cannot_be_made_leaves_nothing_of_the_others),
    SENTENCE(one_that_was_never_used_is_destroyed_at_once),
    SENTENCE(models_are_found_by_key_and_alias),
    SENTENCE(a_model_has_the_names_of_its_engine_too),
    SENTENCE(its_status_has_the_fields_of_the_contract),
    SENTENCE(each_change_of_state_is_an_event_with_all_fields),
    SENTENCE(odd_bytes_in_reasons_do_no_harm),
    SENTENCE(changes_are_counted_and_the_passing_of_time_is_none),
    SENTENCE(an_end_in_order_cancels_questions_and_jobs),
    SENTENCE(one_without_jobs_ends_at_once),
    SENTENCE(one_whose_scheduler_is_away_ends_all_the_same),
    SENTENCE(a_submission_under_way_at_the_end_leaves_no_job),
    SENTENCE(jobs_may_be_left),
    SENTENCE(jobs_of_this_machine_are_gone_when_it_ended),
};

RIG_MAIN(tests)
