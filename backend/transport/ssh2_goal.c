/* SPDX-License-Identifier: MIT */
/* From what `ssh -G` prints to what libssh2 1.10 gets, and what it cannot do. */
#include "backend/transport/ssh2_link.h"
#include "backend/transport/ssh_query.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Settings that change the way to the host or the login, and that a login without them would belie. */
static const struct {
    const char *key, *name;
} beyond_us[] = {
    { "proxyjump", "ProxyJump" },
    { "proxycommand", "ProxyCommand" },
    { "certificatefile", "CertificateFile" },
    { "pkcs11provider", "PKCS11Provider" },
};

static int refuse_what_is_beyond_us(const struct cluster_config *c, const char *settings, struct err *e)
{
    for (size_t i = 0; i < sizeof beyond_us / sizeof beyond_us[0]; i++) {
        char *value = ssh_setting(settings, beyond_us[i].key, 0);
        bool set = value && strcmp(value, "none") != 0;
        if (set)
            err_set(e, 0,
                    "%s has %s %s in its ssh configuration, which transport \"ssh2\" cannot do: write "
                    "transport = \"openssh\" in [cluster.%s]",
                    c->host, beyond_us[i].name, value, c->name);
        free(value);
        if (set)
            return -ENOTSUP;
    }
    return 0;
}

/* A word of a list becomes a path: `ssh -G` leaves ~ and the tokens of file names alone (ssh_config(5), TOKENS). */
static char *expand(const struct ssh2_goal *g, const char *word, size_t len)
{
    const struct passwd *me = getpwuid(getuid());
    const char *home = me ? me->pw_dir : "/";
    struct buf b = { 0 };
    size_t i = 0;

    if (len >= 2 && word[0] == '~' && word[1] == '/') {
        buf_adds(&b, home);
        i = 1;
    }
    for (; i < len; i++) {
        char token = word[i] == '%' && i + 1 < len ? word[i + 1] : '\0';
        const char *value = token == 'd'   ? home
                            : token == 'h' ? g->hostname
                            : token == 'p' ? g->port
                            : token == 'r' ? g->user
                            : token == 'n' ? g->name
                            : token == 'u' ? (me ? me->pw_name : "")
                            : token == '%' ? "%"
                                           : NULL;
        if (value) {
            buf_adds(&b, value);
            i++;
        } else {
            buf_add(&b, word + i, 1);
        }
    }
    return buf_take(&b);
}

static char *expand_list(const struct ssh2_goal *g, const char *list)
{
    struct buf b = { 0 };

    for (const char *p = list; p && *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        char *path = expand(g, p, n);
        if (n > 0 && strcmp(path, "none") != 0)
            buf_addf(&b, "%s%s", b.len ? " " : "", path);
        free(path);
        p += n;
    }
    char *all = buf_take(&b);
    return all ? all : xstrdup("");
}

static void find_known_hosts(struct ssh2_goal *g, const char *settings)
{
    char *users = ssh_setting(settings, "userknownhostsfile", 0);
    char *sites = ssh_setting(settings, "globalknownhostsfile", 0);
    char *alias = ssh_setting(settings, "hostkeyalias", 0);
    char *both = xasprintf("%s %s", users ? users : "", sites ? sites : "");

    g->known_hosts = expand_list(g, both);
    g->known_port = alias || strcmp(g->port, "22") == 0 ? -1 : atoi(g->port);
    g->known_name = alias ? alias : xstrdup(g->hostname);
    free(users);
    free(sites);
    free(both);
}

static void find_identities(struct ssh2_goal *g, const char *settings)
{
    char *only = ssh_setting(settings, "identitiesonly", 0), *file;
    int n = 0;

    g->identities_only = only && strcmp(only, "yes") == 0;
    g->identities = xcalloc(1, sizeof *g->identities);
    for (int i = 0; (file = ssh_setting(settings, "identityfile", i)); i++) {
        g->identities = xrealloc(g->identities, (size_t)(n + 2) * sizeof *g->identities);
        g->identities[n++] = expand(g, file, strlen(file));
        g->identities[n] = NULL;
        free(file);
    }
    free(only);
}

static void find_agent(struct ssh2_goal *g, const char *settings)
{
    char *path = ssh_setting(settings, "identityagent", 0);
    const char *from = path && path[0] == '$' ? path + 1 : "SSH_AUTH_SOCK";

    if (!path || path[0] == '$' || strcmp(path, "SSH_AUTH_SOCK") == 0)
        g->agent = xstrdup(getenv(from));
    else if (strcmp(path, "none") != 0)
        g->agent = expand(g, path, strlen(path));
    free(path);
}

int ssh2_goal_create(struct ssh2_goal **out, const struct cluster_config *c, const char *settings,
                     struct err *e)
{
    int rc = refuse_what_is_beyond_us(c, settings, e);

    if (rc < 0)
        return rc;
    struct ssh2_goal *g = NEW(struct ssh2_goal);
    g->name = xstrdup(c->host);
    g->hostname = ssh_setting(settings, "hostname", 0);
    g->port = ssh_setting(settings, "port", 0);
    g->user = ssh_setting(settings, "user", 0);
    g->accept_new = c->accept_new_host_keys;
    if (!g->hostname || !g->port || !g->user) {
        ssh2_goal_destroy(g);
        return err_set(e, -ENOTSUP, "`ssh -G %s` names no host, port and user", c->host);
    }
    find_known_hosts(g, settings);
    find_identities(g, settings);
    find_agent(g, settings);
    *out = g;
    return 0;
}

void ssh2_goal_destroy(struct ssh2_goal *g)
{
    if (!g)
        return;
    for (char **i = g->identities; i && *i; i++)
        free(*i);
    free(g->identities);
    uv_freeaddrinfo(g->addresses);
    free(g->name);
    free(g->hostname);
    free(g->port);
    free(g->user);
    free(g->known_name);
    free(g->known_hosts);
    free(g->agent);
    free(g);
}
