/* SPDX-License-Identifier: MIT */
#include "backend/base/boot_linux.h"

#include <stdio.h>

void boot_id(char out[BOOT_ID_LEN + 1])
{
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

    out[0] = '\0';
    if (!f)
        return;
    if (fscanf(f, "%36s", out) != 1)
        out[0] = '\0';
    fclose(f);
}
