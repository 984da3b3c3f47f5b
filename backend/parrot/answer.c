/* SPDX-License-Identifier: MIT */
/* Rendering answers: streams of Server-Sent Events, or one JSON object. What all chunks of a stream have in
 * common is rendered once, so that a token costs a few copies. Called by connection.c. */
#include "backend/parrot/answer.h"
#include "backend/base/alloc.h"
#include "backend/http/http.h"
#include "backend/parrot/tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <uv.h>

#define GATE_MS 10    /* how often a gate is looked at, while something waits for it */
#define PIECE   16384 /* bytes of text that a whole answer adds at once */

enum phase {
    BEGIN,  /* nothing is sent: a stream's head goes at once, a whole answer waits until all its tokens may go
             */
    TEXT,   /* tokens, or pieces of the one string */
    BROKEN, /* the failure asked for has begun */
    END,    /* all that comes behind the text */
    OVER,
};

struct parrot_answer {
    struct parrot_question q;
    const struct parrot_options *o;
    enum parrot_failure failure;
    enum phase phase;
    bool chunked, keep_alive;
    uint64_t begun_ns;
    size_t off;           /* bytes of the text that were sent */
    size_t text_end;      /* where max_tokens cuts it */
    uint64_t sent, total; /* tokens */
    uint64_t middle;      /* tokens behind which a failure comes */
    struct buf common;    /* {"id":...,"choices":[ and the beginning of a token's choice */
    size_t choices_len;   /* up to and with "choices":[ */
    uint64_t number;      /* tells answers apart */
    const char *after;    /* what ends the text's string, and the objects around it but the choice */
    char tail[48];        /* what follows the token in its chunk */
    size_t tail_len;
};

static void count_tokens(struct parrot_answer *a)
{
    const struct parrot_question *q = &a->q;
    uint64_t max = q->max_tokens < 0 ? UINT64_MAX : (uint64_t)q->max_tokens;

    while (a->text_end < q->len && a->total < max) {
        a->text_end += parrot_token(q->text + a->text_end, q->len - a->text_end);
        a->total++;
    }
    a->middle = (a->total + 1) / 2;
}

/* The call of the tool, up to its arguments. */
static void add_call(const struct parrot_answer *a, struct buf *out)
{
    buf_addf(out, "{\"id\":\"call_parrot_%llu\",\"type\":\"function\",\"function\":{\"name\":\"",
             (unsigned long long)a->number);
    parrot_json_add(out, a->q.tool, strlen(a->q.tool));
    buf_adds(out, "\",\"arguments\":\"");
}

/* A whole answer's message, up to its text. */
static void render_message(struct parrot_answer *a)
{
    struct buf *b = &a->common;

    buf_adds(b, "{\"index\":0,\"message\":{\"role\":\"assistant\",");
    if (a->q.thinking)
        buf_addf(b, "\"reasoning_content\":\"%s\",", a->q.thinking);
    buf_adds(b, a->q.tool ? "\"content\":null,\"tool_calls\":[" : "\"content\":\"");
    if (a->q.tool)
        add_call(a, b);
}

static void render_common(struct parrot_answer *a, uint64_t number)
{
    bool chat = a->q.chat;
    const char *object = !chat         ? "text_completion"
                         : a->q.stream ? "chat.completion.chunk"
                                       : "chat.completion";

    buf_addf(&a->common, "{\"id\":\"%s-parrot-%llu\",\"object\":\"%s\",\"created\":%lld,\"model\":\"",
             chat ? "chatcmpl" : "cmpl", (unsigned long long)number, object, (long long)time(NULL));
    parrot_json_add(&a->common, a->q.model, strlen(a->q.model));
    buf_adds(&a->common, "\",\"choices\":[");
    a->choices_len = a->common.len;
    if (!chat)
        buf_adds(&a->common, "{\"index\":0,\"logprobs\":null,\"text\":\"");
    else if (a->q.stream)
        buf_adds(&a->common, a->q.tool ? "{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{"
                                         "\"arguments\":\""
                                       : "{\"index\":0,\"delta\":{\"content\":\"");
    else
        render_message(a);
    a->after = !chat ? "\"" : a->q.tool ? "\"}}]}" : "\"}";
    snprintf(a->tail, sizeof a->tail, "%s,\"finish_reason\":null}]}", a->after);
    a->tail_len = strlen(a->tail);
}

