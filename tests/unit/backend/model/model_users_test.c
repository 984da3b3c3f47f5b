/* SPDX-License-Identifier: MIT */
/* Users with a cluster of their own: their questions go to jobs there, and what happens there is shown to nobody else. */
#include "tests/unit/backend/rig.h"
#include "backend/metrics.h"
#include "backend/users.h"

#define HIS   4321 /* uids that the test does not run under */
#define THEIR 4322 /* of a cluster with HIS */
#define OTHER 4323

/* [model.m] on cluster c, and cluster d for two users. */
static void open_house(const char *words, const char *more)
{
    char *cluster = xasprintf("fake = [%s]\n", words);
    char *rest = xasprintf("cluster = \"c\"\n[cluster.d]\nkind = \"fake\"\nfake = [%s]\n"
                           "[user.4321]\ncluster = \"d\"\n[user.4322]\ncluster = \"d\"\n%s",
                           words, more);

    rig_open_with("", cluster, rest);
    free(rest);
    free(cluster);
}

static const char *cluster_of(const struct job *j)
{
    return j->cluster->cfg->name;
}

static void each_question_goes_to_the_cluster_of_its_user(void **state)
{
    (void)state;
    open_house("", "");
    expect_answer(ask_as("one", HIS), "one");
    assert_int_equal(count_jobs(), 1);
    assert_string_equal(cluster_of(nth_job(1)), "d");
    assert_true(model_is(MODEL_ASLEEP));
    expect_answer(ask_as("two", OTHER), "two");
    assert_int_equal(count_jobs(), 2);
    assert_string_equal(cluster_of(nth_job(2)), "c");
    expect_answer(ask_as("three", THEIR), "three");
    expect_answer(ask_as("four", rig.h->uid), "four");
    assert_int_equal(count_jobs(), 2);
    assert_ptr_equal(nth_job(1)->model, model_seen_by(the_model(), THEIR));
    assert_ptr_equal(model_seen_by(the_model(), OTHER), the_model());
    assert_ptr_equal(model_seen_by(model_seen_by(the_model(), HIS), OTHER), the_model());
}

static void each_has_figures_and_a_life_of_its_own(void **state)
{
    (void)state;
    open_house("", "");
    expect_answer(ask_as("one", HIS), "one");
    struct model *twin = model_seen_by(the_model(), HIS);
    json_t *s = model_status(twin), *own = model_status(the_model());
    assert_string_equal(json_string_value(json_object_get(s, "model")), "m");
    assert_string_equal(json_string_value(json_object_get(s, "cluster")), "d");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(s, "requests"), "done")), 1);
    assert_int_equal(json_array_size(json_object_get(s, "jobs")), 1);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(own, "requests"), "done")), 0);
    assert_int_equal(json_array_size(json_object_get(own, "jobs")), 0);
    json_decref(s);
    json_decref(own);
    expect_answer(ask_as("two", OTHER), "two");
    model_stop(twin, "test");
    WAIT(model_state(twin) == MODEL_ASLEEP);
    assert_true(model_is(MODEL_READY));
    json_t *names = job_models(nth_job(1));
    assert_int_equal(json_array_size(names), 1);
    assert_string_equal(json_string_value(json_array_get(names, 0)), "m");
    json_decref(names);
    model_stop_all(the_model(), "test");
    WAIT(model_is(MODEL_ASLEEP));
}

static void cancel_all_ends_what_the_user_asks_there(void **state)
{
    (void)state;
    open_house("\"queue=60\"", "");
    struct prompt *his = ask_as("one", HIS), *their = ask_as("two", THEIR), *other = ask_as("three", OTHER);
    WAIT(nth_job(2) && job_is(1, JOB_PENDING) && job_is(2, JOB_PENDING));
    assert_int_equal(model_cancel_all(the_model(), HIS), 1);
    assert_true(exchange_ended(&his->x));
    assert_false(exchange_ended(&their->x));
    assert_int_equal(model_cancel_all(the_model(), (uid_t)-1), 2);
    assert_true(exchange_ended(&other->x));
}

