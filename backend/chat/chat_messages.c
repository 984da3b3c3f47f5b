/* SPDX-License-Identifier: MIT */
#include "backend/chat/chat_messages.h"
#include "backend/base/alloc.h"
#include "backend/engine/body.h"
#include "backend/engine/tool_calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* `developer` is OpenAI's later name for the system's; both stay as they were written. */
static const struct role_name roles[] = {
    { "system", "System", ROLE_SYSTEM }, { "developer", "System", ROLE_SYSTEM },
    { "user", "User", ROLE_USER },       { "assistant", "Assistant", ROLE_ASSISTANT },
    { "tool", "Tool", ROLE_TOOL },
};
#define N_ROLES (sizeof roles / sizeof roles[0])

const struct role_name *messages_role(const json_t *message)
{
    const char *word = json_string_value(json_object_get(message, "role"));

    for (size_t i = 0; word && i < N_ROLES; i++)
        if (strcmp(roles[i].word, word) == 0)
            return &roles[i];
    return NULL;
}

static const char *heading_of(enum role role)
{
    for (size_t i = 0; i < N_ROLES; i++)
        if (roles[i].role == role)
            return roles[i].heading;
    return "";
}

/* ---- One message */

static void show_text(const char *text, size_t len, struct buf *out)
{
    buf_add(out, text, len);
    buf_adds(out, len && text[len - 1] == '\n' ? "\n" : "\n\n");
}

static void show(enum role role, const char *text, size_t len, struct buf *out)
{
    buf_addf(out, "## %s\n\n", heading_of(role));
    show_text(text, len, out);
}

static void show_calls(const json_t *content, const json_t *calls, struct buf *out)
{
    buf_addf(out, "## %s\n\n", heading_of(ROLE_ASSISTANT));
    if (json_string_length(content))
        show_text(json_string_value(content), json_string_length(content), out);
    buf_adds(out, "```json\n");
    tool_calls_lines(calls, out);
    buf_adds(out, "```\n\n");
}

/* What is neither a text nor of tools, pictures say, is shown as it is. */
static void show_message(const json_t *message, enum role role, const char *json, struct buf *out)
{
    const json_t *content = json_object_get(message, "content");
    const json_t *calls = json_object_get(message, "tool_calls");
    const char *id = json_string_value(json_object_get(message, "tool_call_id"));
    bool text = json_is_string(content);

    if (text && json_object_size(message) == 2) {
        show(role, json_string_value(content), json_string_length(content), out);
    } else if (role == ROLE_TOOL && text && id && json_object_size(message) == 3) {
        buf_addf(out, "## %s %s\n\n", heading_of(role), id);
        show_text(json_string_value(content), json_string_length(content), out);
    } else if (json_array_size(calls) && !json_is_array(content)) {
        show_calls(content, calls, out);
    } else {
        buf_addf(out, "## %s\n\n```json\n%s\n```\n\n", heading_of(role), json);
    }
}

/* Its json is taken over. */
static void append(struct messages *m, const struct message *of)
{
    if (m->n == m->cap) {
        m->cap = m->cap ? m->cap * 2 : 4;
        m->v = xrealloc(m->v, m->cap * sizeof *m->v);
    }
    m->v[m->n++] = *of;
    m->json_len += of->json_len;
    m->text_len += of->text_len;
}

void messages_add_text(struct messages *m, enum role role, const char *text, size_t len)
{
    struct buf json = { 0 }, shown = { 0 };

    for (size_t i = 0; i < N_ROLES && !json.len; i++)
        if (roles[i].role == role)
            buf_addf(&json, "{\"role\":\"%s\",\"content\":", roles[i].word);
    body_add_string(&json, text, len);
    buf_adds(&json, "}");
    show(role, text, len, &shown);
    struct message of = { .role = role, .json_len = json.len, .text_len = shown.len };
    of.json = buf_take(&json);
    append(m, &of);
    buf_free(&shown);
}

