/* SPDX-License-Identifier: MIT */
/* slullamafs key generate|list|revoke: the API keys of the gateway. The file is changed under a lock and whole;
 * gateways that run see it within a second. */
#include "fs/key.h"
#include "backend/base/alloc.h"
#include "backend/base/random.h"
#include "backend/base/units.h"
#include "fs/door_http/key_file.h"
#include "fs/door_http/usage.h"
#include "fs/exit_status.h"

#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SECRET_HEX 64 /* hex digits: 32 bytes */

static const char usage_text[] =
    "usage: slullamafs key generate --name NAME [--email MAIL] [--models A,B] [--expires DURATION] [LIMITS]\n"
    "       slullamafs key list [--usage] [--json]\n"
    "       slullamafs key revoke NAME|ID\n"
    "\n"
    "The API keys of the gateway with access = \"token\". A key is shown once, by generate, and only its "
    "hash is\n"
    "kept, in keys.json in state_dir.\n"
    "\n"
    "  --models A,B        the models that it may use, all without this\n"
    "  --expires DURATION  as \"30d\"\n";

struct args {
    const char *config, *name, *email, *models, *expires;
    bool usage, json, help;
    struct key_limits limits;
    char **rest; /* behind the options: the verb, then what it takes */
    int n_rest;
};

/* ---- Arguments */

enum { OPT_NAME = 256, OPT_EMAIL, OPT_MODELS, OPT_EXPIRES, OPT_USAGE, OPT_JSON, OPT_HELP, OPT_LIMIT };

static const struct option fixed[] = {
    { "name", required_argument, NULL, OPT_NAME },
    { "email", required_argument, NULL, OPT_EMAIL },
    { "models", required_argument, NULL, OPT_MODELS },
    { "expires", required_argument, NULL, OPT_EXPIRES },
    { "usage", no_argument, NULL, OPT_USAGE },
    { "json", no_argument, NULL, OPT_JSON },
    { "help", no_argument, NULL, OPT_HELP },
    { "config", required_argument, NULL, 'c' },
    { "verbose", no_argument, NULL, 'v' },
};

#define N_FIXED (sizeof fixed / sizeof fixed[0])
#define N_MAX   (N_FIXED + 8)

/* requests_per_minute in the file is --requests-per-minute here. */
static void fill_options(struct option *out, char names[][32])
{
    size_t n = N_FIXED;

    memcpy(out, fixed, sizeof fixed);
    for (size_t i = 0; key_limit_fields[i].name; i++, n++) {
        snprintf(names[i], 32, "%s", key_limit_fields[i].name);
        for (char *p = names[i]; *p; p++)
            *p = *p == '_' ? '-' : *p;
        out[n] = (struct option){ names[i], required_argument, NULL, OPT_LIMIT + (int)i };
    }
    out[n] = (struct option){ 0 };
}

static int read_limit(struct args *a, int which)
{
    char *end;

    errno = 0;
    long long n = strtoll(optarg, &end, 10);
    if (end == optarg || *end || errno || n < 1) {
        status_usage("\"%.40s\" is no number of %s; it is 1 or more", optarg, key_limit_fields[which].help);
        return -EINVAL;
    }
    *key_limit(&a->limits, &key_limit_fields[which]) = n;
    return 0;
}

static int read_option(struct args *a, int option)
{
    switch (option) {
    case 'c':
        a->config = optarg;
        return 0;
    case 'v':
        return 0;
    case OPT_NAME:
        a->name = optarg;
        return 0;
    case OPT_EMAIL:
        a->email = optarg;
        return 0;
    case OPT_MODELS:
        a->models = optarg;
        return 0;
    case OPT_EXPIRES:
        a->expires = optarg;
        return 0;
    case OPT_USAGE:
        a->usage = true;
        return 0;
    case OPT_JSON:
        a->json = true;
        return 0;
    case 'h':
    case OPT_HELP:
        a->help = true;
        return 0;
    default:
        return option >= OPT_LIMIT ? read_limit(a, option - OPT_LIMIT) : -EINVAL;
    }
}

static int read_args(int argc, char **argv, struct args *a)
{
    struct option options[N_MAX];
    char names[8][32];
    int option, rc = 0;

    fill_options(options, names);
    optind = 0;
    while (rc == 0 && (option = getopt_long(argc, argv, "c:vh", options, NULL)) != -1)
        rc = read_option(a, option);
    a->rest = argv + optind;
    a->n_rest = argc - optind;
    return rc;
}

/* ---- generate */

static int check_models(const struct config *cfg, const char *list, struct key *k, struct err *e)
{
    char *copy = xstrdup(list), *at = copy;
    int rc = 0;

    k->models.v = xcalloc(strlen(list) + 2, sizeof *k->models.v);
    for (char *name; rc == 0 && (name = strsep(&at, ","));) {
        const struct model_config *m = config_model(cfg, name);
        if (m)
            k->models.v[k->models.n++] = xstrdup(m->name);
        else
            rc = err_set(e, -ENOENT, "there is no [model.%.60s] in the configuration", name);
    }
    free(copy);
    return rc;
}

