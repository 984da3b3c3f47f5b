/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_STORE_DATABASE_H
#define BACKEND_STORE_DATABASE_H
#include "backend/store/store.h"
/* SQLite, as far as the store needs it. One thread at a time. Errors are -ENOSPC, -EROFS, -EACCES, -EBUSY (another
 * program holds it), -EBADMSG (damaged, or no database), -ENOTSUP (a newer schema), -EIO, with a sentence that
 * names the file. */

struct database;

/* path  NULL = in memory. The journal is a write-ahead log where the file system can do that (journal_linux.h),
 *       every commit is synchronous. The schema is brought up to store_schema[]. */
int database_open(struct database **out, const char *path, struct err *e);
void database_close(struct database *db); /* NULL is allowed */

int database_begin(struct database *db, struct err *e);
int database_commit(struct database *db, struct err *e);
void database_rollback(struct database *db);

/* sql  one statement, known by its address from then on
 * row  may be NULL; values are borrowed; a result other than 0 ends it and is returned */
int database_run(struct database *db, const char *sql, const struct store_value *args, size_t n,
                 int (*row)(void *arg, const struct store_value *v, size_t columns), void *arg,
                 struct err *e);

/* Did the transaction under way change anything? */
bool database_has_changes(struct database *db);

/* In schema.c: script i brings a store of version i to version i + 1. */
extern const char *const store_schema[];
extern const size_t store_n_schema;

#endif
