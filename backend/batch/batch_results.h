/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_BATCH_RESULTS_H
#define BACKEND_BATCH_RESULTS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "backend/base/buf.h"
#include "backend/base/err.h"
/* Which lines of a batch have their result, and where it is. Results are appended to out.jsonl or errors.jsonl and
 * synced; only then the file `marks` gets an entry of a fixed size for each. What a crash leaves is therefore: marked
 * results, which are on disk; behind them perhaps whole results without a mark, which are known by their number; behind
 * these perhaps half a line, which is cut off. A mark is never synced by itself: one that is lost is made again from
 * the result. The functions with files may wait for a disk, and run in the loop's pool of threads. */

enum batch_result { BATCH_NONE, BATCH_GOOD, BATCH_BAD };

struct batch_files {
    int out, errors, marks;
    bool sync; /* durable */
};

struct batch_results {
    uint32_t total;
    uint8_t *of; /* enum batch_result, of each line; NULL where total is 0 */
    uint32_t good, bad;
    uint64_t out_end, errors_end, marks_end; /* bytes */
};

/* What is written together. */
struct batch_group {
    struct buf out, errors; /* whole lines */
    struct buf marks;       /* batch_group_add()'s own */
    uint64_t out_at, errors_at, marks_at;
};

void batch_results_init(struct batch_results *r, uint32_t total);
void batch_results_finish(struct batch_results *r);

/* An empty group that begins at the end of the results. */
void batch_group_begin(struct batch_group *g, const struct batch_results *r);
void batch_group_add(struct batch_group *g, uint32_t number, bool good, const struct buf *line);
bool batch_group_is_empty(const struct batch_group *g);
void batch_group_finish(struct batch_group *g);

/* 0: all of it is on disk; -ENOSPC, -EIO, .. with the sentence: nothing of it counts, and it may be written again. */
int batch_group_write(const struct batch_files *f, const struct batch_group *g, struct err *e);

/* The group was written: it counts. */
void batch_results_take(struct batch_results *r, const struct batch_group *g);

/* Empty errors.jsonl, whose lines are to be sent again, and mark that at the end of the marks; where this is 0, the results
 * are to be told. */
int batch_results_retry(const struct batch_files *f, uint64_t marks_end, struct err *e);
void batch_results_retried(struct batch_results *r);

/* Find out, after a crash too, what r (of batch_results_init()) has to say, and make the files be of that. */
int batch_results_load(const struct batch_files *f, struct batch_results *r, struct err *e);

#endif
