/* SPDX-License-Identifier: MIT */
/* The files `reply`, `response`, `vector` and `error`. Their names mean another inode for each caller: the asking that it is bound
 * to (CONTRACT.md 4.1). Reading `reply` is the one read in the tree that waits, and only while an answer of
 * the reader's own is under way. */
#include "backend/base/alloc.h"
#include "backend/chat/chat.h"
#include "fs/asking.h"
#include "fs/binding.h"
#include "fs/tree.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

struct reply_file {
    struct asking *asking;
    uint64_t pos; /* behind the last byte that was read: what poll(2) looks from */
    bool looked;  /* whether the reader holds the draft open was looked at */
};

static struct asking *asking_of(const struct node *n)
{
    return n->subject->kind == SUBJECT_ASKING ? n->subject->ptr : NULL;
}

static struct subject *reply_resolve(struct tree *t, const struct node *n, const struct caller *c)
{
    struct ancestry who;
    struct subject *home =
        n->subject->kind == SUBJECT_ASKING && n->subject->ptr ? asking_of(n)->home : n->subject;

    if (!home->ptr || home->kind == SUBJECT_ASKING)
        return NULL;
    const struct pair *pair = n->row->file->pair;
    struct asking *a = asking_bound(home, pair, c, &who);
    /* Python's open("ask", "w") before its first flush: the reader means what it is about to ask, never the
     * answer before. */
    if (a && ask_held_clean(t, home, pair, c, &who))
        return NULL;
    return a ? a->subject : NULL;
}

/* What was answered last in a conversation of an earlier mount, of which no asking is left. */
static void last_answer(const struct node *n, struct buf *out)
{
    const struct chat *c = home_chat(n->subject);

    if (c && c->messages.n && c->messages.v[c->messages.n - 1].role == ROLE_ASSISTANT)
        messages_text(&c->messages, c->messages.n - 1, out);
}

static void plain_stat(const struct node *n, struct stat *st)
{
    const struct chat *c = home_chat(n->subject);
    struct buf text = { 0 };

    if (!c)
        return;
    last_answer(n, &text);
    st->st_size = (off_t)text.len;
    st->st_mtim = c->changed;
    buf_free(&text);
}

/* The size is 0 while the answer streams, so that readers which trust it wait for more, and exact when it is
 * complete. */
static void reply_stat(struct tree *t, const struct node *n, struct stat *st)
{
    const struct asking *a = asking_of(n);

    (void)t;
    if (!a) {
        plain_stat(n, st);
        return;
    }
    st->st_mtim = a->prompt ? a->prompt->grew : a->created;
    st->st_size = a->prompt && prompt_over(a->prompt) ? (off_t)a->prompt->reply.len : 0;
}

static int reply_open(struct open_file *f)
{
    struct asking *a = asking_of(&f->node);

    if (!a) {
        struct ancestry who;
        last_answer(&f->node, &f->text);
        return f->node.subject->ptr ? ancestry_read(f->caller.pid, &who) : -ESTALE;
    }
    struct reply_file *r = NEW(struct reply_file);
    r->asking = a;
    asking_open(a);
    f->priv = r;
    return 0;
}

/* A reader that itself keeps the draft open would wait for itself: its asking is submitted now. So is the
 * draft of the reader's parent, which waits for the reader (FACTS.md A.3.6). */
static void break_deadlock(struct open_file *f, struct reply_file *r)
{
    struct asking *a = r->asking;
    struct ancestry who;

    if (r->looked || !a->writer)
        return;
    r->looked = true;
    ancestry_read(f->caller.pid, &who);
    if ((a->asker->n && ancestry_has(&who, &a->asker->chain[0])) ||
        process_holds_for_writing(f->caller.pid, node_ino(&a->writer->node), tree_mount_id(f->tree)))
        ask_submit(a->writer);
}

static int reply_read(struct open_file *f, uint64_t off, size_t size, struct answer *out)
{
    struct reply_file *r = f->priv;

    if (!r) {
        if (off < f->text.len) {
            out->data = f->text.data + off;
            out->len = f->text.len - off < size ? f->text.len - (size_t)off : size;
        }
        return 0;
    }
    if (!r->asking->prompt)
        break_deadlock(f, r);
    int rc = asking_read(r->asking, off, size, f->flags, out);
    r->pos = off + out->len;
    return rc;
}

static short reply_poll(struct open_file *f, struct waitq **q)
{
    struct reply_file *r = f->priv;

    if (!r)
        return POLLIN;
    *q = &r->asking->waiters;
    return asking_readable(r->asking, r->pos) ? POLLIN : 0;
}

static void reply_release(struct open_file *f)
{
    struct reply_file *r = f->priv;

    if (!r)
        return;
    asking_close(r->asking);
    free(r);
}

#define REPLY_FILE                                                                                           \
    .stat = reply_stat, .resolve = reply_resolve, .open = reply_open, .read = reply_read,                    \
    .release = reply_release, .poll = reply_poll

const struct file_ops file_reply = { REPLY_FILE, .pair = &pair_ask };
const struct file_ops file_response = { REPLY_FILE, .pair = &pair_request };
const struct file_ops file_vector = { REPLY_FILE, .pair = &pair_embed };

/* One line or nothing. */
static void error_line(const struct node *n, struct buf *out)
{
    const struct asking *a = asking_of(n);

    if (!a)
        buf_adds(out, "nothing that you asked is known here: `reply` answers the process, script or shell "
                      "that wrote to `ask` itself; "
                      "from elsewhere ask and read in one shell, or on one descriptor (exec 3<>ask)\n");
    else if (a->prompt && prompt_over(a->prompt) && a->prompt->x.error)
        buf_addf(out, "%s\n", a->prompt->x.error);
}

static int error_text(struct open_file *f, struct buf *out)
{
    error_line(&f->node, out);
    return 0;
}

static void error_stat(struct tree *t, const struct node *n, struct stat *st)
{
    struct buf line = { 0 };

    reply_stat(t, n, st);
    error_line(n, &line);
    st->st_size = (off_t)line.len;
    buf_free(&line);
}

const struct file_ops file_error = {
    .stat = error_stat,
    .resolve = reply_resolve,
    .text = error_text,
};