void messages_add_object(struct messages *m, const json_t *message)
{
    struct buf shown = { 0 };
    char *json = json_dumps(message, JSON_COMPACT | JSON_REAL_PRECISION(15));

    if (!json)
        return;
    enum role role = messages_role(message)->role;
    show_message(message, role, json, &shown);
    append(m, &(struct message){ .json = json,
                                 .role = role,
                                 .calls = json_array_size(json_object_get(message, "tool_calls")) > 0,
                                 .json_len = strlen(json),
                                 .text_len = shown.len });
    buf_free(&shown);
}

void messages_add_answer(struct messages *m, const char *text, size_t len, const json_t *calls)
{
    if (!calls) {
        messages_add_text(m, ROLE_ASSISTANT, text, len);
        return;
    }
    json_t *message = json_pack("{s:s,s:o,s:O}", "role", "assistant", "content",
                                len ? json_stringn(text, len) : json_null(), "tool_calls", calls);
    messages_add_object(m, message);
    json_decref(message);
}

int messages_add_json(struct messages *m, const char *json)
{
    json_t *message = json_loads(json, JSON_ALLOW_NUL, NULL);
    int rc = messages_role(message) ? 0 : -EINVAL;

    if (rc == 0)
        messages_add_object(m, message);
    json_decref(message);
    return rc;
}

/* ---- All of them */

void messages_cut(struct messages *m, size_t n)
{
    while (m->n > n) {
        struct message *last = &m->v[--m->n];
        m->json_len -= last->json_len;
        m->text_len -= last->text_len;
        free(last->json);
    }
}

void messages_finish(struct messages *m)
{
    messages_cut(m, 0);
    free(m->v);
    *m = (struct messages){ 0 };
}

void messages_copy(struct messages *to, const struct messages *from, size_t n)
{
    for (size_t i = 0; i < n && i < from->n; i++) {
        struct message one = from->v[i];
        one.json = xstrndup(one.json, one.json_len);
        append(to, &one);
    }
}

size_t messages_last_turn(const struct messages *m)
{
    for (size_t i = m->n; i > 0; i--)
        if (m->v[i - 1].role == ROLE_USER)
            return i - 1;
    return m->n;
}

size_t messages_turns(const struct messages *m)
{
    size_t n = 0;

    for (size_t i = 1; i < m->n; i++)
        n += m->v[i].role == ROLE_ASSISTANT && m->v[i - 1].role == ROLE_USER;
    return n;
}

void messages_text(const struct messages *m, size_t at, struct buf *out)
{
    json_t *message = json_loads(m->v[at].json, JSON_ALLOW_NUL, NULL);
    const json_t *content = json_object_get(message, "content");

    if (json_is_string(content))
        buf_add(out, json_string_value(content), json_string_length(content));
    tool_calls_lines(json_object_get(message, "tool_calls"), out);
    json_decref(message);
}

static void join(const struct messages *m, size_t first, const char *between, struct buf *out)
{
    for (size_t i = first; i < m->n; i++) {
        buf_adds(out, i > first ? between : "");
        buf_add(out, m->v[i].json, m->v[i].json_len);
    }
}

void messages_join(const struct messages *m, size_t first, struct buf *out)
{
    join(m, first, ",", out);
}

void messages_array(const struct messages *m, struct buf *out)
{
    buf_adds(out, "[");
    join(m, 0, ",\n ", out);
    buf_adds(out, "]\n");
}

size_t messages_array_len(const struct messages *m)
{
    return m->json_len + (m->n ? (m->n - 1) * strlen(",\n ") : 0) + strlen("[]\n");
}

void messages_markdown(const struct messages *m, struct buf *out)
{
    for (size_t i = 0; i < m->n; i++) {
        json_t *message = json_loads(m->v[i].json, JSON_ALLOW_NUL, NULL);
        show_message(message, m->v[i].role, m->v[i].json, out);
        json_decref(message);
    }
}
