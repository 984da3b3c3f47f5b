/* SPDX-License-Identifier: MIT */
/* slullama's file as it is. One table says for each of its keys the default, the environment variable, the option and
 * the key of ours that it becomes; the few that become something else have a function below. */
#include "backend/config/config_slullama.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/base/log.h"
#include "backend/config/config_table.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_OPTION GIVEN_OPTIONS
#define CLUSTER   "slurm"  /* what the cluster of the file is called */
#define SHARE     "ollama" /* and what its models share */

static const struct row {
    const char *section, *key;
    const char *standard; /* the default as JSON, which gives its type too */
    const char *variable; /* NULL = none */
    enum slullama_option option;
    const char *
        table; /* "cluster" or "model": the key becomes `to` of ours there; NULL = see slullama_translate() */
    const char *to;
} rows[] = {
    { "server", "port", "11435", "SLULLAMA_SERVER_PORT", GIVEN_PORT, NULL, NULL },
    { "server", "token", "\"\"", "SLULLAMA_TOKEN", GIVEN_TOKEN, NULL, NULL },
    { "server", "log_dir", "\"/tmp/slullama\"", NULL, NO_OPTION, NULL, NULL },
    { "server", "job_template", "\"\"", NULL, NO_OPTION, "model", "job_template" },
    { "slurm", "partition", "\"gpu\"", "SLULLAMA_PARTITION", GIVEN_PARTITION, "cluster", "partition" },
    { "slurm", "gres", "\"gpu:1\"", "SLULLAMA_GRES", GIVEN_GRES, "cluster", "gres" },
    { "slurm", "mem", "\"\"", NULL, NO_OPTION, "cluster", "mem" },
    { "slurm", "time", "\"4:00:00\"", NULL, NO_OPTION, "cluster", "time" },
    { "slurm", "idle_timeout", "30", "SLULLAMA_IDLE_TIMEOUT", GIVEN_IDLE_TIMEOUT, NULL, NULL },
    { "slurm", "keep_alive", "\"extend\"", NULL, NO_OPTION, NULL, NULL },
    { "slurm", "extra_args", "[]", NULL, NO_OPTION, "cluster", "extra_args" },
    { "ollama", "port", "11434", "SLULLAMA_OLLAMA_PORT", NO_OPTION, NULL, NULL },
    { "ollama", "binary", "\"ollama\"", "SLULLAMA_OLLAMA_BINARY", NO_OPTION, "model", "binary" },
    { "ollama", "models_dir", "\"\"", NULL, NO_OPTION, "model", "models_dir" },
    { "ollama", "copy_binary", "false", NULL, NO_OPTION, "model", "copy_binary" },
    { "ollama", "copy_source", "\"\"", NULL, NO_OPTION, "model", "copy_source" },
    { "ollama", "cleanup_binary", "false", NULL, NO_OPTION, "model", "cleanup_binary" },
    { "ollama", "pre_pull", "[]", NULL, NO_OPTION, NULL, NULL },
    { "client", "host", "\"\"", "SLULLAMA_HOST", GIVEN_HOST, NULL, NULL },
    { "client", "server_port", "11435", "SLULLAMA_SERVER_PORT", GIVEN_PORT, NULL, NULL },
    { "client", "token", "\"\"", "SLULLAMA_TOKEN", GIVEN_TOKEN, NULL, NULL },
    { "client", "local_port", "11434", "SLULLAMA_LOCAL_PORT", GIVEN_LOCAL_PORT, NULL, NULL },
};

#define N_ROWS (sizeof rows / sizeof rows[0])

static const char *const sections[] = { "server", "slurm", "ollama", "client", NULL };

bool slullama_has_table(const char *name)
{
    for (size_t i = 0; sections[i]; i++)
        if (!strcmp(sections[i], name))
            return true;
    return false;
}

bool slullama_owns(const json_t *doc)
{
    const char *name;
    json_t *table;

    json_object_foreach((json_t *)doc, name, table)
    {
        if (!slullama_has_table(name))
            return false;
    }
    return json_object_size(doc) > 0;
}

/* ---- Settings */

static const char *type_name(const json_t *v)
{
    return json_is_string(v)    ? "a string"
           : json_is_integer(v) ? "an integer"
           : json_is_boolean(v) ? "true or false"
                                : "an array of strings";
}

