/* SPDX-License-Identifier: MIT */
/* The index of history: a sorted array for each user and model. */
#include "backend/history/history.h"
#include "backend/base/alloc.h"
#include "backend/base/hash.h"
#include "backend/history/history_inside.h"
#include "backend/house.h"

#include <stdlib.h>
#include <string.h>

/* What a row costs beside its texts, roughly. */
#define ROW_BYTES 512

/* ---- Shelves */

static struct shelf **bucket(struct history *y, const char *model, uid_t uid)
{
    uint64_t x = hash_add(HASH_BEGIN, model) + uid * UINT64_C(0x9E3779B97F4A7C15);

    return &y->shelves[(x ^ x >> 32) % SHELVES];
}

static struct shelf *find_shelf(struct history *y, const char *model, uid_t uid)
{
    struct shelf *f = *bucket(y, model, uid);

    while (f && (f->uid != uid || strcmp(f->model, model) != 0))
        f = f->next;
    return f;
}

static struct shelf *shelf_of(struct history *y, const char *model, uid_t uid)
{
    struct shelf *f = find_shelf(y, model, uid), **b = bucket(y, model, uid);

    if (f)
        return f;
    f = NEW(struct shelf);
    f->model = xstrdup(model);
    f->uid = uid;
    f->next = *b;
    *b = f;
    return f;
}

/* The first place whose id is not smaller. */
static size_t place(const struct shelf *f, int64_t id)
{
    size_t low = f->first, high = f->n;

    if (high > low && f->v[high - 1].id < id) /* nearly always */
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (f->v[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void make_room(struct shelf *f)
{
    if (f->n < f->cap)
        return;
    if (f->first > f->cap / 2) {
        memmove(f->v, f->v + f->first, (f->n - f->first) * sizeof *f->v);
        f->n -= f->first;
        f->first = 0;
        return;
    }
    f->cap = f->cap ? f->cap * 2 : 8;
    f->v = xrealloc(f->v, f->cap * sizeof *f->v);
}

/* ---- Entries */

int64_t history_bytes(const struct history_entry *e)
{
    return (int64_t)e->prompt_len + e->reply_len + e->error_len + e->status_len + ROW_BYTES;
}

struct history_entry *history_find(struct house *h, const char *model, uid_t uid, int64_t id)
{
    struct shelf *f = find_shelf(h->history, model, uid);
    size_t at = f ? place(f, id) : 0;

    return f && at < f->n && f->v[at].id == id ? &f->v[at] : NULL;
}

struct history_entry *history_latest(struct house *h, const char *model, uid_t uid)
{
    struct shelf *f = find_shelf(h->history, model, uid);

    return f && f->n > f->first ? &f->v[f->n - 1] : NULL;
}

int64_t history_some(struct house *h, const char *model, uid_t uid, int64_t after, size_t max,
                     void (*each)(void *arg, const struct history_entry *e), void *arg)
{
    struct shelf *f = find_shelf(h->history, model, uid);
    size_t from = f ? place(f, after + 1) : 0, n = f ? f->n - from : 0, shown = n < max ? n : max;

    for (size_t i = from; i < from + shown; i++)
        each(arg, &f->v[i]);
    return n > shown ? f->v[from + shown - 1].id : 0;
}

static struct history_entry *insert(struct history *y, const char *model, uid_t uid, int64_t id)
{
    struct shelf *f = shelf_of(y, model, uid);

    make_room(f);
    size_t at = place(f, id);
    if (at < f->n && f->v[at].id == id)
        return &f->v[at];
    memmove(&f->v[at + 1], &f->v[at], (f->n++ - at) * sizeof *f->v);
    f->v[at] = (struct history_entry){ .id = id };
    if (id > y->last_id)
        y->last_id = id;
    return &f->v[at];
}

void history_add(struct house *h, const char *model, uid_t uid, int64_t id, struct record *live)
{
    insert(h->history, model, uid, id)->live = live;
}

void history_settle(struct house *h, const char *model, uid_t uid, const struct history_entry *as)
{
    struct history_entry *e = insert(h->history, model, uid, as->id);

    *e = *as;
    e->live = NULL;
    h->history->bytes += history_bytes(e);
    history_clean_mind(h);
}

void history_remove(struct house *h, const char *model, uid_t uid, int64_t id)
{
    struct history_entry *e = history_find(h, model, uid, id);

    if (!e || e->live)
        return;
    struct shelf *f = find_shelf(h->history, model, uid);
    size_t at = (size_t)(e - f->v);
    h->history->bytes -= history_bytes(e);
    if (at == f->first) {
        f->first++;
        return;
    }
    memmove(&f->v[at], &f->v[at + 1], (--f->n - at) * sizeof *f->v);
}

/* ---- Ids: milliseconds in base 32, in the alphabet of Crockford without its look-alikes, so that they are short,
 * sort by time and can be read aloud. Nine digits last until the year 3084. */

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
#define DIGITS 9

int64_t history_new_id(struct house *h)
{
    struct timespec now = wall_now();
    int64_t ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    struct history *y = h->history;

    return y->last_id = ms > y->last_id ? ms : y->last_id + 1;
}

const char *history_id_text(int64_t id, char out[HISTORY_ID_TEXT])
{
    out[DIGITS] = '\0';
    for (int i = DIGITS - 1; i >= 0; i--, id >>= 5)
        out[i] = digits[id & 31];
    return out;
}

int64_t history_id_parse(const char *text)
{
    int64_t id = 0;

    if (strlen(text) != DIGITS)
        return -1;
    for (; *text; text++) {
        const char *at = strchr(digits, *text);
        if (!at)
            return -1;
        id = id << 5 | (at - digits);
    }
    return id;
}
