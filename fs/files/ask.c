/* SPDX-License-Identifier: MIT */
/* The file `ask`, and `request` and `embed` beside it: each open file has a draft of its own, which is submitted at the last close, at fsync(2),
 * or by the first read on the same descriptor (CONTRACT.md 3, FACTS.md A.3). FLUSH never submits: shells and
 * child processes cause it early. What is wrong with a prompt is said by the open or the write wherever it is
 * known by then, because echo in bash and dash looks at nothing else. */
#include "backend/base/alloc.h"
#include "backend/base/utf8.h"
#include "backend/chat/chat.h"
#include "backend/history/history.h"
#include "backend/quota.h"
#include "fs/asking.h"
#include "fs/binding.h"
#include "fs/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

struct ask_file {
    struct list link; /* in the model subject's writers, where it may be written */
    struct open_file *file;
    struct ancestry who;   /* taken at open */
    struct asking *draft;  /* written, not yet submitted; NULL else */
    struct rights rights;  /* likewise, where they matter */
    struct asking *awaits; /* whose being on disk a flush or an fsync of this file waits for */
    struct asking *answer; /* what a read on this descriptor gives: its last turn; counted in its opens */
    bool written;          /* ever */
    int refused;    /* negative errno: the rest of this draft is refused likewise, until it is truncated */
    uint64_t base;  /* file offset of the draft's first byte */
    size_t checked; /* bytes of the draft known to be UTF-8 */
    uint64_t pos;   /* of reads in the answer */
};

/* Each user of a shared mount has an inode of his own here: what the kernel keeps of a file, its pages and the size to which
 * a write takes it, belongs to the inode, and sendfile(2) and statx(2) show it to whoever has it open (FACTS.md A.7). */
static struct subject *ask_resolve(struct tree *t, const struct node *n, const struct caller *c)
{
    const struct subject *s = n->subject;
    bool shared = s->kind == SUBJECT_MODEL || s->kind == SUBJECT_ASKER;

    if (!shared || !s->ptr || c->uid == tree_house(t)->uid)
        return NULL;
    return subject_numbered(t, SUBJECT_ASKER, s->ptr, (uint64_t)c->uid + 1, tree_house(t)->uid);
}

static struct subject *home_of(const struct open_file *f)
{
    struct subject *s = f->node.subject;

    return s->kind == SUBJECT_ASKER && s->ptr ? subject_of(f->tree, SUBJECT_MODEL, s->ptr) : s;
}

static struct model *model_of(const struct open_file *f)
{
    return home_model(home_of(f));
}

static const struct pair *pair_of(const struct open_file *f)
{
    return f->node.row->file->pair;
}

static bool writable(const struct open_file *f)
{
    return (f->flags & O_ACCMODE) != O_RDONLY;
}

static void begin_draft(struct ask_file *a)
{
    struct open_file *f = a->file;

    a->draft = asking_begin(f->tree, home_of(f), pair_of(f), &f->caller, &a->who);
    if (pair_of(f)->images) {
        a->draft->rights = NEW(struct rights);
        *a->draft->rights = a->rights;
    }
}

/* The draft ends here, refused: its readers get rc, and so does each further write. */
static int refuse(struct ask_file *a, int rc, const char *why)
{
    if (!a->draft)
        begin_draft(a);
    asking_end(a->draft, rc, why);
    a->draft = NULL;
    a->refused = rc;
    return rc;
}

/* Who opens `ask` to read it, an editor say, is shown what was asked last. */
static void show_last_prompt(struct open_file *f)
{
    struct asking *last = asking_bound(home_of(f), pair_of(f), &f->caller, NULL);
    const struct buf *text = !last ? NULL : last->prompt ? &last->prompt->text : &last->draft;
    struct chat *c = home_chat(home_of(f));

    if (c && !last) { /* of an earlier mount */
        size_t at = messages_last_turn(&c->messages);
        if (at < c->messages.n)
            messages_text(&c->messages, at, &f->text);
        if (f->text.len)
            buf_adds(&f->text, "\n");
    }

    if (text && text->len) {
        buf_add(&f->text, text->data, text->len);
        buf_adds(&f->text, "\n");
    }
}

