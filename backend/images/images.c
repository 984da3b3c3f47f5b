/* SPDX-License-Identifier: MIT */
#include "backend/images/images.h"
#include "backend/base/alloc.h"
#include "backend/base/timer.h"
#include "backend/engine/image_url.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* For all images of one request. Whoever closes `request` waits for it and cannot even be killed meanwhile; a disk that is
 * only slow has read every image by then. */
#define LIMIT_MS 10000

/* One child after the other, each some milliseconds: what a request has more of is a mistake, or an attack. */
#define IMAGES_MAX 64

struct images {
    uv_loop_t *loop;
    struct rights who;
    json_t *request;
    int left;    /* images that may still be read */
    size_t room; /* bytes that the request may still grow by */
    uint64_t until_ms;
    struct read_as *reading;
    json_t *holder; /* what is being read belongs there: borrowed from request */
    const char *key;
    char *path;
    images_f *done;
    void *arg;
};

void images_cancel(struct images *g)
{
    if (!g)
        return;
    read_as_cancel(g->reading);
    json_decref(g->request);
    free(g->path);
    free(g);
}

static void end(struct images *g, int rc, const char *why)
{
    images_f *done = g->done;
    struct buf text = { 0 };
    void *arg = g->arg;

    if (rc == 0) {
        char *all = json_dumps(g->request, JSON_COMPACT | JSON_REAL_PRECISION(15));
        buf_adds(&text, all ? all : "{}");
        free(all);
    }
    images_cancel(g);
    done(arg, rc, why, &text);
    buf_free(&text);
}

/* Stops at the first that is still a path. */
static int find_cb(void *arg, json_t *holder, const char *key, const char *url)
{
    struct images *g = arg;
    struct err e;
    char *path;

    if (image_path(url, &path, &e) < 0)
        return 0; /* a URL: those that cannot be used were looked for before */
    free(g->path);
    g->path = path;
    g->holder = holder;
    g->key = key;
    return 1;
}

static int check_cb(void *arg, json_t *holder, const char *key, const char *url)
{
    struct images *g = arg;
    char *path = NULL;
    struct err *e = g->arg; /* while the request is checked */

    (void)holder, (void)key;
    int rc = image_path(url, &path, e);
    if (rc == 0 && (rc = read_as_possible(&g->who, path, e)) == 0 && g->left-- == 0)
        rc = err_set(e, -EINVAL, "the request names more than %d images by their paths", IMAGES_MAX);
    free(path);
    return rc == -ENOENT ? 0 : rc;
}

static int next(struct images *g, struct err *e);

static int put(struct images *g, const struct buf *data, struct err *e)
{
    const char *type = image_type(data->data, data->len);
    struct buf url = { 0 };

    if (!type)
        return err_set(e, -EINVAL, "%s is no image: neither PNG, JPEG, GIF nor WebP", g->path);
    size_t len = image_data_url_len(type, data->len);
    if (len > g->room)
        return err_set(e, -EFBIG, "%s makes the request longer than max_prompt ([mount])", g->path);
    g->room -= len;
    image_data_url(type, data->data, data->len, &url);
    json_object_set_new(g->holder, g->key, json_stringn_nocheck(url.data, url.len));
    buf_free(&url);
    return 0;
}

static void read_cb(void *arg, int rc, const char *why, struct buf *data)
{
    struct images *g = arg;
    struct err e = { 0 };

    g->reading = NULL;
    if (rc == 0) {
        rc = put(g, data, &e);
        if (rc == 0)
            rc = next(g, &e);
        why = e.text;
    }
    if (rc <= 0)
        end(g, rc, why);
}

/* 1: the next one is being read; 0: that was the last. */
static int next(struct images *g, struct err *e)
{
    uint64_t now = mono_ms();

    if (image_each(g->request, find_cb, g) == 0)
        return 0;
    int rc = read_as_start(&g->reading, g->loop, &g->who, g->path, g->room / 4 * 3,
                           now < g->until_ms ? g->until_ms - now : 1, read_cb, g, e);
    return rc < 0 ? rc : 1;
}

int images_start(struct images **out, uv_loop_t *loop, const struct rights *who, const struct buf *request,
                 size_t max, images_f *done, void *arg, struct err *e)
{
    bool may_have = request->len && memmem(request->data, request->len, "image_url", 9);
    json_t *v = may_have ? json_loadb(request->data, request->len, JSON_ALLOW_NUL, NULL) : NULL;

    if (!v)
        return 0;
    struct images *g = NEW(struct images);
    g->loop = loop;
    g->who = *who;
    g->request = v;
    g->left = IMAGES_MAX;
    g->room = max > request->len ? max - request->len : 0;
    g->until_ms = mono_ms() + LIMIT_MS;
    g->arg = e;
    int rc = image_each(v, check_cb, g);
    g->arg = arg;
    g->done = done;
    if (rc == 0)
        rc = next(g, e);
    if (rc <= 0)
        images_cancel(g);
    else
        *out = g;
    return rc;
}
