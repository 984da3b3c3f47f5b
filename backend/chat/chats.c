/* SPDX-License-Identifier: MIT */
/* The set of all conversations of a house: by name for those who look one up, by number for what the store has of their
 * questions, and a shelf for each user and model, which is what a listing shows. */
#include "backend/base/alloc.h"
#include "backend/base/hash.h"
#include "backend/base/timer.h"
#include "backend/chat/chats_inside.h"
#include "backend/history/history.h"
#include "backend/house.h"
#include "backend/model/model.h"
#include "backend/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096

/* Far more than a person keeps; a loop that makes one for each question and never ends it is told here. */
#define CHATS_MAX 10000 /* of one user, of all models together */

struct chat_shelf {
    struct chat_shelf *next;
    const struct model *model;
    uid_t uid;
    struct list chats; /* by age */
    size_t n;
};

struct chats {
    struct chat *by_name[BUCKETS], *by_number[BUCKETS];
    struct chat_shelf *shelves[BUCKETS];
};

/* ---- Looking up */

static size_t spread(uint64_t x)
{
    return (x ^ x >> 32 ^ x >> 16) % BUCKETS;
}

static uint64_t shelf_hash(const struct model *m, uid_t uid)
{
    return hash_add(HASH_BEGIN, model_config(m)->name) + uid * UINT64_C(0x9E3779B97F4A7C15);
}

static struct chat **name_bucket(const struct house *h, const struct model *m, uid_t uid, const char *name)
{
    return &h->chats->by_name[spread(hash_add(shelf_hash(m, uid), name))];
}

static struct chat **number_bucket(const struct house *h, int64_t id)
{
    return &h->chats->by_number[spread((uint64_t)id)];
}

static struct chat_shelf *find_shelf(const struct house *h, const struct model *m, uid_t uid)
{
    struct chat_shelf *f = h->chats->shelves[spread(shelf_hash(m, uid))];

    while (f && (f->model != m || f->uid != uid))
        f = f->next;
    return f;
}

static struct chat_shelf *shelf_of(struct house *h, const struct model *m, uid_t uid)
{
    struct chat_shelf *f = find_shelf(h, m, uid), **b = &h->chats->shelves[spread(shelf_hash(m, uid))];

    if (f)
        return f;
    f = NEW(struct chat_shelf);
    f->model = m;
    f->uid = uid;
    list_init(&f->chats);
    f->next = *b;
    return *b = f;
}

struct chat *chat_find(struct house *h, const struct model *m, uid_t uid, const char *name)
{
    struct chat *c = *name_bucket(h, m, uid, name);

    while (c && (c->model != m || c->uid != uid || strcmp(c->name, name) != 0))
        c = c->next_name;
    return c;
}

struct chat *chat_numbered(struct house *h, int64_t id)
{
    struct chat *c = *number_bucket(h, id);

    while (c && c->id != id)
        c = c->next_number;
    return c;
}

void chat_each(struct house *h, const struct model *m, uid_t uid, void (*each)(void *arg, struct chat *c),
               void *arg)
{
    struct chat_shelf *f = find_shelf(h, m, uid);

    if (!f)
        return;
    list_for_each(c, &f->chats, struct chat, link) each(arg, c);
}

void chat_each_of_all(struct house *h, void (*each)(void *arg, struct chat *c), void *arg)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct chat *c = h->chats->by_number[i], *next; c; c = next) {
            next = c->next_number;
            each(arg, c);
        }
    }
}

uint64_t chats_stored(struct house *h, uid_t uid)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < BUCKETS; i++)
        for (const struct chat *c = h->chats->by_number[i]; c; c = c->next_number)
            sum += c->uid == uid ? chat_stored(c) : 0;
    return sum;
}

/* ---- Making and ending */

static void put_name(struct chat *c)
{
    struct chat **b = name_bucket(c->house, c->model, c->uid, c->name);

    c->next_name = *b;
    *b = c;
}

static void take_name(struct chat *c)
{
    struct chat **at = name_bucket(c->house, c->model, c->uid, c->name);

    while (*at != c)
        at = &(*at)->next_name;
    *at = c->next_name;
}

