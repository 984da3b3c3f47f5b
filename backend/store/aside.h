/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_STORE_ASIDE_H
#define BACKEND_STORE_ASIDE_H
#include "backend/base/err.h"

/* Give a database and the files beside it (-wal, -shm, -journal) another name: PATH.WHY-TIME. Nothing is
 * deleted, and nothing that has the name already is replaced.
 * out  the new name; the caller frees it
 * 0, or -errno with a sentence. */
int aside_move(const char *path, const char *why, char **out, struct err *e);

#endif
