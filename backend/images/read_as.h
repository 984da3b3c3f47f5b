/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_READ_AS_H
#define BACKEND_READ_AS_H
#include <stddef.h>
#include <sys/types.h>
#include <uv.h>
#include "backend/base/buf.h"
#include "backend/base/err.h"
/* Reads a file as one of the mount's users may, whoever we are: a short-lived child, our own program in another role, becomes
 * that user and reads. A disk that hangs holds up the child alone, which is killed. Loop thread. */

/* main() calls read_as_helper_main() where this variable is set. */
#define READ_AS_VARIABLE "SLULLAMAFS_READ_AS"

#define READ_AS_GROUPS 64 /* further groups of a user that count; who has more is let into fewer files */

/* What the kernel says of a caller. */
struct rights {
    uid_t uid;
    gid_t gid;
    size_t n_groups;
    gid_t groups[READ_AS_GROUPS];
};

/* Can files be read as this user at all? -EACCES with a sentence: only root can become somebody else. */
int read_as_possible(const struct rights *who, const char *path, struct err *e);

struct read_as;

/* rc 0: *data is the whole file, and may be taken. Else a negative errno with a sentence that names the path:
 * -EFBIG: longer than max; -EINVAL: no regular file, or empty; -ETIMEDOUT: not read within limit_ms; else open's. */
typedef void read_as_f(void *arg, int rc, const char *why, struct buf *data);

/* Begin; done is called once, later. path is absolute. */
int read_as_start(struct read_as **out, uv_loop_t *loop, const struct rights *who, const char *path,
                  size_t max, uint64_t limit_ms, read_as_f *done, void *arg, struct err *e);
void read_as_cancel(struct read_as *r); /* done is not called any more; NULL is allowed */

int read_as_helper_main(void);

#endif
