/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_IMAGES_H
#define BACKEND_IMAGES_H
#include "backend/images/read_as.h"
/* The images of a chat request that are named by paths: each is read as the asker may, one after the other, and becomes a data
 * URL in the request. Loop thread. */

struct images;

/* rc 0: *text is the request with its images in it, and may be taken. Else a negative errno with a sentence that names the
 * path. Called once, later than images_start(). */
typedef void images_f(void *arg, int rc, const char *why, struct buf *text);

/* 1: begun, done will be called; 0: it names no path (or is no JSON, which is not our business), nothing is to be done; or a
 * negative errno with a sentence.
 * max  bytes of the whole request then */
int images_start(struct images **out, uv_loop_t *loop, const struct rights *who, const struct buf *request,
                 size_t max, images_f *done, void *arg, struct err *e);
void images_cancel(struct images *g); /* done is not called any more; NULL is allowed */

#endif
