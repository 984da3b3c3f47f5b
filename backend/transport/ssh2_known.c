/* SPDX-License-Identifier: MIT */
/* Known hosts: which keys the host may show, hashed names included (sshd(8) of OpenSSH 9.2, SSH_KNOWN_HOSTS FILE FORMAT).
 *
 * libssh2 reads the lines and compares; it takes no patterns and no certificate authorities, so a host that is known by
 * these alone is not known. It does not know the marker @revoked either: such lines are kept apart. */
#include "backend/transport/ssh2_inside.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_MAX 8

struct ssh2_known {
    const struct ssh2_goal *goal;
    size_t n;
    char *files[FILES_MAX];
    LIBSSH2_KNOWNHOSTS *hosts[FILES_MAX], *revoked;
};

/* In the order in which libssh2's own choice is sound. */
static const struct {
    const char *name;
    int bits;
} types[] = {
    { "ssh-ed25519", LIBSSH2_KNOWNHOST_KEY_ED25519 },
    { "ecdsa-sha2-nistp256", LIBSSH2_KNOWNHOST_KEY_ECDSA_256 },
    { "ecdsa-sha2-nistp384", LIBSSH2_KNOWNHOST_KEY_ECDSA_384 },
    { "ecdsa-sha2-nistp521", LIBSSH2_KNOWNHOST_KEY_ECDSA_521 },
    { "ssh-rsa", LIBSSH2_KNOWNHOST_KEY_SSHRSA },
};
#define N_TYPES (sizeof types / sizeof types[0])

/* A line that libssh2 does not understand is left out: it makes no host known. */
static void load_file(struct ssh2_known *k, LIBSSH2_KNOWNHOSTS *hosts, const char *path)
{
    static const char revoked[] = "@revoked ";
    char *text = ssh2_file_text(path);

    for (char *line = text; line && *line;) {
        size_t n = strcspn(line, "\n");
        n += line[n] ==
             '\n'; /* libssh2 looks for it, and takes off the last letter if it lies behind the end */
        if (strncmp(line, revoked, strlen(revoked)) == 0)
            libssh2_knownhost_readline(k->revoked, line + strlen(revoked), n - strlen(revoked),
                                       LIBSSH2_KNOWNHOST_FILE_OPENSSH);
        else if (line[0] != '@')
            libssh2_knownhost_readline(hosts, line, n, LIBSSH2_KNOWNHOST_FILE_OPENSSH);
        line += n;
    }
    free(text);
}

struct ssh2_known *ssh2_known_load(struct ssh2_thread *t)
{
    struct ssh2_known *k = NEW(struct ssh2_known);

    k->goal = t->goal;
    k->revoked = libssh2_knownhost_init(t->session);
    for (const char *p = t->goal->known_hosts; *p && k->n < FILES_MAX; p += strspn(p, " ")) {
        size_t len = strcspn(p, " ");
        k->files[k->n] = xstrndup(p, len);
        k->hosts[k->n] = libssh2_knownhost_init(t->session);
        load_file(k, k->hosts[k->n], k->files[k->n]);
        k->n++;
        p += len;
    }
    return k;
}

void ssh2_known_free(struct ssh2_known *k)
{
    for (size_t i = 0; i < k->n; i++) {
        libssh2_knownhost_free(k->hosts[i]);
        free(k->files[i]);
    }
    libssh2_knownhost_free(k->revoked);
    free(k);
}

static int check(const struct ssh2_known *k, LIBSSH2_KNOWNHOSTS *hosts, const char *key, int bits)
{
    return libssh2_knownhost_checkp(hosts, k->goal->known_name, k->goal->known_port, key, strlen(key),
                                    LIBSSH2_KNOWNHOST_TYPE_PLAIN | LIBSSH2_KNOWNHOST_KEYENC_BASE64 | bits,
                                    NULL);
}

/* Another key of that type "differs" where one is known. */
static bool is_known(const struct ssh2_known *k, int bits)
{
    for (size_t i = 0; i < k->n; i++)
        if (check(k, k->hosts[i], "AAAA", bits) == LIBSSH2_KNOWNHOST_CHECK_MISMATCH)
            return true;
    return false;
}

char *ssh2_known_preference(const struct ssh2_known *k)
{
    struct buf b = { 0 };

    for (int known = 1; known >= 0; known--)
        for (size_t i = 0; i < N_TYPES; i++)
            if (is_known(k, types[i].bits) == known)
                buf_addf(&b, "%s%s", b.len ? "," : "", types[i].name);
    return buf_take(&b);
}

/* Where the file cannot be written, the host is asked about again the next time, as ssh does. */
static void remember(const struct ssh2_known *k, const char *type, const char *key)
{
    const struct ssh2_goal *g = k->goal;
    char *line = g->known_port < 0 ? xasprintf("%s %s %s\n", g->known_name, type, key)
                                   : xasprintf("[%s]:%d %s %s\n", g->known_name, g->known_port, type, key);
    int fd = k->n > 0 ? open(k->files[0], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;

    if (fd >= 0) {
        if (write(fd, line, strlen(line)) < 0)
            errno = 0;
        close(fd);
    }
    free(line);
}

static int changed(struct ssh2_known *k, struct ssh2_thread *t, const char *file)
{
    const struct ssh2_goal *g = k->goal;
    char *name =
        g->known_port < 0 ? xstrdup(g->known_name) : xasprintf("[%s]:%d", g->known_name, g->known_port);

    ssh2_end_said(t, "REMOTE HOST IDENTIFICATION HAS CHANGED\nssh-keygen -f \"%s\" -R \"%s\"\n", file, name);
    free(name);
    return -1;
}

static int judge(struct ssh2_known *k, struct ssh2_thread *t, const char *type, const char *key, int bits)
{
    const char *other = NULL;

    if (check(k, k->revoked, key, bits) == LIBSSH2_KNOWNHOST_CHECK_MATCH)
        return ssh2_end_with(t, -EKEYREJECTED, "%s shows a host key that known_hosts marks @revoked",
                             t->goal->name);
    for (size_t i = 0; i < k->n; i++) {
        int rc = check(k, k->hosts[i], key, bits);
        if (rc == LIBSSH2_KNOWNHOST_CHECK_MATCH)
            return 0;
        if (rc == LIBSSH2_KNOWNHOST_CHECK_MISMATCH && !other)
            other = k->files[i];
    }
    if (other)
        return changed(k, t, other);
    if (!t->goal->accept_new)
        return ssh2_end_said(t, "Host key verification failed.");
    remember(k, type, key);
    return 0;
}

int ssh2_known_check(struct ssh2_known *k, struct ssh2_thread *t)
{
    size_t len;
    int unused;
    const char *blob = libssh2_session_hostkey(t->session, &len, &unused);
    int rc = -2;

    for (size_t i = 0; blob && i < N_TYPES && rc == -2; i++) {
        size_t n = strlen(types[i].name);
        if (len < n + 4 || (unsigned char)blob[3] != n || memcmp(blob + 4, types[i].name, n) != 0)
            continue;
        char *key = ssh2_key_base64((const unsigned char *)blob, len);
        rc = judge(k, t, types[i].name, key, types[i].bits);
        free(key);
    }
    return rc == -2
               ? ssh2_end_with(t, -EKEYREJECTED,
                               "%s shows a host key of a kind that transport \"ssh2\" does not know: use "
                               "transport = \"openssh\"",
                               t->goal->name)
               : rc;
}
