/* SPDX-License-Identifier: MIT */
/* Limits a minute count from the first request of that minute by the monotonic clock; limits a day go by the day
 * in UTC, as the usage that is kept. Tokens are known when an answer ends: the request that passes the limit is
 * the last one. */
#include "fs/door_http/guard.h"
#include "backend/base/alloc.h"
#include "backend/base/hash.h"
#include "backend/base/log.h"
#include "backend/base/private_file.h"
#include "backend/base/timer.h"
#include "fs/door_http/credentials.h"
#include "fs/door_http/key_file.h"
#include "fs/door_http/sessions.h"
#include "fs/door_http/usage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <openssl/crypto.h>

#define LOOK_MS   1000 /* between two looks at the file of keys */
#define MINUTE_MS 60000
#define TOKEN_MAX 4096 /* bytes of a token file */

struct holder {
    struct list link;
    struct key key; /* id "" for those without a key */
    bool valid;     /* of a key: it is still in the file */
    bool governs;
    uint64_t asker;
    int64_t active;
    uint64_t minute_ms; /* mono_ms() when the running minute began; 0 = none yet */
    int64_t minute_requests, minute_tokens;
};

struct guard {
    bool by_token;
    char *token;
    unsigned char token_hash[KEY_HASH]; /* valid with token */
    struct holder admitted;             /* everybody whom the access lets in without a key */
    struct list holders;                /* of keys, in the file's order; those that are gone too */
    char *path;
    struct stat seen; /* the file of keys when it was last read; zero = it was not there */
    uint64_t looked_ms;
    struct usage *usage;
    char cookie
        [sizeof "slullamafs-12345678"]; /* its name: the cookies of other mounts on this host stay apart */
    struct sessions *sessions;
};

/* ---- The keys */

static struct holder *find_holder(const struct guard *g, const char *id)
{
    list_for_each(h, &g->holders, struct holder, link) if (strcmp(h->key.id, id) == 0) return h;
    return NULL;
}

static void take_key(struct guard *g, const struct key *k)
{
    struct holder *h = find_holder(g, k->id);

    if (!h) {
        h = NEW(struct holder);
        list_append(&g->holders, &h->link);
    } else {
        key_free(&h->key);
    }
    h->key = key_copy(k);
    h->asker = hash_add(HASH_BEGIN, h->key.id);
    h->valid = true;
}

static void read_keys(struct guard *g)
{
    struct key_list keys = { 0 };
    struct err e;

    list_for_each(h, &g->holders, struct holder, link) h->valid = false;
    if (key_file_read(g->path, &keys, &e) < 0) {
        log_error("gateway: no key is accepted: %s", e.text);
        return;
    }
    for (size_t i = 0; i < keys.n; i++)
        take_key(g, &keys.v[i]);
    log_info("gateway: %zu keys are known", keys.n);
    key_list_free(&keys);
}

/* ctime sees a change of mode or owner too. */
static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void look(struct guard *g)
{
    struct stat now = { 0 };

    if (g->looked_ms && mono_ms() - g->looked_ms < LOOK_MS)
        return;
    bool first = !g->looked_ms;
    g->looked_ms = mono_ms();
    if (stat(g->path, &now) < 0)
        now = (struct stat){ 0 };
    if (first || !is_same_file(&now, &g->seen)) {
        g->seen = now;
        read_keys(g);
    }
}

/* ---- Who it is */

static bool is_usable(const struct guard *g, const struct holder *h)
{
    return h == &g->admitted || (h->valid && (!h->key.expires || wall_now().tv_sec < h->key.expires));
}

/* Every stored hash is compared, whatever was found before. */
static struct holder *match(struct guard *g, const char *secret)
{
    unsigned char shown[KEY_HASH];
    struct holder *found = NULL;

    secret_hash(secret, shown);
    if (CRYPTO_memcmp(shown, g->token_hash, KEY_HASH) == 0 && g->token)
        found = &g->admitted;
    list_for_each(h, &g->holders, struct holder, link)
    {
        if (CRYPTO_memcmp(shown, h->key.hash, KEY_HASH) == 0 && is_usable(g, h))
            found = h;
    }
    return found;
}

