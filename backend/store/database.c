/* SPDX-License-Identifier: MIT */
/* SQLite, and the only file that knows it (sqlite.org/c3ref; 3.40). */
#include "backend/store/database.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/store/journal_linux.h"

#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define APPLICATION_ID 0x736C6C6D /* "sllm": file(1) and we ourselves know the file by it */
#define STATEMENTS_MAX 96 /* static strings of the program that are statements; far more than there are */
#define COLUMNS_MAX    32
#define BUSY_MS        2000 /* another program looks at the file: it is waited for as long as FLUSH would wait */

/* Each page is looked at when the store is opened, as long as that takes no time that anybody notices. */
#define CHECK_MAX (64 << 20) /* bytes */

struct database {
    sqlite3 *sqlite;
    char *path; /* as messages name it */
    struct prepared {
        const char *sql;
        sqlite3_stmt *stmt;
    } prepared[STATEMENTS_MAX];
    size_t n_prepared;
    int changes; /* sqlite3_total_changes() at database_begin() */
};

/* ---- Errors */

static int errno_of_system(int number, int standard)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: /* RLIMIT_FSIZE: as good as full */
        return -ENOSPC;
    case EROFS:
        return -EROFS;
    case EACCES:
        return -EACCES;
    default:
        return standard;
    }
}

/* The last errno of the database's file, or of its journal's. SQLite has closed and truncated other files since, so
 * that its own record of the error may be of these. */
static int errno_of_files(sqlite3 *db)
{
    sqlite3_file *file = NULL;
    int number = 0;

    sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file);
    if (file && file->pMethods)
        file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number);
    if (number == 0)
        sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &number);
    return number;
}

static int errno_of(sqlite3 *db, int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EBADMSG;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_CANTOPEN:
        return errno_of_system(sqlite3_system_errno(db), -EIO);
    case SQLITE_IOERR:
        return errno_of_system(errno_of_files(db), -EIO);
    default:
        return -EIO;
    }
}

static int fail(struct database *db, int code, struct err *e)
{
    int rc = errno_of(db->sqlite, code);

    return rc == 0 ? 0 : err_set(e, rc, "%s: %s", db->path, sqlite3_errmsg(db->sqlite));
}

/* ---- Statements */

/* NULL where it cannot be prepared: *code says why. */
static sqlite3_stmt *prepare(struct database *db, const char *sql, int *code)
{
    for (size_t i = 0; i < db->n_prepared; i++)
        if (db->prepared[i].sql == sql)
            return db->prepared[i].stmt;
    if (db->n_prepared == STATEMENTS_MAX)
        abort(); /* somebody makes statements as he goes: they would never end */
    sqlite3_stmt *stmt = NULL;
    *code = sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    if (*code != SQLITE_OK)
        return NULL;
    db->prepared[db->n_prepared++] = (struct prepared){ sql, stmt };
    return stmt;
}

/* The values stay where they are until the statement is reset. */
static void bind_value(sqlite3_stmt *stmt, int at, const struct store_value *v)
{
    switch (v->type) {
    case STORE_NULL:
        sqlite3_bind_null(stmt, at);
        break;
    case STORE_INT:
        sqlite3_bind_int64(stmt, at, v->i);
        break;
    case STORE_TEXT:
        sqlite3_bind_text64(stmt, at, v->data ? v->data : "", v->len, SQLITE_STATIC, SQLITE_UTF8);
        break;
    case STORE_BLOB:
        sqlite3_bind_blob64(stmt, at, v->data ? v->data : "", v->len, SQLITE_STATIC);
        break;
    }
}

static struct store_value column(sqlite3_stmt *stmt, int at)
{
    struct store_value v = { .type = STORE_NULL };

    switch (sqlite3_column_type(stmt, at)) {
    case SQLITE_INTEGER:
        v.type = STORE_INT;
        v.i = sqlite3_column_int64(stmt, at);
        break;
    case SQLITE_TEXT:
        v.type = STORE_TEXT;
        v.data = (const char *)sqlite3_column_text(stmt, at);
        v.len = (size_t)sqlite3_column_bytes(stmt, at);
        break;
    case SQLITE_BLOB:
        v.type = STORE_BLOB;
        v.data = sqlite3_column_blob(stmt, at);
        v.len = (size_t)sqlite3_column_bytes(stmt, at);
        if (!v.data)
            v.data = ""; /* an empty one */
        break;
    }
    return v;
}

static int give_row(sqlite3_stmt *stmt, int (*row)(void *arg, const struct store_value *v, size_t columns),
                    void *arg)
{
    struct store_value v[COLUMNS_MAX];
    int n = sqlite3_column_count(stmt);

    for (int i = 0; i < n && i < COLUMNS_MAX; i++)
        v[i] = column(stmt, i);
    return row ? row(arg, v, (size_t)n) : 0;
}

