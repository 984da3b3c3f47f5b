/* SPDX-License-Identifier: MIT */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H
#include "backend/base/buf.h"

/* Append len bytes as RFC 4648, section 4, writes them: padded, without line breaks. */
void base64_add(struct buf *out, const void *data, size_t len);

#endif
