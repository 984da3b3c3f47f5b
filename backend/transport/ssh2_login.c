/* SPDX-License-Identifier: MIT */
/* The way in: the connection, the host's key, then what the host takes of publickey, keyboard-interactive and password, in
 * the order in which ssh(1) tries them. Each step waits in ssh2_wait(), which is poll(2); the agent alone is asked by
 * libssh2's blocking calls on its socket.
 *
 * That a key is refused may be libssh2's fault: the sentence then says what it cannot do. */
#include "backend/transport/ssh2_inside.h"
#include "backend/base/alloc.h"
#include "backend/base/timer.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_MS 30000 /* for one address */
#define DEAD_MS    45000 /* three keepalives of 15 s that nobody acknowledged */
#define LOGIN_MS   60000 /* after each answer, as ssh_master.c's */
#define TRIES      3     /* ssh's NumberOfPasswordPrompts */
#define OPEN_WORD  "transport = \"openssh\""

/* ---- The connection. */

static int finish_connect(struct ssh2_thread *t)
{
    uint64_t end = mono_ms() + CONNECT_MS;
    socklen_t size = sizeof(int);
    int error = 0, came;

    while ((came = ssh2_poll(t, POLLOUT, end)) == 0)
        ;
    if (came < 0)
        return -ETIMEDOUT;
    return getsockopt(t->socket, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? -errno : -error;
}

static int connect_to(struct ssh2_thread *t, const struct addrinfo *a)
{
    int on = 1, dead = DEAD_MS;

    t->socket = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (t->socket < 0)
        return -errno;
    setsockopt(t->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(t->socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead, sizeof dead);
    int rc = connect(t->socket, a->ai_addr, a->ai_addrlen) < 0 ? -errno : 0;
    if (rc == -EINPROGRESS)
        rc = finish_connect(t);
    if (rc < 0) {
        close(t->socket);
        t->socket = -1;
    }
    return rc;
}

static int connect_any(struct ssh2_thread *t)
{
    int rc = -EADDRNOTAVAIL;

    for (const struct addrinfo *a = t->goal->addresses; a && !t->quit; a = a->ai_next) {
        rc = connect_to(t, a);
        if (rc == 0)
            return 0;
    }
    return ssh2_end_said(t, "ssh: connect to host %s port %s: %s", t->goal->hostname, t->goal->port,
                         strerror(-rc));
}

/* The connection is no more, or the far side speaks what libssh2 does not. */
static int handshake_failed(struct ssh2_thread *t, int rc)
{
    if (rc != LIBSSH2_ERROR_KEX_FAILURE && rc != LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE &&
        rc != LIBSSH2_ERROR_METHOD_NONE && rc != LIBSSH2_ERROR_PROTO)
        return -1;
    if (t->closed || t->lost)
        return -1;
    return ssh2_end_with(
        t, -EHOSTUNREACH,
        "%s: libssh2 %s agrees with it on no host key, key exchange, cipher or MAC (it has no rsa-sha2 "
        "host keys, no GCM, no chacha20 and no -etm MACs): use " OPEN_WORD,
        t->goal->name, libssh2_version(0));
}

static int shake_hands(struct ssh2_thread *t)
{
    struct ssh2_known *k = ssh2_known_load(t);
    char *preference = ssh2_known_preference(k);
    int rc;

    libssh2_session_method_pref(t->session, LIBSSH2_METHOD_HOSTKEY, preference);
    free(preference);
    SSH2_RETRY(t, rc, libssh2_session_handshake(t->session, t->socket));
    rc = rc == 0 ? ssh2_known_check(k, t) : handshake_failed(t, rc);
    ssh2_known_free(k);
    return rc;
}

/* ---- Questions. */

/* The answer, which the caller wipes and frees; NULL: there is none. */
static char *ask(struct ssh2_thread *t, const char *prompt)
{
    int came;

    if (!t->goal->asks)
        return NULL;
    free(t->answer);
    t->answer = NULL;
    t->deadline = mono_ms() + t->goal->answer_ms;
    ssh2_post(t, SSH2_ASKED, 0, 0, prompt);
    while (!t->answer && !t->closed && (came = ssh2_poll(t, POLLRDHUP, t->deadline)) >= 0)
        t->closed = came != 0;
    char *answer = t->answer;
    t->answer = NULL;
    if (answer) {
        t->deadline = mono_ms() + LOGIN_MS;
        ssh2_post(t, SSH2_WENT_ON, 0, 0, NULL);
    } else if (t->closed) {
        ssh2_end_said(t, "%s closed the connection while a question waited for its answer", t->goal->name);
    } else if (!t->quit) {
        ssh2_end_with(t, -EKEYREJECTED,
                      "%s: nobody answered \"%s\" within %g s; it is asked again when %s is needed again",
                      t->goal->name, prompt, (double)t->goal->answer_ms / 1000, t->goal->name);
    }
    return answer;
}

static void wipe(char *s)
{
    if (s)
        explicit_bzero(s, strlen(s));
    free(s);
}

/* ---- Keys. */

struct login {
    struct ssh2_thread *t;
    bool accepted;  /* by the last probe */
    bool beyond[3]; /* a key was left out or refused that is: */
    bool no_answer; /* a question found none */
    char *methods;  /* what the host takes, the last time */
};
enum { RSA, CERTIFICATE, SECURITY_KEY };

static bool is_in(struct ssh2_thread *t)
{
    return libssh2_userauth_authenticated(t->session);
}

static bool over(struct ssh2_thread *t)
{
    return t->why.len > 0 || t->quit || t->lost || t->closed || mono_ms() >= t->deadline;
}

/* False: libssh2 cannot use it at all. */
static bool can_use(struct login *l, const char *type)
{
    bool certificate = strstr(type, "-cert-v0") != NULL, security_key = strncmp(type, "sk-", 3) == 0;

    l->beyond[CERTIFICATE] |= certificate;
    l->beyond[SECURITY_KEY] |= security_key;
    l->beyond[RSA] |= strcmp(type, "ssh-rsa") == 0; /* old hosts take its SHA-1 */
    return !certificate && !security_key;
}

/* The host takes the key; nothing is signed. */
static int refuse_to_sign(LIBSSH2_SESSION *session, unsigned char **sig, size_t *sig_len,
                          const unsigned char *data, size_t data_len, void **abstract)
{
    struct login *l = *abstract;

    (void)session;
    (void)sig;
    (void)sig_len;
    (void)data;
    (void)data_len;
    l->accepted = true;
    return -1;
}

/* Nobody is to be asked for the passphrase of a key that the host does not take. */
static bool host_takes(struct login *l, const struct ssh2_key *k)
{
    struct ssh2_thread *t = l->t;
    void *abstract = l;
    int rc;

    if (!k->blob)
        return true;
    l->accepted = false;
    SSH2_RETRY(t, rc,
               libssh2_userauth_publickey(t->session, t->goal->user, k->blob, k->blob_len, refuse_to_sign,
                                          &abstract));
    return l->accepted;
}

static void use_key(struct login *l, const char *path, const char *passphrase)
{
    struct ssh2_thread *t = l->t;
    int rc;

    SSH2_RETRY(t, rc,
               libssh2_userauth_publickey_fromfile_ex(
                   t->session, t->goal->user, (unsigned)strlen(t->goal->user), NULL, path, passphrase));
    (void)rc; /* is_in() says it */
}

static void try_file(struct login *l, const char *path)
{
    struct ssh2_thread *t = l->t;
    struct ssh2_key k;

    if (ssh2_key_read(&k, path) < 0)
        return;
    char *beside = xasprintf("%s-cert.pub", path);
    l->beyond[CERTIFICATE] |= access(beside, F_OK) == 0;
    free(beside);
    if (!k.public_only && can_use(l, k.type) && host_takes(l, &k)) {
        char *prompt = xasprintf("Enter passphrase for key '%s': ", path);
        for (int i = 0; i < (k.encrypted ? TRIES : 1) && !is_in(t) && !over(t); i++) {
            char *passphrase = k.encrypted ? ask(t, prompt) : NULL;
            l->no_answer |= k.encrypted && !passphrase;
            if (!k.encrypted || passphrase)
                use_key(l, path, passphrase);
            wipe(passphrase);
        }
        free(prompt);
    }
    ssh2_key_finish(&k);
}

/* IdentitiesOnly: the agent may sign with a key that is named, no other. */
static bool is_named(const struct ssh2_goal *g, const unsigned char *blob, size_t len)
{
    bool found = !g->identities_only;

    for (char **path = g->identities; !found && *path; path++) {
        struct ssh2_key k;
        if (ssh2_key_read(&k, *path) == 0) {
            found = k.blob && k.blob_len == len && memcmp(k.blob, blob, len) == 0;
            ssh2_key_finish(&k);
        }
    }
    return found;
}

static void try_identity(struct login *l, LIBSSH2_AGENT *agent, struct libssh2_agent_publickey *id)
{
    char type[64] = "";
    size_t n = id->blob_len > 4 ? id->blob[3] : 0;
    int rc;

    if (n > 0 && n < sizeof type && n + 4 <= id->blob_len)
        memcpy(type, id->blob + 4, n);
    if (can_use(l, type) && is_named(l->t->goal, id->blob, id->blob_len))
        SSH2_RETRY(l->t, rc, libssh2_agent_userauth(agent, l->t->goal->user, id));
}

static void try_agent(struct login *l)
{
    struct ssh2_thread *t = l->t;
    LIBSSH2_AGENT *agent = t->goal->agent ? libssh2_agent_init(t->session) : NULL;
    struct libssh2_agent_publickey *id = NULL;

    if (!agent)
        return;
    libssh2_agent_set_identity_path(agent, t->goal->agent);
    if (libssh2_agent_connect(agent) == 0 && libssh2_agent_list_identities(agent) == 0)
        while (!is_in(t) && !over(t) && libssh2_agent_get_identity(agent, &id, id) == 0)
            try_identity(l, agent, id);
    libssh2_agent_disconnect(agent);
    libssh2_agent_free(agent);
}

static void try_keys(struct login *l)
{
    try_agent(l);
    for (char **path = l->t->goal->identities; *path && !is_in(l->t) && !over(l->t); path++)
        try_file(l, *path);
}

/* ---- Words. */

static void respond_cb(const char *name, int name_len, const char *instruction, int instruction_len, int n,
                       const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompts,
                       LIBSSH2_USERAUTH_KBDINT_RESPONSE *responses, void **abstract)
{
    struct ssh2_thread *t = *abstract;

    (void)name;
    (void)name_len;
    (void)instruction;
    (void)instruction_len;
    for (int i = 0; i < n; i++) {
        char *prompt =
            xasprintf("(%s@%s) %.*s", t->goal->user, t->goal->name, (int)prompts[i].length, prompts[i].text);
        char *answer = over(t) ? NULL : ask(t, prompt);
        responses[i].length = answer ? (unsigned)strlen(answer) : 0;
        responses[i].text = answer ? answer : xstrdup(""); /* libssh2 frees it */
        free(prompt);
    }
}

static void try_interactive(struct login *l)
{
    struct ssh2_thread *t = l->t;
    int rc;

    SSH2_RETRY(t, rc,
               libssh2_userauth_keyboard_interactive_ex(t->session, t->goal->user,
                                                        (unsigned)strlen(t->goal->user), respond_cb));
}

static void try_password(struct login *l)
{
    struct ssh2_thread *t = l->t;
    char *prompt = xasprintf("%s@%s's password: ", t->goal->user, t->goal->name), *answer = ask(t, prompt);
    int rc;

    if (answer)
        SSH2_RETRY(t, rc,
                   libssh2_userauth_password_ex(t->session, t->goal->user, (unsigned)strlen(t->goal->user),
                                                answer, (unsigned)strlen(answer), NULL));
    wipe(answer);
    free(prompt);
}

/* ---- The order of it all. */

/* What the host takes now: less after a first of several factors. False: nothing, or it let us in without. */
static bool list_methods(struct login *l)
{
    struct ssh2_thread *t = l->t;
    const char *list;
    const char *user = t->goal->user;

    do
        list = libssh2_userauth_list(t->session, user, (unsigned)strlen(user));
    while (!list && libssh2_session_last_errno(t->session) == LIBSSH2_ERROR_EAGAIN && ssh2_wait(t) == 0);
    if (!list)
        return false;
    free(l->methods);
    l->methods = xstrdup(list);
    return true;
}

static bool takes(const struct login *l, const char *method)
{
    return l->methods && strstr(l->methods, method) != NULL;
}

static int denied(struct login *l)
{
    struct ssh2_thread *t = l->t;
    struct buf b = { 0 };
    static const char *const words[] = { "RSA keys with SHA-2", "certificates", "security keys" };

    for (int i = 0; i < 3; i++)
        if (l->beyond[i])
            buf_addf(&b, "%s%s", b.len ? ", " : "", words[i]);
    if (b.len)
        buf_addf(&b, " cannot be used by libssh2 %s: use " OPEN_WORD, libssh2_version(0));
    ssh2_end_said(t, "%s@%s: Permission denied (%s).%s%s", t->goal->user, t->goal->name,
                  l->methods ? l->methods : "", b.len ? " " : "", buf_str(&b));
    buf_free(&b);
    return -1;
}

static int authenticate(struct ssh2_thread *t)
{
    struct login l = { .t = t };
    int interactive = t->goal->asks ? TRIES : 0, password = interactive;
    bool keys = true;

    while (list_methods(&l) && !over(t)) {
        if (keys && takes(&l, "publickey")) {
            keys = false;
            try_keys(&l);
        } else if (takes(&l, "keyboard-interactive") && interactive-- > 0) {
            try_interactive(&l);
        } else if (takes(&l, "password") && password-- > 0) {
            try_password(&l);
        } else {
            break;
        }
        if (is_in(t))
            break;
    }
    bool in = is_in(t);
    if (!in && !t->quit && !t->lost && (!t->closed || l.methods) && mono_ms() < t->deadline)
        denied(&l);
    free(l.methods);
    return in ? 0 : -1;
}

/* A channel that is closed and kept: see the thread's loop. */
static int open_spare(struct ssh2_thread *t)
{
    int rc;

    do
        t->spare = libssh2_channel_open_session(t->session);
    while (!t->spare && libssh2_session_last_errno(t->session) == LIBSSH2_ERROR_EAGAIN && ssh2_wait(t) == 0);
    if (!t->spare)
        return ssh2_end_said(t, "%s opens no session", t->goal->name);
    SSH2_RETRY(t, rc, libssh2_channel_close(t->spare));
    return rc < 0 ? -1 : 0;
}

int ssh2_login(struct ssh2_thread *t)
{
    return connect_any(t) == 0 && shake_hands(t) == 0 && authenticate(t) == 0 && open_spare(t) == 0 ? 0 : -1;
}