static void models_of_a_share_share_there_too(void **state)
{
    (void)state;
    open_house("",
               "[model.n]\nshare = \"s\"\n[model.o]\nengine = \"parrot\"\ncluster = \"c\"\nshare = \"s\"\n");
    struct model *n = rig.h->models[1], *o = rig.h->models[2];
    struct prompt *p = question("one", HIS), *q = question("two", HIS);
    struct err e = { "" };
    assert_int_equal(model_submit(o, &p->x, &e), 0); /* the second of them first */
    expect_answer(p, "one");
    assert_int_equal(model_submit(n, &q->x, &e), 0);
    expect_answer(q, "two");
    assert_int_equal(count_jobs(), 1);
    json_t *names = job_models(nth_job(1));
    assert_int_equal(json_array_size(names), 2);
    json_decref(names);
}

static bool shows(uid_t uid, const char *word)
{
    json_t *s = house_status(rig.h, uid);
    char *status = json_dumps(s, 0), *events = growing_tail(users_events(rig.h, uid), 100);
    struct buf figures = { 0 };

    metrics_text(rig.h, uid, true, &figures);
    bool in_status = strstr(status, word), in_events = strstr(events, word),
         in_figures = strstr(buf_str(&figures), word);
    buf_free(&figures);
    json_decref(s);
    free(status);
    free(events);
    assert_int_equal(in_status, in_events);
    assert_int_equal(in_status, in_figures);
    return in_status;
}

static void what_happens_there_is_shown_to_them_and_to_the_owner(void **state)
{
    (void)state;
    open_house("", "");
    expect_answer(ask_as("one", HIS), "one");
    house_event(rig.h, "cluster", NULL, NULL, "d", "up", "down", NULL);
    assert_true(shows(HIS, "\"d\""));
    assert_true(shows(THEIR, "\"d\""));
    assert_true(shows(rig.h->uid, "\"d\""));
    assert_false(shows(OTHER, "\"d\""));
    assert_false(shows(USERS_STRANGER, "\"d\""));
    house_event(rig.h, "cluster", NULL, NULL, "c", "up", "down", NULL);
    assert_true(shows(HIS, "\"c\""));
    assert_true(shows(OTHER, "\"c\""));
    assert_int_equal(users_view(rig.h, THEIR), HIS);
    assert_int_equal(users_view(rig.h, OTHER), USERS_STRANGER);
    assert_int_equal(users_view(rig.h, 0), rig.h->uid);
}

static void without_such_users_everybody_sees_the_same(void **state)
{
    (void)state;
    rig_open("", "");
    assert_ptr_equal(users_events(rig.h, OTHER), rig.h->events);
    assert_null(users_cluster(rig.h, OTHER));
}

static void jobs_that_stay_up_are_those_of_the_models_own_cluster(void **state)
{
    (void)state;
    open_house("", "[model.n]\nengine = \"parrot\"\ncluster = \"c\"\nmin = 1\n");
    struct model *twin = model_seen_by(rig.h->models[1], HIS);
    WAIT(model_state(rig.h->models[1]) == MODEL_READY);
    assert_int_equal(model_state(twin), MODEL_ASLEEP);
    assert_int_equal(model_config(twin)->min, 0);
    assert_int_equal(count_jobs(), 1);
}

static void the_owner_is_none_of_them(void **state)
{
    struct house *h = NULL;
    struct err e = { "" };
    char more[160];

    (void)state;
    snprintf(more, sizeof more,
             "cluster = \"c\"\n[cluster.d]\nkind = \"fake\"\n[user.%lu]\ncluster = \"d\"\n",
             (unsigned long)geteuid());
    struct config *cfg = rig_config("", "", more);
    assert_int_equal(house_create(&h, &rig.loop, cfg, "/mnt/llm", &e), -EINVAL);
    assert_non_null(strstr(e.text, "is the owner of this mount"));
    assert_non_null(strstr(e.text, "cluster = \"d\""));
    config_free(cfg);
}

static const struct CMUnitTest tests[] = {
    SENTENCE(each_question_goes_to_the_cluster_of_its_user),
    SENTENCE(each_has_figures_and_a_life_of_its_own),
    SENTENCE(cancel_all_ends_what_the_user_asks_there),
    SENTENCE(models_of_a_share_share_there_too),
    SENTENCE(what_happens_there_is_shown_to_them_and_to_the_owner),
    SENTENCE(without_such_users_everybody_sees_the_same),
    SENTENCE(jobs_that_stay_up_are_those_of_the_models_own_cluster),
    SENTENCE(the_owner_is_none_of_them),
};

RIG_MAIN(tests)