static int fill_key(const struct config *cfg, const struct args *a, struct key *k, struct err *e)
{
    int64_t seconds = 0;
    int rc =
        a->name ? key_name_check(a->name, e) : err_set(e, -EINVAL, "key generate needs --name: whose it is");

    if (rc == 0 && a->expires)
        rc = parse_duration(a->expires, 1, &seconds, e);
    if (rc < 0)
        return rc;
    random_hex(k->id, sizeof k->id - 1);
    k->name = xstrdup(a->name);
    k->email = xstrdup(a->email ? a->email : "");
    k->limits = a->limits;
    k->created = time(NULL);
    k->expires = seconds > 0 ? k->created + seconds : 0;
    return a->models ? check_models(cfg, a->models, k, e) : 0;
}

static int add_key(const char *path, struct key *k, struct err *e)
{
    struct key_list keys;
    int rc = key_file_read(path, &keys, e);

    if (rc < 0)
        return rc;
    for (size_t i = 0; i < keys.n && rc == 0; i++)
        if (strcmp(keys.v[i].name, k->name) == 0)
            rc = err_set(e, -EEXIST, "there is a key of this name; `slullamafs key revoke %s` ends it",
                         k->name);
    keys.v = xrealloc(keys.v, (keys.n + 1) * sizeof *keys.v);
    keys.v[keys.n++] = key_copy(k);
    if (rc == 0)
        rc = key_file_write(path, &keys, e);
    key_list_free(&keys);
    return rc;
}

/* The key alone on standard output, so that a script can take it; what it is for goes to standard error. */
static int generate(const struct config *cfg, const char *path, const struct args *a)
{
    struct key k = { 0 };
    char secret[sizeof KEY_PREFIX + SECRET_HEX] = KEY_PREFIX;
    struct err e;
    int lock = -1, rc = fill_key(cfg, a, &k, &e), status = 0;
    bool wrong = rc == -EINVAL;

    if (rc == 0) {
        random_hex(secret + sizeof KEY_PREFIX - 1, SECRET_HEX);
        secret_hash(secret, k.hash);
        lock = key_file_lock(path, &e);
        rc = lock < 0 ? lock : add_key(path, &k, &e);
    }
    if (rc < 0)
        status = wrong ? status_usage("%s", e.text) : status_failed("%s", e.text);
    if (lock >= 0)
        close(lock);
    if (rc == 0) {
        puts(secret);
        fprintf(stderr, "key %s of %s; it is shown this once\n", k.id, k.name);
        if (strcmp(cfg->access, "token") != 0)
            fprintf(stderr, "access in [gateway] is \"%s\": keys are asked for with access = \"token\"\n",
                    cfg->access);
    }
    explicit_bzero(secret, sizeof secret);
    key_free(&k);
    return status;
}

/* ---- revoke */

static int drop_key(const char *path, const char *word, struct err *e)
{
    struct key_list keys;
    size_t kept = 0;
    int rc = key_file_read(path, &keys, e);

    if (rc < 0)
        return rc;
    for (size_t i = 0; i < keys.n; i++) {
        if (strcmp(keys.v[i].name, word) == 0 || strcmp(keys.v[i].id, word) == 0)
            key_free(&keys.v[i]);
        else
            keys.v[kept++] = keys.v[i];
    }
    bool found = kept < keys.n;
    keys.n = kept;
    rc = found ? key_file_write(path, &keys, e)
               : err_set(e, -ENOENT, "there is no key \"%.80s\"; `slullamafs key list` shows those there are",
                         word);
    key_list_free(&keys);
    return rc;
}

static int revoke_key(const struct config *cfg, const char *path, const struct args *a)
{
    struct err e;

    (void)cfg;
    if (a->n_rest != 2)
        return status_usage("key revoke takes one name or id");
    int lock = key_file_lock(path, &e), rc = lock < 0 ? lock : drop_key(path, a->rest[1], &e);
    if (lock >= 0)
        close(lock);
    return rc < 0 ? status_failed("%s", e.text) : 0;
}

/* ---- list */

/* Each mount of the state directory counts for itself: the sum of what their files say, by day and id. */
static void add_days(json_t *sum, const json_t *days)
{
    const char *date, *id, *what;
    json_t *day, *row, *n;

    json_object_foreach((json_t *)days, date, day)
    {
        if (!json_object_get(sum, date))
            json_object_set_new(sum, date, json_object());
        json_t *to = json_object_get(sum, date);
        json_object_foreach(day, id, row)
        {
            if (!json_object_get(to, id))
                json_object_set_new(to, id, json_pack("{s:O}", "name", json_object_get(row, "name")));
            json_t *out = json_object_get(to, id);
            json_object_foreach(row, what, n)
            {
                if (json_is_integer(n))
                    json_object_set_new(
                        out, what,
                        json_integer(json_integer_value(json_object_get(out, what)) + json_integer_value(n)));
            }
        }
    }
}

