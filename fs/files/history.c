/* SPDX-License-Identifier: MIT */
/* history/<id>/: an exchange of the caller's own. While it lives its texts are those of the prompt in memory, and
 * `reply` gives what has come. Once it is over they are in the store, which an open asks for one of them; sizes are
 * known from the index, so that lookup and stat never wait for a disk. The first read waits until the text is here:
 * as long as a read of any file on that disk may take, and, as there, O_NONBLOCK does not spare it. OPEN could
 * have waited instead, but a read that waits can be interrupted. */
#include "backend/history/history.h"
#include "backend/base/alloc.h"
#include "backend/model/model.h"
#include "backend/prompt.h"
#include "backend/history/record.h"
#include "fs/files/files.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

struct past_file {
    struct open_file *file;
    struct prompt *prompt; /* of a reply that may still come: read from there; counted in its references */
    bool loading;          /* the store was asked */
    int rc;
    struct waitq waiters;
};

static struct history_entry *entry_of(struct tree *t, const struct node *n)
{
    const struct subject *s = n->subject;

    return history_find(tree_house(t), model_config(s->ptr)->name, s->uid, (int64_t)s->number);
}

static struct prompt *live_prompt(const struct history_entry *e)
{
    return e->live ? record_prompt_of(e->live) : NULL;
}

/* ---- The texts of one that lives */

static void prompt_text(const struct record *r, struct buf *out)
{
    const struct buf *text = &record_prompt_of(r)->text;

    buf_add(out, text->data, text->len);
    buf_adds(out, "\n");
}

static void error_text(const struct record *r, struct buf *out)
{
    const struct prompt *p = record_prompt_of(r);

    if (prompt_over(p) && p->x.error)
        buf_addf(out, "%s\n", p->x.error);
}

static void status_text(const struct record *r, struct buf *out)
{
    json_t *status = record_status(r, false);
    char *text = json_dumps(status, JSON_COMPACT);

    buf_addf(out, "%s\n", text ? text : "{}");
    free(text);
    json_decref(status);
}

/* ---- What differs between the four files */

static const char prompt_sql[] = "SELECT data FROM texts WHERE at BETWEEN ?1 * 65536 AND ?1 * 65536";
static const char reply_sql[] =
    "SELECT data FROM texts WHERE at BETWEEN ?1 * 65536 + 1 AND ?1 * 65536 + 65535 ORDER BY at";
static const char error_sql[] = "SELECT error FROM prompts WHERE id = ?1";
static const char status_sql[] = "SELECT status FROM prompts WHERE id = ?1";

static const struct kind {
    const char *sql;
    void (*live)(const struct record *r, struct buf *out); /* NULL: the reply, which grows */
    size_t len;                                            /* offset in the entry */
    bool line; /* its text ends with a newline, although the store's may not */
} kinds[] = {
    { prompt_sql, prompt_text, offsetof(struct history_entry, prompt_len), true },
    { reply_sql, NULL, offsetof(struct history_entry, reply_len), false },
    { error_sql, error_text, offsetof(struct history_entry, error_len), false },
    { status_sql, status_text, offsetof(struct history_entry, status_len), false },
};

static const struct kind *kind_of(const struct node *n)
{
    const struct file_ops *ops = n->row->file;

    return &kinds[ops == &file_past_prompt  ? 0
                  : ops == &file_past_reply ? 1
                  : ops == &file_past_error ? 2
                                            : 3];
}

/* ---- stat */

static size_t live_size(const struct kind *k, const struct record *r)
{
    const struct prompt *p = record_prompt_of(r);
    struct buf text = { 0 };

    if (!k->live)
        return prompt_shown(p);
    k->live(r, &text);
    size_t len = text.len;
    buf_free(&text);
    return len;
}

