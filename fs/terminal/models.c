/* SPDX-License-Identifier: MIT */
/* slullamafs models: the models with their descriptions; of a mount, or else of the configuration. */
#include "backend/config/config.h"
#include "fs/exit_status.h"
#include "fs/terminal/mount_of.h"
#include "fs/terminal/terminal.h"
#include "fs/terminal/tree_files.h"
#include "fs/terminal/view.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "usage: slullamafs models [-c FILE]\n"
    "\n"
    "Lists the models with their states and descriptions: those of your mount, else, and with\n"
    "-c, those of the configuration.\n";

static void list_mounted(const char *mount)
{
    json_t *house = tree_status(mount, NULL), *unused;
    const char *model;

    json_object_foreach(json_object_get(house, "models"), model, unused)
    {
        json_t *status = tree_status(mount, model);
        printf("%-24s %-9s %s\n", model, view_state(status), view_text(status, "description"));
        json_decref(status);
    }
    json_decref(house);
}

static int list_configured(const char *file)
{
    struct config *cfg;
    struct err e = { 0 };

    if (config_load(file, &cfg, &e) < 0)
        return status_failed("%s", e.text);
    for (size_t i = 0; i < cfg->n_models; i++)
        printf("%-24s %-9s %s\n", cfg->models[i]->name, cfg->models[i]->engine, cfg->models[i]->description);
    config_free(cfg);
    return 0;
}

int models_main(int argc, char **argv)
{
    static const struct option options[] = { { "config", required_argument, NULL, 'c' },
                                             { "verbose", no_argument, NULL, 'v' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    const char *file = NULL;
    char *mount = NULL;
    struct err e = { 0 };
    int c;

    while ((c = getopt_long(argc, argv, "c:hv", options, NULL)) != -1) {
        if (c == 'h') {
            fputs(usage, stdout);
            return 0;
        }
        if (c == 'c')
            file = optarg;
        else if (c != 'v')
            return STATUS_USAGE;
    }
    int rc = file ? -ENOENT : mount_of_caller(NULL, &mount, &e);
    if (rc == -ENOENT)
        return list_configured(file);
    if (rc < 0)
        return status_failed("%s", e.text);
    list_mounted(mount);
    free(mount);
    return 0;
}
