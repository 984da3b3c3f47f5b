/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_CONFIG_INSIDE_H
#define BACKEND_CONFIG_INSIDE_H
#include <jansson.h>
#include "backend/base/toml.h"
#include "backend/config/config_table.h"
/* What the steps of reading a configuration share: config.c takes them in order. Each returns 0, or -EINVAL with
 * "FILE:LINE: what, and the way out" in r->e. */

struct reading {
    struct config *c;
    json_t *doc;
    struct toml_lines *lines;
    const char *file;
    json_t *found; /* models of catalogues -> their names there */
    struct err *e;
};

/* path  what is wrong, dotted: its line is looked up; a path that is in no line gives none. Always -EINVAL. */
int config_fail_at(const struct reading *r, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int config_fail_at_key(const struct reading *r, const char *table, const char *key, const char *text);

int config_check_tables(const struct reading *r); /* config_known.c: which tables and keys there are */

/* config_catalogue.c: the models of the catalogues as tables behind those of the file. */
int config_add_catalogues(const struct reading *r);

/* config_share.c: what one model says of a job that it shares goes into the tables of the others; then, once there are
 * structs, an engine that cannot be shared is refused, and the first one pulls what all of them load. */
int config_join_shares(const struct reading *r);
int config_settle_shares(const struct reading *r);

void config_follow_share(json_t *table, const json_t *first); /* what that says of the job goes into table */

/* config_users.c, once there are structs: who the users are, whose clusters are theirs alone, and whether each model can
 * run there. */
int config_settle_users(const struct reading *r);

/* config_fill.c: one model, put behind the others, for which there is room. */
int config_fill_model(const struct reading *r, const char *name, const json_t *table);

/* From now on this is a name of the model at that index, unless it is one of another already. */
void config_name(struct config *c, const char *name, size_t at);

void config_free_model(struct model_config *m);

int config_fill(const struct reading *r); /* config_fill.c: the structs from the tables, with the defaults */

/* Free what the fields of these rows (enum config_rows) own in the struct at base. */
void config_clear(unsigned rows, void *base);

#endif