struct parrot_answer *parrot_answer_create(struct parrot_question *q, const struct parrot_options *o,
                                           enum parrot_failure failure, uint64_t number, int minor,
                                           bool keep_alive)
{
    struct parrot_answer *a = NEW(struct parrot_answer);

    a->q = *q;
    *q = (struct parrot_question){ 0 };
    a->o = o;
    a->failure = failure;
    a->chunked = a->q.stream && minor == 1;
    a->keep_alive = keep_alive;
    a->begun_ns = uv_hrtime();
    a->number = number;
    count_tokens(a);
    render_common(a, number);
    return a;
}

void parrot_answer_destroy(struct parrot_answer *a)
{
    if (!a)
        return;
    parrot_question_free(&a->q);
    buf_free(&a->common);
    free(a);
}

/* ---- Time. */

/* How many tokens may have been sent by now, and in *wait_ms when there will be one more. */
static uint64_t allowed_tokens(const struct parrot_answer *a, uint64_t *wait_ms)
{
    const struct parrot_options *o = a->o;
    uint64_t n = UINT64_MAX;
    struct stat st;

    if (o->rate > 0 || o->delay_s > 0) {
        double s = (double)(uv_hrtime() - a->begun_ns) / 1e9 - o->delay_s;
        double next = o->rate > 0 ? (double)a->sent / o->rate : 0;
        if (s < 0)
            n = 0;
        else if (o->rate > 0)
            n = (uint64_t)(s * o->rate) + 1;
        *wait_ms = next > s ? (uint64_t)((next - s) * 1e3) + 1 : 1;
    }
    if (o->gate) {
        uint64_t size = stat(o->gate, &st) == 0 ? (uint64_t)st.st_size : 0;
        if (size < n) {
            n = size;
            *wait_ms = GATE_MS;
        }
    }
    return n;
}

/* ---- Events. */

static void chunk_begin(struct parrot_answer *a, struct buf *out, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char line[18];
    char *s = line + sizeof line;

    if (!a->chunked)
        return;
    *--s = '\n';
    *--s = '\r';
    do {
        *--s = digits[len & 15];
    } while (len >>= 4);
    buf_add(out, s, (size_t)(line + sizeof line - s));
}

static void chunk_end(struct parrot_answer *a, struct buf *out)
{
    if (a->chunked)
        buf_add(out, "\r\n", 2);
}

static void add_raw(struct parrot_answer *a, struct buf *out, const char *data, size_t len)
{
    chunk_begin(a, out, len);
    buf_add(out, data, len);
    chunk_end(a, out);
}

/* An event of the stream that is not a token: {"id":...,"choices":[ and the rest. */
static void add_event(struct parrot_answer *a, struct buf *out, const char *rest)
{
    struct buf event = { 0 };

    buf_adds(&event, "data: ");
    buf_add(&event, a->common.data, a->choices_len);
    buf_adds(&event, rest);
    buf_adds(&event, "\n\n");
    add_raw(a, out, event.data, event.len);
    buf_free(&event);
}

static void add_token(struct parrot_answer *a, struct buf *out)
{
    const char *token = a->q.text + a->off;
    size_t len = parrot_token(token, a->q.len - a->off);

    chunk_begin(a, out, 6 + a->common.len + parrot_json_length(token, len) + a->tail_len + 2);
    buf_add(out, "data: ", 6);
    buf_add(out, a->common.data, a->common.len);
    parrot_json_add(out, token, len);
    buf_add(out, a->tail, a->tail_len);
    buf_add(out, "\n\n", 2);
    chunk_end(a, out);
    a->off += len;
    a->sent++;
}

