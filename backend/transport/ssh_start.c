/* SPDX-License-Identifier: MIT */
/* See ssh_start.h. */
#include "backend/transport/ssh_start.h"
#include "backend/transport/transport_private.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* Our environment, in which nobody is asked but through our own program. The caller frees the array, and the
 * last entries of it as `made`. */
static char **environment(const struct ssh_start *s, char **made)
{
    static const char *const left_out[] = { "SSH_ASKPASS=", "SSH_ASKPASS_REQUIRE=", "DISPLAY=",
                                            "WAYLAND_DISPLAY=" };
    extern char **environ;
    size_t n = 0, k = 0;

    while (environ[n])
        n++;
    char **env = xcalloc(n + 4, sizeof *env);
    for (size_t i = 0; i < n; i++) {
        bool keep = true;
        for (size_t j = 0; j < sizeof left_out / sizeof left_out[0]; j++)
            keep = keep && strncmp(environ[i], left_out[j], strlen(left_out[j])) != 0;
        if (keep)
            env[k++] = environ[i];
    }
    *made = NULL;
    if (!s->askpass) {
        env[k] = "SSH_ASKPASS_REQUIRE=never";
        return env;
    }
    *made = xasprintf("SSH_ASKPASS=%s", s->askpass);
    env[k++] = *made;
    env[k++] = (char *)s->askpass_environment;
    env[k] = "SSH_ASKPASS_REQUIRE=force"; /* without a terminal and without DISPLAY too */
    return env;
}

/* For the shell and for ssh's percent signs. */
static void add_quoted(struct buf *out, const char *s)
{
    buf_adds(out, "'");
    for (; *s; s++) {
        if (*s == '\'')
            buf_adds(out, "'\\''");
        else if (*s == '%')
            buf_adds(out, "%%");
        else
            buf_add(out, s, 1);
    }
    buf_adds(out, "'");
}

/* What `ssh -J` does, over a connection that is there; should it just be ending, no other is made. NULL: directly. */
static int proxy_command(char **out, struct transport *via, struct err *e)
{
    const char *path = via ? via->ops->control_path(via) : NULL;
    struct buf b = { 0 };

    *out = NULL;
    if (via && !path)
        return err_set(e, -EHOSTUNREACH, "%s, which leads there, is not connected", via->cluster->host);
    if (!via)
        return 0;
    buf_adds(&b, "ProxyCommand=ssh -F /dev/null -o ProxyCommand=false -S ");
    add_quoted(&b, path);
    buf_adds(&b, " -W '[%h]:%p' -- ");
    add_quoted(&b, via->cluster->host);
    *out = buf_take(&b);
    return 0;
}

int ssh_start_master(struct proc **out, uv_loop_t *loop, const struct ssh_start *s, proc_exit_f cb, void *arg,
                     struct err *e)
{
    const struct cluster_config *c = s->cluster;
    char *made, *proxy;
    int rc = proxy_command(&proxy, s->via, e);

    if (rc < 0)
        return rc;
    char *control = xasprintf("ControlPath=%s", s->control_path);
    /* What has to hold whatever the user's configuration says; all else is his. */
    const char *options[] = {
        control,
        "ControlPersist=no",
        c->accept_new_host_keys ? "StrictHostKeyChecking=accept-new" : "StrictHostKeyChecking=yes",
        "ServerAliveInterval=15",
        "ServerAliveCountMax=3",
        "ConnectTimeout=20",
        "ExitOnForwardFailure=no",
        "ClearAllForwardings=yes",
        "PermitLocalCommand=no",
        "RemoteCommand=none",
        "RequestTTY=no",
        "ForwardAgent=no",
        "ForwardX11=no",
        "LogLevel=INFO", /* names the channels that could not be opened, see ssh_explain_open() */
        s->askpass ? "UpdateHostKeys=no" : "BatchMode=yes", /* the former could ask about trust */
        proxy,
        s->forks ? "ForkAfterAuthentication=no" : NULL, /* ssh before 8.7 has no such option */
    };
    enum { N = sizeof options / sizeof options[0] };
    const char *argv[2 * N + 10] = { "ssh", "-M", "-N", "-T" };
    int n = 4, null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    for (int i = 0; i < N; i++) {
        if (!options[i])
            continue;
        argv[n++] = "-o";
        argv[n++] = options[i];
    }
    if (c->ssh_config[0]) {
        argv[n++] = "-F";
        argv[n++] = c->ssh_config;
    }
    argv[n++] = "--";
    argv[n++] = c->host;
    char **env = environment(s, &made);
    rc = null < 0 ? err_set(e, -errno, "/dev/null: %s", strerror(errno))
                  : proc_spawn(out, loop, argv, env, (int[]){ null, s->out, s->out }, cb, arg, e);
    close_fd(&null);
    free(made);
    free(proxy);
    free(env);
    free(control);
    return rc;
}