int guard_identify(struct guard *g, const struct http_head *head, struct holder **out, struct err *e)
{
    struct credentials shown;

    if (!g->by_token) {
        *out = &g->admitted;
        return 0;
    }
    look(g);
    credentials_read(&shown, head);
    struct holder *found = NULL;
    for (size_t i = 0; i < shown.n && !found; i++)
        found = match(g, shown.v[i]);
    size_t n = shown.n;
    credentials_wipe(&shown);
    if (n == 0)
        found = sessions_find(g->sessions, head);
    if (found && is_usable(g, found)) {
        *out = found;
        return 0;
    }
    return err_set(e, -ENOKEY,
                   n ? "the token or key is not valid here: it is wrong, has expired or was revoked"
                     : "this gateway asks for a token or key: send Authorization: Bearer, or x-api-key");
}

int guard_login(struct guard *g, const char *secret, char **cookie, struct err *e)
{
    look(g);
    struct holder *h = match(g, secret);

    if (!g->by_token || !h)
        return err_set(e, -ENOKEY,
                       "this token or key is not valid here: it is wrong, has expired or was revoked");
    *cookie =
        xasprintf("%s=%s; Path=/; HttpOnly; SameSite=Strict", g->cookie, sessions_begin(g->sessions, h));
    return 0;
}

char *guard_logout(struct guard *g, const struct http_head *h)
{
    sessions_end(g->sessions, h);
    return xasprintf("%s=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0", g->cookie);
}

bool guard_has_login(const struct guard *g)
{
    return g->by_token;
}

const char *guard_token(const struct guard *g)
{
    return g->token;
}

const char *holder_name(const struct holder *h)
{
    return h->key.name;
}

uint64_t holder_asker(const struct holder *h)
{
    return h->asker;
}

/* ---- What they may */

bool holder_governs(const struct holder *h)
{
    return h->governs;
}

bool holder_may_use(const struct holder *h, const char *model)
{
    for (size_t i = 0; i < h->key.models.n; i++)
        if (strcmp(h->key.models.v[i], model) == 0)
            return true;
    return h->key.models.n == 0;
}

static void turn_minute(struct holder *h)
{
    uint64_t now = mono_ms();

    if (h->minute_ms && now - h->minute_ms < MINUTE_MS)
        return;
    h->minute_ms = now;
    h->minute_requests = h->minute_tokens = 0;
}

static int check_limits(const struct guard *g, const struct holder *h, int64_t *retry_s, struct err *e)
{
    const struct key_limits *l = &h->key.limits;
    const struct usage_day day = usage_today(g->usage, h->key.id);
    const int64_t minute_left_s = (int64_t)(MINUTE_MS - (mono_ms() - h->minute_ms)) / 1000 + 1;
    const struct {
        int64_t used, limit, left_s;
        const char *what;
    } rows[] = {
        { h->active, l->concurrent, 5, "requests at the same time" },
        { h->minute_requests, l->requests_per_minute, minute_left_s, "requests a minute" },
        { h->minute_tokens, l->tokens_per_minute, minute_left_s, "tokens a minute" },
        { day.requests, l->requests_per_day, usage_day_left_s(), "requests a day" },
        { day.prompt_tokens + day.completion_tokens, l->tokens_per_day, usage_day_left_s(), "tokens a day" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!rows[i].limit || rows[i].used < rows[i].limit)
            continue;
        *retry_s = rows[i].left_s;
        return err_set(e, -EDQUOT, "the key's limit of %" PRId64 " %s is used up; try again in %" PRId64 " s",
                       rows[i].limit, rows[i].what, rows[i].left_s);
    }
    return 0;
}

int holder_begin(struct guard *g, struct holder *h, const char *model, int64_t *retry_s, struct err *e)
{
    turn_minute(h);
    if (!holder_may_use(h, model))
        return err_set(e, -EACCES, "this key may not use the model \"%s\"", model);
    int rc = h->key.id[0] ? check_limits(g, h, retry_s, e) : 0;
    if (rc < 0)
        return rc;
    h->active++;
    h->minute_requests++;
    if (h->key.id[0])
        usage_add(g->usage, h->key.id, h->key.name, &(struct usage_day){ .requests = 1 });
    return 0;
}

