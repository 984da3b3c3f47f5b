/* SPDX-License-Identifier: MIT */
/* The tables of the store, as steps from one version to the next. A row that was ever released is never changed:
 * a new table, or a new column, is a new row. */
#include "backend/store/database.h"

/* prompts  one row for each question of somebody, from its first flush on. state: enum record_state (record.h).
 *          Times are milliseconds since 1970. asker is the chain of processes that asked, valid while boot is
 *          the running kernel's. status is the text of history/<id>/status, once it ended. The lengths are those
 *          of the files of history.
 * texts    what was asked and answered: `at` is id * 65536 + part; part 0 is the question, the others are the
 *          answer in the order in which it came. Text that grows is added to and never written again.
 * ended_prompts covers what the index of history needs, so that a million of them are read in a moment. */
static const char version_1[] =
    "CREATE TABLE prompts("
    "id INTEGER PRIMARY KEY, uid INTEGER NOT NULL, model TEXT NOT NULL, state INTEGER NOT NULL,"
    "asked INTEGER NOT NULL, ended INTEGER NOT NULL, losses INTEGER NOT NULL,"
    "boot TEXT NOT NULL, asker TEXT NOT NULL, rc INTEGER NOT NULL, error TEXT NOT NULL, status TEXT NOT NULL,"
    "prompt_len INTEGER NOT NULL, reply_len INTEGER NOT NULL, error_len INTEGER NOT NULL,"
    "status_len INTEGER NOT NULL);"
    "CREATE INDEX open_prompts ON prompts(id) WHERE state < 4;"
    "CREATE INDEX ended_prompts ON prompts(id, uid, model, ended, prompt_len, reply_len, error_len, "
    "status_len)"
    " WHERE state >= 4;"
    "CREATE TABLE texts(at INTEGER PRIMARY KEY, data BLOB NOT NULL);";

/* pair  which pair of files it was asked through: the numbers of backend/pair.c. */
static const char version_2[] = "ALTER TABLE prompts ADD COLUMN pair INTEGER NOT NULL DEFAULT 0;";

const char *const store_schema[] = {
    version_1,
    version_2,
};
const size_t store_n_schema = sizeof store_schema / sizeof store_schema[0];
