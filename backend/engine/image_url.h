/* SPDX-License-Identifier: MIT */
#ifndef ENGINE_IMAGE_URL_H
#define ENGINE_IMAGE_URL_H
#include <jansson.h>
#include "backend/base/buf.h"
#include "backend/base/err.h"
/* Images in a chat request: {"type":"image_url","image_url":{"url":...}}, where the URL may also be a path of this machine.
 * Source: OpenAI API reference, "Create chat completion", image content part. Pure. */

/* Calls each() for every URL of an image, in their order: holder is the object that has it as its member key, and may be
 * changed. Ends at the first call that does not return 0, and returns what that did. */
typedef int image_each_f(void *arg, json_t *holder, const char *key, const char *url);
int image_each(json_t *request, image_each_f *each, void *arg);

/* The path that it names. 0 and a path of the caller's; -ENOENT: it names none, it is a URL; -EINVAL: it is a path that
 * cannot be used, a relative one say, with the sentence. */
int image_path(const char *url, char **path, struct err *e);

/* By its first bytes: the media type, or NULL for what is neither PNG, JPEG, GIF nor WebP. */
const char *image_type(const char *data, size_t len);

/* Append "data:TYPE;base64,...". Source: RFC 2397, RFC 4648 section 4. */
void image_data_url(const char *type, const char *data, size_t len, struct buf *out);
size_t image_data_url_len(const char *type, size_t len);

#endif
