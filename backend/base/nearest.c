/* SPDX-License-Identifier: MIT */
/* Which known name a mistyped one is near. */
#include "backend/base/nearest.h"

#include <ctype.h>
#include <string.h>

#define LONGEST 64 /* a longer word is no typing error of a name */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours (optimal string alignment), case ignored. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
    size_t d[LONGEST + 1][LONGEST + 1];

    for (size_t i = 0; i <= na; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= nb; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= na; i++)
        for (size_t j = 1; j <= nb; j++) {
            int same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + !same);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[na][nb];
}

const char *nearest_name(const char *word, const char *const *names, size_t n)
{
    size_t len = strlen(word), best = len < 4 ? 2 : len / 3 + 1; /* a third of the letters may be wrong */
    const char *near = NULL;

    if (len > LONGEST)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t other = strlen(names[i]);
        size_t d = other > LONGEST ? best : distance(word, len, names[i], other);
        if (d < best && d < other) {
            best = d;
            near = names[i];
        }
    }
    return near;
}
