/* SPDX-License-Identifier: MIT */
/* What a client hears while its model wakes, and when that fails. A program that asked for events gives up
 * after a silence (httpx after 5 s to 10 min, as it was told; proxies after 60 s), so it gets comments,
 * which every reader of events skips, or, where hold_progress says so, words that chat programs show as the
 * model's reasoning. Whoever asked for one whole answer gets nothing before its status is known. */
#include "fs/door_http/relay_inside.h"
#include "backend/dialect/dialect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SILENCE_MS 10000 /* CONTRACT.md section 7 */
#define LOOK_MS    1000  /* a person watches */

static const char comment[] = ": waiting\n\n";

/* ---- Words */

/* "qwen is queued (Resources), place 3, to start at 2026-11-21T00:25:00Z", in one line. */
static void say_how_far(const struct model *m, struct buf *out)
{
    json_t *s = model_status(m);
    const char *reason = json_string_value(json_object_get(s, "reason")),
               *start = json_string_value(json_object_get(s, "expected_start"));
    const json_t *place = json_object_get(s, "queue_position"), *progress = json_object_get(s, "progress");

    if (model_state(m) == MODEL_READY)
        buf_addf(out, "%s is ready, and others are before you", model_config(m)->name);
    else
        buf_addf(out, "%s is %s", model_config(m)->name, model_state_name(model_state(m)));
    if (reason && *reason)
        buf_addf(out, " (%s)", reason);
    if (json_is_integer(place))
        buf_addf(out, ", place %lld", (long long)json_integer_value(place));
    if (start)
        buf_addf(out, ", to start at %s", start);
    if (json_is_real(progress))
        buf_addf(out, ", %.0f %%", 100 * json_real_value(progress));
    buf_adds(out, "\n");
    json_decref(s);
}

/* As llama-server and vLLM stream what a model thinks. Source: OpenAI's "chat.completion.chunk". */
static void write_chunk(const struct relay *r, const char *text, struct buf *out)
{
    json_t *v =
        json_pack("{s:s,s:s,s:I,s:s,s:[{s:i,s:{s:s,s:s},s:n}]}", "id", connection_request(r->conn)->id,
                  "object", "chat.completion.chunk", "created", (json_int_t)wall_now().tv_sec, "model",
                  model_config(r->model)->name, "choices", "index", 0, "delta", "role", "assistant",
                  "reasoning_content", text, "finish_reason");
    char *line = v ? json_dumps(v, JSON_COMPACT) : NULL;

    if (line)
        buf_addf(out, "data: %s\n\n", line);
    free(line);
    json_decref(v);
}

/* The next piece of what a waiting client hears; nothing where it has heard enough for now. */
static void next_words(struct relay *r, struct buf *out)
{
    struct buf text = { 0 };

    if (r->tells && r->x.state == EXCHANGE_WAITING)
        say_how_far(r->model, &text);
    if (text.len > 0 && strcmp(buf_str(&text), buf_str(&r->told)) != 0) {
        write_chunk(r, text.data, out);
        buf_free(&r->told);
        r->told = text;
    } else {
        buf_free(&text);
        if (!r->tells || mono_ms() - r->told_ms >= SILENCE_MS)
            buf_adds(out, comment);
    }
}

/* ---- The hold */

static void hold_cb(void *arg)
{
    struct relay *r = arg;
    struct buf head = { 0 }, words = { 0 };

    if (!r->conn || r->begun)
        return;
    if (!r->held) {
        const struct request *q = connection_request(r->conn);
        r->framing = q->head->minor >= 1 ? RELAY_CHUNKED : RELAY_CLOSE;
        r->held = r->event_stream = true;
        relay_waiting_head(&head, r->framing, r->x.job_name, connection_may_keep(r->conn));
    }
    next_words(r, &words);
    if (words.len > 0) {
        r->told_ms = mono_ms();
        relay_write(r, &head, words.data, words.len);
    }
    buf_free(&head);
    buf_free(&words);
    timer_start_ms(r->hold, r->tells ? LOOK_MS : SILENCE_MS);
}

void relay_hold_knock(void *arg)
{
    struct relay *r = arg;

    if (r->held && !r->begun)
        relay_write(r, NULL, comment, sizeof comment - 1);
}

void relay_hold_start(struct relay *r)
{
    if (!r->stream)
        return;
    r->hold = timer_create_on(r->house->loop, hold_cb, r);
    timer_start_ms(r->hold, SILENCE_MS);
}

void relay_hold_stop(struct relay *r)
{
    timer_destroy(r->hold);
    r->hold = NULL;
}

bool relay_refuses(const struct request *q, struct model *m)
{
    struct err e;
    json_t *s;

    if (model_state(m) == MODEL_READY || strcmp(q->house->cfg->while_waking, "refuse") != 0)
        return false;
    model_wake(m);
    s = model_status(m);
    const char *failed = json_string_value(json_object_get(s, "last_error"));
    err_set(&e, -ECANCELED, "model \"%s\" is being woken, it is %s (while_waking); try again later%s%s",
            model_config(m)->name, model_state_name(model_state(m)), failed ? "; the last time: " : "",
            failed ? failed : "");
    json_decref(s);
    connection_retry_after(q->conn, model_wait_s(m));
    connection_error(q->conn, 503, e.text);
    return true;
}

void relay_fail_client(struct relay *r, int status, const char *text)
{
    struct connection *c = r->conn;
    struct buf event = { 0 };

    if (!r->held && !r->begun) {
        relay_hold_stop(r);
        r->conn = NULL;
        if (r->model)
            connection_retry_after(c, model_wait_s(r->model));
        connection_error(c, status, text);
        return;
    }
    bool says = r->event_stream || (r->dialect && dialect_streams(r->dialect));
    if (r->event_stream) /* what was cut in the middle of an event must not become one with ours */
        buf_adds(&event, r->line_feeds >= 2 ? "" : r->line_feeds == 1 ? "\n" : "\n\n");
    if (r->dialect && says) {
        dialect_fail(r->dialect, status, text, &event);
    } else if (says) {
        buf_adds(&event, "event: error\ndata: ");
        error_body(&event, connection_request(c)->path, status, text);
        buf_adds(&event, "\n\n");
    }
    if (says)
        relay_write(r, NULL, event.data, event.len);
    buf_free(&event);
    relay_end_answer(r, says, false);
}
