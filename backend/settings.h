/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_SETTINGS_H
#define BACKEND_SETTINGS_H
#include "backend/config/config.h"
#include "backend/pair.h"
/* What a model says of each request that does not say otherwise: its system prompt and its parameters. Each is what the
 * configuration says until somebody writes another; that one is kept in the mount's state directory. Loop thread. */

struct house;
struct settings;

enum setting { SETTING_SYSTEM, SETTING_PARAMS };

struct settings *settings_create(struct house *h, const struct model_config *m);
void settings_destroy(struct settings *s); /* NULL is allowed */

/* Those of a conversation: what the model's say counts until another is written, and changed() is told to keep that. */
struct settings *settings_create_under(const struct settings *model, void (*changed)(void *arg), void *arg);
const char *settings_own_text(const struct settings *s, enum setting which); /* NULL: the model's counts */
size_t settings_own_len(const struct settings *s, enum setting which);       /* bytes of it; 0 likewise */
/* One that was kept; what cannot be used any more is left out. */
void settings_load_text(struct settings *s, enum setting which, const char *text, size_t len);
void settings_copy(struct settings *to, const struct settings *from);

/* As its file shows it: "" or a text that ends in a newline. */
const char *settings_text(const struct settings *s, enum setting which);

/* Can this be its value? 0; -EINVAL: never; -ENODATA: not yet, it stops short; with the sentence. Pure. */
int settings_check(enum setting which, const char *text, size_t len, struct err *e);

/* It is its value from here on, and in later mounts. What cannot be one, or not be kept, leaves the old value. */
int settings_set(struct settings *s, enum setting which, const char *text, size_t len, struct err *e);

/* Back to what the configuration says. */
int settings_reset(struct settings *s, enum setting which, struct err *e);

/* system and params of *d; borrowed until the next change. */
void settings_defaults(const struct settings *s, struct request_defaults *d);

#endif
