/* SPDX-License-Identifier: MIT */
#include "backend/chat/chat_messages.h"
#include "backend/base/alloc.h"
#include "backend/engine/body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* `developer` is OpenAI's later name for the system's; both stay as they were written. */
static const struct role_name {
    const char *word, *heading;
    enum role role;
} roles[] = {
    { "system", "System", ROLE_SYSTEM }, { "developer", "System", ROLE_SYSTEM },
    { "user", "User", ROLE_USER },       { "assistant", "Assistant", ROLE_ASSISTANT },
    { "tool", "Tool", ROLE_TOOL },
};
#define N_ROLES (sizeof roles / sizeof roles[0])

static const struct role_name *role_of(const json_t *message)
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

static void show(enum role role, const char *text, size_t len, struct buf *out)
{
    buf_addf(out, "## %s\n\n", heading_of(role));
    buf_add(out, text, len);
    buf_adds(out, len && text[len - 1] == '\n' ? "\n" : "\n\n");
}

/* What is no text (pictures, calls of tools) is shown as it is. */
static void show_message(const json_t *message, enum role role, const char *json, struct buf *out)
{
    const json_t *content = json_object_get(message, "content");

    if (json_is_string(content) && json_object_size(message) == 2) {
        show(role, json_string_value(content), json_string_length(content), out);
        return;
    }
    buf_addf(out, "## %s\n\n```json\n%s\n```\n\n", heading_of(role), json);
}

/* json is taken over. */
static void append(struct messages *m, char *json, size_t json_len, enum role role, size_t text_len)
{
    if (m->n == m->cap) {
        m->cap = m->cap ? m->cap * 2 : 4;
        m->v = xrealloc(m->v, m->cap * sizeof *m->v);
    }
    m->v[m->n++] = (struct message){ json, role, json_len, text_len };
    m->json_len += json_len;
    m->text_len += text_len;
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
    size_t json_len = json.len;
    append(m, buf_take(&json), json_len, role, shown.len);
    buf_free(&shown);
}

static void add_object(struct messages *m, const json_t *message)
{
    struct buf shown = { 0 };
    char *json = json_dumps(message, JSON_COMPACT | JSON_REAL_PRECISION(15));
    enum role role = role_of(message)->role;

    if (!json)
        return;
    show_message(message, role, json, &shown);
    append(m, json, strlen(json), role, shown.len);
    buf_free(&shown);
}

int messages_add_json(struct messages *m, const char *json)
{
    json_t *message = json_loads(json, JSON_ALLOW_NUL, NULL);
    int rc = role_of(message) ? 0 : -EINVAL;

    if (rc == 0)
        add_object(m, message);
    json_decref(message);
    return rc;
}

/* ---- An array that somebody wrote. What messages mean to a model is the engine's to say: looked at is what none could
 * do anything with. */

static int check_message(const json_t *v, size_t at, struct err *e)
{
    const json_t *role = json_object_get(v, "role"), *content = json_object_get(v, "content");

    if (!json_is_object(v))
        return err_set(e, -EINVAL, "message %zu is no object, as {\"role\":\"user\",\"content\":\"...\"}",
                       at);
    if (!json_is_string(role))
        return err_set(e, -EINVAL, "message %zu has no \"role\"", at);
    if (!role_of(v))
        return err_set(e, -EINVAL,
                       "message %zu has the role \"%.40s\"; there are system, user, assistant and tool", at,
                       json_string_value(role));
    if (json_is_string(content) || json_is_array(content) || json_object_get(v, "tool_calls"))
        return 0;
    return err_set(e, -EINVAL, "message %zu has no \"content\", which is a text or an array of parts", at);
}

static int check_order(const json_t *array, struct err *e)
{
    bool said = false;

    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *v = json_array_get(array, i);
        int rc = check_message(v, i, e);
        if (rc < 0)
            return rc;
        enum role role = role_of(v)->role;
        if (role == ROLE_SYSTEM && said)
            return err_set(e, -EINVAL, "message %zu has the role of the system, which speaks first alone", i);
        if (role == ROLE_TOOL && !said)
            return err_set(e, -EINVAL, "message %zu is a tool's, and nobody has called one", i);
        said |= role != ROLE_SYSTEM;
    }
    return 0;
}

int messages_parse(struct messages *m, const char *text, size_t len, struct err *e)
{
    json_t *array;
    int rc = body_parse(text, len, "the transcript", &array, e);

    if (rc < 0)
        return rc;
    if (!json_is_array(array))
        rc = err_set(e, -EINVAL, "the transcript must be a JSON array of messages");
    else
        rc = check_order(array, e);
    for (size_t i = 0; m && rc == 0 && i < json_array_size(array); i++)
        add_object(m, json_array_get(array, i));
    json_decref(array);
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
        const struct message *one = &from->v[i];
        append(to, xstrndup(one->json, one->json_len), one->json_len, one->role, one->text_len);
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