static void past_stat(struct tree *t, const struct node *n, struct stat *st)
{
    const struct history_entry *e = entry_of(t, n);
    const struct kind *k = kind_of(n);
    uint32_t len;

    if (!e)
        return; /* it was too old, and went */
    if (live_prompt(e)) {
        st->st_size = (off_t)live_size(k, e->live);
        st->st_mtim = live_prompt(e)->grew;
        return;
    }
    memcpy(&len, (const char *)e + k->len, sizeof len);
    st->st_size = len;
    st->st_mtim = (struct timespec){ .tv_sec = e->ended_ms / 1000, .tv_nsec = e->ended_ms % 1000 * 1000000 };
}

/* ---- open and read */

static void loaded_cb(void *arg, int rc, const struct store_rows *rows)
{
    struct past_file *p = arg;
    struct buf *text = &p->file->text;

    p->loading = false;
    p->rc = rc == 0 ? 0 : -EIO;
    for (size_t i = 0; rc == 0 && i < rows->n; i++)
        buf_add(text, rows->v[i].data, rows->v[i].len);
    if (kind_of(&p->file->node)->line && (text->len == 0 || text->data[text->len - 1] != '\n'))
        buf_adds(text, "\n");
    waitq_wake(&p->waiters);
}

static void load(struct past_file *p)
{
    const struct node *n = &p->file->node;
    struct store_op *op = store_op_create(loaded_cb, p);

    p->loading = true;
    store_op_add(op, kind_of(n)->sql, (struct store_value[]){ STORE_ARG_INT(n->subject->number) }, 1);
    store_post(history_store(tree_house(p->file->tree)), op, STORE_NOW, 0);
}

static int past_open(struct open_file *f)
{
    const struct history_entry *e = entry_of(f->tree, &f->node);
    const struct kind *k = kind_of(&f->node);

    /* The kernel may know the name from its owner: that is looked at by file_open(). */
    if (!e)
        return -ESTALE;
    struct past_file *p = NEW(struct past_file);
    p->file = f;
    f->priv = p;
    waitq_init(&p->waiters, f->tree);
    if (!live_prompt(e)) {
        load(p);
    } else if (k->live) {
        k->live(e->live, &f->text);
    } else {
        p->prompt = live_prompt(e);
        exchange_ref(&p->prompt->x);
    }
    return 0;
}

static int past_read(struct open_file *f, uint64_t off, size_t size, struct answer *out)
{
    struct past_file *p = f->priv;
    const struct buf *text = p->prompt ? &p->prompt->reply : &f->text;
    size_t len = p->prompt ? prompt_shown(p->prompt) : text->len;

    if (p->loading) {
        out->parked_on = &p->waiters;
        return 0;
    }
    if (p->rc < 0)
        return p->rc;
    if (off < len) {
        out->data = text->data + off;
        out->len = len - off < size ? len - off : size;
    }
    return 0;
}

static void past_release(struct open_file *f)
{
    struct past_file *p = f->priv;

    store_forget(history_store(tree_house(f->tree)), p);
    if (p->prompt)
        exchange_unref(&p->prompt->x);
    free(p);
}

#define PAST_FILE                                                                                            \
    {                                                                                                        \
        .stat = past_stat, .open = past_open, .read = past_read, .release = past_release                     \
    }

const struct file_ops file_past_prompt = PAST_FILE;
const struct file_ops file_past_reply = PAST_FILE;
const struct file_ops file_past_error = PAST_FILE;
const struct file_ops file_past_status = PAST_FILE;

/* ---- latest */

static const struct history_entry *latest(struct tree *t, struct subject *s)
{
    return history_latest(tree_house(t), model_config(s->ptr)->name, tree_caller(t)->uid);
}

bool has_history(struct tree *t, struct subject *s)
{
    return latest(t, s) != NULL;
}

int link_latest(struct tree *t, struct subject *s, const char *name, struct buf *target)
{
    const struct history_entry *e = latest(t, s);
    char text[HISTORY_ID_TEXT];

    (void)name;
    if (!e)
        return -ENOENT;
    buf_adds(target, history_id_text(e->id, text));
    return 0;
}
