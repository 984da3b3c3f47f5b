/* SPDX-License-Identifier: MIT */
/* The life of a batch. It begins when in.jsonl is closed, or by `start` where somebody said `hold` before; then its
 * lines are numbered (batch_index.c), sent as the model has slots (batch_pump.c) and their results written
 * (batch_results.c), until each line has one. `pause` lets those under way be answered; `cancel` does not; both can go on
 * by `start`. What the state directory has of it is enough to go on from after a crash. */
#include "backend/batch/batch.h"
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/batch/batch_inside.h"
#include "backend/house.h"
#include "backend/model/model.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- The table */

static const char *const names[] = {
    [BATCH_EMPTY] = "empty",   [BATCH_HELD] = "held", [BATCH_RUNNING] = "running",
    [BATCH_PAUSED] = "paused", [BATCH_DONE] = "done", [BATCH_CANCELLED] = "cancelled",
};

const struct batch_transition batch_transitions[] = {
    { BATCH_EMPTY, BATCH_EV_HOLD, BATCH_HELD },
    { BATCH_EMPTY, BATCH_EV_START, BATCH_RUNNING },
    { BATCH_HELD, BATCH_EV_HOLD, BATCH_HELD },
    { BATCH_HELD, BATCH_EV_START, BATCH_RUNNING },
    { BATCH_HELD, BATCH_EV_UNHOLD, BATCH_EMPTY },
    { BATCH_HELD, BATCH_EV_CANCEL, BATCH_CANCELLED },
    { BATCH_RUNNING, BATCH_EV_START, BATCH_RUNNING },
    { BATCH_RUNNING, BATCH_EV_RESUME, BATCH_RUNNING },
    { BATCH_RUNNING, BATCH_EV_PAUSE, BATCH_PAUSED },
    { BATCH_RUNNING, BATCH_EV_CANCEL, BATCH_CANCELLED },
    { BATCH_RUNNING, BATCH_EV_FINISHED, BATCH_DONE },
    { BATCH_PAUSED, BATCH_EV_START, BATCH_RUNNING },
    { BATCH_PAUSED, BATCH_EV_RESUME, BATCH_RUNNING },
    { BATCH_PAUSED, BATCH_EV_PAUSE, BATCH_PAUSED },
    { BATCH_PAUSED, BATCH_EV_CANCEL, BATCH_CANCELLED },
    { BATCH_PAUSED, BATCH_EV_RETRY, BATCH_RUNNING },
    { BATCH_DONE, BATCH_EV_RETRY, BATCH_RUNNING },
    { BATCH_DONE, BATCH_EV_EMPTIED, BATCH_EMPTY },
    { BATCH_CANCELLED, BATCH_EV_CANCEL, BATCH_CANCELLED },
    { BATCH_CANCELLED, BATCH_EV_START, BATCH_RUNNING },
    { BATCH_CANCELLED, BATCH_EV_RESUME, BATCH_RUNNING },
    { BATCH_CANCELLED, BATCH_EV_RETRY, BATCH_RUNNING },
    { BATCH_CANCELLED, BATCH_EV_EMPTIED, BATCH_EMPTY },
};
const size_t batch_n_transitions = sizeof batch_transitions / sizeof batch_transitions[0];

const char *batch_state_name(enum batch_state s)
{
    return names[s];
}

static const struct batch_transition *find_transition(const struct batch *b, enum batch_event ev)
{
    for (size_t i = 0; i < batch_n_transitions; i++)
        if (batch_transitions[i].state == b->state && batch_transitions[i].event == ev)
            return &batch_transitions[i];
    return NULL;
}

/* ---- Entries */

static void enter_running(struct batch *b)
{
    b->dirty = false;
    b->rest_until_ms = b->rest_ms = b->minute_ends_ms = 0;
    b->per_s = 0;
    b->most_out = 0;
    b->sample[0].ms = b->sample[1].ms = 0;
    batch_set_text(&b->trouble, NULL);
}

static void enter_cancelled(struct batch *b)
{
    batch_drop_lines(b);
    b->dirty = false;
}

bool batch_handle(struct batch *b, enum batch_event ev)
{
    const struct batch_transition *t = find_transition(b, ev);

    if (!t)
        return false;
    if (t->next == b->state)
        return true;
    log_info("batch %s of %s: %s -> %s", b->name, model_config(b->model)->name, names[b->state],
             names[t->next]);
    b->state = t->next;
    b->since = wall_now();
    if (b->state == BATCH_RUNNING)
        enter_running(b);
    else if (b->state == BATCH_CANCELLED)
        enter_cancelled(b);
    else if (b->state == BATCH_PAUSED)
        batch_withdraw(b);
    b->want_about = true;
    house_changed(b->house);
    batch_post(b);
    return true;
}

/* ---- Verbs */

static const char *const verbs[] = {
    [BATCH_HOLD] = "hold",     [BATCH_START] = "start",   [BATCH_PAUSE] = "pause",
    [BATCH_RESUME] = "resume", [BATCH_CANCEL] = "cancel", [BATCH_RETRY_FAILED] = "retry-failed",
};

