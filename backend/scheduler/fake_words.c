/* SPDX-License-Identifier: MIT */
#include "backend/scheduler/fake_words.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct word {
    char *text; /* owned; "name\0value" */
    const char *name;
    const char *value; /* NULL where there is no '=' */
    unsigned nth;      /* 0 = each */
};

/* "name[=value][@N]"; an '@' without digits to the end behind it belongs to the value. */
static struct word word_split(const char *s)
{
    struct word w = { .text = xstrdup(s) };
    char *at = strrchr(w.text, '@'), *equal = strchr(w.text, '=');

    if (at && at[1] != '\0' && strspn(at + 1, "0123456789") == strlen(at + 1)) {
        w.nth = (unsigned)strtoul(at + 1, NULL, 10);
        *at = '\0';
    }
    if (equal && *equal == '=') {
        *equal = '\0';
        w.value = equal + 1;
    }
    w.name = w.text;
    return w;
}

/* Seconds with a fraction, or "never". The limit keeps the sum of two within its type. */
static int seconds(const char *s, size_t len, int64_t *out_ms)
{
    char text[32], *end;

    if (len == 0 || len >= sizeof(text))
        return -EINVAL;
    memcpy(text, s, len);
    text[len] = '\0';
    if (strcmp(text, "never") == 0) {
        *out_ms = FATE_NEVER;
        return 0;
    }
    double v = strtod(text, &end);
    if (*end != '\0' || !(v >= 0 && v <= 1e9))
        return -EINVAL;
    *out_ms = (int64_t)(v * 1000);
    return 0;
}

static int positive(const char *s, unsigned *out)
{
    char *end;
    unsigned long v = strtoul(s, &end, 10);

    if (*s < '0' || *s > '9' || *end != '\0' || v == 0 || v > 1000000)
        return -EINVAL;
    *out = (unsigned)v;
    return 0;
}

static void set_text(char **field, const char *value)
{
    free(*field);
    *field = xstrdup(value);
}

static int take_args(struct fake_plan *p, const char *value)
{
    while (*(value += strspn(value, " ")) != '\0') {
        size_t n = strcspn(value, " ");
        p->args = xrealloc(p->args, (p->n_args + 1) * sizeof(*p->args));
        p->args[p->n_args++] = xstrndup(value, n);
        value += n;
    }
    return 0;
}

static int take_suspend(struct fake_plan *p, const char *value)
{
    const char *colon = strchr(value, ':');
    int64_t from, lasts;

    if (!colon || seconds(value, (size_t)(colon - value), &from) < 0 ||
        seconds(colon + 1, strlen(colon + 1), &lasts) < 0 || from == FATE_NEVER)
        return -EINVAL;
    p->after_ms[FATE_SUSPEND] = from;
    p->after_ms[FATE_RESUME] = lasts == FATE_NEVER ? FATE_NEVER : from + lasts;
    return 0;
}

static int take_engine(struct fake_plan *p, const char *value)
{
    if (strcmp(value, "parrot") != 0 && strcmp(value, "none") != 0) {
        const char *colon = strrchr(value, ':');
        unsigned port;
        if (!colon || colon == value || positive(colon + 1, &port) < 0 || port > 65535)
            return -EINVAL;
    }
    set_text(&p->engine, value);
    return 0;
}

static int take_refuse(struct fake_plan *p, const char *value)
{
    set_text(&p->refuse, value);
    return 0;
}

static int take_reason(struct fake_plan *p, const char *value)
{
    set_text(&p->reason, value);
    return 0;
}

static int take_nodes(struct fake_plan *p, const char *value)
{
    set_text(&p->nodes, value);
    return 0;
}

static int take_refuse_extend(struct fake_plan *p, const char *value)
{
    set_text(&p->refuse_extend, value);
    return 0;
}

static int take_wait_for_node(struct fake_plan *p, const char *value)
{
    (void)value;
    p->wait_for_node = true;
    return 0;
}

static int take_lose_reply(struct fake_plan *p, const char *value)
{
    (void)value;
    p->lose_reply = true;
    return 0;
}

static int take_lose_command(struct fake_plan *p, const char *value)
{
    (void)value;
    p->lose_command = true;
    return 0;
}

