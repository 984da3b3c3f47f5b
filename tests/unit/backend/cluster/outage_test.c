/* SPDX-License-Identifier: MIT */
/* A controller that is away for a quarter of an hour: nothing is given up, nothing is made twice, it is asked less and less, and
 * what was wanted meanwhile happens when it is back. */
#include "tests/unit/backend/fast_clock.h"
#include "tests/unit/backend/rig.h"

#define AWAY_MS (15 * 60 * 1000)
#define AWAY    "Unable to contact slurm controller (connect failure)"

/* The fake scheduler's calls, which fail while the controller is away as Slurm's do. */
static struct {
    const struct scheduler_ops *there;
    struct scheduler_ops ops;
    bool away;
    int queries, submissions, cancels; /* while it was away */
    uint64_t asked_ms[128];            /* when */
} controller;

struct late {
    struct timer *timer;
    sched_query_f query;
    sched_submit_f submit;
    sched_done_f done;
    void *arg;
};

static void late_cb(void *arg)
{
    struct late l = *(struct late *)arg;

    timer_destroy(l.timer);
    free(arg);
    if (l.query)
        l.query(l.arg, -EIO, NULL, 0, AWAY);
    else if (l.submit)
        l.submit(l.arg, -EIO, "", AWAY);
    else
        l.done(l.arg, -EIO, AWAY);
}

static void later(struct late l)
{
    struct late *copy = NEW(struct late);

    *copy = l;
    copy->timer = timer_create_on(&rig.loop, late_cb, copy);
    timer_start_ms(copy->timer, 1);
}

static void query(struct scheduler *s, sched_query_f cb, void *arg)
{
    if (!controller.away) {
        controller.there->query(s, cb, arg);
        return;
    }
    assert_true(controller.queries < 128);
    controller.asked_ms[controller.queries++] = mono_ms();
    later((struct late){ .query = cb, .arg = arg });
}

static void submit(struct scheduler *s, const struct job_spec *spec, sched_submit_f cb, void *arg)
{
    if (controller.away) {
        controller.submissions++;
        later((struct late){ .submit = cb, .arg = arg });
    } else {
        controller.there->submit(s, spec, cb, arg);
    }
}

static void cancel(struct scheduler *s, const char *const *ids, size_t n, sched_done_f cb, void *arg)
{
    if (controller.away) {
        controller.cancels++;
        later((struct late){ .done = cb, .arg = arg });
    } else {
        controller.there->cancel(s, ids, n, cb, arg);
    }
}

static void leaves(void)
{
    struct scheduler *s = the_cluster()->sched;

    memset(&controller, 0, sizeof controller);
    controller.there = s->ops;
    controller.ops = *s->ops;
    controller.ops.query = query;
    controller.ops.submit = submit;
    controller.ops.cancel = cancel;
    controller.away = true;
    s->ops = &controller.ops;
}

static void wake(const char *name)
{
    model_wake(house_model(rig.h, name));
}

static bool is_in(const char *name, enum model_state s)
{
    return model_state(house_model(rig.h, name)) == s;
}

static void open_four(void)
{
    rig_open("\"queue=never@2\"",
             "[model.waiting]\nengine = \"parrot\"\n[model.ending]\nengine = \"parrot\"\n"
             "[model.wanted]\nengine = \"parrot\"\n");
    expect_answer(ask("before"), "before");
    wake("waiting");
    WAIT(is_in("waiting", MODEL_QUEUED) && job_is(2, JOB_PENDING) && nth_job(2)->id);
    wake("ending");
    WAIT(is_in("ending", MODEL_READY));
}

static void nothing_is_given_up_in_a_quarter_of_an_hour(void **state)
{
    (void)state;
    open_four();
    leaves();
    uint64_t begin = mono_ms();
    model_stop(house_model(rig.h, "ending"), "asked for");
    wake("wanted");
    for (int minute = 0; minute < 15; minute++) {
        fast_pass(&rig.loop, AWAY_MS / 15);
        assert_true(job_is(1, JOB_HEALTHY) && job_is(2, JOB_PENDING));
        assert_true(job_live(nth_job(3)));
        assert_int_equal(count_jobs(), 4);
    }
    assert_true(mono_ms() - begin >= AWAY_MS);
    /* A ready model needs no controller. */
    expect_answer(ask("meanwhile"), "meanwhile");
    expect_words(the_cluster()->last_error, "Unable to contact");

    /* Once a minute at the end, and never thousands of times. */
    assert_in_range(controller.queries, 15, 40);
    uint64_t last = controller.asked_ms[controller.queries - 1] - controller.asked_ms[controller.queries - 2];
    assert_in_range(last, 59000, 62000);
    assert_in_range(controller.cancels, 5, 40);
    /* It may have arrived: only a whole query can tell that it did not. */
    assert_int_equal(controller.submissions, 1);

    controller.away = false;
    fast_pass(&rig.loop, 61000);
    WAIT(is_in("wanted", MODEL_READY));
    WAIT(!job_live(nth_job(3)));
    assert_true(job_is(1, JOB_HEALTHY) && job_is(2, JOB_PENDING));
    assert_int_equal(count_jobs(), 4);
    assert_string_equal(model_job(house_model(rig.h, "wanted"))->id,
                        "4"); /* the fourth that the scheduler ever saw */
}

static const struct CMUnitTest tests[] = {
    SENTENCE(nothing_is_given_up_in_a_quarter_of_an_hour),
};

RIG_MAIN(tests)
