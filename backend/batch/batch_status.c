/* SPDX-License-Identifier: MIT */
/* What a batch shows of itself: CONTRACT.md section 5. */
#include "backend/base/alloc.h"
#include "backend/batch/batch_inside.h"
#include "backend/house.h"
#include "backend/model/model.h"

#include <math.h>

static uint32_t left(const struct batch *b)
{
    return b->results.total - b->results.good - b->results.bad;
}

static bool has_rate(const struct batch *b)
{
    return b->state == BATCH_RUNNING && b->per_s > 0;
}

/* One digit behind the point is what a rate of the last seconds is worth. */
static json_t *json_rate(const struct batch *b)
{
    return has_rate(b) ? json_real(round(b->per_s * 10) / 10) : json_null();
}

static double remaining_s(const struct batch *b)
{
    return ceil(left(b) / b->per_s);
}

static json_t *json_remaining(const struct batch *b)
{
    if (b->state == BATCH_DONE)
        return json_integer(0);
    return has_rate(b) ? json_integer((json_int_t)remaining_s(b)) : json_null();
}

/* The lines of a file that is still being written, or was not looked at, are not counted. */
static json_t *json_total(const struct batch *b)
{
    return b->indexed || batch_size(b, BATCH_IN) == 0 ? json_integer(b->results.total) : json_null();
}

#define SHORT_OF_QUOTA                                                                                       \
    "its user has asked enough in this minute (requests_per_minute in [limits]); it goes on in the next"

static bool lacks_quota(const struct batch *b)
{
    return b->state == BATCH_RUNNING && b->minute_ends_ms;
}

static const char *last_error(const struct batch *b)
{
    return lacks_quota(b) ? SHORT_OF_QUOTA : b->trouble ? b->trouble : b->complain;
}

json_t *batch_status(const struct batch *b)
{
    return json_pack("{s:o,s:s,s:s,s:o,s:o,s:I,s:I,s:i,s:o,s:o,s:o}", "batch", json_str(b->name), "model",
                     model_config(b->model)->name, "state", batch_state_name(b->state), "since",
                     json_time(&b->since), "total", json_total(b), "done", (json_int_t)b->results.good,
                     "failed", (json_int_t)b->results.bad, "in_flight", batch_in_flight(b), "per_s",
                     json_rate(b), "remaining_s", json_remaining(b), "last_error", json_str(last_error(b)));
}

static void add_duration(struct buf *out, double seconds)
{
    unsigned long s = (unsigned long)seconds;

    if (s >= 3600)
        buf_addf(out, "%lu h %lu min left", s / 3600, s / 60 % 60);
    else if (s >= 60)
        buf_addf(out, "%lu min %lu s left", s / 60, s % 60);
    else
        buf_addf(out, "%lu s left", s);
}

void batch_progress(const struct batch *b, struct buf *out)
{
    buf_addf(out, "%s: ", batch_state_name(b->state));
    if (b->indexed)
        buf_addf(out, "%u of %u done, %u failed, %d in flight", b->results.good, b->results.total,
                 b->results.bad, batch_in_flight(b));
    else
        buf_adds(out, b->state == BATCH_RUNNING ? "its lines are being counted" : "not begun");
    if (has_rate(b)) {
        buf_addf(out, ", %.1f a second, ", b->per_s);
        add_duration(out, remaining_s(b));
    }
    if (b->state == BATCH_RUNNING && batch_sleeps(b))
        buf_addf(out, ", waits for its hours (%s)", b->house->cfg->batch_hours);
    if (lacks_quota(b))
        buf_adds(out, "; " SHORT_OF_QUOTA);
    if (b->trouble)
        buf_addf(out, "; %s", b->trouble);
    buf_adds(out, "\n");
}
