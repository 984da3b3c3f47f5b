/* SPDX-License-Identifier: MIT */
#include "backend/batch/batch_index.h"
#include "backend/base/alloc.h"
#include "backend/base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEP_BYTES                                                                                           \
    ((size_t)4 << 20) /* read in one step: some 10 ms, after which somebody may want to pause */
#define BLOCK_BYTES  ((size_t)1 << 20)
#define FIRST_HASHES 4096 /* a power of two */

/* Hashes of the custom_ids so far, open addressing, 0 = free. Two ids of a million have the same one with a probability
 * of 3e-8. */
struct hashes {
    uint64_t *v;
    size_t n, size;
};

struct batch_scan {
    int in, index;
    size_t line_max;
    uint64_t at;      /* of the next block */
    uint64_t line_at; /* of the line that is being read */
    uint64_t line_len;
    uint32_t row, total;
    bool begun, json;
    struct buf line; /* its beginning, up to line_max */
    struct buf entries;
    struct hashes seen;
    char *block;
};

/* ---- custom_ids */

static bool put(struct hashes *h, uint64_t hash)
{
    size_t i = hash & (h->size - 1);

    while (h->v[i] && h->v[i] != hash)
        i = (i + 1) & (h->size - 1);
    if (h->v[i])
        return false;
    h->v[i] = hash;
    h->n++;
    return true;
}

/* False: it is there already. */
static bool add_hash(struct hashes *h, uint64_t hash)
{
    if (h->n * 4 >= h->size * 3) {
        struct hashes larger = { .size = h->size ? h->size * 2 : FIRST_HASHES };
        larger.v = xcalloc(larger.size, sizeof *larger.v);
        for (size_t i = 0; i < h->size; i++)
            if (h->v[i])
                put(&larger, h->v[i]);
        free(h->v);
        *h = larger;
    }
    return put(h, hash ? hash : 1);
}

static bool is_repeated(struct batch_scan *s, const char *text, size_t len)
{
    struct batch_request r;

    batch_request_parse(text, len, true, s->row, &r);
    bool is = !add_hash(&s->seen, hash_add(HASH_BEGIN, r.custom_id));
    batch_request_finish(&r);
    return is;
}

/* ---- Lines */

static bool is_blank(const char *text, size_t len)
{
    while (len > 0 && strchr(" \t\r", text[len - 1]) && text[len - 1])
        len--;
    return len == 0;
}

static int end_line(struct batch_scan *s, struct err *e)
{
    size_t len = s->line.len;
    const char *text = buf_str(&s->line);

    if (s->row == BATCH_ROWS_MAX)
        return err_set(e, -EFBIG, "in.jsonl has more than %u lines, empty ones among them", BATCH_ROWS_MAX);
    s->row++;
    if (s->line_len == len && len > 0 && text[len - 1] == '\r')
        s->line_len = --len;
    if (s->line_len > len || !is_blank(text, len)) {
        if (s->total == BATCH_LINES_MAX)
            return err_set(e, -EFBIG, "in.jsonl has more than %u lines", BATCH_LINES_MAX);
        if (!s->begun)
            s->json = batch_line_is_json(text, len);
        s->begun = true;
        bool whole = s->line_len <= s->line_max;
        struct batch_entry entry = {
            .at = s->line_at,
            .len = s->line_len < UINT32_MAX ? (uint32_t)s->line_len : UINT32_MAX,
            .row = s->row | (s->json && whole && is_repeated(s, text, len) ? BATCH_REPEATED : 0),
        };
        buf_add(&s->entries, &entry, sizeof entry);
        s->total++;
    }
    s->line_len = 0;
    buf_reset(&s->line);
    return 0;
}

static void add_bytes(struct batch_scan *s, const char *data, size_t len)
{
    /* One byte more than may be tells a line that is too long from one that ends in CR. */
    size_t room = s->line_max + 1 - s->line.len;

    buf_add(&s->line, data, len < room ? len : room);
    s->line_len += len;
}

