/* SPDX-License-Identifier: MIT */
/* The served tree, which is this table:

     README  status  endpoint  env  config  events  metrics  log  ctl
     clusters/<name>/         status  auth
     jobs/<cluster>.<id>/     status  ctl  script  endpoint
         log/                 stdout  stderr
         models/<model>       -> ../../../<model>
     <model>/                 ask  reply  request  response  embed  vector  error  status  endpoint  env  ctl
                              system  params
         chats/<name>/        ask  reply  error  status  system  params  transcript  transcript.json  ctl
         history/<id>/        prompt  reply  error  status, of the caller's own exchanges
         history/latest       -> <id>
         batch/<name>/        in.jsonl  out.jsonl  errors.jsonl  status  progress  ctl, of the caller's own batches
         log/                 stdout  stderr
         job                  -> ../jobs/<cluster>.<id>, absent while the model sleeps
         replicas/<cluster>.<id>  -> ../../jobs/<cluster>.<id>
     <alias>                  -> <model>

   Adding a file is a row here and a function in files/. A directory whose entries come and go has a list (or list_some) and
   a find function, which stand below the rows, and make, remove and rename where callers may do that; a path shown in README is a part at the end. Kinds of reading:
   a row whose file has `content` is a text made once per open; `growing` is followed by tail -f; `reply`,
   `response` and `vector` alone wait. */
#include "fs/tree.h"
#include "backend/cluster/cluster.h"
#include "backend/history/history.h"
#include "backend/job/job.h"
#include "backend/model/model.h"
#include "backend/users.h"
#include "fs/asking.h"
#include "fs/ctl.h"
#include "fs/files/files.h"

#include <errno.h>
#include <string.h>

/* Rows of entries that come and go have names that nothing is called; the list functions say the real
 * ones. */
static const struct dir dir_root, dir_clusters, dir_cluster, dir_jobs, dir_job, dir_job_log, dir_job_models,
    dir_model, dir_model_log, dir_replicas, dir_history, dir_past, dir_batches, dir_batch, dir_chats,
    dir_chat;

static const struct row top_rows[] = {
    { "/", 0755, ROW_DIR, .dir = &dir_root },
};

static const struct row root_rows[] = {
    { "README", 0444, ROW_FILE, &file_readme, .help = "this guide" },
    { "status", 0444, ROW_FILE, &file_status_house, .help = "JSON: the whole mount" },
    { "endpoint", 0444, ROW_FILE, &file_endpoint_house,
      .help = "URL of the gateway; it routes by the \"model\" field of a request" },
    { "env", 0400, ROW_FILE, &file_env_house, .help = "shell lines to source" },
    { "config", 0444, ROW_FILE, &file_config, .help = "the effective configuration, secrets masked" },
    { "events", 0444, ROW_FILE, &file_events, .help = "JSON Lines, one for each change of state; grows" },
    { "metrics", 0444, ROW_FILE, &file_metrics, .help = "figures in Prometheus' text format" },
    { "log", 0444, ROW_FILE, &file_log, .hidden = 0044, .help = "the daemon's own log; grows" },
    { "ctl", 0600, ROW_FILE, &file_ctl_house, .help = "verbs, one a line; read it for the list" },
    { "clusters", 0755, ROW_DIR, .dir = &dir_clusters, .help = "one directory per cluster" },
    { "jobs", 0755, ROW_DIR, .dir = &dir_jobs,
      .help = "one directory per job, running or ended in the last hour" },
    { 0 },
};
static const struct row model_row[] = {
    { "<model>", 0755, ROW_DIR, .dir = &dir_model, .help = "one directory per model" },
    { "<alias>", 0777, ROW_LINK, .link = link_alias, .help = "another name of a model: a link to it" },
};

static const struct row cluster_row[] = {
    { "<name>", 0755, ROW_DIR, .dir = &dir_cluster },
};
static const struct row cluster_rows[] = {
    { "status", 0444, ROW_FILE, &file_status_cluster, .help = "JSON: idle, connecting, auth, up or down" },
    { "auth", 0600, ROW_FILE, &file_auth,
      .help = "what the login asks, a password or a second factor; write the answer to it" },
    { 0 },
};

