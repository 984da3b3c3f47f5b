/* SPDX-License-Identifier: MIT */
#ifndef TESTS_TRANSPORT_SSHD_HERE_H
#define TESTS_TRANSPORT_SSHD_HERE_H
/* A real sshd on a loopback port, as the user who runs the test, with keys, known hosts and a client
 * configuration of its own. The home directory that its sessions see is the test's, with a start-up file that
 * prints noise. */
#include <ctype.h>
#include <dirent.h>
#include <pwd.h>
#include "waiting.h"

#define SSHD "/usr/sbin/sshd"

struct sshd {
    char *dir; /* all files; removed at the end */
    char *
        config; /* for ssh -F; hosts: box, stranger, wrongkey, changed, closed, inner, shared (with a ControlPath), sealed (its key has
                     the passphrase `open sesame`) */
    int port;
    pid_t pid;
};

UNUSED static void shell(const char *fmt, ...)
{
    va_list ap;
    struct buf line = { 0 };

    va_start(ap, fmt);
    buf_vaddf(&line, fmt, ap);
    va_end(ap);
    assert_int_equal(system(buf_str(&line)), 0);
    buf_free(&line);
}

UNUSED static void put_file(const char *dir, const char *name, const char *text)
{
    char *path = xasprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    chmod(path, 0600);
    free(path);
}

/* ---- Processes. */

/* Parent and name of a process; state 'Z' counts as gone. */
UNUSED static bool process_is(const char *pid, long *parent, char name[32])
{
    char path[64], text[512];
    char state;

    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    char *open = strchr(text, '('), *shut = strrchr(text, ')');
    if (!open || !shut || sscanf(shut, ") %c %ld", &state, parent) != 2 || state == 'Z')
        return false;
    snprintf(name, 32, "%.*s", (int)(shut - open - 1), open + 1);
    return true;
}

/* Call f for each process. */
UNUSED static void each_process(void (*f)(long pid, long parent, const char *name, void *arg), void *arg)
{
    DIR *d = opendir("/proc");
    struct dirent *ent;

    while ((ent = readdir(d))) {
        long parent;
        char name[32];
        if (isdigit((unsigned char)ent->d_name[0]) && process_is(ent->d_name, &parent, name))
            f(atol(ent->d_name), parent, name, arg);
    }
    closedir(d);
}

UNUSED static bool is_alive(long pid)
{
    char text[32], name[32];
    long parent;

    snprintf(text, sizeof text, "%ld", pid);
    return process_is(text, &parent, name);
}

struct children {
    long of;
    const char *name; /* NULL: any */
    int n;
    long pids[64];
};

UNUSED static void child_cb(long pid, long parent, const char *name, void *arg)
{
    struct children *c = arg;

    if (parent == c->of && (!c->name || strcmp(name, c->name) == 0) && c->n < 64)
        c->pids[c->n++] = pid;
}

UNUSED static struct children children_of(long pid, const char *name)
{
    struct children c = { .of = pid, .name = name };

    each_process(child_cb, &c);
    return c;
}

UNUSED static int our_ssh_processes(void)
{
    return children_of(getpid(), "ssh").n;
}

UNUSED static void kill_tree(long pid)
{
    struct children c = children_of(pid, NULL);

    kill((pid_t)pid, SIGKILL);
    for (int i = 0; i < c.n; i++)
        kill_tree(c.pids[i]);
}

/* ---- The server. */

UNUSED static bool answers(int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = connect(fd, (struct sockaddr *)&a, sizeof a) == 0;

    close(fd);
    return yes;
}

/* extra: lines for sshd_config, "" for none. */
UNUSED static void sshd_start(struct sshd *s, const char *extra)
{
    struct buf b = { 0 };
    uint64_t end = mono_ms() + PATIENCE_MS;

    buf_addf(&b,
             "%sPort %d\nListenAddress 127.0.0.1\nHostKey %s/host_key\nAuthorizedKeysFile "
             "%s/authorized\nPidFile none\n"
             "StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication "
             "no\nPermitRootLogin yes\n"
             "MaxStartups 100\nLogLevel ERROR\nSetEnv HOME=%s/home\n",
             extra, s->port, s->dir, s->dir, s->dir);
    put_file(s->dir, "sshd_config", buf_str(&b));
    buf_free(&b);
    s->pid = fork();
    if (s->pid == 0) {
        char *config = xasprintf("%s/sshd_config", s->dir), *log = xasprintf("%s/sshd.log", s->dir);
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(open("/dev/null", O_RDONLY), 0);
        dup2(fd, 1);
        dup2(fd, 2);
        execl(SSHD, SSHD, "-D", "-e", "-f", config, (char *)NULL);
        _exit(127);
    }
    while (!answers(s->port)) {
        assert_true(mono_ms() < end);
        assert_int_equal(waitpid(s->pid, NULL, WNOHANG), 0); /* see sshd.log */
        poll(NULL, 0, 20);
    }
}

