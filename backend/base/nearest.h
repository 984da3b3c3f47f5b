/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_BASE_NEAREST_H
#define BACKEND_BASE_NEAREST_H
#include <stddef.h>

/* The nearest of n names to a mistyped one by edit distance, or NULL where none is near; borrowed. */
const char *nearest_name(const char *word, const char *const *names, size_t n);

#endif
