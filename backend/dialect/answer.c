/* SPDX-License-Identifier: MIT */
/* Gathers the pieces of an answer. */
#include "backend/dialect/answer.h"
#include "backend/base/alloc.h"
#include "backend/dialect/dialect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t answer_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void answer_init(struct answer *a)
{
    *a = (struct answer){ .created = (int64_t)time(NULL), .loaded_ns = answer_now_ns() };
    a->sent_ns = a->loaded_ns;
}

void answer_free(struct answer *a)
{
    for (size_t i = 0; i < a->n_tools; i++) {
        free(a->tools[i].id);
        free(a->tools[i].name);
        buf_free(&a->tools[i].arguments);
    }
    free(a->tools);
    free(a->id);
    free(a->finish);
    free(a->stop);
    buf_free(&a->text);
    buf_free(&a->thinking);
    json_decref(a->vectors);
}

void answer_reset(struct answer *a)
{
    int64_t loaded_ns = a->loaded_ns;

    answer_free(a);
    answer_init(a);
    a->loaded_ns = loaded_ns;
}

void answer_set(char **field, const char *value)
{
    if (!value)
        return;
    free(*field);
    *field = xstrdup(value);
}

static int add_tool(struct answer *a, const struct said *s)
{
    if (s->tool > a->n_tools || s->tool >= TOOLS_MAX)
        return -EPROTO;
    if (s->tool == a->n_tools) {
        a->tools = xrealloc(a->tools, (a->n_tools + 1) * sizeof *a->tools);
        a->tools[a->n_tools++] = (struct tool_call){ 0 };
    }
    struct tool_call *t = &a->tools[s->tool];
    if (s->id && *s->id)
        answer_set(&t->id, s->id);
    if (s->name && *s->name)
        answer_set(&t->name, s->name);
    if (!t->id)
        t->id = xasprintf("call_%zu", s->tool);
    buf_add(&t->arguments, s->s, s->len);
    return 0;
}

int answer_add(struct answer *a, const struct said *s)
{
    a->size += s->len + json_array_size(s->vector) * sizeof(json_t *);
    if (a->size > DIALECT_ANSWER_MAX)
        return -EFBIG;
    if (a->first_ns == 0)
        a->first_ns = answer_now_ns();
    switch (s->kind) {
    case SAID_TEXT:
        buf_add(&a->text, s->s, s->len);
        return 0;
    case SAID_THINKING:
        buf_add(&a->thinking, s->s, s->len);
        return 0;
    case SAID_TOOL:
        return add_tool(a, s);
    case SAID_VECTOR:
        if (!a->vectors)
            a->vectors = json_array();
        json_array_append(a->vectors, (json_t *)s->vector);
        return 0;
    }
    return 0;
}
