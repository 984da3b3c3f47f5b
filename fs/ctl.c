/* SPDX-License-Identifier: MIT */
/* The parser of ctl files, and the file around it. The verbs themselves are in files/verbs.c. */
#include "fs/ctl.h"
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/batch/batch.h"
#include "backend/chat/chat.h"
#include "backend/job/job.h"
#include "backend/model/model.h"
#include "fs/files/verbs.h"
#include "fs/tree_inside.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QUOTED_MAX 80 /* bytes of a line that a message shows */

/* ---- Parsing */

static int cut_words(char *line, char *words[CTL_WORDS_MAX])
{
    char *rest;
    int n = 0;

    for (char *w = strtok_r(line, " \t\r", &rest); w; w = strtok_r(NULL, " \t\r", &rest)) {
        if (n == CTL_WORDS_MAX)
            return -1;
        words[n++] = w;
    }
    return n;
}

static bool is_argument(const char *word)
{
    return isupper((unsigned char)*word);
}

/* Do the words have this form? Literal words are compared over the length of the form's word. */
static bool has_form(const char *form, char **words, int n, char **args)
{
    int i = 0;

    while (*form) {
        size_t len = strcspn(form, " ");
        if (i == n)
            return false;
        const char *equal = memchr(form, '=', len);
        size_t key = equal ? (size_t)(equal - form) + 1 : 0;
        if (is_argument(form))
            *args++ = words[i];
        else if (key && strncmp(form, words[i], key) == 0)
            *args++ = words[i] + key;
        else if (strlen(words[i]) != len || strncmp(form, words[i], len) != 0)
            return false;
        i++;
        form += len;
        form += *form == ' ';
    }
    return i == n;
}

static bool begins_with(const char *form, const char *word)
{
    size_t len = strcspn(form, " ");

    return strlen(word) == len && strncmp(form, word, len) == 0;
}

/* What is wrong, with the input quoted and the way out. */
static void complain(const struct verb *verbs, const char *line, const char *first, struct err *e)
{
    struct buf forms = { 0 };
    bool known = false;

    for (const struct verb *v = verbs; v->form; v++)
        known |= first && begins_with(v->form, first);
    for (const struct verb *v = verbs; v->form; v++)
        if (!known || begins_with(v->form, first))
            buf_addf(&forms, "%s`%s`", forms.len ? ", " : "", v->form);
    if (!first)
        err_set(e, -EINVAL, "an empty line is no verb; there are %s", buf_str(&forms));
    else if (known)
        err_set(e, -EINVAL, "\"%.*s\": the verb is used as %s", QUOTED_MAX, line, buf_str(&forms));
    else
        err_set(e, -EINVAL, "\"%.*s\": unknown verb; there are %s", QUOTED_MAX, line, buf_str(&forms));
    buf_free(&forms);
}

const struct verb *ctl_parse(const struct verb *verbs, char *line, char *args[CTL_WORDS_MAX], struct err *e)
{
    char *words[CTL_WORDS_MAX], *whole = xstrdup(line);
    int n = cut_words(line, words);
    const struct verb *found = NULL;

    /* Literal rows stand before those with arguments, so that "stop all" is not a model's name. */
    for (const struct verb *v = verbs; n > 0 && v->form && !found; v++)
        if (has_form(v->form, words, n, args))
            found = v;
    if (!found)
        complain(verbs, whole, n == 0 ? NULL : words[0], e);
    free(whole);
    return found;
}

/* ---- The file */

struct ctl_file {
    struct buf line; /* its beginning, until the newline comes */
    bool too_long;   /* the rest of this line is dropped */
};

static int refuse(struct open_file *f, int rc, const struct err *e)
{
    const struct subject *s = f->node.subject;

    if (s->kind == SUBJECT_MODEL && s->ptr)
        log_warning("%s/ctl: %s", model_config(s->ptr)->name, e->text);
    else if (s->kind == SUBJECT_JOB && s->ptr)
        log_warning("jobs/%s/ctl: %s", ((struct job *)s->ptr)->name, e->text);
    else if (s->kind == SUBJECT_BATCH && s->ptr)
        log_warning("%s/batch/%s/ctl: %s", model_config(batch_model(s->ptr))->name, batch_name(s->ptr),
                    e->text);
    else if (s->kind == SUBJECT_CHAT && s->ptr)
        chat_complain(s->ptr, e->text); /* nobody but its owner reads of it */
    else
        log_warning("ctl: %s", e->text);
    return rc;
}

/* The owner of the mount; and users with a cluster of their own, of what is theirs there. */
static bool governs(const struct open_file *f)
{
    const struct subject *s = f->node.subject;

    if (f->caller.uid == f->tree->uid || f->caller.uid == 0)
        return true;
    return (s->kind == SUBJECT_JOB && s->own) ||
           (s->kind == SUBJECT_MODEL && model_seen_by(s->ptr, f->caller.uid) != s->ptr);
}

