/* SPDX-License-Identifier: MIT */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H
#include <stdint.h>
#include <time.h>
#include "backend/base/err.h"
/* Durations, sizes and times as people and files write them. Source of the forms: CONTRACT.md sections 5
 * and 9, and sbatch(1) --time for the colon forms. */

/* "90s" "30m" "4h" "30d" "4:00:00" (h:m:s) "30:00" (m:s) "1-00:00:00" (d-h:m:s), "0" for never, or a bare
 * number, which counts in unit_s seconds. Out: seconds. -EINVAL with a sentence that lists the forms; *out
 * is then left alone. */
int parse_duration(const char *s, int64_t unit_s, int64_t *out_s, struct err *e);

/* "16MiB" "1GB" "512k" or bytes; binary for KiB MiB GiB TiB, decimal for kB MB GB TB (k M G T alone are
 * binary, as sbatch's). */
int parse_size(const char *s, int64_t *out_bytes, struct err *e);

#define TIME_TEXT 24 /* bytes that format_time() writes at the most, NUL included */

/* RFC 3339 in UTC, whole seconds: "2026-11-21T00:10:03Z". Returns out. */
const char *format_time(time_t t, char out[TIME_TEXT]);

#endif
