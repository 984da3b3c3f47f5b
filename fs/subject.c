/* SPDX-License-Identifier: MIT */
/* The table of subjects. Numbers are given once and never again, so that an inode number which the kernel
 * still holds never means something else; a subject is freed when its thing is gone and the kernel has
 * forgotten it. */
#include "fs/tree_inside.h"
#include "backend/base/alloc.h"
#include "fs/content.h"

#include <stdlib.h>

#define FIRST_BUCKETS 256

static struct subject **id_bucket(struct tree *t, uint64_t id)
{
    return &t->by_id[id & (t->n_buckets - 1)];
}

static struct subject **ptr_bucket(struct tree *t, const void *ptr, uint64_t number)
{
    uint64_t x = ((uint64_t)(uintptr_t)ptr >> 4) + number;

    return &t->by_ptr[(x ^ x >> 12) & (t->n_buckets - 1)];
}

static void put(struct tree *t, struct subject *s)
{
    struct subject **b = id_bucket(t, s->id);

    s->next = *b;
    *b = s;
    if (!s->ptr)
        return;
    b = ptr_bucket(t, s->ptr, s->number);
    s->next_ptr = *b;
    *b = s;
}

static void allocate_buckets(struct tree *t, size_t n)
{
    t->n_buckets = n;
    t->by_id = xcalloc(n, sizeof *t->by_id);
    t->by_ptr = xcalloc(n, sizeof *t->by_ptr);
}

static void grow(struct tree *t)
{
    struct subject **old = t->by_id;
    size_t n = t->n_buckets;

    free(t->by_ptr);
    allocate_buckets(t, n * 2);
    for (size_t i = 0; i < n; i++) {
        for (struct subject *s = old[i], *next; s; s = next) {
            next = s->next;
            put(t, s);
        }
    }
    free(old);
}

void subjects_init(struct tree *t)
{
    allocate_buckets(t, FIRST_BUCKETS);
}

static void unlist_ptr(struct tree *t, struct subject *s)
{
    struct subject **at = ptr_bucket(t, s->ptr, s->number);

    while (*at && *at != s)
        at = &(*at)->next_ptr;
    if (*at)
        *at = s->next_ptr;
    s->ptr = NULL;
}

static void free_subject(struct tree *t, struct subject *s)
{
    struct subject **at = id_bucket(t, s->id);

    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    t->n_subjects--;
    content_drop(s);
    free(s);
}

void subjects_finish(struct tree *t)
{
    for (size_t i = 0; i < t->n_buckets; i++)
        while (t->by_id[i])
            free_subject(t, t->by_id[i]);
    free(t->by_id);
    free(t->by_ptr);
}

struct subject *subject_find(struct tree *t, uint64_t id)
{
    struct subject *s = *id_bucket(t, id);

    while (s && s->id != id)
        s = s->next;
    return s;
}

static struct subject *create(struct tree *t, enum subject_kind kind, void *ptr, uint64_t number)
{
    struct subject *s = NEW(struct subject);

    if (t->n_subjects++ >= t->n_buckets)
        grow(t);
    s->id = ++t->last_id;
    s->kind = kind;
    s->ptr = ptr;
    s->number = number;
    s->uid = t->uid;
    list_init(&s->kept);
    list_init(&s->shown);
    put(t, s);
    return s;
}

struct subject *subject_create(struct tree *t, enum subject_kind kind, void *ptr)
{
    return create(t, kind, ptr, 0);
}

void subject_retire(struct tree *t, struct subject *s)
{
    unlist_ptr(t, s);
    if (s->lookups == 0)
        free_subject(t, s);
}

static struct subject *find_ptr(struct tree *t, enum subject_kind kind, const void *ptr, uint64_t number)
{
    struct subject *s = *ptr_bucket(t, ptr, number);

    while (s && (s->ptr != ptr || s->kind != kind || s->number != number))
        s = s->next_ptr;
    return s;
}

struct subject *subject_of(struct tree *t, enum subject_kind kind, const void *ptr)
{
    struct subject *s = find_ptr(t, kind, ptr, 0);

    return s ? s : subject_create(t, kind, (void *)ptr);
}

struct subject *subject_owned(struct tree *t, enum subject_kind kind, const void *ptr, uid_t uid)
{
    struct subject *s = subject_of(t, kind, ptr);

    s->uid = uid;
    s->own = true;
    return s;
}

struct subject *subject_numbered(struct tree *t, enum subject_kind kind, const void *ptr, uint64_t number,
                                 uid_t uid)
{
    struct subject *s = find_ptr(t, kind, ptr, number);

    if (!s)
        s = create(t, kind, (void *)ptr, number);
    s->uid = uid;
    s->own = true;
    return s;
}

void subject_gone(struct tree *t, enum subject_kind kind, const void *ptr)
{
    struct subject *s = find_ptr(t, kind, ptr, 0);

    if (s)
        subject_retire(t, s);
}

void subject_ref(struct subject *s)
{
    s->lookups++;
}

void subject_unref(struct tree *t, struct subject *s, uint64_t count)
{
    s->lookups = count < s->lookups ? s->lookups - count : 0;
    if (s->lookups > 0)
        return;
    if (s->ptr && s->number)
        unlist_ptr(t, s);
    if (!s->ptr)
        free_subject(t, s);
}
