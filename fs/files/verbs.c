/* SPDX-License-Identifier: MIT */
/* What the verbs do. Each only starts something, and returns: the write to ctl never waits for it. */
#include "fs/files/verbs.h"
#include "backend/job.h"
#include "backend/model.h"
#include "fs/asking.h"

#include <errno.h>

static const char stopped[] = "stopped through `ctl`";

/* ---- The root's */

static struct model *named(struct open_file *f, const char *name, struct err *e)
{
    struct model *m = house_model(tree_house(f->tree), name);

    if (!m)
        err_set(e, -ENOENT, "there is no model \"%.64s\"; `ls` lists them", name);
    return m;
}

static int house_wake(struct open_file *f, char **args, struct err *e)
{
    struct model *m = named(f, args[0], e);

    if (!m)
        return -ENOENT;
    model_wake(m);
    return 0;
}

static int house_stop_one(struct open_file *f, char **args, struct err *e)
{
    struct model *m = named(f, args[0], e);

    if (!m)
        return -ENOENT;
    model_stop(m, stopped);
    return 0;
}

static int house_stop_all(struct open_file *f, char **args, struct err *e)
{
    struct house *h = tree_house(f->tree);

    (void)args, (void)e;
    for (size_t i = 0; i < h->cfg->n_models; i++)
        model_stop(h->models[i], stopped);
    return 0;
}

const struct verb verbs_house[] = {
    { "stop all", house_stop_all, "end the jobs of all models", false },
    { "wake MODEL", house_wake, "start a job for a model, as a question would", false },
    { "stop MODEL", house_stop_one, "end its job; what waits for it fails with ECANCELED", false },
    { 0 },
};

/* ---- A model's */

static int wake(struct open_file *f, char **args, struct err *e)
{
    (void)args, (void)e;
    model_wake(f->node.subject->ptr);
    return 0;
}

static int stop(struct open_file *f, char **args, struct err *e)
{
    (void)args, (void)e;
    model_stop(f->node.subject->ptr, stopped);
    return 0;
}

static int cancel(struct open_file *f, char **args, struct err *e)
{
    (void)args;
    return asking_cancel(f->tree, f->node.subject->ptr, &f->caller, e);
}

static int cancel_all(struct open_file *f, char **args, struct err *e)
{
    (void)args, (void)e;
    model_cancel_all(f->node.subject->ptr, f->caller.uid);
    return 0;
}

const struct verb verbs_model[] = {
    { "wake", wake, "start a job, as a question would", false },
    { "stop", stop, "end the job; what waits for it fails with ECANCELED", false },
    { "cancel", cancel, "end the answer that `reply` would give to you", true },
    { "cancel all", cancel_all, "end all that your user has asked", true },
    { 0 },
};

/* ---- A job's */

static int job_verb_cancel(struct open_file *f, char **args, struct err *e)
{
    struct job *j = f->node.subject->ptr;

    (void)args;
    if (!job_live(j))
        return err_set(e, -ENOENT, "job %s has ended already", j->name ? j->name : "");
    job_cancel(j, "cancelled through its `ctl`");
    return 0;
}

const struct verb verbs_job[] = {
    { "cancel", job_verb_cancel, "end the job; its model may start another", false },
    { 0 },
};