static int ask_open(struct open_file *f)
{
    struct list *writers = &home_of(f)->writers;
    struct err e = { 0 };

    if (!model_of(f))
        return -ESTALE;
    if (!writable(f)) {
        show_last_prompt(f);
        return 0;
    }
    struct ask_file *a = NEW(struct ask_file);
    a->file = f;
    int rc = ancestry_read(f->caller.pid, &a->who);
    if (rc < 0) { /* a prompt whose asker is not known is answered to nobody */
        free(a);
        return rc;
    }
    rc = history_takes(tree_house(f->tree), &e);
    if (rc == 0)
        rc = model_may_ask_as(model_of(f), f->caller.uid, &e);
    if (rc < 0) {
        refuse(a, rc, e.text);
        free(a);
        return rc;
    }
    if (!writers->next)
        list_init(writers);
    list_append(writers, &a->link);
    if (pair_of(f)->images)
        caller_rights(&f->caller, &a->rights);
    f->stream = (f->flags & O_ACCMODE) == O_RDWR;
    f->priv = a;
    return 0;
}

/* Could the bytes that are left at the end of a write be the beginning of a character whose rest comes with
 * the next one? */
static bool may_continue(const char *s, size_t n)
{
    unsigned char lead = (unsigned char)s[0];
    size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    char whole[4] = { 0 };

    if (lead < 0xC2 || lead > 0xF4 || n >= need)
        return false;
    if (n == 1)
        return true;
    memset(whole, 0x80, sizeof whole); /* only the second byte has a range of its own: RFC 3629, section 4 */
    memcpy(whole, s, n);
    return utf8_valid_len(whole, need) == need;
}

/* Looks only at what came behind the bytes that are known to be good. */
static bool is_utf8(struct ask_file *a)
{
    const struct buf *d = &a->draft->draft;

    a->checked += utf8_valid_len(d->data + a->checked, d->len - a->checked);
    return a->checked == d->len;
}

static bool is_utf8_so_far(struct ask_file *a)
{
    const struct buf *d = &a->draft->draft;

    return is_utf8(a) || may_continue(d->data + a->checked, d->len - a->checked);
}

/* What is wrong whatever may follow is said by the write. A long draft is not looked at again and again: its close
 * says it. */
#define CHECKED_AT_ONCE ((size_t)64 << 10)

/* 0; -EINVAL: it cannot be asked, whatever may follow; -ENODATA: it stops short. */
static int check_text(const struct ask_file *a, struct err *e)
{
    const struct buf *d = &a->draft->draft;
    const struct pair *pair = pair_of(a->file);
    const struct chat *c = home_chat(home_of(a->file));

    if (asking_blank(d))
        return 0;
    if (pair->check)
        return pair->check(d->data, d->len, e);
    return c ? chat_check(c, buf_str(d), d->len, e) : 0;
}

static int check_so_far(struct ask_file *a)
{
    const struct buf *d = &a->draft->draft;
    struct err e = { 0 };

    if (!is_utf8_so_far(a))
        return refuse(a, -EINVAL, "the prompt is not UTF-8; convert it, for example with iconv");
    if (d->len <= CHECKED_AT_ONCE && check_text(a, &e) == -EINVAL)
        return refuse(a, -EINVAL, e.text);
    return 0;
}

/* Where in the draft the bytes belong: behind its end for O_APPEND and for streams, which have no offsets;
 * else at their offset, counted from the first write's. Returns false for a place before the beginning. */
static bool place(struct ask_file *a, uint64_t off, size_t *at)
{
    if ((a->file->flags & O_APPEND) || a->file->stream) {
        *at = a->draft ? a->draft->draft.len : 0;
        return true;
    }
    if (!a->draft)
        a->base = off;
    if (off < a->base)
        return false;
    *at = (size_t)(off - a->base);
    return true;
}

static int refuse_length(struct ask_file *a, long long max)
{
    struct err e;

    err_set(&e, 0, "the prompt is longer than max_prompt (%lld bytes); raise it in [mount]", max);
    return refuse(a, -EFBIG, e.text);
}

static int check_write(struct ask_file *a, size_t at, const char *data, size_t len)
{
    struct house *h = tree_house(a->file->tree);
    size_t have = a->draft ? a->draft->draft.len : 0;

    if (at > (uint64_t)h->cfg->max_prompt || len > (uint64_t)h->cfg->max_prompt - at)
        return refuse_length(a, h->cfg->max_prompt);
    if (at > have || memchr(data, '\0', len))
        return refuse(a, -EINVAL, "the prompt has a NUL byte or a hole in it; a prompt is UTF-8 text");
    struct err e;
    uid_t uid = a->file->caller.uid;
    int rc = quota_may_hold(h, uid, (int64_t)(at + len) - (int64_t)have, &e);
    if (rc == 0 && home_chat(home_of(a->file)))
        rc = quota_may_store(h, uid, (int64_t)(at + len), &e);
    return rc < 0 ? refuse(a, rc, e.text) : 0;
}

