/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_CONFIG_TABLE_H
#define BACKEND_CONFIG_TABLE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "backend/base/buf.h"
#include "backend/base/err.h"
#include "backend/config/config.h"
/* Inside of the configuration: the table of keys and the types that its rows name. A new key is a field in
 * config.h and a row in config_table.c; reading, checking, defaults, freeing, the file `config` and the
 * reference all walk the table. */

/* Which struct a row's offset counts in, and so in which tables of the file it may stand. */
enum config_rows {
    ROWS_MOUNT = 1,   /* struct config */
    ROWS_GATEWAY = 2, /* struct config */
    ROWS_CLUSTER = 4, /* struct cluster_config */
    ROWS_JOB = 8,     /* struct job_config, in [cluster.X] and [model.X] */
    ROWS_MODEL = 16,  /* struct model_config */
    ROWS_BATCH = 32,  /* struct config */
    ROWS_LIMITS = 64, /* struct config */
    ROWS_USER = 128,  /* struct user_config */
};

#define CONFIG_MASK "***"

struct config_key;

struct key_type {
    const char *name; /* for the reference and messages: "must be ..." */

    /* Check v and store it in *field, which is zeroed before. c is for values that name other parts of the
     * configuration. -EINVAL with a text that goes on after "KEY in [TABLE] ": "must be a string, not an
     * integer". */
    int (*set)(const struct config_key *k, void *field, const json_t *v, const struct config *c,
               struct err *e);

    /* Append the field as a TOML value that set() reads back; with mask, CONFIG_MASK stands for each text in
     * it. */
    void (*write)(const void *field, bool mask, struct buf *out);

    /* Free what the field owns and zero it; a zeroed field is allowed. NULL = it owns nothing. */
    void (*clear)(void *field);
};

struct config_key {
    enum config_rows rows;
    const char *name;
    const struct key_type *type;
    size_t offset;
    const char
        *standard;    /* the default as a TOML value; NULL = required, or found out by config.c (see shown) */
    const char *help; /* sentences for people */
    const char *shown; /* the default in words where standard is NULL; NULL there = the key is required */
    int64_t min, max;  /* numbers, sizes: the range; 0, 0 = none */
    const char *const *words,
        *const *later; /* words: what it may be; what it will be in a later version (or NULL) */
    int (*check)(const char *text, struct err *e); /* each string of it; NULL = anything without NUL */
    bool secret;                                   /* masked when it is shown */
    bool empty_is_0;                               /* duration: "" means 0 */
};

extern const struct config_key config_keys[]; /* ends with a row without name */

/* Tables of the file, in the order in which they are written. */
struct config_section {
    const char *name;
    bool named;    /* [name.X]; else the rows are fields of struct config */
    unsigned rows; /* of enum config_rows */
    int (*check)(const char *name, struct err *e); /* of X; NULL where it is not named */
};

extern const struct config_section config_sections[]; /* ends with one without name */

extern const struct key_type type_string, type_path, type_file, type_bool, type_int, type_duration,
    type_auto_duration, type_size, type_strings, type_string_or_strings, type_ints, type_env, type_params,
    type_word, type_cluster;

/* Checks of config_table.c's rows, in config_check.c. */
int check_line(const char *text, struct err *e);   /* no control characters: it goes into one line */
int check_host(const char *text, struct err *e);   /* an SSH destination that cannot be read as an option */
int check_word(const char *text, struct err *e);   /* a line without blanks */
int check_listen(const char *text, struct err *e); /* HOST:PORT, or unix:PATH */
int check_own_listen(const char *text, struct err *e); /* "" or what check_listen() lets pass */
int check_token(const char *text, struct err *e);      /* "" or visible ASCII */
int check_origin(const char *text, struct err *e);     /* scheme://host[:port] */
int check_workdir(const char *text, struct err *e);    /* absolute, or ~/... */
int check_discover(const char *text, struct err *e);   /* "", or what check_workdir() lets pass */
int check_url(const char *text, struct err *e);        /* "", or what url_parse() takes */
int check_url_path(const char *text, struct err *e);   /* "" or /... */
int check_option(const char *text, struct err *e);     /* -x or --word, one line */
int check_log_file(const char *text,
                   struct err *e); /* a path with variables of the shell, and nothing else of it */

int check_alias(const char *text, struct err *e); /* a name that a model can have */

/* What check_listen() let pass: on loopback or a Unix socket; and whether the host is an IP address at all. */
bool listen_is_local(const char *text);
bool listen_is_address(const char *text);

/* A name of a cluster: as a model's, without '.'. */
int cluster_name_check(const char *name, struct err *e);

/* In config_users.c: the name of a user, or a number. */
int user_name_check(const char *name, struct err *e);

/* In config.c: config_parse() with the options of `serve` (or NULL); theirs: it is slullama's file, even if empty. */
struct slullama_given;
int config_parse_as(const char *text, size_t len, const char *file, bool theirs,
                    const struct slullama_given *given, struct config **out, struct err *e);

/* In config_file.c. All results are the caller's. */
char *config_home(void);      /* $HOME, else the user database's; NULL if neither has one */
char *config_state_dir(void); /* the default; NULL without a home */
char *config_runtime_dir(const char *state_dir); /* the default */

/* In config_catalogue.c. Messages go on after "catalogue in [cluster.NAME]: ". */
char *config_beside(const char *file,
                    const char *path); /* absolute; from the directory of the configuration `file` */
int catalogue_read(const char *path, json_t **out, struct err *e); /* an object; the caller's */

/* Add the entries to models, the configuration's table of [model.X], with the keys that their names become.
 * taken  object whose keys are the names and aliases there are; added to
 * found  object, name of each model that was added by a catalogue -> its name there; added to
 * Returns 0, or -EINVAL with what is wrong with which entry. */
int catalogue_add(const json_t *catalogue, const char *cluster, json_t *models, json_t *taken, json_t *found,
                  struct err *e);

/* In config_toml.c: text as a quoted TOML string. */
void toml_write_string(struct buf *out, const char *text);

#endif
