/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_TARGET_H
#define FS_DOOR_HTTP_TARGET_H
#include "backend/base/err.h"
/* The target of a request, and the spellings that an engine might read otherwise than we do. Pure. */

/* *path is the path of the target with its query, a part of target that begins with '/' (or "/"): an absolute
 * form (RFC 9112 3.2.2) loses its scheme and authority. -EINVAL with a sentence for another form, "." and ".."
 * as segments, empty segments, control characters, NUL and what is no UTF-8, in plain or in %XX form, and for a
 * malformed %XX. */
int target_path(const char *target, const char **path, struct err *e);

#endif
