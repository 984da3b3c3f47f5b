/* SPDX-License-Identifier: MIT */
#ifndef TESTS_OWN_DIR_H
#define TESTS_OWN_DIR_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* A directory of each test's own, as its setup and teardown. Included once by each test file. */

static char dir[64];

static inline int own_dir_begin(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/slullamafs-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static inline int own_dir_finish(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf -- %s", dir);
    return system(command);
}

#endif
