/* SPDX-License-Identifier: MIT */
/* The batches of a house, and their folders: state_dir/batches/N/ with the files in.jsonl, out.jsonl, errors.jsonl,
 * index, marks, and about: JSON that says whose it is and where it stands. Their names are people's and may be anything,
 * so folders have numbers. One that is removed is renamed first, which is at once, and then deleted in the pool. */
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/base/private_file.h"
#include "backend/batch/batch_inside.h"
#include "backend/house.h"
#include "backend/model/model.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ABOUT_MAX   8192 /* bytes: a name of 255 bytes, and some numbers */
#define BATCHES_MAX 500  /* of one user: each has five open files for as long as it is there */
#define REMOVED     ".removed"

static const char *const file_names[BATCH_FDS] = {
    [BATCH_FD_IN] = "in.jsonl", [BATCH_FD_OUT] = "out.jsonl", [BATCH_FD_ERRORS] = "errors.jsonl",
    [BATCH_FD_INDEX] = "index", [BATCH_FD_MARKS] = "marks",
};

/* ---- One in memory */

static void wake_cb(void *arg)
{
    batch_post(arg);
}

static struct batch *create(struct house *h, struct model *m, const char *name, uid_t uid, char *dir)
{
    struct batch *b = NEW(struct batch);

    b->house = h;
    b->model = m;
    b->name = xstrdup(name);
    b->uid = uid;
    b->dir = dir;
    b->since = b->out_mtime = b->errors_mtime = wall_now();
    b->durable = h->cfg->durable;
    b->line_max = (size_t)h->cfg->max_prompt;
    b->wake = timer_create_on(h->loop, wake_cb, b);
    for (int i = 0; i < BATCH_FDS; i++)
        b->fds[i] = -1;
    list_init(&b->lines);
    list_init(&b->got);
    list_init(&b->writing);
    list_init(&b->waiters);
    list_init(&b->syncing);
    list_init(&b->puts);
    list_append(&h->batches, &b->link);
    return b;
}

