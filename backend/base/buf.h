/* SPDX-License-Identifier: MIT */
#ifndef BASE_BUF_H
#define BASE_BUF_H
#include <stdarg.h>
#include <stddef.h>
/* Bytes that grow. A zeroed struct is an empty buffer; data is NULL while nothing was ever added, else always followed by
 * a NUL that len does not count. Growth is geometric, so that a prompt of many small writes costs linear time. */

struct buf {
    char *data;
    size_t len; /* bytes in use */
    size_t cap; /* bytes allocated */
};

void buf_add(struct buf *b, const void *data, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *fmt, va_list ap);
char *buf_reserve(struct buf *b, size_t n);  /* room for n bytes behind the used ones, which stay; not counted in len */
void buf_consume(struct buf *b, size_t n);  /* drop the first n bytes; n <= len */
void buf_reset(struct buf *b);              /* len = 0; keeps the memory */
void buf_free(struct buf *b);               /* back to the zeroed struct */
const char *buf_str(const struct buf *b);   /* data, or "" while it is NULL; borrowed until the next change */
char *buf_take(struct buf *b);              /* the caller owns the string; b is empty after it */

#endif