static const struct row job_row[] = {
    { "<cluster>.<id>", 0755, ROW_DIR, .dir = &dir_job },
};
static const struct row job_rows[] = {
    { "status", 0444, ROW_FILE, &file_status_job, .help = "JSON: its state, node, port and times" },
    { "ctl", 0600, ROW_FILE, &file_ctl_job, .help = "verbs, one a line; read it for the list" },
    { "script", 0400, ROW_FILE, &file_script, .help = "the job script as it was submitted, secrets masked" },
    { "endpoint", 0444, ROW_FILE, &file_endpoint_job, .help = "URL of this job behind the gateway" },
    { "log", 0755, ROW_DIR, .dir = &dir_job_log, .help = "stdout and stderr of the engine; they grow" },
    { "models", 0755, ROW_DIR, .dir = &dir_job_models, .help = "links to the models that live in it" },
    { 0 },
};
static const struct row job_log_rows[] = {
    { "stdout", 0444, ROW_FILE, &file_job_stdout, .hidden = 0044,
      .help = "what the engine wrote to its stdout" },
    { "stderr", 0444, ROW_FILE, &file_job_stderr, .hidden = 0044,
      .help = "what the engine wrote to its stderr" },
    { 0 },
};
static const struct row job_model_row[] = {
    { "<model>", 0777, ROW_LINK, .link = link_job_model },
};

static const struct row model_rows[] = {
    { "ask", 0600, ROW_FILE, &file_ask, .others = 0066, .help = "write a prompt; it is sent at close" },
    { "reply", 0444, ROW_FILE, &file_reply, .help = "the answer to what you asked; waits for its text" },
    { "request", 0600, ROW_FILE, &file_request, .others = 0066,
      .help = "the same in JSON: write a chat-completion request" },
    { "response", 0444, ROW_FILE, &file_response, .help = "its response; with \"stream\": true its events" },
    { "embed", 0600, ROW_FILE, &file_embed, .others = 0066,
      .help = "write a text, or a JSON array of texts" },
    { "vector", 0444, ROW_FILE, &file_vector, .help = "its embedding: a JSON array of numbers, or of such" },
    { "error", 0444, ROW_FILE, &file_error, .help = "why your last question failed" },
    { "status", 0444, ROW_FILE, &file_status_model, .help = "JSON: its state, requests and jobs" },
    { "endpoint", 0444, ROW_FILE, &file_endpoint_model, .help = "URL of this model behind the gateway" },
    { "env", 0400, ROW_FILE, &file_env_model, .help = "shell lines to source" },
    { "ctl", 0600, ROW_FILE, &file_ctl_model, .others = 0066,
      .help = "verbs, one a line; read it for the list" },
    { "system", 0644, ROW_FILE, &file_system,
      .help = "the system prompt; write another, or nothing for the configured one" },
    { "params", 0644, ROW_FILE, &file_params,
      .help = "JSON: temperature, max_tokens, ..; write others, or nothing for the configured ones" },
    { "log", 0755, ROW_DIR, .dir = &dir_model_log,
      .help = "stdout and stderr of the engine in the current job" },
    { "history", 0755, ROW_DIR, .dir = &dir_history, .help = "what you asked here, and the answers" },
    { "chats", 0755, ROW_DIR, .dir = &dir_chats, .others = 0022,
      .help = "your conversations: mkdir begins one, rmdir ends it" },
    { "batch", 0755, ROW_DIR, .dir = &dir_batches, .others = 0022,
      .help = "mkdir NAME here: many questions in one file" },
    { "job", 0777, ROW_LINK, .link = link_current_job, .present = has_current_job,
      .help = "the current job; absent while the model sleeps" },
    { "replicas", 0755, ROW_DIR, .dir = &dir_replicas,
      .help = "links to all jobs that answer for the model" },
    { 0 },
};
static const struct row model_log_rows[] = {
    { "stdout", 0444, ROW_FILE, &file_model_stdout, .hidden = 0044,
      .help = "what the engine wrote to its stdout" },
    { "stderr", 0444, ROW_FILE, &file_model_stderr, .hidden = 0044,
      .help = "what the engine wrote to its stderr" },
    { 0 },
};

