/* SPDX-License-Identifier: MIT */
/* What the verbs do. Each only starts something, and returns: the write to ctl never waits for it. */
#include "fs/files/verbs.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/base/units.h"
#include "backend/cluster/found.h"
#include "backend/job/job.h"
#include "backend/model/model.h"
#include "fs/asking.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char stopped[] = "stopped through `ctl`";

/* ---- The root's */

/* A line of the log has room for some names; a site may have hundreds. */
#define NAMES_SHOWN 12

static void no_such_model(const struct config *cfg, const char *name, struct err *e)
{
    const char **names = xcalloc(cfg->n_models + 1, sizeof *names);
    struct buf all = { 0 };

    for (size_t i = 0; i < cfg->n_models; i++) {
        names[i] = cfg->models[i]->name;
        if (i < NAMES_SHOWN)
            buf_addf(&all, "%s%s", i ? ", " : "", names[i]);
    }
    const char *near = nearest_name(name, names, cfg->n_models);
    if (near)
        err_set(e, -ENOENT, "there is no model \"%.64s\"; did you mean \"%s\"?", name, near);
    else
        err_set(e, -ENOENT, "there is no model \"%.64s\"; there are: %s%s", name, buf_str(&all),
                cfg->n_models > NAMES_SHOWN ? ", ..." : "");
    buf_free(&all);
    free(names);
}

static struct model *named(struct open_file *f, const char *name, struct err *e)
{
    struct model *m = house_model(tree_house(f->tree), name);

    if (!m)
        no_such_model(tree_house(f->tree)->cfg, name, e);
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
        model_stop_all(h->models[i], stopped);
    return 0;
}

static int house_reload(struct open_file *f, char **args, struct err *e)
{
    struct house *h = tree_house(f->tree);

    (void)args, (void)e;
    for (size_t i = 0; i < h->cfg->n_clusters; i++)
        discover_start(h->clusters[i]);
    return 0;
}

const struct verb verbs_house[] = {
    { "reload", house_reload, "look again for the models that clusters have (discover)", false },
    { "stop all", house_stop_all, "end the jobs of all models", false },
    { "wake MODEL", house_wake, "start a job for a model, as a question would", false },
    { "stop MODEL", house_stop_one, "end its job; what waits for it fails with ECANCELED", false },
    { 0 },
};

/* ---- A model's: for a user with a cluster of his own, what it has there. */

static struct model *mine(const struct open_file *f)
{
    return model_seen_by(f->node.subject->ptr, f->caller.uid);
}

static int wake(struct open_file *f, char **args, struct err *e)
{
    (void)args, (void)e;
    model_wake(mine(f));
    return 0;
}

/* "30m" and the like, of at least a second: "0", which is never in a configuration, is none here. */
static int duration(const char *verb, const char *text, int64_t *seconds, struct err *e)
{
    struct err why = { 0 };

    if (parse_duration(text, 1, seconds, &why) < 0)
        return err_set(e, -EINVAL, "\"%s%.40s\": %s", verb, text, why.text);
    if (*seconds <= 0)
        return err_set(e, -EINVAL, "\"%s%.40s\": a duration of at least a second is needed, as 30m", verb,
                       text);
    return 0;
}

static int wake_for(struct open_file *f, char **args, struct err *e)
{
    int64_t seconds;
    int rc = duration("wake time=", args[0], &seconds, e);

    if (rc == 0)
        model_wake_for(mine(f), seconds);
    return rc;
}

static int extend(struct open_file *f, char **args, struct err *e)
{
    int64_t seconds;
    int rc = duration("extend ", args[0], &seconds, e);

    return rc < 0 ? rc : model_extend(mine(f), seconds, e);
}

static int pin(struct open_file *f, char **args, struct err *e)
{
    int64_t seconds;
    int rc = duration("pin ", args[0], &seconds, e);

    if (rc == 0)
        model_pin(mine(f), seconds);
    return rc;
}

static int unpin(struct open_file *f, char **args, struct err *e)
{
    (void)args, (void)e;
    model_pin(mine(f), 0);
    return 0;
}

static int replicas(struct open_file *f, char **args, struct err *e)
{
    size_t digits = strspn(args[0], "0123456789");

    if (digits == 0 || digits > 4 || args[0][digits])
        return err_set(e, -EINVAL, "\"replicas %.40s\": a number of jobs is needed, as 2", args[0]);
    return model_set_replicas(mine(f), atoi(args[0]), e);
}

static int stop(struct open_file *f, char **args, struct err *e)
{
    (void)args, (void)e;
    model_stop(mine(f), stopped);
    return 0;
}

static int cancel(struct open_file *f, char **args, struct err *e)
{
    (void)args;
    return asking_cancel(f->node.subject, &f->caller, e);
}

static int cancel_all(struct open_file *f, char **args, struct err *e)
{
    (void)args, (void)e;
    model_cancel_all(f->node.subject->ptr, f->caller.uid);
    return 0;
}

const struct verb verbs_model[] = {
    { "wake", wake, "start its jobs, as a question would", false },
    { "wake time=DURATION", wake_for, "likewise, with this time limit for the jobs", false },
    { "stop", stop, "end its jobs; what waits for them fails with ECANCELED", false },
    { "cancel", cancel, "end the answer that `reply` would give to you", true },
    { "cancel all", cancel_all, "end all that your user has asked", true },
    { "extend DURATION", extend, "ask the scheduler for a later time limit of its running jobs", false },
    { "pin DURATION", pin, "do not let it fall asleep for so long", false },
    { "unpin", unpin, "end the pin", false },
    { "replicas N", replicas, "have so many jobs, at the next wakes too; wakes it", false },
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

static int job_verb_extend(struct open_file *f, char **args, struct err *e)
{
    int64_t seconds;
    int rc = duration("extend ", args[0], &seconds, e);

    return rc < 0 ? rc : model_extend_job(f->node.subject->ptr, seconds, e);
}

const struct verb verbs_job[] = {
    { "cancel", job_verb_cancel, "end the job; its model may start another", false },
    { "extend DURATION", job_verb_extend, "ask the scheduler for a later time limit", false },
    { 0 },
};
