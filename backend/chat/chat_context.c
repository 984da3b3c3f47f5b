/* SPDX-License-Identifier: MIT */
/* How full the context of a conversation is. Engines tell the tokens of what was; those of what comes are guessed from
 * them, at as many bytes a token as the last turn had. Nothing here is exact, and need not be: an engine that has no room
 * says so by itself. */
#include "backend/chat/chat.h"
#include "backend/base/alloc.h"
#include "backend/cluster/cluster.h"
#include "backend/house.h"
#include "backend/job/job.h"
#include "backend/model/model.h"
#include "backend/prompt.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a token of English is, until an engine has counted; and what the frame of a message costs. */
#define BYTES_A_TOKEN 4.0
#define FRAME         8 /* tokens */

/* Of the limit, so much is left for the answer where older turns are dropped for it. */
#define ANSWER_SHARE 0.25

static bool drops(const struct chat *c)
{
    return strcmp(model_config(c->model)->on_full, "drop_oldest") == 0;
}

/* What an engine has said counts for as long as that engine is the one that answers: the next one may have more room. Behind a
 * gateway another may run by now, so that what it said drops messages, and refuses none. */
static bool is_told(const struct chat *c)
{
    const struct job *j = c->limit && c->limit_job ? house_job(c->house, c->limit_job) : NULL;

    const struct model *m =
        j ? model_beside(c->model, j->cluster->cfg) : NULL; /* its user may have a cluster */

    return m && job_live(j) && model_has_job(m, j) && (drops(c) || !j->cluster->remote);
}

/* What a question may be refused for. That tokens are guessed does not matter here: nobody needs to come so near. */
static int64_t hard_limit(const struct chat *c)
{
    return is_told(c) ? c->limit : model_config(c->model)->max_model_len;
}

/* The engine that is awake knows better than the configuration; what it said no with counts before what it says of itself. */
int64_t chat_limit(const struct chat *c)
{
    const struct job *j = is_told(c) ? NULL : model_job(c->model);

    return j && j->context ? j->context : hard_limit(c);
}

static int64_t guess(const struct chat *c, size_t bytes)
{
    double each = c->used && c->used_bytes ? (double)c->used_bytes / (double)c->used : BYTES_A_TOKEN;

    return (int64_t)((double)bytes / (each < 1 ? 1 : each)) + FRAME;
}

int chat_fits(const struct chat *c, size_t bytes, struct err *e)
{
    int64_t limit = hard_limit(c), used = c->used ? c->used : guess(c, c->messages.json_len);
    int64_t need = guess(c, bytes);

    if (limit == 0 || drops(c) || used + need <= limit)
        return 0;
    return err_set(e, -EFBIG,
                   "the context is full: the conversation has about %lld tokens, this question %lld, and the "
                   "engine takes %lld; begin another conversation, `undo`, or set on_full = \"drop_oldest\"",
                   (long long)used, (long long)need, (long long)limit);
}

/* Whole turns are dropped: what is kept begins with a question. */
static size_t next_turn(const struct messages *m, size_t at)
{
    for (at++; at < m->n && m->v[at].role != ROLE_USER; at++)
        ;
    return at;
}

size_t chat_first(const struct chat *c, size_t bytes)
{
    const struct messages *m = &c->messages;
    int64_t limit = chat_limit(c), room = (int64_t)((double)limit * (1 - ANSWER_SHARE)) - guess(c, bytes);
    size_t left = m->json_len, first = 0;

    if (limit == 0 || !drops(c))
        return 0;
    while (first < m->n && guess(c, left) > room)
        for (size_t next = next_turn(m, first); first < next; first++)
            left -= first == 0 && m->v[0].role == ROLE_SYSTEM ? 0 : m->v[first].json_len;
    return first;
}

size_t chat_goes_from(const struct chat *c, const struct prompt *p)
{
    size_t first = chat_first(c, p->text.len), calling = messages_last_turn(&c->messages);

    if (first < p->chat_least)
        first = p->chat_least;
    if (p->results.n && calling == c->messages.n)
        calling--;
    /* Results mean nothing without the question whose answer called the tools. */
    return p->results.n && first > calling ? calling : first;
}

static int64_t number_behind(const char *text, const char *words)
{
    const char *at = text ? strstr(text, words) : NULL;

    if (!at)
        return 0;
    at += strlen(words);
    while (*at && !isdigit((unsigned char)*at) && strchr(" :(=\"", *at))
        at++;
    return strtoll(at, NULL, 10);
}

/* Sources: vLLM and OpenAI, "This model's maximum context length is 8192 tokens"; llama-server, "the request exceeds the
 * available context size (8192 tokens)" and its field n_ctx. */
bool chat_learn_limit(struct chat *c, const char *job_name, const char *text)
{
    static const char *const words[] = { "maximum context length is", "available context size", "n_ctx" };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        int64_t n = number_behind(text, words[i]);
        if (n > 0) {
            c->limit = n;
            free(c->limit_job);
            c->limit_job = xstrdup(job_name);
            return true;
        }
    }
    return false;
}

bool chat_shortens(struct chat *c, struct prompt *p, const char *text)
{
    size_t first = p->chat_first, last = c->messages.n;

    if (!drops(c) || first >= last || !chat_learn_limit(c, p->x.job_name, text))
        return false;
    /* Its limit may be enough to know; where it was known and its tokens were guessed wrong, half of what is left goes. */
    if (chat_goes_from(c, p) <= first)
        p->chat_least = next_turn(&c->messages, first + (last - first) / 2);
    return chat_goes_from(c, p) > first;
}