static const struct row replica_row[] = {
    { "<cluster>.<id>", 0777, ROW_LINK, .link = link_replica, .present = is_replica },
};
static const struct row history_rows[] = {
    { "latest", 0777, ROW_LINK, .link = link_latest, .present = has_history,
      .help = "a link to your last one" },
    { 0 },
};
static const struct row past_row[] = {
    { "<id>", 0500, ROW_DIR, .dir = &dir_past },
};
static const struct row past_rows[] = {
    { "prompt", 0400, ROW_FILE, &file_past_prompt, .help = "what you asked" },
    { "reply", 0400, ROW_FILE, &file_past_reply, .help = "the answer, or what has come of it; never waits" },
    { "error", 0400, ROW_FILE, &file_past_error, .help = "why it failed; empty if it did not" },
    { "status", 0400, ROW_FILE, &file_past_status, .help = "JSON: waiting, sent, streaming, done, .." },
    { 0 },
};

const struct row chat_row[1] = {
    { "<name>", 0700, ROW_DIR, .dir = &dir_chat },
};
static const struct row chat_rows[] = {
    { "ask", 0600, ROW_FILE, &file_ask, .help = "write a question; it sees what was said before it" },
    { "reply", 0400, ROW_FILE, &file_reply, .help = "the answer to the last one; waits for its text" },
    { "error", 0400, ROW_FILE, &file_chat_error, .help = "why the last question, or a write, failed" },
    { "status", 0400, ROW_FILE, &file_chat_status, .help = "JSON: its state, turns, tokens and context" },
    { "system", 0600, ROW_FILE, &file_system, .help = "its system prompt; emptied, the model's counts" },
    { "params", 0600, ROW_FILE, &file_params, .help = "JSON: its parameters; likewise" },
    { "transcript", 0400, ROW_FILE, &file_chat_transcript, .help = "what was said, as Markdown; grows" },
    { "transcript.json", 0600, ROW_FILE, &file_chat_messages,
      .help = "the same as JSON messages; write them before the first question to begin with them" },
    { "ctl", 0600, ROW_FILE, &file_ctl_chat, .help = "verbs, one a line; read it for the list" },
    { 0 },
};
const struct row batch_row[1] = {
    { "<name>", 0700, ROW_DIR, .dir = &dir_batch },
};
static const struct row batch_rows[] = {
    { "in.jsonl", 0600, ROW_FILE, &file_batch_in,
      .help = "write the questions, in OpenAI's batch format or a text a line; begins at close" },
    { "out.jsonl", 0400, ROW_FILE, &file_batch_out, .help = "the answers, as they come" },
    { "errors.jsonl", 0400, ROW_FILE, &file_batch_errors, .help = "the lines that failed, and why" },
    { "status", 0400, ROW_FILE, &file_status_batch, .help = "JSON: its state, and how many lines are done" },
    { "progress", 0400, ROW_FILE, &file_progress, .help = "the same in one line for people" },
    { "ctl", 0600, ROW_FILE, &file_ctl_batch, .help = "verbs, one a line; read it for the list" },
    { 0 },
};

/* ---- Entries that come and go */

static void list_models(struct tree *t, struct subject *s, each_f *each, void *arg)
{
    const struct house *h = s->ptr;

    for (size_t i = 0; i < h->cfg->n_models; i++) {
        const struct model_config *cfg = model_config(h->models[i]);
        struct subject *m = subject_of(t, SUBJECT_MODEL, h->models[i]);
        each(arg, cfg->name, &model_row[0], m);
        for (size_t k = 0; k < cfg->aliases.n; k++)
            if (strcmp(cfg->aliases.v[k], cfg->name) != 0)
                each(arg, cfg->aliases.v[k], &model_row[1], m);
    }
}

