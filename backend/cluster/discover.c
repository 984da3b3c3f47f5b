/* SPDX-License-Identifier: MIT */
/* The models in a directory of a cluster: one command on the login node lists them (discover.sh). */
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/base/log.h"
#include "backend/engine/engine.h"
#include "backend/cluster/found.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A home on a busy file system lists some hundred models within seconds; what takes longer hangs. */
#define LOOK_S     60
#define CONNECT_MS 60000

extern const char text_discover[];

struct discovery {
    struct command *command; /* NULL = none is under way */
    bool looked;             /* in this mount */
};

/* ---- What it says */

/* The number before the first b: "Qwen3.5-9B" is 9; -1 where there is none. */
static long billions(const char *name)
{
    for (const char *p = name; *p; p++)
        if (isdigit((unsigned char)*p)) {
            size_t n = strspn(p, "0123456789");
            if (p[n] == 'b' || p[n] == 'B')
                return n < 9 ? atol(p) : 0;
            p += n - 1;
        }
    return -1;
}

/* Source: alvis-vllm, discover_models_from_alvis. */
int discover_context(const char *name, long most)
{
    static const struct {
        long billions;
        int tokens;
    } rows[] = { { 7, 4096 }, { 13, 8192 }, { 20, 10000 }, { 34, 16384 } };
    long n = billions(name);
    int tokens = n < 0 ? 8192 : 32768;

    for (size_t i = sizeof rows / sizeof rows[0]; n >= 0 && i-- > 0;)
        if (n <= rows[i].billions)
            tokens = rows[i].tokens;
    return most > 0 && most < tokens ? (int)most : tokens;
}

/* ORG--NAME; a model without an organisation has none. The caller frees it. */
static char *hugging_face_name(const char *dir)
{
    const char *sep = strstr(dir, "--");

    return sep ? xasprintf("%.*s/%s", (int)(sep - dir), dir, sep + 2) : xstrdup(dir);
}

/* library/NAME/TAG, or USER/NAME/TAG; "latest" is what Ollama says where nothing is said. */
static char *ollama_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *begin = !strncmp(path, "library/", 8) ? path + 8 : path;

    if (!slash || slash < begin)
        return xstrdup(begin);
    return !strcmp(slash, "/latest") ? xstrndup(begin, (size_t)(slash - begin))
                                     : xasprintf("%.*s:%s", (int)(slash - begin), begin, slash + 1);
}

static json_t *entry(const char *kind, const char *context, const char *what, const char *at)
{
    json_t *table;
    char *name;

    if (!strcmp(kind, "hf")) {
        name = hugging_face_name(what);
        char *path = xasprintf("%s/models--%s", at, what);
        table = json_pack("{s:s,s:s,s:i}", "engine", "vllm", "model", path, "max_model_len",
                          discover_context(name, atol(context)));
        free(path);
    } else {
        name = ollama_name(what);
        table = json_pack("{s:s,s:s,s:s,s:s}", "engine", "ollama", "share", "ollama", "model", name,
                          "models_dir", at);
    }
    json_t *one = table ? json_pack("{s:s,s:O}", "name", name, "table", table) : NULL;
    if (!one)
        log_warning("a model whose name is not UTF-8 is left out");
    json_decref(table);
    free(name);
    return one;
}

/* One line of ours, cut into its three fields. */
static bool cut(char *line, char *fields[3])
{
    for (int i = 0; i < 3; i++) {
        fields[i] = line;
        line = i < 2 && line ? strchr(line, '\t') : NULL;
        if (i < 2 && !line)
            return false;
        if (line)
            *line++ = '\0';
    }
    return *fields[2] != '\0';
}

int discover_parse(const char *text, json_t **list, struct err *e)
{
    static const char mark[] = "sfs-found ";
    char *copy = xstrdup(text), *save = NULL, *at = NULL, *fields[3];
    json_t *all = json_array();
    bool whole = false, none = false;

    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        if (strncmp(line, mark, sizeof mark - 1) != 0)
            continue;
        line += sizeof mark - 1;
        whole |= !strcmp(line, "end");
        none |= !strcmp(line, "none");
        if (!cut(line, fields))
            continue;
        if (!strcmp(fields[0], "at"))
            at = fields[2];
        else if (at && (!strcmp(fields[0], "hf") || !strcmp(fields[0], "ollama"))) {
            json_t *one = entry(fields[0], fields[1], fields[2], at);
            if (one)
                json_array_append_new(all, one);
        }
    }
    free(copy);
    if (whole && at) {
        *list = all;
        return 0;
    }
    json_decref(all);
    return none ? err_set(e, -ENOENT, "there is no such directory")
                : err_set(e, -EPROTO, "the list of models stopped short");
}

/* ---- Asking */

static void say(struct cluster *c, const char *why)
{
    char *about = xasprintf("discover %s", c->cfg->name);
    char *text =
        why ? xasprintf("discover = \"%s\" in [cluster.%s]: %s", c->cfg->discover, c->cfg->name, why) : NULL;

    house_warn(c->house, about, text);
    free(text);
    free(about);
}

static void listed_cb(void *arg, const struct command_result *r)
{
    struct cluster *c = arg;
    json_t *list = NULL;
    struct err e = { 0 };

    c->discovery->command = NULL;
    if (r->rc == -ECANCELED)
        return;
    int rc = r->rc < 0 ? err_set(&e, r->rc, "%s", r->err) : discover_parse(r->out, &list, &e);
    say(c, rc < 0 ? e.text : NULL);
    if (rc == 0)
        found_take(c->house, c->cfg->name, "discover", list);
}

/* In single quotes for sh. */
static void quote(struct buf *out, const char *text)
{
    buf_adds(out, "'");
    for (; *text; text++)
        buf_addf(out, *text == '\'' ? "'\\''" : "%c", *text);
    buf_adds(out, "'");
}

void discover_start(struct cluster *c)
{
    struct buf script = { 0 };
    char line[40];

    if (!*c->cfg->discover || c->house->stopping)
        return;
    if (!c->discovery)
        c->discovery = NEW(struct discovery);
    if (c->discovery->command)
        return;
    c->discovery->looked = true;
    buf_adds(&script, TRANSPORT_ANSWERS "D=");
    quote(&script, c->cfg->discover);
    buf_addf(&script, "\n%s", text_discover);
    snprintf(line, sizeof line, "exec timeout %d sh", LOOK_S);
    c->discovery->command = transport_run(c->transport, line, script.data, script.len, CONNECT_MS,
                                          (LOOK_S + 10) * 1000, listed_cb, c);
    buf_free(&script);
}

void discover_connected(struct cluster *c)
{
    if (!c->discovery || !c->discovery->looked)
        discover_start(c);
}

void discover_stop(struct cluster *c)
{
    if (c->discovery)
        command_cancel(c->discovery->command);
    free(c->discovery);
    c->discovery = NULL;
}
