/* SPDX-License-Identifier: MIT */
#ifndef BASE_BOOT_LINUX_H
#define BASE_BOOT_LINUX_H

#define BOOT_ID_LEN 36

/* The number of this run of the kernel: process ids and start times mean the same processes for as long as it is the
 * same. "" where there is none. Source: random(4), /proc/sys/kernel/random/boot_id. */
void boot_id(char out[BOOT_ID_LEN + 1]);

#endif
