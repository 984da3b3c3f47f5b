/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_MULTIPART_H
#define FS_DOOR_HTTP_MULTIPART_H
#include "fs/door_http/model_field.h"
/* What routing needs to know of a form with files (audio, images): RFC 7578, RFC 2046 section 5.1.1. A part's head
 * has at most 16 KiB, its field `model` 1 KiB; what two readers could read differently is refused. */

/* type  the value of Content-Type. Of another multipart body than a form nothing is known, and that is no error.
 * -EINVAL with a sentence: cut short, no such form, "model" twice, or a file. */
int multipart_scan(const char *type, const char *body, size_t len, struct body_facts *out, struct err *e);

bool multipart_is(const char *type); /* NULL: no */

/* A form, or JSON, whatever its type says. */
int body_scan(const char *type, const char *body, size_t len, struct body_facts *out, struct err *e);

#endif
