/* SPDX-License-Identifier: MIT */
#include "backend/job/job_ask.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/cluster/cluster.h"
#include "backend/house.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX (1u << 20) /* bytes: some thousand models */

struct asking {
    struct job *job;
    void (*cb)(struct job *j, const json_t *v);
    struct buf text;
    bool good;
};

static void head_cb(void *arg, const struct http_head *h)
{
    struct asking *a = arg;

    a->good = h->status == 200;
}

static void body_cb(void *arg, const char *data, size_t len)
{
    struct asking *a = arg;

    a->good &= a->text.len + len <= ANSWER_MAX;
    if (a->good)
        buf_add(&a->text, data, len);
}

static void end_cb(void *arg, int rc, bool got_byte, const char *err)
{
    struct asking *a = arg;
    bool whole = rc == 0 && a->good && !a->job->cluster->house->stopping;
    json_t *v = whole ? json_loadb(buf_str(&a->text), a->text.len, 0, NULL) : NULL;

    (void)got_byte, (void)err;
    if (json_is_object(v))
        a->cb(a->job, v);
    json_decref(v);
    buf_free(&a->text);
    free(a);
}

void job_ask(struct job *j, const char *path, void (*cb)(struct job *j, const json_t *v))
{
    static const struct http_handler handler = { .head = head_cb, .body = body_cb, .end = end_cb };
    bool six = strchr(j->host, ':') != NULL;
    struct buf head = { 0 };

    if (!j->client)
        return;
    struct asking *a = NEW(struct asking);
    a->job = j;
    a->cb = cb;
    buf_addf(&head, six ? "GET %s HTTP/1.1\r\nHost: [%s]:%d\r\n" : "GET %s HTTP/1.1\r\nHost: %s:%d\r\n", path,
             j->host, j->port);
    if (*job_key(j))
        buf_addf(&head, "Authorization: Bearer %s\r\n", job_key(j));
    buf_adds(&head, "\r\n");
    http_client_send(j->client, head.data, head.len, NULL, 0, &handler, a);
    explicit_bzero(head.data, head.len);
    buf_free(&head);
}

char *ollama_plain_name(const char *name)
{
    static const char latest[] = ":latest";
    size_t n = strlen(name), end = sizeof latest - 1;

    return xstrndup(name, n > end && !strcmp(name + n - end, latest) ? n - end : n);
}
