/* SPDX-License-Identifier: MIT */
#include "backend/base/base64.h"

#include <stdint.h>

void base64_add(struct buf *out, const void *data, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (const unsigned char *p = data; len > 0; p += 3, len -= len < 3 ? len : 3) {
        uint32_t three = (uint32_t)p[0] << 16 | (len > 1 ? (uint32_t)p[1] << 8 : 0) | (len > 2 ? p[2] : 0);
        char four[4] = { digits[three >> 18], digits[three >> 12 & 63],
                         len > 1 ? digits[three >> 6 & 63] : '=', len > 2 ? digits[three & 63] : '=' };
        buf_add(out, four, sizeof four);
    }
}
