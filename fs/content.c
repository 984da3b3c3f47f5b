/* SPDX-License-Identifier: MIT */
/* Texts made from the state of the house: kept per subject and row, so that a thousand stat calls of a status
 * make it once. */
#include "fs/content.h"
#include "backend/base/alloc.h"
#include "fs/tree_inside.h"

#include <stdlib.h>
#include <string.h>

/* The text of one row of one subject, as of the last time that somebody looked. */
struct kept {
    struct list link; /* subject->kept */
    const struct row *row;
    struct buf text;
    unsigned changes; /* house->changes when it was made */
    struct timespec mtime;
};

static struct kept *find_kept(const struct node *n)
{
    list_for_each(k, &n->subject->kept, struct kept, link)
    {
        if (k->row == n->row)
            return k;
    }
    return NULL;
}

static struct kept *begin(struct tree *t, const struct node *n)
{
    const struct house *h = t->house;
    struct kept *k = NEW(struct kept);

    k->row = n->row;
    n->row->file->content(t, n, &k->text);
    k->changes = h->changes;
    k->mtime = n->row->file->constant || !h->changed.tv_sec ? h->started : h->changed;
    list_append(&n->subject->kept, &k->link);
    return k;
}

static void refresh(struct tree *t, const struct node *n, struct kept *k)
{
    struct buf now = { 0 };

    n->row->file->content(t, n, &now);
    k->changes = t->house->changes;
    if (now.len == k->text.len && memcmp(buf_str(&now), buf_str(&k->text), now.len) == 0) {
        buf_free(&now);
        return;
    }
    buf_free(&k->text);
    k->text = now;
    k->mtime = t->house->changed;
}

static const struct kept *look(struct tree *t, const struct node *n)
{
    struct kept *k = find_kept(n);

    if (!k)
        return begin(t, n);
    if (!n->row->file->constant && k->changes != t->house->changes)
        refresh(t, n, k);
    return k;
}

void content_stat(struct tree *t, const struct node *n, struct stat *st)
{
    const struct kept *k = look(t, n);

    st->st_mtim = k->mtime;
    st->st_size = (off_t)k->text.len;
    list_for_each(f, &n->subject->shown, struct open_file, shown)
    {
        if (f->node.row == n->row)
            st->st_size = (off_t)f->text.len; /* the last one stands */
    }
}

void content_open(struct open_file *f)
{
    const struct kept *k = look(f->tree, &f->node);

    buf_add(&f->text, k->text.data, k->text.len);
    list_append(&f->node.subject->shown, &f->shown);
}

void content_close(struct open_file *f)
{
    list_remove(&f->shown);
}

void content_drop(struct subject *s)
{
    list_for_each(k, &s->kept, struct kept, link)
    {
        list_remove(&k->link);
        buf_free(&k->text);
        free(k);
    }
}