static void add_usage(struct parrot_answer *a, struct buf *out)
{
    buf_addf(out, "],\"usage\":{\"prompt_tokens\":%llu,\"completion_tokens\":%llu,\"total_tokens\":%llu}}",
             (unsigned long long)a->q.prompt_tokens, (unsigned long long)a->total,
             (unsigned long long)(a->q.prompt_tokens + a->total));
}

static const char *finish_reason(const struct parrot_answer *a)
{
    return a->text_end < a->q.len ? "length" : a->q.tool ? "tool_calls" : "stop";
}

static bool breaks_in_middle(const struct parrot_answer *a)
{
    switch (a->failure) {
    case FAIL_DIE_MID_STREAM:
    case FAIL_HANG_MID_STREAM:
    case FAIL_HALF_EVENT:
    case FAIL_INFINITE_LINE:
    case FAIL_ERROR_IN_STREAM:
        return true;
    default:
        return false;
    }
}

/* ---- A stream. */

static void add_thinking(struct parrot_answer *a, struct buf *out)
{
    struct buf rest = { 0 };

    buf_addf(&rest, "{\"index\":0,\"delta\":{\"reasoning_content\":\"%s\"},\"finish_reason\":null}]}",
             a->q.thinking);
    add_event(a, out, rest.data);
    buf_free(&rest);
}

static void add_first_call(struct parrot_answer *a, struct buf *out)
{
    struct buf rest = { 0 };

    buf_adds(&rest, "{\"index\":0,\"delta\":{\"tool_calls\":[");
    add_call(a, &rest);
    buf_adds(&rest, "\"},\"index\":0}]},\"finish_reason\":null}]}");
    add_event(a, out, rest.data);
    buf_free(&rest);
}

static void stream_begin(struct parrot_answer *a, struct buf *out)
{
    http_write_response(out, 200);
    http_write_field(out, "Content-Type", "text/event-stream");
    http_write_field(out, "Cache-Control", "no-cache");
    if (a->chunked)
        http_write_field(out, "Transfer-Encoding", "chunked");
    if (!a->chunked || !a->keep_alive)
        http_write_field(out, "Connection", "close");
    http_write_end(out);
    if (a->q.chat)
        add_event(
            a, out,
            "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}");
    if (a->q.thinking)
        add_thinking(a, out);
    if (a->q.tool)
        add_first_call(a, out);
    a->phase = TEXT;
}

static enum parrot_step stream_text(struct parrot_answer *a, struct buf *out, size_t room, uint64_t *wait_ms)
{
    bool breaks = breaks_in_middle(a);
    uint64_t until = breaks ? a->middle : a->total;
    uint64_t allowed = a->sent < until ? allowed_tokens(a, wait_ms) : 0;

    while (a->sent < until && a->sent < allowed && out->len < room)
        add_token(a, out);
    if (a->sent == until) {
        a->phase = breaks ? BROKEN : END;
        return STEP_MORE;
    }
    return out->len < room ? STEP_WAIT : STEP_MORE;
}

static enum parrot_step stream_broken(struct parrot_answer *a, struct buf *out)
{
    static const char error[] = "data: {\"error\":{\"message\":\"the parrot was told to "
                                "fail\",\"type\":\"server_error\",\"code\":500}}\n\n";
    char line[PIECE];

    switch (a->failure) {
    case FAIL_DIE_MID_STREAM:
        return STEP_DIE;
    case FAIL_HANG_MID_STREAM:
        return STEP_HANG;
    case FAIL_INFINITE_LINE:
        memset(line, 'x', sizeof line);
        memcpy(line, "data: ", 6);
        if (a->off > a->q.len) /* not the first piece */
            memset(line, 'x', 6);
        a->off = a->q.len + 1;
        add_raw(a, out, line, sizeof line);
        return STEP_MORE;
    case FAIL_HALF_EVENT: /* HTTP itself ends in order, so that only the reader of events can notice */
        add_raw(a, out, "data: {\"id\":\"chat", 17);
        break;
    default:
        add_raw(a, out, error, sizeof error - 1);
        break;
    }
    if (a->chunked)
        http_write_last_chunk(out);
    a->phase = OVER;
    return STEP_CLOSE;
}

