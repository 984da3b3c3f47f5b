/* SPDX-License-Identifier: MIT */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H
#include <stddef.h>

/* n random lower case hex digits and a NUL: out has room for n + 1. From the kernel (getrandom(2)), so that they do for a
 * secret. Ends the process where there are none. */
void random_hex(char *out, size_t n);

#endif
