/* SPDX-License-Identifier: MIT */
/* What a client hears while its model wakes, and when that fails. A program that asked for events gives up
 * after a silence (httpx after 5 s to 10 min, as it was told; proxies after 60 s), so it gets comments,
 * which every reader of events skips. Whoever asked for one whole answer gets nothing before its status is
 * known. */
#include "fs/door_http/relay_inside.h"
#include "backend/dialect/dialect.h"

#include <stdlib.h>
#include <string.h>

#define SILENCE_MS 10000 /* CONTRACT.md section 7 */

static const char comment[] = ": waiting\n\n";

static void hold_cb(void *arg)
{
    struct relay *r = arg;
    struct buf head = { 0 };

    if (!r->conn || r->begun)
        return;
    if (!r->held) {
        const struct request *q = connection_request(r->conn);
        r->framing = q->head->minor >= 1 ? RELAY_CHUNKED : RELAY_CLOSE;
        r->held = r->event_stream = true;
        relay_waiting_head(&head, r->framing, r->x.job_name, connection_may_keep(r->conn));
    }
    relay_write(r, &head, comment, sizeof comment - 1);
    buf_free(&head);
    timer_start_ms(r->hold, SILENCE_MS);
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

void relay_fail_client(struct relay *r, int status, const char *text)
{
    struct connection *c = r->conn;
    struct buf event = { 0 };

    if (!r->held && !r->begun) {
        relay_hold_stop(r);
        r->conn = NULL;
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
