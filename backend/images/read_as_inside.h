/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_READ_AS_INSIDE_H
#define BACKEND_READ_AS_INSIDE_H
#include <stdint.h>
#include "backend/images/read_as.h"
/* What the two sides say to each other: the daemon gives this and the path on standard input, both files in memory; the
 * child writes what it has read to standard output, and its exit status is 0 or the errno. */

struct read_as_wish {
    struct rights who;
    uint64_t max;
};

#endif