static int act(struct open_file *f, struct ctl_file *c)
{
    char *args[CTL_WORDS_MAX] = { 0 };
    struct err e = { 0 };
    const struct verb *v;
    int rc = -EINVAL;

    if (!f->node.subject->ptr)
        return -ESTALE;
    if (c->line.len && memchr(c->line.data, '\0', c->line.len)) {
        err_set(&e, rc, "a line with a NUL byte");
        return refuse(f, rc, &e);
    }
    char *line = buf_take(&c->line);
    if ((v = ctl_parse(f->node.row->file->verbs, line, args, &e))) {
        if (!v->for_others && !governs(f))
            rc = err_set(&e, -EACCES, "`%s` is for the owner of the mount only", v->form);
        else
            rc = v->act(f, args, &e);
    }
    free(line);
    return rc < 0 ? refuse(f, rc, &e) : 0;
}

static int add(struct open_file *f, struct ctl_file *c, const char *data, size_t len)
{
    struct err e = { 0 };

    if (c->line.len + len <= CTL_LINE_MAX) {
        buf_add(&c->line, data, len);
        return 0;
    }
    c->too_long = true;
    buf_add(&c->line, data, len < QUOTED_MAX ? len : QUOTED_MAX);
    err_set(&e, -EINVAL, "\"%.*s\"...: a line of more than %d bytes", QUOTED_MAX, buf_str(&c->line),
            CTL_LINE_MAX);
    buf_free(&c->line);
    return refuse(f, -EINVAL, &e);
}

static int ctl_write(struct open_file *f, uint64_t off, const char *data, size_t len)
{
    struct ctl_file *c = f->priv;
    const char *end = data + len;
    int rc = 0;

    (void)off; /* lines come in the order in which they are written */
    while (data < end && rc == 0) {
        const char *nl = memchr(data, '\n', (size_t)(end - data)), *stop = nl ? nl : end;
        if (!c->too_long)
            rc = add(f, c, data, (size_t)(stop - data));
        if (nl && rc == 0 && !c->too_long)
            rc = act(f, c);
        if (nl)
            c->too_long = false;
        data = nl ? nl + 1 : end;
    }
    /* The write failed as a whole: what stands behind the line is not kept for the next. */
    if (rc < 0)
        buf_reset(&c->line);
    return rc;
}

/* A line without newline acts at the last close, whose result nobody sees, and not here: shells flush in the
 * midst of things (FACTS.md A.1). What cannot be used is said here, because close(2) then returns it. */
static int ctl_flush(struct open_file *f)
{
    const struct ctl_file *c = f->priv;
    char *args[CTL_WORDS_MAX];
    struct err e = { 0 };

    if (!c || c->line.len == 0)
        return 0;
    char *line = xstrndup(c->line.data, c->line.len);
    int rc = ctl_parse(f->node.row->file->verbs, line, args, &e) ? 0 : -EINVAL;
    free(line);
    return rc;
}

static int ctl_open(struct open_file *f)
{
    f->priv = NEW(struct ctl_file);
    return 0;
}

static int ctl_truncate(struct open_file *f, uint64_t size)
{
    (void)f;
    return size == 0 ? 0 : -EINVAL;
}

static int ctl_truncate_node(struct tree *t, const struct node *n, uint64_t size, const struct caller *c)
{
    (void)t, (void)n, (void)c;
    return size == 0 ? 0 : -EINVAL;
}

static void ctl_release(struct open_file *f)
{
    struct ctl_file *c = f->priv;

    if (c->line.len)
        act(f, c);
    buf_free(&c->line);
    free(c);
}

static void ctl_content(struct tree *t, const struct node *n, struct buf *out)
{
    (void)t;
    for (const struct verb *v = n->row->file->verbs; v->form; v++)
        buf_addf(out, "%-18s %s\n", v->form, v->help);
}

#define CTL_FILE                                                                                             \
    .content = ctl_content, .constant = true, .open = ctl_open, .write = ctl_write, .flush = ctl_flush,      \
    .truncate = ctl_truncate, .truncate_node = ctl_truncate_node, .release = ctl_release

const struct file_ops file_ctl_house = { CTL_FILE, .verbs = verbs_house };
const struct file_ops file_ctl_model = { CTL_FILE, .verbs = verbs_model };
const struct file_ops file_ctl_job = { CTL_FILE, .verbs = verbs_job };
const struct file_ops file_ctl_batch = { CTL_FILE, .verbs = verbs_batch };
const struct file_ops file_ctl_chat = { CTL_FILE, .verbs = verbs_chat };
