/* SPDX-License-Identifier: MIT */
#include "fs/door_http/usage.h"
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/base/private_file.h"
#include "backend/base/timer.h"
#include "backend/base/units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_MS 5000
#define DAYS_MAX 90
#define FILE_MAX (64 * 1024 * 1024) /* bytes: 90 days of several thousand keys */
#define DAY_S    86400
#define DATE_LEN 10 /* of 2026-12-01 */

struct usage {
    char *path;
    json_t *days;
    struct timer *timer; /* runs while something is not written */
    int64_t today;       /* days since 1970, of date */
    char date[TIME_TEXT];
};

/* Each request asks three times, and a day has one answer. */
static const char *today(struct usage *u)
{
    const time_t now = wall_now().tv_sec;

    if (now / DAY_S != u->today || !*u->date) {
        u->today = now / DAY_S;
        format_time(now, u->date);
        u->date[DATE_LEN] = '\0';
    }
    return u->date;
}

int64_t usage_day_left_s(void)
{
    return DAY_S - wall_now().tv_sec % DAY_S;
}

/* ---- The file */

static bool is_count(const json_t *v)
{
    return !v || (json_is_integer(v) && json_integer_value(v) >= 0);
}

static bool is_sound(json_t *days)
{
    const char *date, *id;
    json_t *day, *row;

    if (!json_is_object(days))
        return false;
    json_object_foreach(days, date, day)
    {
        if (!json_is_object(day))
            return false;
        json_object_foreach(day, id, row)
        {
            if (!json_is_object(row) || !json_is_string(json_object_get(row, "name")) ||
                !is_count(json_object_get(row, "requests")) ||
                !is_count(json_object_get(row, "prompt_tokens")) ||
                !is_count(json_object_get(row, "completion_tokens")))
                return false;
        }
    }
    return true;
}

int usage_read(const char *path, json_t **days, struct err *e)
{
    struct buf text = { 0 };
    int rc = private_file_read(path, FILE_MAX, &text, e);

    if (rc == -ENOENT) {
        *days = json_object();
        return 0;
    }
    if (rc < 0)
        return rc;
    json_t *doc = json_loadb(buf_str(&text), text.len, 0, NULL), *found = json_object_get(doc, "days");
    if (is_sound(found))
        *days = json_incref(found);
    else
        rc = err_set(e, -EINVAL, "%s is damaged", path);
    json_decref(doc);
    buf_free(&text);
    return rc;
}

static void write_file(struct usage *u)
{
    json_t *doc = json_pack("{s:i,s:O}", "version", 1, "days", u->days);
    char *text = json_dumps(doc, JSON_COMPACT | JSON_SORT_KEYS);
    struct err e;

    if (private_file_write(u->path, text, strlen(text), &e) < 0)
        log_warning("the usage of keys is not kept: %s", e.text);
    free(text);
    json_decref(doc);
}

static void write_cb(void *arg)
{
    write_file(arg);
}

static void set_aside(const char *path, const char *why)
{
    char *aside = xasprintf("%s.damaged", path);

    if (rename(path, aside) < 0)
        log_warning("%s; it cannot be moved away: %s", why, strerror(errno));
    else
        log_warning("%s; it is now %s, and counting begins anew", why, aside);
    free(aside);
}

struct usage *usage_create(uv_loop_t *loop, const char *path)
{
    struct usage *u = NEW(struct usage);
    struct err e;

    u->path = xstrdup(path);
    u->timer = timer_create_on(loop, write_cb, u);
    if (usage_read(path, &u->days, &e) < 0) {
        set_aside(path, e.text);
        u->days = json_object();
    }
    return u;
}

void usage_destroy(struct usage *u)
{
    if (!u)
        return;
    if (timer_active(u->timer))
        write_file(u);
    timer_destroy(u->timer);
    json_decref(u->days);
    free(u->path);
    free(u);
}

/* ---- Counting */

/* Dates sort as texts do. */
static void drop_oldest(json_t *days)
{
    while (json_object_size(days) > DAYS_MAX) {
        const char *date, *oldest = NULL;
        json_t *day;
        json_object_foreach(days, date, day)
        {
            if (!oldest || strcmp(date, oldest) < 0)
                oldest = date;
        }
        json_object_del(days, oldest);
    }
}

static json_t *row_of(struct usage *u, const char *id, const char *name)
{
    const char *date = today(u);
    json_t *day = json_object_get(u->days, date), *row;

    if (!day) {
        json_object_set_new(u->days, date, day = json_object());
        drop_oldest(u->days);
    }
    row = json_object_get(day, id);
    if (!row)
        json_object_set_new(day, id, row = json_pack("{s:s}", "name", name));
    return row;
}

static void add(json_t *row, const char *what, int64_t more)
{
    json_t *n = json_object_get(row, what);

    if (!n)
        json_object_set_new(row, what, json_integer(more));
    else if (more)
        json_integer_set(n, json_integer_value(n) + more);
}

void usage_add(struct usage *u, const char *id, const char *name, const struct usage_day *more)
{
    json_t *row = row_of(u, id, name);

    add(row, "requests", more->requests);
    add(row, "prompt_tokens", more->prompt_tokens);
    add(row, "completion_tokens", more->completion_tokens);
    if (!timer_active(u->timer))
        timer_start_ms(u->timer, WRITE_MS);
}

struct usage_day usage_today(struct usage *u, const char *id)
{
    const json_t *row = json_object_get(json_object_get(u->days, today(u)), id);

    return (struct usage_day){ json_integer_value(json_object_get(row, "requests")),
                               json_integer_value(json_object_get(row, "prompt_tokens")),
                               json_integer_value(json_object_get(row, "completion_tokens")) };
}
