/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_KEY_FILE_H
#define FS_DOOR_HTTP_KEY_FILE_H
#include <stdint.h>
#include <time.h>
#include "backend/base/err.h"
#include "backend/config/config.h"
/* The file of API keys, STATE_DIR/keys.json, one for all mounts of a state directory. `slullamafs key` writes
 * it, gateways read it. Of a key only its SHA-256 is kept: it is 32 random bytes, so that a slow hash would add
 * nothing. */

#define KEY_PREFIX "sk-sfs-" /* 64 hex digits follow */
#define KEY_HASH   32        /* bytes */

struct key_limits { /* 0 = none */
    int64_t concurrent, requests_per_minute, requests_per_day, tokens_per_minute, tokens_per_day;
};

struct key {
    char id[9]; /* 8 hex digits */
    char *name, *email;
    unsigned char hash[KEY_HASH];
    struct strings models; /* none = all */
    struct key_limits limits;
    time_t created, expires; /* expires: 0 = never */
};

struct key_list {
    struct key *v;
    size_t n;
};

char *key_file_path(const struct config *cfg); /* the caller's */

/* A file that is not there has no keys. 0, or a sentence that names the file: -EACCES (open to others, not
 * ours), -EINVAL (damaged), .. */
int key_file_read(const char *path, struct key_list *out, struct err *e);

/* Whole or not at all; its directory is made. */
int key_file_write(const char *path, const struct key_list *keys, struct err *e);

/* Waits until nobody else changes the file; the lock lasts until the descriptor is closed. */
int key_file_lock(const char *path, struct err *e);

void key_list_free(struct key_list *keys);
void key_free(struct key *k); /* what it owns */
struct key key_copy(const struct key *k);

void secret_hash(const char *text, unsigned char out[KEY_HASH]); /* SHA-256 */

/* A key's name goes into metrics, logs and command lines: 1 to 64 of letters, digits and ._@+-; and not one of
 * the names that the gateway gives to those without a key. */
int key_name_check(const char *name, struct err *e);

/* The numbers of struct key_limits, for the file, the options and the list alike. */
struct key_limit_field {
    const char *name; /* in the file; the option has dashes */
    size_t offset;    /* in struct key_limits */
    const char *help;
};
extern const struct key_limit_field key_limit_fields[]; /* ends with a row without name */
int64_t *key_limit(struct key_limits *l, const struct key_limit_field *f);

#endif