static bool has_type_of(const json_t *v, const json_t *standard)
{
    size_t i;
    json_t *one;

    if (json_is_boolean(standard))
        return json_is_boolean(v);
    if (json_typeof(v) != json_typeof(standard))
        return false;
    if (json_is_array(v))
        json_array_foreach(v, i, one)
        {
            if (!json_is_string(one))
                return false;
        }
    return true;
}

/* [server.slurm] and [server.ollama] win over [slurm] and [ollama]. path: where it stands. */
static const json_t *in_file(const json_t *doc, const struct row *row, char path[64])
{
    const json_t *nested =
        json_object_get(json_object_get(json_object_get(doc, "server"), row->section), row->key);

    snprintf(path, 64, "%s%s.%s", nested ? "server." : "", row->section, row->key);
    return nested ? nested : json_object_get(json_object_get(doc, row->section), row->key);
}

static int fail_at(const struct toml_lines *lines, const char *file, const char *path, const char *text,
                   struct err *e)
{
    int line = lines ? toml_line_of(lines, path) : 0;

    return line ? err_set(e, -EINVAL, "%s:%d: %s %s", file, line, path, text)
                : err_set(e, -EINVAL, "%s: %s %s", file, path, text);
}

static int parse_number(const char *what, const char *text, int *out, struct err *e)
{
    char *end;

    errno = 0;
    long n = strtol(text, &end, 10);
    if (end == text || *end || errno || n < 0 || n > INT_MAX)
        return err_set(e, -EINVAL, "%s must be a number, not \"%.40s\"", what, text);
    *out = (int)n;
    return 0;
}

/* A word of the environment or the command line, as the type of its row. */
static int from_text(const char *what, const char *text, const json_t *standard, json_t **out, struct err *e)
{
    int n = 0, rc = 0;

    if (!json_is_integer(standard))
        *out = json_string(text);
    else if ((rc = parse_number(what, text, &n, e)) == 0)
        *out = json_integer(n);
    if (rc == 0 && !*out)
        rc = err_set(e, -EINVAL, "%s is not UTF-8", what);
    return rc;
}

static int read_row(const struct row *row, const json_t *doc, const struct toml_lines *lines,
                    const char *file, const struct slullama_given *given, json_t *out, struct err *e)
{
    const char *variable = row->variable ? getenv(row->variable) : NULL;
    const char *option = given && row->option != NO_OPTION ? given->v[row->option] : NULL;
    json_t *standard = json_loads(row->standard, JSON_DECODE_ANY, NULL), *v = NULL;
    char path[64];
    const json_t *written = in_file(doc, row, path);
    int rc = 0;

    if (option)
        rc = from_text(path, option, standard, &v, e);
    else if (variable && *variable)
        rc = from_text(row->variable, variable, standard, &v, e);
    else if (written && !has_type_of(written, standard)) {
        char *text = xasprintf("must be %s", type_name(standard));
        rc = fail_at(lines, file, path, text, e);
        free(text);
    } else
        v = json_incref(written ? (json_t *)written : standard);
    if (rc == 0) {
        snprintf(path, sizeof path, "%s.%s", row->section, row->key);
        json_object_set_new(out, path, v);
    }
    json_decref(standard);
    return rc;
}

static bool is_known(const char *section, const char *key)
{
    bool nests = !strcmp(section, "server") && (!strcmp(key, "slurm") || !strcmp(key, "ollama"));

    for (size_t i = 0; !nests && i < N_ROWS; i++)
        if (!strcmp(rows[i].section, section) && !strcmp(rows[i].key, key))
            return true;
    return nests;
}

static void warn_unknown(const json_t *table, const char *section, const char *path,
                         const struct toml_lines *lines, const char *file)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)table, key, v)
    {
        char *at = xasprintf("%s.%s", path, key);
        if (!is_known(section, key))
            log_warning("%s:%d: unknown key \"%.60s\" in [%s] is ignored", file,
                        lines ? toml_line_of(lines, at) : 0, key, path);
        free(at);
    }
}

static void warn_all(const json_t *doc, const struct toml_lines *lines, const char *file)
{
    const json_t *server = json_object_get(doc, "server");

    for (size_t i = 0; sections[i]; i++)
        warn_unknown(json_object_get(doc, sections[i]), sections[i], sections[i], lines, file);
    warn_unknown(json_object_get(server, "slurm"), "slurm", "server.slurm", lines, file);
    warn_unknown(json_object_get(server, "ollama"), "ollama", "server.ollama", lines, file);
}

