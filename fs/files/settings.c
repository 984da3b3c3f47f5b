/* SPDX-License-Identifier: MIT */
/* The files `system` and `params`, of a model and of a conversation: see whole_file.h. */
#include "backend/settings.h"
#include "backend/base/log.h"
#include "backend/chat/chat.h"
#include "backend/model/model.h"
#include "backend/quota.h"
#include "fs/files/files.h"
#include "fs/files/whole_file.h"

static enum setting which(const struct node *n)
{
    return n->row->file == &file_system ? SETTING_SYSTEM : SETTING_PARAMS;
}

static struct settings *settings_of(const struct node *n)
{
    void *thing = n->subject->ptr;

    return n->subject->kind == SUBJECT_CHAT ? chat_settings(thing) : model_settings(thing);
}

/* Nobody but its owner reads of a conversation. */
static void settings_complain(const struct node *n, const char *why)
{
    void *thing = n->subject->ptr;

    if (n->subject->kind == SUBJECT_CHAT)
        chat_complain(thing, why);
    else
        log_warning("%s/%s: %s", model_config(thing)->name, n->row->name, why);
}

static void settings_whole_text(const struct node *n, struct buf *out)
{
    buf_adds(out, settings_text(settings_of(n), which(n)));
}

static void settings_content(struct tree *t, const struct node *n, struct buf *out)
{
    (void)t;
    settings_whole_text(n, out);
}

/* Those of a conversation are its user's to keep. */
static int may_store(const struct node *n, size_t len, struct err *e)
{
    struct chat *c = n->subject->kind == SUBJECT_CHAT ? n->subject->ptr : NULL;
    size_t had = c ? settings_own_len(chat_settings(c), which(n)) : 0;

    return c ? quota_may_store(c->house, c->uid, (int64_t)len - (int64_t)had, e) : 0;
}

static int settings_whole_check(const struct node *n, const char *text, size_t len, struct err *e)
{
    int rc = may_store(n, len, e);

    return rc < 0 ? rc : settings_check(which(n), text, len, e);
}

static int settings_whole_set(const struct node *n, const char *text, size_t len, struct err *e)
{
    return settings_set(settings_of(n), which(n), text, len, e);
}

static int settings_whole_reset(const struct node *n, struct err *e)
{
    return settings_reset(settings_of(n), which(n), e);
}

static const struct whole whole = {
    .text = settings_whole_text,
    .check = settings_whole_check,
    .set = settings_whole_set,
    .reset = settings_whole_reset,
    .complain = settings_complain,
};

const struct file_ops file_system = { WHOLE_FILE, .content = settings_content, .whole = &whole };
const struct file_ops file_params = { WHOLE_FILE, .content = settings_content, .whole = &whole };
