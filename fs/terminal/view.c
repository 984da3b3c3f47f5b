/* SPDX-License-Identifier: MIT */
#include "fs/terminal/view.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

const char *view_text(const json_t *status, const char *key)
{
    const char *s = json_string_value(json_object_get(status, key));

    return s ? s : "";
}

const char *view_state(const json_t *status)
{
    return view_text(status, "state");
}

static json_int_t count_of(const json_t *status, const char *object, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(status, object), key));
}

/* ---- The pieces, each with the comma before it */

static void add_waiting_time(time_t from, time_t to, struct buf *out)
{
    long s = (long)(to - from);

    if (s < 0)
        return;
    if (s < 120)
        buf_addf(out, " (in %ld s)", s);
    else if (s < 2 * 3600)
        buf_addf(out, " (in %ld min)", s / 60);
    else
        buf_addf(out, " (in %ld h)", s / 3600);
}

static void add_expected(const json_t *status, time_t now, struct buf *out)
{
    struct tm tm = { 0 };
    char clock[16];
    const char *text = view_text(status, "expected_start");

    if (!strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm))
        return;
    time_t at = timegm(&tm);
    localtime_r(&at, &tm);
    strftime(clock, sizeof clock, "%H:%M", &tm);
    buf_addf(out, ", expected start %s", clock);
    if (now)
        add_waiting_time(now, at, out);
}

static void add_jobs(const json_t *status, struct buf *out)
{
    json_t *jobs = json_object_get(status, "jobs"), *job;
    size_t i, ready = 0;
    const char *node = "";

    json_array_foreach(jobs, i, job)
    {
        if (!json_is_true(json_object_get(job, "ready")))
            continue;
        ready++;
        node = view_text(job, "node");
    }
    if (ready && *node)
        buf_addf(out, " on %s", node);
    if (json_array_size(jobs) > 1)
        buf_addf(out, ", %zu of %zu replicas ready", ready, json_array_size(jobs));
}

static void add_requests(const json_t *status, struct buf *out)
{
    json_t *speed = json_object_get(json_object_get(status, "tokens"), "per_s");

    if (count_of(status, "requests", "waiting"))
        buf_addf(out, ", %lld waiting", (long long)count_of(status, "requests", "waiting"));
    if (count_of(status, "requests", "active"))
        buf_addf(out, ", %lld answering", (long long)count_of(status, "requests", "active"));
    if (json_is_number(speed))
        buf_addf(out, ", %.1f tokens/s", json_number_value(speed));
}

void view_describe(const json_t *status, time_t now, bool traffic, struct buf *out)
{
    json_t *position = json_object_get(status, "queue_position"),
           *progress = json_object_get(status, "progress");
    const char *reason = view_text(status, "reason");

    buf_adds(out, *view_state(status) ? view_state(status) : "unknown");
    if (strcmp(view_state(status), "ready") == 0)
        add_jobs(status, out);
    if (*reason)
        buf_addf(out, ": %s", reason);
    if (json_is_integer(position))
        buf_addf(out, ", position %lld", (long long)json_integer_value(position));
    add_expected(status, now, out);
    if (json_is_number(progress))
        buf_addf(out, ", %.0f %%", 100 * json_number_value(progress));
    if (traffic)
        add_requests(status, out);
}