/* A row has a fate, which takes seconds, or a function. Words for queries are known here by name alone. */
static const struct row {
    const char *name;
    bool has_value;
    enum fate fate;
    int (*take)(struct fake_plan *p, const char *value);
    bool of_queries;
} rows[] = {
    { "queue", true, FATE_RUN, NULL, false },
    { "vanish", true, FATE_VANISH, NULL, false },
    { "start", true, FATE_START, NULL, false },
    { "fail", true, FATE_FAIL, NULL, false },
    { "preempt", true, FATE_PREEMPT, NULL, false },
    { "nodefail", true, FATE_NODE_FAIL, NULL, false },
    { "requeue", true, FATE_REQUEUE, NULL, false },
    { "limit", true, FATE_LIMIT, NULL, false },
    { "suspend", true, FATE_COUNT, take_suspend, false },
    { "engine", true, FATE_COUNT, take_engine, false },
    { "parrot", true, FATE_COUNT, take_args, false },
    { "refuse", true, FATE_COUNT, take_refuse, false },
    { "reason", true, FATE_COUNT, take_reason, false },
    { "nodes", true, FATE_COUNT, take_nodes, false },
    { "wait-for-node", false, FATE_COUNT, take_wait_for_node, false },
    { "refuse-extend", true, FATE_COUNT, take_refuse_extend, false },
    { "lose-reply", false, FATE_COUNT, take_lose_reply, false },
    { "lose-command", false, FATE_COUNT, take_lose_command, false },
    { "query-fails", true, FATE_COUNT, NULL, true },
    { "query-hangs", true, FATE_COUNT, NULL, true },
    { "query-slow", true, FATE_COUNT, NULL, true },
};

static const struct row *row_of(const struct word *w)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].name, w->name) == 0)
            return rows[i].has_value == (w->value != NULL) ? &rows[i] : NULL;
    return NULL;
}

static int apply(struct fake_plan *p, const struct word *w, const struct row *row)
{
    if (row->take)
        return row->take(p, w->value);
    return seconds(w->value, strlen(w->value), &p->after_ms[row->fate]);
}

int fake_plan_make(struct fake_plan *plan, const struct strings *words, unsigned nth, struct err *e)
{
    struct fake_plan other = { 0 }; /* words for other jobs are checked by applying them to it */
    int rc = 0;

    *plan = (struct fake_plan){ .engine = xstrdup("parrot"), .reason = xstrdup("Priority") };
    for (int i = 0; i < FATE_COUNT; i++)
        plan->after_ms[i] = FATE_NEVER;
    plan->after_ms[FATE_RUN] = plan->after_ms[FATE_START] = 0;

    for (size_t i = 0; i < words->n && rc == 0; i++) {
        struct word w = word_split(words->v[i]);
        const struct row *row = row_of(&w);
        if (!row)
            rc = -EINVAL;
        else if (!row->of_queries)
            rc = apply(w.nth == 0 || w.nth == nth ? plan : &other, &w, row);
        free(w.text);
        if (rc < 0)
            err_set(e, rc,
                    "fake: \"%s\" is not understood; the words are explained in backend/scheduler/fake.c",
                    words->v[i]);
    }
    fake_plan_free(&other);
    return rc;
}

void fake_plan_free(struct fake_plan *plan)
{
    for (size_t i = 0; i < plan->n_args; i++)
        free(plan->args[i]);
    free(plan->args);
    free(plan->engine);
    free(plan->reason);
    free(plan->refuse);
    free(plan->nodes);
    free(plan->refuse_extend);
    *plan = (struct fake_plan){ 0 };
}

/* "@K": the Kth query is the first that is meant. Only slowness goes on for ever. */
static int apply_to_query(struct fake_query_plan *p, const struct word *w, unsigned nth)
{
    unsigned count, first = w->nth ? w->nth : 1;
    int64_t ms;

    if (strcmp(w->name, "query-fails") == 0) {
        if (positive(w->value, &count) < 0)
            return -EINVAL;
        p->fails |= nth >= first && nth - first < count;
        return 0;
    }
    if (seconds(w->value, strlen(w->value), &ms) < 0 || ms == FATE_NEVER)
        return -EINVAL;
    if (strcmp(w->name, "query-hangs") == 0)
        p->hang_ms = nth == first ? ms : p->hang_ms;
    else
        p->slow_ms = nth >= first ? ms : p->slow_ms;
    return 0;
}

int fake_query_plan_make(struct fake_query_plan *plan, const struct strings *words, unsigned nth,
                         struct err *e)
{
    int rc = 0;

    *plan = (struct fake_query_plan){ 0 };
    for (size_t i = 0; i < words->n && rc == 0; i++) {
        struct word w = word_split(words->v[i]);
        const struct row *row = row_of(&w);
        if (row && row->of_queries)
            rc = apply_to_query(plan, &w, nth);
        free(w.text);
        if (rc < 0)
            err_set(e, rc,
                    "fake: \"%s\" is not understood; the words are explained in backend/scheduler/fake.c",
                    words->v[i]);
    }
    return rc;
}