int database_run(struct database *db, const char *sql, const struct store_value *args, size_t n,
                 int (*row)(void *arg, const struct store_value *v, size_t columns), void *arg, struct err *e)
{
    int code = SQLITE_OK, rc = 0;
    sqlite3_stmt *stmt = prepare(db, sql, &code);

    if (!stmt)
        return fail(db, code, e);
    for (size_t i = 0; i < n; i++)
        bind_value(stmt, (int)i + 1, &args[i]);
    while (rc == 0 && (code = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = give_row(stmt, row, arg);
    if (rc == 0)
        rc = fail(db, code, e);
    sqlite3_reset(stmt);
    return rc;
}

static int script(struct database *db, const char *sql, struct err *e)
{
    return fail(db, sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL), e);
}

/* ---- Transactions */

int database_begin(struct database *db, struct err *e)
{
    db->changes = sqlite3_total_changes(db->sqlite);
    return database_run(db, "BEGIN", NULL, 0, NULL, NULL, e);
}

int database_commit(struct database *db, struct err *e)
{
    return database_run(db, "COMMIT", NULL, 0, NULL, NULL, e);
}

/* Some errors have ended the transaction already. */
void database_rollback(struct database *db)
{
    if (!sqlite3_get_autocommit(db->sqlite))
        sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
}

bool database_has_changes(struct database *db)
{
    return sqlite3_total_changes(db->sqlite) != db->changes;
}

/* ---- Opening */

static int keep_int(void *arg, const struct store_value *v, size_t columns)
{
    (void)columns;
    *(int64_t *)arg = v[0].i;
    return 0;
}

/* In the rollback mode EXTRA also syncs the directory in which the journal was unlinked: without it a loss of power
 * could bring the journal back, and undo what was said to be on disk. The file is ours for as long as it is open:
 * that spares the shared memory of the log and the locks of each commit. */
static int set_pragmas(struct database *db, const char *path, struct err *e)
{
    char *dir = xstrdup(path), *slash = strrchr(dir, '/');

    if (slash)
        *slash = '\0';
    bool log = journal_may_be_log_in(*dir ? dir : "/");
    free(dir);
    return script(
        db,
        log ? "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
              "PRAGMA journal_size_limit=16777216;"
            : "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA;",
        e);
}

static int check_pages(struct database *db, const char *path, struct err *e)
{
    struct stat st;
    sqlite3_stmt *stmt;

    if (stat(path, &st) < 0 || st.st_size > CHECK_MAX)
        return 0;
    int code = sqlite3_prepare_v2(db->sqlite, "PRAGMA quick_check(1)", -1, &stmt, NULL);
    if (code != SQLITE_OK)
        return fail(db, code, e);
    code = sqlite3_step(stmt);
    const char *said = code == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : "";
    int rc = fail(db, code, e);
    if (rc == 0 && strcmp(said, "ok") != 0)
        rc = err_set(e, -EBADMSG, "%s: %s", path, said);
    sqlite3_finalize(stmt);
    return rc;
}

static int migrate(struct database *db, struct err *e)
{
    int64_t version = 0, application = 0, tables = 0;
    char pragmas[96];
    int rc;

    if ((rc = database_run(db, "PRAGMA user_version", NULL, 0, keep_int, &version, e)) < 0 ||
        (rc = database_run(db, "PRAGMA application_id", NULL, 0, keep_int, &application, e)) < 0 ||
        (rc = database_run(db, "SELECT count(*) FROM sqlite_schema", NULL, 0, keep_int, &tables, e)) < 0)
        return rc;
    if (application != APPLICATION_ID && tables > 0)
        return err_set(e, -EBADMSG, "%s is a database of another program", db->path);
    if (version > (int64_t)store_n_schema)
        return err_set(e, -ENOTSUP, "%s is of version %lld, and this program knows %zu", db->path,
                       (long long)version, store_n_schema);
    for (; version < (int64_t)store_n_schema; version++) {
        snprintf(pragmas, sizeof pragmas, "PRAGMA application_id=%d; PRAGMA user_version=%lld; COMMIT",
                 APPLICATION_ID, (long long)version + 1);
        if ((rc = script(db, "BEGIN IMMEDIATE", e)) < 0 || (rc = script(db, store_schema[version], e)) < 0 ||
            (rc = script(db, pragmas, e)) < 0) {
            database_rollback(db);
            return rc;
        }
    }
    return 0;
}

int database_open(struct database **out, const char *path, struct err *e)
{
    struct database *db = NEW(struct database);
    int rc;

    db->path = xstrdup(path ? path : "the store in memory");
    int code = sqlite3_open_v2(path ? path : ":memory:", &db->sqlite,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if ((rc = fail(db, code, e)) == 0) {
        sqlite3_busy_timeout(db->sqlite, BUSY_MS);
        if (path && ((rc = set_pragmas(db, path, e)) < 0 || (rc = check_pages(db, path, e)) < 0))
            goto out;
        rc = migrate(db, e);
    }
out:
    if (rc < 0) {
        database_close(db);
        return rc;
    }
    *out = db;
    return 0;
}

void database_close(struct database *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < db->n_prepared; i++)
        sqlite3_finalize(db->prepared[i].stmt);
    sqlite3_close_v2(db->sqlite);
    free(db->path);
    free(db);
}
