/* SPDX-License-Identifier: MIT */
/* chats/ and chats/NAME/: the names that a caller makes there, and the files of a conversation that others have not. What
 * is in it is seen by its user alone: its sentences go to its `error`, and not to the log. */
#include "backend/base/alloc.h"
#include "backend/chat/chat.h"
#include "backend/model/model.h"
#include "backend/quota.h"
#include "fs/asking.h"
#include "fs/ctl.h"
#include "fs/files/files.h"
#include "fs/files/whole_file.h"
#include "fs/tree_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct chat *chat_of(const struct node *n)
{
    return n->subject->ptr;
}

/* ---- Names */

struct listing {
    each_f *each;
    void *arg;
};

static void list_one(void *arg, struct chat *c)
{
    struct listing *l = arg;

    l->each(l->arg, c->name, chat_row, NULL);
}

void list_chats(struct tree *t, struct subject *s, each_f *each, void *arg)
{
    struct listing l = { each, arg };

    chat_each(tree_house(t), s->ptr, tree_caller(t)->uid, list_one, &l);
}

static struct node node_of(struct tree *t, struct chat *c)
{
    return (struct node){ .row = chat_row, .subject = subject_owned(t, SUBJECT_CHAT, c, c->uid) };
}

int find_chat(struct tree *t, struct subject *s, const char *name, struct node *out)
{
    struct chat *c = chat_find(tree_house(t), s->ptr, tree_caller(t)->uid, name);

    if (!c)
        return -ENOENT;
    *out = node_of(t, c);
    return 0;
}

int make_chat(struct tree *t, struct subject *s, const char *name, struct node *out)
{
    struct chat *c;
    int rc = chat_create(tree_house(t), s->ptr, tree_caller(t)->uid, name, &c, NULL);

    if (rc == 0)
        *out = node_of(t, c);
    return rc;
}

int remove_chat(struct tree *t, struct subject *s)
{
    struct chat *c = s->ptr;
    int rc = askings_let_go(s);

    if (rc == 0)
        rc = chat_destroy(c);
    if (rc == 0)
        subject_retire(t, s);
    return rc;
}

int rename_chat(struct tree *t, struct subject *s, const char *name)
{
    (void)t;
    chat_rename(s->ptr, name);
    return 0;
}

/* ---- status, error */

static void status_content(struct tree *t, const struct node *n, struct buf *out)
{
    json_t *status = chat_status(chat_of(n));
    char *text = json_dumps(status, JSON_COMPACT);

    (void)t;
    buf_addf(out, "%s\n", text ? text : "{}");
    free(text);
    json_decref(status);
}

static void error_content(struct tree *t, const struct node *n, struct buf *out)
{
    (void)t;
    if (chat_of(n)->error)
        buf_addf(out, "%s\n", chat_of(n)->error);
}

const struct file_ops file_chat_status = { .content = status_content };
const struct file_ops file_chat_error = { .content = error_content };

/* ---- transcript: it grows, and shrinks where a turn is taken back. An open file follows it: `tail -f`. */