static enum parrot_step stream_end(struct parrot_answer *a, struct buf *out)
{
    char rest[128];
    struct buf usage = { 0 };

    snprintf(rest, sizeof rest,
             a->q.chat ? "{\"index\":0,\"delta\":{},\"finish_reason\":\"%s\"}]}"
                       : "{\"index\":0,\"logprobs\":null,\"text\":\"\",\"finish_reason\":\"%s\"}]}",
             finish_reason(a));
    add_event(a, out, rest);
    if (a->q.include_usage) {
        add_usage(a, &usage);
        add_event(a, out, usage.data);
        buf_free(&usage);
    }
    add_raw(a, out, "data: [DONE]\n\n", 14);
    if (a->chunked)
        http_write_last_chunk(out);
    a->phase = OVER;
    return a->chunked && a->keep_alive ? STEP_DONE : STEP_CLOSE;
}

/* ---- A whole answer: its length is counted first, its text is still rendered piece by piece. */

static void whole_end_text(struct parrot_answer *a, struct buf *out)
{
    buf_addf(out, "%s,\"finish_reason\":\"%s\"}", a->after, finish_reason(a));
    add_usage(a, out);
}

static enum parrot_step whole_begin(struct parrot_answer *a, struct buf *out, uint64_t *wait_ms)
{
    struct buf end = { 0 };
    char length[24];

    if (a->total) {
        a->sent = a->total - 1; /* all but the last have virtually gone: its time is the answer's */
        if (allowed_tokens(a, wait_ms) < a->total)
            return STEP_WAIT;
    }
    whole_end_text(a, &end);
    snprintf(length, sizeof length, "%zu",
             a->common.len + parrot_json_length(a->q.text, a->text_end) + end.len);
    http_write_response(out, 200);
    http_write_field(out, "Content-Type", "application/json");
    http_write_field(out, "Content-Length", length);
    if (!a->keep_alive)
        http_write_field(out, "Connection", "close");
    http_write_end(out);
    buf_add(out, a->common.data, a->common.len);
    buf_free(&end);
    a->phase = TEXT;
    return STEP_MORE;
}

static enum parrot_step whole_text(struct parrot_answer *a, struct buf *out)
{
    size_t until = breaks_in_middle(a) ? a->text_end / 2 : a->text_end;
    size_t n = until - a->off < PIECE ? until - a->off : PIECE;

    parrot_json_add(out, a->q.text + a->off, n);
    a->off += n;
    if (a->off == until)
        a->phase = breaks_in_middle(a) ? BROKEN : END;
    return STEP_MORE;
}

static enum parrot_step whole_broken(const struct parrot_answer *a)
{
    return a->failure == FAIL_DIE_MID_STREAM    ? STEP_DIE
           : a->failure == FAIL_HANG_MID_STREAM ? STEP_HANG
                                                : STEP_CLOSE;
}

static enum parrot_step whole_end(struct parrot_answer *a, struct buf *out)
{
    whole_end_text(a, out);
    a->phase = OVER;
    return a->keep_alive ? STEP_DONE : STEP_CLOSE;
}

static enum parrot_step one_step(struct parrot_answer *a, struct buf *out, size_t room, uint64_t *wait_ms)
{
    bool stream = a->q.stream;

    switch (a->phase) {
    case BEGIN:
        if (!stream)
            return whole_begin(a, out, wait_ms);
        stream_begin(a, out);
        return STEP_MORE;
    case TEXT:
        return stream ? stream_text(a, out, room, wait_ms) : whole_text(a, out);
    case BROKEN:
        return stream ? stream_broken(a, out) : whole_broken(a);
    case END:
        return stream ? stream_end(a, out) : whole_end(a, out);
    default:
        return STEP_CLOSE;
    }
}

enum parrot_step parrot_answer_fill(struct parrot_answer *a, struct buf *out, size_t room, uint64_t *wait_ms)
{
    enum parrot_step step = STEP_MORE;

    while (step == STEP_MORE && out->len < room)
        step = one_step(a, out, room, wait_ms);
    return step;
}