static int find_model(struct tree *t, struct subject *s, const char *name, struct node *out)
{
    struct model *m = house_model(s->ptr, name);

    if (!m)
        return -ENOENT;
    bool is_key = strcmp(model_config(m)->name, name) == 0;
    *out = (struct node){ .row = &model_row[is_key ? 0 : 1], .subject = subject_of(t, SUBJECT_MODEL, m) };
    return 0;
}

static void list_clusters(struct tree *t, struct subject *s, each_f *each, void *arg)
{
    const struct house *h = s->ptr;

    for (size_t i = 0; i < h->cfg->n_clusters; i++)
        if (users_may_see(h, h->clusters[i]->cfg, tree_caller(t)->uid))
            each(arg, h->clusters[i]->cfg->name, cluster_row, subject_of_cluster(t, h->clusters[i]));
}

static int find_cluster(struct tree *t, struct subject *s, const char *name, struct node *out)
{
    struct cluster *c = house_cluster(s->ptr, name);

    if (!c || !users_may_see(s->ptr, c->cfg, tree_caller(t)->uid))
        return -ENOENT;
    *out = (struct node){ .row = cluster_row, .subject = subject_of_cluster(t, c) };
    return 0;
}

/* A job has a name once the scheduler gave it an id. */
static void list_jobs(struct tree *t, struct subject *s, each_f *each, void *arg)
{
    const struct house *h = s->ptr;

    list_for_each(j, &h->jobs, struct job, link)
    {
        if (j->name && users_may_see(h, j->cluster->cfg, tree_caller(t)->uid))
            each(arg, j->name, job_row, subject_of_job(t, j));
    }
}

static int find_job(struct tree *t, struct subject *s, const char *name, struct node *out)
{
    struct job *j = house_job(s->ptr, name);

    if (!j || !users_may_see(s->ptr, j->cluster->cfg, tree_caller(t)->uid))
        return -ENOENT;
    *out = (struct node){ .row = job_row, .subject = subject_of_job(t, j) };
    return 0;
}

static bool lives_in(const struct model *m, const struct job *j)
{
    m = model_beside(m, j->cluster->cfg);
    return m && model_has_job(m, j);
}

struct list_sharers {
    struct tree *tree;
    each_f *each;
    void *arg;
};

static void list_one_sharer(void *arg, struct model *m)
{
    const struct list_sharers *l = arg;

    l->each(l->arg, model_config(m)->name, job_model_row, subject_of(l->tree, SUBJECT_MODEL, m));
}

/* Of these, the models are what the links are about. */
static void list_job_models(struct tree *t, struct subject *s, each_f *each, void *arg)
{
    const struct job *j = s->ptr;
    struct list_sharers l = { t, each, arg };

    if (j->model)
        model_each_sharer(j->model, list_one_sharer, &l);
}

static int find_job_model(struct tree *t, struct subject *s, const char *name, struct node *out)
{
    struct model *m = house_model(tree_house(t), name);

    if (!m || strcmp(model_config(m)->name, name) != 0 || !lives_in(m, s->ptr))
        return -ENOENT;
    *out = (struct node){ .row = job_model_row, .subject = subject_of(t, SUBJECT_MODEL, m) };
    return 0;
}

/* What the links are about is the model's job, so that each has an inode number of its own. */
static void list_replicas(struct tree *t, struct subject *s, each_f *each, void *arg)
{
    const struct house *h = tree_house(t);
    const struct model *m = model_seen_by(s->ptr, tree_caller(t)->uid);

    list_for_each(j, &h->jobs, struct job, link)
    {
        if (j->name && model_has_job(m, j) && job_live(j))
            each(arg, j->name, replica_row, subject_of_job(t, j));
    }
}

static int find_replica(struct tree *t, struct subject *s, const char *name, struct node *out)
{
    struct job *j = house_job(tree_house(t), name);

    if (!j || !model_has_job(model_seen_by(s->ptr, tree_caller(t)->uid), j) || !job_live(j))
        return -ENOENT;
    *out = (struct node){ .row = replica_row, .subject = subject_of_job(t, j) };
    return 0;
}

struct list_past {
    each_f *each;
    void *arg;
};