static void transcript_stat(struct tree *t, const struct node *n, struct stat *st)
{
    (void)t;
    st->st_size = (off_t)chat_of(n)->messages.text_len;
    st->st_mtim = chat_of(n)->changed;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static int transcript_open(struct open_file *f)
{
    f->priv = NEW(struct timespec); /* of what f->text shows */
    return 0;
}

static int transcript_read(struct open_file *f, uint64_t off, size_t size, struct answer *out)
{
    struct timespec *shown = f->priv;
    const struct chat *c = chat_of(&f->node);

    if (c && !same_time(shown, &c->changed)) {
        buf_reset(&f->text);
        messages_markdown(&c->messages, &f->text);
        *shown = c->changed;
    }
    if (off < f->text.len) {
        out->data = f->text.data + off;
        out->len = f->text.len - off < size ? f->text.len - (size_t)off : size;
    }
    return 0;
}

static void transcript_release(struct open_file *f)
{
    free(f->priv);
}

const struct file_ops file_chat_transcript = {
    .stat = transcript_stat,
    .open = transcript_open,
    .read = transcript_read,
    .release = transcript_release,
};

/* ---- transcript.json */

#define CHECKED_AT_ONCE ((size_t)64 << 10) /* a longer one is looked at when it is closed */

static int messages_may(const struct node *n, struct err *e)
{
    return chat_may_begin(chat_of(n), e);
}

static void messages_text_of(const struct node *n, struct buf *out)
{
    messages_array(&chat_of(n)->messages, out);
}

static int messages_check(const struct node *n, const char *text, size_t len, struct err *e)
{
    int64_t most = model_house(chat_of(n)->model)->cfg->max_prompt;

    if (len > (uint64_t)most)
        return err_set(e, -EFBIG, "the transcript is longer than max_prompt (%lld bytes)", (long long)most);
    const struct chat *c = chat_of(n);
    int rc = quota_may_store(c->house, c->uid, (int64_t)len - (int64_t)c->messages.json_len, e);
    if (rc < 0)
        return rc;
    return len <= CHECKED_AT_ONCE ? messages_parse(NULL, text, len, e) : 0;
}

static int messages_set(const struct node *n, const char *text, size_t len, struct err *e)
{
    return chat_begin(chat_of(n), text, len, e);
}

static int messages_reset(const struct node *n, struct err *e)
{
    return chat_begin(chat_of(n), "[]", 2, e);
}

static void messages_complain(const struct node *n, const char *why)
{
    if (chat_of(n))
        chat_complain(chat_of(n), why);
}

static const struct whole whole = {
    .may = messages_may,
    .text = messages_text_of,
    .check = messages_check,
    .set = messages_set,
    .reset = messages_reset,
    .complain = messages_complain,
};

static void messages_stat(struct tree *t, const struct node *n, struct stat *st)
{
    (void)t;
    st->st_size = (off_t)messages_array_len(&chat_of(n)->messages);
    st->st_mtim = chat_of(n)->changed;
}

static int messages_open_text(struct open_file *f, struct buf *out)
{
    messages_array(&chat_of(&f->node)->messages, out);
    return 0;
}

const struct file_ops file_chat_messages = {
    WHOLE_FILE,
    .stat = messages_stat,
    .text = messages_open_text,
    .whole = &whole,
};

/* ---- ctl */

static int verb_cancel(struct open_file *f, char **args, struct err *e)
{
    (void)args;
    return askings_cancel(f->node.subject, e);
}

static int verb_undo(struct open_file *f, char **args, struct err *e)
{
    (void)args;
    int rc = chat_undo(chat_of(&f->node), e);

    if (rc == 0)
        askings_let_go(f->node.subject); /* what was taken back is no answer of this conversation */
    return rc;
}

static int verb_retry(struct open_file *f, char **args, struct err *e)
{
    struct ancestry who;
    struct buf text = { 0 };
    int rc = ancestry_read(f->caller.pid, &who);

    (void)args;
    if (rc == 0)
        rc = chat_again(chat_of(&f->node), &text, e);
    if (rc < 0) {
        buf_free(&text);
        return rc;
    }
    buf_adds(&text, "\n"); /* as a shell writes it: the last one is taken off */
    struct asking *a = asking_begin(f->tree, f->node.subject, &pair_ask, &f->caller, &who);
    a->draft = text;
    return asking_submit(a, e);
}

static int verb_fork(struct open_file *f, char **args, struct err *e)
{
    struct chat *c = chat_of(&f->node);

    if (name_check(args[0]) < 0 || strchr(args[0], '/'))
        return err_set(e, -EINVAL, "\"fork %.80s\": that is no name of a directory", args[0]);
    if (chat_find(c->house, c->model, c->uid, args[0]))
        return err_set(e, -EEXIST, "\"fork %.80s\": there is a conversation of that name", args[0]);
    int rc = quota_may_store(c->house, c->uid, (int64_t)chat_copied(c), e);
    return rc < 0 ? rc : chat_fork(c, args[0], e);
}

const struct verb verbs_chat[] = {
    { "cancel", verb_cancel, "end what is asked here and not answered yet", true },
    { "retry", verb_retry, "ask the last question again; its answer, if it had one, is taken back", true },
    { "undo", verb_undo, "take back the last question and its answer, or the last failure", true },
    { "fork NAME", verb_fork, "begin another conversation with what was said here", true },
    { 0 },
};