/* ---- On disk, or with its images, before it is answered */

static void stop_waiting(struct ask_file *a)
{
    if (a->awaits)
        a->awaits->awaited_by = NULL;
    a->awaits = NULL;
}

static void wait_for(struct ask_file *a, struct asking *of)
{
    stop_waiting(a); /* all that waits is answered with the later one */
    a->awaits = of;
    of->awaited_by = a->file;
}

/* Another copy of the descriptor was closed on what is no more: what it waited for is answered with what comes now. */
static void draft_changes(struct ask_file *a)
{
    if (a->draft && a->awaits == a->draft && a->draft->images) {
        stop_waiting(a);
        file_answer(a->file, 0);
    }
}

static int ask_write(struct open_file *f, uint64_t off, const char *data, size_t len)
{
    struct ask_file *a = f->priv;
    size_t at;

    if (!model_of(f))
        return -ESTALE;
    if (a->refused)
        return a->refused;
    if (len == 0)
        return 0;
    if (!place(a, off, &at))
        return refuse(a, -EINVAL, "a part of the prompt was written before its beginning");
    int rc = check_write(a, at, data, len);
    if (rc < 0)
        return rc;
    draft_changes(a);
    if (!a->draft) {
        begin_draft(a);
        a->draft->writer = f;
        a->written = true;
        a->checked = 0;
    }
    struct buf *d = &a->draft->draft;
    size_t over = d->len - at < len ? d->len - at : len; /* bytes that are written over */
    memcpy(d->data ? d->data + at : (char *)"", data, d->data ? over : 0);
    buf_add(d, data + over, len - over);
    if (at < a->checked)
        a->checked = 0;
    asking_written(a->draft);
    /* Bytes that were written over may be mended by a later write; those at the end of a stream will not. */
    return over == 0 ? check_so_far(a) : 0;
}

/* A flush of what is on disk, or on its way there, already adds nothing. */
static int save(struct ask_file *a)
{
    struct house *h = tree_house(a->file->tree);
    struct err e = { 0 };
    int rc;

    /* The queue may have filled up since the open: RELEASE could tell nobody. */
    rc = a->draft ? model_may_ask_as(model_of(a->file), a->file->caller.uid, &e) : 0;
    if (rc == -EBUSY || rc == -EDQUOT)
        return refuse(a, rc, e.text);
    if (a->draft && (rc = asking_gather(a->draft, &e)) < 0)
        return refuse(a, rc, e.text);
    if (rc == FILE_LATER) {
        wait_for(a, a->draft);
        return rc;
    }
    if (h->cfg->durable && a->draft && !a->draft->saved) {
        if ((rc = history_takes(h, &e)) < 0)
            return refuse(a, rc, e.text);
        wait_for(a, a->draft);
        asking_save(a->draft);
    }
    return a->awaits ? FILE_LATER : 0;
}

void ask_saved(struct open_file *f, struct asking *of, int rc, const char *why)
{
    struct ask_file *a = f->priv;

    a->awaits = NULL;
    if (rc < 0 && a->draft == of)
        refuse(a, rc, why);
    else if (rc < 0 && of->prompt)
        prompt_fail(of->prompt, rc, why);
    file_answer(f, rc);
}

void ask_gathered(struct open_file *f, struct asking *of, int rc, const char *why)
{
    struct ask_file *a = f->priv;

    a->awaits = NULL;
    if (a->draft == of)
        rc = rc < 0 ? refuse(a, rc, why) : save(a);
    if (rc != FILE_LATER)
        file_answer(f, rc);
}

/* ---- Submitting */

static int submit(struct open_file *f, bool saved)
{
    struct ask_file *a = f->priv;
    struct asking *draft = a ? a->draft : NULL;
    struct err e = { 0 };

    if (!draft)
        return 0;
    a->draft = NULL;
    if (a->answer)
        asking_close(a->answer);
    a->answer = draft;
    asking_open(draft);
    a->pos = 0;
    return saved ? asking_submit_saved(draft, &e) : asking_submit(draft, &e);
}

int ask_submit(struct open_file *f)
{
    return submit(f, false);
}