void holder_end(struct guard *g, struct holder *h, int64_t prompt_tokens, int64_t completion_tokens)
{
    turn_minute(h);
    h->active--;
    h->minute_tokens += prompt_tokens + completion_tokens;
    if (h->key.id[0])
        usage_add(
            g->usage, h->key.id, h->key.name,
            &(struct usage_day){ .prompt_tokens = prompt_tokens, .completion_tokens = completion_tokens });
}

json_t *guard_usage(const struct guard *g, const struct holder *only)
{
    json_t *all = json_array();

    list_for_each(h, &g->holders, struct holder, link)
    {
        if (only && h != only)
            continue;
        const struct usage_day day = usage_today(g->usage, h->key.id);
        json_array_append_new(all, json_pack("{s:s,s:I,s:I,s:I}", "name", h->key.name, "requests",
                                             (json_int_t)day.requests, "prompt_tokens",
                                             (json_int_t)day.prompt_tokens, "completion_tokens",
                                             (json_int_t)day.completion_tokens));
    }
    return all;
}

/* ---- Beginning and end */

/* One line; a line feed behind it is not the token's. */
static int read_token(struct guard *g, const char *path, struct err *e)
{
    struct buf text = { 0 };
    int rc = private_file_read(path, TOKEN_MAX, &text, e);

    if (rc < 0)
        return rc;
    size_t len = text.len;
    while (len > 0 && strchr("\r\n", text.data[len - 1]))
        len--;
    for (size_t i = 0; i < len && rc == 0; i++)
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f)
            rc = err_set(e, -EINVAL, "%s must hold the token in one line of ASCII without blanks", path);
    if (rc == 0 && len == 0)
        rc = err_set(e, -EINVAL, "%s is empty; it must hold the token in one line", path);
    if (rc == 0)
        g->token = xstrndup(text.data, len);
    if (text.data)
        explicit_bzero(text.data, text.cap);
    buf_free(&text);
    return rc;
}

static void warn_of_open_config(const struct config *cfg)
{
    struct stat st;

    if (*cfg->token && *cfg->file && stat(cfg->file, &st) == 0 && (st.st_mode & 077))
        log_warning("%s has a token and is open to others (mode %04o): `chmod 600 %s`, or use token_file",
                    cfg->file, st.st_mode & 07777, cfg->file);
}

int guard_create(struct guard **out, struct house *h, struct err *e)
{
    const struct config *cfg = h->cfg;
    struct guard *g = NEW(struct guard);
    char *usage = xasprintf("%s/usage.json", h->state_dir);

    g->by_token = strcmp(cfg->access, "token") == 0;
    g->admitted.key.name = xstrdup(g->by_token                         ? "token"
                                   : strcmp(cfg->access, "owner") == 0 ? "owner"
                                                                       : "anonymous");
    g->admitted.governs = strcmp(cfg->access, "open") != 0;
    g->admitted.asker = h->uid;
    list_init(&g->holders);
    snprintf(g->cookie, sizeof g->cookie, "slullamafs-%.8s", h->identity);
    g->sessions = sessions_create(g->cookie);
    g->path = key_file_path(cfg);
    g->usage = usage_create(h->loop, usage);
    free(usage);
    if (*cfg->token)
        g->token = xstrdup(cfg->token);
    int rc = *cfg->token_file ? read_token(g, cfg->token_file, e) : 0;
    if (rc < 0) {
        guard_destroy(g);
        return rc;
    }
    if (g->token)
        secret_hash(g->token, g->token_hash);
    warn_of_open_config(cfg);
    if (g->by_token)
        look(g);
    if (g->by_token && !g->token && list_empty(&g->holders))
        log_warning("gateway: there is no token and no key, so that nobody is let in; "
                    "`slullamafs key generate` makes one");
    *out = g;
    return 0;
}

void guard_destroy(struct guard *g)
{
    if (!g)
        return;
    list_for_each(h, &g->holders, struct holder, link)
    {
        key_free(&h->key);
        free(h);
    }
    key_free(&g->admitted.key);
    usage_destroy(g->usage);
    sessions_destroy(g->sessions);
    if (g->token)
        explicit_bzero(g->token, strlen(g->token));
    free(g->token);
    free(g->path);
    free(g);
}