static const enum batch_event events[] = {
    [BATCH_HOLD] = BATCH_EV_HOLD,     [BATCH_START] = BATCH_EV_START,   [BATCH_PAUSE] = BATCH_EV_PAUSE,
    [BATCH_RESUME] = BATCH_EV_RESUME, [BATCH_CANCEL] = BATCH_EV_CANCEL, [BATCH_RETRY_FAILED] = BATCH_EV_RETRY,
};

/* What has to be there for it. */
static int check_start(struct batch *b, struct err *e)
{
    if (b->state == BATCH_HELD && b->writers > 0) { /* it begins when that one closes it */
        batch_handle(b, BATCH_EV_UNHOLD);
        return 0;
    }
    if (b->writers > 0)
        return err_set(e, -EBUSY, "in.jsonl is being written; it begins when that is closed");
    if (batch_size(b, BATCH_IN) == 0)
        return err_set(e, -EINVAL, "in.jsonl is empty: write the questions first");
    return 1;
}

static int check_retry(struct batch *b, struct err *e)
{
    if (b->n_out == 0)
        batch_drop_lines(b); /* they are read again */
    if (!b->loaded || b->n_lines > 0 || b->reading)
        return err_set(e, -EBUSY, "lines are still under way; try again when status says in_flight 0");
    if (b->results.bad == 0)
        return err_set(e, -EINVAL, "no line has failed");
    b->want_retry = true;
    b->next = 0;
    return 1;
}

int batch_do(struct batch *b, enum batch_verb verb, struct err *e)
{
    int rc = 1;

    if (!find_transition(b, events[verb]))
        return err_set(e, -EINVAL, "a batch that is %s knows no `%s`", names[b->state], verbs[verb]);
    if ((verb == BATCH_START || verb == BATCH_RESUME) && b->state != BATCH_RUNNING)
        rc = check_start(b, e);
    else if (verb == BATCH_RETRY_FAILED)
        rc = check_retry(b, e);
    if (rc == 1)
        batch_handle(b, events[verb]);
    else
        batch_post(b);
    return rc < 0 ? rc : 0;
}

/* ---- What it is */

const char *batch_name(const struct batch *b)
{
    return b->name;
}

struct model *batch_model(const struct batch *b)
{
    return b->model;
}

uid_t batch_uid(const struct batch *b)
{
    return b->uid;
}

enum batch_state batch_state(const struct batch *b)
{
    return b->state;
}

void batch_set_text(char **to, const char *text)
{
    char *copy = text ? xstrdup(text) : NULL;

    free(*to);
    *to = copy;
}

/* ---- Its files */

uint64_t batch_size(const struct batch *b, enum batch_file which)
{
    struct stat st;

    if (which == BATCH_OUT)
        return b->results.out_end;
    if (which == BATCH_ERRORS)
        return b->results.errors_end;
    return fstat(b->fds[BATCH_FD_IN], &st) == 0 ? (uint64_t)st.st_size : 0;
}

struct timespec batch_mtime(const struct batch *b, enum batch_file which)
{
    struct stat st;

    if (which != BATCH_IN)
        return which == BATCH_OUT ? b->out_mtime : b->errors_mtime;
    return fstat(b->fds[BATCH_FD_IN], &st) == 0 ? st.st_mtim : b->since;
}

int batch_open_file(const struct batch *b, enum batch_file which)
{
    static const int fds[] = { BATCH_FD_IN, BATCH_FD_OUT, BATCH_FD_ERRORS };
    int fd = fcntl(b->fds[fds[which]], F_DUPFD_CLOEXEC, 0);

    return fd < 0 ? -errno : fd;
}

bool batch_is_over(const struct batch *b)
{
    return b->state == BATCH_DONE || b->state == BATCH_CANCELLED;
}

/* in.jsonl first: over and without lines, or without their index, is one of which this was begun, and the next mount
 * goes on with it. Its results may not outlive its lines: they would count for others. */
int batch_empty_files(struct batch *b)
{
    static const int order[] = { BATCH_FD_IN, BATCH_FD_INDEX, BATCH_FD_MARKS, BATCH_FD_ERRORS, BATCH_FD_OUT };

    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (ftruncate(b->fds[order[i]], 0) < 0)
            return -errno;
    b->stored = 0;
    return 0;
}

void batch_mind_emptied(struct batch *b, uint64_t total)
{
    struct stat st;
    bool index = fstat(b->fds[BATCH_FD_INDEX], &st) == 0 && st.st_size > 0;

    if (!batch_is_over(b) || (batch_size(b, BATCH_IN) > 0 && (index || total == 0)))
        return;
    int rc = batch_empty_files(b);
    if (rc < 0)
        log_warning("batch %s of %s cannot be emptied: %s", b->name, model_config(b->model)->name,
                    strerror(-rc));
    else
        batch_handle(b, BATCH_EV_EMPTIED);
}