static int ask_fsync(struct open_file *f)
{
    struct ask_file *a = f->priv;
    struct asking *draft = a ? a->draft : NULL;
    struct err e = { 0 };

    if (!draft)
        return a && a->awaits ? FILE_LATER : a ? a->refused : 0;
    int rc;
    if (!tree_house(f->tree)->cfg->durable) {
        rc = submit(f, false);
        if (rc < 0 || !draft->images)
            return rc;
        wait_for(a, draft);
        return FILE_LATER;
    }
    rc = history_takes(tree_house(f->tree), &e);
    if (rc < 0)
        return refuse(a, rc, e.text);
    wait_for(a, draft);
    if ((rc = submit(f, true)) == 0 && !(draft->prompt && prompt_over(draft->prompt)))
        return FILE_LATER;
    stop_waiting(a); /* refused, or empty: there is nothing to wait for */
    return rc;
}

static int ask_read(struct open_file *f, uint64_t off, size_t size, struct answer *out)
{
    struct ask_file *a = f->priv;

    if (!writable(f)) {
        if (off < f->text.len) {
            out->data = f->text.data + off;
            out->len = f->text.len - off < size ? f->text.len - off : size;
        }
        return 0;
    }
    ask_submit(f); /* a refusal is what the read then gives */
    if (a->refused)
        return a->refused;
    if (!a->answer)
        return 0;
    int rc = asking_read(a->answer, a->pos, size, f->flags, out);
    a->pos += out->len;
    return rc;
}

static int ask_truncate(struct open_file *f, uint64_t size)
{
    struct ask_file *a = f->priv;

    if (size == 0) {
        if (a->awaits && a->awaits == a->draft) {
            stop_waiting(a);
            file_answer(f, 0); /* what was to be kept is gone */
        }
        if (a->draft)
            asking_drop(a->draft);
        a->draft = NULL;
        a->refused = 0;
        return 0;
    }
    if (!a->draft || size > a->draft->draft.len)
        return a->refused ? a->refused : -EINVAL;
    draft_changes(a);
    a->draft->draft.len = (size_t)size;
    a->draft->draft.data[size] = '\0';
    a->checked = 0;
    asking_written(a->draft);
    return 0;
}

static int ask_truncate_node(struct tree *t, const struct node *n, uint64_t size, const struct caller *c)
{
    (void)t, (void)n, (void)c;
    return size == 0 ? 0 : -EINVAL; /* there is no draft without an open file */
}

/* What still stops short here will be refused at RELEASE, whose result nobody sees. */
static bool is_whole(struct ask_file *a)
{
    return is_utf8(a) && check_text(a, NULL) == 0;
}

static int ask_flush(struct open_file *f)
{
    struct ask_file *a = f->priv;

    if (!a || a->refused)
        return a ? a->refused : 0;
    if (a->draft && !a->draft->prompt && !is_whole(a))
        return -EINVAL;
    return save(a);
}

static void ask_release(struct open_file *f)
{
    struct ask_file *a = f->priv;

    if (!a)
        return;
    ask_submit(f);
    stop_waiting(a);
    if (a->answer)
        asking_close(a->answer);
    list_remove(&a->link);
    free(a);
}

static short ask_poll(struct open_file *f, struct waitq **q)
{
    struct ask_file *a = f->priv;

    if (!a || !a->answer)
        return POLLIN | POLLOUT;
    *q = &a->answer->waiters;
    return (short)(POLLOUT | (asking_readable(a->answer, a->pos) ? POLLIN : 0));
}

/* Which descriptor a process holds cannot be told from outside, only that it holds one for writing: so a clean one counts where
 * its opener is the reader itself, or an ancestor that it may have it from. */
bool ask_held_clean(struct tree *t, struct subject *home, const struct pair *pair, const struct caller *c,
                    const struct ancestry *who)
{
    struct node ask = { 0 };

    if (list_empty(&home->writers))
        return false;
    list_for_each(a, &home->writers, struct ask_file, link)
    {
        if ((pair && pair_of(a->file) != pair) || a->written || a->refused || a->file->caller.uid != c->uid ||
            !a->who.n || !ancestry_has(who, &a->who.chain[0]))
            continue;
        if (a->who.chain[0].pid == who->chain[0].pid)
            return true;
        ask = a->file->node;
    }
    return ask.row && process_holds_for_writing(c->pid, node_ino(&ask), tree_mount_id(t));
}

#define ASK_FILE                                                                                             \
    .resolve = ask_resolve, .by_user = true, .open = ask_open, .read = ask_read, .write = ask_write,         \
    .truncate = ask_truncate, .truncate_node = ask_truncate_node, .flush = ask_flush, .fsync = ask_fsync,    \
    .release = ask_release, .poll = ask_poll

const struct file_ops file_ask = { ASK_FILE, .pair = &pair_ask };
const struct file_ops file_request = { ASK_FILE, .pair = &pair_request };
const struct file_ops file_embed = { ASK_FILE, .pair = &pair_embed };