static void list_one_past(void *arg, const struct history_entry *e)
{
    struct list_past *l = arg;
    char name[HISTORY_ID_TEXT];

    l->each(l->arg, history_id_text(e->id, name), past_row, NULL);
}

/* Some 100 us of the loop. */
#define PAST_AT_ONCE 1000

static int64_t list_history(struct tree *t, struct subject *s, int64_t at, each_f *each, void *arg)
{
    struct list_past l = { each, arg };

    return history_some(tree_house(t), model_config(s->ptr)->name, tree_caller(t)->uid, at, PAST_AT_ONCE,
                        list_one_past, &l);
}

static int find_past(struct tree *t, struct subject *s, const char *name, struct node *out)
{
    int64_t id = history_id_parse(name);
    uid_t uid = tree_caller(t)->uid;

    if (id <= 0 || !history_find(tree_house(t), model_config(s->ptr)->name, uid, id))
        return -ENOENT;
    *out = (struct node){ .row = past_row,
                          .subject = subject_numbered(t, SUBJECT_PAST, s->ptr, (uint64_t)id, uid) };
    return 0;
}

static const struct dir dir_root = { .rows = root_rows, .list = list_models, .find = find_model };
static const struct dir dir_clusters = { .list = list_clusters, .find = find_cluster };
static const struct dir dir_cluster = { .rows = cluster_rows };
static const struct dir dir_jobs = { .list = list_jobs, .find = find_job };
static const struct dir dir_job = { .rows = job_rows };
static const struct dir dir_job_log = { .rows = job_log_rows };
static const struct dir dir_job_models = { .list = list_job_models, .find = find_job_model };
static const struct dir dir_model = { .rows = model_rows };
static const struct dir dir_replicas = { .list = list_replicas, .find = find_replica };
static const struct dir dir_model_log = { .rows = model_log_rows };
static const struct dir dir_history = { .rows = history_rows, .list_some = list_history, .find = find_past };
static const struct dir dir_past = { .rows = past_rows };
static const struct dir dir_chats = { .list = list_chats, .find = find_chat, .make = make_chat };
static const struct dir dir_chat = { .rows = chat_rows, .remove = remove_chat, .rename = rename_chat };
static const struct dir dir_batches = { .list = list_batches, .find = find_batch, .make = make_batch };
static const struct dir dir_batch = { .rows = batch_rows, .remove = remove_batch };

/* ---- The parts. At most 256 rows in all: see node_ino(). */

/* clang-format off */
#define PART(path, kind, rows) { path, kind, rows, sizeof(rows) / sizeof((rows)[0]) }
/* clang-format on */

const struct part tree_parts[] = {
    PART("", SUBJECT_HOUSE, top_rows),
    PART("/", SUBJECT_HOUSE, root_rows),
    PART("/", SUBJECT_MODEL, model_row),
    PART("<model>/", SUBJECT_MODEL, model_rows),
    PART("<model>/log/", SUBJECT_MODEL, model_log_rows),
    PART("<model>/replicas/", SUBJECT_JOB, replica_row),
    PART("<model>/history/", SUBJECT_MODEL, history_rows),
    PART("<model>/history/", SUBJECT_PAST, past_row),
    PART("<model>/history/<id>/", SUBJECT_PAST, past_rows),
    PART("<model>/chats/", SUBJECT_CHAT, chat_row),
    PART("<model>/chats/<name>/", SUBJECT_CHAT, chat_rows),
    PART("<model>/batch/", SUBJECT_BATCH, batch_row),
    PART("<model>/batch/<name>/", SUBJECT_BATCH, batch_rows),
    PART("clusters/", SUBJECT_CLUSTER, cluster_row),
    PART("clusters/<name>/", SUBJECT_CLUSTER, cluster_rows),
    PART("jobs/", SUBJECT_JOB, job_row),
    PART("jobs/<cluster>.<id>/", SUBJECT_JOB, job_rows),
    PART("jobs/<cluster>.<id>/log/", SUBJECT_JOB, job_log_rows),
    PART("jobs/<cluster>.<id>/models/", SUBJECT_MODEL, job_model_row),
};
const size_t tree_n_parts = sizeof tree_parts / sizeof tree_parts[0];