static int check_ports(const json_t *settings, struct err *e)
{
    static const char *const ports[] = { "server.port", "ollama.port", "client.server_port",
                                         "client.local_port" };

    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        int n = slullama_number(settings, ports[i]);
        if (n < 0 || n > 65535)
            return err_set(e, -EINVAL, "%s must be a port from 0 to 65535, not %d", ports[i], n);
    }
    return 0;
}

int slullama_settings(const json_t *doc, const struct toml_lines *lines, const char *file,
                      const struct slullama_given *given, json_t **out, struct err *e)
{
    json_t *settings = json_object();
    int rc = 0;

    for (size_t i = 0; sections[i] && rc == 0; i++) {
        const json_t *table = json_object_get(doc, sections[i]);
        if (table && !json_is_object(table))
            rc = fail_at(lines, file, sections[i], "must be a table", e);
    }
    for (size_t i = 0; i < N_ROWS && rc == 0; i++)
        rc = read_row(&rows[i], doc, lines, file, given, settings, e);
    if (rc == 0)
        rc = check_ports(settings, e);
    if (rc < 0) {
        json_decref(settings);
        return rc;
    }
    warn_all(doc, lines, file);
    *out = settings;
    return 0;
}

const char *slullama_text(const json_t *settings, const char *key)
{
    const char *text = json_string_value(json_object_get(settings, key));

    return text ? text : "";
}

int slullama_number(const json_t *settings, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(settings, key));

    return n < INT_MIN ? INT_MIN : n > INT_MAX ? INT_MAX : (int)n;
}

/* ---- Into tables of ours */

/* Slurm's nodes open the log by themselves: a directory that each has for itself is none that we can read. */
static bool is_of_one_node(const char *dir)
{
    static const char *const local[] = { "/tmp", "/var/tmp", "/dev", "/run", "/var/run" };

    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++) {
        size_t n = strlen(local[i]);
        if (!strncmp(dir, local[i], n) && (dir[n] == '/' || !dir[n]))
            return true;
    }
    return false;
}

static void set_workdir(const json_t *settings, json_t *cluster)
{
    const char *dir = slullama_text(settings, "server.log_dir");
    bool usable = (*dir == '/' || !strncmp(dir, "~/", 2)) && !is_of_one_node(dir);

    if (usable)
        json_object_set_new(cluster, "workdir", json_string(dir));
    else if (*dir && strcmp(dir, "/tmp/slullama"))
        log_warning(
            "log_dir \"%.200s\" in [server] is not shared by nodes and login node: ~/.slullamafs is used",
            dir);
}

/* The models of the one Ollama; what the first says of their job counts for all. */
static json_t *models_of(const json_t *pulled, json_t *first)
{
    json_t *models = json_object(), *seen = json_object(), *one;
    size_t i;

    json_array_foreach((json_t *)pulled, i, one)
    {
        const char *original = json_string_value(one);
        if (!*original || json_object_get(seen, original))
            continue;
        char *name = name_for_found(original, models);
        json_t *table = json_object_size(models) == 0 ? json_incref(first) : json_object();
        json_object_set_new(table, "share", json_string(SHARE));
        json_object_set(table, "model", one);
        json_object_set_new(models, name, table);
        json_object_set_new(seen, original, json_true());
        free(name);
    }
    if (json_object_size(models) == 0) {
        json_object_set_new(first, "share", json_string(SHARE));
        json_object_set(models, SHARE, first);
    }
    json_decref(seen);
    return models;
}

static json_t *gateway_of(const json_t *settings, const struct slullama_given *given)
{
    const char *token = slullama_text(settings, "server.token");
    const char *file = given ? given->v[GIVEN_TOKEN_FILE] : NULL;
    bool keyed = given && given->serving && (*token || file);
    json_t *gateway = json_pack("{s:s}", "pass_unknown", SHARE);

    if (given && given->serving)
        json_object_set_new(
            gateway, "listen",
            json_sprintf("%s:%d", keyed ? "0.0.0.0" : "127.0.0.1", slullama_number(settings, "server.port")));
    if (keyed) {
        json_object_set_new(gateway, "access", json_string("token"));
        json_object_set_new(gateway, file ? "token_file" : "token", json_string(file ? file : token));
        json_object_set_new(gateway, "allow_plain", json_true());
    }
    return gateway;
}

