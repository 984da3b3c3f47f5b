/* SPDX-License-Identifier: MIT */
/* The index of history: ids that sort, each user's own entries, and bounds that hold. */
#include "tests/unit/backend/rig.h"
#include "backend/history/history.h"
#include "backend/history/record.h"

static void an_id_reads_back_and_sorts_by_time(void **state)
{
    char a[HISTORY_ID_TEXT], b[HISTORY_ID_TEXT];

    (void)state;
    for (int64_t id = 1; id < INT64_C(1) << 44; id = id * 3 + 1) {
        assert_int_equal(history_id_parse(history_id_text(id, a)), id);
        assert_true(strcmp(a, history_id_text(id + 1, b)) < 0);
        assert_int_equal(strlen(a), 9);
    }
    static const char *const bad[] = { "",           "x",         "latest",    "1m8skctg",
                                       "1m8skctgdd", "1m8skctgu", "1M8SKCTGD", "........." };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(history_id_parse(bad[i]), -1);
}

static void ids_are_new_although_the_clock_stands(void **state)
{
    int64_t last = 0;

    (void)state;
    rig_open("", "");
    for (int i = 0; i < 10000; i++) {
        int64_t id = history_new_id(rig.h);
        assert_true(id > last);
        last = id;
    }
}

static void settle(const char *model, uid_t uid, int64_t id, uint32_t reply_len)
{
    history_settle(rig.h, model, uid,
                   &(struct history_entry){ .id = id, .ended_ms = id, .reply_len = reply_len });
}

struct seen {
    size_t n;
    int64_t last;
};

static void see(void *arg, const struct history_entry *e)
{
    struct seen *s = arg;

    assert_true(e->id > s->last);
    s->last = e->id;
    s->n++;
}

static size_t count(const char *model, uid_t uid)
{
    struct seen s = { 0 };

    for (int64_t at = 0; (at = history_some(rig.h, model, uid, at, 2, see, &s)) > 0;)
        ;
    return s.n;
}

static void each_user_and_model_has_a_shelf_of_its_own(void **state)
{
    (void)state;
    rig_open("", "");
    int64_t base = history_new_id(rig.h);
    for (int i = 0; i < 1000; i++)
        settle(i % 2 ? "m" : "other", (uid_t)(i % 4 / 2), base + (i * 37) % 1000, 5); /* in any order */
    assert_int_equal(count("m", 0), 250);
    assert_int_equal(count("m", 1), 250);
    assert_int_equal(count("other", 0), 250);
    assert_int_equal(count("m", 2), 0);
    assert_int_equal(count("nothing", 0), 0);
    size_t found = 0;
    for (int i = 0; i < 1000; i++)
        found += history_find(rig.h, "m", 1, base + i) != NULL;
    assert_int_equal(found, 250);
    assert_null(history_latest(rig.h, "m", 2));
    assert_true(history_latest(rig.h, "m", 1)->id > base + 900);
}

/* An exchange that is over, in the store as in the index. */
static void keep(const char *text)
{
    struct record *r = record_create(rig.h, "m", 1000, &pair_ask, "");
    struct prompt *p = question(text, 1000);

    p->x.state = EXCHANGE_DONE;
    p->x.ended = p->x.asked;
    record_prompt(r, p, NULL, NULL);
    record_unref(r);
}

static bool settled(void)
{
    struct history_entry *e = history_latest(rig.h, "m", 1000);

    return e && !e->live;
}

static void what_is_too_much_goes_the_oldest_first(void **state)
{
    char text[1001];

    (void)state;
    rig_open_with("history_max = \"64KiB\"", "", "");
    memset(text, 'x', 1000);
    text[1000] = '\0';
    for (int i = 0; i < 100; i++)
        keep(text);
    WAIT(settled() && count("m", 1000) < 50);
    int64_t latest = history_latest(rig.h, "m", 1000)->id;
    HOLDS(300, count("m", 1000) > 25); /* no more than is needed */
    rig_close();
    rig_open_with("history_max = \"64KiB\"", "", "");
    assert_true(count("m", 1000) < 50 && count("m", 1000) > 25); /* the store knows it too */
    assert_int_equal(history_latest(rig.h, "m", 1000)->id, latest);
}

static void no_history_is_kept_where_none_is_wanted(void **state)
{
    (void)state;
    rig_open_with("history = \"0\"", "", "");
    keep("secret");
    keep("secret");
    WAIT(settled() || count("m", 1000) == 0);
    WAIT(count("m", 1000) == 0);
    rig_close();
    rig_open("", "");
    assert_int_equal(count("m", 1000), 0);
    assert_true(list_empty(&rig.h->recovered));
}

static void a_warning_is_told_once_and_can_be_taken_back(void **state)
{
    (void)state;
    rig_open("", "");
    unsigned before = rig.h->changes;
    house_warn(rig.h, "disk", "the disk is full");
    house_warn(rig.h, "disk", "the disk is full");
    house_warn(rig.h, "other", "something else");
    json_t *w = house_warnings(rig.h);
    assert_int_equal(json_array_size(w), 2);
    assert_string_equal(json_string_value(json_array_get(w, 0)), "the disk is full");
    json_decref(w);
    assert_true(rig.h->changes > before);
    house_warn(rig.h, "disk", NULL);
    house_warn(rig.h, "never said", NULL);
    w = house_warnings(rig.h);
    assert_int_equal(json_array_size(w), 1);
    json_decref(w);
}

static const struct CMUnitTest tests[] = {
    SENTENCE(an_id_reads_back_and_sorts_by_time),
    SENTENCE(ids_are_new_although_the_clock_stands),
    SENTENCE(each_user_and_model_has_a_shelf_of_its_own),
    SENTENCE(what_is_too_much_goes_the_oldest_first),
    SENTENCE(no_history_is_kept_where_none_is_wanted),
    SENTENCE(a_warning_is_told_once_and_can_be_taken_back),
};

RIG_MAIN(tests)
