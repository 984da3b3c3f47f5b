/* SPDX-License-Identifier: MIT */
#include "backend/base/random.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void random_hex(char *out, size_t n)
{
    unsigned char raw[32]; /* up to 256 bytes are never cut short (getrandom(2)) */
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        size_t at = i % (2 * sizeof raw);
        if (at == 0 && getrandom(raw, sizeof raw, 0) != (ssize_t)sizeof raw)
            abort();
        out[i] = digits[at % 2 ? raw[at / 2] & 0xf : raw[at / 2] >> 4];
    }
    out[n] = '\0';
    explicit_bzero(raw, sizeof raw);
}
