/* SPDX-License-Identifier: MIT */
/* Short texts: where the gateway is, the shell lines that point a program to it, the configuration, and the
 * script of a job. */
#include "backend/cluster/cluster.h"
#include "backend/job/job.h"
#include "backend/model/model.h"
#include "fs/files/files.h"

#include <stdlib.h>

static const char *model_name(const struct node *n)
{
    return model_config(n->subject->ptr)->name;
}

/* ---- endpoint: one line, or nothing while there is no gateway. */

static void add_url(struct tree *t, const char *route, const char *name, struct buf *out)
{
    const char *endpoint = tree_house(t)->endpoint;

    if (endpoint && *endpoint)
        buf_addf(out, "%s%s%s", endpoint, route, name);
}

static void end_line(struct buf *out)
{
    if (out->len)
        buf_adds(out, "\n");
}

static void endpoint_house(struct tree *t, const struct node *n, struct buf *out)
{
    (void)n;
    add_url(t, "", "", out);
    end_line(out);
}

static void endpoint_model(struct tree *t, const struct node *n, struct buf *out)
{
    add_url(t, "/", model_name(n), out);
    end_line(out);
}

static void endpoint_job(struct tree *t, const struct node *n, struct buf *out)
{
    const struct job *j = n->subject->ptr;

    if (!j->cluster->cfg->of_users) /* those are no part of the gateway */
        add_url(t, "/jobs/", j->name, out);
    end_line(out);
}

/* ---- env: lines that any shell can source. */

/* In single quotes: an address in brackets ([::1]) is a pattern to the shell. A URL of ours has no quote. */
static void env_lines(const struct house *h, const struct buf *url, struct buf *out)
{
    const char *token = h->token;

    if (!url->len) {
        buf_adds(out, "# there is no gateway\n");
        return;
    }
    buf_addf(out, "export OPENAI_BASE_URL='%s/v1'\n", url->data);
    /* Programs want one; the gateway does where there is a token. */
    buf_adds(out, "export OPENAI_API_KEY='");
    for (const char *p = token ? token : "none"; *p; p++)
        buf_addf(out, *p == '\'' ? "'\\''" : "%c", *p);
    buf_adds(out, "'\n");
    buf_addf(out, "export OLLAMA_HOST='%s'\n", url->data);
}

static void env_house(struct tree *t, const struct node *n, struct buf *out)
{
    struct buf url = { 0 };

    (void)n;
    add_url(t, "", "", &url);
    env_lines(tree_house(t), &url, out);
    buf_free(&url);
}

static void env_model(struct tree *t, const struct node *n, struct buf *out)
{
    struct buf url = { 0 };

    add_url(t, "/", model_name(n), &url);
    env_lines(tree_house(t), &url, out);
    buf_free(&url);
}

/* ---- config, script */

static void config_content(struct tree *t, const struct node *n, struct buf *out)
{
    char *toml = config_to_toml(tree_house(t)->cfg);

    (void)n;
    buf_adds(out, toml);
    free(toml);
}

static void script_content(struct tree *t, const struct node *n, struct buf *out)
{
    const struct job *j = n->subject->ptr;

    (void)t;
    buf_adds(out, j->script ? j->script : "");
}

const struct file_ops file_endpoint_house = { .content = endpoint_house };
const struct file_ops file_endpoint_model = { .content = endpoint_model };
const struct file_ops file_endpoint_job = { .content = endpoint_job };
const struct file_ops file_env_house = { .content = env_house };
const struct file_ops file_env_model = { .content = env_model };
const struct file_ops file_config = { .content = config_content };
const struct file_ops file_script = { .content = script_content };
