/* SPDX-License-Identifier: MIT */
/* What the login to a cluster asks: reading gives the prompt, writing is the answer, which is handed over at the
 * last close and wiped. It answers the question that was asked at the first write and no other. */
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/cluster/cluster.h"
#include "backend/transport/askpass.h"
#include "fs/files/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WRITTEN_MAX (ASKPASS_ANSWER_MAX + 1) /* and its newline */

struct auth_file {
    char text[WRITTEN_MAX];
    size_t len;
    bool written; /* something, be it an empty line */
    unsigned question;
};

static void wipe(struct auth_file *a)
{
    explicit_bzero(a->text, sizeof a->text);
    a->len = 0;
    a->written = false;
}

/* No word of the answer is in any message. */
static int refuse(const struct cluster *c, int rc, const char *why)
{
    log_warning("clusters/%s/auth: %s", c->cfg->name, why);
    return rc;
}

static void auth_content(struct tree *t, const struct node *n, struct buf *out)
{
    const struct cluster *c = n->subject->ptr;
    unsigned number;
    const char *prompt = transport_question(c->transport, &number);

    (void)t;
    if (prompt)
        buf_addf(out, "%s\n", prompt);
}

static int auth_open(struct open_file *f)
{
    f->priv = NEW(struct auth_file);
    return 0;
}

static int auth_write(struct open_file *f, uint64_t off, const char *data, size_t len)
{
    struct cluster *c = f->node.subject->ptr;
    struct auth_file *a = f->priv;
    unsigned number;

    (void)off; /* one line, in the order in which it is written */
    if (!c)
        return -ESTALE;
    if (!transport_question(c->transport, &number))
        return refuse(c, -EINVAL, "something was written, but nothing is asked");
    if (a->len + len > sizeof a->text) {
        wipe(a);
        return refuse(c, -EFBIG, "an answer of more than 1023 bytes");
    }
    if (!a->written)
        a->question = number;
    a->written = true;
    memcpy(a->text + a->len, data, len);
    a->len += len;
    const char *nl = memchr(a->text, '\n', a->len);
    if (memchr(a->text, '\0', a->len) || (nl && nl + 1 != a->text + a->len)) {
        wipe(a);
        return refuse(c, -EINVAL, "an answer is one line of text");
    }
    return 0;
}

static void auth_release(struct open_file *f)
{
    struct cluster *c = f->node.subject->ptr;
    struct auth_file *a = f->priv;
    struct err e;

    if (c && a->written) {
        a->len -= a->len > 0 && a->text[a->len - 1] == '\n';
        if (transport_answer(c->transport, a->question, a->text, a->len, &e) < 0)
            refuse(c, 0, e.text);
    }
    wipe(a);
    free(a);
}

static int auth_truncate(struct open_file *f, uint64_t size)
{
    if (size != 0)
        return -EINVAL;
    wipe(f->priv);
    return 0;
}

static int auth_truncate_node(struct tree *t, const struct node *n, uint64_t size, const struct caller *c)
{
    (void)t, (void)n, (void)c;
    return size == 0 ? 0 : -EINVAL;
}

const struct file_ops file_auth = {
    .content = auth_content,
    .open = auth_open,
    .write = auth_write,
    .truncate = auth_truncate,
    .truncate_node = auth_truncate_node,
    .release = auth_release,
};
