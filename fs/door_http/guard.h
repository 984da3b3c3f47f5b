/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_GUARD_H
#define FS_DOOR_HTTP_GUARD_H
#include "backend/house.h"
#include "backend/http/http.h"
/* Whose a request is, and what they may: the token and the keys with their limits (CONTRACT.md section 7). What a
 * request shows is compared by its SHA-256 with all that are known, each time and in the same time. The file of
 * keys is looked at once a second while requests come; one that is damaged or open to others lets nobody in.
 * Loop thread. */

struct guard;
struct holder; /* of a key, of the token, or whoever the access admits; lives as long as the guard */

/* Reads the token and the keys. -EACCES, -ENOENT, -EINVAL with a sentence: a token file that cannot be used. */
int guard_create(struct guard **out, struct house *h, struct err *e);
void guard_destroy(struct guard *g); /* NULL is allowed */

/* With access "token" by what the head shows, a token, a key or the cookie of a login: -ENOKEY with a sentence for
 * nothing, or nothing that is valid. */
int guard_identify(struct guard *g, const struct http_head *h, struct holder **out, struct err *e);

/* A login of the page: the secret is the token or a key. *cookie becomes the value of a Set-Cookie field, the caller's. -ENOKEY with a
 * sentence. */
int guard_login(struct guard *g, const char *secret, char **cookie, struct err *e);
char *guard_logout(struct guard *g,
                   const struct http_head *h); /* the field that takes the cookie away, the caller's */
bool guard_has_login(const struct guard *g);   /* there is something to log in with */

const char *guard_token(const struct guard *g); /* for `env`; NULL where there is none */

const char *holder_name(const struct holder *h); /* a key's, or "owner", "token", "anonymous" */
uint64_t holder_asker(
    const struct holder *h); /* for exchange->asker: a key takes turns with others, and with the owner */
bool holder_governs(
    const struct holder *h); /* wakes, stops and pins models, sees their logs and who used what */
bool holder_may_use(const struct holder *h, const char *model);

/* A question of the holder to a model begins. 0; -EACCES: not this model; -EDQUOT: a limit is used up, for
 * *retry_s more seconds. Else holder_end() follows. */
int holder_begin(struct guard *g, struct holder *h, const char *model, int64_t *retry_s, struct err *e);
void holder_end(struct guard *g, struct holder *h, int64_t prompt_tokens, int64_t completion_tokens);

/* What each key has used today: [{"name":..,"requests":..,"prompt_tokens":..,"completion_tokens":..}]; a new reference.
 * only  whose alone; NULL: everybody's */
json_t *guard_usage(const struct guard *g, const struct holder *only);

#endif
