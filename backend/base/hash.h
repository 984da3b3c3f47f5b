/* SPDX-License-Identifier: MIT */
#ifndef BASE_HASH_H
#define BASE_HASH_H
#include <stdint.h>
/* FNV-1a, 64 bits: a short name for a long text, not a secret. Source: draft-eastlake-fnv. */

#define HASH_BEGIN UINT64_C(0xcbf29ce484222325)

/* h with s and its end added, so that "a","bc" and "ab","c" differ. Changing it changes the names of things on
 * disk: the folders of identities and ssh's control sockets. */
static inline uint64_t hash_add(uint64_t h, const char *s)
{
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
    return (h ^ 0xff) * UINT64_C(0x100000001b3);
}

#endif