struct chat *chats_new(struct house *h, struct model *m, uid_t uid, const char *name, int64_t id)
{
    struct chat *c = NEW(struct chat), **b = number_bucket(h, id);

    c->house = h;
    c->model = m;
    c->uid = uid;
    c->id = id;
    c->name = xstrdup(name);
    c->since = c->changed = wall_now();
    list_init(&c->queue);
    c->shelf = shelf_of(h, m, uid);
    c->shelf->n++;
    list_append(&c->shelf->chats, &c->link);
    put_name(c);
    c->next_number = *b;
    *b = c;
    return c;
}

static void unlist(struct chat *c)
{
    struct chat **at = number_bucket(c->house, c->id);

    while (*at != c)
        at = &(*at)->next_number;
    *at = c->next_number;
    take_name(c);
    list_remove(&c->link);
    c->shelf->n--;
}

static void free_chat(struct chat *c)
{
    messages_finish(&c->messages);
    settings_destroy(c->settings);
    free(c->name);
    free(c->limit_job);
    free(c->error);
    free(c->failed);
    free(c);
}

static void post(const struct chat *c, struct store_op *op)
{
    store_post(history_store(c->house), op, STORE_NOW, 0);
}

static void store_row(const struct chat *c)
{
    struct store_op *op = store_op_create(NULL, NULL);

    chat_put(c, op);
    post(c, op);
}

void chat_settings_changed(void *chat)
{
    store_row(chat);
}

static int check_room(struct house *h, uid_t uid, struct err *e)
{
    size_t n = 0;

    for (size_t i = 0; i < BUCKETS; i++)
        for (const struct chat_shelf *f = h->chats->shelves[i]; f; f = f->next)
            n += f->uid == uid ? f->n : 0;
    if (n >= CHATS_MAX)
        return err_set(e, -EDQUOT, "you have %d conversations already; end some with rmdir", CHATS_MAX);
    return history_takes(h, e);
}

int chat_create(struct house *h, struct model *m, uid_t uid, const char *name, struct chat **out,
                struct err *e)
{
    int rc = check_room(h, uid, e);

    if (rc < 0)
        return rc;
    *out = chats_new(h, m, uid, name, history_new_id(h));
    store_row(*out);
    house_changed(h);
    return 0;
}

int chat_fork(struct chat *c, const char *name, struct err *e)
{
    int rc = check_room(c->house, c->uid, e);

    if (rc < 0)
        return rc;
    struct chat *f = chats_new(c->house, c->model, c->uid, name, history_new_id(c->house));
    messages_copy(&f->messages, &c->messages, c->messages.n);
    f->given = c->messages.n;
    f->used = c->used;
    f->used_bytes = c->used_bytes;
    f->limit = c->limit;
    f->limit_job = c->limit_job ? xstrdup(c->limit_job) : NULL;
    if (c->settings)
        settings_copy(chat_settings(f), c->settings);
    struct store_op *op = store_op_create(NULL, NULL);
    chat_put(f, op);
    chat_put_copies(f, op, c, f->messages.n);
    post(f, op);
    house_changed(c->house);
    return 0;
}

void chat_rename(struct chat *c, const char *name)
{
    char *copy = xstrdup(name);

    take_name(c);
    free(c->name);
    c->name = copy;
    put_name(c);
    store_row(c);
    house_changed(c->house);
}

int chat_destroy(struct chat *c)
{
    struct house *h = c->house;

    if (!list_empty(&c->queue))
        return -EBUSY;
    struct store_op *op = store_op_create(NULL, NULL);
    chat_delete(c, op);
    post(c, op);
    unlist(c);
    free_chat(c);
    house_changed(h);
    return 0;
}

void chats_load(struct house *h)
{
    h->chats = NEW(struct chats);
    chats_read(h);
}

/* The models are gone already. */
static void free_cb(void *arg, struct chat *c)
{
    (void)arg;
    free_chat(c);
}

void chats_close(struct house *h)
{
    if (!h->chats)
        return;
    chat_each_of_all(h, free_cb, NULL);
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct chat_shelf *f = h->chats->shelves[i], *next; f; f = next) {
            next = f->next;
            free(f);
        }
    }
    free(h->chats);
    h->chats = NULL;
}
