/* SPDX-License-Identifier: MIT */
#ifndef FS_WHOLE_FILE_H
#define FS_WHOLE_FILE_H
#include "fs/node.h"
/* Files that are read and written as a file on a disk is, save that a new content counts as a whole, from the close on,
 * and that one which cannot be used leaves the old. What is wrong whatever may follow fails the write, because echo in
 * bash and dash looks at nothing else; what stops short fails the close. */

struct whole {
    /* May it be written now? NULL: always. */
    int (*may)(const struct node *n, struct err *e);
    /* Append what it is. */
    void (*text)(const struct node *n, struct buf *out);
    /* Can this be it? 0; -ENODATA: it stops short; else: never; with the sentence. Asked at each write. */
    int (*check)(const struct node *n, const char *text, size_t len, struct err *e);
    int (*set)(const struct node *n, const char *text, size_t len, struct err *e);
    int (*reset)(const struct node *n, struct err *e);       /* it was emptied, and left so */
    void (*complain)(const struct node *n, const char *why); /* somewhere that its owner reads */
};

int whole_open(struct open_file *f);
int whole_write(struct open_file *f, uint64_t off, const char *data, size_t len);
int whole_truncate(struct open_file *f, uint64_t size);
int whole_truncate_node(struct tree *t, const struct node *n, uint64_t size, const struct caller *c);
int whole_flush(struct open_file *f);
void whole_release(struct open_file *f);

#define WHOLE_FILE                                                                                           \
    .open = whole_open, .write = whole_write, .truncate = whole_truncate,                                    \
    .truncate_node = whole_truncate_node, .flush = whole_flush, .fsync = whole_flush,                        \
    .release = whole_release

#endif