static int open_files(struct batch *b, struct err *e)
{
    for (int i = 0; i < BATCH_FDS; i++) {
        char *path = xasprintf("%s/%s", b->dir, file_names[i]);
        b->fds[i] = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        int rc = b->fds[i] < 0 ? err_set(e, -errno, "%s: %s", path, strerror(errno)) : 0;
        free(path);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- about */

char *batch_about(const struct batch *b)
{
    uint64_t stored = b->doing_sync ? b->sync_size : b->stored;
    json_t *v = json_pack("{s:s,s:s,s:I,s:s,s:I,s:I,s:b,s:b,s:I}", "model", model_config(b->model)->name,
                          "name", b->name, "uid", (json_int_t)b->uid, "state", batch_state_name(b->state),
                          "since", (json_int_t)b->since.tv_sec, "stored", (json_int_t)stored, "indexed",
                          b->indexed, "json", b->json, "total", (json_int_t)b->results.total);
    char *text = v ? json_dumps(v, JSON_INDENT(1)) : NULL;

    json_decref(v);
    return text ? text : xstrdup("{}");
}

static enum batch_state state_named(const char *word)
{
    for (int s = BATCH_EMPTY; s <= BATCH_CANCELLED; s++)
        if (word && strcmp(batch_state_name(s), word) == 0)
            return s;
    return BATCH_PAUSED; /* of a later version: whatever it is, nothing is sent */
}

static struct timespec mtime_of(int fd, struct timespec other)
{
    struct stat st;

    return fstat(fd, &st) == 0 ? st.st_mtim : other;
}

static void take_about(struct batch *b, const json_t *v)
{
    struct stat st;
    uint64_t total = (uint64_t)json_integer_value(json_object_get(v, "total"));
    int index = b->fds[BATCH_FD_INDEX];

    b->state = state_named(json_string_value(json_object_get(v, "state")));
    b->since.tv_sec = json_integer_value(json_object_get(v, "since"));
    b->stored = (uint64_t)json_integer_value(json_object_get(v, "stored"));
    b->json = json_is_true(json_object_get(v, "json"));
    batch_mind_emptied(b, total);
    b->indexed = b->state != BATCH_EMPTY && json_is_true(json_object_get(v, "indexed")) &&
                 total <= BATCH_LINES_MAX && fstat(index, &st) == 0 &&
                 (uint64_t)st.st_size >= total * sizeof(struct batch_entry);
    b->results.total = b->indexed ? (uint32_t)total : 0;
    b->loaded = !b->indexed;
    b->out_mtime = mtime_of(b->fds[BATCH_FD_OUT], b->since);
    b->errors_mtime = mtime_of(b->fds[BATCH_FD_ERRORS], b->since);
    /* Its writer has closed it, or was about to: the last thing that we know is a close(2) of the whole. */
    if (b->state == BATCH_EMPTY && b->stored > 0 && b->stored == batch_size(b, BATCH_IN))
        batch_handle(b, BATCH_EV_START);
}

/* ---- Loading */

static json_t *read_about(const char *dir)
{
    char *path = xasprintf("%s/about", dir);
    struct buf text = { 0 };
    json_t *v = NULL;

    if (private_file_read(path, ABOUT_MAX, &text, NULL) == 0)
        v = json_loadb(buf_str(&text), text.len, 0, NULL);
    buf_free(&text);
    free(path);
    return v;
}

static void load_one(struct house *h, const char *folder)
{
    char *dir = xasprintf("%s/batches/%s", h->state_dir, folder);
    json_t *v = read_about(dir);
    const char *name = json_string_value(json_object_get(v, "name"));
    const char *model = json_string_value(json_object_get(v, "model"));
    struct model *m = model ? house_model(h, model) : NULL;
    struct err e = { "" };

    if (!name || !m) {
        log_warning("the batch in %s is left alone: %s%s", dir,
                    name ? "there is no model " : "what it is about cannot be read",
                    name && model ? model : "");
        free(dir);
    } else {
        struct batch *b = create(h, m, name, (uid_t)json_integer_value(json_object_get(v, "uid")), dir);
        if (open_files(b, &e) == 0) {
            take_about(b, v);
            batch_post(b);
        } else {
            log_warning("a batch is left alone: %s", e.text);
            batch_close(b);
        }
    }
    json_decref(v);
}

/* ---- Removing */

struct removal {
    uv_work_t work;
    char *dir;
};

static void remove_cb(uv_work_t *w)
{
    const struct removal *r = container_of(w, struct removal, work);
    DIR *d = opendir(r->dir);

    for (struct dirent *entry; d && (entry = readdir(d));)
        unlinkat(dirfd(d), entry->d_name, 0); /* "." and ".." fail */
    if (d)
        closedir(d);
    rmdir(r->dir);
}

static void removed_cb(uv_work_t *w, int status)
{
    struct removal *r = container_of(w, struct removal, work);

    (void)status;
    free(r->dir);
    free(r);
}

/* Takes over dir. */
static void remove_folder(uv_loop_t *loop, char *dir)
{
    struct removal *r = NEW(struct removal);

    r->dir = dir;
    uv_queue_work(loop, &r->work, remove_cb, removed_cb);
}

int batch_remove(struct batch *b, struct err *e)
{
    if (b->state == BATCH_RUNNING || b->n_out > 0)
        return err_set(e, -EBUSY, "%s: the batch is %s; `cancel` it first", b->name,
                       b->state == BATCH_RUNNING ? "running" : "waiting for answers");
    char *away = xasprintf("%s" REMOVED, b->dir);
    int rc = rename(b->dir, away) < 0 && errno != ENOENT ? -errno : 0;
    if (rc < 0) {
        free(away);
        return err_set(e, rc, "%s: %s", b->dir, strerror(-rc));
    }
    remove_folder(b->house->loop, away);
    b->removed = true;
    house_changed(b->house);
    batch_close(b);
    return 0;
}

/* ---- All */

void batches_load(struct house *h)
{
    char *path = xasprintf("%s/batches", h->state_dir);
    DIR *d = opendir(path);

    for (struct dirent *entry; d && (entry = readdir(d));) {
        unsigned long number = strtoul(entry->d_name, NULL, 10);
        const char *end = strchr(entry->d_name, '.');
        if (number > h->last_batch)
            h->last_batch = number;
        if (end && end != entry->d_name && strcmp(end, REMOVED) == 0)
            remove_folder(h->loop, xasprintf("%s/%s", path, entry->d_name));
        else if (number > 0 && !end)
            load_one(h, entry->d_name);
    }
    if (d)
        closedir(d);
    free(path);
}

void batches_close(struct house *h)
{
    list_for_each(b, &h->batches, struct batch, link) batch_close(b);
}

struct batch *batch_find(struct house *h, const struct model *m, uid_t uid, const char *name)
{
    list_for_each(b, &h->batches, struct batch, link)
    {
        if (b->model == m && b->uid == uid && strcmp(b->name, name) == 0)
            return b;
    }
    return NULL;
}

void batch_each(struct house *h, const struct model *m, uid_t uid, void (*each)(void *arg, struct batch *b),
                void *arg)
{
    list_for_each(b, &h->batches, struct batch, link)
    {
        if (b->model == m && b->uid == uid)
            each(arg, b);
    }
}

uint64_t batches_stored(struct house *h, uid_t uid)
{
    uint64_t sum = 0;

    list_for_each(b, &h->batches, struct batch, link)
    {
        if (b->uid == uid)
            sum += batch_size(b, BATCH_IN) + batch_size(b, BATCH_OUT) + batch_size(b, BATCH_ERRORS) +
                   b->results.total * sizeof(struct batch_entry) + b->results.marks_end;
    }
    return sum;
}

static int check_room(const struct house *h, uid_t uid, struct err *e)
{
    int n = 0;

    list_for_each(b, &h->batches, struct batch, link) n += b->uid == uid;
    return n < BATCHES_MAX ? 0
                           : err_set(e, -EDQUOT, "there are %d batches already; remove some with rm -r", n);
}

int batch_make(struct model *m, const char *name, uid_t uid, struct batch **out, struct err *e)
{
    struct house *h = model_house(m);
    char *all = xasprintf("%s/batches", h->state_dir);
    char *dir = xasprintf("%s/%lu", all, h->last_batch + 1);
    int rc = check_room(h, uid, e);

    if (batch_find(h, m, uid, name))
        rc = err_set(e, -EEXIST, "there is a batch %s already", name);
    else if (rc == 0 && ((mkdir(all, 0700) < 0 && errno != EEXIST) || mkdir(dir, 0700) < 0))
        rc = err_set(e, -errno, "%s: %s", dir, strerror(errno));
    free(all);
    if (rc < 0) {
        free(dir);
        return rc;
    }
    h->last_batch++;
    struct batch *b = create(h, m, name, uid, dir);
    b->loaded = true;
    if ((rc = open_files(b, e)) < 0) {
        batch_remove(b, NULL);
        return rc;
    }
    b->want_about = true;
    batch_post(b);
    house_changed(h);
    *out = b;
    return 0;
}
