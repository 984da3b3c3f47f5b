/* SPDX-License-Identifier: MIT */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H
#include <stddef.h>
#include <stdint.h>
/* UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF. */

/* The bytes at the beginning of s that are whole, valid characters; len where all of it is valid. NUL is a
 * character. */
size_t utf8_valid_len(const char *s, size_t len);

/* Write one character; returns 1 to 4 bytes written (no NUL), or 0 if c is no Unicode scalar value. */
size_t utf8_encode(uint32_t c, char out[4]);

#endif