json_t *slullama_translate(const json_t *settings, const struct slullama_given *given)
{
    bool extends = !strcmp(slullama_text(settings, "slurm.keep_alive"), "extend");
    json_t *cluster = json_pack("{s:s,s:s}", "kind", "slurm", "keep_alive", extends ? "extend" : "cancel");
    json_t *model = json_pack("{s:s}", "engine", "ollama");
    char path[64];

    for (size_t i = 0; i < N_ROWS; i++) {
        if (!rows[i].table)
            continue;
        snprintf(path, sizeof path, "%s.%s", rows[i].section, rows[i].key);
        json_object_set(!strcmp(rows[i].table, "cluster") ? cluster : model, rows[i].to,
                        json_object_get(settings, path));
    }
    if (*slullama_text(settings, "server.job_template"))
        json_object_set_new(model, "job_template_dialect", json_string("slullama"));
    json_object_set_new(cluster, "idle_timeout",
                        json_sprintf("%dm", slullama_number(settings, "slurm.idle_timeout")));
    set_workdir(settings, cluster);
    json_t *models = models_of(json_object_get(settings, "ollama.pre_pull"), model);
    json_decref(model);
    return json_pack("{s:o,s:{s:o},s:o}", "gateway", gateway_of(settings, given), "cluster", CLUSTER, cluster,
                     "model", models);
}

#define GATEWAY "team"

json_t *slullama_gateway(const json_t *settings)
{
    json_t *cluster =
        json_pack("{s:s,s:s}", "kind", "gateway", "host", slullama_text(settings, "client.host"));

    json_object_set_new(cluster, "url",
                        json_sprintf("http://127.0.0.1:%d", slullama_number(settings, "client.server_port")));
    return json_pack("{s:{s:o}}", "cluster", GATEWAY, cluster);
}

/* ---- Options beside a file of ours */

static const char *given_or_variable(const struct slullama_given *given, enum slullama_option option)
{
    const char *text = given->v[option];

    for (size_t i = 0; !text && i < N_ROWS; i++)
        if (rows[i].option == option && rows[i].variable)
            text = getenv(rows[i].variable);
    return text && *text ? text : NULL;
}

/* They win over what a model says for itself, too. */
static void set_everywhere(json_t *doc, const char *key, json_t *value)
{
    const char *name;
    json_t *table;

    json_object_foreach(json_object_get(doc, "model"), name, table)
    {
        json_object_del(table, key);
    }
    json_object_foreach(json_object_get(doc, "cluster"), name, table)
    {
        if (json_is_object(table))
            json_object_set(table, key, value);
    }
    json_decref(value);
}

static int override_jobs(json_t *doc, const struct slullama_given *given, struct err *e)
{
    const char *partition = given_or_variable(given, GIVEN_PARTITION),
               *gres = given_or_variable(given, GIVEN_GRES);
    const char *idle = given_or_variable(given, GIVEN_IDLE_TIMEOUT);
    int minutes = 0;

    if (partition)
        set_everywhere(doc, "partition", json_string(partition));
    if (gres)
        set_everywhere(doc, "gres", json_string(gres));
    if (idle && parse_number("the idle timeout", idle, &minutes, e) < 0)
        return -EINVAL;
    if (idle)
        set_everywhere(doc, "idle_timeout", json_sprintf("%dm", minutes));
    return 0;
}

int slullama_override(json_t *doc, const struct slullama_given *given, struct err *e)
{
    const char *token = given_or_variable(given, GIVEN_TOKEN), *file = given->v[GIVEN_TOKEN_FILE];
    const char *port = given_or_variable(given, GIVEN_PORT);
    json_t *gateway = json_object_get(doc, "gateway");
    int n = 0, rc = override_jobs(doc, given, e);

    if (rc < 0 || (port && (rc = parse_number("the port", port, &n, e)) < 0))
        return rc;
    if ((token || file || port) && !json_is_object(gateway)) {
        gateway = json_object();
        json_object_set_new(doc, "gateway", gateway);
    }
    if (token || file) {
        json_object_del(gateway, "token");
        json_object_del(gateway, "token_file");
        json_object_set_new(gateway, file ? "token_file" : "token", json_string(file ? file : token));
        json_object_set_new(gateway, "access", json_string("token"));
    }
    const char *access = json_string_value(json_object_get(gateway, "access"));
    bool open = access && strcmp(access, "owner");
    if (port || (open && !json_object_get(gateway, "listen")))
        json_object_set_new(gateway, "listen",
                            json_sprintf("%s:%d", open ? "0.0.0.0" : "127.0.0.1", port ? n : 11434));
    return 0;
}
