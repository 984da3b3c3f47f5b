/* SPDX-License-Identifier: MIT */
/* The mount program: everything is made in stages, and unmade in reverse. Nothing is waited for at start-up:
 * SSH is opened by the first need. */
#include "fs/mount.h"
#include "backend/base/log.h"
#include "backend/house.h"
#include "fs/asking.h"
#include "fs/daemonize.h"
#include "fs/door_fuse.h"
#include "fs/door_http/gateway.h"
#include "fs/mount_args.h"
#include "fs/mountpoint.h"
#include "fs/process.h"
#include "fs/tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Source: mount(8), EXIT STATUS, util-linux 2.38: 1 is an incorrect invocation. */
#define STATUS_INVOCATION 1
#define STATUS_MOUNT      32

static const char usage[] = "usage: mount.slullamafs [CONFIG] MOUNTPOINT [-o OPTIONS] [-f] [-v] [-c FILE]\n"
                            "       slullamafs mount MOUNTPOINT [-o OPTIONS] [-f] [-v] [-c FILE]\n"
                            "\n"
                            "Mounts the language models of a cluster as a directory; see README in it.\n"
                            "\n"
                            "  CONFIG, -c FILE   configuration; `default` or nothing looks for\n"
                            "                    $SLULLAMAFS_CONFIG, then ~/.config/slullamafs/config.toml\n"
                            "  -f                stay in the foreground and log to stderr\n"
                            "  -v                log more\n"
                            "  -o OPTIONS        mount options (ro, allow_other, ...), as in fstab\n"
                            "  --help, --version\n"
                            "\n"
                            "`fusermount3 -u MOUNTPOINT` ends it.\n";

/* One mount, in the order in which it is built. */
struct mount {
    uv_loop_t loop;
    struct house *house;
    struct gateway *gateway;
    struct tree *tree;
    struct door_fuse *door;
    struct process_signals signals;
    bool stopping;
};

/* ---- Ending */

static void stopped_cb(void *arg)
{
    struct mount *m = arg;

    uv_stop(&m->loop);
}

static void stop(struct mount *m)
{
    if (m->stopping)
        return;
    m->stopping = true;
    gateway_stop(m->gateway);
    house_stop(m->house, stopped_cb, m);
}

static void ended_cb(void *arg)
{
    stop(arg);
}

static void signal_cb(void *arg, int signum)
{
    log_info("signal %d: ending", signum);
    stop(arg);
}

static void hang_up_cb(void *arg)
{
    struct mount *m = arg;

    gateway_reopen(m->gateway);
}

/* ---- Beginning */

static int open_doors(struct mount *m, const char *mountpoint, const struct mount_args *args, struct err *e)
{
    struct door_fuse_params p = { .loop = &m->loop,
                                  .mountpoint = mountpoint,
                                  .options = buf_str(&args->fuse_options),
                                  .ended = ended_cb,
                                  .arg = m };
    int rc = gateway_create(&m->gateway, m->house, e);

    if (rc < 0)
        return rc;
    m->tree = p.tree = tree_create(m->house);
    askings_recover(m->tree);
    return door_fuse_create(&m->door, &p, e);
}

static void unwind(struct mount *m)
{
    door_fuse_destroy(m->door);
    gateway_destroy(m->gateway);
    if (m->tree)
        askings_destroy(m->tree);
    tree_destroy(m->tree);
    house_destroy(m->house);
    process_signals_close(&m->signals);
    uv_run(&m->loop, UV_RUN_DEFAULT); /* the close callbacks */
    if (uv_loop_close(&m->loop) < 0) {
        log_error("some handles were left open at the end");
        if (getenv("SLULLAMAFS_DEBUG"))
            uv_print_all_handles(&m->loop, stderr);
    }
}

/* Takes over cfg. In the child, when in the background. */
static int serve(struct config *cfg, const char *mountpoint, const struct mount_args *args)
{
    struct mount m = { 0 };
    struct err e = { 0 };
    int status = 0;

    log_start(args->verbose ? LOG_LEVEL_DEBUG : log_level_parse(cfg->log_level), args->foreground);
    uv_loop_init(&m.loop);
    m.signals = (struct process_signals){ .end = signal_cb, .hang_up = hang_up_cb, .arg = &m };
    process_signals_watch(&m.signals, &m.loop);
    int rc = house_create(&m.house, &m.loop, cfg, mountpoint, &e);
    if (rc < 0)
        config_free(cfg);
    else
        rc = open_doors(&m, mountpoint, args, &e);
    if (rc < 0) {
        status = daemon_failed(STATUS_MOUNT, e.text);
    } else {
        log_info("mounted on %s, endpoint %s", mountpoint, m.house->endpoint);
        daemon_ready();
        uv_run(&m.loop, UV_RUN_DEFAULT);
    }
    unwind(&m);
    log_stop();
    return status;
}

static int begin(const struct mount_args *args)
{
    struct config *cfg = NULL;
    struct err e = { 0 };
    char *mountpoint = NULL;
    int status = STATUS_MOUNT, rc;

    if (config_load(args->config, &cfg, &e) < 0 ||
        mountpoint_prepare(args->mountpoint, &mountpoint, &e) < 0) {
        status = daemon_failed(STATUS_MOUNT, e.text);
        goto out;
    }
    if (chdir("/") < 0 || (!args->foreground && (rc = daemon_begin()) < 0)) {
        status = daemon_failed(STATUS_MOUNT, "the daemon could not be started");
        goto out;
    }
    status = serve(cfg, mountpoint, args);
    cfg = NULL;
out:
    config_free(cfg);
    free(mountpoint);
    return status;
}

int mount_main(int argc, char **argv)
{
    struct mount_args args;
    struct err e = { 0 };
    int status = 0;

    process_prepare();
    if (mount_args_parse(argc, argv, &args, &e) < 0) {
        fprintf(stderr, "slullamafs: %s\n", e.text);
        status = STATUS_INVOCATION;
    } else if (args.help) {
        fputs(usage, stdout);
    } else if (args.version) {
        puts("slullamafs " SLULLAMAFS_VERSION);
    } else {
        status = begin(&args);
    }
    mount_args_finish(&args);
    return status;
}