static json_t *all_usage(const struct config *cfg)
{
    char *pattern = xasprintf("%s/*/usage.json", cfg->state_dir);
    json_t *sum = json_object(), *days;
    glob_t found;
    struct err e;

    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            if (usage_read(found.gl_pathv[i], &days, &e) == 0) {
                add_days(sum, days);
                json_decref(days);
            } else {
                status_failed("%s", e.text);
            }
        }
        globfree(&found);
    }
    free(pattern);
    return sum;
}

static void print_usage_line(const char *date, const char *id, const json_t *row)
{
    static const char *const columns[] = { "requests", "prompt_tokens", "completion_tokens" };

    printf("%-10s  %-8s  %-20s", date, id, json_string_value(json_object_get(row, "name")));
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        printf("  %12lld", (long long)json_integer_value(json_object_get(row, columns[i])));
    putchar('\n');
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void print_usage(const json_t *days)
{
    size_t n = 0;
    const char *date, *id, **dates = xcalloc(json_object_size(days) + 1, sizeof *dates);
    json_t *day, *row;

    json_object_foreach((json_t *)days, date, day)
    {
        dates[n++] = date;
    }
    qsort(dates, n, sizeof *dates, by_text);
    printf("%-10s  %-8s  %-20s  %12s  %12s  %12s\n", "DAY", "ID", "NAME", "REQUESTS", "PROMPT", "COMPLETION");
    for (size_t i = 0; i < n; i++)
        json_object_foreach(json_object_get(days, dates[i]), id, row)
        {
            print_usage_line(dates[i], id, row);
        }
    free(dates);
}

static void print_key(const struct key *k)
{
    char time_text[TIME_TEXT];
    struct key_limits limits = k->limits;

    printf("%s  %s", k->id, k->name);
    if (*k->email)
        printf("  <%s>", k->email);
    printf("  models=%s", k->models.n ? "" : "all");
    for (size_t i = 0; i < k->models.n; i++)
        printf("%s%s", i ? "," : "", k->models.v[i]);
    for (const struct key_limit_field *f = key_limit_fields; f->name; f++)
        if (*key_limit(&limits, f))
            printf("  %s=%" PRId64, f->name, *key_limit(&limits, f));
    if (k->expires)
        printf("  %s=%s", k->expires <= time(NULL) ? "expired" : "expires",
               format_time(k->expires, time_text));
    putchar('\n');
}

static int list(const struct config *cfg, const char *path, const struct args *a)
{
    struct key_list keys;
    struct err e;

    if (key_file_read(path, &keys, &e) < 0)
        return status_failed("%s", e.text);
    if (a->usage) {
        json_t *days = all_usage(cfg);
        if (!a->json) {
            print_usage(days);
        } else {
            json_dumpf(days, stdout, JSON_INDENT(1) | JSON_SORT_KEYS);
            putchar('\n');
        }
        json_decref(days);
    } else {
        for (size_t i = 0; i < keys.n; i++)
            print_key(&keys.v[i]);
    }
    key_list_free(&keys);
    return 0;
}

/* ---- The verbs */

static const struct {
    const char *name;
    int (*run)(const struct config *cfg, const char *path, const struct args *a);
    int operands; /* with itself */
} actions[] = { { "generate", generate, 1 }, { "list", list, 1 }, { "revoke", revoke_key, 2 } };

static int run_action(const struct args *a)
{
    struct config *cfg;
    struct err e;

    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (a->n_rest == 0 || strcmp(a->rest[0], actions[i].name) != 0)
            continue;
        if (a->n_rest > actions[i].operands)
            return status_usage("too many arguments; `slullamafs key --help` shows what there is");
        if (config_load(a->config, &cfg, &e) < 0)
            return status_failed("%s", e.text);
        char *path = key_file_path(cfg);
        int status = actions[i].run(cfg, path, a);
        free(path);
        config_free(cfg);
        return status;
    }
    return status_usage("which of `key generate`, `key list`, `key revoke`?");
}

static int print_help(void)
{
    fputs(usage_text, stdout);
    for (const struct key_limit_field *f = key_limit_fields; f->name; f++) {
        char name[32];
        snprintf(name, sizeof name, "%s", f->name);
        for (char *p = name; *p; p++)
            *p = *p == '_' ? '-' : *p;
        printf("  --%s N%*s%s\n", name, (int)(22 - strlen(name)), "", f->help);
    }
    puts("  -c FILE             the configuration; --help");
    return 0;
}

int key_main(int argc, char **argv)
{
    struct args a = { 0 };

    umask(077);
    if (read_args(argc, argv, &a) < 0)
        return STATUS_USAGE;
    return a.help ? print_help() : run_action(&a);
}
