/* SPDX-License-Identifier: MIT */
/* slullamafs VERB, and mount.slullamafs by its name: the table of programs. */
#include "backend/config/config.h"
#include "backend/parrot/parrot.h"
#include "backend/images/read_as.h"
#include "backend/transport/askpass.h"
#include "fs/connect.h"
#include "fs/exit_status.h"
#include "fs/key.h"
#include "fs/mount.h"
#include "fs/serve.h"
#include "fs/server_status.h"
#include "fs/terminal/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int mount_verb(int argc, char **argv);
static int help_main(int argc, char **argv);
static int version_main(int argc, char **argv);

static const struct {
    const char *name;
    int (*main)(int argc, char **argv); /* argv[0] is the verb */
    const char *help;
} verbs[] = {
    { "mount", mount_verb, "mount the models of a cluster as a directory" },
    { "run", run_main, "wake a model, follow its log, end its job at Ctrl-C" },
    { "watch", watch_main, "what the models do, as it happens" },
    { "models", models_main, "the models with their descriptions" },
    { "key", key_main, "API keys of the gateway: generate, list, revoke" },
    { "serve", serve_main, "the gateway alone, for a team: slullama's server" },
    { "connect", connect_main, "a slullama server at a port of this machine" },
    { "status", status_main, "what a slullama server does" },
    { "traefik", traefik_main, "write what is healthy as a file for Traefik" },
    { "haproxy", haproxy_main, "write what is healthy as a file for HAProxy" },
    { "parrot", parrot_main, "the built-in engine: repeats what it is asked" },
    { "help", help_main, "this list; `help config` lists the keys of the configuration" },
    { "--help", help_main, NULL },
    { "-h", help_main, NULL },
    { "--version", version_main, NULL },
    { "-V", version_main, NULL },
};

static int mount_verb(int argc, char **argv)
{
    config_export_home();
    return mount_main(argc, argv);
}

static int list_verbs(void)
{
    puts("usage: slullamafs VERB [ARGUMENTS]\n       mount.slullamafs [CONFIG] MOUNTPOINT [-o OPTIONS]\n");
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (verbs[i].help)
            printf("  %-8s %s\n", verbs[i].name, verbs[i].help);
    puts("\nEach verb takes --help. The manual is slullamafs(1), the configuration slullamafs.toml(5).");
    return 0;
}

/* The man page of the configuration is made from this. */
static int list_keys(void)
{
    char *text = config_reference();

    fputs(text, stdout);
    free(text);
    return 0;
}

static int run_verb(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(argv[0], verbs[i].name) == 0)
            return argc > 1 && strcmp(argv[1], "--version") == 0 ? version_main(argc, argv)
                                                                 : verbs[i].main(argc, argv);
    return status_usage("unknown verb \"%s\"; `slullamafs help` lists them", argv[0]);
}

/* help, help config, help VERB */
static int help_main(int argc, char **argv)
{
    if (argc < 2 || argv[1][0] == '-' || strcmp(argv[1], "help") == 0)
        return list_verbs();
    if (strcmp(argv[1], "config") == 0)
        return list_keys();
    return run_verb(2, (char *[]){ argv[1], "--help", NULL });
}

static int version_main(int argc, char **argv)
{
    (void)argc, (void)argv;
    puts("slullamafs " SLULLAMAFS_VERSION);
    return 0;
}

int main(int argc, char **argv)
{
    const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];

    if (getenv(ASKPASS_VARIABLE)) /* ssh asks something: see askpass.h */
        return askpass_helper_main(argc, argv);
    if (getenv(READ_AS_VARIABLE)) /* a file is to be read as another user: see read_as.h */
        return read_as_helper_main();
    if (strcmp(name, "mount.slullamafs") == 0 || strcmp(name, "mount.fuse.slullamafs") == 0)
        return mount_verb(argc, argv);
    if (argc < 2)
        return status_usage("which verb? `slullamafs help` lists them");
    return run_verb(argc - 1, argv + 1);
}
