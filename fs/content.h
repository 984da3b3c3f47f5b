/* SPDX-License-Identifier: MIT */
#ifndef FS_CONTENT_H
#define FS_CONTENT_H
#include "fs/node.h"
/* Texts that depend on the state of the house alone: status, env, metrics and the like. A text is made
 * when somebody asks for it or for its size, and kept until house->changes moves; mtime moves only when
 * the text differs from the last one. */

/* Size and mtime of a node with `content`. While an open file shows an older text, the size is that of the
 * last one opened, so that fstat of an open file is exact. */
void content_stat(struct tree *t, const struct node *n, struct stat *st);

void content_open(struct open_file *f); /* f->text becomes the text of this moment */
void content_close(struct open_file *f);
void content_drop(struct subject *s); /* frees what is kept of a subject */

#endif
