/* SPDX-License-Identifier: MIT */
/* README: a short guide, whose list of names is made from the rows of the tree. */
#include "fs/files/files.h"

#include <string.h>

static const char guide[] =
    "slullamafs shows the language models of a cluster as files. A model sleeps until somebody asks.\n"
    "\n"
    "    echo 'Why is the sky blue?' > MODEL/ask; cat MODEL/reply\n"
    "    cat MODEL/status                 asleep, queued, starting, ready, draining or failed, and why\n"
    "    . MODEL/env                      point a program that speaks OpenAI's or Ollama's API here\n"
    "    tail -f MODEL/log/stderr         the engine's log\n"
    "    echo stop > MODEL/ctl            end the job; `cat MODEL/ctl` lists the verbs\n"
    "\n"
    "`fusermount3 -u` ends the mount, and `fusermount3 -uz` one that is busy because somebody reads from "
    "it.\n"
    "\n"
    "`reply` answers the process, script or shell that asked, and waits for its text. Nothing else here\n"
    "waits, and only asking wakes a model. Why a question failed stands in MODEL/error.\n";

static void add_rows(const struct part *p, struct buf *out)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct row *r = &p->rows[i];
        if (r->name && r->help)
            buf_addf(out, "    %-18s %s\n", r->name, r->help);
    }
}

static bool has_help(const struct part *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->rows[i].name && p->rows[i].help)
            return true;
    return false;
}

static void readme_content(struct tree *t, const struct node *n, struct buf *out)
{
    (void)t, (void)n;
    buf_adds(out, guide);
    for (size_t i = 1; i < tree_n_parts; i++) { /* the first is the root's own row */
        if (!has_help(&tree_parts[i]))
            continue;
        if (strcmp(tree_parts[i].path, tree_parts[i - 1].path) != 0)
            buf_addf(out, "\n%s\n", tree_parts[i].path);
        add_rows(&tree_parts[i], out);
    }
}

const struct file_ops file_readme = { .content = readme_content, .constant = true };
