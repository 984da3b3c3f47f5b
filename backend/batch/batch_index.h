/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_BATCH_INDEX_H
#define BACKEND_BATCH_INDEX_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "backend/base/err.h"
#include "backend/batch/batch_line.h"
/* Where the lines of in.jsonl are: the file `index` beside it has one entry of a fixed size for each line that is not
 * empty, so that a batch of a million lines goes on after a crash without reading them again. Nothing here has state of
 * the loop's: the functions may wait for a disk, and run in the loop's pool of threads. */

#define BATCH_LINES_MAX 100000000u /* each costs a byte of memory while its batch is there */

struct batch_entry {
    uint64_t at;  /* offset of its first byte */
    uint32_t len; /* bytes, without the end of the line; UINT32_MAX: that or more */
    uint32_t row; /* its number in the file, from 1; with BATCH_REPEATED: its custom_id was there before */
};
#define BATCH_REPEATED 0x80000000u
#define BATCH_ROWS_MAX (BATCH_REPEATED - 1)

/* ---- Making the index, once, a piece at a time. */
struct batch_scan;

/* line_max  bytes; a longer line is in the index and cannot be asked */
struct batch_scan *batch_scan_create(int in, int index, size_t line_max);
void batch_scan_destroy(struct batch_scan *s); /* NULL is allowed */

/* Read some MiB further. 1: that was all, and the index is on disk; 0: there is more; -EIO, -ENOSPC, -EFBIG (too many
 * lines), .. with the sentence: make another scan. */
int batch_scan_step(struct batch_scan *s, struct err *e);
uint32_t batch_scan_total(const struct batch_scan *s); /* lines found so far */
bool batch_scan_json(const struct batch_scan *s);      /* the file is in OpenAI's format */

/* ---- Reading lines that are in the index. */

/* r: as batch_request_parse() makes it; a line that cannot be asked for what it is says so there. size: its bytes.
 * 0, or -EIO, .. with the sentence. */
int batch_line_read(int in, int index, uint32_t number, bool json, size_t line_max, struct batch_request *r,
                    size_t *size, struct err *e);

#endif