/* The listener and every session: what a reboot does. */
UNUSED static void sshd_kill(struct sshd *s)
{
    if (s->pid > 0) {
        kill_tree(s->pid);
        waitpid(s->pid, NULL, 0);
    }
    s->pid = 0;
}

UNUSED static void host_entry(struct sshd *s, struct buf *b, const char *name, int port, const char *key,
                              const char *known)
{
    buf_addf(b,
             "Host %s\n HostName 127.0.0.1\n Port %d\n User %s\n IdentityFile %s/%s\n IdentitiesOnly yes\n "
             "IdentityAgent none\n"
             " UserKnownHostsFile %s/%s\n GlobalKnownHostsFile /dev/null\n",
             name, port, getpwuid(geteuid())->pw_name, s->dir, key, s->dir, known);
}

/* Keys and configurations; false where there is no sshd on this machine. */
UNUSED static bool sshd_prepare(struct sshd *s)
{
    struct buf b = { 0 };
    int closed;

    if (access(SSHD, X_OK) < 0)
        return false;
    if (geteuid() == 0)
        mkdir("/run/sshd", 0755); /* sshd's own directory, which nobody made where sshd was never started */
    s->dir = fresh_dir();
    close(listen_here(&s->port, 1));
    close(listen_here(&closed, 1));
    shell("cd %s && mkdir home && for k in host_key user_key other_key; do ssh-keygen -q -t ed25519 -N '' -f "
          "$k; done; ssh-keygen -q -t ed25519 -N 'open sesame' -f sealed_key; "
          "cat user_key.pub sealed_key.pub >authorized",
          s->dir);
    shell("cd %s && echo \"[127.0.0.1]:%d $(cut -d' ' -f1,2 host_key.pub)\" >known && "
          "echo \"[127.0.0.1]:%d $(cut -d' ' -f1,2 other_key.pub)\" >known_other",
          s->dir, s->port, s->port);
    put_file(s->dir, "home/.bashrc", "echo NOISE; echo NOISE >&2\n");
    host_entry(s, &b, "box", s->port, "user_key", "known");
    buf_adds(&b, " ForkAfterAuthentication yes\n"); /* and more that must not matter, below */
    host_entry(s, &b, "stranger", s->port, "user_key", "known_nobody");
    host_entry(s, &b, "wrongkey", s->port, "other_key", "known");
    host_entry(s, &b, "changed", s->port, "user_key", "known_other");
    host_entry(s, &b, "sealed", s->port, "sealed_key", "known");
    host_entry(s, &b, "shared", s->port, "user_key", "known");
    buf_addf(&b, " ControlPath %s/users-%%C\n", s->dir);
    host_entry(s, &b, "inner", s->port, "user_key", "known");
    host_entry(s, &b, "closed", closed, "user_key", "known");
    /* What a user's configuration may say and must not matter. */
    buf_adds(&b, "Host *\n ControlMaster auto\n ControlPath /nonexistent/%C\n ControlPersist 600\n "
                 "RemoteCommand echo wrong\n"
                 " RequestTTY force\n LocalForward 127.0.0.1:1 127.0.0.1:1\n ForwardX11 yes\n "
                 "StrictHostKeyChecking ask\n"
                 " LogLevel QUIET\n");
    put_file(s->dir, "ssh_config", buf_str(&b));
    buf_free(&b);
    s->config = xasprintf("%s/ssh_config", s->dir);
    return true;
}

UNUSED static void sshd_finish(struct sshd *s)
{
    sshd_kill(s);
    if (s->dir)
        remove_dir(s->dir);
    free(s->config);
    *s = (struct sshd){ 0 };
}

/* ---- For a group of tests: the keys are made once, a server for each test. */
static struct sshd shared;

UNUSED static int prepare(void **state)
{
    (void)state;
    if (!sshd_prepare(&shared)) {
        print_message("1..0 # SKIP %s is not installed\n", SSHD);
        exit(0);
    }
    return 0;
}

UNUSED static int clean(void **state)
{
    (void)state;
    sshd_finish(&shared);
    return 0;
}

#endif