static int take_block(struct batch_scan *s, size_t len, struct err *e)
{
    const char *p = s->block, *end = p + len;
    int rc = 0;

    if (s->at == 0 && len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
        p += 3;
        s->line_at = 3;
    }
    while (p < end && rc == 0) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        add_bytes(s, p, (size_t)((nl ? nl : end) - p));
        if (!nl)
            break;
        p = nl + 1;
        rc = end_line(s, e);
        s->line_at = s->at + (uint64_t)(p - s->block);
    }
    s->at += len;
    return rc;
}

static int write_entries(struct batch_scan *s, struct err *e)
{
    off_t at = (off_t)(s->total * sizeof(struct batch_entry) - s->entries.len);

    for (size_t done = 0; done < s->entries.len;) {
        ssize_t n = pwrite(s->index, s->entries.data + done, s->entries.len - done, at + (off_t)done);
        if (n < 0 && errno != EINTR)
            return err_set(e, -errno, "the index of the batch cannot be written: %s", strerror(errno));
        done += n > 0 ? (size_t)n : 0;
    }
    buf_reset(&s->entries);
    return 0;
}

int batch_scan_step(struct batch_scan *s, struct err *e)
{
    int rc = 0;

    for (size_t done = 0; rc == 0 && done < STEP_BYTES;) {
        ssize_t n = pread(s->in, s->block, BLOCK_BYTES, (off_t)s->at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(e, -errno, "in.jsonl cannot be read: %s", strerror(errno));
        if (n == 0) {
            if (s->line_len > 0 && (rc = end_line(s, e)) < 0)
                return rc;
            rc = write_entries(s, e);
            if (rc == 0 && (fdatasync(s->in) < 0 || fdatasync(s->index) < 0))
                rc = err_set(e, -errno, "the batch cannot be put on disk: %s", strerror(errno));
            return rc < 0 ? rc : 1;
        }
        rc = take_block(s, (size_t)n, e);
        done += (size_t)n;
    }
    return rc < 0 ? rc : write_entries(s, e);
}

uint32_t batch_scan_total(const struct batch_scan *s)
{
    return s->total;
}

bool batch_scan_json(const struct batch_scan *s)
{
    return s->json;
}

struct batch_scan *batch_scan_create(int in, int index, size_t line_max)
{
    struct batch_scan *s = NEW(struct batch_scan);

    s->in = in;
    s->index = index;
    s->line_max = line_max;
    s->block = xcalloc(1, BLOCK_BYTES);
    return s;
}

void batch_scan_destroy(struct batch_scan *s)
{
    if (!s)
        return;
    buf_free(&s->line);
    buf_free(&s->entries);
    free(s->seen.v);
    free(s->block);
    free(s);
}

/* ---- Reading */

static int read_whole(int fd, void *data, size_t len, uint64_t at)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(fd, (char *)data + done, len - done, (off_t)(at + done));
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -EIO;
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

int batch_line_read(int in, int index, uint32_t number, bool json, size_t line_max, struct batch_request *r,
                    size_t *size, struct err *e)
{
    struct batch_entry entry;
    int rc = read_whole(index, &entry, sizeof entry, (uint64_t)number * sizeof entry);

    if (rc < 0)
        return err_set(e, rc, "the index of the batch cannot be read: %s", strerror(-rc));
    const uint32_t row = entry.row & ~BATCH_REPEATED;
    *size = entry.len;
    if (entry.len > line_max) {
        *r = (struct batch_request){ .custom_id = xasprintf("line-%u", row) };
        batch_request_refuse(r, "too_large", "the line is longer than %zu bytes (max_prompt)", line_max);
        *size = 0;
        return 0;
    }
    char *text = xcalloc(1, (size_t)entry.len + 1);
    if ((rc = read_whole(in, text, entry.len, entry.at)) < 0)
        err_set(e, rc, "in.jsonl cannot be read: %s", strerror(-rc));
    else
        batch_request_parse(text, entry.len, json, row, r);
    if (rc == 0 && (entry.row & BATCH_REPEATED))
        batch_request_refuse(r, "repeated_custom_id", "the custom_id \"%.60s\" is that of an earlier line",
                             r->custom_id);
    free(text);
    return rc;
}
