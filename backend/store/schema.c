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

/* chats     one row for each conversation. changed is milliseconds since 1970; given counts the messages that it began with;
 *           used and used_bytes are of its last turn, context is what an engine told of its limit; error, failed, system
 *           and params are NULL where there is none.
 * messages  what was said, as the engine gets it; at counts from 0.
 * prompts.chat  the conversation that it is a question of, 0 for none. */
static const char version_3[] =
    "CREATE TABLE chats("
    "id INTEGER PRIMARY KEY, uid INTEGER NOT NULL, model TEXT NOT NULL, name TEXT NOT NULL,"
    "changed INTEGER NOT NULL, given INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL,"
    "completion_tokens INTEGER NOT NULL, used INTEGER NOT NULL, used_bytes INTEGER NOT NULL,"
    "context INTEGER NOT NULL, error TEXT, failed TEXT, system TEXT, params TEXT);"
    "CREATE TABLE messages(chat INTEGER NOT NULL, at INTEGER NOT NULL, data TEXT NOT NULL,"
    "PRIMARY KEY(chat, at)) WITHOUT ROWID;"
    "ALTER TABLE prompts ADD COLUMN chat INTEGER NOT NULL DEFAULT 0;";

/* context_job  whose engine told the context: "<cluster>.<id>"; NULL where none did. */
static const char version_4[] = "ALTER TABLE chats ADD COLUMN context_job TEXT;";

const char *const store_schema[] = {
    version_1,
    version_2,
    version_3,
    version_4,
};
const size_t store_n_schema = sizeof store_schema / sizeof store_schema[0];
